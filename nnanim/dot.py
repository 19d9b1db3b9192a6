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
    ring_pt: np.ndarray,
    ring_color: np.ndarray,
    node_fill: tuple[int, int, int],
) -> str:
    """Write one frame as DOT.

    Args:
        name: name of the graph, which Graphviz repeats in its answer.
        network: nodes and edges with their points.
        width_pt: (E,) line widths in points.
        color: (E, 3) uint8.
        ring_pt: (N,) widths of the nodes' outlines in points.
        ring_color: (N, 3) uint8.
        node_fill: colour of all nodes.

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
    )
    graph.attr("edge", **EDGE_ATTRIBUTES)
    names = node_names(network)
    flat = [node for column in names for node in column]
    points = np.concatenate(network.centers_pt)
    for node, (x, y), ring, line in zip(flat, points, ring_pt, ring_color, strict=True):
        graph.node(node, pos=f"{x:.2f},{y:.2f}", penwidth=f"{ring:.3f}", color=hex_color(line))
    shown = network.selection
    for edge in np.argsort(width_pt, kind="stable"):
        layer = shown.layer[edge]
        graph.edge(
            names[layer][shown.tail[edge]],
            names[layer + 1][shown.head[edge]],
            id=str(edge),
            penwidth=f"{width_pt[edge]:.3f}",
            color=hex_color(color[edge]),
        )
    source: str = graph.source
    return source


def node_names(network: Network) -> list[list[str]]:
    """Name the neurons by their place in the network, e.g. ``l0n3``."""
    return [[f"l{layer}n{neuron}" for neuron in nodes] for layer, nodes in enumerate(network.selection.nodes)]


def hex_color(color: tuple[int, int, int] | np.ndarray) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)
