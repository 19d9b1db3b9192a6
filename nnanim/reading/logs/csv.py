"""CSV logs: a line with the names of the columns, then one line for every report.

Written so by Lightning's ``CSVLogger`` (training and validation on lines of their own), Keras's ``CSVLogger`` (epochs
from 0), pandas (with an index that has no name) and many scripts. Commas, semicolons, tabulators or blanks stand
between the values. Comment lines and Excel's ``sep=;`` may stand before the names; names may come again in the middle,
with more columns than before, where a training went on or was started again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.csv_cells import Section, from_lines, from_pandas, put_together
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import counters_in, has_metric, is_index, is_log_header
from nnanim.reading.logs.table import log_of
from nnanim.reading.logs.text import read_utf8, start_of

FORMAT = "csv"
HINT = "a CSV log has a first line with the names of its columns, one of them epoch or step"
LARGE_BYTES = 2**20  # from here on pandas is worth its import
_DELIMITERS = ",;\t|"
_MAX_COLUMNS = 10_000
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_NUMERIC = re.compile(r"[-+]?(?:[0-9.,]+(?:e[-+]?[0-9]+)?%?|nan|inf)|", re.IGNORECASE)
_COMMENT = re.compile(r"#|//|%|;\s[^;]*$")
_LOOKED_AT = 100  # lines in which the names are sought


def sniff(path: Path) -> bool:
    """Tell whether a file is a CSV log, by its first lines alone."""
    try:
        header = _Header.found_in(start_of(path).splitlines()[: _LOOKED_AT + 1])
    except csv.Error:
        return False
    return header is not None and (is_log_header(header.names) or header.is_history())


def read(path: Path) -> Log:
    """Read a log file.

    Raises:
        LogError: the file cannot be opened, or is no log; the message says why.
    """
    data, notes = read_utf8(path, HINT)
    where = repr(str(path))
    try:
        header = _Header.found_in(_first_lines(data))
        if header is None or not (is_log_header(header.names) or header.is_history(is_asked=True)):
            raise LogError(f"log {where} has neither an epoch nor an iteration in its columns ({HINT})")
        if len(header.names) > _MAX_COLUMNS:
            raise LogError(f"log {where} has {len(header.names)} columns (at most {_MAX_COLUMNS} are read)")
        names = unique(header.names, where, notes)
        sections = None
        if len(data) >= LARGE_BYTES and header.delimiter != " ":
            sections = from_pandas(path, data, _sections(data, header, names), header.delimiter)
        if sections is None:
            text = data.decode("utf-8").splitlines()
            sections = from_lines(path, _in_lines(text, header, names), header.delimiter, notes, where)
    except csv.Error as error:
        raise LogError(f"log {where} is no CSV: {error} ({HINT})") from None
    table = put_together(sections)
    if not table.count:
        raise LogError(f"log {where} has no rows ({HINT})")
    counting = counters_in(table.values)
    has_counter = "epoch" in counting or "iteration" in counting
    for name in [name for name in table.values if is_index(name) and (has_counter or name not in counting.values())]:
        del table.values[name], table.stated[name]
    return log_of(path, table, FORMAT, HINT, notes, by_row=True)


class _Header:
    """The line with the names.

    Attributes:
        line: its index.
        names: as they are there, without the blanks around them.
        delimiter: what stands between the cells, a blank for any number of blanks.
    """

    def __init__(self, line: int, names: list[str], delimiter: str, following: Sequence[str]) -> None:
        self.line, self.names, self.delimiter = line, names, delimiter
        self._following = following

    @classmethod
    def found_in(cls, lines: Sequence[str]) -> _Header | None:
        """Find the names in the first lines: the first line that is no comment, or the last comment before numbers."""
        told, comment = "", -1
        for place, line in enumerate(lines):
            text = line.strip()
            separator = _SEPARATOR.fullmatch(line)
            if separator:
                told = separator[1]
            elif _COMMENT.match(text):
                comment = place
            elif text:
                delimiter = told or _delimiter(line, lines[place + 1 : place + 20])
                cells = split(line, delimiter)
                if comment >= 0 and all(map(_NUMERIC.fullmatch, cells)):
                    above = lines[comment].strip().lstrip("#/%; ")
                    names = split(above, told or _delimiter(above, [line]))
                    return cls(comment, names, delimiter, lines[place : place + 20])
                return cls(place, cells, delimiter, lines[place + 1 : place + 20])
        return None

    def is_history(self, *, is_asked: bool = False) -> bool:
        """Tell whether rows are epochs that are not counted: names of metrics over nothing but numbers."""
        if not all(name or place == 0 for place, name in enumerate(self.names)) or len(self.names) < 1:
            return False
        rows = [split(line, self.delimiter) for line in self._following if line.strip()]
        rows = [row for row in rows if not self.is_again(row)]
        is_table = bool(rows) and all(_NUMERIC.fullmatch(cell) for row in rows[:-1] or rows for cell in row)
        return is_table and (is_asked or has_metric(self.names)) and not any(map(_NUMERIC.fullmatch, self.names[1:]))

    def is_again(self, cells: Sequence[str]) -> bool:
        """Tell whether cells are names too: none is a number, and half of the first names are among them."""
        if not cells or any(cell and _NUMERIC.fullmatch(cell) for cell in cells):
            return False
        return 2 * len(set(cells) & set(self.names)) > min(len(set(cells)), len(set(self.names)))


def split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line without the blanks around them."""
    if delimiter == " ":
        return line.split()
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    return [_unquoted(cell.strip().lstrip("# ")) for cell in cells]


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == "'" else cell


def unique(names: Sequence[str], where: str, notes: list[str]) -> list[str]:
    """Return names without repetition: ``loss``, ``loss.2``, as is told."""
    found: list[str] = []
    for name in names:
        own, number = name, 1
        while own in found:
            number += 1
            own = f"{name}.{number}"
        if own != name and name:
            notes.append(f"log {where} has several columns {name!r}: the one at place {len(found) + 1} is {own!r}")
        found.append(own)
    return found


def _delimiter(line: str, following: Sequence[str]) -> str:
    """Return what stands between the names, and between the numbers below them."""
    found = [sign for sign in _DELIMITERS if sign in line]
    if len(found) > 1:
        below = [each for each in following if each.strip()][:5]
        fitting = [sign for sign in found if below and all(each.count(sign) == line.count(sign) for each in below)]
        found = fitting or found
    if found:
        return max(found, key=lambda sign: (line.count(sign), -_DELIMITERS.index(sign)))
    if len(line.split()) > 1:
        return " "
    return ","


def _first_lines(data: bytes) -> list[str]:
    return data[: 2**20].decode("utf-8", "replace").splitlines()[: _LOOKED_AT + 1]


def _in_lines(lines: Sequence[str], header: _Header, names: list[str]) -> Iterator[tuple[Section, list[str]]]:
    """Yield the lines below each header, with its names."""
    own: list[str] = []
    section = Section(names, header.line + 1)
    sign = "" if header.delimiter == " " else header.delimiter
    for place, line in enumerate(lines[header.line + 1 :], header.line + 1):
        text = line.strip()
        if not text or (_COMMENT.match(text) and not header.is_again(split(text, header.delimiter))):
            continue
        if sign in line and text[0] not in "0123456789-+." and header.is_again(split(line, header.delimiter)):
            yield section, own
            section, own = Section(unique(split(line, header.delimiter), "", []), place + 1), []
        else:
            own.append(line)
    yield section, own


def _sections(data: bytes, header: _Header, names: list[str]) -> list[tuple[Section, int, int]] | None:
    """Return where the rows below each header begin and end; None where lines must be looked at one by one."""
    begin = 0
    for _ in range(header.line + 1):
        begin = data.find(b"\n", begin) + 1
        if not begin:
            return None
    if any(mark in data[begin:] for mark in (b"\n#", b"\n//", b"\n%", b"\n; ")) or data.count(b"\r") > data.count(
        b"\r\n"
    ):
        return None
    sections = [(Section(names, header.line + 1), begin)]
    first = re.escape(header.names[0].encode())
    second = re.escape(next((name for name in header.names[1:] if name), "\0").encode())
    # A line that begins as the first header does, or that holds its second name: others are not worth the while.
    ends = []
    for match in re.finditer(rb"^[ \t\"]*(?:%s\b|[A-Za-z_][^\n]*%s)[^\n]*$" % (first, second), data[begin:], re.M):
        cells = split(match[0].decode("utf-8", "replace"), header.delimiter)
        if len(cells) > 1 and header.is_again(cells):
            ends.append(begin + match.start())
            sections.append((Section(unique(cells, "", []), 0), begin + match.end() + 1))
    return [(section, start, end) for (section, start), end in zip(sections, [*ends, len(data)], strict=True)]
