"""JSON lines: one object on each line, written and flushed as the training goes.

A line that was cut off and lines of another kind, such as those of Python's ``logging``, are left out with a note; a
dict in a dict becomes ``train/loss``.
"""

from __future__ import annotations

from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import is_log_header
from nnanim.reading.logs.nested import flat, objects_in
from nnanim.reading.logs.table import Row, make_log
from nnanim.reading.logs.text import read_text, start_of
from nnanim.words import counted

FORMAT = "jsonl"
HINT = "a log of JSON lines has one object on each line, with an epoch or a step"
_LOOKED_AT = 50  # lines in which one must be a row of a log
_SHOWN = 60


def sniff(path: Path) -> bool:
    """Tell whether a file is a log of JSON lines, by its first lines alone."""
    for line in start_of(path).splitlines()[:_LOOKED_AT]:
        try:
            if line.lstrip().startswith("{") and any(is_log_header(flat(row)) for row in objects_in(line)):
                return True
        except (ValueError, RecursionError):
            continue
    return False


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    text, notes = read_text(path, HINT)
    lines = text.splitlines()
    where = repr(str(path))
    rows: list[Row] = []
    others: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows += map(flat, objects_in(line))
        except (ValueError, RecursionError):
            others.append((number, line.strip()[:_SHOWN]))
    if others and others[-1][0] == len(lines) and others[-1][1].startswith("{") and rows:
        others.pop()
        notes.append(f"the last line of log {where} is incomplete and is left out")
    if others:
        number, shown = others[0]
        if not rows:
            raise LogError(f"log {where} is not a JSON object at line {number} ({HINT})")
        which = f"line {number}, {shown!r}"
        are = "is no JSON object and is" if len(others) == 1 else "are no JSON objects and are"
        notes.append(f"{counted(len(others), 'line')} of log {where} {are} left out, such as {which}")
    return make_log(path, rows, FORMAT, HINT, notes)
