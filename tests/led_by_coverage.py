"""Run Google's ``atheris`` for `fuzzing`: what new code an input reaches leads to the next ones.

It follows what is imported while it looks, so this stands in a file of its own.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import warnings
from importlib import import_module
from pathlib import Path

import atheris

FOLLOWED = (
    "nnanim.reading.opening",
    *(
        f"nnanim.reading.containers.{name}"
        for name in ("hdf5", "npz_archive", "pickles", "torch_archive", "torch_legacy")
    ),
    *(f"nnanim.reading.logs.{name}" for name in ("chainer", "csv", "history", "jsonl", "tensorboard", "trainer_state")),
    *(f"nnanim.reading.snapshots.{name}" for name in ("chainer", "keras", "npy", "npz", "pytorch", "safetensors")),
)

with atheris.instrument_imports(include=["nnanim"]):
    for module in FOLLOWED:
        import_module(module)

from fuzzing import files_of, read_all, seeds  # noqa: E402  (what it imports must be followed)

from nnanim import NnanimError  # noqa: E402


def one_input(data: bytes) -> None:
    """Let all but the first two bytes take the place of a file that these choose, and read its folder."""
    if len(data) < 2:
        return
    seed = seeds()[data[0] % len(seeds())]
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), contextlib.suppress(NnanimError):
        warnings.simplefilter("ignore")
        folder = Path(scratch) / seed.name
        shutil.copytree(seed, folder)
        files = files_of(folder)
        files[data[1] % len(files)].write_bytes(data[2:])
        read_all(folder)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
