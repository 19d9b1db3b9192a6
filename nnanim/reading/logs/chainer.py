"""Chainer logs: a JSON list with one object per report, written by ``chainer.training.extensions.LogReport``.

Keys are free (``main/accuracy``, ``validation/main/loss``, …) beside ``epoch``, ``iteration`` and ``elapsed_time``;
a row may lack any. ``NaN`` and ``Infinity`` occur as bare words, as Python's ``json`` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.table import is_number, parse_integer, tabulate
from nnanim.reading.logs.table import read_text as read_file

FORMAT = "chainer"
_HINT = "a log is a JSON list with one object per row, as Chainer's LogReport writes it"


def sniff(path: Path) -> bool:
    """Tell whether a file is a Chainer log, by its content alone."""
    try:
        with path.open("rb") as file:
            if not file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
                return False
        _rows(read_file(path, _HINT), str(path))
    except (LogError, OSError):
        return False
    return True


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    return _log(path, _rows(read_file(path, _HINT), str(path)))


def read_text(text: str, path: Path) -> Log | None:
    """Read a log from text that a snapshot carries; None where it has no rows yet.

    Args:
        text: the JSON text.
        path: the snapshot, for messages.

    Raises:
        LogError: the text is no log.
    """
    if text.strip() == "[]":
        return None
    return _log(path, _rows(text, str(path)))


def _rows(text: str, where: str) -> list[dict[str, Any]]:
    if not text.strip():
        raise LogError(f"log {where!r} is empty ({_HINT})")
    try:
        rows = json.loads(text, parse_int=parse_integer)
    except json.JSONDecodeError as error:
        raise LogError(f"log {where!r} is not JSON at line {error.lineno}, column {error.colno} ({_HINT})") from None
    except RecursionError:
        raise LogError(f"log {where!r} is nested too deep ({_HINT})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LogError(f"log {where!r} is not a list of objects ({_HINT})")
    if not rows:
        raise LogError(f"log {where!r} has no rows ({_HINT})")
    if not any(is_number(row.get(counter)) for row in rows for counter in ("epoch", "iteration")):
        raise LogError(f"log {where!r} has neither an epoch nor an iteration in any row ({_HINT})")
    return rows


def _log(path: Path, rows: list[dict[str, Any]]) -> Log:
    return tabulate(path, rows, FORMAT)
