"""Rows of any log format as a table: columns under their usual names, rows that belong together as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import LogError
from nnanim.reading.logs.cells import is_missing, number_in
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import counters_in
from nnanim.reading.logs.parted import MOST_KINDS, parted
from nnanim.reading.logs.runs import begins_again, join_rows, newest_run

MAX_CELLS = 50_000_000
LARGEST = 1e150  # what is beyond can be on no axis: the square of a range must stay finite
_LISTED = 3

Row = dict[str, Any]


@dataclass
class Table:
    """A log before its columns are named.

    Attributes:
        count: how many rows there are, R.
        values: (R,) float64 for every column with a number, NaN where a row has none.
        stated: (R,) bool, True where the row has a value for the column.
        starts: rows before which the writer began anew, such as at a second header.
        unread: cells of columns that are no numbers, one for each column, with their count.
        percent: columns that have cells with a per cent sign; their values are shares of 1.
        words: columns without a number and with few words, "" where a row has none.
    """

    count: int
    values: dict[str, np.ndarray]
    stated: dict[str, np.ndarray]
    starts: tuple[int, ...] = ()
    unread: dict[str, tuple[str, int]] = field(default_factory=dict)
    percent: frozenset[str] = frozenset()
    words: dict[str, list[str]] = field(default_factory=dict)


def table_of(path: Path, rows: Sequence[Row]) -> Table:
    """Make a table of rows: values by column, of which None stands for a value that is said to be none.

    Raises:
        LogError: there are too many values.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    check_size(path, len(rows), len(keys))
    table = Table(len(rows), {}, {})
    percent = set()
    for key in keys:
        values, stated = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool)
        unread: list[str] = []
        has_number = False
        for place, row in enumerate(rows):
            if key not in row:
                continue
            value = row[key]
            found = None if value is None else _number(value)
            if found is not None:
                values[place], stated[place], has_number = found[0], True, True
                if found[1]:
                    percent.add(key)
            elif value is None:  # null stands for NaN where a writer keeps to strict JSON
                stated[place] = True
            elif not (isinstance(value, str) and is_missing(value)):
                unread.append(str(value)[:200] if isinstance(value, str | bool) else _kind(value))
        if has_number:
            table.values[key], table.stated[key] = values, stated
        if unread:
            table.unread[key] = (unread[0], len(unread))
        if unread and not has_number:
            texts = [row.get(key) for row in rows]
            words = [str(text).strip() if isinstance(text, str | bool) else "" for text in texts]
            table.words |= {key: words} if len(set(words)) <= MOST_KINDS else {}
    table.percent = frozenset(percent)
    return table


def check_size(path: Path, rows: int, columns: int) -> None:
    """Check that a log can be held in memory.

    Raises:
        LogError: there are too many values.
    """
    if rows * columns > MAX_CELLS:
        raise LogError(f"log {str(path)!r} is too large: {rows} rows of {columns} columns (at most {MAX_CELLS} values)")


def make_log(path: Path, rows: Sequence[Row], form: str, hint: str, notes: Iterable[str] = ()) -> Log:
    """Make a log of rows: do as `log_of`."""
    if not rows:
        raise LogError(f"log {str(path)!r} has no rows ({hint})")
    return log_of(path, table_of(path, rows), form, hint, notes)


def log_of(path: Path, table: Table, form: str, hint: str, notes: Iterable[str] = (), *, by_row: bool = False) -> Log:
    """Make a log: counters get their names, the newest run counts, and rows of the same moment become one.

    Args:
        path: the file.
        table: what it holds.
        form: the format.
        hint: what a log of this format is, for messages.
        notes: what a user should be told.
        by_row: whether rows are epochs 1, 2, … where no column counts.

    Raises:
        LogError: there are no rows, or no row has an epoch or an iteration.
    """
    told = list(notes)
    if not table.count:
        raise LogError(f"log {str(path)!r} has no rows ({hint})")
    table = parted(table)
    renamed = {column: counter for counter, column in counters_in(table.values).items()}
    columns = {renamed.get(key, key): values for key, values in table.values.items()}
    stated = {renamed.get(key, key): flags for key, flags in table.stated.items()}
    if not any(np.isfinite(columns[name]).any() for name in ("epoch", "iteration") if name in columns):
        if not by_row:
            raise LogError(f"log {str(path)!r} has neither an epoch nor an iteration in any row ({hint})")
        columns = {"epoch": _row_numbers(table), **{name: columns[name] for name in columns if name != "epoch"}}
        stated["epoch"] = np.ones(table.count, dtype=bool)
        told.append(f"log {str(path)!r} counts neither epochs nor steps: its rows are taken for epochs 1, 2, …")
    _limit(path, columns, told)
    rows, more = newest_run(columns, stated, table.starts, str(path))
    if more:
        columns = {name: values[rows] for name, values in columns.items()}
        stated = {name: flags[rows] for name, flags in stated.items()}
    if begins_again(columns):
        del columns["iteration"], stated["iteration"]
        told.append(f"log {str(path)!r} counts steps anew in each epoch: its epochs count alone")
    columns, stated = join_rows(columns, stated)
    told += [*more, *_unread(path, table)]
    for counter in ("epoch", "iteration"):
        if counter in columns:
            columns[counter] = _as_counts(columns[counter])
    return Log(path, columns, stated, form, tuple(told), percent=table.percent)


def is_number(value: object) -> bool:
    """Tell whether a value is a number, which True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_integer(digits: str) -> int | float:
    """Return the value of an integer in JSON."""
    # int() refuses thousands of digits and float() makes them infinite, which is a gap.
    return int(digits) if len(digits) < 300 else float(digits)


def _number(value: object) -> tuple[float, bool] | None:
    """Return the number in a cell of JSON, NaN for an infinite one, and whether it is a per cent."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        found = None if is_missing(value) else number_in(value)
    else:
        found = (float(value), False) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if found is None:
        return None
    return (found[0] if math.isfinite(found[0]) else math.nan), found[1]


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "an object"


def _row_numbers(table: Table) -> np.ndarray:
    numbers = np.arange(1.0, table.count + 1)
    for start in table.starts:
        numbers[start:] = np.arange(1.0, table.count + 1 - start)
    return numbers


def _limit(path: Path, columns: dict[str, np.ndarray], notes: list[str]) -> None:
    """Make gaps of values that no axis can hold."""
    for name, values in columns.items():
        beyond = np.abs(values) > LARGEST
        if beyond.any():
            columns[name] = np.where(beyond, np.nan, values)
            if np.isfinite(values[beyond]).any():
                notes.append(
                    f"values of {name!r} in log {str(path)!r} are too large to be drawn (beyond {LARGEST:g}): gaps"
                )


def _unread(path: Path, table: Table) -> list[str]:
    """Say in one note what was not read."""
    counting = set(counters_in(table.unread).values())
    cells = {name: found for name, found in table.unread.items() if name in table.values or name not in counting}
    if not cells:
        return []
    shown = [f"column {name!r} with {cell!r}" + _times(count) for name, (cell, count) in list(cells.items())[:_LISTED]]
    rest = f" and {len(cells) - _LISTED} more columns" if len(cells) > _LISTED else ""
    return [f"not read as numbers in log {str(path)!r}: {', '.join(shown)}{rest}"]


def _times(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def _as_counts(values: np.ndarray) -> np.ndarray:
    whole = np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all()
    return values.astype(np.int64) if whole else values
