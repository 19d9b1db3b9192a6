"""Blocks that hold the same kinds of weights, as a grid: a line for each block and a column for each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nnanim.model import role_table as names
from nnanim.model.weight_rows import Row

LEAST_BLOCKS = 4  # of one module, for a grid
MOST_COLUMNS = 16
LONGEST_NUMBER = 9  # digits of a block's number
SHORT = {
    names.QUERY: "q",
    names.KEY: "k",
    names.VALUE: "v",
    names.OUTPUT: "out",
    names.GATE: "gate",
    names.UP: "up",
    names.DOWN: "down",
    names.GATE_UP: "gate, up",
}


@dataclass(frozen=True)
class Line:
    """A line of the grid.

    Attributes:
        module: that holds its block, ``"model.layers"``; empty for a weight outside of the blocks.
        name: number of its block, or name of the weight.
        cells: for each column indices of the rows that its cell stands for; one cell alone for a weight outside.
    """

    module: str
    name: str
    cells: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> list[int]:
        """Indices of all rows that it stands for."""
        return [index for cell in self.cells for index in cell]


@dataclass(frozen=True)
class BlockGrid:
    """The rows of a model as a grid.

    Attributes:
        columns: short names of the kinds of weights.
        lines: from top to bottom, in the order of the model.
    """

    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def blocks(self) -> int:
        """How many lines are blocks."""
        return sum(bool(line.module) for line in self.lines)


def make_grid(rows: Sequence[Row]) -> BlockGrid | None:
    """Put rows into a grid, each in just one cell; None where there are no blocks of one module, or too many kinds.

    The kind of a weight is its name in its block without numbers, so that all experts of a block share a cell.
    """
    places = [_place(row) for row in rows]
    blocks = Counter(holder for holder, _ in {(place[0], place[1]) for place in places if place is not None})
    inside = [place if place is not None and blocks[place[0]] >= LEAST_BLOCKS else None for place in places]
    kinds = list(dict.fromkeys(place[2] for place in inside if place is not None))
    if not kinds or len(kinds) > MOST_COLUMNS:
        return None
    lines: dict[tuple[str, str], list[list[int]]] = {}
    for index, (row, place) in enumerate(zip(rows, inside, strict=True)):
        if place is None:
            lines[f"{index}", row.title] = [[index]]
        else:
            cells = lines.setdefault((place[0], place[1]), [[] for _ in kinds])
            cells[kinds.index(place[2])].append(index)
    outside = {key for key, cells in lines.items() if len(cells) == 1 and key[0].isdigit()}
    return BlockGrid(
        tuple(_labels(rows, inside, kinds)),
        tuple(
            Line("" if (module, name) in outside else module, name, tuple(map(tuple, cells)))
            for (module, name), cells in lines.items()
        ),
    )


Kind = tuple[str, str]  # name in the block without numbers, and part


def _place(row: Row) -> tuple[str, str, Kind] | None:
    """Return the module that holds the block of a row, the block's number, and the kind of the row."""
    path = [*row.block.split("."), *row.name.split(".")] if row.block else row.name.split(".")
    for depth, part in enumerate(path[:-1]):
        if depth and part.isdigit() and len(part) < LONGEST_NUMBER:
            inner = ".".join(each for each in path[depth + 1 :] if not each.isdigit())
            return ".".join(path[:depth]), part, (inner, row.part or "")
    return None


def _labels(rows: Sequence[Row], inside: Sequence[tuple[str, str, Kind] | None], kinds: Sequence[Kind]) -> list[str]:
    """Return short names of the kinds: what they do, where no other does the same, else their own."""
    roles: dict[Kind, set[str]] = {kind: set() for kind in kinds}
    for row, place in zip(rows, inside, strict=True):
        if place is not None:
            roles[place[2]].add(row.role)
    found = []
    for inner, part in kinds:
        (role, *others) = roles[inner, part]
        label = SHORT.get(role, "") if not others else ""
        found.append(label or f"{inner.rpartition('.')[2]} {part}".strip())
    for whole in (False, True):  # else their own names, then their whole names
        several = {label for label, count in Counter(found).items() if count > 1}
        found = [
            f"{inner if whole else inner.rpartition('.')[2]} {part}".strip() if label in several else label
            for label, (inner, part) in zip(found, kinds, strict=True)
        ]
    return found
