"""Weights & Biases' ``run-ID.wandb``, written offline or not: records of protocol buffers; the history is read.

Read without wandb. A file that is still written ends in the middle of a record; what is whole is read.

Records, in blocks of 32 KiB: https://github.com/google/leveldb/blob/main/doc/log_format.md, behind 7 bytes of wandb's
own. Formats: https://github.com/wandb/wandb/blob/main/wandb/proto/wandb_internal.proto (``Record``, ``HistoryRecord``,
``HistoryItem``)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import WANDB_SUFFIX, counters_in
from nnanim.reading.logs.nested import flat, load
from nnanim.reading.logs.table import Row, make_log
from nnanim.reading.logs.tensorboard import fields
from nnanim.reading.logs.text import read_bytes

FORMAT = "wandb"
HINT = "a log of Weights & Biases is a file run-ID.wandb with a history"
_MAGIC = b":W&B"
_HEADER_BYTES = 7
_BLOCK_BYTES = 32 * 1024
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4  # what a piece is of its record
_MEDIA = "_type"  # a key of what is no number: pictures, tables
_COUNTING = frozenset(("_step", "_runtime"))  # what wandb adds itself and a log can use


def sniff(path: Path) -> bool:
    """Tell whether a file is one of these, by its name and its first bytes."""
    if path.suffix != WANDB_SUFFIX:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read(path: Path) -> Log:
    """Read the history of a run; its metrics are rows with the step at which they were logged.

    Raises:
        LogError: the file cannot be opened, is damaged, or holds no history.
    """
    data = read_bytes(path, HINT)
    rows: list[Row] = []
    try:
        for record in _records(data):
            rows += [_row(content) for number, content in fields(record) if number == 2 and isinstance(content, bytes)]
    except (ValueError, RecursionError) as error:
        raise LogError(f"log {str(path)!r} is damaged after row {len(rows)} ({HINT})") from error
    return make_log(path, _counted([row for row in rows if row]), FORMAT, HINT)


def _counted(rows: list[Row]) -> list[Row]:
    """Leave out wandb's own step, which counts calls, where every row says its epoch or its iteration too."""
    others = [counters_in(row.keys() - {"_step"}).keys() & {"epoch", "iteration"} for row in rows]
    if all(others):
        for row in rows:
            row.pop("_step", None)
    return rows


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the records, put together of their pieces.

    Raises:
        ValueError: a piece does not follow the one before.
    """
    place = _HEADER_BYTES
    pieces: list[bytes] = []
    while place + 7 <= len(data):
        room = _BLOCK_BYTES - place % _BLOCK_BYTES
        if room < 7:  # too little for the head of a piece: zeros
            place += room
            continue
        size, kind = struct.unpack_from("<HB", data, place + 4)
        if kind == 0 and size == 0:  # as a block is filled up
            place += room
            continue
        if size + 7 > room or not _WHOLE <= kind <= _LAST or (kind in (_WHOLE, _FIRST)) != (not pieces):
            raise ValueError("no piece of a record")
        piece = data[place + 7 : place + 7 + size]
        if len(piece) < size:
            return  # still being written
        place += 7 + size
        pieces.append(piece)
        if kind in (_WHOLE, _LAST):
            yield b"".join(pieces)
            pieces = []


def _row(history: bytes) -> Row:
    """Return the numbers of a row of the history by their names, none where only wandb's own are in it."""
    items = [_item(content) for number, content in fields(history) if number == 1 and isinstance(content, bytes)]
    media = {tuple(names[:-1]) for names, _ in items if len(names) > 1 and names[-1] == _MEDIA}
    row: Row = {}
    for names, value in items:
        if isinstance(value, dict) and _MEDIA not in value:
            row |= flat({"/".join(names): value})
        elif isinstance(value, int | float) and not isinstance(value, bool) and tuple(names[:-1]) not in media:
            row["/".join(names)] = value
    row = {name: value for name, value in row.items() if not name.startswith("_") or name in _COUNTING}
    return row if row.keys() - _COUNTING else {}


def _item(data: bytes) -> tuple[list[str], Any]:
    """Return the names of an item, one inside the other, and its value: of JSON, or a number as newer files have it."""
    key: list[str] = []
    nested: list[str] = []
    value: Any = None
    for number, content in fields(data):
        if isinstance(content, int):
            if number == 5:
                value = (content >> 1) ^ -(content & 1)  # a signed number, in zigzags
        elif number == 1:
            key = [content.decode("utf-8", "replace")]
        elif number == 2:
            nested.append(content.decode("utf-8", "replace"))
        elif number == 6 and len(content) == 8:
            value = struct.unpack("<d", content)[0]
        elif number in (8, 16):
            value = load(content.decode("utf-8"))
    return nested or key, value
