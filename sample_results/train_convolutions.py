"""Train the network of sample_results/convolutions: 1-6-12-10 on scikit-learn's handwritten digits, with Chainer.

Writes what a Chainer training usually leaves behind: a trainer snapshot every epoch and a ``log`` with one row per
epoch. The same seed gives the same weights. Run it as ``make sample``.
"""

from __future__ import annotations

from training import Recipe, chainer, main, read_digits

F = chainer.functions
L = chainer.links


class Network(chainer.Chain):
    """Convolutions with 6 and 12 channels, batch normalization between them, and 10 classes: 1-6-12-10."""

    def __init__(self) -> None:
        super().__init__()
        # Half as large again as Chainer's default: an edge that is not needed has something to lose. The first layer
        # needs none of it, the normalization behind it undoes its scale.
        initial_weight = chainer.initializers.LeCunNormal(scale=1.5)
        with self.init_scope():
            self.conv1 = L.Convolution2D(1, 6, ksize=3, pad=1)
            self.norm1 = L.BatchNormalization(6)
            self.conv2 = L.Convolution2D(6, 12, ksize=3, pad=1, initialW=initial_weight)
            self.fc = L.Linear(12 * 2 * 2, 10, initialW=initial_weight)

    def forward(self, x):
        maps = F.reshape(x, (-1, 1, 8, 8))
        maps = F.max_pooling_2d(F.relu(self.norm1(self.conv1(maps))), 2)
        maps = F.max_pooling_2d(F.relu(self.conv2(maps)), 2)
        return self.fc(maps)


RECIPE = Recipe(
    name="convolutions",
    about=__doc__.splitlines()[0],
    read_data=read_digits,
    network=Network,
    optimizer=lambda: chainer.optimizers.SGD(lr=0.1),  # keeps nothing beside the weights: small snapshots
    weight_decay=0.002,
    batch_size=30,
    seed=0,
    epochs=25,
    snapshot_every_epochs=1,
)

if __name__ == "__main__":
    main(RECIPE)
