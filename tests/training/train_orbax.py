"""Train with Flax: a TrainState after each second epoch as Orbax writes it, in three ways."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from iris import BATCH_SIZE, SEED, command, expect, fresh, read_iris

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import optax
import orbax.checkpoint as ocp
from flax.training.train_state import TrainState
from train_flax import EPOCHS, Network


def train(out: Path) -> None:
    """Write the folders orbax, orbax-zarr and orbax-zarr3."""
    x, y = read_iris()
    model = Network()
    params = model.init(jax.random.PRNGKey(SEED), x[:1])["params"]
    state = TrainState.create(apply_fn=model.apply, params=params, tx=optax.sgd(0.3, momentum=0.5))

    @jax.jit
    def loss_of(params: dict, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(model.apply({"params": params}, x), y).mean()

    states, rows = {}, []
    for epoch in range(1, EPOCHS + 1):
        for start in range(0, len(x), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            loss, slopes = jax.value_and_grad(loss_of)(state.params, x[batch], y[batch])
            state = state.apply_gradients(grads=slopes)
        rows.append([int(state.step), float(loss)])
        if epoch % 2 == 0:
            states[int(state.step)] = state
    for name in ("orbax", "orbax-zarr", "orbax-zarr3"):
        folder = fresh(out, name)
        with (folder / "log.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["step", "loss"], *rows])
        wanted = {}
        for step, state in states.items():
            layers = [state.params[f"Dense_{place}"] for place in range(4)]
            arrays = [array for layer in layers for array in (np.array(layer["kernel"]).T, layer["bias"])]
            wanted[str(step) if name == "orbax" else f"checkpoint_{step}"] = arrays
        save(name, folder, states)
        for note in folder.rglob("commit_success.txt"):  # with the path of this machine
            note.unlink()
        expect(folder, wanted)


def save(name: str, folder: Path, states: dict[int, TrainState]) -> None:
    """Write as today's manager does; arrays in folders of their own; chunks of Zarr 3 in a database."""
    if name == "orbax":
        with ocp.CheckpointManager(folder.resolve() / "checkpoints") as manager:
            for step, state in states.items():
                manager.save(step, args=ocp.args.StandardSave(state))
        return
    is_new = name == "orbax-zarr3"
    saver = ocp.PyTreeCheckpointer(use_ocdbt=is_new, use_zarr3=is_new)
    for step, state in states.items():
        saved = {"params": state.params, "step": state.step}
        pieces = jax.tree.map(lambda _: ocp.SaveArgs(chunk_byte_size=60), saved)
        saver.save(folder.resolve() / f"checkpoint_{step}", saved, save_args=pieces)


if __name__ == "__main__":
    command(train, __doc__)
