from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnanim
import nnanim.recorder
from nnanim import OptionError, OutputError, Recorder, open_run


def layers(seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(np.float32) for shape in ((5, 4), (5,), (3, 5), (3,))]


def test_recording_is_a_result_folder(result: Path) -> None:
    recorder = Recorder(result)
    for epoch in (1, 2, 3):
        path = recorder.record(layers(epoch), epoch=epoch, iteration=10 * epoch, accuracy=1 - 0.5 / epoch)
        assert path == result / f"snapshot_{epoch:06}.npz"
    run = open_run(result)
    assert run.format == "numpy"
    assert run.shape == (4, 5, 3)
    assert [(s.epoch, s.iteration) for s in run.snapshots] == [(1, 10), (2, 20), (3, 30)]
    assert run.rows == (0, 1, 2)
    assert run.notes == ()
    assert list(run.metrics["accuracy"]) == [0.5, 0.75, 1 - 0.5 / 3]
    for snapshot in run.snapshots:
        first, second = snapshot.read()
        expected = layers(snapshot.epoch)  # type: ignore[arg-type]
        for found, wanted in zip((first.weight, first.bias, second.weight, second.bias), expected, strict=True):
            assert np.array_equal(found, wanted)  # type: ignore[arg-type]


def test_number_of_the_record_stands_in_for_a_counter(result: Path) -> None:
    recorder = Recorder(result)
    recorder.record(layers(), loss=2)
    recorder.record(layers(), loss=1)
    assert [snapshot.iteration for snapshot in open_run(result).snapshots] == [1, 2]


def test_names_of_a_dict_are_free(result: Path) -> None:
    first, first_bias, second, second_bias = layers()
    Recorder(result).record({"erste": first, "b": first_bias, "zweite": second, "c": second_bias}, epoch=1)
    found = open_run(result).snapshots[0].read()
    assert [layer.name for layer in found] == ["erste", "zweite"]
    assert np.array_equal(found[1].bias, second_bias)  # type: ignore[arg-type]


def test_classifier_of_scikit_learn_is_turned(result: Path) -> None:
    first, first_bias, second, second_bias = layers()
    classifier = SimpleNamespace(coefs_=[first.T, second.T], intercepts_=[first_bias, second_bias])
    Recorder(result).record(classifier, epoch=1)
    found = open_run(result).snapshots[0].read()
    assert [layer.name for layer in found] == ["layer1", "layer2"]
    assert np.array_equal(found[0].weight, first)
    assert np.array_equal(found[1].weight, second)


def test_nothing_is_lost_where_writing_fails(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(result)
    recorder.record(layers(1), epoch=1, loss=1)
    before = {path.name: path.read_bytes() for path in result.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError) as caught:
        recorder.record(layers(2), epoch=2, loss=0.5)
    assert str(caught.value) == "cannot record into 'result': No space left on device"
    assert {path.name: path.read_bytes() for path in result.iterdir()} == before


def test_crash_between_snapshot_and_log_keeps_both_before(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(result)
    recorder.record(layers(1), epoch=1, loss=1)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        recorder.record(layers(2), epoch=2, loss=0.5)
    assert sorted(path.name for path in result.iterdir()) == ["log.jsonl", "snapshot_000001.npz"]
    assert len(open_run(result).snapshots) == 1


def test_recording_goes_on_where_it_broke_off(result: Path) -> None:
    Recorder(result).record(layers(1), epoch=1, loss=1)
    with (result / "log.jsonl").open("a") as log:
        log.write('{"epoch": 2, "lo')  # cut off by a crash
    with pytest.raises(OutputError) as caught:
        Recorder(result)
    assert str(caught.value) == (
        "'result' holds a recording already (give another folder, or resume=True to go on; nnanim.record, called in the"
        " loop, moves an older one aside)"
    )
    Recorder(result, resume=True).record(layers(2), epoch=2, loss=0.5)
    assert [json.loads(line) for line in (result / "log.jsonl").read_text().splitlines()] == [
        {"epoch": 1, "loss": 1.0},
        {"epoch": 2, "loss": 0.5},
    ]
    assert [snapshot.epoch for snapshot in open_run(result).snapshots] == [1, 2]


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no model": (
        "result",
        {},
        "an object of type 'str' cannot be recorded (give a PyTorch module, a Keras model, a Chainer link, a fitted"
        " MLPClassifier, or arrays by name or in a list)",
    ),
    "no weights": (
        [np.ones(3)],
        {},
        "an object of type 'list' has no weights (a weight is an array with two axes or more)",
    ),
    "texts": ([np.array([["a"]])], {}, "'arr_0' holds <U1 (weights and biases are real numbers)"),
    "a metric that is a text": (layers(), {"loss": "low"}, "loss is 'low': it must be a number"),
    "an epoch below 0": (layers(), {"epoch": -1}, "epoch is -1: it must be a number from 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_recorded(result: Path, case: str) -> None:
    model, options, message = WRONG[case]
    with pytest.raises(OptionError) as caught:
        Recorder(result).record(model, **options)
    assert str(caught.value) == message
    assert list(result.iterdir()) == []


def test_gap_in_a_metric(result: Path) -> None:
    recorder = Recorder(result)
    for epoch, loss in [(1, 1.0), (2, float("nan")), (3, 0.5)]:
        recorder.record(layers(), epoch=epoch, loss=loss)
    log = open_run(result).log
    assert log is not None
    assert log.present["loss"].tolist() == [True, True, True]
    assert np.isnan(log.table["loss"][1])


def test_recorder_is_public() -> None:
    assert nnanim.Recorder is Recorder
    assert "Recorder" in nnanim.__all__


def test_chainer_link(result: Path, chainer: Any) -> None:
    model = chainer.Sequential(chainer.links.Linear(4, 5), chainer.links.Linear(5, 3))
    Recorder(result).record(model, epoch=1)
    found = open_run(result).snapshots[0].read()
    assert np.array_equal(found[0].weight, model[0].W.array)
    assert np.array_equal(found[1].bias, model[1].b.array)  # type: ignore[arg-type]


# One line in the loop


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nnanim.recorder, "_recorders", {})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_line_in_a_loop(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [nnanim.record("result", layers(epoch), epoch=epoch, loss=1 / epoch) for epoch in (1, 2, 3)]
    assert paths == [result / f"snapshot_{number:06}.npz" for number in (1, 2, 3)]
    run = open_run(result)
    assert [snapshot.epoch for snapshot in run.snapshots] == [1, 2, 3]
    assert list(run.metrics["loss"]) == [1, 1 / 2, 1 / 3]
    assert capsys.readouterr().err == ""


def test_new_process_moves_the_older_recording_aside(
    result: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        for epoch in (1, 2):
            nnanim.record(result, layers(epoch), epoch=epoch, loss=1)
        (result / "notes.txt").write_text("mine")
        monkeypatch.setattr(nnanim.recorder, "_recorders", {})
    nnanim.record(result, layers(7), epoch=1, loss=1)
    assert names(result) == ["log.jsonl", "notes.txt", "run-1", "run-2", "snapshot_000001.npz"]
    assert names(result / "run-1") == ["log.jsonl", "snapshot_000001.npz", "snapshot_000002.npz"]
    assert len(open_run(result).snapshots) == 1
    assert len(open_run(result / "run-2").snapshots) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"nnanim: note: the recording that 'result' held is in {os.path.join('result', f'run-{number}')!r} now"
        for number in (1, 2)
    ]


def test_new_process_goes_on_where_it_is_told_to(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nnanim.record(result, layers(1), epoch=1, loss=1)
    monkeypatch.setattr(nnanim.recorder, "_recorders", {})
    nnanim.record(result, layers(2), epoch=2, loss=1, resume=True)
    assert names(result) == ["log.jsonl", "snapshot_000001.npz", "snapshot_000002.npz"]


def test_training_that_begins_again_in_the_same_process_is_a_new_run(result: Path) -> None:
    for epoch in (1, 2, 2, 1, 2):
        nnanim.record(result, layers(epoch), epoch=epoch)
    assert names(result / "run-1") == ["log.jsonl", *(f"snapshot_{number:06}.npz" for number in (1, 2, 3))]
    assert len(open_run(result).snapshots) == 2


def test_folder_that_was_removed_is_made_again(result: Path) -> None:
    nnanim.record(result, layers(1), epoch=1)
    shutil.rmtree(result)
    nnanim.record(result, layers(2), epoch=2)
    assert names(result) == ["log.jsonl", "snapshot_000001.npz"]


def test_current_folder_may_change(result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nnanim.record("result", layers(1), epoch=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    nnanim.record("../result", layers(2), epoch=2)
    assert len(open_run(tmp_path / "result").snapshots) == 2
