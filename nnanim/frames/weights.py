"""The weights of the whole run, snapshot by snapshot, reduced to the edges and nodes that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from nnanim.frames.edges import edge_matrices
from nnanim.frames.extremes import Extremes
from nnanim.frames.history import Series
from nnanim.frames.selection import Selection, select
from nnanim.frames.streamed_weights import edge_blocks, read_streamed
from nnanim.frames.tiles import TileHistory, TilePlan, read_tiles
from nnanim.options import Options
from nnanim.reading.run import Snapshot

if TYPE_CHECKING:
    from nnanim.frames.weight_memory import WeightMemory

KEPT_BYTES = 256 << 20  # runs of up to this size are read once, larger ones twice


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
        memory: of who reads a growing run again and again, always with the same options.
        selection: what is shown, where that is chosen already, of a network of the same sizes.

    Raises:
        SnapshotError: a snapshot cannot be read.
        ShapeError: a snapshot does not have the declared shape.
    """
    if memory is not None and (found := memory.read(snapshots, options, plan)) is not None:
        return found
    if not _are_small(snapshots) and all(each.has_rows for each in snapshots[:]):
        return _stream(snapshots, options, plan, selection)
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


def _are_small(snapshots: Sequence[Snapshot]) -> bool:
    """Tell whether snapshots can be read whole, and the edges of all of them be kept."""
    first = snapshots[:1][0]
    pairs = zip(first.layers, edge_blocks(first), strict=True)
    numbers = sum(layer.size_out * (layer.size_in // block) for layer, block in pairs)
    return 4 * numbers * len(snapshots) <= KEPT_BYTES and all(each.can_be_whole for each in snapshots[:])


def _stream(
    snapshots: Sequence[Snapshot], options: Options, plan: TilePlan | None, selection: Selection | None
) -> Weights:
    first = snapshots[:1][0]
    found = read_streamed(snapshots, options, plan, selection)
    shown = Weights(
        selection=found.selection,
        edges=Series.of(found.edges, options.since),
        biases=Series.of(found.biases, options.since),
        names=tuple(layer.name for layer in first.layers),
        norms=names_of_norms(first),
    )
    if plan is None:
        return shown
    cells = Series.of(found.tiles, options.since)
    tiles = TileHistory(plan, shown.names[0], found.selection.nodes[1], cells, prod(first.layers[0].shape))
    return replace(shown, norms=tuple(name for name in shown.norms if name != shown.names[0]), tiles=tiles)


def names_of_norms(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the names of the layers whose edges are norms."""
    pairs = zip(snapshot.layers, edge_blocks(snapshot), strict=True)
    return tuple(layer.name for layer, block in pairs if layer.is_convolution or block > 1)


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


@dataclass(frozen=True, eq=False)
class _Chosen:
    """What is shown, the names of the layers and of the norms among them, the snapshots if they were small, and how
    many weights the first layer has.
    """

    selection: Selection
    extremes: Extremes
    names: tuple[str, ...]
    norms: tuple[str, ...]
    kept: list[_Read]
    count: int


def _choose(snapshots: Sequence[Snapshot], options: Options, plan: TilePlan | None) -> _Chosen:
    extremes = Extremes(with_changes=options.edges == "change")
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
