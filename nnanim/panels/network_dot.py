"""One frame's look as DOT text, through the ``graphviz`` package. Nothing is run here.

Positions are ours (``pos`` in points, kept by ``neato -n2`` with ``notranslate``), so nodes never move between frames.
Edges run from centre to centre below the nodes. Nodes and edges carry their index as ``id``, because Graphviz answers
in an order of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import graphviz
import numpy as np

from nnanim.design.theme import POINTS_PER_INCH
from nnanim.panels.node_places import NodePlaces
from nnanim.panels.tiles import TilePlaces

GRAPH_ATTRIBUTES = {
    "splines": "line",
    "outputorder": "edgesfirst",
    "notranslate": "true",
    "bgcolor": "transparent",
}
EDGE_ATTRIBUTES = {"headclip": "false", "tailclip": "false"}


def dot_source(
    name: str,
    network: NodePlaces,
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
    tiled = len(network.selection.nodes[1]) if network.tiles is not None else 0
    if network.tiles is not None:
        graph.body.extend(_tile_nodes(network, network.tiles, ring_pt[:tiled], ring_color[:tiled]))
        ring_pt, ring_color = ring_pt[tiled:], ring_color[tiled:]
    round_from = 2 if tiled else 0
    flat = [node for column in names[round_from:] for node in column]
    points = np.concatenate([np.zeros((0, 2)), *network.centers_pt[round_from:]])
    # The statements are written here, not by graph.node() and graph.edge(), which spend five times as long on quoting:
    # nothing in them needs it but the colours and points that are quoted.
    graph.body.extend(
        f'\t{node} [color="{line}" id={index} penwidth={ring:.2f} pos="{x:.2f},{y:.2f}"]\n'
        for index, (node, (x, y), ring, line) in enumerate(
            zip(flat, points.tolist(), ring_pt.tolist(), _hex_colors(ring_color), strict=True)
        )
    )
    shown = network.selection
    if tiled:  # from the right side of a picture, not from its middle, below others
        names[1] = [f"{name}:e" for name in names[1]]
    order = np.argsort(width_pt, kind="stable")
    graph.body.extend(
        f'\t{names[layer][tail]} -- {names[layer + 1][head]} [color="{line}" id={edge} penwidth={width:.2f}]\n'
        for edge, layer, tail, head, width, line in zip(
            order.tolist(),
            shown.layer[order].tolist(),
            shown.tail[order].tolist(),
            shown.head[order].tolist(),
            width_pt[order].tolist(),
            _hex_colors(color[order]),
            strict=True,
        )
    )
    source: str = graph.source
    return source


def _tile_nodes(network: NodePlaces, tiles: TilePlaces, ring_pt: np.ndarray, ring_color: np.ndarray) -> Iterator[str]:
    """Yield the units of the first layer and then the image as boxes, whose ids are their own."""
    (x, y), units = network.centers_pt[0][0].tolist(), network.centers_pt[1].tolist()
    width, height = (side / POINTS_PER_INCH for side in tiles.box_pt)
    size = f"shape=rect width={width:.5f} height={height:.5f}"
    names = node_names(network)[1]
    nodes = zip(names, units, ring_pt.tolist(), _hex_colors(ring_color), strict=True)
    for index, (name, (across, up), ring, line) in enumerate(nodes):
        yield f'\t{name} [color="{line}" id={index} penwidth={ring:.2f} pos="{across:.2f},{up:.2f}" {size}]\n'
    width, height = (side / POINTS_PER_INCH for side in tiles.image_pt)
    size = f"shape=rect width={width:.5f} height={height:.5f}"
    yield f'\timage [color="#000000" id={len(names)} pos="{x:.2f},{y:.2f}" {size}]\n'


def node_names(network: NodePlaces) -> list[list[str]]:
    """Name the neurons by their place in the network, e.g. ``l0n3``."""
    return [[f"l{layer}n{neuron}" for neuron in nodes] for layer, nodes in enumerate(network.selection.nodes)]


def hex_color(color: tuple[int, int, int] | np.ndarray) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _hex_colors(colors: np.ndarray) -> list[str]:
    digits = colors.astype(np.uint8).tobytes().hex()
    return [f"#{digits[start : start + 6]}" for start in range(0, len(digits), 6)]
