"""Which format a log is of. A format is a module with ``sniff`` and ``read``, imported when a file may be of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nnanim.reading.logs.log import Log

EVENTS_MARK = ".tfevents."  # in the names of TensorBoard's files
TRAINER_STATE = "trainer_state.json"  # what Transformers leaves in each checkpoint

Read = Callable[[Path], Log]


def read(path: Path) -> Log:
    """Read a log of any format.

    Raises:
        LogError: it cannot be opened, or is of no format that is known.
    """
    found = _other_than_chainer(path)
    if found is not None:
        return found(path)
    from nnanim.reading.logs import chainer

    return chainer.read(path)


def read_if_log(path: Path) -> Log | None:
    """Do as `read`, but return None where a file is of no format that is known.

    Raises:
        LogError: it is of a known format, and cannot be read.
    """
    found = _other_than_chainer(path)
    if found is not None:
        return found(path)
    from nnanim.reading.logs import chainer

    return chainer.read(path) if chainer.sniff(path) else None


def _other_than_chainer(path: Path) -> Read | None:
    """Return what reads a file by its name and its first line, or None where it may at best be a Chainer log."""
    start = _start_of(path)
    if not _is_json_list(start):
        from nnanim.reading.logs import csv

        if csv.sniff(path):
            return csv.read
    if start[:1] == b"{":
        from nnanim.reading.logs import jsonl

        if jsonl.sniff(path):
            return jsonl.read
    if EVENTS_MARK in path.name:
        from nnanim.reading.logs import tensorboard

        if tensorboard.sniff(path):
            return tensorboard.read
    if path.name == TRAINER_STATE:
        from nnanim.reading.logs import trainer_state

        if trainer_state.sniff(path):
            return trainer_state.read
    return None


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return b""


def _is_json_list(start: bytes) -> bool:
    return start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]", b"")
