"""Networks that are too large to be kept: their weights are read once for what is strong, then what is shown alone.

First each layer passes block by block through all snapshots, and the strength of its neurons is measured. Then the rows
of the shown neurons are read again, wherever a file lets one go to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.frames.edges import block_of, edges_of
from nnanim.frames.extremes import Extremes
from nnanim.frames.selection import Selection, Strength, select_edges, select_nodes
from nnanim.frames.tiles import TilePlan
from nnanim.options import Options
from nnanim.reading.run import Snapshot
from nnanim.reading.snapshots.layer_rows import LayerRows, OpenLayers

AT_ONCE = 32  # snapshots that are open together; of more the largest weights are kept
MOST_NEURONS = 1 << 22  # of a layer that is not kept
SHOWN_BYTES = 64 << 20  # of what lies between shown neurons is kept, or read once more
_BLOCK = 1 << 18  # numbers that are read at a time


@dataclass(frozen=True, eq=False)
class Streamed:
    """What is shown of a large network.

    Attributes:
        selection: which edges and nodes.
        edges: (S, E) float32.
        biases: (S, N) float32, NaN for nodes without one.
        tiles: (S, cells) of the first layer, where it is shown as tiles; else empty.
    """

    selection: Selection
    edges: np.ndarray
    biases: np.ndarray
    tiles: np.ndarray


def edge_blocks(snapshot: Snapshot) -> list[int]:
    """Return for each layer for how many values that it takes in there is one edge.

    Raises:
        SnapshotError: a layer takes in something else than the one before puts out.
    """
    layers, where = snapshot.layers, str(snapshot.path)
    before = [layers[0].size_in, *(layer.size_out for layer in layers[:-1])]
    return [block_of(layer.name, layer.size_in, size, where) for layer, size in zip(layers, before, strict=True)]


def read_streamed(
    snapshots: Sequence[Snapshot], options: Options, plan: TilePlan | None, selection: Selection | None
) -> Streamed:
    """Read what is shown of a network, little of which is in memory at a time.

    Args:
        snapshots: those that are shown, in their order; each `has_rows`.
        options: how to choose.
        plan: of the pictures that stand in place of the first layer's edges, or None for edges.
        selection: what is shown, where that is chosen already, of a network of the same sizes.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    blocks = edge_blocks(snapshots[:1][0])
    _check_neurons(snapshots[:1][0])
    strengths = _strengths(snapshots, blocks)
    sizes = (len(strengths[0].into), *(len(each.out) for each in strengths))
    is_given = selection is not None and selection.sizes == sizes
    nodes = selection.nodes if selection and is_given else select_nodes(strengths, options, plan.most if plan else 0)
    shown = _Shown(snapshots, blocks, nodes, plan)
    if selection is None or not is_given:
        extremes = Extremes(with_changes=options.edges == "change")
        for _, matrices, _, _ in shown:
            extremes.add(matrices, in_place=False)
        ranks = extremes.take_changes() if options.edges == "change" else extremes.largest
        selection = select_edges(sizes, nodes, ranks, options)
    edges = np.empty((len(snapshots), len(selection.layer)), np.float32)
    biases = np.empty((len(snapshots), sum(map(len, nodes))), np.float32)
    tiles = []
    for index, matrices, bias, cells in shown:
        edges[index], biases[index] = selection.pick_shown(matrices), bias
        tiles.append(cells)
    return Streamed(selection, edges, biases, np.array(tiles))


def _check_neurons(snapshot: Snapshot) -> None:
    """Refuse more neurons than can be put in the order of their strength in little memory.

    Raises:
        SnapshotError: a layer has more.
    """
    for layer in snapshot.layers:
        if (size := max(layer.size_in, layer.size_out)) > MOST_NEURONS:
            raise SnapshotError(
                f"layer {layer.name!r} in snapshot {str(snapshot.path)!r} has {size} neurons on one side (of at most"
                f" {MOST_NEURONS} those to show are chosen; take --view layers)"
            )


def _strengths(snapshots: Sequence[Snapshot], blocks: Sequence[int]) -> list[Strength]:
    """Measure the neurons of all layers by the largest |weight| over the run; all weights are checked meanwhile."""
    kept: dict[int, np.ndarray] = {}
    found: list[Strength] = []
    for start in range(0, len(snapshots), AT_ONCE):
        stop = min(start + AT_ONCE, len(snapshots))
        is_last = stop == len(snapshots)
        with ExitStack() as stack:
            opened = [stack.enter_context(snapshots[place].open_layers()) for place in range(start, stop)]
            for place, block in enumerate(blocks):
                sums = _Sums(kept.pop(place, None), must_keep=not is_last)
                for axis, begin, largest in _largest(opened, place, block):
                    sums.add(axis, begin, largest, _edge_shape(opened[0], place, block))
                if sums.kept is not None:
                    kept[place] = sums.kept
                if is_last:
                    found.append(sums.strength())
    return found


def _edge_shape(opened: OpenLayers, place: int, block: int) -> tuple[int, int]:
    header = opened.layers[place]
    return header.size_out, header.size_in // block


class _Sums:
    """The means of the magnitudes of edges over both of their sides, block by block."""

    def __init__(self, before: np.ndarray | None, *, must_keep: bool) -> None:
        """Begin.

        Args:
            before: (out, in) the largest magnitudes in snapshots before, or None.
            must_keep: whether the largest ones are kept in their place, for snapshots behind.
        """
        self._before, self._must_keep = before, must_keep
        self.kept: np.ndarray | None = before if must_keep else None
        self._sums: list[np.ndarray] = []

    def add(self, axis: int, begin: int, largest: np.ndarray, shape: tuple[int, int]) -> None:
        """Take in the largest magnitudes of some rows (axis 0) or columns (axis 1)."""
        end = begin + largest.shape[axis]
        here = (slice(begin, end), slice(None)) if axis == 0 else (slice(None), slice(begin, end))
        if self._before is not None:
            largest = np.maximum(largest, self._before[here])
        if self._must_keep:
            self.kept = np.empty(shape, np.float32) if self.kept is None else self.kept
            self.kept[here] = largest
            return
        self._sums = self._sums or [np.zeros(size) for size in shape]
        out, into = self._sums
        with np.errstate(invalid="ignore"):  # what is no number is told when all of the layer has passed
            out[here[0]] += largest.sum(axis=1, dtype=np.float64)
            into[here[1]] += largest.sum(axis=0, dtype=np.float64)

    def strength(self) -> Strength:
        """Return the means."""
        out, into = self._sums
        return Strength(out / len(into), into / len(out))


def _largest(opened: Sequence[OpenLayers], place: int, block: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the axis of a layer's blocks, where among the edges each begins, and its largest magnitudes."""
    rows: list[LayerRows] = []
    try:
        for each in opened:
            rows.append(each.rows(place, axis=rows[0].axis if rows else None))
        for begin, count in pieces_of(rows[0], block):
            largest: np.ndarray | None = None
            for row in rows:
                with np.errstate(over="ignore", invalid="ignore"):
                    magnitudes = np.abs(edges_of(row.take(count), block))
                largest = magnitudes if largest is None else np.maximum(largest, magnitudes, out=largest)
            assert largest is not None
            yield rows[0].axis, begin, largest
    finally:
        for row in rows:
            row.close()


def pieces_of(rows: LayerRows, block: int) -> Iterator[tuple[int, int]]:
    """Yield where among a layer's edges each piece begins, and how many rows of the file it has.

    Of a single row norms might come out otherwise, so that a piece has two where there are two.
    """
    unit = block if rows.axis else 1
    count = rows.count // unit
    pieces = max(min(rows.row_numbers * rows.count // _BLOCK, count // 2), 1)
    bounds = [count * piece // pieces for piece in range(pieces + 1)]
    for begin, end in pairwise(bounds):
        yield begin, (end - begin) * unit


class _Shown:
    """What lies between the shown neurons of each snapshot: read each time, or kept where that is little."""

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        blocks: Sequence[int],
        nodes: Sequence[np.ndarray],
        plan: TilePlan | None,
    ) -> None:
        self._snapshots, self._blocks, self._nodes, self._plan = snapshots, blocks, nodes, plan
        pairs = zip(nodes[1:], nodes[:-1], strict=True)
        numbers = sum(len(out) * len(into) for out, into in pairs)
        self._kept: list[tuple[int, list[np.ndarray], np.ndarray, np.ndarray]] = []
        self._is_kept = 4 * numbers * len(snapshots) <= SHOWN_BYTES

    def __iter__(self) -> Iterator[tuple[int, list[np.ndarray], np.ndarray, np.ndarray]]:
        """Yield the index of each snapshot, edges for each layer, biases of all nodes, and the cells of tiles."""
        if self._kept:
            yield from self._kept
            return
        for index in range(len(self._snapshots)):
            found = (index, *self._read(self._snapshots[index]))
            if self._is_kept:
                self._kept.append(found)
            yield found

    def _read(self, snapshot: Snapshot) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        matrices, cells = [], np.empty(0, np.float32)
        biases = [np.full(len(self._nodes[0]), np.nan, np.float32)]
        with snapshot.open_layers() as opened:
            for place, (block, nodes) in enumerate(zip(self._blocks, self._nodes[1:], strict=True)):
                rows = opened.rows(place, is_checked=False)
                try:
                    if place == 0 and self._plan is not None:
                        cells = self._plan.pictures(_units(rows, nodes)).ravel()
                        matrices.append(np.empty((len(nodes), 0), np.float32))
                    else:
                        matrices.append(_between(rows, block, self._nodes[place], nodes))
                finally:
                    rows.close()
                bias = opened.bias(place)
                biases.append(np.full(len(nodes), np.nan, np.float32) if bias is None else bias[nodes])
        return matrices, np.concatenate(biases), cells


def read_between(
    snapshot: Snapshot, blocks: Sequence[int], nodes: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the edges between neurons of each layer, and the biases of all, of a snapshot that was read before.

    Raises:
        SnapshotError: it cannot be read.
    """
    _, edges, biases, _ = next(iter(_Shown([snapshot], blocks, nodes, None)))
    return edges, biases


def _between(rows: LayerRows, block: int, into: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return the edges between neurons, (len(out), len(into))."""
    if rows.whole is not None:
        edges: np.ndarray = edges_of(rows.whole.weight, block)[np.ix_(out, into)]
        return edges
    if rows.axis == 0:
        return np.concatenate([edges_of(weight, block)[:, into] for weight in _picked(rows, out, 1)])[: len(out)]
    parts = [edges_of(weight, block)[out] for weight in _picked(rows, into, block)]
    return np.concatenate(parts, axis=1)[:, : len(into)]


def _picked(rows: LayerRows, places: np.ndarray, unit: int) -> Iterator[np.ndarray]:
    """Yield the weights of places, each `unit` rows long, increasing, some at a time; others are passed over.

    One place alone comes twice: norms over a single row might come out otherwise.
    """
    step = max(_BLOCK // (rows.row_numbers * unit), 2)
    for begin in range(0, len(places), step):
        taken = []
        for place in places[begin : begin + step].tolist():
            rows.skip_to(place * unit)
            taken.append(rows.take(unit))
        if len(taken) == 1:
            taken *= 2
        yield np.concatenate(taken, axis=rows.axis)


def units_of(snapshot: Snapshot, units: np.ndarray) -> np.ndarray:
    """Return the weights of units of the first layer, (len(units), in, …), of a snapshot that was read before.

    Raises:
        SnapshotError: it cannot be read.
    """
    with snapshot.open_layers() as opened:
        rows = opened.rows(0, is_checked=False)
        try:
            return _units(rows, units)
        finally:
            rows.close()


def _units(rows: LayerRows, units: np.ndarray) -> np.ndarray:
    """Return the weights of units, (len(units), in, …)."""
    if rows.axis == 0:
        return np.concatenate(list(_picked(rows, units, 1)))[: len(units)]
    step = max(_BLOCK // rows.row_numbers, 1)
    parts = [rows.take(min(step, rows.count - begin))[units] for begin in range(0, rows.count, step)]
    return np.concatenate(parts, axis=1)
