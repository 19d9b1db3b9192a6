"""``trainer_state.json`` of Hugging Face's Transformers: the log is its ``log_history``.

Each checkpoint has one; the newest holds the whole history. Training and evaluation are rows of their own, epochs may
be fractions. Rows about speed are not metrics of the network.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import TRAINER_STATE
from nnanim.reading.logs.table import Row, is_number, make_log, parse_integer
from nnanim.reading.logs.text import read_text

FORMAT = "transformers"
HINT = "a trainer_state.json holds a list log_history"
_NO_METRIC = re.compile(r"(?:^|_)runtime$|_per_second$|^total_flos$")


def sniff(path: Path) -> bool:
    """Tell whether a file is a ``trainer_state.json``, by its name and its content."""
    if path.name != TRAINER_STATE:
        return False
    try:
        _history(path)
    except LogError:
        return False
    return True


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    rows: list[Row] = []
    for row in _history(path):
        if "train_runtime" not in row:  # the summary at the end repeats the mean of all
            rows.append({key: value for key, value in row.items() if not _NO_METRIC.search(key)})
    return make_log(path, rows, FORMAT, HINT)


def read_counters(path: Path) -> tuple[int | float | None, int | None]:
    """Return the epoch and the iteration of the checkpoint beside a ``trainer_state.json``; None where it says none."""
    try:
        state = _state(path)
    except LogError:
        return None, None
    epoch, iteration = state.get("epoch"), state.get("global_step")
    if isinstance(epoch, float) and epoch.is_integer():
        epoch = int(epoch)
    if not isinstance(epoch, int | float) or not is_number(epoch) or not 0 <= epoch < 2**53:
        epoch = None
    return epoch, (iteration if isinstance(iteration, int) and 0 <= iteration < 2**53 else None)


def _state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(read_text(path, HINT)[0], parse_int=parse_integer)
    except (json.JSONDecodeError, RecursionError):
        raise LogError(f"log {str(path)!r} is not JSON ({HINT})") from None
    if not isinstance(state, dict):
        raise LogError(f"log {str(path)!r} has no list log_history ({HINT})")
    return state


def _history(path: Path) -> list[dict[str, Any]]:
    history = _state(path).get("log_history")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise LogError(f"log {str(path)!r} has no list log_history ({HINT})")
    return history
