"""What was read of a run that grows, so that of a longer run only what is new is read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from nnanim.frames.edges import edge_matrices, edges_of
from nnanim.frames.history import Series
from nnanim.frames.selection import Selection, Strength, select_edges, select_nodes
from nnanim.frames.streamed_weights import edge_blocks, pieces_of, read_between
from nnanim.frames.tile_memory import TileMemory
from nnanim.frames.tiles import TileHistory, TilePlan
from nnanim.frames.weights import Weights, names_of_norms
from nnanim.model.layers import sizes_of
from nnanim.options import Options
from nnanim.reading.run import Snapshot

REMEMBERED_BYTES = 64 << 20  # of what lies between candidates
MARGINS = (4, 2, 1)  # times as many neurons as are shown are candidates, if there is room for so many
MOST_CANDIDATES = 1000
LEAST_SNAPSHOTS = 50  # for which there is to be room

Take = Callable[[int, int, int, np.ndarray], None]


class _Candidates:
    """Neurons that are shown, or may be soon: what is between them is kept of every snapshot."""

    def __init__(self, nodes: Sequence[np.ndarray]) -> None:
        self.nodes: tuple[np.ndarray, ...] = tuple(nodes)
        self.shapes = [(len(out), len(into)) for into, out in pairwise(nodes)]
        self.starts: list[int] = np.cumsum([0, *(out * into for out, into in self.shapes)]).tolist()
        self.bias_starts: list[int] = np.cumsum([0, *map(len, nodes)]).tolist()

    def hold(self, nodes: Sequence[np.ndarray]) -> bool:
        """Tell whether neurons are among these."""
        return all(bool(np.isin(some, all_).all()) for some, all_ in zip(nodes, self.nodes, strict=True))

    def places_of(self, selection: Selection) -> tuple[np.ndarray, np.ndarray]:
        """Return where the shown edges, (E,), and the biases of the shown neurons, (N,), are kept."""
        edges = np.empty(len(selection.layer), dtype=int)
        found = [np.searchsorted(kept, shown) for kept, shown in zip(self.nodes, selection.nodes, strict=True)]
        for layer, (_, columns) in enumerate(self.shapes):
            own = selection.layer == layer
            rows, at = found[layer + 1][selection.head[own]], found[layer][selection.tail[own]]
            edges[own] = self.starts[layer] + rows * columns + at
        biases = [start + places for start, places in zip(self.bias_starts, found, strict=False)]
        return edges, np.concatenate(biases)


class _Table:
    """Rows of numbers that grow one by one."""

    def __init__(self, columns: int) -> None:
        self._rows = np.empty((8, columns), np.float32)
        self._count = 0

    def add(self, row: np.ndarray) -> None:
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._count] = row
        self._count += 1

    @property
    def rows(self) -> np.ndarray:
        """(n, columns) float32."""
        return self._rows[: self._count]


class _Known:
    """What is known of the snapshots of one run."""

    def __init__(self, first: Snapshot, options: Options, count: int) -> None:
        self.layers = [(layer.name, layer.shape) for layer in first.layers]
        self.blocks = edge_blocks(first)
        self.sizes = sizes_of(first.layers)
        self.names = tuple(layer.name for layer in first.layers)
        self.norms = names_of_norms(first)
        self.keys: list[Hashable] = []
        self._first, self._options = first, options
        self.largest = [np.zeros(shape, np.float32) for shape in self._shapes(self.sizes)]
        self._strengths: list[Strength] = []
        self.candidates: _Candidates | None = None
        margin = self.margin(count)
        if margin and all(size <= margin * options.max_nodes for size in self.sizes):
            self._keep([np.arange(size) for size in self.sizes])

    def _shapes(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        return [(out, into) for into, out in pairwise(sizes)]

    def margin(self, count: int) -> int:
        """Return how many times as many neurons as are shown can be kept of so many snapshots; 0 for none."""
        for margin in MARGINS:
            most = [min(size, margin * self._options.max_nodes) for size in self.sizes]
            numbers = sum(out * into for out, into in self._shapes(most)) + sum(most)
            if 4 * numbers * max(2 * count, LEAST_SNAPSHOTS) <= REMEMBERED_BYTES:
                return margin
        return 0

    @property
    def is_whole(self) -> bool:
        """Whether all neurons are candidates."""
        return self.candidates is not None and sum(map(len, self.candidates.nodes)) == sum(self.sizes)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more, as where snapshots come that are shown and go again."""
        return self.candidates is not None and self.edges.rows.nbytes + self.biases.rows.nbytes > REMEMBERED_BYTES

    def is_like(self, snapshot: Snapshot) -> bool:
        """Tell whether a snapshot has the same layers."""
        return [(layer.name, layer.shape) for layer in snapshot.layers] == self.layers

    def can_go_on(self, keys: Sequence[Hashable]) -> bool:
        """Tell whether what is known helps with other snapshots: with more of them behind, or where all is kept."""
        return self.is_whole or list(keys[: len(self.keys)]) == self.keys

    def add(self, snapshot: Snapshot, key: Hashable) -> None:
        """Read a snapshot.

        Raises:
            SnapshotError: it cannot be read.
        """
        kept = self.candidates
        edges = [np.empty(shape, np.float32) for shape in kept.shapes] if kept else []

        def take(layer: int, axis: int, begin: int, piece: np.ndarray) -> None:
            end = begin + piece.shape[axis]
            largest = self.largest[layer][begin:end] if axis == 0 else self.largest[layer][:, begin:end]
            with np.errstate(invalid="ignore"):  # what is no number is told when all of the layer has passed
                np.maximum(largest, np.abs(piece), out=largest)
            if kept:
                into, out = kept.nodes[layer], kept.nodes[layer + 1]
                passing = out if axis == 0 else into
                first, last = np.searchsorted(passing, [begin, end]).tolist()
                if axis == 0:
                    edges[layer][first:last] = piece[np.ix_(out[first:last] - begin, into)]
                else:
                    edges[layer][:, first:last] = piece[np.ix_(out, into[first:last] - begin)]

        biases = _pass_through(snapshot, self.blocks, take)
        if kept:
            of_nodes = [np.full(len(nodes), np.nan, np.float32) for nodes in kept.nodes]
            for place, bias in enumerate(biases, start=1):
                if bias is not None:
                    of_nodes[place][:] = bias[kept.nodes[place]]
            self._add_row(key, edges, np.concatenate(of_nodes))

    def settle(self, keys: Sequence[Hashable]) -> None:
        """Take just these snapshots for those of the run."""
        if list(keys[: len(self.keys)]) != self.keys:
            rows = np.abs(self.edges.rows[[self.places[key] for key in keys]]).max(axis=0)
            assert self.candidates is not None
            ends = zip(self.candidates.starts, self.candidates.starts[1:], self.candidates.shapes, strict=False)
            self.largest = [rows[start:end].reshape(shape) for start, end, shape in ends]
        if self.keys != keys:
            self._strengths = []
        self.keys = list(keys)

    def select(self, most_tiles: int) -> Selection:
        """Choose what is shown, as `nnanim.frames.selection.select` does."""
        self._strengths = self._strengths or [Strength.of(each) for each in self.largest]
        nodes = select_nodes(self._strengths, self._options, most_tiles)
        shown = [self.largest[place][np.ix_(nodes[place + 1], nodes[place])] for place in range(len(self.largest))]
        return select_edges(self.sizes, nodes, shown, self._options)

    def choose_candidates(self, snapshots: Sequence[Snapshot], selection: Selection) -> None:
        """Keep what is between more neurons than are shown, for which their rows are read again.

        Raises:
            SnapshotError: a snapshot cannot be read.
        """
        nodes: Sequence[np.ndarray] = selection.nodes
        if self._options.nodes != "even":
            most = self.margin(len(self.keys)) * self._options.max_nodes
            more = replace(self._options, max_nodes=max(min(most, MOST_CANDIDATES), self._options.max_nodes))
            nodes = select_nodes(self._strengths, more)
        self._keep(nodes)
        for place, key in enumerate(self.keys):
            snapshot = snapshots[place]
            if snapshot.has_rows:
                self._add_row(key, *read_between(snapshot, self.blocks, nodes))
            else:
                layers = snapshot.read()
                matrices = edge_matrices(layers, str(snapshot.path))
                pairs = zip(matrices, nodes[1:], nodes[:-1], strict=True)
                none = np.full(len(nodes[0]), np.nan, np.float32)
                biases = [
                    np.full(len(own), np.nan, np.float32) if layer.bias is None else layer.bias[own]
                    for layer, own in zip(layers, nodes[1:], strict=True)
                ]
                self._add_row(
                    key, [matrix[np.ix_(out, into)] for matrix, out, into in pairs], np.concatenate([none, *biases])
                )

    def weights(self, selection: Selection, since: str) -> Weights:
        """Return what is shown of the run."""
        assert self.candidates is not None
        places = [self.places[key] for key in self.keys]
        rows = slice(None) if places == list(range(len(self.edges.rows))) else places
        edges, biases = self.candidates.places_of(selection)
        return Weights(
            selection=selection,
            edges=Series.of(self.edges.rows[rows][:, edges], since),
            biases=Series.of(self.biases.rows[rows][:, biases], since),
            names=self.names,
            norms=self.norms,
        )

    def _add_row(self, key: Hashable, edges: Sequence[np.ndarray], biases: np.ndarray) -> None:
        self.places[key] = len(self.edges.rows)
        self.edges.add(np.concatenate([each.ravel() for each in edges]))
        self.biases.add(biases)

    def _keep(self, nodes: Sequence[np.ndarray]) -> None:
        self.candidates = _Candidates(nodes)
        self.places: dict[Hashable, int] = {}
        self.edges = _Table(self.candidates.starts[-1])
        self.biases = _Table(self.candidates.bias_starts[-1])


def _pass_through(snapshot: Snapshot, blocks: Sequence[int], take: Take) -> list[np.ndarray | None]:
    """Hand over the edges of each layer piece by piece, and return the biases.

    Raises:
        SnapshotError: the snapshot cannot be read.
    """
    if not snapshot.has_rows:
        layers = snapshot.read()
        for place, matrix in enumerate(edge_matrices(layers, str(snapshot.path))):
            take(place, 0, 0, matrix)
        return [layer.bias for layer in layers]
    biases = []
    with snapshot.open_layers() as opened:
        for place, block in enumerate(blocks):
            rows = opened.rows(place)
            try:
                for begin, count in pieces_of(rows, block):
                    take(place, rows.axis, begin, edges_of(rows.take(count), block))
            finally:
                rows.close()
            biases.append(opened.bias(place))
    return biases


@dataclass
class WeightMemory:
    """What was read of a run that grows, so that of a longer run only what is new is read.

    Kept is the largest |weight| of each edge, and of every snapshot what lies between some more neurons than are shown.
    When others become the strongest, the rows of these alone are read again.

    Attributes:
        stamp: returns what changes when a file is written again; None for what is not told by one file alone.
    """

    stamp: Callable[[Path], Hashable | None]
    _known: _Known | None = None
    _tiles: TileMemory | None = None

    def read(self, snapshots: Sequence[Snapshot], options: Options, plan: TilePlan | None = None) -> Weights | None:
        """Read the snapshots that are not remembered; None where nothing can be remembered.

        Args:
            snapshots: those that are shown, in their order.
            options: how to choose, always the same.
            plan: of the pictures that stand in place of the first layer's edges, or None for edges.

        Raises:
            SnapshotError: one cannot be read.
        """
        known, self._known = self._known, None  # until all is well: what is broken half-way must not be taken for known
        keys = self._keys_of(snapshots, options)
        if not keys:
            return None
        if known is None or not known.can_go_on(keys) or known.is_full:
            known = _Known(snapshots[:1][0], options, len(keys))
        if not known.margin(len(keys)):
            return None
        there = set(known.keys) if known.candidates is None else known.places.keys()
        for place, key in enumerate(keys):
            if key not in there:
                if not known.is_like(snapshots[place]):
                    return None
                known.add(snapshots[place], key)
        known.settle(keys)
        selection = known.select(plan.most if plan else 0)
        if known.candidates is None or not known.candidates.hold(selection.nodes):
            known.choose_candidates(snapshots, selection)
        shown = known.weights(selection, options.since)
        if plan is not None:
            shown = self._with_tiles(shown, known, snapshots, plan, options.since)
        self._known = known
        return shown

    def _with_tiles(
        self, shown: Weights, known: _Known, snapshots: Sequence[Snapshot], plan: TilePlan, since: str
    ) -> Weights:
        units = shown.selection.nodes[1]
        tiles, self._tiles = self._tiles, None
        if tiles is None or not tiles.knows(plan, units):
            assert known.candidates is not None
            more = np.union1d(units, known.candidates.nodes[1])
            is_room = 4 * len(more) * prod(plan.cells) * max(2 * len(snapshots), LEAST_SNAPSHOTS) <= REMEMBERED_BYTES
            tiles = TileMemory(plan, more if is_room else units)
        cells = Series.of(tiles.read(snapshots, known.keys, units), since)
        self._tiles = tiles
        norms = tuple(name for name in shown.norms if name != shown.names[0])
        count = prod(known.layers[0][1])
        return replace(shown, norms=norms, tiles=TileHistory(plan, shown.names[0], units, cells, count))

    def _keys_of(self, snapshots: Sequence[Snapshot], options: Options) -> list[Hashable]:
        """Return what tells these snapshots from others; none where nothing can be remembered."""
        if options.edges != "weight":
            return []
        keys: list[Hashable] = []
        for snapshot in snapshots[:]:
            if (stamp := self.stamp(snapshot.path)) is None:
                return []
            keys.append((snapshot.path, stamp))
        return keys
