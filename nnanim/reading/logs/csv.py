"""CSV logs: a line with the names of the columns, then one line for every report.

Written so by Lightning's ``CSVLogger`` (training and validation on lines of their own), Keras's ``CSVLogger`` (epochs
from 0) and many scripts. Comma, semicolon or tabulator stand between the values.
"""

from __future__ import annotations

import csv
from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.table import Row, is_log_header, make_log, read_text

FORMAT = "csv"
HINT = "a CSV log has a first line with the names of its columns, one of them epoch or step"
_DELIMITERS = ",;\t"
_MAX_COLUMNS = 10_000


def sniff(path: Path) -> bool:
    """Tell whether a file is a CSV log, by its first line alone."""
    try:
        with path.open("rb") as file:
            start = file.readline(2**16)
        columns = _split_header(start.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return is_log_header(columns)


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    lines = read_text(path, HINT).splitlines()
    try:
        delimiter = _delimiter(lines[0])
        columns = _split_header(lines[0])
        table = list(csv.reader(lines[1:], delimiter=delimiter))
    except csv.Error as error:
        raise LogError(f"log {str(path)!r} is no CSV: {error} ({HINT})") from None
    if not is_log_header(columns) or len(columns) > _MAX_COLUMNS:
        raise LogError(f"log {str(path)!r} has neither an epoch nor an iteration in its columns ({HINT})")
    rows: list[Row] = []
    for values in table:
        row = {
            column: number
            for column, text in zip(columns, values, strict=False)
            if (number := _number(text)) is not None
        }
        if row:
            rows.append(row)
    return make_log(path, rows, FORMAT, HINT)


def _split_header(line: str) -> list[str]:
    names = next(csv.reader([line], delimiter=_delimiter(line)), [])
    return [name.strip().lstrip("# ") for name in names]


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _number(text: str) -> float | None:
    """Return the value of a cell; None where it is empty or a text."""
    try:
        return float(text)
    except ValueError:
        return None
