"""The rows of weight matrices in a snapshot, some at a time where they lie one behind the other in its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.frames.row_sums import MOST_AT_ONCE, take
from nnanim.model.formulas import make
from nnanim.model.weight_rows import Row
from nnanim.reading.snapshots.contents import Arrays, check_shape, read_named
from nnanim.reading.streams import Stream, Streaming

_NO_ROOM = np.empty(0, np.uint8)


class Rows:
    """The rows of one matrix, (R, C), taken from the first on; each only once.

    Attributes:
        shape: (R, C).
        whole: the matrix, where it was read whole.
    """

    def __init__(self, shape: tuple[int, int], take: Callable[[int, int], np.ndarray], whole: Any = None) -> None:
        self.shape = shape
        self.whole: np.ndarray | None = whole
        self.take = take

    @classmethod
    def of(cls, matrix: np.ndarray) -> Rows:
        """Take them out of a matrix that is there."""
        return cls((matrix.shape[0], matrix.shape[1]), lambda begin, end: matrix[begin:end], matrix)

    def less(self, other: Rows) -> Rows:
        """Return the differences from another matrix of the same shape, float64."""
        return Rows(
            self.shape,
            lambda begin, end: np.subtract(self.take(begin, end), other.take(begin, end), dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class Planned:
    """What is taken out of a tensor: its part, and the order of its axes.

    Attributes:
        row: names of the tensors.
        axes: of the file's tensor (of its part) in the order (out, in, …).
        shape: (out, in, …).
        is_whole: whether all of it must be in memory together.
    """

    row: Row
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    is_whole: bool

    @property
    def is_in_rows(self) -> bool:
        """Whether the rows of the matrix are those of the tensor, or some of them one behind the other."""
        of_rows = self.row.slice is None or self.row.slice[0] == 0
        are_in_order = self.axes == tuple(range(len(self.shape)))  # those of a table may be taken as one
        return not self.is_whole and self.row.formula is None and of_rows and are_in_order

    def shape_in_file(self, there: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that the tensor (its part) has in the first snapshot.

        Args:
            there: the shape that it has here, which tells how axes that are taken as one are shared out.
        """
        if len(self.axes) == len(self.shape):
            sizes = dict(zip(self.axes, self.shape, strict=True))
            return tuple(sizes[axis] for axis in range(len(sizes)))
        is_same = (prod(there[:-1]), *there[-1:]) == self.shape and len(there) == len(self.axes)
        return there if is_same else self.shape


def each_matrix(arrays: Arrays, planned: Sequence[Planned], path: Path) -> Iterator[tuple[int, Rows]]:
    """Yield the index of each matrix and its rows, to be taken before the next; a tensor is read once for its parts.

    Args:
        arrays: of the open snapshot.
        planned: the matrices.
        path: of the snapshot.

    Raises:
        SnapshotError: the file is damaged, or another than the first one.
    """
    numbered = sorted(enumerate(planned), key=lambda each: each[1].row.keys)
    for keys, group in groupby(numbered, key=lambda each: each[1].row.keys):
        parts = list(group)
        stream = _stream(arrays, keys, [part for _, part in parts], path)
        if stream is None:
            yield from _out_of_whole(arrays, keys, parts, path)
            continue
        with ExitStack() as stack:
            stack.callback(stream.close)
            yield from _as_they_pass(stream, parts)


def _stream(arrays: Arrays, keys: tuple[str, ...], parts: Sequence[Planned], path: Path) -> Stream | None:
    """Return the numbers of a tensor, where its parts can be taken out of them as they pass."""
    if len(keys) != 1 or not isinstance(arrays, Streaming) or not all(part.is_in_rows for part in parts):
        return None
    places = [part.row.slice for part in parts]
    if len(places) > 1 and (None in places or any(a[2] > b[1] for a, b in zip(*_neighbours(places), strict=True))):
        return None
    stream = read_named(arrays.stream, keys[0], path)
    if stream is None:
        return None
    with ExitStack() as stack:
        stack.callback(stream.close)
        stops = [part.row.slice[2] for part in parts if part.row.slice is not None]
        rows = max(stream.shape[0], *stops) if stops else parts[0].shape[0]
        check_shape(keys[0], stream.shape, (rows, *parts[0].shape[1:]), path)
        if prod(stream.shape[1:]) > MOST_AT_ONCE:
            return None
        stack.pop_all()
    return stream


def _neighbours(places: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    ordered = sorted(places)
    return ordered[:-1], ordered[1:]


def _as_they_pass(stream: Stream, parts: Sequence[tuple[int, Planned]]) -> Iterator[tuple[int, Rows]]:
    columns, at = prod(stream.shape[1:]), 0

    def rows_from(first: int) -> Callable[[int, int], np.ndarray]:
        def take_rows(begin: int, end: int) -> np.ndarray:
            nonlocal at
            skip(first + begin)
            at = first + end
            return _wide(stream.read((end - begin) * columns, _NO_ROOM)).reshape(-1, columns)

        return take_rows

    def skip(to: int) -> None:
        nonlocal at
        stream.skip((to - at) * columns)
        at = to

    for index, part in sorted(parts, key=lambda each: each[1].row.slice or (0, 0, 0)):
        start, stop = (0, stream.shape[0]) if part.row.slice is None else part.row.slice[1:]
        yield index, Rows((stop - start, columns), rows_from(start))
    skip(stream.shape[0])  # so that its sum is checked


def _out_of_whole(
    arrays: Arrays, keys: tuple[str, ...], parts: Sequence[tuple[int, Planned]], path: Path
) -> Iterator[tuple[int, Rows]]:
    made = make(parts[0][1].row.formula, [read_named(arrays.read, key, path) for key in keys])
    for index, part in parts:
        values = take(made, part.row.slice)
        check_shape(keys[0], values.shape, part.shape_in_file(values.shape), path)
        if np.iscomplexobj(values):
            values = np.abs(values)
        yield index, Rows.of(_wide(values).transpose(part.axes).reshape(part.shape[0], -1))


def _wide(values: np.ndarray) -> np.ndarray:
    """Return numbers that can be added: sums of float16 would overflow, and float8 has no arithmetic."""
    return values.astype(np.float32) if values.dtype.itemsize < 4 else values
