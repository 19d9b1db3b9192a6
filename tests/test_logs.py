"""CSV, JSON lines, trainer_state.json and TensorBoard's event files; Chainer's are in test_logs_chainer."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from nnanim import open_run
from nnanim.errors import LogError
from nnanim.reading.logs import csv as csv_log
from nnanim.reading.logs import detect, jsonl, tensorboard, trainer_state
from nnanim.reading.logs.detect import read as read_log

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CSV_HINT = "a CSV log has a first line with the names of its columns, one of them epoch or step"
LINES_HINT = "a log of JSON lines has one object on each line, with an epoch or a step"


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


LOGS = {
    "comma": ("m.csv", "epoch,loss\n1,0.5\n2,0.25\n", {"epoch": [1, 2], "loss": [0.5, 0.25]}),
    "semicolon": ("m.csv", "Epoch;Loss\r\n1;0.5\r\n", {"epoch": [1], "Loss": [0.5]}),
    "tabulator": ("m.tsv", "step\tval loss\n10\t0.5\n", {"iteration": [10], "val loss": [0.5]}),
    "Lightning's two lines": (
        "m.csv",
        "epoch,step,a,b\n0,3,,0.5\n0,3,0.25,\n",
        {"epoch": [0], "iteration": [3], "a": [0.25], "b": [0.5]},
    ),
    "two lines that both have it": ("m.csv", "epoch,a\n1,1\n1,2\n", {"epoch": [1, 1], "a": [1, 2]}),
    "texts are no metrics": ("m.csv", "epoch,phase,loss\n1,train,0.5\n", {"epoch": [1], "loss": [0.5]}),
    "nan is a gap": ("m.csv", "epoch,loss\n1,nan\n2,0.5\n", {"epoch": [1, 2], "loss": [math.nan, 0.5]}),
    "short and long lines": ("m.csv", "epoch,a,b\n1,1\n2,2,3,4\n", {"epoch": [1, 2], "a": [1, 2], "b": [math.nan, 3]}),
    "lines": (
        "m.jsonl",
        '{"epoch": 1, "loss": 0.5}\n\n{"epoch": 2, "loss": NaN}\n',
        {"epoch": [1, 2], "loss": [0.5, math.nan]},
    ),
    "nested lines": (
        "m.jsonl",
        '{"global_step": 5, "train": {"loss": 0.5}}\n',
        {"iteration": [5], "train/loss": [0.5]},
    ),
    "W&B's step": (
        "m.jsonl",
        '{"_step": 5, "loss": 0.5, "_runtime": 3}\n',
        {"iteration": [5], "loss": [0.5], "elapsed_time": [3]},
    ),
    "trainer_state": (
        "trainer_state.json",
        json.dumps(
            {
                "log_history": [
                    {"epoch": 0.5, "step": 2, "loss": 1.0},
                    {"epoch": 1.0, "step": 4, "loss": 0.5},
                    {"epoch": 1.0, "step": 4, "eval_loss": 0.25, "eval_runtime": 3.0},
                    {"epoch": 1.0, "step": 4, "train_runtime": 9.0, "train_loss": 0.75},
                ]
            }
        ),
        {"epoch": [0.5, 1.0], "iteration": [2, 4], "loss": [1.0, 0.5], "eval_loss": [math.nan, 0.25]},
    ),
}


@pytest.mark.parametrize("case", LOGS)
def test_log_as_a_table(result: Path, case: str) -> None:
    name, text, columns = LOGS[case]
    log = read_log(written(name, text))
    assert list(log.table) == list(columns)
    for column, values in columns.items():
        np.testing.assert_array_equal(log.table[column].to_numpy(), values)


def test_gap_is_told_from_an_absent_value(result: Path) -> None:
    log = read_log(written("m.csv", "epoch,a,b\n1,nan,\n2,1,1\n"))
    assert log.present["a"].tolist() == [True, True]
    assert log.present["b"].tolist() == [False, True]


def test_line_that_was_being_written_is_left_out(result: Path) -> None:
    log = read_log(written("m.jsonl", '{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "lo'))
    assert log.table["epoch"].tolist() == [1]
    assert log.notes == ("the last line of log 'm.jsonl' is incomplete and is left out",)


NO_LOGS = {
    "a data set": ("iris.csv", "sepal,petal,species\n5.1,3.5,setosa\n"),
    "no comma": ("notes.txt", "epoch\n1\n"),
    "an object": ("config.json", '{\n  "epochs": 10,\n  "lr": 0.1\n}\n'),
    "a list": ("list.json", "[1, 2]\n"),
    "a script": ("train.py", "import os, sys\nepoch = 1\n"),
    "bytes": ("weights.bin", "\x00\x01,\x02epoch"),
}


@pytest.mark.parametrize("case", NO_LOGS)
def test_other_files_are_no_logs(result: Path, case: str) -> None:
    path = written(*NO_LOGS[case])
    assert not any(form.sniff(path) for form in (csv_log, jsonl, trainer_state, tensorboard))


BROKEN = {
    "CSV without rows": ("m.csv", "epoch,loss\n", f"log 'm.csv' has no rows ({CSV_HINT})"),
    "no rows": ("m.jsonl", '{"loss": 1\n', f"log 'm.jsonl' is not a JSON object at line 1 ({LINES_HINT})"),
    "no such file": (
        "gone.csv",
        None,
        f"cannot open log 'gone.csv': No such file or directory ({detect.HINT})",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_log_that_was_asked_for(result: Path, case: str) -> None:
    name, text, message = BROKEN[case]
    if text is not None:
        written(name, text)
    with pytest.raises(LogError) as caught:
        read_log(Path(name))
    assert str(caught.value) == message


def test_same_tag_in_several_folders_gets_the_folders_name(result: Path) -> None:
    """Keras and ``add_scalars`` write one event file for training and one for validation."""
    (events,) = (FIXTURES / "lightning-tensorboard").glob("**/events*")
    for folder in ("train", "validation"):
        (result / "logs" / folder).mkdir(parents=True)
        shutil.copy(events, result / "logs" / folder)
    shutil.copytree(FIXTURES / "pytorch", result, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.csv"))
    log = open_run(result).log
    assert log is not None
    assert log.metrics == ("train/val_acc", "train/train_loss", "validation/val_acc", "validation/train_loss")


def test_tensorboard_is_asked_last(result: Path) -> None:
    shutil.copytree(FIXTURES / "lightning", result)
    (events,) = (FIXTURES / "lightning-tensorboard").glob("**/events*")
    shutil.copy(events, result)
    log = open_run(result).log
    assert log is not None
    assert log.format == "csv"
