"""MLflow's file store: a folder ``metrics`` with one file for each metric, ``TIMESTAMP VALUE STEP`` on each line.

The name of a metric is its file's path below that folder: ``metrics/train/loss``.
Format: https://github.com/mlflow/mlflow/blob/master/mlflow/store/tracking/file_store.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.table import Row, make_log
from nnanim.reading.logs.text import read_text, start_of

FORMAT = "mlflow"
FOLDER = "metrics"
HINT = "MLflow writes one file for each metric, with a time, a value and a step on each line"
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|nan|inf)"
_LINE = re.compile(rf"([0-9]{{1,18}}) ({_NUMBER})(?: ([0-9]{{1,15}}))?(?: .*)?", re.IGNORECASE)


def sniff(path: Path) -> bool:
    """Tell whether a file is a metric of MLflow, by its folder and its first line."""
    first = start_of(path, 2**10).split("\n", 1)[0].rstrip("\r")
    return FOLDER in path.parent.parts and _LINE.fullmatch(first) is not None


def run_of(path: Path) -> Path:
    """Return the folder of the run that a metric belongs to."""
    parts = path.parent.parts
    return Path(*parts[: len(parts) - 1 - parts[::-1].index(FOLDER)])


def read_all(paths: Sequence[Path]) -> Log:
    """Read the metrics of one run as one log.

    Raises:
        LogError: a file cannot be opened, or is no metric.
    """
    rows: dict[int, Row] = {}
    notes: list[str] = []
    for path in paths:
        name = path.relative_to(run_of(path) / FOLDER).as_posix()
        text, told = read_text(path, HINT)
        notes += told
        lines = [line for line in text.splitlines() if line.strip()]
        for number, line in enumerate(lines):
            found = _LINE.fullmatch(line.strip())
            if not found:
                if number == len(lines) - 1 and number:
                    notes.append(f"the last line of log {str(path)!r} is incomplete and is left out")
                    continue
                raise LogError(f"log {str(path)!r} is no metric of MLflow at line {number + 1} ({HINT})")
            step = int(found[3] or 0)
            rows.setdefault(step, {"iteration": step})[name] = float(found[2])
    log = make_log(paths[0], [rows[step] for step in sorted(rows)], FORMAT, HINT, notes)
    return replace(log, parts=tuple(paths[1:]))
