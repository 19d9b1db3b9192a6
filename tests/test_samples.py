"""The sample that is shipped is a real training, small, and can be made again."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SAMPLES = Path(__file__).resolve().parent.parent / "sample_results"
IRIS = SAMPLES / "iris"
WEIGHTS = [f"updater/model:main/predictor/l{number}/W" for number in (1, 2, 3, 4)]

needs_chainer = pytest.mark.skipif(importlib.util.find_spec("chainer") is None, reason="Chainer is not installed")


def read_log(folder: Path) -> list[dict[str, float]]:
    return json.loads((folder / "log").read_text())


def read_weights(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[key] for key in WEIGHTS]


def test_folder_is_below_2_mb() -> None:
    assert sum(path.stat().st_size for path in IRIS.iterdir()) < 2_000_000


def test_snapshot_every_10_epochs_and_the_log() -> None:
    assert {path.name for path in IRIS.iterdir()} == {f"trainer_{epoch:05}" for epoch in range(10, 501, 10)} | {"log"}


def test_log_has_a_row_an_epoch_and_ends_well() -> None:
    log = read_log(IRIS)
    assert [row["epoch"] for row in log] == list(range(1, 501))
    for metric in ("main/accuracy", "validation/main/accuracy"):
        assert log[0][metric] < 0.5
        assert log[-1][metric] > 0.95
    assert log[-1]["main/loss"] < log[0]["main/loss"] / 10


def test_every_layer_has_edges_that_grew_and_edges_that_shrank() -> None:
    first, last = (read_weights(IRIS / name) for name in ("trainer_00010", "trainer_00500"))
    assert [weight.shape for weight in first] == [(5, 4), (5, 5), (5, 5), (3, 5)]
    for before, after in zip(first, last, strict=True):
        change = np.abs(after) - np.abs(before)
        assert change.max() > 0.3
        assert change.min() < -0.1


def test_no_file_tells_of_the_machine_it_was_made_on() -> None:
    texts = {path.name: path.read_text() for path in [*SAMPLES.glob("*.*"), IRIS / "log"]}
    for path in IRIS.glob("trainer_*"):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {f"{path.name}/{key}": archive[key] for key in archive.files}
        texts |= {name: str(array) for name, array in arrays.items() if array.dtype.kind == "U"}
    absolute_path = re.compile(r"(?<![\w:/.])/(?:home|root|Users|tmp|usr|opt|work|var)/|[A-Z]:\\")
    assert len(texts) > 50
    assert [name for name, text in texts.items() if absolute_path.search(text)] == []


@needs_chainer
def test_training_it_again_gives_the_same(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        command = [sys.executable, str(SAMPLES / "train_iris.py"), "--epochs", "10", "--out", str(folder)]
        subprocess.run(command, check=True, cwd=tmp_path)
    assert sorted(path.name for path in folders[0].iterdir()) == ["log", "trainer_00010"]
    first, second = (read_weights(folder / "trainer_00010") for folder in folders)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    logs = [[{**row, "elapsed_time": None} for row in read_log(folder)] for folder in folders]
    assert len(logs[0]) == 10
    assert logs[0] == logs[1]
