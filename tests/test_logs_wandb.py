"""Files of Weights & Biases, written here byte by byte; a real one is read in test_trackers.py."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder

from nnanim.errors import LogError
from nnanim.reading.logs import wandb
from nnanim.reading.logs.detect import read
from nnanim.reading.opening import open_run

BLOCK = 32768


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(names: list[str], value: bytes) -> bytes:
    key = field(1, names[0].encode()) if len(names) == 1 else b"".join(field(2, name.encode()) for name in names)
    return field(1, key + value)


def history(*items: tuple[list[str], Any]) -> bytes:
    """Return a record with a row of the history, values as JSON."""
    return field(2, b"".join(item(names, field(16, json.dumps(value).encode())) for names, value in items))


def row(step: int, **metrics: Any) -> bytes:
    return history(*(([name], value) for name, value in metrics.items()), (["_step"], step))


def file_of(records: list[bytes]) -> bytes:
    """Put records into blocks: what does not fit goes on in the next one."""
    data = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        first = True
        while True:
            room = BLOCK - len(data) % BLOCK
            if room < 7:
                data += bytes(room)
                continue
            piece, record = record[: room - 7], record[room - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            data += struct.pack("<IHB", 0, len(piece), kind) + piece
            first = False
            if not record:
                break
    return data


OTHER = field(17, field(1, b"some-id"))  # a record of the run, no history


def test_rows_have_their_steps_and_names(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    nested = history((["val", "acc"], 0.5), (["sub"], {"deep": {"er": 2}}), (["_step"], 1), (["_timestamp"], 1.7e9))
    path.write_bytes(file_of([OTHER, row(0, loss=2.0, note="a", flag=True), nested, OTHER]))
    log = read(path)
    assert log.format == "wandb"
    assert log.columns["iteration"].tolist() == [0, 1]
    assert log.metrics == ("loss", "val/acc", "sub/deep/er")
    np.testing.assert_array_equal(log.columns["loss"], [2, np.nan])
    np.testing.assert_array_equal(log.columns["val/acc"], [np.nan, 0.5])
    np.testing.assert_array_equal(log.columns["sub/deep/er"], [np.nan, 2])


def test_numbers_without_json_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    numbers = item(["loss"], varint(6 << 3 | 1) + struct.pack("<d", 0.25))
    numbers += item(["low"], varint(5 << 3) + varint(5)) + item(["_step"], varint(5 << 3) + varint(8))
    path.write_bytes(file_of([field(2, numbers)]))
    log = read(path)
    assert {name: values.tolist() for name, values in log.columns.items()} == {
        "iteration": [4],
        "loss": [0.25],
        "low": [-3],
    }


def test_pictures_are_no_curves(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    flat = history((["film", "_type"], "video-file"), (["film", "size"], 900), (["_step"], 1))
    whole = history((["film"], {"_type": "video-file", "size": 900}), (["loss"], 1.0), (["_step"], 2))
    path.write_bytes(file_of([row(0, loss=2.0), flat, whole]))
    log = read(path)
    assert log.metrics == ("loss",)
    assert log.columns["iteration"].tolist() == [0, 2]


@pytest.mark.parametrize("large", [BLOCK - 20, BLOCK, 3 * BLOCK])
def test_records_go_on_in_the_next_block(tmp_path: Path, large: int) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(file_of([row(0, loss=3.0), field(5, bytes(large)), row(1, loss=2.0), row(2, loss=1.0)]))
    assert read(path).columns["loss"].tolist() == [3, 2, 1]


def test_room_too_small_for_a_head_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    one = row(0, loss=3.0)
    for left in range(7):
        filler = BLOCK - 7 - 7 - len(one) - 7 - left
        other = field(5, bytes(filler - 4))
        assert len(other) == filler
        path.write_bytes(file_of([one, other, row(1, loss=2.0)]))
        assert read(path).columns["loss"].tolist() == [3, 2]


def test_what_is_still_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    data = file_of([row(0, loss=3.0), row(1, loss=2.0), row(2, loss=1.0)])
    for cut in (1, 5, 20):
        path.write_bytes(data[:-cut])
        assert read(path).columns["loss"].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (file_of([row(0, loss=3.0)]) + b"\0\0\0\0\5\0\3abcde", "is damaged after row 1 (a log of Weights & Biases"),
        (file_of([field(2, b"\x0a\xff")]), "is damaged after row 0 (a log of Weights & Biases"),
        (file_of([field(2, item(["loss"], field(16, b"{")))]), "is damaged after row 0 (a log of Weights & Biases"),
        (file_of([OTHER]), "has no rows (a log of Weights & Biases"),
    ],
)
def test_damage_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(data)
    with pytest.raises(LogError) as caught:
        read(path)
    assert told in str(caught.value)


def test_other_files_of_that_name_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.wandb"
    path.write_bytes(b"{}")
    assert not wandb.sniff(path)


def test_calls_are_counted_only_where_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(file_of([row(0, loss=3.0, epoch=1), row(1, loss=2.0, epoch=2)]))
    assert {"epoch", "loss"} == read(path).columns.keys()
    path.write_bytes(file_of([row(0, loss=3.0), row(1, loss=2.0, epoch=2)]))
    assert read(path).columns["iteration"].tolist() == [0, 1]


def test_the_longest_of_a_folder_is_its_log(result: Path) -> None:
    result_folder(result, log=False)
    for name, count in (("offline-run-1-a", 2), ("run-2-b", 3)):
        folder = result / "wandb" / name
        folder.mkdir(parents=True)
        rows = [row(3 * epoch, loss=1 / epoch) for epoch in range(1, count + 1)]
        (folder / f"{name[-1]}.wandb").write_bytes(file_of([OTHER, *rows]))
    run = open_run(result)
    assert run.log is not None
    assert run.log.path.name == "b.wandb"
    assert run.rows == (0, 1, 2)
    assert any("of several runs of Weights & Biases the longest is used" in note for note in run.notes)
