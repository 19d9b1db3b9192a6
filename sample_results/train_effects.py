"""Train the networks of sample_results/effects: 4-5-5-5-3 on Fisher's irises, four settings with five seeds each.

Runs of one seed begin from the same weights and see the flowers in the same order, whatever the setting. Each folder,
``relu-0`` to ``decay-4``, holds the model alone at epoch 0 and every 50 epochs, and a ``log``. The same seed gives the
same weights. Run it as ``make sample``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from train_iris import read_iris, split
from training import HERE, chainer

F = chainer.functions
L = chainer.links
extensions = chainer.training.extensions

SEEDS = 5
EPOCHS = 500
EVERY_EPOCHS = 50
DROPOUT = 0.2
WEIGHT_DECAY = 0.005
BATCH_SIZE = 30
SPLIT_SEED = 0  # all runs learn the same flowers


@dataclass(frozen=True)
class Setting:
    """What one group of runs does.

    Attributes:
        activation: between the layers.
        dropout: share of the hidden units that is left out in each update.
        weight_decay: factor of the weights in each gradient.
    """

    activation: Callable[[Any], Any] = F.relu
    dropout: float = 0.0
    weight_decay: float = 0.0


SETTINGS = {
    "relu": Setting(),
    "sigmoid": Setting(activation=F.sigmoid),
    "dropout": Setting(dropout=DROPOUT),
    "decay": Setting(weight_decay=WEIGHT_DECAY),
}


class Network(chainer.Chain):
    """Four fully connected layers: 4-5-5-5-3."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        initial_weight = chainer.initializers.HeNormal()  # the usual one for ReLU
        with self.init_scope():
            self.l1 = L.Linear(4, 5, initialW=initial_weight)
            self.l2 = L.Linear(5, 5, initialW=initial_weight)
            self.l3 = L.Linear(5, 5, initialW=initial_weight)
            self.l4 = L.Linear(5, 3, initialW=initial_weight)

    def forward(self, x):
        for layer in (self.l1, self.l2, self.l3):
            x = self.setting.activation(layer(x))
            if self.setting.dropout:
                x = F.dropout(x, self.setting.dropout)
        return self.l4(x)


def train(setting: Setting, out: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train one run and return the last row of its log."""
    np.random.seed(SPLIT_SEED)
    measurements, species = read_iris()
    train_set, test_set = split((measurements - measurements.mean(axis=0)) / measurements.std(axis=0), species)
    random.seed(seed)
    np.random.seed(seed)  # Chainer draws initial weights and dropout from NumPy's global generator
    network = Network(setting)
    model = L.Classifier(network)
    optimizer = chainer.optimizers.Adam(alpha=0.005).setup(model)
    if setting.weight_decay:
        optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(setting.weight_decay))
    order = np.random.RandomState(seed)
    batches = chainer.iterators.SerialIterator(
        train_set, BATCH_SIZE, order_sampler=chainer.iterators.ShuffleOrderSampler(order)
    )
    trainer = chainer.training.Trainer(
        chainer.training.StandardUpdater(batches, optimizer), (epochs, "epoch"), out=str(out)
    )
    test_batches = chainer.iterators.SerialIterator(test_set, len(test_set), repeat=False, shuffle=False)
    every = (EVERY_EPOCHS, "epoch")
    trainer.extend(extensions.Evaluator(test_batches, model), trigger=every)
    trainer.extend(extensions.LogReport(trigger=every))
    trainer.extend(extensions.snapshot_object(network, "model_epoch_{.updater.epoch:05}"), trigger=every)
    out.mkdir(parents=True, exist_ok=True)
    chainer.serializers.save_npz(str(out / "model_epoch_00000"), network)
    trainer.run()
    return trainer.get_extension("LogReport").log[-1]


def main() -> None:
    """Parse the command line and train all runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "effects", help="folder of the runs (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each setting (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="length of the trainings (default: %(default)s)")
    args = parser.parse_args()
    for name, setting in SETTINGS.items():
        for seed in range(args.seeds):
            last = train(setting, args.out / f"{name}-{seed}", seed, args.epochs)
            print(f"{name}-{seed}: accuracy {last['main/accuracy']:.1%} in training, ", end="")
            print(f"{last['validation/main/accuracy']:.1%} in validation")


if __name__ == "__main__":
    main()
