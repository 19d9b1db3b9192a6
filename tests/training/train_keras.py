"""Train with Keras 3: weights alone, whole models, and the old HDF5 format, with the log of its CSVLogger."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from iris import BATCH_SIZE, SEED, SIZES, command, expect, fresh, read_iris


def network() -> keras.Model:
    """Four fully connected layers with tanh between them: 4-5-5-5-3."""
    layers = [keras.layers.Dense(size, activation="tanh") for size in SIZES[1:-1]]
    model = keras.Sequential([keras.Input(SIZES[:1]), *layers, keras.layers.Dense(SIZES[-1], activation="softmax")])
    model.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def arrays(model: keras.Model) -> list[np.ndarray]:
    """Return the weights of a model, kernels turned to (out, in)."""
    return [np.asarray(array).T for array in model.get_weights()]


def run(folder: Path, name: str, *, weights_only: bool) -> None:
    """Train with a file after every epoch."""
    keras.utils.set_random_seed(SEED)
    keras.backend.clear_session()
    x, y = read_iris()
    model = network()
    callbacks = [
        keras.callbacks.ModelCheckpoint(str(folder / name), save_weights_only=weights_only),
        keras.callbacks.CSVLogger(str(folder / "training.csv")),
    ]
    model.fit(x, y, BATCH_SIZE, epochs=4, validation_split=0.2, callbacks=callbacks, verbose=0)
    found = {}
    for file in sorted(folder.glob("*.h5")) + sorted(folder.glob("*.keras")):
        if weights_only:
            loaded = network()
            loaded.load_weights(file)
        else:
            loaded = keras.models.load_model(file)
        found[file.name] = arrays(loaded)
    expect(folder, found)


def train(out: Path) -> None:
    """Write the folders keras-weights, keras and keras-h5."""
    run(fresh(out, "keras-weights"), "epoch-{epoch:02d}.weights.h5", weights_only=True)
    run(fresh(out, "keras"), "model.{epoch:02d}.keras", weights_only=False)
    run(fresh(out, "keras-h5"), "model-{epoch:02d}.h5", weights_only=False)


if __name__ == "__main__":
    command(train, __doc__)
