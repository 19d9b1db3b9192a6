"""Chainer logs: a JSON list with one object per report, written by ``chainer.training.extensions.LogReport``.

Keys are free (``main/accuracy``, ``validation/main/loss``, …) beside ``epoch``, ``iteration`` and ``elapsed_time``;
a row may lack any. ``NaN`` and ``Infinity`` occur as bare words, as Python's ``json`` writes them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import LogError
from nnanim.logs import Log

MAX_LOG_BYTES = 2**26
_MAX_CELLS = 50_000_000
_HINT = "a log is a JSON list with one object per row, as Chainer's LogReport writes it"


def sniff(path: Path) -> bool:
    """Tell whether a file is a Chainer log, by its content alone."""
    try:
        with path.open("rb") as file:
            if not file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
                return False
        _rows(_load(path), str(path))
    except (LogError, OSError):
        return False
    return True


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    return _log(path, _rows(_load(path), str(path)))


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


def _load(path: Path) -> str:
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LOG_BYTES + 1)
    except OSError as error:
        raise LogError(f"cannot open log {where!r}: {error.strerror} ({_HINT})") from error
    if len(data) > MAX_LOG_BYTES:
        raise LogError(f"log {where!r} is too large (at most {MAX_LOG_BYTES} bytes are read)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LogError(f"log {where!r} is not UTF-8 text ({_HINT})") from None


def _rows(text: str, where: str) -> list[dict[str, Any]]:
    if not text.strip():
        raise LogError(f"log {where!r} is empty ({_HINT})")
    try:
        rows = json.loads(text, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise LogError(f"log {where!r} is not JSON at line {error.lineno}, column {error.colno} ({_HINT})") from None
    except RecursionError:
        raise LogError(f"log {where!r} is nested too deep ({_HINT})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LogError(f"log {where!r} is not a list of objects ({_HINT})")
    if not rows:
        raise LogError(f"log {where!r} has no rows ({_HINT})")
    if not any(_is_number(row.get(counter)) for row in rows for counter in ("epoch", "iteration")):
        raise LogError(f"log {where!r} has neither an epoch nor an iteration in any row ({_HINT})")
    return rows


def _log(path: Path, rows: list[dict[str, Any]]) -> Log:
    numeric = dict.fromkeys(key for row in rows for key, value in row.items() if _is_number(value))
    if len(numeric) * len(rows) > _MAX_CELLS:
        raise LogError(
            f"log {str(path)!r} is too large: {len(rows)} rows of {len(numeric)} columns (at most {_MAX_CELLS} values)"
        )
    columns = {key: np.array([_value(row.get(key)) for row in rows], dtype=np.float64) for key in numeric}
    for counter in ("epoch", "iteration"):
        if counter in columns:
            columns[counter] = _as_counts(columns[counter])
    # null stands for NaN where a writer keeps to strict JSON; a text or an object is no value of a metric.
    stated = {
        key: np.array([key in row and (row[key] is None or _is_number(row[key])) for row in rows], dtype=bool)
        for key in numeric
    }
    return Log(path, columns, stated)


def _as_counts(values: np.ndarray) -> np.ndarray:
    whole = np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all()
    return values.astype(np.int64) if whole else values


def _integer(digits: str) -> int | float:
    # int() refuses thousands of digits and float() makes them infinite, which is a gap.
    return int(digits) if len(digits) < 300 else float(digits)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(value: object) -> float:
    """Return a cell as float; NaN where there is no finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    number = float(value)
    return number if math.isfinite(number) else math.nan
