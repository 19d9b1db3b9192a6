"""Train the network of sample_results/residual: a small residual network on scikit-learn's digits, with PyTorch.

It keeps no snapshots of its own: `nnanim.Recorder` writes them, and which layer takes in what others put out. The same
seed gives the same weights. Run it as ``make sample-frameworks``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch_training import begin, evaluate, learn_an_epoch, read_options

import nnanim

N_TEST = 297
BATCH_SIZE = 50
N_CHANNELS = (6, 6, 12)
RECORD_EVERY_EPOCHS = 1


class Block(nn.Module):
    """Two convolutions beside a shortcut: y = relu(conv2(relu(conv1(x))) + x), each behind a normalization."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        stride = 1 if n_in == n_out else 2
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inside + self.shortcut(x))


class Network(nn.Module):
    """A convolution, two residual blocks, and 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        stem, first, second = N_CHANNELS
        self.stem = nn.Conv2d(1, stem, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(stem)
        self.block1 = Block(stem, first)
        self.block2 = Block(first, second)
        self.fc = nn.Linear(second, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.norm(self.stem(x)))
        return self.fc(self.block2(self.block1(maps)).mean((2, 3)))


def read_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels, (1797, 1, 8, 8) float32 from 0 to 1, and the classes, (1797,) int64."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.data / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return torch.from_numpy(pixels), torch.from_numpy(digits.target.astype(np.int64))


def train(out: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train and record; return the metrics of the last epoch."""
    begin(out, seed)
    x, y = read_digits()
    drawn = torch.randperm(len(y))
    test, rest = drawn[:N_TEST], drawn[N_TEST:]
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.001)
    recorder = nnanim.Recorder(out, model=model, example=x[:1])
    recorder.record(model, epoch=0, **evaluate(model, x[rest], y[rest]), **evaluate(model, x[test], y[test], "val_"))
    told: dict[str, float] = {}
    for epoch in range(1, epochs + 1):
        learn_an_epoch(model, optimizer, x[rest], y[rest], BATCH_SIZE)
        told = evaluate(model, x[rest], y[rest]) | evaluate(model, x[test], y[test], "val_")
        if epoch % RECORD_EVERY_EPOCHS == 0 or epoch == epochs:
            recorder.record(model, epoch=epoch, **told)
    return told


if __name__ == "__main__":
    options = read_options("residual", __doc__.splitlines()[0], epochs=20)
    print(options.out, train(options.out, options.seed, options.epochs))
