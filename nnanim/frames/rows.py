"""How large each weight tensor is at each snapshot, and how far it has moved: a row of numbers for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from math import nan, sqrt
from typing import Any

import numpy as np

from nnanim.frames.history import Place, Snapshot
from nnanim.options import Options

AT_ONCE = 32  # snapshots that are open together; the reference is read once for each group of so many
_BLOCK = 1 << 18  # numbers that are squared at a time
_LANE = 2048  # numbers that are added in float32; their sums are added in float64
_TINY = 1e-30  # a mean square below it may have lost digits in float32


@dataclass(frozen=True)
class Row:
    """One weight, or one part of a tensor that holds several.

    Attributes:
        name: short, without the name of its block.
        block: the module that it is part of, ``""`` for none.
        role: what it does, a word of `nnanim.model.roles`.
        keys: the tensors in the file that it is made of.
        part: which part of a tensor, ``"q"`` or ``"forget gate"``; None for a whole one.
        slice: axis, start and stop of that part in the file's tensor.
        formula: how it is made of several tensors, ``"g·v/‖v‖"``; None where it is one.
    """

    name: str
    block: str
    role: str
    keys: tuple[str, ...]
    part: str | None = None
    slice: tuple[int, int, int] | None = None
    formula: str | None = None

    @property
    def title(self) -> str:
        """The name with its block and its part."""
        name = f"{self.block}.{self.name}" if self.block and self.name else self.block or self.name
        return f"{name} ({self.part})" if self.part else name


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
        return _ratio(np.sqrt(self.moved), self.reference)

    def fold(self, groups: Sequence[Sequence[int]]) -> RowHistory:
        """Take rows together: the norm over all weights of a group, and how far they have moved together."""

        def pooled(values: np.ndarray) -> np.ndarray:
            return np.sqrt(np.stack([np.square(values[:, list(group)]).sum(axis=1) for group in groups], axis=1))

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
        return low if place.share == 0 else low + place.share * (values[place.before + 1] - low)


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


def make(formula: str | None, members: Sequence[np.ndarray]) -> np.ndarray:
    """Make a weight of its members.

    The formulas: ``"g·v/‖v‖"`` (Salimans & Kingma 2016, weight normalisation; the norm over all axes of v but those of
    g), ``"orig·mask"`` (torch.nn.utils.prune), ``"B·A"`` (Hu et al. 2021, LoRA, without its factor).
    """
    return members[0] if formula is None else FORMULAS[formula](*members)


def _weight_norm(gain: np.ndarray, direction: np.ndarray) -> np.ndarray:
    axes = tuple(axis for axis, size in enumerate(gain.shape) if size == 1 and direction.shape[axis] != 1)
    if gain.ndim != direction.ndim:  # Chainer and some scripts keep (out,)
        gain = gain.reshape(-1, *[1] * (direction.ndim - 1))
        axes = tuple(range(1, direction.ndim))
    lengths = np.sqrt(np.square(direction, dtype=np.float64).sum(axis=axes, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(gain * (direction / lengths))


def _product(down: np.ndarray, up: np.ndarray) -> np.ndarray:
    # A (rank, in) and B (out, rank), of convolutions with the axes of the kernel behind these.
    return up.reshape(up.shape[0], -1)[:, : down.shape[0]].astype(np.float64) @ down.reshape(down.shape[0], -1)


FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "g·v/‖v‖": _weight_norm,
    "orig·mask": lambda original, mask: original * mask,
    "B·A": _product,
}


def take(values: np.ndarray, part: tuple[int, int, int] | None) -> np.ndarray:
    """Return the part of a tensor that lies between two places of an axis."""
    if part is None:
        return values
    axis, start, stop = part
    index: list[Any] = [slice(None)] * values.ndim
    index[axis] = slice(start, stop)
    return values[tuple(index)]


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
        return np.where(base > 0, values / base, nan)
