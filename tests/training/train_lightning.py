"""Train with Lightning: its checkpoints with its CSV logger, and with TensorBoard's."""

from __future__ import annotations

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import lightning
import torch
from iris import BATCH_SIZE, SEED, SIZES, command, expect, fresh, read_iris
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(lightning.LightningModule):
    """Four fully connected layers with tanh between them: 4-5-5-5-3."""

    def __init__(self, learning_rate: float = 0.3) -> None:
        super().__init__()
        self.save_hyperparameters()
        layers: list[nn.Module] = []
        for size_in, size_out in pairwise(SIZES):
            layers += [nn.Linear(size_in, size_out), nn.Tanh()]
        self.model = nn.Sequential(*layers[:-1])

    def training_step(self, batch, _index):
        x, y = batch
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, _index):
        x, y = batch
        self.log("val_acc", (self.model(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.learning_rate)


def run(folder: Path, logger, n_epochs: int = 4) -> None:
    """Train with checkpoints after every epoch."""
    lightning.seed_everything(SEED)
    x, y = map(torch.from_numpy, read_iris())
    trainer = lightning.Trainer(
        default_root_dir=str(folder),
        max_epochs=n_epochs,
        logger=logger,
        callbacks=[ModelCheckpoint(save_top_k=-1, monitor="val_acc")],
        log_every_n_steps=2,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = DataLoader(TensorDataset(x[:120], y[:120]), BATCH_SIZE, shuffle=True)
    trainer.fit(Classifier(), batches, DataLoader(TensorDataset(x[120:], y[120:]), BATCH_SIZE))
    found = {}
    for file in sorted(folder.glob("**/*.ckpt")):
        model = Classifier.load_from_checkpoint(file)
        found[file.relative_to(folder).as_posix()] = [value.numpy() for value in model.state_dict().values()]
    expect(folder, found)


def train(out: Path) -> None:
    """Write the folders lightning and lightning-tensorboard."""
    # Lightning notes the absolute path in its checkpoints, so it trains in a place that every machine has.
    work = Path(tempfile.gettempdir()) / "iris"
    folder = fresh(work, "lightning")
    run(folder, CSVLogger(str(folder)))
    folder = fresh(work, "lightning-tensorboard")
    run(folder, TensorBoardLogger(str(folder)), n_epochs=3)
    for made in work.iterdir():
        target = out / made.name
        if target.is_dir():
            shutil.rmtree(target)
        shutil.move(made, target)


if __name__ == "__main__":
    command(train, __doc__)
