"""Train with the Trainer of Hugging Face's Transformers: folders checkpoint-N, whole and in shards."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from iris import BATCH_SIZE, SEED, SIZES, command, expect, fresh, read_iris
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments


class Config(PretrainedConfig):
    """Nothing to choose."""

    model_type = "iris"


class Network(PreTrainedModel):
    """Four fully connected layers with tanh between them: 4-5-5-5-3."""

    config_class = Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.encoder = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(SIZES[:-1])])
        self.classifier = nn.Linear(*SIZES[-2:])
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        for layer in self.encoder:
            x = torch.tanh(layer(x))
        logits = self.classifier(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def train(out: Path) -> None:
    """Write the folders transformers and transformers-sharded."""
    folder = fresh(out, "transformers")
    torch.manual_seed(SEED)
    x, y = map(torch.from_numpy, read_iris())
    data = [{"x": measurements, "labels": kind} for measurements, kind in zip(x, y, strict=True)]
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=4,
        per_device_train_batch_size=BATCH_SIZE,
        learning_rate=0.3,
        optim="sgd",
        lr_scheduler_type="constant",
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_steps=2,
        report_to="none",
        use_cpu=True,
        seed=SEED,
        disable_tqdm=True,
    )
    trainer = Trainer(
        Network(Config()),
        arguments,
        train_dataset=data[:120],
        eval_dataset=data[120:],
        compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())},
    )
    trainer.train()
    note(folder)

    sharded = fresh(out, "transformers-sharded")
    for checkpoint in sorted(folder.glob("checkpoint-*"))[:2]:
        Network.from_pretrained(checkpoint).save_pretrained(sharded / checkpoint.name, max_shard_size=200)
        (sharded / checkpoint.name / "trainer_state.json").write_bytes((checkpoint / "trainer_state.json").read_bytes())
    note(sharded)


def note(folder: Path) -> None:
    """Note the weights as Transformers loads them."""
    found = {}
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        state = Network.from_pretrained(checkpoint).state_dict()
        found[checkpoint.name] = [value.numpy() for value in state.values()]
    expect(folder, found)


if __name__ == "__main__":
    command(train, __doc__)
