"""Where the parts of the picture lie. All in points from the lower left corner of the figure, y up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor

from nnanim.design import theme
from nnanim.errors import OptionError

REFERENCE_PT = (648.0, 432.0)  # 9 x 6 inches: the size that the theme's sizes are made for
MIN_SCALE = 0.4  # below it nothing could be read
MAX_SCALE = 3.0
STACKED_BELOW = 1.05  # width / height under which the panels stand one above the other

MARGIN_PT = 12.0
LINE_PT = theme.TEXT_PT * 1.5
TITLE_HEIGHT_PT = theme.TITLE_PT * 1.7
AXIS_PT = 44.0  # tick labels beside an axis
AXIS_BOTTOM_PT = 40.0  # tick labels and name below an axis
SMALLEST_PANEL_PT = 24.0
CURVE_SHARE = 1 / 3  # of the figure's width
CURVE_SHARE_STACKED = 0.36  # of the height, where the network stands above the curve
PANEL_GAP = 1.5  # margins between panels side by side
BLOCK_LINES = 2.3  # height of a row of legend blocks in lines of text
MOST_GAPS = 6  # between blocks, however wide the figure


@dataclass(frozen=True)
class Box:
    """A rectangle: its lower left corner and its size."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def top(self) -> float:
        return self.bottom + self.height


@dataclass(frozen=True)
class Layout:
    """Where the panels of a figure lie.

    Attributes:
        scale: factor for all sizes of the theme.
        curve: the panel of the curves, or None.
        view: the panel of the network, or None.
    """

    scale: float
    curve: Box | None
    view: Box | None

    def raised(self, by: float) -> Layout:
        """Return the same layout so much higher, above something else."""
        curve, view = (box and replace(box, bottom=box.bottom + by) for box in (self.curve, self.view))
        return replace(self, curve=curve, view=view)


def arrange(width_pt: float, height_pt: float, panels: str, curve_share: float = CURVE_SHARE) -> Layout:
    """Place the panels.

    The curve has the left third and the network the right two thirds; in a tall figure the network stands above the
    curve. All sizes grow and shrink with the figure.

    Args:
        width_pt: of the figure.
        height_pt: of the figure.
        panels: ``"both"``, ``"network"`` or ``"curve"``.
        curve_share: of the width, where the panels stand side by side.
    """
    stacked = panels == "both" and width_pt < STACKED_BELOW * height_pt
    reference = REFERENCE_PT[::-1] if stacked else REFERENCE_PT
    if panels != "both":
        reference = (REFERENCE_PT[0] * (1 - CURVE_SHARE), REFERENCE_PT[1])
    scale = min(width_pt / reference[0], height_pt / reference[1])
    scale = min(max(scale, MIN_SCALE), MAX_SCALE)
    margin = MARGIN_PT * scale
    whole = Box(margin, margin, width_pt - 2 * margin, height_pt - 2 * margin)
    if panels == "network":
        return Layout(scale, None, whole)
    if panels == "curve":
        return Layout(scale, whole, None)
    if stacked:
        lower = CURVE_SHARE_STACKED * whole.height
        return Layout(
            scale,
            Box(whole.left, whole.bottom, whole.width, lower - margin),
            Box(whole.left, whole.bottom + lower, whole.width, whole.height - lower),
        )
    left = width_pt * curve_share - margin
    return Layout(
        scale,
        Box(whole.left, whole.bottom, left - PANEL_GAP * margin, whole.height),
        Box(whole.left + left, whole.bottom, whole.width - left, whole.height),
    )


def title_row(box: Box, scale: float) -> Box:
    """Return the row for the title at the top of a panel."""
    return Box(box.left, box.top - TITLE_HEIGHT_PT * scale, box.width, TITLE_HEIGHT_PT * scale)


def rows_of_blocks(box: Box, widths: Sequence[float], scale: float) -> tuple[tuple[Box, ...], float]:
    """Place blocks of two lines of text from the bottom of a box up, as many side by side as fit.

    Args:
        box: at whose bottom they stand.
        widths: of the blocks, in points of a figure of the reference size.
        scale: factor for the theme's sizes.

    Returns:
        A box for each block, and the top of the uppermost row.
    """
    line, gap = LINE_PT * scale, MARGIN_PT * scale
    rows: list[list[float]] = []
    for needed in widths:
        width = needed * scale
        if rows and sum(rows[-1]) + len(rows[-1]) * gap + width <= box.width:
            rows[-1].append(width)
        else:
            rows.append([width])
    blocks = []
    for index, row in enumerate(rows):
        left = box.left
        bottom = box.bottom + (len(rows) - 1 - index) * BLOCK_LINES * line
        spread = (box.width - sum(row)) / max(len(row) - 1, 1) if len(row) > 1 else 0.0
        for width in row:
            blocks.append(Box(left, bottom, width, 2 * line))
            left += width + min(spread, MOST_GAPS * gap)
    return tuple(blocks), box.bottom + (len(rows) * BLOCK_LINES * line if rows else 0.0)


def check_room(box: Box, figsize: tuple[float, float], scale: float) -> None:
    """Refuse a figure in which a panel's own drawing would be too small.

    Raises:
        OptionError: it would.
    """
    if min(box.width, box.height) < SMALLEST_PANEL_PT * scale:
        raise OptionError(
            f"figsize {figsize[0]:g},{figsize[1]:g} inches is too small for what is to be shown"
            " (choose a larger one, or one panel alone)"
        )


def cells(box: Box, count: int, gap: float, aspect: float, unit: float = 0.0) -> tuple[Box, ...]:
    """Place equal cells in rows from the top left, in as many columns as make their drawings largest.

    Args:
        box: that they fill.
        count: of the cells.
        gap: between two of them.
        aspect: width / height that suits what is drawn in them.
        unit: they lie whole multiples of it apart, such as pixels, so that equal ones look the same; 0 for any.
    """

    def size(columns: int) -> tuple[float, float]:
        rows = -(-count // columns)
        return (box.width - (columns - 1) * gap) / columns, (box.height - (rows - 1) * gap) / rows

    def drawn(columns: int) -> float:
        width, height = size(columns)
        return min(width, height * aspect)

    columns = max(range(1, count + 1), key=drawn)
    width, height = size(columns)
    right, down = (floor((side + gap) / unit + 1e-9) * unit if unit else side + gap for side in (width, height))
    width, height = right - gap, down - gap
    return tuple(
        Box(box.left + column * right, box.top - row * down - height, width, height)
        for row, column in (divmod(number, columns) for number in range(count))
    )


def spread(wanted: Sequence[float], low: float, high: float, apart: float) -> list[float]:
    """Move places as little as needed so that they keep apart, in their order, between low and high.

    Where there is no room for all, they stand evenly from low to high.
    """
    if not wanted:
        return []
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    apart = min(apart, (high - low) / max(len(wanted) - 1, 1))
    places = [0.0] * len(wanted)
    before = low - apart
    for index in order:
        before = places[index] = max(wanted[index], before + apart)
    above = high + apart
    for index in reversed(order):
        above = places[index] = min(places[index], above - apart)
    return places
