"""Read Graphviz's drawing of a map: rectangles, Bézier curves and their heads, as `nnanim.painting.xdot` does circles.

A node's operations: ``C 7 -#e2e2e2 P 4 27 18 0 18 0 0 27 0``; where it has stripes, each of these and then
its outline; an edge's: ``B 4 27 18 …`` and, for its head, ``P 3 …``.
The operations: https://graphviz.org/docs/outputs/canon/#xdot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

IS_MAP = "shape=box"  # among the attributes of all nodes, at the beginning of the graph
LOOKED_AT = 600  # letters of the beginning

_STATEMENT = re.compile(r"^\t(n\d+)(?: -> (n\d+))?\t\[(.*?)\];$", re.MULTILINE | re.DOTALL)
_DRAWN = re.compile(r'\b(_draw_|_hdraw_)="([^"]*)"')
_ID = re.compile(r'\bid="?(\d+)')
_WIDTH = re.compile(r"setlinewidth\(([^)]+)\)")
_PEN = re.compile(r"\bc 7 -#([0-9a-f]{6})")
_FILL = re.compile(r"\bC 7 -#([0-9a-f]{6})")
_SHAPES = re.compile(r"[^Pp]*[Pp] \d+ (?:[-+0-9.e]+ )+")  # operations up to a polygon; "P" is filled, "p" is not
_POINTS = re.compile(r"\b([PpBb]) (\d+) ([-+0-9.e ]+)$")


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


def read_boxes(body: str) -> BoxDrawing:
    """Read the body of a graph.

    Raises:
        ValueError: it is not what Graphviz makes of rectangles and arrows with the ids 0, 1, 2, …
    """
    boxes: dict[int, Shape] = {}
    curves: dict[int, Shape] = {}
    heads: dict[int, Shape] = {}
    stripes: dict[int, tuple[Shape, ...]] = {}
    for _, head, attributes in _STATEMENT.findall(body):
        drawn = dict(_DRAWN.findall(attributes))
        found = _ID.search(attributes)
        if found is None or "_draw_" not in drawn or (head and "_hdraw_" not in drawn):
            raise ValueError("a box or an arrow that is not drawn")
        index = int(found[1])
        if head:
            curves[index], heads[index] = _shape(drawn["_draw_"], "Bb"), _shape(drawn["_hdraw_"], "Pp")
        else:
            *inside, outline = _SHAPES.findall(drawn["_draw_"] + " ") or [""]
            boxes[index] = _shape(outline, "Pp")
            stripes[index] = tuple(_shape(stripe, "P") for stripe in inside)
    if not boxes:
        raise ValueError("no boxes")
    for shapes in (boxes, curves):
        if sorted(shapes) != list(range(len(shapes))):
            raise ValueError(f"{len(boxes)} boxes and {len(curves)} arrows with other ids than were asked")
    return BoxDrawing(
        _in_order(boxes), tuple(stripes[index] for index in sorted(stripes)), _in_order(curves), _in_order(heads)
    )


def _in_order(shapes: dict[int, Shape]) -> tuple[Shape, ...]:
    return tuple(shapes[index] for index in sorted(shapes))


def _shape(operations: str, kinds: str) -> Shape:
    points, pen = _POINTS.search(operations.strip()), _PEN.search(operations)
    if points is None or points[1] not in kinds or pen is None:
        raise ValueError(f"operations {operations[:80]!r} that draw no box and no arrow")
    numbers = np.array(points[3].split(), dtype=float)
    if len(numbers) != 2 * int(points[2]) or not np.isfinite(numbers).all():
        raise ValueError(f"operations {operations[:80]!r} with other points than they say")
    width, fill = _WIDTH.search(operations), _FILL.search(operations)
    return Shape(
        numbers.reshape(-1, 2), _color(pen[1]), float(width[1]) if width else 1.0, _color(fill[1]) if fill else None
    )


def _color(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
