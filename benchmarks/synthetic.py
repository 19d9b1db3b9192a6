"""Result folders as Chainer leaves them, of any length and shape, made with NumPy alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

PLAIN = (4, 5, 5, 5, 3)


def make_run(path: Path, snapshots: int, shape: Sequence[int] = PLAIN, seed: int = 0) -> Path:
    """Write a run whose weights move from one random network to another: fast at first, then slowly, with noise."""
    path.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    begin = [random.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(shape)]
    end = [matrix + 1.2 * random.normal(size=matrix.shape) * matrix.std() for matrix in begin]
    noise = [np.zeros_like(matrix) for matrix in begin]
    rows = []
    for index in range(snapshots):
        share = 1 - np.exp(-4 * index / snapshots)
        arrays = {}
        for layer, (first, last) in enumerate(zip(begin, end, strict=True)):
            noise[layer] = 0.9 * noise[layer] + 0.01 * first.std() * random.normal(size=first.shape)
            weight = (first + share * (last - first) + noise[layer]).astype(np.float32)
            for name, value in (("W", weight), ("b", share * weight[:, 0])):
                arrays[f"updater/model:main/predictor/l{layer + 1}/{name}"] = value
                for state in "mv":
                    arrays[f"updater/optimizer:main/predictor/l{layer + 1}/{name}/{state}"] = 0.1 * value
        epoch = index + 1
        arrays["updater/iterator:main/epoch"] = np.asarray(epoch)
        arrays["updater/iteration"] = np.asarray(3 * epoch)
        with (path / f"trainer_{epoch:05}").open("wb") as file:
            np.savez_compressed(file, **arrays)
        accuracy = 0.4 + 0.55 * share + 0.01 * random.normal()
        rows.append({"main/loss": 1 / epoch, "main/accuracy": accuracy, "epoch": epoch, "iteration": 3 * epoch})
    (path / "log").write_text(json.dumps(rows), encoding="utf-8")
    return path


def make_big_run(path: Path, snapshots: int, side: int, seed: int = 0) -> Path:
    """Write saved models of one square layer, 100 MB each for a side of 5000, and nothing else."""
    path.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    weight = random.standard_normal((side, side), dtype=np.float32)
    for epoch in range(1, snapshots + 1):
        bias = np.full(side, epoch / snapshots, dtype=np.float32)
        arrays = {"l1/W": weight * np.float32(1 + epoch / snapshots), "l1/b": bias}
        with (path / f"model_epoch_{epoch}").open("wb") as file:
            np.savez(file, **arrays)
    return path


if __name__ == "__main__":
    make_run(Path(sys.argv[1]), int(sys.argv[2]), [int(size) for size in sys.argv[3].split(",")])
