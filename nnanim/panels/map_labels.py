"""The names on a map: short in the boxes, since the cluster around them says the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.design.fonts import shortened
from nnanim.design.style import Style
from nnanim.frames.boxes import BoxHistory
from nnanim.model.weight_rows import Row
from nnanim.painting.brush import Place
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.map_layout import MapGraph, MapPlaces

NAME_PT, ROLE_PT = 10.0, 8.0  # of the reference size
CLUSTER_PT = 8.5
MOST_WIDE_PT = 110.0  # of a text in a box; longer ones are cut at their front
PAD_PT = (12.0, 7.0)  # of a box around its texts, both sides together
JOINS = {"sum": "+", "product": "×", "concatenation": "concat"}
LINE = 1.2  # of the size of a text
SMALLEST = 0.5  # a text is made smaller at most so far before it is cut

Line = tuple[float, float, float, str]  # x and y of the middle, size, all in points, and text


@dataclass(frozen=True, eq=False)
class MapLabels:
    """Names in their places.

    Attributes:
        boxes: for each box its lines.
        clusters: places of the clusters' names.
        size_pt: of the boxes' names.
    """

    boxes: tuple[tuple[Line, ...], ...]
    clusters: tuple[tuple[Place, str], ...]
    size_pt: float


@dataclass(frozen=True, eq=False)
class MapNames:
    """Names without places.

    Attributes:
        boxes: for each box its name and its role.
        clusters: names of the clusters.
        graph: what is to be placed.
    """

    boxes: tuple[tuple[str, str], ...]
    clusters: tuple[str, ...]
    graph: MapGraph

    def put(self, places: MapPlaces, style: Style) -> MapLabels:
        """Write the names where boxes and clusters stand."""
        factor = places.factor
        for (name, role), (_, _, width, _) in zip(self.boxes, places.boxes_pt.tolist(), strict=True):
            room = width - 0.5 * PAD_PT[0] * places.factor
            for text, size in ((name, NAME_PT), (role, ROLE_PT)):
                # Letters are hinted to whole pixels, and may be wider than the size says.
                while factor > SMALLEST * places.factor and wide_pt(text, size * factor, style) > room:
                    factor *= 0.97
        boxes = []
        for (name, role), (x, y, _, _) in zip(self.boxes, places.boxes_pt.tolist(), strict=True):
            up = LINE * ROLE_PT * factor / 2 if role else 0.0
            lines: list[Line] = [(x, y + up, NAME_PT * factor, name)]
            if role:
                lines.append((x, y - LINE * NAME_PT * factor / 2, ROLE_PT * factor, role))
            boxes.append(tuple(lines))
        return MapLabels(tuple(boxes), tuple(self._clusters(places, style)), NAME_PT * factor)

    def _clusters(self, places: MapPlaces, style: Style) -> list[tuple[Place, str]]:
        written = []
        size = CLUSTER_PT * places.factor
        inset = 3.0 * places.factor
        for name, (left, _, right, top) in zip(self.clusters, places.clusters_pt.tolist(), strict=True):
            text = shortened(name, size, right - left - 2 * inset, style.families, style.dpi)
            written.append((Place(left + inset, top - inset, size, style.theme.muted, va="top"), text))
        return written


def label_map(shown: BoxHistory, style: Style) -> MapNames:
    """Name boxes and clusters, and say what is to be placed."""
    modules = _modules(shown.boxes.rows)
    blocks, parents = _clusters([module for module, _, _ in modules])
    number = {block: index for index, block in enumerate(blocks)}
    own = tuple(number.get(module, -1) for module, _, _ in modules)
    texts = []
    for (module, name, role), cluster in zip(modules, own, strict=True):
        text = name if cluster >= 0 or not module else f"{module}.{name}"
        told = "" if says(name, role) else role
        texts.append((_cut(text, NAME_PT, style), _cut(told, ROLE_PT, style)))
    texts += [(JOINS.get(kind, kind), "") for kind in shown.joins]
    own += tuple(_around(own, shown.routes, len(modules) + place) for place in range(len(shown.joins)))
    sizes = [_size(name, role, style) for name, role in texts]
    names = tuple(
        style.drawable(block[len(blocks[parent]) + 1 :] if parent >= 0 else block)
        for block, parent in zip(blocks, parents, strict=True)
    )
    labels = tuple((style.wide(name, CLUSTER_PT / 12.5) + 4, LINE * CLUSTER_PT) for name in names)
    return MapNames(tuple(texts), names, MapGraph(np.array(sizes), shown.drawn_arrows, own, labels, parents))


def says(name: str, role: str) -> bool:
    """Tell whether a name is the word of its role, as ``dense_1`` is."""
    return re.sub(r"[\d_\W]+$", "", name).replace("_", " ").lower() == role.lower()


def _around(own: Sequence[int], routes: Sequence[tuple[int, int]], join: int) -> int:
    """Return the cluster that all boxes lie in whose output a join takes in, or -1."""
    clusters = {own[tail] if tail < len(own) else -1 for tail, head in routes if head == join}
    return clusters.pop() if len(clusters) == 1 else -1


def _modules(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return for each box its module, its name in it and its role; a box of several weights is a module of another."""
    named = [(row.block, row.name, row.role) for row in rows]
    prefixes = Counter(
        ".".join(parts[:size]) for parts in (row.title.split(".") for row in rows) for size in range(1, len(parts))
    )
    for index, row in enumerate(rows):
        if row.block and not row.name:
            parts = row.block.split(".")
            shared = [size for size in range(1, len(parts)) if prefixes[".".join(parts[:size])] > 1]
            size = max(shared, default=0)
            count = f"{len(row.keys)} tensors"
            named[index] = (".".join(parts[:size]), ".".join(parts[size:]), count)
    return named


def _clusters(modules: Sequence[str]) -> tuple[list[str], tuple[int, ...]]:
    """Return the modules that are drawn around boxes, outer ones first, and for each that which it lies in, or -1.

    They are the blocks of several boxes, and what holds several of these but not all of the model.
    """
    count = Counter(filter(None, modules))
    blocks = [block for block, boxes in count.items() if boxes > 1]
    outer: Counter[str] = Counter()
    for block in blocks:
        parts = block.split(".")
        outer.update(".".join(parts[:size]) for size in range(1, len(parts)))
    wide = {name for name, inside in outer.items() if inside > 1 and inside < len(blocks)}
    # Of modules that hold the same blocks the innermost one is drawn.
    held = {name: frozenset(block for block in blocks if block.startswith(name + ".")) for name in wide}
    drawn = [name for name in wide if not any(o != name and held[o] == held[name] and len(o) > len(name) for o in wide)]

    def place(name: str) -> tuple[int, int]:
        return name.count("."), next(at for at, own in enumerate(modules) if f"{own}.".startswith(f"{name}."))

    every = sorted({*blocks, *drawn}, key=place)  # outer ones first, then in the order of the model
    parents = []
    for name in every:
        around = [index for index, other in enumerate(every) if name.startswith(other + ".")]
        parents.append(max(around, key=lambda index: len(every[index]), default=-1))
    return every, tuple(parents)


def _cut(text: str, size_pt: float, style: Style) -> str:
    return shortened(style.drawable(text), size_pt, MOST_WIDE_PT, style.families)


def _size(name: str, role: str, style: Style) -> tuple[float, float]:
    width = max(wide_pt(name, NAME_PT, style), wide_pt(role, ROLE_PT, style) if role else 0.0)
    height = LINE * (NAME_PT + (ROLE_PT if role else 0.0))
    return width + PAD_PT[0], height + PAD_PT[1]
