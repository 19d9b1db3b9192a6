"""What the page is told of tiles: the input's image, and a picture of the weights from it to each unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnanim.design.cell_scales import CellScales
from nnanim.design.coloring import COLORINGS
from nnanim.design.fonts import load_font
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH, pick_theme
from nnanim.errors import OptionError
from nnanim.frames.weights import Weights
from nnanim.painting.drawing import Drawing
from nnanim.panels.node_places import NodePlaces
from nnanim.panels.tiles import CHANNEL_GAP_PX, place_tiles
from nnanim.player.looks import VIEWS

MOST_NUMBERS = 1_000_000  # cells times snapshots, about 4 MB of text
DPI = 144.0  # whole pixels of it are the sides of a cell


def can_show_tiles(weights: Weights) -> bool:
    """Tell whether a page can hold all cells of a run, and each shape of a screen has room for them."""
    if weights.tiles is None or weights.tiles.cells.values.size > MOST_NUMBERS:
        return False
    try:
        for width, height, scale in VIEWS.values():
            box = Box(0.1 * width, 0.1 * height, 0.8 * width, 0.8 * height)
            with_tiles(NodePlaces.fill(weights.selection, box, scale), weights, box, scale, in_rows=True)
    except OptionError:
        return False
    return True


def with_tiles(places: NodePlaces, weights: Weights, box: Box, scale: float, *, in_rows: bool) -> NodePlaces:
    """Put the image and the tiles in their places; the arguments are those of `place_tiles`.

    Raises:
        OptionError: there is no room.
    """
    if weights.tiles is None:
        return places
    style = Style(pick_theme("light", "vivid"), load_font(None), "", scale, DPI)
    return place_tiles(places, weights.selection, weights.tiles.plan, box, style, in_rows=in_rows)


def tiles_data(weights: Weights) -> dict[str, Any] | None:
    """Return what the page is told of the cells, which come behind the edges; None where there are none."""
    tiles = weights.tiles
    if tiles is None:
        return None
    rows, columns, channels = tiles.plan.size
    return {
        "units": len(tiles.units),
        "rows": rows,
        "columns": columns,
        "channels": channels,
        "channels_last": tiles.plan.channels_last,
        "is_kernel": tiles.plan.is_kernel,
    }


def scales_of_mode(weights: Weights, scales: CellScales, name: str, own: str) -> CellScales:
    """Return the scales of cells for a colouring: those of the pictures for their own one."""
    if name == own or weights.tiles is None:
        return scales
    changes = weights.tiles.cells.changes
    return CellScales(scales.magnitudes, COLORINGS[name].scale(scales.magnitudes, changes.reshape(1, -1)))


def tile_places(network: NodePlaces, drawing: Drawing, height: float) -> dict[str, Any] | None:
    """Return the boxes that Graphviz drew, and where the cells begin in each, in points, y down."""
    tiles = network.tiles
    if tiles is None:
        return None
    pixel = POINTS_PER_INCH / DPI
    begins = []
    for left, bottom, _, _ in drawing.rectangles_pt[:-1].tolist():
        across, up = tiles.edges_pt(left, bottom, DPI)
        begins.append([round(float(across[0, 0]), 2), round(height - float(up[-1, 1]), 2)])
    boxes = [
        [round(number, 2) for number in (left, height - bottom - high, wide, high)]
        for left, bottom, wide, high in drawing.rectangles_pt.tolist()
    ]
    plan = tiles.plan
    return {
        "boxes": boxes[:-1],
        "image": boxes[-1],
        "pixels": [] if plan.is_kernel else list(plan.image[:2]),
        "begins": begins,
        "cell": tiles.cell_px * pixel,
        "gap": CHANNEL_GAP_PX * pixel,
        "ring": list(tiles.ring_range_pt),
    }


def with_cells_behind(weights: Weights) -> np.ndarray:
    """Return edges (S, E) with the cells of tiles behind them, (S, E + C)."""
    edges = weights.edges.values
    return edges if weights.tiles is None else np.concatenate([edges, weights.tiles.cells.values], axis=1)
