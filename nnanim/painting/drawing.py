"""What Graphviz drew: circles and straight edges of a network, or boxes and arrows of a map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon or a curve.

    Attributes:
        points_pt: (N, 2) corners, or points of a Bézier curve of 3 k + 1.
        line: (3,) uint8, colour of the line.
        line_pt: its width.
        fill: (3,) uint8, or None.
    """

    points_pt: np.ndarray
    line: np.ndarray
    line_pt: float
    fill: np.ndarray | None


@dataclass(frozen=True, eq=False)
class BoxDrawing:
    """What Graphviz drew of a map.

    Attributes:
        boxes: polygons, in the order of their ``id``.
        stripes: for each box the polygons inside it, side by side; none where it has one colour.
        curves: of the arrows, in the order of their ``id``.
        heads: of the arrows.
    """

    boxes: tuple[Shape, ...]
    stripes: tuple[tuple[Shape, ...], ...]
    curves: tuple[Shape, ...]
    heads: tuple[Shape, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawing:
    """What Graphviz drew of one frame, in points from the lower left corner of the figure, y up.

    Attributes:
        segments_pt: (E, 2, 2) both ends of every edge, in the order of their ``id``.
        width_pt: (E,) line widths.
        color: (E, 3) uint8.
        circles_pt: (N, 3) centre x, centre y and radius of every round node, in the order of their ``id``.
        circle_fill: (N, 3) uint8.
        circle_line: (N, 3) uint8.
        circle_line_pt: (N,) widths of the outlines.
        rectangles_pt: (M, 4) left, bottom, width and height of the other nodes, whose ids begin with 0 too.
        rectangle_line: (M, 3) uint8.
        rectangle_line_pt: (M,) widths of their outlines.
        map: boxes and arrows instead, where these were drawn.
    """

    segments_pt: np.ndarray
    width_pt: np.ndarray
    color: np.ndarray
    circles_pt: np.ndarray
    circle_fill: np.ndarray
    circle_line: np.ndarray
    circle_line_pt: np.ndarray
    rectangles_pt: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    rectangle_line: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    rectangle_line_pt: np.ndarray = field(default_factory=lambda: np.zeros(0))
    map: BoxDrawing | None = None

    @property
    def count(self) -> int:
        """How many nodes and edges it has."""
        if self.map is not None:
            return len(self.map.boxes) + len(self.map.curves)
        return len(self.circles_pt) + len(self.rectangles_pt) + len(self.segments_pt)
