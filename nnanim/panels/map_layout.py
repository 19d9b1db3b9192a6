"""Where the boxes and arrows of a map stand: placed once by Graphviz's ``dot``, modules as clusters, then fixed.

Several arrangements are tried, from above to below and from left to right, with what is not connected in one or more
columns; the one whose texts are largest in the room is taken.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import graphviz
import numpy as np

from nnanim.design.layout import Box
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.painting.graphviz_engine import lay_out

NODE_GAP_PT, RANK_GAP_PT = 9.0, 17.0  # of the reference size, before all is made to fit the room
CLUSTER_MARGIN_PT = 6.0
COLUMNS = (1, 2, 3, 4, 6, 9)  # of what is not connected
WORTH = 0.7  # so much smaller may texts be for boxes in their order
HEAD_PT = 10.0  # length of Graphviz's arrowhead of size 1
STRETCH = 1.7  # boxes grow at most so far where there is room
_CLUSTER = re.compile(r'subgraph cluster_(\d+) \{\s*graph \[[^;]*?\bbb="([^"]+)"')
_GRAPH = re.compile(r'^\tgraph \[[^;]*?\bbb="([^"]+)"[^;]*\];', re.MULTILINE)
_NODE = re.compile(r'^\t+n(\d+)\t\[[^;]*?\bpos="([^"]+)"', re.MULTILINE)
_EDGE = re.compile(r"^\t+n(\d+) -> n(\d+)\t\[([^;]*?)\];", re.MULTILINE)
_POS = re.compile(r'\bpos="([^"]+)"')
_EDGE_ID = re.compile(r'\bid="?(\d+)')


@dataclass(frozen=True, eq=False)
class MapGraph:
    """What is to be placed, lengths in points of the reference size.

    Attributes:
        sizes_pt: (B, 2) width and height of the boxes.
        arrows: indices of the boxes that are connected.
        cluster: for each box its cluster's index, or -1.
        cluster_labels_pt: for each cluster, width and height of its name.
        parents: for each cluster that which it lies in, or -1.
    """

    sizes_pt: np.ndarray
    arrows: tuple[tuple[int, int], ...]
    cluster: tuple[int, ...]
    cluster_labels_pt: tuple[tuple[float, float], ...]
    parents: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class MapPlaces:
    """Places in points from the lower left corner of the figure.

    Attributes:
        boxes_pt: (B, 4) centre x and y, width and height.
        arrows: (from, to).
        curves_pt: for each arrow (3 k + 2, 2), its tip and then the points of its curve.
        clusters_pt: (C, 4) left, bottom, right and top.
        factor: from the reference size to that of the texts.
    """

    boxes_pt: np.ndarray
    arrows: tuple[tuple[int, int], ...]
    curves_pt: tuple[np.ndarray, ...]
    clusters_pt: np.ndarray
    factor: float


def place_map(graph: MapGraph, room: Box, scale: float, engine: str | None) -> MapPlaces:
    """Place boxes in a room, their texts as large as can be.

    Args:
        graph: what is to be placed.
        room: in points of the figure.
        scale: factor for all sizes of the theme.
        engine: of Graphviz, or None for whichever is there.

    Raises:
        GraphvizError: Graphviz is missing or fails.
    """
    tried = [(direction, outer, inner) for direction in ("TB", "LR") for outer, inner in _columns(graph)]
    sources = [_source(f"map_{place}", graph, *each) for place, each in enumerate(tried)]
    placed = zip(lay_out(sources, engine), tried, strict=True)
    found = [_placed(body, graph, room, scale, turned=direction == "LR") for body, (direction, _, _) in placed]
    best = max(range(len(found)), key=lambda place: (round(found[place].factor, 3), _filled(found[place])))
    x, y = found[best].boxes_pt[:, :2].T
    if tried[best][0] == "LR" and _runs_backwards(np.stack([-y, x], axis=1)):  # it was better as it was
        (body,) = lay_out([_source("map", graph, *tried[best], turned=False)], engine)
        upright = _placed(body, graph, room, scale, turned=False)
        return upright if upright.factor >= WORTH * found[best].factor else found[best]
    return found[best]


def arrow_size(scale: float) -> float:
    """Return the size of an arrowhead as a share of Graphviz's own."""
    return 0.6 * min(scale, 1.5)


def _filled(places: MapPlaces) -> float:
    return float(places.boxes_pt[:, 2:].prod(axis=1).sum())


def _columns(graph: MapGraph) -> Iterator[tuple[int, int]]:
    """Yield how many columns of units, and within a unit of what is not connected, may be tried."""
    units, parts = _units(graph)
    inner = max(len(parts_) for parts_ in parts)
    for one in (count for count in COLUMNS if count < len(units) * 2):
        for other in (count for count in COLUMNS if count < inner * 2):
            yield one, other


def _units(graph: MapGraph) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Return the boxes that hang together by arrows and clusters, and in each unit those that do by arrows alone."""
    count = len(graph.cluster)
    outermost = [_outermost(graph, cluster) for cluster in graph.cluster]
    first: dict[int, int] = {}
    same = [(first.setdefault(cluster, box), box) for box, cluster in enumerate(outermost) if cluster >= 0]
    units = _together(count, [*graph.arrows, *same])
    unit_of = {box: unit for unit, boxes in enumerate(units) for box in boxes}
    parts: list[list[list[int]]] = [[] for _ in units]
    for part in _together(count, graph.arrows):
        parts[unit_of[part[0]]].append(part)
    return units, parts


def _outermost(graph: MapGraph, cluster: int) -> int:
    while cluster >= 0 and graph.parents[cluster] >= 0:
        cluster = graph.parents[cluster]
    return cluster


def _together(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    parent = list(range(count))

    def root(box: int) -> int:
        while parent[box] != box:
            parent[box] = parent[parent[box]]
            box = parent[box]
        return box

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    groups: dict[int, list[int]] = defaultdict(list)
    for box in range(count):
        groups[root(box)].append(box)
    return list(groups.values())


def _source(name: str, graph: MapGraph, direction: str, outer: int, inner: int, *, turned: bool = True) -> str:
    dot = graphviz.Digraph(name)
    dot.attr(
        "graph",
        rankdir=direction,
        nodesep=f"{NODE_GAP_PT / POINTS_PER_INCH:.4f}",
        ranksep=f"{RANK_GAP_PT / POINTS_PER_INCH:.4f}",
        labelloc="b" if turned and direction == "LR" else "t",
    )
    dot.attr("node", label="", shape="box", fixedsize="true")
    dot.attr("edge", arrowsize=f"{arrow_size(1.0):.3f}")
    sizes = graph.sizes_pt / POINTS_PER_INCH
    nodes = [f"n{box} [width={width:.4f} height={height:.4f}]\n" for box, (width, height) in enumerate(sizes.tolist())]
    dot.body.extend(_cluster(graph, -1, nodes))
    dot.body.extend(f"\tn{tail} -> n{head} [id={index}]\n" for index, (tail, head) in enumerate(graph.arrows))
    units, parts = _units(graph)
    columns = [*_cut(units, outer), *(column for each in parts for column in _cut(each, inner))]
    for column in columns:
        for upper, lower in pairwise(column):
            dot.body.append(f"\tn{upper[-1]} -> n{lower[0]} [style=invis]\n")
    source: str = dot.source
    return source


def _cut(groups: Sequence[Sequence[int]], columns: int) -> Iterator[Sequence[Sequence[int]]]:
    """Yield groups in columns, those that follow each other one below the other."""
    each = -(-len(groups) // columns)
    yield from (groups[start : start + each] for start in range(0, len(groups), each))


def _cluster(graph: MapGraph, cluster: int, nodes: Sequence[str]) -> Iterator[str]:
    yield from (nodes[box] for box, own in enumerate(graph.cluster) if own == cluster)
    for child, parent in enumerate(graph.parents):
        if parent != cluster:
            continue
        width, height = graph.cluster_labels_pt[child]
        yield f"subgraph cluster_{child} {{\n"
        # An empty cell of the size that the name will have: Graphviz would measure it in a font of its own.
        yield (
            f'graph [margin={CLUSTER_MARGIN_PT} label=<<TABLE BORDER="0" CELLPADDING="0" CELLSPACING="0"><TR>'
            f'<TD FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}"></TD></TR></TABLE>>]\n'
        )
        yield from _cluster(graph, child, nodes)
        yield "}\n"


def _placed(body: str, graph: MapGraph, room: Box, scale: float, *, turned: bool) -> MapPlaces:
    """Stretch an arrangement into a room, at most by so much that its texts have their full size.

    From left to right, ``dot`` puts what comes first lowest: turned upside down it stands first.
    """
    whole = _GRAPH.search(body)
    assert whole is not None
    centers = {int(index): _numbers(pos) for index, pos in _NODE.findall(body)}
    boxes = np.array([centers[index] for index in range(len(graph.cluster))])
    clusters = {int(index): _numbers(box) for index, box in _CLUSTER.findall(body)}
    corners = np.array([clusters[index] for index in range(len(graph.parents))]).reshape(-1, 2, 2)
    left, bottom, right, top = _numbers(whole[1])
    size = np.array([max(right - left, 1.0), max(top - bottom, 1.0)])
    stretch = np.minimum(np.array([room.width, room.height]) / size, STRETCH * scale)
    low = np.array([room.left, room.bottom]) + (np.array([room.width, room.height]) - size * stretch) / 2
    mirrored = "rankdir=LR" not in whole[0] and _runs_backwards(boxes)

    def moved(points: np.ndarray) -> np.ndarray:
        there: np.ndarray = (points - [left, bottom]) * stretch
        if mirrored:
            there[..., 0] = size[0] * stretch[0] - there[..., 0]
        if turned:
            there[..., 1] = size[1] * stretch[1] - there[..., 1]
        there += low
        return there

    curves: dict[int, np.ndarray] = {}
    for index, points in _curves(body):
        curve = moved(points)
        # The head keeps its size where the rest is stretched.
        way = curve[-1] - curve[0]
        curve[-1] = curve[0] + way / max(float(np.hypot(*way)), 1e-6) * HEAD_PT * arrow_size(scale)
        curves[index] = curve
    return MapPlaces(
        np.concatenate([moved(boxes), graph.sizes_pt * stretch], axis=1),
        graph.arrows,
        tuple(curves[index] for index in range(len(graph.arrows))),
        np.concatenate([moved(corners).min(axis=1), moved(corners).max(axis=1)], axis=1),
        float(min(*stretch, scale)),
    )


def _curves(body: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield index and points of each arrow, its tip first."""
    for _, _, attributes in _EDGE.findall(body):
        found, pos = _EDGE_ID.search(attributes), _POS.search(attributes)
        if found is not None and pos is not None:
            points = pos[1].split(";")[0].replace("e,", "").split()
            yield int(found[1]), np.array([_numbers(point) for point in points])


def _runs_backwards(centers: np.ndarray) -> bool:
    """Tell whether more boxes of one height stand from right to left than from left to right."""
    x, y = centers.T
    is_level = np.abs(y[:, None] - y) < 1.0
    rightward = np.sign(x - x[:, None])
    return float((np.triu(rightward, 1) * is_level).sum()) < 0


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]
