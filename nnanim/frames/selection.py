"""Which neurons and which edges of a large network are shown. Chosen once, for the whole animation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.options import Options


@dataclass(frozen=True, eq=False)
class Selection:
    """What is shown of a fully connected network.

    Attributes:
        sizes: neurons of each layer, input first.
        nodes: for each layer the shown neurons, increasing.
        layer: (E,) index of the weight matrix that an edge belongs to.
        tail: (E,) place of the edge's first neuron in ``nodes[layer]``.
        head: (E,) place of its last neuron in ``nodes[layer + 1]``.
    """

    sizes: tuple[int, ...]
    nodes: tuple[np.ndarray, ...]
    layer: np.ndarray
    tail: np.ndarray
    head: np.ndarray

    @property
    def edges_there(self) -> int:
        """How many edges the network has, those of a layer whose weights are shown as tiles not counted."""
        pairs = zip(self.sizes[self.is_tiled :], self.sizes[1 + self.is_tiled :], strict=False)
        return sum(a * b for a, b in pairs)

    @property
    def is_tiled(self) -> bool:
        """Whether the weights of the first layer are shown as tiles: no edges and no inputs are."""
        return not len(self.nodes[0])

    def pick_edges(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Take the shown edges, (E,), out of one (out, in) matrix for each layer."""
        parts = []
        for index, matrix in enumerate(matrices):
            own = self.layer == index
            parts.append(matrix[self.nodes[index + 1][self.head[own]], self.nodes[index][self.tail[own]]])
        return np.concatenate(parts)


def select(
    strengths: Sequence[np.ndarray], changes: Sequence[np.ndarray], options: Options, most_tiles: int = 0
) -> Selection:
    """Choose neurons and edges.

    Args:
        strengths: for each layer (out, in) the largest |weight| over the run.
        changes: for each layer (out, in) the largest |change| over the run.
        options: `max_nodes`, `nodes`, `max_edges`, `edges`. Of the edges each layer has its share, and none is empty.
        most_tiles: units of the first layer that are shown at most, with tiles in place of edges; 0 for no tiles.

    Returns:
        Edges are in the order of the weights: layer by layer, each matrix row by row.
    """
    sizes = (strengths[0].shape[1], *(matrix.shape[0] for matrix in strengths))
    most = [options.max_nodes] * len(sizes)
    if most_tiles:
        most[:2] = 0, min(most_tiles, options.max_nodes)
    nodes = [_choose_nodes(index, strengths, options, most[index]) for index in range(len(sizes))]
    ranks = strengths if options.edges == "weight" else changes
    shown = [matrix[np.ix_(nodes[i + 1], nodes[i])] for i, matrix in enumerate(ranks)]
    grids = [np.indices(matrix.shape).reshape(2, -1) for matrix in shown]
    layer = np.concatenate([np.full(grid.shape[1], index) for index, grid in enumerate(grids)])
    head, tail = np.concatenate(grids, axis=1)
    starts = np.cumsum([0, *(matrix.size for matrix in shown)])
    there = [matrix.size for matrix in shown]
    shares = _shares(there, options.most_edges_of(sum(there)))
    kept = np.concatenate(
        [
            start + np.sort(np.argsort(-matrix.ravel(), kind="stable")[:share])
            for start, matrix, share in zip(starts, shown, shares, strict=False)
        ]
    )
    return Selection(sizes, tuple(nodes), layer[kept], tail[kept], head[kept])


def _shares(there: Sequence[int], most: int) -> list[int]:
    """Share edges out to layers: as many to each, and what a small one cannot use to the others; at least one each."""
    shares = [0] * len(there)
    left = max(most, len(there))
    for done, layer in enumerate(sorted(range(len(there)), key=there.__getitem__)):
        shares[layer] = min(there[layer], left // (len(there) - done))
        left -= shares[layer]
    return shares


def _choose_nodes(index: int, strengths: Sequence[np.ndarray], options: Options, most: int) -> np.ndarray:
    # Means, not sums: a side with more neurons would outweigh the other.
    sides = []
    if index > 0:
        sides.append(strengths[index - 1].mean(axis=1, dtype=np.float64))
    if index < len(strengths):
        sides.append(strengths[index].mean(axis=0, dtype=np.float64))
    strength = np.sum(sides, axis=0)
    size = len(strength)
    if size <= most:
        return np.arange(size)
    if options.nodes == "even":
        return np.rint(np.linspace(0, size - 1, most)).astype(int)
    return np.sort(np.argsort(-strength, kind="stable")[:most])
