"""What a recording says of its connections, and what becomes of a file that is damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnanim import Recorder, SnapshotError, open_run
from nnanim.reading import connections
from nnanim.reading.connections import CONNECTIONS_NAME, Connections, read_connections

RESIDUAL = Connections(
    (("a", "b"), ("a", "~1"), ("b", "~1"), ("~1", "~2"), ("c", "~2"), ("~2", "d")),
    {"~1": "sum", "~2": "concatenation"},
    ("a", "c"),
    ("d",),
)


def write(folder: Path, text: str) -> Path:
    path = folder / CONNECTIONS_NAME
    path.write_text(text)
    return path


def test_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, RESIDUAL.as_json())
    assert read_connections(tmp_path) == RESIDUAL


def test_pairs_go_through_joins() -> None:
    assert set(RESIDUAL.pairs()) == {("a", "b"), ("a", "d"), ("b", "d"), ("c", "d")}


def test_joins_in_a_circle_end() -> None:
    circle = Connections((("~1", "~2"), ("~2", "~1"), ("a", "~1"), ("~2", "b")), {"~1": "sum", "~2": "sum"})
    assert circle.pairs() == (("a", "b"),)


def test_too_many_steps_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_STEPS", 5)
    with pytest.raises(SnapshotError, match=r"^6 connections through 2 joins are too many$"):
        RESIDUAL.pairs()


def test_no_file() -> None:
    assert read_connections(Path("/")) is None


DAMAGED: dict[str, str] = {
    "cut off": RESIDUAL.as_json()[:-5],
    "no JSON": "\x00",
    "deep": "[" * 100_000,
    "another version": '{"version": 2}',
    "a list": "[]",
    "no pairs": '{"version": 1, "arrows": [["a"]], "joins": {}, "inputs": [], "outputs": []}',
    "numbers": '{"version": 1, "arrows": [["a", 1]], "joins": {}, "inputs": [], "outputs": []}',
    "no outputs": '{"version": 1, "arrows": [["a", "b"]], "joins": {}, "inputs": []}',
    "joins in a list": '{"version": 1, "arrows": [["a", "b"]], "joins": [], "inputs": [], "outputs": []}',
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_file_is_a_sentence(tmp_path: Path, case: str) -> None:
    path = write(tmp_path, DAMAGED[case])
    with pytest.raises(SnapshotError) as caught:
        read_connections(tmp_path)
    assert repr(str(path)) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / CONNECTIONS_NAME)
    with pytest.raises(SnapshotError, match=r"is no file of 16000000 bytes at most, as connections are$"):
        read_connections(tmp_path)


def record(folder: Path, arrows: list[Any]) -> None:
    recorder = Recorder(folder)
    recorder.record({"a.weight": np.ones((3, 2)), "b.weight": np.ones((2, 3))}, epoch=1)
    content = {"version": 1, "arrows": arrows, "joins": {"~1": "sum"}, "inputs": [], "outputs": []}
    write(folder, json.dumps(content))


def test_snapshots_have_the_pairs_of_their_arrays(result: Path) -> None:
    record(result, [["a.weight", "~1"], ["~1", "b.weight"], ["a.weight", "gone.weight"]])
    run = open_run(result)
    assert run.snapshots[0]._contents.connections == (("a.weight", "b.weight"),)
    assert not any(connections.CONNECTIONS_NAME in note for note in run.notes)


def test_damaged_file_is_a_note(result: Path) -> None:
    record(result, [["a.weight"]])
    run = open_run(result)
    assert run.snapshots[0]._contents.connections is None
    assert any("'result/connections.json' holds no connections" in note for note in run.notes)
