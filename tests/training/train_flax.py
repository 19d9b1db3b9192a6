"""Train with Flax: a TrainState after each second epoch as flax.serialization.to_bytes writes it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from iris import BATCH_SIZE, SEED, SIZES, command, expect, fresh, read_iris

os.environ["JAX_PLATFORMS"] = "cpu"

import flax.linen as nn
import jax
import optax
from flax import serialization
from flax.training.train_state import TrainState

EPOCHS = 4


class Network(nn.Module):
    """Four dense layers with tanh between them: 4-5-5-5-3."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for size in SIZES[1:-1]:
            x = nn.tanh(nn.Dense(size)(x))
        return nn.Dense(SIZES[-1])(x)


def train(out: Path) -> None:
    """Write the folder flax."""
    folder = fresh(out, "flax")
    x, y = read_iris()
    model = Network()
    params = model.init(jax.random.PRNGKey(SEED), x[:1])["params"]
    state = TrainState.create(apply_fn=model.apply, params=params, tx=optax.sgd(0.3, momentum=0.5))

    @jax.jit
    def loss_of(params: dict, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(model.apply({"params": params}, x), y).mean()

    wanted = {}
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss"])
        for epoch in range(1, EPOCHS + 1):
            for start in range(0, len(x), BATCH_SIZE):
                batch = slice(start, start + BATCH_SIZE)
                loss, slopes = jax.value_and_grad(loss_of)(state.params, x[batch], y[batch])
                state = state.apply_gradients(grads=slopes)
            writer.writerow([int(state.step), float(loss)])
            if epoch % 2 == 0:
                name = f"model_{int(state.step)}.msgpack"
                (folder / name).write_bytes(serialization.to_bytes(state))
                layers = [state.params[f"Dense_{place}"] for place in range(4)]
                wanted[name] = [array for layer in layers for array in (np.array(layer["kernel"]).T, layer["bias"])]
    expect(folder, wanted)


if __name__ == "__main__":
    command(train, __doc__)
