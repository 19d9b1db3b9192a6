"""What the trainings of the samples share: trainer, log, snapshots, command line."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.reading.snapshots.chainer_model import import_chainer

chainer = import_chainer()
extensions = chainer.training.extensions

HERE = Path(__file__).resolve().parent
N_DIGITS_TEST = 297


@dataclass(frozen=True)
class Recipe:
    """How one sample is trained.

    Attributes:
        name: of the result folder.
        about: one sentence for ``--help``.
        read_data: returns the data sets for training and for validation; may draw from NumPy's global generator.
        network: makes the network.
        optimizer: makes the optimizer.
        weight_decay: factor of the weights in each gradient.
        batch_size: samples in an update.
        seed: of weights and samples.
        epochs: length of the training.
        snapshot_every_epochs: distance of the snapshots.
    """

    name: str
    about: str
    read_data: Callable[[], tuple[Any, Any]]
    network: Callable[[], Any]
    optimizer: Callable[[], Any]
    weight_decay: float
    batch_size: int
    seed: int
    epochs: int
    snapshot_every_epochs: int


def get_trainer(recipe: Recipe, out: Path, seed: int, epochs: int) -> Any:
    """Build the trainer; nothing is trained and nothing is written yet."""
    random.seed(seed)
    np.random.seed(seed)  # Chainer draws initial weights and the order of the samples from NumPy's global generator
    train, test = recipe.read_data()
    model = chainer.links.Classifier(recipe.network())
    optimizer = recipe.optimizer().setup(model)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(recipe.weight_decay))
    batches = chainer.iterators.SerialIterator(train, recipe.batch_size)
    trainer = chainer.training.Trainer(
        chainer.training.StandardUpdater(batches, optimizer), (epochs, "epoch"), out=str(out)
    )
    test_batches = chainer.iterators.SerialIterator(test, len(test), repeat=False, shuffle=False)
    trainer.extend(extensions.Evaluator(test_batches, model))
    trainer.extend(extensions.LogReport())
    snapshot = extensions.snapshot(filename="trainer_{.updater.epoch:05}")
    trainer.extend(snapshot, trigger=(recipe.snapshot_every_epochs, "epoch"))
    return trainer


def main(recipe: Recipe) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=recipe.about)
    parser.add_argument("--out", type=Path, default=HERE / recipe.name, help="result folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=recipe.seed, help="of weights and samples (default: %(default)s)")
    parser.add_argument(
        "--epochs", type=int, default=recipe.epochs, help="length of the training (default: %(default)s)"
    )
    args = parser.parse_args()
    trainer = get_trainer(recipe, args.out, args.seed, args.epochs)
    trainer.run()
    last = trainer.get_extension("LogReport").log[-1]
    print(f"{args.out}: {args.epochs} epochs, accuracy {last['main/accuracy']:.1%} in training, ", end="")
    print(f"{last['validation/main/accuracy']:.1%} in validation")


def read_digits() -> tuple[Any, Any]:
    """Read scikit-learn's 1797 digits of 8 x 8 pixels and draw 297 for validation.

    The pixels are (64,) float32 from 0 to 1, row by row; the classes int32 from 0 to 9.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.data / 16).astype(np.float32)
    classes = digits.target.astype(np.int32)
    drawn = np.random.permutation(len(classes))
    test, train = drawn[:N_DIGITS_TEST], drawn[N_DIGITS_TEST:]
    train_set, test_set = (chainer.datasets.TupleDataset(pixels[rows], classes[rows]) for rows in (train, test))
    return train_set, test_set
