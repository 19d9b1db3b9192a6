"""Read Graphviz's drawing operations, the answer of ``-Txdot``.

It is DOT text in which every node and edge carries its operations as one string: ``S 17 -setlinewidth(0.8) c 7 -#696969
C 7 -#ffffff E 242.25 360.57 12 12``. The operations: https://graphviz.org/docs/outputs/canon/#xdot. The same as JSON
takes Graphviz 1.7 times and the reader 3 times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DEFAULT_LINE_PT = 1.0  # Graphviz names no width where it is the default

_GRAPH = re.compile(r"^(?:strict )?(?:di)?graph (\S+) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"^\t(\S+(?: -[->] \S+)?)\t\[(.*?)\];$", re.MULTILINE | re.DOTALL)
_OPERATIONS = re.compile(r'\b_draw_="([^"]*)"')
_ID = re.compile(r'\bid="?(\d+)')
_BROKEN_LINE = "\\\n"
_WIDTH = re.compile(r"S \d+ -setlinewidth\(([^)]+)\)")
_LINE_COLOR = re.compile(r"\bc 7 -#([0-9a-f]{6})")
_FILL_COLOR = re.compile(r"\bC 7 -#([0-9a-f]{6})")
_CIRCLE = re.compile(r"\b[Ee] (\S+) (\S+) (\S+) \S+")
_CURVE = re.compile(r"\b[BbL] \d+ (\S+) (\S+) .*?(\S+) (\S+) $")


@dataclass(frozen=True, eq=False)
class Drawing:
    """What Graphviz drew of one frame, in points from the lower left corner of the figure, y up.

    Attributes:
        segments_pt: (E, 2, 2) both ends of every edge, in the order of their ``id``.
        width_pt: (E,) line widths.
        color: (E, 3) uint8.
        circles_pt: (N, 3) centre x, centre y and radius of every node, in the order of their ``id``.
        circle_fill: (N, 3) uint8.
        circle_line: (N, 3) uint8.
        circle_line_pt: (N,) widths of the outlines.
    """

    segments_pt: np.ndarray
    width_pt: np.ndarray
    color: np.ndarray
    circles_pt: np.ndarray
    circle_fill: np.ndarray
    circle_line: np.ndarray
    circle_line_pt: np.ndarray


def split_answer(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and body of every graph that was answered whole."""
    for match in _GRAPH.finditer(text.replace(_BROKEN_LINE, "")):
        yield match[1], match[2]


def is_drawn(body: str) -> bool:
    """Tell whether every node and edge of a graph carries its operations."""
    return all(_OPERATIONS.search(attributes) for _, attributes in _PART.findall(body))


def read_drawing(body: str) -> Drawing:
    """Read the body of a graph.

    Raises:
        ValueError: it is not what Graphviz makes of circles and straight edges with the ids 0, 1, 2, …
    """
    ends: dict[int, tuple[str, ...]] = {}
    edge_looks: dict[int, tuple[float, str]] = {}
    circles: dict[int, tuple[str, ...]] = {}
    node_looks: dict[int, tuple[float, str, str]] = {}
    count = 0
    for name, attributes in _PART.findall(body):
        operations = _match(_OPERATIONS, attributes)[1]
        width = _WIDTH.search(operations)
        line_pt = float(width[1]) if width else DEFAULT_LINE_PT
        color = _match(_LINE_COLOR, operations)[1]
        index = int(_match(_ID, attributes)[1])
        count += 1
        if " " in name:
            ends[index] = _match(_CURVE, operations).groups()  # a straight Bézier curve: its ends are the edge
            edge_looks[index] = line_pt, color
        else:
            circles[index] = _match(_CIRCLE, operations).groups()
            node_looks[index] = line_pt, _match(_FILL_COLOR, operations)[1], color
    edges, nodes = range(len(ends)), range(len(circles))
    if len(edges) + len(nodes) != count or not ends.keys() == set(edges) or not circles.keys() == set(nodes):
        raise ValueError(f"{count} nodes and edges with other ids than were asked")
    if not circles:
        raise ValueError("no nodes")
    return Drawing(
        np.array([ends[index] for index in edges], dtype=float).reshape(-1, 2, 2),
        np.array([edge_looks[index][0] for index in edges]),
        _colors([edge_looks[index][1] for index in edges]),
        np.array([circles[index] for index in nodes], dtype=float),
        _colors([node_looks[index][1] for index in nodes]),
        _colors([node_looks[index][2] for index in nodes]),
        np.array([node_looks[index][0] for index in nodes]),
    )


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} lacks {pattern.pattern!r}")
    return match


def _colors(texts: list[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(-1, 3)
