"""Small result folders made with NumPy alone, as Chainer would have left them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (4, 5, 3)


def weights(shape: Sequence[int] = SHAPE, seed: int = 0, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return ``l1/W``, ``l1/b``, … of a network with the given layer sizes."""
    random = np.random.default_rng(seed)
    names = names or [f"l{number}" for number in range(1, len(shape))]
    arrays: dict[str, np.ndarray] = {}
    for name, size_in, size_out in zip(names, shape[:-1], shape[1:], strict=True):
        arrays[f"{name}/W"] = random.normal(size=(size_out, size_in)).astype(np.float32)
        arrays[f"{name}/b"] = random.normal(size=size_out).astype(np.float32)
    return arrays


def save(path: Path, arrays: Mapping[str, Any]) -> Path:
    """Write arrays as Chainer's ``save_npz`` does, under any name."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def trainer_arrays(
    model: Mapping[str, Any],
    epoch: int | None = 1,
    iteration: int | None = 3,
    prefix: str = "predictor/",
    name: str = "main",
    log: str | None = None,
) -> dict[str, Any]:
    """Return the arrays of a trainer snapshot: a model, the state of its optimizer, counters."""
    arrays: dict[str, Any] = {}
    for key, array in model.items():
        arrays[f"updater/optimizer:{name}/{prefix}{key}/m"] = np.full_like(array, 99)
        arrays[f"updater/optimizer:{name}/{prefix}{key}/t"] = np.asarray(7)
        arrays[f"updater/model:{name}/{prefix}{key}"] = array
    if epoch is not None:
        arrays["updater/iterator:main/epoch"] = np.asarray(epoch)
    if iteration is not None:
        arrays["updater/iteration"] = np.asarray(iteration)
    if log is not None:
        arrays["extensions/LogReport/_log"] = np.asarray(log)
    return arrays


def log_rows(epochs: int, iterations_per_epoch: int = 3) -> list[dict[str, float]]:
    """Return the rows of a log: accuracy grows from 0.5 to 1, loss falls."""
    return [
        {
            "main/loss": 1 / epoch,
            "main/accuracy": 1 - 0.5 / epoch,
            "epoch": epoch,
            "iteration": epoch * iterations_per_epoch,
            "elapsed_time": epoch / 8,
        }
        for epoch in range(1, epochs + 1)
    ]


def result_folder(
    path: Path, shape: Sequence[int] = SHAPE, epochs: Sequence[int] = (1, 2, 3), *, log: bool = True
) -> Path:
    """Make a result folder with snapshots ``trainer_00001`` … and a log; weights differ from snapshot to snapshot."""
    path.mkdir(parents=True, exist_ok=True)
    for epoch in epochs:
        arrays = trainer_arrays(weights(shape, seed=epoch), epoch=epoch, iteration=epoch * 3)
        save(path / f"trainer_{epoch:05}", arrays)
    if log:
        (path / "log").write_text(json.dumps(log_rows(max(epochs, default=1))), encoding="utf-8")
    return path


def claim_size(path: Path, key: str, size: int) -> Path:
    """Make a zip archive lie about the unpacked size of a member, in its directory (as a zip bomb need not)."""
    data = bytearray(path.read_bytes())
    name = f"{key}.npy".encode()
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    data[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def jump_folder(path: Path, at: int = 20, snapshots: int = 40, shape: Sequence[int] = (4, 5, 5, 3)) -> Path:
    """Make a run that decays smoothly but for one jump: at a snapshot, three weights of ``l3`` and the accuracy."""
    first, aim = weights(shape, seed=1), weights(shape, seed=2)
    path.mkdir(parents=True, exist_ok=True)
    rows = log_rows(snapshots)
    for epoch in range(1, snapshots + 1):
        gone = np.float32(0.5 * (1 - np.exp(-epoch / 8)))
        arrays = {key: first[key] + gone * (aim[key] - first[key]) for key in first}
        if epoch >= at:
            arrays["l3/W"][0, 0] += 1.5
            arrays["l3/W"][1, 2] -= 1.2
            arrays["l3/W"][2, 4] += 1.0
        save(path / f"trainer_{epoch:05}", trainer_arrays(arrays, epoch=epoch, iteration=epoch * 3))
        rows[epoch - 1]["main/accuracy"] = 0.67 if epoch < at else 0.93
    (path / "log").write_text(json.dumps(rows), encoding="utf-8")
    return path
