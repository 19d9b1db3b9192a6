"""Where the shown neurons stand: nodes in columns, edges between neighbouring columns."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from nnanim.design import theme
from nnanim.design.layout import Box
from nnanim.frames.selection import Selection

if TYPE_CHECKING:
    from nnanim.panels.tiles import TilePlaces


@dataclass(frozen=True, eq=False)
class NodePlaces:
    """Points and sizes of the shown nodes and edges.

    Attributes:
        selection: which nodes and edges these are.
        centers_pt: for each layer (n, 2) points from the lower left corner of the figure, y up, the first node on top.
        left_out_pt: (x, y) of the mark below each column that does not show all of its neurons.
        node_radius_pt: radius of every node.
        edge_range_pt: width of the thinnest and of the thickest edge.
        ring_range_pt: width of the thinnest and of the thickest outline of a node.
        tiles: sizes of the image and of the pictures that are the nodes of the first two columns, or None.
    """

    selection: Selection
    centers_pt: tuple[np.ndarray, ...]
    left_out_pt: tuple[tuple[float, float], ...]
    node_radius_pt: float
    edge_range_pt: tuple[float, float]
    ring_range_pt: tuple[float, float]
    tiles: TilePlaces | None = None

    @classmethod
    def fill(cls, selection: Selection, box: Box, scale: float) -> NodePlaces:
        """Spread the shown nodes over a box.

        Args:
            selection: which nodes and edges are shown.
            box: all nodes lie inside.
            scale: factor for the theme's sizes.
        """
        columns = len(selection.nodes)
        # A column that leaves neurons out needs one more place, for the mark.
        places = [
            len(nodes) + (len(nodes) < size) for nodes, size in zip(selection.nodes, selection.sizes, strict=True)
        ]
        gap_x = box.width / (columns - 1)
        gap_y = box.height / max(places)
        # Whole points across: Graphviz before 2.50 rounds the size of nodes to them.
        radius = floor(2 * min(theme.NODE_RADIUS_PT * scale, 0.36 * gap_y, 0.2 * gap_x)) / 2
        radius = max(radius, 0.5)
        thickest = min(theme.EDGE_PT * scale, max(0.24 * gap_y, 1.2 * scale))
        crowd = max(len(selection.layer) / theme.HAIRLINE_EDGES, 1.0)
        thinnest = min(theme.HAIRLINE_PT * scale / np.sqrt(crowd), 0.5 * thickest)
        # A ring grows inwards and outwards by half of its width.
        ring = (min(theme.RING_PT[0] * scale, 0.3 * radius), min(theme.RING_PT[1] * scale, 0.45 * radius))
        centers = []
        marks = []
        for index, (nodes, count) in enumerate(zip(selection.nodes, places, strict=True)):
            points = _column(count, max(places), box, radius + ring[1] / 2, index / (columns - 1))
            centers.append(points[: len(nodes)])
            marks += [(float(x), float(y)) for x, y in points[len(nodes) :]]
        return cls(selection, tuple(centers), tuple(marks), radius, (float(thinnest), float(thickest)), ring)


def _column(count: int, most: int, box: Box, radius: float, share: float) -> np.ndarray:
    # A square root lets small layers fill the panel without taking them for large ones.
    filled = np.sqrt((count - 1) / max(most - 1, 1))
    height = (box.height - 2 * radius) * filled
    middle = box.bottom + box.height / 2
    x = box.left + radius + share * (box.width - 2 * radius)
    y = np.linspace(middle + height / 2, middle - height / 2, count) if count > 1 else np.array([middle])
    return np.stack([np.full(count, x), y], axis=-1)
