"""Train the network of sample_results/digits: 64-32-10 on scikit-learn's handwritten digits, with Chainer.

Writes what a Chainer training usually leaves behind: a trainer snapshot every epoch and a ``log`` with one row per
epoch. The same seed gives the same weights. Run it as ``make sample``.
"""

from __future__ import annotations

from training import Recipe, chainer, main, read_digits

F = chainer.functions
L = chainer.links


class Network(chainer.Chain):
    """Two fully connected layers with a ReLU between them: 64-32-10."""

    def __init__(self) -> None:
        super().__init__()
        # Initial weights half as large again as Chainer's default: an edge that is not needed has something to lose.
        initial_weight = chainer.initializers.LeCunNormal(scale=1.5)
        with self.init_scope():
            self.l1 = L.Linear(64, 32, initialW=initial_weight)
            self.l2 = L.Linear(32, 10, initialW=initial_weight)

    def forward(self, x):
        return self.l2(F.relu(self.l1(x)))


RECIPE = Recipe(
    name="digits",
    about=__doc__.splitlines()[0],
    read_data=read_digits,
    network=Network,
    optimizer=lambda: chainer.optimizers.SGD(lr=0.1),  # keeps nothing beside the weights: small snapshots
    weight_decay=0.01,
    batch_size=30,
    seed=0,
    epochs=28,
    snapshot_every_epochs=1,
)

if __name__ == "__main__":
    main(RECIPE)
