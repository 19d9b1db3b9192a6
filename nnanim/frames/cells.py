"""Weight matrices over a run, reduced to the cells that a picture has room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan, prod

import numpy as np

from nnanim.frames.history import Place, Series, Snapshot
from nnanim.frames.row_sums import take
from nnanim.model.formulas import make
from nnanim.model.role_table import HIDDEN
from nnanim.model.weight_rows import Row
from nnanim.options import Options
from nnanim.reading.snapshots.contents import read_named

LARGEST_RADIUS = 512  # units of a hidden matrix whose spectral radius is told: the time grows with their third power
_AT_ONCE = 1 << 20  # numbers that are squared at a time


@dataclass(frozen=True, eq=False)
class Matrix:
    """One weight as (out, in, …), cut into blocks: a cell for each.

    Attributes:
        row: its names.
        axes: of the file's tensor (of its part) in the order (out, in, …).
        shape: (out, in), and the axes of a kernel behind these.
        rows: (r + 1,) bounds of the blocks along the first axis, from 0.
        columns: (c + 1,) bounds along all other axes, taken as one.
        start: of its cells among those of all matrices.
    """

    row: Row
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    rows: np.ndarray
    columns: np.ndarray
    start: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """How many rows and columns of cells it has."""
        return len(self.rows) - 1, len(self.columns) - 1

    @property
    def stop(self) -> int:
        """Behind its last cell."""
        return self.start + prod(self.size)

    @property
    def is_whole(self) -> bool:
        """Whether each weight has a cell of its own."""
        return prod(self.size) == prod(self.shape)

    @property
    def is_hidden(self) -> bool:
        """Whether it leads from the state of a recurrent layer to itself."""
        return self.row.role == HIDDEN and len(self.shape) == 2 and self.shape[0] == self.shape[1]

    def cell_of(self, weight: tuple[int, int]) -> tuple[int, int]:
        """Return row and column of the cell in which a weight lies."""
        bounds = zip((self.rows, self.columns), weight, strict=True)
        row, column = (int(np.searchsorted(each, place, side="right")) - 1 for each, place in bounds)
        return row, column


@dataclass(frozen=True, eq=False)
class CellHistory:
    """Matrices over the run.

    Attributes:
        matrices: in the order in which they are shown.
        cells: of all of them, row by row: the weight of largest magnitude with its sign, or the root mean square.
        largest: (S, M) the weight of largest magnitude of each matrix.
        largest_at: (S, M, 2) its row and its column.
        radius: (S, M) the spectral radius of a hidden matrix; NaN for others.
        count: of the weights that there are, shown or not.
    """

    matrices: tuple[Matrix, ...]
    cells: Series
    largest: np.ndarray
    largest_at: np.ndarray
    radius: np.ndarray
    count: int

    def largest_cells(self, place: Place) -> np.ndarray:
        """Return row and column of the cell with the largest weight of each matrix, (M, 2)."""
        places = self.largest_at[place.before].tolist()
        cells = [matrix.cell_of((row, column)) for matrix, (row, column) in zip(self.matrices, places, strict=True)]
        return np.array(cells)


def blocks(size: int, most: int) -> np.ndarray:
    """Return the bounds of at most so many blocks of about the same length."""
    count = max(min(size, most), 1)
    return np.arange(count + 1) * size // count


def read_cells(
    snapshots: Sequence[Snapshot], options: Options, *, matrices: Sequence[Matrix], count: int
) -> CellHistory:
    """Read matrices at every snapshot, one tensor after the other, and keep their cells alone.

    Args:
        snapshots: those that are shown, in their order.
        options: `color` says what a cell shows, `since` what changes are measured against.
        matrices: what is read; where their cells start is set here.
        count: of the weights that there are.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    starts = np.cumsum([0, *(prod(matrix.size) for matrix in matrices)]).tolist()
    placed = tuple(
        Matrix(each.row, each.axes, each.shape, each.rows, each.columns, start)
        for each, start in zip(matrices, starts[:-1], strict=True)
    )
    length = len(snapshots)
    values = np.empty((length, starts[-1]), dtype=np.float32)
    largest, radius = np.full((length, len(placed)), nan), np.full((length, len(placed)), nan)
    largest_at = np.zeros((length, len(placed), 2), dtype=int)
    signed = options.color == "sign"
    for index, snapshot in enumerate(snapshots):
        for column, weights in _each(snapshot, placed):
            matrix = placed[column]
            cells, at = reduce_to_cells(weights, matrix.rows, matrix.columns, signed=signed)
            values[index, matrix.start : matrix.stop] = cells.ravel()
            largest[index, column], largest_at[index, column] = float(weights[at]), at
            if matrix.is_hidden:
                radius[index, column] = spectral_radius(weights)
            del weights
    return CellHistory(placed, Series.of(values, options.since), largest, largest_at, radius, count)


def _each(snapshot: Snapshot, matrices: Sequence[Matrix]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the index of each matrix and its weights, (out, all others); a tensor is read once for all its parts."""
    numbered = sorted(enumerate(matrices), key=lambda each: each[1].row.keys)
    with snapshot.open() as arrays:
        for keys, group in groupby(numbered, key=lambda each: each[1].row.keys):
            made = None
            for index, matrix in group:
                if made is None:
                    made = make(matrix.row.formula, [read_named(arrays.read, key, snapshot.path) for key in keys])
                part = take(made, matrix.row.slice)
                if np.iscomplexobj(part):
                    part = np.abs(part)
                if part.dtype.itemsize < 4:  # sums of float16 would overflow, and float8 has no arithmetic
                    part = part.astype(np.float32)
                yield index, part.transpose(matrix.axes).reshape(matrix.shape[0], -1)


def read_cell_differences(
    pairs: Sequence[tuple[Snapshot, Snapshot]], first: Sequence[Matrix], other: Sequence[Matrix]
) -> np.ndarray:
    """Read how far the weights of one run lie from those of another in the same places.

    Args:
        pairs: of snapshots, the first run's and the other's.
        first: matrices of the first run.
        other: the same of the other, cut into the same cells.

    Returns:
        (P, N) float32, for each cell the difference of largest magnitude with its sign, the other less the first.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    found = np.zeros((len(pairs), other[-1].stop if other else 0), dtype=np.float32)
    before: tuple[Snapshot, Snapshot] | None = None
    for index, pair in enumerate(pairs):
        if before is not None and pair[0] is before[0] and pair[1] is before[1]:
            found[index] = found[index - 1]
            continue
        before = pair
        for (_, one), (column, two) in zip(_each(pair[0], first), _each(pair[1], other), strict=True):
            matrix = other[column]
            apart = np.subtract(two, one, dtype=np.float64)
            cells, _ = reduce_to_cells(apart, matrix.rows, matrix.columns, signed=True)
            found[index, matrix.start : matrix.stop] = cells.ravel()
    return found


def reduce_to_cells(
    weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, signed: bool
) -> tuple[np.ndarray, tuple[int, int]]:
    """Reduce blocks of a matrix, (R, C), to a number each.

    Args:
        weights: of the matrix.
        rows: (r + 1,) bounds of the blocks.
        columns: (c + 1,) bounds of the blocks.
        signed: True for the weight of largest magnitude with its sign, False for the root mean square.

    Returns:
        (r, c) float64, NaN where a weight is not finite, and the place of the largest |weight|.
    """
    cells = np.empty((len(rows) - 1, len(columns) - 1))
    best, at = -1.0, (0, 0)
    starts, lengths = columns[:-1], np.diff(columns)
    for index, (begin, end) in enumerate(zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)):
        squares = np.zeros(len(starts))
        high, low = np.full(len(starts), -np.inf), np.full(len(starts), np.inf)
        step = max(_AT_ONCE // weights.shape[1], 1)
        for first in range(begin, end, step):
            block = weights[first : min(first + step, end)]
            upper, lower = block.max(axis=0), block.min(axis=0)
            magnitude = np.maximum(upper, -lower)
            place = int(magnitude.argmax())  # the first NaN, where there is one
            if not magnitude[place] <= best:
                best = float(magnitude[place])
                best = np.inf if np.isnan(best) else best
                at = (first + int(np.abs(block[:, place]).argmax()), place)
            high = np.maximum(high, np.maximum.reduceat(upper, starts))
            low = np.minimum(low, np.minimum.reduceat(lower, starts))
            if not signed:
                with np.errstate(over="ignore"):
                    summed = np.square(block, dtype=np.float64).sum(axis=0)
                squares += np.add.reduceat(summed, starts)
        known = np.isfinite(high) & np.isfinite(low)
        shown = np.where(high >= -low, high, low) if signed else np.sqrt(squares / (lengths * (end - begin)))
        cells[index] = np.where(known, shown, nan)
    return cells, at


def spectral_radius(matrix: np.ndarray) -> float:
    """Return the largest magnitude of the eigenvalues of a square matrix; NaN where it is not finite, or too large."""
    if len(matrix) > LARGEST_RADIUS or not np.isfinite(matrix).all():
        return nan
    return float(np.abs(np.linalg.eigvals(matrix.astype(np.float64))).max())
