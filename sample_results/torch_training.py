"""What the PyTorch trainings of the samples share: command line, beginning, an epoch, metrics."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).resolve().parent


def read_options(name: str, about: str, epochs: int) -> argparse.Namespace:
    """Parse the command line: `out`, `seed`, `epochs`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, default=HERE / name, help="result folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and samples (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=epochs, help="length of the training (default: %(default)s)")
    return parser.parse_args()


def begin(out: Path, seed: int) -> None:
    """Make the result folder anew and fix all chance."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def learn_an_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, batch_size: int
) -> None:
    """Take one step for each batch of samples, drawn in a new order; `y` holds a class for each row of scores."""
    model.train()
    for rows in torch.randperm(len(x)).split(batch_size):
        loss = nn.functional.cross_entropy(model(x[rows]).flatten(0, -2), y[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model: nn.Module, x: torch.Tensor, y: torch.Tensor, prefix: str = "") -> dict[str, float]:
    """Return loss and accuracy (0 to 1) by their names."""
    model.eval()
    scores = model(x).flatten(0, -2)
    loss = nn.functional.cross_entropy(scores, y.flatten()).item()
    accuracy = (scores.argmax(-1) == y.flatten()).float().mean().item()
    return {f"{prefix}loss": round(loss, 6), f"{prefix}accuracy": round(accuracy, 6)}
