"""The input image and the pictures of the first layer's units: where they stand, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.layout import BLOCK_LINES, LINE_PT, TITLE_HEIGHT_PT, Box, arrange
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.errors import OptionError
from nnanim.frames.selection import Selection
from nnanim.frames.tiles import TilePlan
from nnanim.options import DEFAULT_MAX_NODES, Options
from nnanim.painting.brush import Brush
from nnanim.painting.drawing import Drawing
from nnanim.panels.moment import height_of_moments
from nnanim.panels.node_places import NodePlaces
from nnanim.panels.title import height_of_title

SIDE_PT = 22.0  # of a picture in a figure of the reference size: so many units are shown that it is about so high
RING_PT = (0.8, 2.2)  # of a picture's border, for no bias and for the strongest
GAP_PX = 1.5  # between picture and border, and between two borders
CHANNEL_GAP_PX = 1  # between the channels of a picture
MARK_PT = 12.0  # for the mark of units that are left out
FREE_SHARE = (0.1, 0.6)  # of the width, free between two columns at least: each, or all of them
IMAGE_SHARE = (0.16, 0.5)  # of the width and of the height that the input's image takes at most
GRID_PX = 3.0  # pixels of the input are parted by lines where they are so large
FIRST_GAP = 0.6  # of the room between two other columns
ALONE_SHARE = 0.66  # of the width for pictures that stand in rows
PICTURES_SHARE = 0.65  # of what is left for pictures and nodes
USUAL_ROWS = 2  # of legend blocks below a network


@dataclass(frozen=True, eq=False)
class TilePlaces:
    """Where pictures stand.

    Attributes:
        plan: what they hold.
        cell_px: side of a cell in whole pixels.
        box_pt: width and height of a picture with its border.
        inset_pt: from the border's middle to the picture, left and right, below and above.
        image_pt: width and height of the input's image.
        ring_range_pt: width of the thinnest and of the thickest border.
    """

    plan: TilePlan
    cell_px: int
    box_pt: tuple[float, float]
    inset_pt: tuple[float, float]
    image_pt: tuple[float, float]
    ring_range_pt: tuple[float, float]

    def edges_pt(self, left: float, bottom: float, dpi: float) -> tuple[np.ndarray, np.ndarray]:
        """Return left and right of each column of cells, and bottom and top of each row, of a picture in a box."""
        pixel = POINTS_PER_INCH / dpi
        rows, columns, channels = self.plan.size
        across = np.arange(columns * channels) * self.cell_px
        across = across + np.arange(columns * channels) // columns * CHANNEL_GAP_PX
        # Whole pixels, so that all cells are as large.
        x, y = (round((side + inset) / pixel) for side, inset in zip((left, bottom), self.inset_pt, strict=True))
        up = np.arange(rows) * self.cell_px

        def ends(begin: np.ndarray) -> np.ndarray:
            both: np.ndarray = np.stack([begin, begin + self.cell_px], axis=1) * pixel
            return both

        return ends(across + x), ends(up + y)


def _size_px(plan: TilePlan, cell_px: int) -> tuple[int, int]:
    """Return width and height of a picture."""
    rows, columns = plan.cells
    return columns * cell_px + (plan.size[2] - 1) * CHANNEL_GAP_PX, rows * cell_px


def _most_wide(width_pt: float, columns: int) -> float:
    """Return how wide a picture may be, in points, so that columns keep apart."""
    each, whole = FREE_SHARE
    return width_pt * (1 - IMAGE_SHARE[0] - min(each * (columns - 1), whole)) * PICTURES_SHARE


def _border_px(scale: float, dpi: float) -> float:
    """Return the room that border and gaps take on both sides of a picture."""
    return (2 * RING_PT[1] * scale + 1.0) * dpi / POINTS_PER_INCH + 3 * GAP_PX


def with_room(plan: TilePlan, columns: int, options: Options, *, has_curve: bool) -> TilePlan | None:
    """Return the plan with as many units as there is room for, or None where there is none for one.

    Where nobody says how many neurons to show, fewer and larger pictures stand there.

    Args:
        plan: what the pictures hold.
        columns: of the network.
        options: `figsize`, `dpi`, `max_nodes`.
        has_curve: whether a curve stands beside the network.
    """
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    panels = options.panels if has_curve and options.panels != "curve" else "network"
    scale = arrange(width_pt, height_pt, panels).scale
    above = height_of_title(options.title, scale) + height_of_moments(options, scale)
    box = arrange(width_pt, height_pt - above, panels).view
    assert box is not None
    line = LINE_PT * scale
    room = box.height - TITLE_HEIGHT_PT * scale - (USUAL_ROWS * BLOCK_LINES + 2.4) * line - MARK_PT * scale
    px = options.dpi / POINTS_PER_INCH
    wide = _most_wide(box.width, columns) * px
    border = _border_px(scale, options.dpi)
    cell = max(round(SIDE_PT * scale * px / plan.cells[0]), 1) if options.max_nodes == DEFAULT_MAX_NODES else 1
    while cell > 1 and _size_px(plan, cell)[0] > wide:
        cell -= 1
    across, up = _size_px(plan, cell)
    most = floor(room * px / (up + border))
    if columns == 2 and not options.output_labels:  # nothing else is there
        most *= max(floor(ALONE_SHARE * box.width * px / (across + border)), 1)
    return replace(plan, most=most) if most and across <= wide else None


def place_tiles(
    places: NodePlaces, selection: Selection, plan: TilePlan, box: Box, style: Style, *, in_rows: bool
) -> NodePlaces:
    """Put the image in the place of the inputs, and pictures in the places of the first layer's nodes.

    Args:
        places: of a network without inputs.
        selection: what is shown.
        plan: what the pictures hold.
        box: that the network fills.
        style: of the figure.
        in_rows: whether pictures that are the last column may stand in rows.

    Raises:
        OptionError: there is no room.
    """
    px, scale = style.dpi / POINTS_PER_INCH, style.scale
    columns, units = len(selection.nodes), len(selection.nodes[1])
    border = _border_px(scale, style.dpi)
    room = (box.height - MARK_PT * scale * (units < selection.sizes[1])) * px
    wide = _most_wide(box.width, columns) * px

    def cell_of(abreast: int) -> int:
        down = -(-units // abreast)
        cell = floor((room / down - border) / plan.cells[0])
        most = min(wide, ALONE_SHARE * box.width * px / abreast - border) if abreast > 1 else wide
        while cell > 0 and _size_px(plan, cell)[0] > most:
            cell -= 1
        return cell

    abreast = max(range(1, units + 1), key=cell_of) if in_rows and columns == 2 else 1
    cell = cell_of(abreast)
    if cell < 1:
        raise OptionError("the figure is too small for pictures of units (take a larger one, or --image none)")
    width, height = (length / px for length in _size_px(plan, cell))
    inset = RING_PT[1] * scale / 2 + GAP_PX / px
    # Whole points: Graphviz before 2.50 rounds the size of nodes to them.
    size = float(ceil(width + 2 * inset)), float(ceil(height + 2 * inset))
    tall, broad = plan.image[:2] if not plan.is_kernel else (1, 1)
    side = min(IMAGE_SHARE[0] * box.width, IMAGE_SHARE[1] * box.height * broad / tall)
    image = float(round(side)), float(max(round(side * tall / broad), 1))
    apart = width + border / px
    node = 2 * places.node_radius_pt + places.ring_range_pt[1]
    x = _columns_x(np.array([image[0], size[0] + (abreast - 1) * apart, *[node] * (columns - 2)]), box)
    down = -(-units // abreast)
    step = room / px / down
    row, column = np.divmod(np.arange(units), abreast)
    across = x[1] + (column - (abreast - 1) / 2) * apart
    centers = [
        np.array([[x[0], box.bottom + box.height / 2]]),
        np.stack([across, box.top - step / 2 - step * row], axis=1),
        *(
            np.stack([np.full(len(old), at), old[:, 1]], axis=1)
            for at, old in zip(x[2:], places.centers_pt[2:], strict=True)
        ),
    ]
    cut = [len(nodes) < count for nodes, count in zip(selection.nodes, selection.sizes, strict=True)]
    marks_y = iter(places.left_out_pt)
    marks = {index: next(marks_y)[1] for index, is_left in enumerate(cut) if is_left}
    marks[1] = box.bottom + MARK_PT * scale / 2
    left_out = tuple((float(x[index]), marks[index]) for index, is_left in enumerate(cut) if is_left and index)
    insets = (size[0] - width) / 2, (size[1] - height) / 2
    tiles = TilePlaces(plan, cell, size, insets, image, (RING_PT[0] * scale, RING_PT[1] * scale))
    return replace(places, centers_pt=tuple(centers), left_out_pt=left_out, tiles=tiles)


def _columns_x(widths: np.ndarray, box: Box) -> np.ndarray:
    """Return the middles of columns; between the first two, where no edges run, there is less room."""
    shares = np.array([FIRST_GAP, *[1.0] * (len(widths) - 2)])
    gaps = (box.width - widths.sum()) * shares / shares.sum()
    if len(widths) == 2:
        gaps *= FIRST_GAP
    middles: np.ndarray = box.left + np.cumsum(widths) - widths / 2 + np.concatenate([[0.0], np.cumsum(gaps)])
    return middles


def paint_tiles(brush: Brush, tiles: TilePlaces, drawing: Drawing, colors: np.ndarray, style: Style) -> None:
    """Paint the image and the pictures in the places that Graphviz gave them.

    Args:
        brush: to paint with.
        tiles: their sizes.
        drawing: whose boxes are the units, and last the image.
        colors: (U, rows, columns, 3) uint8, row 0 on top.
        style: of the figure.
    """
    theme = style.theme
    boxes = drawing.rectangles_pt
    for (left, bottom, width, height), line, line_pt, cells in zip(
        boxes[:-1].tolist(), drawing.rectangle_line, drawing.rectangle_line_pt.tolist(), colors, strict=False
    ):
        corners = np.array(
            [[left, bottom], [left + width, bottom], [left + width, bottom + height], [left, bottom + height]]
        )
        red, green, blue = line.tolist()
        brush.polygon(corners, line_pt, (red, green, blue), theme.background)
        across, up = tiles.edges_pt(left, bottom, style.dpi)
        brush.mosaic(across, up, cells[::-1], style.dpi)
    _paint_image(brush, tiles.plan, Box(*boxes[-1].tolist()), style)


def _paint_image(brush: Brush, plan: TilePlan, box: Box, style: Style) -> None:
    """Paint the pixels of the input as a grid, if it is known how many there are; what they hold differs from image to
    image.
    """
    theme, scale = style.theme, style.scale
    brush.area(box, theme.faint)
    rows, columns = (1, 1) if plan.is_kernel else plan.image[:2]
    pixel = POINTS_PER_INCH / style.dpi
    if box.width / columns >= GRID_PX * pixel:
        for share in np.arange(1, columns) / columns:
            x = box.left + share * box.width
            brush.line(np.array([[x, box.bottom], [x, box.top]]), 0.5 * scale, theme.unmoved, crisp=True)
        for share in np.arange(1, rows) / rows:
            y = box.bottom + share * box.height
            brush.line(np.array([[box.left, y], [box.right, y]]), 0.5 * scale, theme.unmoved, crisp=True)
    corners = [[box.left, box.bottom], [box.right, box.bottom], [box.right, box.top], [box.left, box.top]]
    ring = np.array([*corners, corners[0]])
    brush.line(ring, looks.RING_PT[0] * scale, theme.muted, cap="projecting", crisp=True)
