"""Pictures and players in trackers, with the real packages in their local modes: ``make test-trackers``."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from PIL import Image

import nnanim
from nnanim import NnanimError, OptionError, Recorder, log_to, open_run
from nnanim.trackers import TRACKERS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "trackers.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python\n# (\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))

# The packages warn about each other, and of days to come.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def layers(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(np.float32) for shape in ((5, 4), (5,), (3, 5), (3,))]


def run_block(name: str) -> None:
    """Run a block of the page; its model changes with each epoch, and its loss is a third less each time."""
    losses: Iterator[float] = iter([0.9, 0.6, 0.4])
    model = layers(0)

    def train_one_epoch(trained: list[np.ndarray]) -> float:
        for array in trained:
            array += 0.1
        return next(losses)

    exec(compile(BLOCKS[name], "trackers.md", "exec"), {"train_one_epoch": train_one_epoch, "model": model})


def assert_is_the_picture(data: bytes, path: Path) -> None:
    """Check that bytes are the GIF that `nnanim.render` writes of the recording."""
    nnanim.render("result", path)
    assert data == path.read_bytes()
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) >= 3


def assert_is_the_player(text: str) -> None:
    assert text.startswith("<!DOCTYPE html>")
    assert "epoch 3" in text


# Without the packages


@pytest.mark.parametrize("tracker", ["neptune", ""])
def test_an_unknown_tracker_is_refused_before_the_training(result: Path, tracker: str) -> None:
    with pytest.raises(OptionError) as caught:
        Recorder(result, log_to=tracker)
    assert str(caught.value) == f"log_to is {tracker!r}: it must be one of tensorboard, wandb, mlflow"
    assert not result.exists()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_that_is_not_installed_is_told_with_the_command(
    result: Path, tracker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(OptionError, match=f"package '{tracker}' is not installed: .* -m pip install {tracker}$"):
        Recorder(result, log_to=tracker)


def test_without_a_tracker_the_end_is_nothing(result: Path) -> None:
    with Recorder(result) as recorder:
        recorder.record(layers(1), epoch=1)
    assert {path.name for path in result.iterdir()} == {"log.jsonl", "snapshot_000001.npz"}


def test_a_training_that_fails_is_not_finished(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "finish", lambda _self: pytest.fail("it was finished"))
    with pytest.raises(ZeroDivisionError), Recorder(result):
        raise ZeroDivisionError


def test_a_folder_is_for_tensorboard_alone(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    with pytest.raises(OptionError, match="a folder is given for 'wandb'"):
        log_to("wandb", result, folder="runs")


@pytest.mark.parametrize("tracker", ["wandb", "mlflow"])
def test_no_active_run_is_told(result: Path, tracker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType(tracker)
    module.run, module.active_run = None, lambda: None
    monkeypatch.setitem(sys.modules, tracker, module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    result_folder(result)
    with pytest.raises(OptionError, match="has no active run in this process"):
        log_to(tracker, result)


# With them


def test_tensorboard_plays_the_picture(result: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Recorder(result) as recorder:
        for epoch in (1, 2, 3):
            recorder.record(layers(epoch), epoch=epoch, iteration=10 * epoch, loss=1 / epoch)
    run_block("tensorboard")
    events = EventAccumulator("runs/first")
    events.Reload()
    (image,) = events.Images("nnanim/animation")
    assert (image.step, image.width, image.height) == (300, 900, 600)
    assert_is_the_picture(image.encoded_image_string, tmp_path / "x.gif")
    (text,) = events.Tensors("nnanim/player")
    (told,) = re.findall(r"`(.*)`", text.tensor_proto.string_val[0].decode())
    assert_is_the_player(Path(told).read_text(encoding="utf-8"))


def test_events_in_the_result_folder_do_not_become_its_log(result: Path) -> None:
    pytest.importorskip("tensorboard")
    with Recorder(result, log_to="tensorboard") as recorder:
        for epoch in (1, 2, 3):
            recorder.record(layers(epoch), epoch=epoch, iteration=10 * epoch, loss=1 / epoch)
    assert len(list((result / "tensorboard").glob("*.nnanim"))) == 1
    run = open_run(result)
    assert run.log is not None
    assert run.log.path.name == "log.jsonl"
    assert run.notes == ()
    (result / "log.jsonl").unlink()
    assert open_run(result).log is None


def test_weights_and_biases_has_both(result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run_block("wandb")
    (picture,) = tmp_path.glob("wandb/offline-run-*/files/media/videos/nnanim/animation*.gif")
    assert_is_the_picture(picture.read_bytes(), tmp_path / "x.gif")
    (player,) = tmp_path.glob("wandb/offline-run-*/files/media/html/nnanim/player*.html")
    assert_is_the_player(player.read_text(encoding="utf-8"))


@pytest.fixture
def file_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = tmp_path / "mlruns"
    mlflow.set_tracking_uri(place.as_uri())
    return place


@pytest.mark.parametrize("block", ["mlflow", "recorder"])
def test_mlflow_has_both(result: Path, tmp_path: Path, file_store: Path, block: str) -> None:
    if block == "mlflow":
        run_block(block)
    else:
        import mlflow

        with mlflow.start_run():
            run_block(block)
    (folder,) = file_store.glob("*/*/artifacts/nnanim")
    assert {path.name for path in folder.iterdir()} == {"animation.gif", "player.html"}
    assert_is_the_picture((folder / "animation.gif").read_bytes(), tmp_path / "x.gif")
    assert_is_the_player((folder / "player.html").read_text(encoding="utf-8"))


# What they leave behind, as a log


def test_metrics_of_a_real_mlflow_are_curves(tmp_path: Path, file_store: Path) -> None:
    import mlflow

    result_folder(tmp_path / "run", log=False)
    with mlflow.start_run():
        for step in (3, 6, 9):
            mlflow.log_metrics({"loss": 1 / step, "val/accuracy": step / 10}, step=step)
        mlflow.log_artifacts(str(tmp_path / "run"))
    (folder,) = (path.parent for path in file_store.glob("*/*/artifacts"))
    run = open_run(folder)
    assert run.log is not None
    assert run.log.format == "mlflow"
    assert run.log.columns["iteration"].tolist() == [3, 6, 9]
    assert run.log.columns["loss"].tolist() == [1 / 3, 1 / 6, 1 / 9]
    assert run.log.columns["val/accuracy"].tolist() == [0.3, 0.6, 0.9]
    assert run.rows == (0, 1, 2)


def test_a_tracker_that_cannot_write_is_told(result: Path) -> None:
    pytest.importorskip("tensorboard")
    result_folder(result)
    Path("taken").touch()
    with pytest.raises(NnanimError, match=r"^tensorboard cannot be given the picture: "):
        log_to("tensorboard", result, folder="taken")


def test_the_file_of_a_real_wandb_is_a_curve(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    result_folder(result, log=False)
    run = wandb.init(project="p", mode="offline", dir=str(result.resolve()))
    for epoch in (1, 2, 3):
        run.log({"epoch": epoch, "loss": 1 / epoch, "val": {"accuracy": epoch / 10}})
    log_to("wandb", result)
    run.finish()
    wandb.teardown()  # ends the process that writes the file, which may be behind
    opened = open_run(result)
    assert opened.log is not None
    assert opened.log.format == "wandb"
    assert opened.log.columns["epoch"].tolist() == [1, 2, 3]
    assert opened.log.columns["loss"].tolist() == [1, 1 / 2, 1 / 3]
    assert opened.log.columns["val/accuracy"].tolist() == [0.1, 0.2, 0.3]
    assert opened.rows == (0, 1, 2)
