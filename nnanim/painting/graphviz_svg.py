"""Read Graphviz's answer, the SVG of ``-Tsvg``: a document for each graph, in which every edge and node is a group.

An edge is a path from end to end, a node an ellipse, or a polygon where it is a rectangle. Lengths have two decimals of
a point, and y grows downwards from the graph's own zero. The form: https://graphviz.org/docs/outputs/svg/. Graphviz's
operations (``-Txdot``) say the same, and take 1.2 times as long to write and 2.5 times as long to read (measured).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnanim.painting.drawing import Drawing

DEFAULT_LINE_PT = 1.0  # Graphviz names no width where it is the default

_NAME = re.compile(r'<g id="[^"]*" class="graph"[^>]*>\n<title>([^<]*)</title>')
_END = "</svg>\n"
_NUMBER = r"(-?\d{1,9}(?:\.\d+)?)"
_GROUP = r'<g id="(\d+)" class="{}">\n<title>[^<]*</title>\n'
_DRAWN = re.compile(r' class="(?:edge|node)">\n<title>[^<]*</title>\n<[pe]')
_STROKE = r' stroke="#([0-9a-f]{6})"(?: stroke-width="([\d.]+)")? '
# A straight Bézier curve: its ends are the edge.
_EDGE = re.compile(
    _GROUP.format("edge") + rf'<path fill="none"{_STROKE}d="M{_NUMBER},{_NUMBER}C\S+ \S+ {_NUMBER},{_NUMBER}"/>'
)
_NODE = re.compile(
    _GROUP.format("node")
    + rf'<ellipse fill="#([0-9a-f]{{6}})"{_STROKE}cx="{_NUMBER}" cy="{_NUMBER}" rx="{_NUMBER}" ry="[^"]*"/>'
)
_CORNERS = " ".join(4 * [f"{_NUMBER},{_NUMBER}"])
_BOX = re.compile(_GROUP.format("node") + rf'<polygon fill="#[0-9a-f]{{6}}"{_STROKE}points="{_CORNERS} [^" ]*"/>')


def split_answer(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and document of every graph that was answered whole."""
    position = 0
    while (end := text.find(_END, position)) >= 0:
        if named := _NAME.search(text, position, end):
            yield named[1], text[named.end() : end]
        position = end + len(_END)


def count_drawn(body: str) -> int:
    """Return how many nodes and edges were drawn: the group of one whose place Graphviz does not know is empty."""
    return len(_DRAWN.findall(body))


def read_network(body: str) -> Drawing:
    """Read the document of a network.

    Raises:
        ValueError: it is not what Graphviz makes of circles, rectangles and straight edges with the ids 0, 1, 2, …
    """
    edges = sorted(_EDGE.findall(body), key=_id)
    nodes = sorted(_NODE.findall(body), key=_id)
    boxes = sorted(_BOX.findall(body), key=_id)
    parts = body.count(' class="edge">') + body.count(' class="node">')
    if parts != len(edges) + len(nodes) + len(boxes):
        more = f" and {len(boxes)} boxes" if boxes else ""
        raise ValueError(f"of {parts} nodes and edges, {len(nodes)} circles and {len(edges)} lines{more} are drawn")
    if not nodes and not boxes:
        raise ValueError("no nodes")
    if any(_id(part) != index for parts_ in (edges, nodes, boxes) for index, part in enumerate(parts_)):
        raise ValueError(f"{parts} nodes and edges with other ids than were asked")
    segments = _numbers(edges, slice(3, 7)).reshape(-1, 2, 2)
    circles = _numbers(nodes, slice(4, 7)).reshape(-1, 3)
    corners = _numbers(boxes, slice(3, 11)).reshape(-1, 4, 2)
    for points in (segments, circles, corners):
        points[..., 1] *= -1.0
    return Drawing(
        segments_pt=segments,
        width_pt=_widths(edges, 2),
        color=_colors(edges, 1),
        circles_pt=circles,
        circle_fill=_colors(nodes, 1),
        circle_line=_colors(nodes, 2),
        circle_line_pt=_widths(nodes, 3),
        rectangles_pt=np.concatenate([corners.min(axis=1), np.ptp(corners, axis=1)], axis=1),
        rectangle_line=_colors(boxes, 1),
        rectangle_line_pt=_widths(boxes, 2),
    )


def _id(part: tuple[str, ...]) -> int:
    return int(part[0])


def _numbers(parts: list[tuple[str, ...]], places: slice) -> np.ndarray:
    return np.array([float(text) for part in parts for text in part[places]])


def _widths(parts: list[tuple[str, ...]], place: int) -> np.ndarray:
    return np.array([float(part[place]) if part[place] else DEFAULT_LINE_PT for part in parts])


def _colors(parts: list[tuple[str, ...]], place: int) -> np.ndarray:
    digits = "".join([part[place] for part in parts])
    return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(-1, 3)
