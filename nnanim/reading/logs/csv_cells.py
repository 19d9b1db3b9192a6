"""The cells of CSV logs: lines to columns of numbers, by pandas' parser where they are many."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.reading.logs.cells import decimal_comma, is_missing, number_in
from nnanim.reading.logs.parted import MOST_KINDS
from nnanim.reading.logs.table import Table, check_size

CHUNK_ROWS = 100_000


@dataclass
class Section:
    """The rows below a line of names.

    Attributes:
        names: of the columns.
        line: index of the first line of the rows.
        count: how many rows there are.
        columns: (count,) values, NaN where there is no number, and (count,) where there is a value, by name.
        unread: cells that are no numbers, by name, each with their count.
        percent: columns with a per cent sign.
        words: cells of columns with few words.
    """

    names: list[str]
    line: int
    count: int = 0
    columns: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    unread: dict[str, tuple[str, int]] = field(default_factory=dict)
    percent: set[str] = field(default_factory=set)
    words: dict[str, list[str]] = field(default_factory=dict)

    def read_texts(self, name: str, texts: Sequence[str], *, comma: bool) -> tuple[np.ndarray, np.ndarray]:
        """Read a column of cells; each text is looked at once, however often it occurs."""
        known: dict[str, float | None] = {}
        for text in dict.fromkeys(texts):
            found = None if is_missing(text) else number_in(text, decimal_comma=comma)
            if found is not None:
                known[text] = found[0] if np.isfinite(found[0]) else np.nan
                if found[1]:
                    self.percent.add(name)
            elif not is_missing(text):
                known[text] = None
        bad = [text for text in texts if text in known and known[text] is None]
        if bad:
            first, count = self.unread.get(name, (bad[0].strip()[:200], 0))
            self.unread[name] = (first, count + len(bad))
        if len(known) <= MOST_KINDS and None in known.values():
            same = {text: text.strip() for text in known}
            self.words.setdefault(name, []).extend(same.get(text, "") for text in texts)
        numbers = [known.get(text) for text in texts]
        stated = np.array([number is not None for number in numbers], dtype=bool)
        return np.array([np.nan if number is None else number for number in numbers], dtype=float), stated


def from_lines(
    path: Path, sections: Iterable[tuple[Section, list[str]]], delimiter: str, notes: list[str], where: str
) -> list[Section]:
    """Read the lines of each section, cell by cell."""
    found = []
    rows_of = []
    for section, lines in sections:
        if delimiter == " ":
            rows = [line.split() for line in lines]
        else:
            rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
        found.append(section)
        rows_of.append([row for row in rows if any(cell.strip() for cell in row)])
    cells = (cell for rows in rows_of for row in rows for cell in row)
    last = rows_of[-1] if rows_of else []
    if len(last) > 1 and len(last[-1]) == 1 < len(last[-2]):
        last.pop()
        notes.append(f"the last line of log {where} is incomplete and is left out")
    comma = decimal_comma(cells, is_apart=delimiter != ",")
    if comma:
        notes.append(f"the comma in numbers of log {where} is taken for the decimal sign")
    elif comma is False:
        notes.append(f"the comma in numbers of log {where} is taken for a sign between thousands")
    for section, rows in zip(found, rows_of, strict=True):
        section.count = len(rows)
        check_size(path, len(rows), len(section.names))
        for place, name in enumerate(section.names):
            texts = [row[place] if place < len(row) else "" for row in rows]
            section.columns[name] = section.read_texts(name, texts, comma=bool(comma))
    if rows_of and rows_of[-1] and len(rows_of[-1]) > 1:
        _tell_cut_line(found[-1], rows_of[-1], notes, where)
    return found


def from_pandas(
    path: Path, data: bytes, sections: Sequence[tuple[Section, int, int]] | None, delimiter: str
) -> list[Section] | None:
    """Read the bytes of each section with pandas' parser; None where they must be read line by line."""
    if sections is None:
        return None
    import pandas as pd

    for section, start, end in sections:
        source = io.BytesIO(data if end == len(data) else data[:end])
        source.seek(start)
        parts: list[dict[str, tuple[np.ndarray, np.ndarray]]] = []
        try:
            chunks = pd.read_csv(
                source,
                sep=delimiter,
                header=None,
                names=list(range(len(section.names))),
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                skipinitialspace=True,
                **_exactly(pd.__version__),
                chunksize=CHUNK_ROWS,
                encoding_errors="replace",
            )
            for chunk in chunks:
                check_size(path, section.count + len(chunk), len(section.names))
                section.count += len(chunk)
                part = {}
                for place, name in enumerate(section.names):
                    column = chunk[place]
                    if column.dtype.kind in "iuf":
                        values = column.to_numpy(dtype=np.float64)
                        part[name] = (np.where(np.isinf(values), np.nan, values), ~np.isnan(values))
                        continue
                    texts = column.astype(object).where(column.notna(), "").astype(str).tolist()
                    if any("," in text for text in set(texts)):
                        return None  # whether it is a decimal comma, the whole table tells
                    part[name] = section.read_texts(name, texts, comma=False)
                parts.append(part)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
            return None
        for name in section.names if parts else ():
            values = np.concatenate([part[name][0] for part in parts])
            section.columns[name] = (values, np.concatenate([part.pop(name)[1] for part in parts]))
    return [section for section, _, _ in sections]


def _exactly(version: str) -> dict[str, Any]:
    """Return what makes pandas round numbers as Python does: from 3.1 on it does, and warns of being asked."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return {"float_precision": "round_trip"} if (major, minor) < (3, 1) else {}


def put_together(sections: Sequence[Section]) -> Table:
    """Put the sections below each other; a column that one of them lacks has no values there."""
    count = sum(section.count for section in sections)
    names = list(dict.fromkeys(name for section in sections for name in section.names))
    table = Table(count, {}, {})
    starts = np.cumsum([section.count for section in sections])
    table.starts = tuple(int(start) for start in starts[:-1])
    for name in names:
        values = [s.columns[name] if name in s.columns else _nothing(s.count) for s in sections]
        stated = np.concatenate([flags for _, flags in values]) if len(values) > 1 else values[0][1]
        if stated.any():
            table.values[name] = np.concatenate([each for each, _ in values]) if len(values) > 1 else values[0][0]
            table.stated[name] = stated
        unread = [section.unread[name] for section in sections if name in section.unread]
        if unread:
            table.unread[name] = (unread[0][0], sum(number for _, number in unread))
        if unread and name not in table.values:
            words = [word for s in sections for word in s.words.get(name, [""] * s.count)]
            table.words |= {name: words} if len(words) == count and len(set(words)) <= MOST_KINDS else {}
    table.percent = frozenset(name for section in sections for name in section.percent)
    return table


def _nothing(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, np.nan), np.zeros(count, dtype=bool)


def _tell_cut_line(section: Section, rows: Sequence[Sequence[str]], notes: list[str], where: str) -> None:
    """Say that the last line is shorter than the others: its last number may be cut off too and is left out."""
    width = len(section.names)
    cut = len(rows[-1])
    if cut >= width or not all(len(row) >= width for row in rows[:-1]):
        return
    values, stated = section.columns[section.names[cut - 1]]
    values[-1], stated[-1] = np.nan, False
    notes.append(f"the last line of log {where} is incomplete: what is whole of it is used")
