"""The samples that are shipped are real trainings, small, and can be made again."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nnanim.frames.edges import edge_matrices
from nnanim.reading.opening import open_run

SAMPLES = Path(__file__).resolve().parent.parent / "sample_results"


@dataclass(frozen=True)
class Sample:
    """What is promised of a sample.

    Attributes:
        shape: nodes of each layer.
        epochs: of the snapshots.
        most_bytes: size that the folder stays below.
        first_accuracy: what the accuracy is below after the first epoch.
        changes: by how much the edges of every layer grow at most, and shrink at most, at least.
        script_needs: modules that the training imports.
    """

    shape: tuple[int, ...]
    epochs: range
    most_bytes: int
    first_accuracy: float
    changes: tuple[float, float]
    script_needs: tuple[str, ...] = ("chainer",)


FOLDERS = {
    "iris": Sample((4, 5, 5, 5, 3), range(10, 501, 10), 2_000_000, 0.5, (0.3, 0.1)),
    "digits": Sample((64, 32, 10), range(1, 29), 1_500_000, 0.85, (0.3, 0.1), ("chainer", "sklearn")),
    "convolutions": Sample((1, 6, 12, 10), range(1, 26), 1_000_000, 0.85, (0.2, 0.1), ("chainer", "sklearn")),
}


def read_log(folder: Path) -> list[dict[str, float]]:
    return json.loads((folder / "log").read_text())


def read_weights(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[key] for key in sorted(archive) if key.startswith("updater/model:main/")]


@pytest.mark.parametrize("name", FOLDERS)
def test_folder_is_small(name: str) -> None:
    assert sum(path.stat().st_size for path in (SAMPLES / name).iterdir()) < FOLDERS[name].most_bytes


@pytest.mark.parametrize("name", FOLDERS)
def test_folder_holds_snapshots_and_a_log(name: str) -> None:
    sample = FOLDERS[name]
    assert {path.name for path in (SAMPLES / name).iterdir()} == {f"trainer_{e:05}" for e in sample.epochs} | {"log"}
    run = open_run(SAMPLES / name)
    assert run.shape == sample.shape
    assert [snapshot.epoch for snapshot in run.snapshots] == list(sample.epochs)
    assert run.notes == ()


@pytest.mark.parametrize("name", FOLDERS)
def test_log_has_a_row_an_epoch_and_ends_well(name: str) -> None:
    log = read_log(SAMPLES / name)
    assert [row["epoch"] for row in log] == list(range(1, FOLDERS[name].epochs[-1] + 1))
    for metric in ("main/accuracy", "validation/main/accuracy"):
        assert log[0][metric] < FOLDERS[name].first_accuracy
        assert log[-1][metric] > 0.95
    assert log[-1]["main/loss"] < log[0]["main/loss"] / 5
    assert log[-1]["validation/main/loss"] < log[0]["validation/main/loss"] / 4


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layer_has_edges_that_grew_and_edges_that_shrank(name: str) -> None:
    snapshots = open_run(SAMPLES / name).snapshots
    first, last = (edge_matrices(snapshots[place].read(), name) for place in (0, -1))
    grown, shrunk = FOLDERS[name].changes
    for before, after in zip(first, last, strict=True):
        change = np.abs(after) - np.abs(before)
        assert change.max() > grown
        assert change.min() < -shrunk


def test_no_file_tells_of_the_machine_it_was_made_on() -> None:
    texts = {str(path): path.read_text() for path in [*SAMPLES.glob("*.*"), *SAMPLES.glob("*/log")]}
    for path in SAMPLES.glob("*/trainer_*"):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {f"{path}/{key}": archive[key] for key in archive.files}
        texts |= {name: str(array) for name, array in arrays.items() if array.dtype.kind == "U"}
    absolute_path = re.compile(r"(?<![\w:/.])/(?:home|root|Users|tmp|usr|opt|work|var)/|[A-Z]:\\")
    assert len(texts) > sum(len(sample.epochs) for sample in FOLDERS.values())
    assert [name for name, text in texts.items() if absolute_path.search(text)] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_training_it_again_gives_the_same(tmp_path: Path, name: str) -> None:
    for module in FOLDERS[name].script_needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    epoch = FOLDERS[name].epochs[0]
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        command = [sys.executable, str(SAMPLES / f"train_{name}.py"), "--epochs", str(epoch), "--out", str(folder)]
        subprocess.run(command, check=True, cwd=tmp_path)
    assert sorted(path.name for path in folders[0].iterdir()) == ["log", f"trainer_{epoch:05}"]
    first, second = (read_weights(folder / f"trainer_{epoch:05}") for folder in folders)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    shipped = read_weights(SAMPLES / name / f"trainer_{epoch:05}")
    for one, other in zip(first, shipped, strict=True):
        # Another machine adds in another order.
        np.testing.assert_allclose(one, other, rtol=0.01, atol=0.01)
    logs = [[{**row, "elapsed_time": None} for row in read_log(folder)] for folder in folders]
    assert len(logs[0]) == epoch
    assert logs[0] == logs[1]


def test_effects_are_four_settings_with_five_seeds_that_begin_alike() -> None:
    folders = sorted(path for path in (SAMPLES / "effects").iterdir())
    settings = ("decay", "dropout", "relu", "sigmoid")
    assert [folder.name for folder in folders] == [f"{setting}-{seed}" for setting in settings for seed in range(5)]
    assert sum(file.stat().st_size for folder in folders for file in folder.iterdir()) < 2_000_000
    for folder in folders:
        run = open_run(folder)
        assert run.shape == (4, 5, 5, 5, 3)
        assert [snapshot.epoch for snapshot in run.snapshots] == list(range(0, 501, 50))
        twin = open_run(folder.with_name(f"relu-{folder.name[-1]}")).snapshots[0].read()
        for one, other in zip(run.snapshots[0].read(), twin, strict=True):
            np.testing.assert_array_equal(one.weight, other.weight)


def test_training_the_effects_again_gives_the_same(tmp_path: Path) -> None:
    if importlib.util.find_spec("chainer") is None:
        pytest.skip("needs chainer")
    script = [
        sys.executable,
        str(SAMPLES / "train_effects.py"),
        "--epochs",
        "50",
        "--seeds",
        "1",
        "--out",
        str(tmp_path),
    ]
    subprocess.run(script, check=True, cwd=tmp_path)
    for setting in ("relu", "sigmoid", "dropout", "decay"):
        name = f"{setting}-0/model_epoch_00050"
        with np.load(tmp_path / name) as made, np.load(SAMPLES / "effects" / name) as shipped:
            for key in shipped.files:
                # Another machine adds in another order.
                np.testing.assert_allclose(made[key], shipped[key], rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("name", "view", "weights", "snapshots"),
    [("residual", "map", 7, 21), ("transformer", "layers", 15, 21), ("lstm", "layers", 10, 31)],
)
def test_a_sample_of_pytorch_is_small_and_learns(name: str, view: str, weights: int, snapshots: int) -> None:
    folder = SAMPLES / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    run = open_run(folder)
    assert (run.view, len(run.weight_rows), len(run.snapshots)) == (view, weights, snapshots)
    assert run.log is not None
    accuracy = run.log.columns["accuracy"]
    assert accuracy[0] < 0.2
    assert accuracy[-1] > 0.99
    assert [snapshot.epoch for snapshot in run.snapshots] == list(range(snapshots))


def test_the_residual_sample_knows_its_shortcuts() -> None:
    pairs = {(tail, head) for tail, head, known_from in open_run(SAMPLES / "residual").connections if known_from}
    assert {("stem.weight", "block1.conv1.weight"), ("stem.weight", "block2.shortcut.weight")} <= pairs
    assert ("block1.conv1.weight", "block2.conv1.weight") not in pairs
