"""Train with PyTorch and export to ONNX: a plain sequence of layers, one with a shortcut, one with an LSTM."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import onnx
import torch
from iris import SEED, command, expect, fresh
from torch import nn
from train_pytorch import Network, arrays, epochs

EPOCHS = 4


class Shortcut(nn.Module):
    """Convolutions around which a shortcut leads; batch normalisation is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.conv2(torch.relu(self.conv1(x))))
        return self.head(x.mean((2, 3)))


class Words(nn.Module):
    """An embedding, an LSTM and a dense layer for each word."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(x))[0])


def export(model: nn.Module, example: torch.Tensor, path: Path, **how: bool) -> None:
    """Write a model as it is in training, so that norms stay steps of their own."""
    model.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how.get("dynamo"):
            torch.onnx.export(model.eval(), (example,), path, verbose=False, **how)
        else:
            how = {"do_constant_folding": False, **how}
            torch.onnx.export(model, (example,), path, training=torch.onnx.TrainingMode.PRESERVE, dynamo=False, **how)
    model.train()
    written = onnx.load(path, load_external_data=False)
    for part in (*written.graph.node, *written.graph.value_info, *written.graph.input, *written.graph.initializer):
        del part.metadata_props[:]  # paths of this machine
    onnx.save(written, path)


def train(out: Path) -> None:
    """Write the folders onnx, onnx-shortcut and onnx-lstm."""
    torch.manual_seed(SEED)
    folder = fresh(out, "onnx")
    model: nn.Module = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    wanted = {}
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "train_loss", "train_acc"])
        for epoch, loss, accuracy in epochs(model, optimizer, EPOCHS):
            writer.writerow([epoch, loss, accuracy])
            if epoch % 2 == 0:
                export(model, torch.zeros(1, 4), folder / f"model_epoch{epoch}.onnx")
                wanted[f"model_epoch{epoch}.onnx"] = arrays(
                    {key: tensor.clone() for key, tensor in model.state_dict().items()}
                )
    expect(folder, wanted)
    folder = fresh(out, "onnx-shortcut")
    model = Shortcut()
    for epoch in (1, 2):
        # The newer exporter keeps the numbers in a file beside the model.
        export(model, torch.zeros(1, 1, 6, 6), folder / f"model_epoch{epoch}.onnx", dynamo=True, external_data=True)
        with torch.no_grad():
            for weight in model.parameters():
                weight *= 1.1
    folder = fresh(out, "onnx-lstm")
    model = Words()
    for epoch in (1, 2):
        example = torch.zeros(1, 6, dtype=torch.long)
        export(model, example, folder / f"model_epoch{epoch}.onnx", do_constant_folding=True)
        with torch.no_grad():
            for weight in model.parameters():
                weight *= 1.1


if __name__ == "__main__":
    command(train, __doc__)
