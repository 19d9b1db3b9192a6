"""Read Graphviz's drawing operations, the answer of ``-Txdot``.

It is DOT text in which every node and edge carries its operations as one string: ``S 17 -setlinewidth(0.8) c 7 -#696969
C 7 -#ffffff E 242.25 360.57 12 12``. The operations: https://graphviz.org/docs/outputs/canon/#xdot. The same as JSON
takes Graphviz 1.7 times and the reader 3 times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nnanim.painting.xdot_boxes import IS_MAP, LOOKED_AT, BoxDrawing, read_boxes

DEFAULT_LINE_PT = 1.0  # Graphviz names no width where it is the default

_BEGIN = re.compile(r"^(?:strict )?(?:di)?graph (\S+) \{\n", re.MULTILINE)
_END = "\n}\n"
_BROKEN_LINE = "\\\n"
_PART = re.compile(r"^\t(?:\S+|\S+ -[->] \S+)\t\[", re.MULTILINE)
_PEN = r'_draw_="(?:S \d+ -(?:setlinewidth\(([^)]+)\)|\S+) )*c 7 -#([0-9a-f]{6}) '
_ID = r'",[^;]*?\bid="?(\d+)'
_EDGE = re.compile(rf"^\t\S+ -[->] \S+\t\[{_PEN}[BbL] \d+ (\S+) (\S+) (?:\S+ )*?(\S+) (\S+) {_ID}", re.MULTILINE)
_NODE = re.compile(rf"^\t\S+\t\[{_PEN}C 7 -#([0-9a-f]{{6}}) [Ee] (\S+) (\S+) (\S+) \S+ {_ID}", re.MULTILINE)
_CORNERS = 8 * r"(\S+) "
_BOX = re.compile(rf"^\t\S+\t\[{_PEN}C 7 -#([0-9a-f]{{6}}) P 4 {_CORNERS}{_ID}", re.MULTILINE)


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


def split_answer(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and body of every graph that was answered whole."""
    text = text.replace(_BROKEN_LINE, "")
    position = 0
    while (begin := _BEGIN.search(text, position)) and (end := text.find(_END, begin.end() - 1)) >= 0:
        yield begin[1], text[begin.end() : end + 1]
        position = end + len(_END)


def is_drawn(body: str) -> bool:
    """Tell whether every node and edge of a graph carries its operations."""
    if IS_MAP in body[:LOOKED_AT]:
        return len(_PART.findall(body)) == body.count("_draw_=") - 1  # one is that of the graph
    return len(_PART.findall(body)) == sum(len(each.findall(body)) for each in (_EDGE, _NODE, _BOX))


def read_drawing(body: str) -> Drawing:
    """Read the body of a graph.

    Raises:
        ValueError: it is not what Graphviz makes of circles and straight edges, or of boxes and arrows, with the ids
            0, 1, 2, …
    """
    if IS_MAP in body[:LOOKED_AT]:
        none = np.zeros(0)
        return Drawing(
            segments_pt=none,
            width_pt=none,
            color=none,
            circles_pt=none,
            circle_fill=none,
            circle_line=none,
            circle_line_pt=none,
            map=read_boxes(body),
        )
    # A straight Bézier curve: its ends are the edge.
    edges = sorted(_EDGE.findall(body), key=_id)
    nodes = sorted(_NODE.findall(body), key=_id)
    boxes = sorted(_BOX.findall(body), key=_id)
    parts = len(_PART.findall(body))
    if parts != len(edges) + len(nodes) + len(boxes):
        more = f" and {len(boxes)} boxes" if boxes else ""
        raise ValueError(f"of {parts} nodes and edges, {len(nodes)} circles and {len(edges)} lines{more} are drawn")
    if not nodes and not boxes:
        raise ValueError("no nodes")
    if any(_id(part) != index for parts_ in (edges, nodes, boxes) for index, part in enumerate(parts_)):
        raise ValueError(f"{parts} nodes and edges with other ids than were asked")
    segments = np.array([list(map(float, edge[2:6])) for edge in edges]).reshape(-1, 2, 2)
    circles = np.array([list(map(float, node[3:6])) for node in nodes]).reshape(-1, 3)
    corners = np.array([list(map(float, box[3:11])) for box in boxes]).reshape(-1, 4, 2)
    if not all(np.isfinite(each).all() for each in (segments, circles, corners)):
        raise ValueError("nodes or edges at places that are no numbers")
    return Drawing(
        segments_pt=segments,
        width_pt=_widths(edges),
        color=_colors([edge[1] for edge in edges]),
        circles_pt=circles,
        circle_fill=_colors([node[2] for node in nodes]),
        circle_line=_colors([node[1] for node in nodes]),
        circle_line_pt=_widths(nodes),
        rectangles_pt=np.concatenate([corners.min(axis=1), np.ptp(corners, axis=1)], axis=1),
        rectangle_line=_colors([box[1] for box in boxes]),
        rectangle_line_pt=_widths(boxes),
    )


def _id(part: tuple[str, ...]) -> int:
    return int(part[-1])


def _widths(parts: list[tuple[str, ...]]) -> np.ndarray:
    return np.array([float(part[0]) if part[0] else DEFAULT_LINE_PT for part in parts])


def _colors(texts: list[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(-1, 3)
