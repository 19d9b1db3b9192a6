"""The weights of the whole run, snapshot by snapshot, reduced to the edges and nodes that are shown."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.frames.history import Series
from nnanim.frames.selection import Selection, select
from nnanim.frames.tiles import TileHistory, TilePlan, read_tiles
from nnanim.model.layers import Layer
from nnanim.options import Options
from nnanim.reading.run import Snapshot

REMEMBERED_BYTES = 64 << 20  # of what is shown of a run that grows
KEPT_BYTES = 256 << 20  # runs of up to this size are read once, larger ones twice
_NORM_NUMBERS = 1 << 20  # so many are squared at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class Weights:
    """What the shown edges and nodes weighed in every snapshot.

    Attributes:
        selection: which edges and nodes are shown.
        edges: (S, E); a weight, or the norm of a kernel where the layer is in `norms`.
        biases: (S, N), layer by layer in the order of the nodes; NaN for neurons without one.
        names: of the layers of weights.
        norms: names of the layers whose edges are Frobenius norms of kernels or blocks.
        tiles: the weights of the first layer as pictures, in place of its edges; None where it has edges.
        layers_there: of the model, shown or not.
        begins_inside: whether the first layer that is shown is not the first of the model.
    """

    selection: Selection
    edges: Series
    biases: Series
    names: tuple[str, ...]
    norms: tuple[str, ...]
    tiles: TileHistory | None = None
    layers_there: int = 0
    begins_inside: bool = False

    @property
    def has_sign(self) -> np.ndarray:
        """(E,) False for edges that are norms."""
        signed = np.array([name not in self.norms for name in self.names])
        each: np.ndarray = signed[self.selection.layer]
        return each

    @property
    def only_norms(self) -> bool:
        """Whether every layer that has edges has norms as edges."""
        return 0 < len(self.norms) == len(self.names) - self.selection.is_tiled


def read_weights(
    snapshots: Sequence[Snapshot],
    options: Options,
    plan: TilePlan | None = None,
    memory: WeightMemory | None = None,
    selection: Selection | None = None,
) -> Weights:
    """Read all snapshots and choose what is shown of them.

    Args:
        snapshots: those that are shown, in their order.
        options: how to choose.
        plan: of the pictures that stand in place of the first layer's edges, or None for edges.
        memory: of who reads a growing run again and again, always with the same options; it knows edges alone.
        selection: what is shown, where that is chosen already, of a network of the same sizes.

    Raises:
        SnapshotError: a snapshot cannot be read.
        ShapeError: a snapshot does not have the declared shape.
    """
    keys = [] if memory is None or plan is not None else memory.keys_of(snapshots, options)
    if memory is not None and keys and memory.read_new(snapshots, keys, options):
        return memory.weights(keys, options.since)
    chosen = _choose(snapshots, options, plan)
    if selection is None or selection.sizes != chosen.selection.sizes:
        selection = chosen.selection
    edges = np.empty((len(snapshots), len(selection.layer)), dtype=np.float32)
    biases = np.empty((len(snapshots), sum(map(len, selection.nodes))), dtype=np.float32)
    tiles: list[np.ndarray] = []
    for index, snapshot in enumerate(snapshots):
        read = chosen.kept[index] if chosen.kept else _Read(snapshot)
        if plan is not None:
            tiles.append(read_tiles(read.first, plan, selection.nodes[1]))
        edges[index], biases[index] = read.pick(selection)
        del read  # before the next takes as much memory
    if memory is not None:
        memory.remember(chosen, keys, edges, biases)
    since = options.since
    shown = Weights(
        selection=selection,
        edges=Series.of(edges, since),
        biases=Series.of(biases, since),
        names=chosen.names,
        norms=chosen.norms,
    )
    if plan is None:
        return shown
    norms = tuple(name for name in chosen.norms if name != chosen.names[0])
    cells = Series.of(np.array(tiles), since)
    return replace(
        shown, norms=norms, tiles=TileHistory(plan, chosen.names[0], selection.nodes[1], cells, chosen.count)
    )


class _Read:
    """What was read of one snapshot: a matrix for each layer, and its biases or None."""

    def __init__(self, snapshot: Snapshot) -> None:
        layers = snapshot.read()
        self.first = layers[0]
        self.matrices = edge_matrices(layers, str(snapshot.path))
        self.biases = [layer.bias for layer in layers]
        self.names = tuple(layer.name for layer in layers)
        self.norms = tuple(
            layer.name
            for layer, matrix in zip(layers, self.matrices, strict=True)
            if layer.weight.shape != matrix.shape
        )

    def pick(self, selection: Selection) -> tuple[np.ndarray, np.ndarray]:
        """Return the shown edges, (E,), and the biases of the shown nodes, (N,), NaN for nodes without one."""
        biases = [np.full(len(selection.nodes[0]), np.nan, dtype=np.float32)]
        for nodes, bias in zip(selection.nodes[1:], self.biases, strict=True):
            biases.append(np.full(len(nodes), np.nan, dtype=np.float32) if bias is None else bias[nodes])
        return selection.pick_edges(self.matrices), np.concatenate(biases)


class _Extremes:
    """The magnitudes of each layer over the run: the largest and, where changes are asked for, the first and the least.

    That is all that the largest change takes: |now - first| is largest where |w| is largest or least.
    """

    def __init__(self, *, with_changes: bool) -> None:
        self.largest: list[np.ndarray] = []
        self._with_changes = with_changes
        self._first: list[np.ndarray] = []
        self._least: list[np.ndarray] = []

    def add(self, matrices: Sequence[np.ndarray], *, in_place: bool) -> None:
        """Take in the next snapshot's matrices, which hold magnitudes afterwards if that may be done in place."""
        magnitudes = [np.abs(matrix, out=matrix if in_place else None) for matrix in matrices]
        if not self.largest:
            self.largest = magnitudes
            if self._with_changes:
                self._first = [each.copy() for each in magnitudes]
                self._least = [each.copy() for each in magnitudes]
            return
        for largest, each in zip(self.largest, magnitudes, strict=True):
            np.maximum(largest, each, out=largest)
        for least, each in zip(self._least, magnitudes, strict=self._with_changes):
            np.minimum(least, each, out=least)

    def take_changes(self) -> list[np.ndarray]:
        """Return the largest |change| for each layer, in the memory of what it takes: only once."""
        firsts, changes = self._first, self._least
        self._first, self._least = [], []
        for largest, first, change in zip(self.largest, firsts, changes, strict=self._with_changes):
            np.subtract(first, change, out=change)
            np.subtract(largest, first, out=first)
            np.maximum(change, first, out=change)
        return changes


@dataclass(frozen=True, eq=False)
class _Chosen:
    """What is shown, the names of the layers and of the norms among them, the snapshots if they were small, and how
    many weights the first layer has.
    """

    selection: Selection
    extremes: _Extremes
    names: tuple[str, ...]
    norms: tuple[str, ...]
    kept: list[_Read]
    count: int


def _choose(snapshots: Sequence[Snapshot], options: Options, plan: TilePlan | None) -> _Chosen:
    extremes = _Extremes(with_changes=options.edges == "change")
    names: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    kept: list[_Read] = []
    count = 0
    is_kept = True
    for snapshot in snapshots:
        read = _Read(snapshot)
        if not names:
            names, norms, count = read.names, read.norms, read.first.weight.size
            is_kept = sum(matrix.nbytes for matrix in read.matrices) * len(snapshots) <= KEPT_BYTES
        extremes.add(read.matrices, in_place=not is_kept)
        if is_kept:
            kept.append(read)
        del read  # before the next takes as much memory
    selection = select(extremes.largest, extremes.take_changes(), options, plan.most if plan else 0)
    return _Chosen(selection, extremes, names, norms, kept, count)


@dataclass
class WeightMemory:
    """What was read of a run that grows, so that of a longer run only what is new is read.

    It helps where what is shown does not depend on what is new: the whole network is shown, or the strongest edges are
    the same ones after a snapshot was added behind all others. Else all is read again.

    Attributes:
        stamp: returns what changes when a file is written again; None for what is not told by one file alone.
    """

    stamp: Callable[[Path], Hashable | None]
    _chosen: _Chosen | None = None
    _keys: list[Hashable] = field(default_factory=list)
    _rows: dict[Hashable, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def keys_of(self, snapshots: Sequence[Snapshot], options: Options) -> list[Hashable]:
        """Return what tells these snapshots from others; none where nothing can be remembered."""
        if options.edges != "weight":
            return []
        keys: list[Hashable] = []
        for snapshot in snapshots[:]:
            if (stamp := self.stamp(snapshot.path)) is None:
                return []
            keys.append((snapshot.path, stamp))
        return keys

    def read_new(self, snapshots: Sequence[Snapshot], keys: Sequence[Hashable], options: Options) -> bool:
        """Read the snapshots that are not remembered; tell whether all of them are now, and what is shown the same.

        Raises:
            SnapshotError: one cannot be read.
        """
        chosen = self._chosen
        if chosen is None:
            return False
        shows_all = len(chosen.selection.layer) == chosen.selection.edges_there
        if not shows_all and list(keys[: len(self._keys)]) != self._keys:
            return False
        self._chosen = None  # until all is well: what is broken half-way must not be taken for known
        if sum(edges.nbytes + biases.nbytes for edges, biases in self._rows.values()) > REMEMBERED_BYTES:
            return False
        for place, key in enumerate(keys):
            if key in self._rows:
                continue
            read = _Read(snapshots[place])
            shapes = [matrix.shape for matrix in read.matrices]
            same = shapes == [matrix.shape for matrix in chosen.extremes.largest]
            if not same or (read.names, read.norms) != (chosen.names, chosen.norms):
                return False
            self._rows[key] = read.pick(chosen.selection)
            chosen.extremes.add(read.matrices, in_place=True)
            del read
        self._chosen, self._keys = chosen, list(keys)
        return shows_all or _is_same(select(chosen.extremes.largest, [], options), chosen.selection)

    def weights(self, keys: Sequence[Hashable], since: str) -> Weights:
        """Return the weights of remembered snapshots."""
        chosen = self._chosen
        assert chosen is not None
        edges, biases = (np.stack([self._rows[key][which] for key in keys]) for which in (0, 1))
        return Weights(
            selection=chosen.selection,
            edges=Series.of(edges, since),
            biases=Series.of(biases, since),
            names=chosen.names,
            norms=chosen.norms,
        )

    def remember(self, chosen: _Chosen, keys: Sequence[Hashable], edges: np.ndarray, biases: np.ndarray) -> None:
        """Keep what was read of all snapshots."""
        self._chosen, self._keys, self._rows = None, [], {}
        if keys and edges.nbytes + biases.nbytes <= REMEMBERED_BYTES:
            self._chosen, self._keys = replace(chosen, kept=[]), list(keys)
            self._rows = {key: (edges[place], biases[place]) for place, key in enumerate(keys)}


def _is_same(one: Selection, other: Selection) -> bool:
    nodes = all(map(np.array_equal, one.nodes, other.nodes))
    return nodes and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("layer", "tail", "head"))


def edge_matrices(layers: Sequence[Layer], where: str) -> list[np.ndarray]:
    """Return for each layer the (out, in) float32 matrix of what its edges show.

    The edges of a dense layer are its weights. A convolution's nodes are channels and its edges the Frobenius norms of
    the kernels (out, in, kh, kw) between them. A dense layer behind a convolution takes the flattened map, channel by
    channel, so its edges are the norms of one block of weights for each channel.

    Raises:
        SnapshotError: a layer takes in something else than the one before puts out.
    """
    matrices: list[np.ndarray] = []
    for layer in layers:
        matrix = layer.weight
        if matrix.ndim > 2:
            matrix = _norms(matrix.reshape(*matrix.shape[:2], -1))
        if matrices and matrix.shape[1] != matrices[-1].shape[0]:
            channels = matrices[-1].shape[0]
            if matrix.shape[1] % channels:
                raise SnapshotError(
                    f"layer {layer.name!r} in snapshot {where!r} takes in {matrix.shape[1]} values, which is no"
                    f" multiple of the {channels} that the layer before puts out"
                )
            matrix = _norms(matrix.reshape(matrix.shape[0], channels, -1))
        matrices.append(matrix)
    return matrices


def _norms(blocks: np.ndarray) -> np.ndarray:
    """Return the Frobenius norms of (out, in, values) float32 along the last axis."""
    norms = np.empty(blocks.shape[:2], dtype=np.float32)
    # A few rows at a time. Not a single one: its numbers might be added in another order than those of several.
    pieces = max(1, min(blocks.size // _NORM_NUMBERS, len(blocks) // 2))
    places = [len(blocks) * piece // pieces for piece in range(pieces + 1)]
    for start, end in pairwise(places):
        # The squares of float32 may be too large or too small for it, the norm itself at most too large.
        squares = np.square(blocks[start:end], dtype=np.float64)
        norms[start:end] = np.minimum(np.sqrt(squares.sum(axis=2)), np.finfo(np.float32).max)
    return norms
