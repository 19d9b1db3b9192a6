"""One frame's look as DOT text, through the ``graphviz`` package. Nothing is run here.

Positions are ours (``pos`` in points, kept by ``neato -n2`` with ``notranslate``), so nodes never move between frames.
Edges run from centre to centre below the nodes and carry their index as ``id``, because Graphviz answers in an order
of its own.
"""

from __future__ import annotations

import graphviz
import numpy as np

from nnanim.network import Network
from nnanim.theme import POINTS_PER_INCH

GRAPH_ATTRIBUTES = {
    "splines": "line",
    "outputorder": "edgesfirst",
    "notranslate": "true",
    "bgcolor": "transparent",
}
EDGE_ATTRIBUTES = {"headclip": "false", "tailclip": "false"}


def dot_source(
    name: str,
    network: Network,
    width_pt: np.ndarray,
    color: np.ndarray,
    node_fill: tuple[int, int, int],
    node_line: tuple[int, int, int],
    node_line_pt: float,
) -> str:
    """Write one frame as DOT.

    Args:
        name: name of the graph, which Graphviz repeats in its answer.
        network: nodes and edges with their points.
        width_pt: (E,) line widths in points.
        color: (E, 3) uint8.
        node_fill: colour of all nodes.
        node_line: colour of their outlines.
        node_line_pt: width of their outlines in points.

    Returns:
        The graph, thin edges first so that strong ones lie on top.
    """
    graph = graphviz.Graph(name, engine="neato")
    graph.attr("graph", **GRAPH_ATTRIBUTES)
    graph.attr(
        "node",
        label="",
        shape="circle",
        fixedsize="true",
        width=f"{2 * network.node_radius_pt / POINTS_PER_INCH:.5f}",
        style="filled",
        fillcolor=hex_color(node_fill),
        color=hex_color(node_line),
        penwidth=f"{node_line_pt:g}",
    )
    graph.attr("edge", **EDGE_ATTRIBUTES)
    for layer, centers in enumerate(network.centers_pt):
        for index, (x, y) in enumerate(centers):
            graph.node(node_name(layer, index), pos=f"{x:.2f},{y:.2f}")
    for edge in np.argsort(width_pt, kind="stable"):
        layer = network.layer[edge]
        graph.edge(
            node_name(layer, network.tail[edge]),
            node_name(layer + 1, network.head[edge]),
            id=str(edge),
            penwidth=f"{width_pt[edge]:.3f}",
            color=hex_color(color[edge]),
        )
    source: str = graph.source
    return source


def node_name(layer: int, index: int) -> str:
    """Name a neuron by its place, e.g. ``l0n3``."""
    return f"l{layer}n{index}"


def hex_color(color: tuple[int, int, int] | np.ndarray) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)
