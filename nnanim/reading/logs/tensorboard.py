"""TensorBoard event files: records of protocol buffers, of which the scalars are read.

Read without TensorBoard, whose reader thins the values out and whose install is large. A file that is still written
ends in the middle of a record; what is whole is read.

Formats: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto, ``summary.proto``,
``tensor.proto`` there; records: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import EVENTS_MARK
from nnanim.reading.logs.table import Row, make_log
from nnanim.reading.logs.text import read_bytes

FORMAT = "tensorboard"
HINT = "a TensorBoard log is an event file with scalars"
_NO_METRICS = ("hp_metric", "_hparams_/experiment")
_FLOAT, _DOUBLE = 1, 2  # types of a tensor

Field = tuple[int, int | bytes]


def sniff(path: Path) -> bool:
    """Tell whether a file is an event file, by its name and its first bytes."""
    if EVENTS_MARK not in path.name:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return len(start) == 12 and int(struct.unpack_from("<Q", start)[0]) < 2**20


def read(path: Path) -> Log:
    """Read one event file.

    Raises:
        LogError: the file cannot be opened, or holds no scalars.
    """
    return read_all([path])


def read_all(paths: Sequence[Path]) -> Log:
    """Read the event files of one training as one log.

    A name that occurs in several folders (``train`` and ``validation``) gets its folder's name in front.

    Raises:
        LogError: a file cannot be opened, or none holds scalars.
    """
    found = [(path, list(_scalars(path))) for path in paths]
    folders: dict[str, set[Path]] = {}
    for path, scalars in found:
        for _, tag, _ in scalars:
            folders.setdefault(tag, set()).add(path.parent)
    rows: dict[int, Row] = {}
    for path, scalars in found:
        for step, tag, value in scalars:
            name = f"{path.parent.name}/{tag}" if len(folders[tag]) > 1 and tag != "epoch" else tag
            if tag not in _NO_METRICS:
                rows.setdefault(step, {"iteration": step})[name] = value
    log = make_log(paths[0], [rows[step] for step in sorted(rows)], FORMAT, HINT)
    return replace(log, parts=tuple(paths[1:]))


def _scalars(path: Path) -> Iterator[tuple[int, str, float]]:
    """Yield step, name and value of each scalar."""
    data = read_bytes(path, HINT)
    place = 0
    try:
        while place + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            record = data[place + 12 : place + 12 + length]
            if len(record) < length:
                return  # still being written
            yield from _scalars_in(record)
            place += 16 + length
    except (ValueError, struct.error) as error:
        raise LogError(f"log {str(path)!r} is damaged at byte {place} ({HINT})") from error


def _scalars_in(event: bytes) -> Iterator[tuple[int, str, float]]:
    step = 0
    summaries = []
    for number, content in fields(event):
        if number == 2 and isinstance(content, int):
            step = content
        elif number == 5 and isinstance(content, bytes):
            summaries.append(content)
    for summary in summaries:
        for number, content in fields(summary):
            if number != 1 or not isinstance(content, bytes):
                continue
            tag, value = "", None
            for inner, part in fields(content):
                if inner == 1 and isinstance(part, bytes):
                    tag = part.decode("utf-8", "replace")
                elif inner == 2 and isinstance(part, bytes) and len(part) == 4:
                    value = float(struct.unpack("<f", part)[0])
                elif inner == 8 and isinstance(part, bytes):
                    value = _tensor(part)
            if tag and value is not None and 0 <= step < 2**53:
                yield step, tag, value


def _tensor(data: bytes) -> float | None:
    """Return the only value of a tensor of real numbers, or None."""
    kind = 0
    values = b""
    for number, content in fields(data):
        if number == 1 and isinstance(content, int):
            kind = content
        elif number in (4, 5, 6) and isinstance(content, bytes):
            values = content
    code = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind)
    if code is None or len(values) != struct.calcsize(code):
        return None
    return float(struct.unpack(code, values)[0])


def fields(data: bytes) -> Iterator[Field]:
    """Yield number and content of each field of a message: an integer, or bytes."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == 2:
            size, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown kind {kind}")
        if place + size > len(data):
            raise ValueError("cut off")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("cut off")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("too long")
