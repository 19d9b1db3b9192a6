"""Train the network of sample_results/iris: 4-5-5-5-3 on Fisher's irises, with Chainer.

Writes what a Chainer training usually leaves behind: a trainer snapshot every 10 epochs and a ``log`` with one row per
epoch. The same seed gives the same weights. Run it as ``make sample``.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import numpy as np

from nnanim.snapshots.skeleton import import_chainer

chainer = import_chainer()
F = chainer.functions
L = chainer.links
training = chainer.training
extensions = training.extensions

HERE = Path(__file__).resolve().parent
N_TEST_PER_CLASS = 10
BATCH_SIZE = 30
SNAPSHOT_EVERY_EPOCHS = 10


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


def get_trainer(out: Path, seed: int, n_epochs: int) -> training.Trainer:
    """Build the trainer; nothing is trained and nothing is written yet."""
    random.seed(seed)
    np.random.seed(seed)  # Chainer draws initial weights and the order of the samples from NumPy's global generator
    train, test = split(*read_iris())
    model = L.Classifier(Network())
    optimizer = chainer.optimizers.Adam(alpha=0.001).setup(model)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(0.001))
    updater = training.StandardUpdater(chainer.iterators.SerialIterator(train, BATCH_SIZE), optimizer)
    trainer = training.Trainer(updater, (n_epochs, "epoch"), out=str(out))
    test_batches = chainer.iterators.SerialIterator(test, len(test), repeat=False, shuffle=False)
    trainer.extend(extensions.Evaluator(test_batches, model))
    trainer.extend(extensions.LogReport())
    snapshot = extensions.snapshot(filename="trainer_{.updater.epoch:05}")
    trainer.extend(snapshot, trigger=(SNAPSHOT_EVERY_EPOCHS, "epoch"))
    return trainer


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "iris", help="result folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2, help="seed of weights and samples (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=500, help="length of the training (default: %(default)s)")
    args = parser.parse_args()
    trainer = get_trainer(args.out, args.seed, args.epochs)
    trainer.run()
    last = trainer.get_extension("LogReport").log[-1]
    print(f"{args.out}: {args.epochs} epochs, accuracy {last['main/accuracy']:.1%} in training, ", end="")
    print(f"{last['validation/main/accuracy']:.1%} in validation")


if __name__ == "__main__":
    main()
