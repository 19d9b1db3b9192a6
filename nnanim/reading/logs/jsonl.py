"""JSON lines: one object on each line, written and flushed as the training goes.

A line that was cut off at the end of the file is left out; a dict in a dict becomes ``train/loss``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.table import Row, is_log_header, make_log, parse_integer, read_text

FORMAT = "jsonl"
HINT = "a log of JSON lines has one object on each line, with an epoch or a step"
_MAX_NESTING = 8


def sniff(path: Path) -> bool:
    """Tell whether a file is a log of JSON lines, by its first line alone."""
    try:
        with path.open("rb") as file:
            start = file.readline(2**16)
        if not start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            return False
        return is_log_header(_row(start.decode("utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return False


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    lines = read_text(path, HINT).splitlines()
    rows: list[Row] = []
    notes = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(line))
        except (ValueError, RecursionError):
            if number < len(lines) or not rows:
                raise LogError(f"log {str(path)!r} is not a JSON object at line {number} ({HINT})") from None
            notes.append(f"the last line of log {str(path)!r} is incomplete and is left out")
    return make_log(path, rows, FORMAT, HINT, notes)


def _row(line: str) -> Row:
    row = json.loads(line, parse_int=parse_integer)
    if not isinstance(row, dict):
        raise ValueError("no object")
    return _flat(row, 0)


def _flat(row: dict[str, Any], depth: int) -> Row:
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, dict) and depth < _MAX_NESTING:
            flat |= {f"{key}/{inner}": item for inner, item in _flat(value, depth + 1).items()}
        else:
            flat[key] = value
    return flat
