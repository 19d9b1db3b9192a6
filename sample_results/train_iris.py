"""Train the network of sample_results/iris: 4-5-5-5-3 on Fisher's irises, with Chainer.

Writes what a Chainer training usually leaves behind: a trainer snapshot every 10 epochs and a ``log`` with one row per
epoch. The same seed gives the same weights. Run it as ``make sample``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from training import HERE, Recipe, chainer, main

F = chainer.functions
L = chainer.links

N_TEST_PER_CLASS = 10


class Network(chainer.Chain):
    """Four fully connected layers with tanh between them: 4-5-5-5-3."""

    def __init__(self) -> None:
        super().__init__()
        # Initial weights half as large again as Chainer's default: an edge that is not needed has something to lose.
        initial_weight = chainer.initializers.LeCunNormal(scale=1.5)
        with self.init_scope():
            self.l1 = L.Linear(4, 5, initialW=initial_weight)
            self.l2 = L.Linear(5, 5, initialW=initial_weight)
            self.l3 = L.Linear(5, 5, initialW=initial_weight)
            self.l4 = L.Linear(5, 3, initialW=initial_weight)

    def forward(self, x):
        hidden = F.tanh(self.l1(x))
        hidden = F.tanh(self.l2(hidden))
        hidden = F.tanh(self.l3(hidden))
        return self.l4(hidden)


def read_iris(path: Path = HERE / "iris.csv") -> tuple[np.ndarray, np.ndarray]:
    """Read the measurements, (150, 4) float32 in cm, and the species, (150,) int32 from 0."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    species = sorted({row["species"] for row in rows})
    measurements = np.array([[float(row[name]) for name in list(row)[:4]] for row in rows], dtype=np.float32)
    return measurements, np.array([species.index(row["species"]) for row in rows], dtype=np.int32)


def split(
    measurements: np.ndarray, species: np.ndarray
) -> tuple[chainer.datasets.TupleDataset, chainer.datasets.TupleDataset]:
    """Draw 10 flowers of each species for validation and leave 120 for training."""
    drawn = np.random.permutation(len(species))
    test = np.concatenate([drawn[species[drawn] == kind][:N_TEST_PER_CLASS] for kind in np.unique(species)])
    train = np.setdiff1d(drawn, test)
    return tuple(chainer.datasets.TupleDataset(measurements[rows], species[rows]) for rows in (train, test))


RECIPE = Recipe(
    name="iris",
    about=__doc__.splitlines()[0],
    read_data=lambda: split(*read_iris()),
    network=Network,
    optimizer=lambda: chainer.optimizers.Adam(alpha=0.001),
    weight_decay=0.001,
    batch_size=30,
    seed=2,
    epochs=500,
    snapshot_every_epochs=10,
)

if __name__ == "__main__":
    main(RECIPE)
