"""Sums over the weights of rows: ‖W‖² and ‖W − W_ref‖², read once, in pieces that stay in the cache.

Where they are asked for, weights are counted by their magnitudes in the same pieces.

A `Stretch` stands on its own, so that who reads it may be another thread, or another machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, nan, prod
from typing import Any

import numpy as np

from nnanim.frames.magnitudes import BINS, Histograms, check_size, count_magnitudes
from nnanim.model.formulas import make
from nnanim.model.weight_rows import Row
from nnanim.reading.snapshots.contents import Arrays, Contents, check_shape, read_named
from nnanim.reading.snapshots.detect import open_arrays
from nnanim.reading.streams import Stream, Streaming, make_scratch

_BLOCK = 1 << 17  # numbers that are squared at a time
_LANE = 2048  # numbers that are added in float32; their sums are added in float64
_TINY = 1e-30  # a mean square below it may have lost digits in float32


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some rows over some snapshots.

    Attributes:
        contents: of the snapshots, in their order.
        rows: those that are made of the same tensors stand together.
        since: ``"first"`` measures changes against the first of these snapshots, ``"previous"`` against the one before.
    """

    contents: tuple[Contents, ...]
    rows: tuple[Row, ...]
    since: str


@dataclass(frozen=True, eq=False)
class _Tally:
    """Where the numbers of some rows are added up.

    Attributes:
        sums: (2, S, R) float64, ‖W‖² and ‖W − W_ref‖².
        counts: (S, R, BINS) int64, weights by magnitude; None where nobody asked.
        zeros: (S, R) int64.
    """

    sums: np.ndarray
    counts: np.ndarray | None
    zeros: np.ndarray


def measure(stretch: Stretch) -> np.ndarray:
    """Return ‖W‖² and ‖W − W_ref‖² of each row at each snapshot, (2, S, R) float64; NaN where a weight is not finite.

    Raises:
        SnapshotError: a snapshot cannot be read, or lacks a tensor.
    """
    return _measure(stretch, None)


def measure_and_count(stretch: Stretch) -> tuple[np.ndarray, Histograms]:
    """Return what `measure` returns, and the weights of each row at each snapshot by magnitude, of the same reading."""
    found: list[Histograms] = []
    sums = _measure(stretch, found)
    return sums, Histograms.joined(found, axis=1)


def _measure(stretch: Stretch, found: list[Histograms] | None) -> np.ndarray:
    """Return the sums; where there is a list, append the counts of rows that are made of the same tensors to it."""
    snapshots = len(stretch.contents)
    sums = np.zeros((2, snapshots, len(stretch.rows)))
    scratch, kept_bytes = [make_scratch(), make_scratch()], 0
    with ExitStack() as stack, np.errstate(over="ignore", invalid="ignore"):
        opened = [stack.enter_context(open_arrays(each)) for each in stretch.contents]
        for keys, group in groupby(enumerate(stretch.rows), key=lambda numbered: numbered[1].keys):
            numbered = list(group)
            rows = [row for _, row in numbered]
            counts = None if found is None else np.zeros((snapshots, len(rows), BINS), np.int64)
            zeros = np.zeros((snapshots, len(rows)), np.int64)
            into = _Tally(sums[:, :, numbered[0][0] : numbered[-1][0] + 1], counts, zeros)
            streams = _streams(opened, keys, stretch) if rows[0].formula is None else None
            if streams is None:
                _add_whole(into, opened, rows, stretch)
            else:
                try:
                    _add_pieces(into, streams, rows, stretch.since, scratch)
                finally:
                    for stream in streams:
                        stream.close()
            if found is not None and counts is not None:
                found.append(Histograms(0, counts, zeros, np.zeros(snapshots, int)).cropped())
                kept_bytes += found[-1].counts.nbytes
                check_size(kept_bytes, snapshots, len(stretch.rows))
    sums[:, ~np.isfinite(sums[0])] = nan
    return sums


def _streams(opened: Sequence[Arrays], keys: tuple[str, ...], stretch: Stretch) -> list[Stream] | None:
    """Return one tensor of each snapshot, or None where one of them must be read whole."""
    if len(keys) != 1:
        return None
    streams: list[Stream] = []
    try:
        for arrays, contents in zip(opened, stretch.contents, strict=True):
            stream = read_named(arrays.stream, keys[0], contents.path) if isinstance(arrays, Streaming) else None
            if stream is None:
                return None
            streams.append(stream)
            check_shape(keys[0], stream.shape, streams[0].shape, contents.path)
        whole, streams = streams, []
        return whole
    finally:
        for stream in streams:
            stream.close()


def _add_pieces(
    into: _Tally, streams: Sequence[Stream], rows: Sequence[Row], since: str, scratch: Sequence[np.ndarray]
) -> None:
    """Add the sums of one tensor, in pieces of which each is read of every snapshot before the next."""
    shape = streams[0].shape
    unit = max((prod(shape[row.slice[0] :]) for row in rows if row.slice is not None and row.slice[0]), default=1)
    count = max(_BLOCK // unit, 1) * unit
    for begin in range(0, prod(shape), count):
        before: list[np.ndarray] = []
        for place, stream in enumerate(streams):
            numbers = stream.read(count, scratch[place % 2 if since == "previous" else min(place, 1)])
            now = [_piece(numbers, begin, shape, row.slice) for row in rows]
            _add(into, place, now, before or now)
            if since == "previous" or not before:
                before = now


def _piece(numbers: np.ndarray, begin: int, shape: tuple[int, ...], part: tuple[int, int, int] | None) -> np.ndarray:
    """Return those of a tensor's numbers, the first of which is the begin-th, that lie in a part of it."""
    if part is None:
        return numbers
    axis, start, stop = part
    inner = prod(shape[axis + 1 :])
    if axis == 0:
        return numbers[max(start * inner - begin, 0) : max(stop * inner - begin, 0)]
    taken: np.ndarray = numbers.reshape(-1, shape[axis], inner)[:, start:stop]
    return taken


def _add_whole(into: _Tally, opened: Sequence[Arrays], rows: Sequence[Row], stretch: Stretch) -> None:
    """Add the sums of what cannot be read in pieces: of several tensors, packed in chunks, column by column."""
    before: list[np.ndarray] = []
    for place, (arrays, contents) in enumerate(zip(opened, stretch.contents, strict=True)):
        members = [read_named(arrays.read, key, contents.path) for key in rows[0].keys]
        made = make(rows[0].formula, members)
        now = [take(made, row.slice) for row in rows]
        if before:
            for row, one, other in zip(rows, now, before, strict=True):
                check_shape(row.keys[0], one.shape, other.shape, contents.path)
        _add(into, place, now, before or now)
        if stretch.since == "previous" or not before:
            before = now
        del members, made, now  # before the next takes as much memory


def _add(into: _Tally, place: int, now: Sequence[np.ndarray], before: Sequence[np.ndarray]) -> None:
    for column, (one, other) in enumerate(zip(now, before, strict=True)):
        norm, distance = _squares(one, other)
        into.sums[0, place, column] += norm
        into.sums[1, place, column] += distance
        if into.counts is not None:
            flat = np.ascontiguousarray(one).reshape(-1)
            for begin in range(0, len(flat), _BLOCK):
                counts = into.counts[place, column]
                into.zeros[place, column] += count_magnitudes(flat[begin : begin + _BLOCK], counts)


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
    """Return ‖W‖² and ‖W − W_ref‖² to a relative 1e-6: sums of short blocks, added in float64.

    Where a weight is not finite, neither is the first.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _squares(values, reference)


def _squares(values: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    is_same = values is reference
    if len(values) <= _BLOCK and values.ndim == 1:
        return _of_block(values, None if is_same else reference)
    one = np.ascontiguousarray(values).reshape(-1)
    other = one if is_same else np.ascontiguousarray(reference).reshape(-1)
    norm = distance = 0.0
    for begin in range(0, len(one), _BLOCK):
        sums = _of_block(one[begin : begin + _BLOCK], None if is_same else other[begin : begin + _BLOCK])
        norm, distance = norm + sums[0], distance + sums[1]
    return norm, distance


def _of_block(block: np.ndarray, reference: np.ndarray | None) -> tuple[float, float]:
    """Return the sums over some numbers; those of float32 first in float32, and anew where this cannot hold them."""
    if _is_short(block) and (reference is None or _is_short(reference)):
        one = block.astype(np.float32, copy=False)
        norm, distance = _sum_of_squares(one), 0.0
        if reference is not None:
            distance = _sum_of_squares(one - reference.astype(np.float32, copy=False))
        small = len(block) * _TINY
        if isfinite(norm + distance) and norm >= small and (distance == 0 or distance >= small):
            return norm, distance
    wide = block.astype(np.float64)
    apart = wide if reference is None else wide - reference
    return float(wide @ wide), 0.0 if reference is None else float(apart @ apart)


def _is_short(block: np.ndarray) -> bool:
    return block.dtype.kind == "f" and block.dtype.itemsize <= 4


def _sum_of_squares(block: np.ndarray) -> float:
    whole = len(block) // _LANE * _LANE
    lanes, rest = block[:whole].reshape(-1, _LANE), block[whole:]
    sums = np.vecdot(lanes, lanes) if hasattr(np, "vecdot") else np.einsum("ij,ij->i", lanes, lanes)
    return float(np.add.reduce(sums, dtype=np.float64)) + (float(np.dot(rest, rest)) if len(rest) else 0.0)
