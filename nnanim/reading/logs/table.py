"""Rows of any log format as a table: columns under their usual names, rows that belong together as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import LogError
from nnanim.reading.logs.log import COUNTERS, Log

MAX_LOG_BYTES = 2**26
MAX_CELLS = 50_000_000
_NAMES = {
    "epoch": ("epoch", "epochs", "ep"),
    "iteration": ("iteration", "iterations", "iter", "it", "global_step", "step", "steps", "_step", "num_updates"),
    "elapsed_time": (
        "elapsed_time",
        "elapsed",
        "time",
        "wall_time",
        "_runtime",
        "_timestamp",
        "timestamp",
        "total_time",
    ),
}

Row = dict[str, Any]


def read_bytes(path: Path, hint: str) -> bytes:
    """Read a whole log.

    Raises:
        LogError: the file cannot be opened, is empty or too large.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LOG_BYTES + 1)
    except OSError as error:
        raise LogError(f"cannot open log {where!r}: {error.strerror} ({hint})") from error
    if len(data) > MAX_LOG_BYTES:
        raise LogError(f"log {where!r} is too large (at most {MAX_LOG_BYTES} bytes are read)")
    if not data.strip():
        raise LogError(f"log {where!r} is empty ({hint})")
    return data


def read_text(path: Path, hint: str) -> str:
    """Read a whole log as UTF-8.

    Raises:
        LogError: the file cannot be opened, is empty, too large, or no UTF-8.
    """
    try:
        return read_bytes(path, hint).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LogError(f"log {str(path)!r} is not UTF-8 text ({hint})") from None


def counters_in(columns: Iterable[str]) -> dict[str, str]:
    """Return which columns hold epoch, iteration and elapsed time, by the names that they usually have."""
    plain = {column.strip().lower().rsplit("/", 1)[-1]: column for column in reversed(list(columns))}
    found = {}
    for counter, names in _NAMES.items():
        name = next((name for name in names if name in plain), None)
        if name is not None:
            found[counter] = plain[name]
    return found


def is_log_header(columns: Iterable[str]) -> bool:
    """Tell whether columns are those of a log: an epoch or an iteration, and something beside it."""
    names = list(columns)
    found = counters_in(names)
    return ("epoch" in found or "iteration" in found) and len(names) > len(found)


def make_log(path: Path, rows: Sequence[Row], form: str, hint: str, notes: Iterable[str] = ()) -> Log:
    """Make a log of rows: counters get their names, and consecutive rows of the same moment become one.

    Args:
        path: the file.
        rows: values by column; None stands for a value that is said to be none.
        form: the format.
        hint: what a log of this format is, for messages.
        notes: what a user should be told.

    Raises:
        LogError: there are no rows, or no row has an epoch or an iteration.
    """
    columns = dict.fromkeys(key for row in rows for key in row)
    renamed = {column: counter for counter, column in counters_in(columns).items()}
    plain = [{renamed.get(key, key): value for key, value in row.items()} for row in rows]
    merged = _merge(plain)
    if not merged:
        raise LogError(f"log {str(path)!r} has no rows ({hint})")
    if not any(is_number(row.get(counter)) for row in merged for counter in ("epoch", "iteration")):
        raise LogError(f"log {str(path)!r} has neither an epoch nor an iteration in any row ({hint})")
    return tabulate(path, merged, form, notes)


def tabulate(path: Path, rows: Sequence[Row], form: str, notes: Iterable[str] = ()) -> Log:
    """Make a log of rows as they are.

    Raises:
        LogError: there are too many values.
    """
    numeric = dict.fromkeys(key for row in rows for key, value in row.items() if is_number(value))
    if len(numeric) * len(rows) > MAX_CELLS:
        raise LogError(
            f"log {str(path)!r} is too large: {len(rows)} rows of {len(numeric)} columns (at most {MAX_CELLS} values)"
        )
    columns = {key: np.array([_value(row.get(key)) for row in rows], dtype=np.float64) for key in numeric}
    for counter in ("epoch", "iteration"):
        if counter in columns:
            columns[counter] = _as_counts(columns[counter])
    # null stands for NaN where a writer keeps to strict JSON; a text or an object is no value of a metric.
    stated = {
        key: np.array([key in row and (row[key] is None or is_number(row[key])) for row in rows], dtype=bool)
        for key in numeric
    }
    return Log(path, columns, stated, form, tuple(notes))


def is_number(value: object) -> bool:
    """Tell whether a value is a number, which True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_integer(digits: str) -> int | float:
    """Return the value of an integer in JSON."""
    # int() refuses thousands of digits and float() makes them infinite, which is a gap.
    return int(digits) if len(digits) < 300 else float(digits)


def _merge(rows: Sequence[Row]) -> list[Row]:
    """Join a row to the one before where both are of the same moment and share no metric.

    Lightning writes training and validation in two rows of the same step, Transformers ``loss`` and ``eval_loss``.
    """
    merged: list[Row] = []
    for row in rows:
        before = merged[-1] if merged else None
        if before is not None and _same_moment(before, row) and not (set(before) & set(row)) - set(COUNTERS):
            merged[-1] = before | row
        else:
            merged.append(row)
    return merged


def _same_moment(before: Row, row: Row) -> bool:
    shared = [counter for counter in ("iteration", "epoch") if counter in before and counter in row]
    return bool(shared) and all(before[counter] == row[counter] for counter in shared)


def _as_counts(values: np.ndarray) -> np.ndarray:
    whole = np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all()
    return values.astype(np.int64) if whole else values


def _value(value: object) -> float:
    """Return a cell as float; NaN where there is no finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    number = float(value)
    return number if math.isfinite(number) else math.nan
