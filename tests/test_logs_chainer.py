from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nnanim.errors import LogError
from nnanim.reading.logs import chainer as chainer_log
from nnanim.reading.logs import table, text

HINT = "a log is a JSON list with one object per row, as Chainer's LogReport writes it"


def log(path: Path, text: str) -> chainer_log.Log:
    path.write_text(text, encoding="utf-8")
    return chainer_log.read(path)


def test_table_holds_the_rows(tmp_path: Path) -> None:
    found = log(
        tmp_path / "log",
        '[{"main/loss": 0.5, "epoch": 1, "iteration": 3, "elapsed_time": 0.1},'
        ' {"main/loss": 0.25, "epoch": 2, "iteration": 6, "elapsed_time": 0.2}]',
    )
    assert found.metrics == ("main/loss",)
    assert found.table.to_dict("list") == {
        "main/loss": [0.5, 0.25],
        "epoch": [1, 2],
        "iteration": [3, 6],
        "elapsed_time": [0.1, 0.2],
    }
    assert found.table["epoch"].dtype == np.int64
    assert found.present.all(axis=None)


def test_gaps_are_told_from_absent_keys(tmp_path: Path) -> None:
    found = log(
        tmp_path / "log",
        '[{"epoch": 0, "validation/loss": 1}, {"epoch": 1, "loss": NaN}, {"epoch": 2, "loss": -Infinity},'
        ' {"epoch": 3, "loss": null}, {"epoch": 4, "loss": 2}]',
    )
    assert found.metrics == ("validation/loss", "loss")
    np.testing.assert_array_equal(found.table["loss"], [np.nan, np.nan, np.nan, np.nan, 2])
    assert found.present["loss"].tolist() == [False, True, True, True, True]
    assert found.present["validation/loss"].tolist() == [True, False, False, False, False]


def test_values_that_are_no_numbers_are_no_metrics(tmp_path: Path) -> None:
    found = log(
        tmp_path / "log",
        '[{"iteration": 1.5, "name": "a", "done": true, "list": [1], "loss": 1}, {"iteration": 2, "loss": "x"}]',
    )
    assert found.metrics == ("list", "loss")  # a list of one number is that number
    assert found.table["iteration"].tolist() == [1.5, 2]
    assert found.present["loss"].tolist() == [True, False]


def test_huge_integer_is_a_gap(tmp_path: Path) -> None:
    found = log(tmp_path / "log", '[{"epoch": 1, "loss": ' + "9" * 5000 + "}]")
    assert np.isnan(found.table["loss"][0])


def test_byte_order_mark_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'\xef\xbb\xbf[{"epoch": 1}]')
    assert chainer_log.sniff(tmp_path / "log")
    assert len(chainer_log.read(tmp_path / "log").table) == 1


BROKEN = {
    "empty": ("", f"log 'log' is empty ({HINT})"),
    "blank": (" \n", f"log 'log' is empty ({HINT})"),
    "no rows": ("[]", f"log 'log' has no rows ({HINT})"),
    "not JSON": ("epoch 1: good", f"log 'log' is not JSON at line 1, column 1 ({HINT})"),
    "cut off": ('[\n {"epo', f"log 'log' is not JSON at line 2, column 3 ({HINT})"),
    "an object": ('{"epoch": 1}', f"log 'log' is not a list of objects ({HINT})"),
    "list of numbers": ("[1, 2]", f"log 'log' is not a list of objects ({HINT})"),
    "no counter": ('[{"size": 1}]', f"log 'log' has neither an epoch nor an iteration in any row ({HINT})"),
    "too deep": ("[" * 100_000, f"log 'log' is nested too deep ({HINT})"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_log(result: Path, case: str) -> None:
    text, message = BROKEN[case]
    with pytest.raises(LogError) as caught:
        log(Path("log"), text)
    assert str(caught.value) == message
    assert not chainer_log.sniff(Path("log"))


def test_log_that_is_not_text(result: Path) -> None:
    Path("log").write_bytes(b"[\x00\xfe]")
    with pytest.raises(LogError) as caught:
        chainer_log.read(Path("log"))
    assert str(caught.value) == f"log 'log' is not UTF-8 text ({HINT})"


def test_log_that_is_too_large(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_LOG_BYTES", 20)
    with pytest.raises(LogError) as caught:
        log(Path("log"), json.dumps([{"epoch": 1, "loss": 0.5}]))
    assert str(caught.value) == "log 'log' is too large (at most 20 bytes are read)"


def test_log_with_too_many_columns(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_CELLS", 5)
    with pytest.raises(LogError) as caught:
        log(Path("log"), '[{"epoch": 1, "a": 1}, {"b": 1}]')
    assert str(caught.value) == "log 'log' is too large: 2 rows of 3 columns (at most 5 values)"
