"""Logs as people leave them: what is read of them, what counts, and what is told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder, save, weights

from nnanim import open_run
from nnanim.reading.logs import csv as csv_log
from nnanim.reading.logs.detect import read, read_if_log

NAN = math.nan
READ: dict[str, tuple[str, str | bytes, dict[str, list[float]], list[str]]] = {
    # name, content, columns, words of the notes
    "per cent signs": ("m.csv", "epoch,acc\n1,50.0%\n2,75.5%\n", {"epoch": [1, 2], "acc": [0.5, 0.755]}, []),
    "decimal commas": (
        "m.csv",
        "sep=;\r\nepoch;loss\r\n1;0,5\r\n2;0,25\r\n",
        {"epoch": [1, 2], "loss": [0.5, 0.25]},
        ["decimal sign"],
    ),
    "thousands": (
        "m.csv",
        'step,loss\n"1,000",0.5\n"2,000",0.4\n',
        {"iteration": [1000, 2000], "loss": [0.5, 0.4]},
        ["between thousands"],
    ),
    "printed tensors": (
        "m.csv",
        "epoch,a,b\n1,tensor(0.5),[0.25]\n2,\"tensor(0.4, device='cuda:0')\",[0.2]\n",
        {"epoch": [1, 2], "a": [0.5, 0.4], "b": [0.25, 0.2]},
        [],
    ),
    "UTF-16": ("m.csv", "epoch,loss\n1,0.5\n".encode("utf-16"), {"epoch": [1], "loss": [0.5]}, []),
    "Latin-1": ("m.csv", "epoch,größe\n1,0.5\n".encode("latin-1"), {"epoch": [1], "größe": [0.5]}, ["Latin-1"]),
    "blanks and a comment": ("m.txt", "# run 3\nepoch  loss\n1  0.5\n", {"epoch": [1], "loss": [0.5]}, []),
    "names in a comment": ("m.txt", "# epoch loss\n1 0.5\n2 0.4\n", {"epoch": [1, 2], "loss": [0.5, 0.4]}, []),
    "padded names": ("m.csv", "   epoch,  train/loss\n   1,   0.5\n", {"epoch": [1], "train/loss": [0.5]}, []),
    "restart": (
        "m.csv",
        "epoch,loss\n1,4\n2,3\nepoch,loss\n1,2\n2,1\n3,0.5\n",
        {"epoch": [1, 2, 3], "loss": [2, 1, 0.5]},
        ["restart", "2 earlier rows"],
    ),
    "resume": (
        "m.csv",
        "epoch,loss\n1,4\n2,3\n3,2\n2,2.5\n3,1.5\n",
        {"epoch": [1, 2, 3], "loss": [4, 2.5, 1.5]},
        ["resumed", "2 earlier rows"],
    ),
    "restart of JSON lines": (
        "m.jsonl",
        '{"epoch": 1, "loss": 4}\n{"epoch": 2, "loss": 3}\n{"epoch": 1, "loss": 2}\n',
        {"epoch": [1], "loss": [2]},
        ["restart"],
    ),
    "restart of a list": (
        "log",
        '[{"epoch": 1, "loss": 4}, {"epoch": 2, "loss": 3}, {"epoch": 1, "loss": 2}]',
        {"epoch": [1], "loss": [2]},
        ["restart"],
    ),
    "a test that counts from 0 is no restart": (
        "m.csv",
        "epoch,loss,test_acc\n1,4,\n2,3,\n0,,0.9\n",
        {"epoch": [1, 2, 0], "loss": [4, 3, NAN], "test_acc": [NAN, NAN, 0.9]},
        [],
    ),
    "wider names": (
        "m.csv",
        "epoch,loss\n1,4\nepoch,loss,val_loss\n2,3,5\n",
        {"epoch": [1, 2], "loss": [4, 3], "val_loss": [NAN, 5]},
        [],
    ),
    "index without a name": (
        "h.csv",
        ",loss,acc\n0,2,0.5\n1,1,0.6\n",
        {"epoch": [1, 2], "loss": [2, 1], "acc": [0.5, 0.6]},
        ["epochs 1, 2"],
    ),
    "history": ("h.json", '{"loss": [2, 1]}', {"epoch": [1, 2], "loss": [2, 1]}, ["epochs 1, 2"]),
    "steps within epochs": (
        "m.csv",
        "epoch,step,loss\n1,0,4\n1,1,3\n2,0,2\n",
        {"epoch": [1, 1, 2], "loss": [4, 3, 2]},
        ["anew in each epoch"],
    ),
    "cut-off CSV": (
        "m.csv",
        "epoch,loss,acc\n1,4,0.5\n2,3,0.6\n3,2",
        {"epoch": [1, 2, 3], "loss": [4, 3, NAN], "acc": [0.5, 0.6, NAN]},
        ["last line", "incomplete"],
    ),
    "cut-off list": (
        "log",
        '[{"epoch": 1, "train": {"loss": 4}},\n {"epoch": 2, "tr',
        {"epoch": [1], "train/loss": [4]},
        ["breaks off"],
    ),
    "other lines among JSON": (
        "m.jsonl",
        'INFO:root:start\n{"epoch": 1, "loss": 4}\nWARNING: hot\n{"epoch": 2, "loss": 3}\n',
        {"epoch": [1, 2], "loss": [4, 3]},
        ["2 lines", "INFO:root:start"],
    ),
    "a cell that is no number": (
        "m.csv",
        "epoch,loss\n1,4\n2,broken\n3,2\n",
        {"epoch": [1, 2, 3], "loss": [4, NAN, 2]},
        ["'loss'", "'broken'"],
    ),
    "a name twice": (
        "m.csv",
        "epoch,loss,loss\n1,4,3\n",
        {"epoch": [1], "loss": [4], "loss.2": [3]},
        ["several columns 'loss'"],
    ),
    "training and validation below each other": (
        "m.csv",
        "epoch,phase,loss\n1,train,4\n1,val,5\n2,train,3\n2,val,6\n",
        {"epoch": [1, 2], "train/loss": [4, 3], "val/loss": [5, 6]},
        [],
    ),
    "training, then validation": (
        "m.csv",
        "split,epoch,loss\ntrain,1,4\ntrain,2,3\nvalid,1,5\nvalid,2,6\n",
        {"epoch": [1, 2], "train/loss": [4, 3], "valid/loss": [5, 6]},
        [],
    ),
    "kinds in JSON lines, one of which has steps of its own": (
        "m.jsonl",
        '{"mode": "train", "epoch": 1, "iter": 50, "loss": 4}\n{"mode": "val", "epoch": 1, "iter": 20, "loss": 5}\n'
        '{"mode": "train", "epoch": 2, "iter": 50, "loss": 3}\n{"mode": "val", "epoch": 2, "iter": 20, "loss": 6}\n',
        {"epoch": [1, 2], "train/loss": [4, 3], "val/loss": [5, 6]},
        ["anew in each epoch"],
    ),
    "a column that says whether it is training": (
        "m.csv",
        "epoch,is_train,loss\n1,1,4\n1,0,5\n2,1,3\n2,0,6\n",
        {"epoch": [1, 2], "train/loss": [4, 3], "val/loss": [5, 6]},
        [],
    ),
    "a row for each metric": (
        "m.csv",
        "epoch,metric,value\n1,loss,4\n1,acc,0.5\n2,loss,3\n2,acc,0.6\n",
        {"epoch": [1, 2], "loss": [4, 3], "acc": [0.5, 0.6]},
        [],
    ),
    "a row for each class": (
        "m.csv",
        "epoch,animal,acc\n1,cat,0.5\n1,dog,0.4\n2,cat,0.6\n2,dog,0.7\n",
        {"epoch": [1, 2], "cat/acc": [0.5, 0.6], "dog/acc": [0.4, 0.7]},
        [],
    ),
    "words that tell no kinds": (
        "m.csv",
        "epoch,note,loss\n1,warm,4\n2,warm,3\n3,hot,2\n4,hot,1\n",
        {"epoch": [1, 2, 3, 4], "loss": [4, 3, 2, 1]},
        ["'note'", "'warm'"],
    ),
    "events beside reports": (
        "m.jsonl",
        '{"type": "report", "epoch": 1, "loss": 4}\n{"type": "saved", "epoch": 1}\n'
        '{"type": "report", "epoch": 2, "loss": 3}\n{"type": "saved", "epoch": 2}\n',
        {"epoch": [1, 2], "loss": [4, 3]},
        ["'type'"],
    ),
    "newest first": (
        "m.csv",
        "epoch,loss\n3,2\n2,3\n1,4\n",
        {"epoch": [1, 2, 3], "loss": [4, 3, 2]},
        ["sorted"],
    ),
    "rows that passed each other": (
        "m.jsonl",
        '{"step": 20, "loss": 3}\n{"step": 10, "loss": 4}\n{"step": 30, "loss": 2}\n',
        {"iteration": [10, 20, 30], "loss": [4, 3, 2]},
        ["sorted"],
    ),
    "a resume between moments is no disorder": (
        "m.csv",
        "step,loss\n100,4\n200,3\n300,9\n250,2\n350,1\n",
        {"iteration": [100, 200, 250, 350], "loss": [4, 3, 2, 1]},
        ["resumed", "1 earlier row"],
    ),
    "episodes of as many steps each": (
        "m.csv",
        "episode,steps,reward\n1,200,5\n2,200,6\n3,200,7\n",
        {"epoch": [1, 2, 3], "reward": [5, 6, 7]},
        ["anew in each epoch"],
    ),
    "other comments": ("m.csv", "// run 3\nepoch,loss\n1,4\n% resumed\n2,3\n", {"epoch": [1, 2], "loss": [4, 3]}, []),
    "a comment of an INI file": ("m.csv", "; run 3\nepoch,loss\n1,4\n", {"epoch": [1], "loss": [4]}, []),
    "single quotes": ("m.csv", "'epoch','loss'\n'1','4'\n", {"epoch": [1], "loss": [4]}, []),
    "zeros of blocks that were never written": (
        "m.csv",
        b"epoch,loss\n1,4\n" + bytes(64),
        {"epoch": [1], "loss": [4]},
        [],
    ),
    "zeros behind UTF-16": (
        "m.csv",
        "epoch,loss\n1,4\n".encode("utf-16") + bytes(64),
        {"epoch": [1], "loss": [4]},
        [],
    ),
    "history of texts": (
        "h.json",
        '{"loss": ["2.0", "1.0"], "acc": ["50 %", "60 %"]}',
        {"epoch": [1, 2], "loss": [2, 1], "acc": [0.5, 0.6]},
        ["epochs 1, 2"],
    ),
    "values that no axis holds": (
        "m.jsonl",
        '{"epoch": 1, "loss": -1.7e308}\n{"epoch": 2, "loss": 1}\n',
        {"epoch": [1, 2], "loss": [NAN, 1]},
        ["too large to be drawn"],
    ),
}


@pytest.mark.parametrize("case", READ)
def test_log_is_read(result: Path, case: str) -> None:
    name, content, columns, words = READ[case]
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    log = read(path)
    assert sorted(log.columns) == sorted(columns)
    for column, values in columns.items():
        np.testing.assert_array_equal(log.columns[column], values)
    told = "\n".join(log.notes)
    assert [word for word in words if word not in told] == []
    if not words:
        assert log.notes == ()


@pytest.mark.parametrize("case", [case for case in READ if READ[case][0].endswith(".csv")])
def test_pandas_reads_the_same(result: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    name, content, columns, _ = READ[case]
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(csv_log, "LARGE_BYTES", 0)
    log = read(path)
    assert sorted(log.columns) == sorted(columns)
    if case != "cut-off CSV":  # only a short log tells its last line from the others
        for column, values in columns.items():
            np.testing.assert_array_equal(log.columns[column], values)


@pytest.mark.parametrize("text", ["sepal,petal\n5.1,3.5\n", '{"layers": [1, 2], "size": 3}', "a,b\nloss,x\n"])
def test_other_tables_are_no_logs(result: Path, text: str) -> None:
    Path("x.csv").write_text(text)
    assert read_if_log(Path("x.csv")) is None


def test_metrics_of_mlflow(result: Path) -> None:
    result_folder(result, log=False)
    folder = result / "mlruns" / "0" / "abc" / "metrics"
    (folder / "train").mkdir(parents=True)
    (folder / "acc").write_text("1700000000000 0.5 3\n1700000000001 0.75 6\n")
    (folder / "train" / "loss").write_text("1700000000000 2.0 3\n1700000000001 1.0 6\n")
    log = open_run(result).log
    assert log is not None
    assert log.format == "mlflow"
    assert {name: values.tolist() for name, values in log.columns.items()} == {
        "iteration": [3, 6],
        "acc": [0.5, 0.75],
        "train/loss": [2, 1],
    }


def test_file_that_promises_a_log_and_is_none_is_named(result: Path) -> None:
    result_folder(result, log=False)
    (result / "metrics.csv").write_text("a,b\nx,y\n")
    (note,) = [note for note in open_run(result).notes if "not used as a log" in note]
    assert "metrics.csv" in note
    assert "neither an epoch nor an iteration" in note


@pytest.mark.parametrize("knows_both", [True, False])
def test_log_joins_epochs_and_iterations(result: Path, knows_both: bool) -> None:
    result.mkdir()
    for number, name in enumerate(["model_epoch_1.npz", "model_iter_20.npz", "model_epoch_3.npz"]):
        save(result / name, weights(seed=number))
    rows = [{"epoch": epoch, "loss": 1.0} | ({"iteration": 10 * epoch} if knows_both else {}) for epoch in (1, 2, 3)]
    (result / "log").write_text(json.dumps(rows))
    run = open_run(result)
    moments = [(snapshot.epoch, snapshot.iteration) for snapshot in run.snapshots]
    if knows_both:
        assert moments == [(1, 10), (2, 20), (3, 30)]
    else:
        assert sorted(moments, key=str) == [(1, None), (3, None), (None, 20)]
    assert any("no log says which iteration" in note for note in run.notes) != knows_both


def test_log_in_a_folder_of_its_own(result: Path) -> None:
    result_folder(result, log=False)
    (result / "logs").mkdir()
    (result / "logs" / "train.csv").write_text("epoch,loss\n1,3\n2,2\n3,1\n")
    log = open_run(result).log
    assert log is not None
    assert log.path == result / "logs" / "train.csv"
    (result / "history.csv").write_text("epoch,loss\n1,4\n")
    log = open_run(result).log
    assert log is not None
    assert log.path == result / "history.csv"


def test_table_of_predictions_is_not_preferred_to_a_log(result: Path) -> None:
    result_folder(result, log=False)
    (result / "predictions.csv").write_text("step,score\n" + "".join(f"{at},{at}\n" for at in range(50)))
    (result / "metrics.csv").write_text("epoch,loss\n1,4\n")
    run = open_run(result)
    assert run.log is not None
    assert run.log.path == result / "metrics.csv"
    assert any("likeliest by its name" in note and "predictions.csv" in note for note in run.notes)
