"""What reading a run costs, counted in files opened and modules imported: it is the same on every machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from archives import network
from folders import result_folder, save, weights

from nnanim import Recorder

FIXTURES = Path(__file__).resolve().parent / "fixtures"
PROGRAM = """
import json, os, sys
import numpy
from collections import Counter

opened, stage = {}, ["open"]

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        name = os.path.basename(os.fspath(arguments[0]))
        opened.setdefault(name, Counter())[stage[0]] += 1

from nnanim.options import Options
from nnanim.reading.opening import open_run
from nnanim.frames.weights import read_weights

sys.addaudithook(hook)
run = open_run(sys.argv[1])
modules = [name for name in sys.modules]
stage[0] = "read"
read_weights(run.snapshots, Options())
names = [snapshot.path.name for snapshot in run.snapshots]
json.dump([{name: [opened[name]["open"], opened[name]["read"]] for name in names}, modules], sys.stdout)
"""


def opened_and_imported(folder: Path) -> tuple[dict[str, list[int]], list[str]]:
    """Return how often each snapshot is opened to look at it and to read it, and which modules the first takes."""
    answer = subprocess.run([sys.executable, "-c", PROGRAM, folder], check=True, capture_output=True, text=True)
    opened, modules = json.loads(answer.stdout)
    return opened, modules


def chainer(folder: Path) -> None:
    result_folder(folder)


def recorded(folder: Path) -> None:
    recorder = Recorder(folder)
    for epoch in range(3):
        recorder.record(weights(seed=epoch), epoch=epoch, loss=1 / (epoch + 1))


def numpy(folder: Path) -> None:
    folder.mkdir()
    for epoch in range(3):
        save(folder / f"weights_{epoch}.npz", {"W1": np.ones((5, 4), np.float32), "W2": np.ones((3, 5), np.float32)})


def arrays(folder: Path) -> None:
    folder.mkdir()
    for epoch in range(3):
        np.save(folder / f"W1_epoch{epoch}.npy", np.ones((5, 4), np.float32))


def pytorch(folder: Path) -> None:
    folder.mkdir()
    for epoch in range(3):
        network(folder / f"model_{epoch}.pt", epoch=epoch)


MADE = {"chainer": chainer, "recorded": recorded, "numpy": numpy, "arrays": arrays, "pytorch": pytorch}
THERE = ("safetensors", "keras", "keras-h5", "keras-weights")


@pytest.mark.parametrize("case", [*MADE, *THERE])
def test_every_snapshot_is_opened_twice_at_most(tmp_path: Path, case: str) -> None:
    """Once for its counters and shapes, whatever format it turns out to be, and once for its weights.

    An archive of few weights is read at once.
    """
    folder = FIXTURES / case
    if case in MADE:
        folder = tmp_path / "result"
        MADE[case](folder)
    opened, _ = opened_and_imported(folder)
    looks = 2 if case == "arrays" else 1  # a single array is put together with others of its moment first
    assert len(opened) in (3, 4)
    reads = 0 if case in ("chainer", "recorded", "numpy") else 1
    assert all(times == [looks, reads] for times in opened.values()), opened


def test_a_snapshot_of_many_weights_is_not_remembered(tmp_path: Path) -> None:
    opened, _ = opened_and_imported(result_folder(tmp_path / "result", (4, 500, 3)))
    assert all(times == [1, 1] for times in opened.values()), opened


READERS = {"chainer", "npz", "npy", "pytorch", "safetensors", "keras", "chainer_model", "hdf5", "pickles"}
LOGS = {"chainer", "csv", "jsonl", "tensorboard", "trainer_state"}


def of_nnanim(modules: list[str], package: str, known: set[str]) -> set[str]:
    return known & {name.rpartition(".")[2] for name in modules if name.startswith(f"nnanim.reading.{package}.")}


@pytest.mark.parametrize(
    ("case", "readers", "logs"),
    [
        ("chainer", {"chainer"}, {"chainer"}),
        ("safetensors", {"safetensors"}, {"jsonl"}),
        ("keras-weights", {"keras"}, {"csv"}),
    ],
)
def test_only_the_formats_that_are_there_are_imported(
    tmp_path: Path, case: str, readers: set[str], logs: set[str]
) -> None:
    folder = FIXTURES / case
    if case in MADE:
        folder = tmp_path / "result"
        MADE[case](folder)
    _, modules = opened_and_imported(folder)
    assert of_nnanim(modules, "snapshots", READERS) == readers
    assert of_nnanim(modules, "logs", LOGS) == logs
    assert not {"pandas", "matplotlib", "chainer", "torch", "PIL"} & set(modules)
