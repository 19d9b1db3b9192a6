"""The layers of an open snapshot, some rows of the file at a time, so that none need be whole in memory.

The rows of a tensor in a file are units of a layer, or what it takes in where the file has (in, out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np

from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.reading.snapshots.to_layers import (
    OpenArrays,
    bad_array,
    changed,
    check_array,
    count_bad,
    not_finite,
    read_layer,
    to_layer,
)
from nnanim.reading.streams import Stream, Streaming

BLOCK = 1 << 18  # numbers that are read at a time
MOST_ROW_NUMBERS = 1 << 22  # of one row that is read at a time

_NO_ROOM = np.empty(0, np.uint8)


@dataclass(eq=False)
class LayerRows:
    """The weights of one layer, from the first row of the file on.

    Attributes:
        header: of the layer.
        where: the file's name.
        axis: of (out, in) that the rows of the file are.
        whole: the layer, where it was read whole.
    """

    header: LayerHeader
    where: str
    axis: int = 0
    whole: Layer | None = None
    _stream: Stream | None = None
    _axes: tuple[int, ...] = ()
    _at: int = 0
    _bad: int = 0

    @property
    def row_numbers(self) -> int:
        """How many numbers a row has."""
        return prod(self.header.shape) // self.count

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.header.size_in if self.axis else self.header.size_out

    def take(self, count: int) -> np.ndarray:
        """Return the weights of the next rows, (out, in, …) float32 with as many along `axis`.

        Raises:
            SnapshotError: the file is damaged, or at the end of the layer: it holds NaN or infinite weights.
        """
        begin, self._at = self._at, self._at + count
        if self._stream is None:
            assert self.whole is not None
            here = slice(begin, self._at)
            weight: np.ndarray = self.whole.weight[:, here] if self.axis else self.whole.weight[here]
            return weight
        numbers = self._stream.read(count * self.row_numbers, _NO_ROOM)
        with np.errstate(over="ignore"):  # a float64 weight too large for float32 is told as infinite
            rows = numbers.astype(np.float32, copy=False).reshape(count, *self._stream.shape[1:])
        self._bad += count_bad(rows)
        if self._bad and self._at == self.count:
            raise not_finite(self.header.name, "weight", self._bad, prod(self.header.shape), self.where)
        return rows.transpose(self._axes)

    def skip_to(self, row: int) -> None:
        """Go on to a row."""
        if self._stream is not None:
            self._stream.skip((row - self._at) * self.row_numbers)
        self._at = row

    def close(self) -> None:
        """Give back what is held open."""
        if self._stream is not None:
            self._stream.close()


class OpenLayers:
    """The layers of an open snapshot."""

    def __init__(self, contents: Contents, layers: Sequence[LayerHeader], arrays: Arrays) -> None:
        self._contents, self._arrays = contents, arrays
        self.layers: tuple[LayerHeader, ...] = tuple(layers)
        self.where: str = str(contents.path)

    def rows(self, place: int, *, axis: int | None = None, is_checked: bool = True) -> LayerRows:
        """Return the rows of a layer; of one that does not lie row by row the whole.

        Args:
            place: of the layer.
            axis: which of (out, in) the rows are to be; by default those of the file.
            is_checked: whether a sum in the file is checked.

        Raises:
            SnapshotError: the file is damaged or has changed.
        """
        header = self.layers[place]
        turn = _turn(header, self._contents)
        axes = (turn[1], turn[0], *turn[2:]) if header.transposed else turn
        own = axes.index(0)
        is_in_rows = header.formula is None and own in ((0, 1) if axis is None else (axis,))
        if is_in_rows and isinstance(self._arrays, Streaming):
            try:
                stream = self._arrays.stream(header.key, is_checked=is_checked)
            except KeyError:
                raise changed(self.where) from None
            if stream is not None:
                found = LayerRows(header, self.where, own, None, stream, axes)
                if len(stream.shape) != len(turn) or tuple(stream.shape[each] for each in turn) != header.shape:
                    stream.close()
                    raise changed(self.where)
                if found.row_numbers <= MOST_ROW_NUMBERS:
                    return found
                stream.close()
        of_whole = (own if own < 2 else 0) if axis is None else axis
        return LayerRows(header, self.where, of_whole, read_layer(self._contents, header, self._arrays))

    def check(self) -> None:
        """Read all layers, none of which need be whole in memory.

        Raises:
            SnapshotError: the file is damaged, has changed, or holds NaN or infinite numbers.
        """
        for place in range(len(self.layers)):
            rows = self.rows(place)
            step = max(BLOCK // rows.row_numbers, 1)
            try:
                for begin in range(0, rows.count, step):
                    rows.take(min(step, rows.count - begin))
            finally:
                rows.close()
            self.bias(place)

    def bias(self, place: int) -> np.ndarray | None:
        """Return the bias of a layer, (out,) float32, or None where it has none.

        Raises:
            SnapshotError: the file is damaged, has changed, or holds NaN or infinite biases.
        """
        header = self.layers[place]
        if header.bias_key is None:
            return None
        try:
            bias = self._arrays.read(header.bias_key)
        except KeyError:
            raise changed(self.where) from None
        layer = to_layer(header, np.zeros((1, 1), np.float32), bias)
        assert layer.bias is not None
        if bad := count_bad(layer.bias):
            raise not_finite(header.name, "bias", bad, layer.bias.size, self.where)
        return layer.bias


def _turn(header: LayerHeader, contents: Contents) -> tuple[int, ...]:
    """Return for each axis of a layer's shape which axis of the file's tensor it is."""
    if header.key not in contents.turned:
        return tuple(range(len(header.shape)))
    from nnanim.reading.snapshots.parameters import turn_axes

    return turn_axes(len(header.shape))


def check_tensor(key: str, arrays: Arrays, where: str) -> None:
    """Read a tensor, and check that every number of it is one.

    Raises:
        SnapshotError: the file is damaged, or holds NaN or infinite numbers.
    """
    stream = arrays.stream(key) if isinstance(arrays, Streaming) else None
    if stream is None:
        check_array(key, arrays.read(key), where)
        return
    bad = done = 0
    size = prod(stream.shape)
    try:
        while done < size:
            numbers = stream.read(BLOCK, _NO_ROOM)
            bad, done = bad + (count_bad(numbers) if numbers.dtype.kind == "f" else 0), done + len(numbers)
    finally:
        stream.close()
    if bad:
        raise bad_array(key, bad, size, where)


@contextmanager
def open_layers(contents: Contents, layers: Sequence[LayerHeader], open_arrays: OpenArrays) -> Iterator[OpenLayers]:
    """Open a snapshot to read its layers some rows at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_arrays(contents) as arrays:
        yield OpenLayers(contents, layers, arrays)
