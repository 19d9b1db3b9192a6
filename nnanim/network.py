"""What is shown of a network, and where: nodes in columns, edges between neighbouring columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim import theme
from nnanim.layout import Box


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes and edges of a network in a panel.

    Attributes:
        sizes: neurons of each layer, input first.
        centers_pt: for each layer (n, 2) points from the lower left corner of the figure, y up; neuron 0 on top.
        layer: (E,) index of the weight matrix that an edge belongs to; its tail is in column ``layer``, its head in
            column ``layer + 1``.
        tail: (E,) index of the neuron where the edge begins.
        head: (E,) index of the neuron where it ends.
        node_radius_pt: radius of every node.
        edge_range_pt: width of the thinnest and of the thickest edge.
    """

    sizes: tuple[int, ...]
    centers_pt: tuple[np.ndarray, ...]
    layer: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    node_radius_pt: float
    edge_range_pt: tuple[float, float]

    @classmethod
    def fill(cls, sizes: Sequence[int], box: Box) -> Network:
        """Spread a fully connected network of the given layer sizes over a box.

        Edges are in the order of the weights: layer by layer, each (out, in) matrix row by row.
        """
        gap_x = box.width / (len(sizes) - 1)
        gap_y = box.height / max(max(sizes) - 1, 1)
        # Whole points: Graphviz before 2.50 rounds the size of nodes to them.
        radius = max(1.0, min(theme.NODE_RADIUS_PT, float(int(min(0.3 * gap_y, 0.2 * gap_x)))))
        thickest = max(1.2, min(theme.EDGE_PT, 0.18 * gap_y))
        centers = [_column(size, max(sizes), box, radius, index / (len(sizes) - 1)) for index, size in enumerate(sizes)]
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        grids = [np.indices(shape).reshape(2, -1) for shape in shapes]
        return cls(
            sizes=tuple(sizes),
            centers_pt=tuple(centers),
            layer=np.concatenate([np.full(grid.shape[1], index) for index, grid in enumerate(grids)]),
            tail=np.concatenate([grid[1] for grid in grids]),
            head=np.concatenate([grid[0] for grid in grids]),
            node_radius_pt=radius,
            edge_range_pt=(theme.HAIRLINE_PT, thickest),
        )


def _column(size: int, largest: int, box: Box, radius: float, share: float) -> np.ndarray:
    # A square root lets small layers fill the panel without taking them for large ones.
    filled = np.sqrt((size - 1) / max(largest - 1, 1))
    height = (box.height - 2 * radius) * filled
    middle = box.bottom + box.height / 2
    x = box.left + radius + share * (box.width - 2 * radius)
    y = np.linspace(middle + height / 2, middle - height / 2, size) if size > 1 else np.array([middle])
    return np.stack([np.full(size, x), y], axis=-1)
