"""How large each weight tensor is at each snapshot, and how far it has moved: a row of numbers for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from math import nan, sqrt
from typing import Any

import numpy as np

from nnanim.frames.history import Place, Snapshot
from nnanim.model.formulas import make
from nnanim.model.weight_rows import Row
from nnanim.options import Options

AT_ONCE = 32  # snapshots that are open together; the reference is read once for each group of so many
_BLOCK = 1 << 18  # numbers that are squared at a time
_LANE = 2048  # numbers that are added in float32; their sums are added in float64
_TINY = 1e-30  # a mean square below it may have lost digits in float32


@dataclass(frozen=True, eq=False)
class RowHistory:
    """Rows over the run.

    Attributes:
        rows: in the order of the model.
        norms: (S, R) float64, the Frobenius norm ‖W‖; NaN where a weight is not finite.
        moved: (S, R) float64, the squared distance ‖W − W_ref‖² to the reference.
        reference: (S, R) float64, the norm of the reference, ‖W_ref‖.
    """

    rows: tuple[Row, ...]
    norms: np.ndarray
    moved: np.ndarray
    reference: np.ndarray

    @property
    def relative_changes(self) -> np.ndarray:
        """(S, R) ‖W − W_ref‖ / ‖W_ref‖; NaN where the reference is zero."""
        changes: np.ndarray = _ratio(np.sqrt(self.moved), self.reference)
        return changes

    @property
    def growth(self) -> np.ndarray:
        """(S, R) ‖W‖ / ‖W_ref‖ − 1, how the norm has grown; NaN where the reference is zero."""
        grown: np.ndarray = _ratio(self.norms, self.reference) - 1
        return grown

    def fold(self, groups: Sequence[Sequence[int]]) -> RowHistory:
        """Take rows together: the norm over all weights of a group, and how far they have moved together."""

        def pooled(values: np.ndarray) -> np.ndarray:
            squares = [np.square(values[:, list(group)]).sum(axis=1) for group in groups]
            norms: np.ndarray = np.sqrt(np.stack(squares, axis=1))
            return norms

        moved = np.stack([self.moved[:, list(group)].sum(axis=1) for group in groups], axis=1)
        rows = tuple(self._together([self.rows[index] for index in group]) for group in groups)
        return RowHistory(rows, pooled(self.norms), moved, pooled(self.reference))

    @staticmethod
    def _together(rows: Sequence[Row]) -> Row:
        if len(rows) == 1:
            return rows[0]
        keys = tuple(dict.fromkeys(key for row in rows for key in row.keys))
        return Row("", rows[0].block, rows[0].role, keys, formula="√Σ‖W‖²")

    def at(self, values: np.ndarray, place: Place) -> np.ndarray:
        """Return numbers (R,) at a place, between two snapshots on the straight line."""
        low: np.ndarray = values[place.before]
        if place.share:
            low = low + place.share * (values[place.before + 1] - low)
        return low


def read_rows(snapshots: Sequence[Snapshot], options: Options, *, rows: Sequence[Row]) -> RowHistory:
    """Measure rows at every snapshot, one tensor after the other, each read once.

    Args:
        snapshots: those that are shown, in their order.
        options: `since` says which snapshot is the reference.
        rows: what is measured.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    count = len(snapshots)
    norms, moved = np.full((count, len(rows)), nan), np.full((count, len(rows)), nan)
    first = [0, *range(max(AT_ONCE - 1, 1) + 1, count, AT_ONCE - 1)]
    for start, stop in zip(first, [*first[1:], count], strict=True):
        for column, place, square, distance in _measure(snapshots, start, stop, options.since, rows):
            norms[place, column], moved[place, column] = sqrt(square), distance
    if options.since == "previous":
        reference = np.concatenate([norms[:1], norms[:-1]])
    else:
        reference = np.repeat(norms[:1], count, axis=0)
    return RowHistory(tuple(rows), norms, moved, reference)


def read_row_differences(
    pairs: Sequence[tuple[Snapshot, Snapshot]], first: Sequence[Row], other: Sequence[Row]
) -> RowHistory:
    """Measure how far the weights of one run lie from those of another, one tensor after the other.

    Args:
        pairs: of snapshots, the first run's and the other's.
        first: rows of the first run.
        other: the same of the other run.

    Returns:
        The other's rows, with the first run's weights in the place of the reference.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    norms, moved, reference = (np.full((len(pairs), len(other)), nan) for _ in range(3))
    before: tuple[Snapshot, Snapshot] | None = None
    for index, pair in enumerate(pairs):
        if before is not None and pair[0] is before[0] and pair[1] is before[1]:
            for values in (norms, moved, reference):
                values[index] = values[index - 1]
            continue
        before = pair
        with pair[0].open() as one, pair[1].open() as two:
            for column, (base, row) in enumerate(zip(first, other, strict=True)):
                here, there = (
                    take(make(each.formula, [arrays.read(key) for key in each.keys]), each.slice)
                    for each, arrays in ((base, one), (row, two))
                )
                square, moved[index, column] = squares(there, here)
                norms[index, column] = sqrt(square)
                reference[index, column] = sqrt(squares(here, here)[0])
    return RowHistory(tuple(other), norms, moved, reference)


def _measure(
    snapshots: Sequence[Snapshot], start: int, stop: int, since: str, rows: Sequence[Row]
) -> Iterator[tuple[int, int, float, float]]:
    """Yield row, snapshot, ‖W‖² and ‖W − W_ref‖² for the snapshots from start to stop."""
    behind = [] if start == 0 else [0 if since == "first" else start - 1]
    with ExitStack() as stack:
        opened = [(place, stack.enter_context(snapshots[place].open())) for place in [*behind, *range(start, stop)]]
        for keys, group in groupby(enumerate(rows), key=lambda numbered: numbered[1].keys):
            numbered = list(group)
            before: list[np.ndarray] = []
            for place, arrays in opened:
                made = make(numbered[0][1].formula, [arrays.read(key) for key in keys])
                now = [take(made, row.slice) for _, row in numbered]
                if not before:
                    before = now
                if place >= start:
                    for (column, _), one, other in zip(numbered, now, before, strict=True):
                        yield column, place, *squares(one, other)
                if since == "previous":
                    before = now
                del made, now


def take(values: np.ndarray, part: tuple[int, int, int] | None) -> np.ndarray:
    """Return the part of a tensor that lies between two places of an axis."""
    if part is None:
        return values
    axis, start, stop = part
    index: list[Any] = [slice(None)] * values.ndim
    index[axis] = slice(start, stop)
    taken: np.ndarray = values[tuple(index)]
    return taken


def squares(values: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Return ‖W‖² and ‖W − W_ref‖² to a relative 1e-6: sums of short blocks, added in float64."""
    one, other = (np.ascontiguousarray(each).reshape(-1) for each in (values, reference))
    if one.dtype != np.float32 or other.dtype != np.float32:
        return _exact(one, other)
    same = np.shares_memory(one, other)
    norm = distance = 0.0
    for begin in range(0, len(one), _BLOCK):
        block = one[begin : begin + _BLOCK]
        norm += _sum_of_squares(block)
        if not same:
            distance += _sum_of_squares(block - other[begin : begin + _BLOCK])
    small = len(one) * _TINY
    if not np.isfinite(norm + distance) or norm < small or (0 < distance < small):
        return _exact(one, other)
    return norm, distance


def _sum_of_squares(block: np.ndarray) -> float:
    whole = len(block) // _LANE * _LANE
    lanes, rest = block[:whole].reshape(-1, _LANE), block[whole:]
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.vecdot(lanes, lanes) if hasattr(np, "vecdot") else np.einsum("ij,ij->i", lanes, lanes)
        return float(sums.sum(dtype=np.float64)) + float(np.dot(rest, rest))


def _exact(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    norm = distance = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, len(one), _BLOCK):
            block = one[begin : begin + _BLOCK].astype(np.float64)
            apart = block - other[begin : begin + _BLOCK]
            norm, distance = norm + float(block @ block), distance + float(apart @ apart)
    return (norm, distance) if np.isfinite(norm) else (nan, nan)


def _ratio(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.where(base > 0, values / base, nan)
    return ratio
