"""Read Graphviz's SVG of a map: rectangles, Bézier curves and their heads, as `graphviz_svg` reads circles and edges.

A node is a polygon; where it has stripes, each of these and then its outline, which is not filled. An edge is a path
and, for its head, a polygon.
"""

from __future__ import annotations

import re

import numpy as np

from nnanim.painting.drawing import BoxDrawing, Drawing, Shape
from nnanim.painting.graphviz_svg import DEFAULT_LINE_PT

_GROUP = re.compile(r'<g id="(\d+)" class="(edge|node)">\n<title>[^<]*</title>\n(.*?)</g>', re.DOTALL)
_SHAPE = re.compile(
    r'<(path|polygon) fill="([^"]*)" stroke="([^"]*)"(?: stroke-width="([\d.]+)")? (?:d="M|points=")([^"]*)"/>'
)
_SEPARATOR = re.compile(r"[ ,C]+")
_COLOR = re.compile(r"#[0-9a-f]{6}")


def read_map(body: str) -> Drawing:
    """Read the document of a map.

    Raises:
        ValueError: it is not what Graphviz makes of rectangles and arrows with the ids 0, 1, 2, …
    """
    boxes: dict[int, Shape] = {}
    curves: dict[int, Shape] = {}
    heads: dict[int, Shape] = {}
    stripes: dict[int, tuple[Shape, ...]] = {}
    for number, kind, inside in _GROUP.findall(body):
        index, found = int(number), _SHAPE.findall(inside)
        kinds = [each[0] for each in found]
        if kind == "edge" and kinds == ["path", "polygon"]:
            curves[index], heads[index] = map(_shape, found)
        elif kind == "node" and kinds and set(kinds) == {"polygon"}:
            *within, boxes[index] = map(_shape, found)
            stripes[index] = tuple(within)
        else:
            raise ValueError("a box or an arrow that is not drawn")
    if not boxes:
        raise ValueError("no boxes")
    for shapes in (boxes, curves):
        if sorted(shapes) != list(range(len(shapes))):
            raise ValueError(f"{len(boxes)} boxes and {len(curves)} arrows with other ids than were asked")
    inside_boxes = tuple(stripes[index] for index in sorted(stripes))
    none = np.zeros(0)
    return Drawing(
        segments_pt=none,
        width_pt=none,
        color=none,
        circles_pt=none,
        circle_fill=none,
        circle_line=none,
        circle_line_pt=none,
        map=BoxDrawing(_in_order(boxes), inside_boxes, _in_order(curves), _in_order(heads)),
    )


def _in_order(shapes: dict[int, Shape]) -> tuple[Shape, ...]:
    return tuple(shapes[index] for index in sorted(shapes))


def _shape(found: tuple[str, str, str, str, str]) -> Shape:
    _, fill, line, width, points = found
    numbers = np.array([float(text) for text in _SEPARATOR.split(points)])
    if len(numbers) % 2 or not np.isfinite(numbers).all():
        raise ValueError(f"a box or an arrow at places that are no numbers: {points[:80]!r}")
    points_pt = numbers.reshape(-1, 2) * (1.0, -1.0)
    # A polygon names its first corner again.
    corners = points_pt[:-1] if found[0] == "polygon" else points_pt
    # A stripe has no line of its own, which is then "none" or "transparent".
    line_color = _color(line if _COLOR.fullmatch(line) else fill)
    return Shape(
        corners, line_color, float(width) if width else DEFAULT_LINE_PT, None if fill == "none" else _color(fill)
    )


def _color(text: str) -> np.ndarray:
    if not _COLOR.fullmatch(text):
        raise ValueError(f"a box or an arrow of a colour {text[:20]!r} that nobody asked for")
    return np.frombuffer(bytes.fromhex(text[1:]), dtype=np.uint8)
