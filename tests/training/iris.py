"""What the trainings of this folder share: the data, the sizes, and how the weights are noted that are expected.

Each script trains a tiny network with one framework and leaves the folders that the framework writes in
``tests/fixtures``; beside each folder, ``<name>.expected.npz`` holds the weights as the framework itself loads them.
Run them all with ``make fixtures``.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
SIZES = (4, 5, 5, 5, 3)
SEED = 5
BATCH_SIZE = 30


def read_iris() -> tuple[np.ndarray, np.ndarray]:
    """Read the measurements, (150, 4) float32 with mean 0 and deviation 1, and the species, (150,) int64 from 0."""
    with (ROOT / "sample_results" / "iris.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = sorted({row[4] for row in rows})
    values = np.array([row[:4] for row in rows], dtype=np.float32)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    order = np.random.default_rng(SEED).permutation(len(rows))
    return values[order], np.array([names.index(row[4]) for row in rows])[order]


def expect(folder: Path, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Note the arrays that a framework loads from the files of a folder, beside the folder.

    Args:
        folder: the result folder.
        weights: for each file (its path within the folder) weight (out, in), bias, weight, bias, … in float32.
    """
    arrays = {f"{file}|{place:02}": array for file, found in weights.items() for place, array in enumerate(found)}
    np.savez_compressed(f"{folder}.expected.npz", **arrays)


def fresh(out: Path, name: str) -> Path:
    """Return a new, empty folder."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def command(train: Callable[[Path], None], description: str | None) -> None:
    """Run a training from the command line."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=FIXTURES, help="where the folders go (default: %(default)s)")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)  # the files then hold no path of this machine
    train(Path())
