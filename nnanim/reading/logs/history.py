"""Keras's ``History.history`` as JSON: an object with a list of values for every metric, one for each epoch.

Objects in objects are read too (``{"train": {"loss": […]}}``), and so is an object with an object for every epoch
(``{"1": {"loss": 0.5}}``). https://keras.io/api/models/model_training_apis/#fit-method
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.cells import is_missing, number_in
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import counters_in, has_metric, is_log_header
from nnanim.reading.logs.nested import flat, load
from nnanim.reading.logs.table import Row, is_number, log_of, table_of
from nnanim.reading.logs.text import read_text, start_of

FORMAT = "history"
HINT = "a history is a JSON object with a list of numbers for every metric"


def sniff(path: Path) -> bool:
    """Tell whether a file is a history, by its content alone."""
    start = start_of(path, 2**10).lstrip()
    if not start.startswith("{") or not ("[" in start or "{" in start[1:]):
        return False
    try:
        rows, _ = _rows(path, [])
    except LogError:
        return False
    names = dict.fromkeys(key for row in rows for key in row)
    return has_metric(names) or is_log_header(names)


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    notes: list[str] = []
    rows, is_counted = _rows(path, notes)
    return log_of(path, table_of(path, rows), FORMAT, HINT, notes, by_row=not is_counted)


def _rows(path: Path, notes: list[str]) -> tuple[list[Row], bool]:
    """Return rows and whether they say which epoch they are."""
    text, told = read_text(path, HINT)
    notes += told
    try:
        content = load(text)
    except (json.JSONDecodeError, RecursionError):
        raise LogError(f"log {str(path)!r} is not JSON ({HINT})") from None
    if not isinstance(content, dict):
        raise LogError(f"log {str(path)!r} is not an object ({HINT})")
    while len(content) == 1 and isinstance(next(iter(content.values())), dict):
        (content,) = content.values()
    inner = next((value for value in content.values() if _is_rows(value)), None)
    if inner is not None:
        rows = [flat(row) for row in inner]
        return rows, bool({"epoch", "iteration"} & set(counters_in(key for row in rows for key in row)))
    if content and all(key.strip().isdecimal() and isinstance(value, dict) for key, value in content.items()):
        return [{"epoch": int(key[:15]), **flat(value)} for key, value in content.items()], True
    columns = _columns(path, content, notes)
    count = max(map(len, columns.values()))
    rows = [{name: values[place] for name, values in columns.items() if place < len(values)} for place in range(count)]
    return rows, bool({"epoch", "iteration"} & set(counters_in(columns)))


def _columns(path: Path, content: dict[str, Any], notes: list[str]) -> dict[str, list[Any]]:
    lists: dict[str, list[Any]] = {}
    for name, value in flat(content).items():
        if isinstance(value, list) and value and all(map(_is_value, value)):
            lists[name.removeprefix("history/")] = value
    lengths = Counter(map(len, lists.values()))
    if not lengths:
        raise LogError(f"log {str(path)!r} has no lists of numbers ({HINT})")
    usual = max(lengths, key=lambda length: (lengths[length], length))
    other = [name for name, values in lists.items() if len(values) != usual]
    if other:
        notes.append(
            f"columns of log {str(path)!r} do not have {usual} values as the others: {', '.join(map(repr, other[:5]))}"
        )
    return lists


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_value(item: object) -> bool:
    """Tell whether an item is a number, the text of one, or a gap."""
    value = _inner(item)
    if isinstance(value, str):
        return is_missing(value) or number_in(value) is not None
    return value is None or is_number(value)


def _inner(value: object) -> object:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value
