"""Logs that are one JSON list with an object for every report, as Chainer's ``LogReport`` writes them.

Keys are free (``main/accuracy``, ``validation/main/loss``, …) beside ``epoch``, ``iteration`` and ``elapsed_time``;
a row may lack any. ``NaN`` and ``Infinity`` occur as bare words, as Python's ``json`` writes them. Of a list that was
cut off the objects that are whole are read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import counters_in, has_metric
from nnanim.reading.logs.nested import flat, load, whole_objects
from nnanim.reading.logs.table import log_of, table_of
from nnanim.reading.logs.text import read_text as read_file
from nnanim.reading.logs.text import start_of

FORMAT = "chainer"
OTHER = "json"  # a list that has not Chainer's counters
_HINT = "a log is a JSON list with one object per row, as Chainer's LogReport writes it"


def sniff(path: Path) -> bool:
    """Tell whether a file is a list of reports, by its content alone."""
    start = start_of(path).lstrip()
    if start[:1] != "[" or start[1:].lstrip()[:1] not in ("{", ""):
        return False
    try:
        _rows(read_file(path, _HINT)[0], str(path), [])
    except (LogError, OSError):
        return False
    return True


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    text, notes = read_file(path, _HINT)
    return _log(path, _rows(text, str(path), notes), notes)


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
    notes: list[str] = []
    return _log(path, _rows(text, str(path), notes), notes)


def _rows(text: str, where: str, notes: list[str]) -> list[dict[str, Any]]:
    if not text.strip():
        raise LogError(f"log {where!r} is empty ({_HINT})")
    try:
        rows = load(text)
    except json.JSONDecodeError as error:
        rows = whole_objects(text) if text.lstrip().startswith("[") else []
        if not rows:
            problem = f"is not JSON at line {error.lineno}, column {error.colno}"
            raise LogError(f"log {where!r} {problem} ({_HINT})") from None
        notes.append(f"log {where!r} breaks off or is damaged at line {error.lineno}: {len(rows)} rows before count")
    except RecursionError:
        raise LogError(f"log {where!r} is nested too deep ({_HINT})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LogError(f"log {where!r} is not a list of objects ({_HINT})")
    if not rows:
        raise LogError(f"log {where!r} has no rows ({_HINT})")
    rows = [flat(row) for row in rows]
    names = dict.fromkeys(key for row in rows for key in row)
    if not {"epoch", "iteration"} & set(counters_in(names)) and not has_metric(names):
        raise LogError(f"log {where!r} has neither an epoch nor an iteration in any row ({_HINT})")
    return rows


def _log(path: Path, rows: list[dict[str, Any]], notes: list[str]) -> Log:
    form = FORMAT if any("iteration" in row or "epoch" in row for row in rows) else OTHER
    return log_of(path, table_of(path, rows), form, _HINT, notes, by_row=True)
