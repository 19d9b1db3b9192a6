"""One frame of a map as DOT text: boxes and arrows at fixed places, with the colours and widths of the moment."""

from __future__ import annotations

from collections.abc import Sequence

import graphviz
import numpy as np

from nnanim.design.theme import POINTS_PER_INCH
from nnanim.panels.map_layout import MapPlaces, arrow_size
from nnanim.panels.network_dot import hex_color

GRAPH_ATTRIBUTES = {"outputorder": "edgesfirst", "notranslate": "true", "bgcolor": "transparent"}


def map_dot(
    name: str,
    places: MapPlaces,
    stripes: Sequence[np.ndarray],
    line: np.ndarray,
    line_pt: np.ndarray,
    arrow: tuple[int, int, int],
    scale: float,
) -> str:
    """Write one frame as DOT.

    Args:
        name: name of the graph, which Graphviz repeats in its answer.
        places: of boxes and arrows, in points.
        stripes: for each box (K, 3) uint8, its colours side by side.
        line: (B, 3) uint8, colours of their borders.
        line_pt: (B,) widths of their borders in points.
        arrow: colour of all arrows.
        scale: factor for all sizes.
    """
    graph = graphviz.Digraph(name, engine="neato")
    graph.attr("graph", **GRAPH_ATTRIBUTES)
    graph.attr("node", label="", shape="box", fixedsize="true", style="filled")
    graph.attr("edge", color=hex_color(arrow), penwidth=f"{scale:.2f}", arrowsize=f"{arrow_size(scale):.3f}")
    graph.body.extend(
        f'\tn{index} [id={index} pos="{x:.2f},{y:.2f}" width={width / POINTS_PER_INCH:.5f}'
        f' height={height / POINTS_PER_INCH:.5f} fillcolor="{":".join(map(hex_color, inside))}"'
        f' color="{hex_color(border)}" penwidth={thick:.2f}{" style=striped" if len(inside) > 1 else ""}]\n'
        for index, ((x, y, width, height), inside, border, thick) in enumerate(
            zip(places.boxes_pt.tolist(), stripes, line, line_pt.tolist(), strict=True)
        )
    )
    graph.body.extend(
        f'\tn{tail} -> n{head} [id={index} pos="{_spline(curve.tolist())}"]\n'
        for index, ((tail, head), curve) in enumerate(zip(places.arrows, places.curves_pt, strict=True))
    )
    source: str = graph.source
    return source


def _spline(points: Sequence[Sequence[float]]) -> str:
    """Write a curve whose first point is the tip of the arrow, as Graphviz's ``splineType`` has it."""
    tip, *others = (f"{x:.2f},{y:.2f}" for x, y in points)
    return f"e,{tip} {' '.join(others)}"
