"""Where the parts of the picture lie. All in points from the lower left corner of the figure, y up."""

from __future__ import annotations

from dataclasses import dataclass

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
class Needs:
    """What the contents ask of the layout, in points of a figure of the reference size.

    Attributes:
        legend_widths: of the legend's blocks, each two lines high.
        curve_rows: lines of text above the curve.
        right_axis: whether the curve has a second axis.
        left_label: width of the names beside the input neurons.
        right_label: width of the names beside the output neurons.
    """

    legend_widths: tuple[float, ...]
    curve_rows: int
    right_axis: bool
    left_label: float
    right_label: float


@dataclass(frozen=True)
class Layout:
    """The panels of a picture.

    Attributes:
        scale: factor for all sizes of the theme.
        title: one line of text.
        network: all nodes lie inside, edges between them; None where there is no network.
        captions_y: middle of the upper line of the captions below the layers; the lower is one `line_pt` below.
        line_pt: height of a line of text.
        legend: one box of two lines for each block of the legend.
        curve: data area of the curve's axes, or None where there is no curve.
        curve_header: lines of text above the curve, or None.
    """

    scale: float
    title: Box
    network: Box | None
    captions_y: float
    line_pt: float
    legend: tuple[Box, ...]
    curve: Box | None
    curve_header: Box | None


def arrange(width_pt: float, height_pt: float, panels: str, needs: Needs) -> Layout:
    """Place the panels.

    The curve has the left third and the network the right two thirds; in a tall figure the network stands above the
    curve. All sizes grow and shrink with the figure.

    Args:
        width_pt: of the figure.
        height_pt: of the figure.
        panels: ``"both"``, ``"network"`` or ``"curve"``.
        needs: what the contents ask for.

    Raises:
        OptionError: the figure is too small.
    """
    stacked = panels == "both" and width_pt < STACKED_BELOW * height_pt
    reference = REFERENCE_PT[::-1] if stacked else REFERENCE_PT
    if panels != "both":
        reference = (REFERENCE_PT[0] * 2 / 3, REFERENCE_PT[1])
    scale = min(width_pt / reference[0], height_pt / reference[1])
    scale = min(max(scale, MIN_SCALE), MAX_SCALE)
    margin = MARGIN_PT * scale
    whole = Box(margin, margin, width_pt - 2 * margin, height_pt - 2 * margin)
    network_box: Box | None = whole
    curve_box: Box | None = whole
    if panels == "network":
        curve_box = None
    elif panels == "curve":
        network_box = None
    elif stacked:
        lower = 0.36 * whole.height
        curve_box = Box(whole.left, whole.bottom, whole.width, lower - margin)
        network_box = Box(whole.left, whole.bottom + lower, whole.width, whole.height - lower)
    else:
        left = width_pt / 3 - margin
        curve_box = Box(whole.left, whole.bottom, left - 1.5 * margin, whole.height)
        network_box = Box(whole.left + left, whole.bottom, whole.width - left, whole.height)
    network, captions_y, legend = _inside_network(network_box, needs, scale)
    curve, curve_header = _inside_curve(curve_box, needs, scale, with_title=network_box is None)
    for panel in (network, curve):
        if panel is not None and min(panel.width, panel.height) < SMALLEST_PANEL_PT * scale:
            raise OptionError(
                f"figsize {width_pt / 72:g},{height_pt / 72:g} inches is too small for what is to be shown"
                " (choose a larger one, or one panel alone)"
            )
    titled = network_box or curve_box
    assert titled is not None
    title = Box(titled.left, titled.top - TITLE_HEIGHT_PT * scale, titled.width, TITLE_HEIGHT_PT * scale)
    return Layout(scale, title, network, captions_y, LINE_PT * scale, legend, curve, curve_header)


def _inside_network(box: Box | None, needs: Needs, scale: float) -> tuple[Box | None, float, tuple[Box, ...]]:
    if box is None:
        return None, 0.0, ()
    line = LINE_PT * scale
    gap = MARGIN_PT * scale
    rows: list[list[float]] = []
    for needed in needs.legend_widths:
        width = needed * scale
        if rows and sum(rows[-1]) + len(rows[-1]) * gap + width <= box.width:
            rows[-1].append(width)
        else:
            rows.append([width])
    blocks = []
    for index, row in enumerate(rows):
        left = box.left
        bottom = box.bottom + (len(rows) - 1 - index) * 2.3 * line
        spread = (box.width - sum(row)) / max(len(row) - 1, 1) if len(row) > 1 else 0.0
        for width in row:
            blocks.append(Box(left, bottom, width, 2 * line))
            left += width + min(spread, 6 * gap)
    legend_top = box.bottom + (len(rows) * 2.3 * line if rows else 0.0)
    captions_y = legend_top + 1.5 * line
    bottom = captions_y + 0.9 * line
    top = box.top - TITLE_HEIGHT_PT * scale
    left_pad = max(MARGIN_PT, needs.left_label + 8.0 if needs.left_label else 0.0) * scale
    right_pad = max(MARGIN_PT, needs.right_label + 8.0 if needs.right_label else 0.0) * scale
    network = Box(box.left + left_pad, bottom, box.width - left_pad - right_pad, top - bottom)
    return network, captions_y, tuple(blocks)


def _inside_curve(box: Box | None, needs: Needs, scale: float, *, with_title: bool) -> tuple[Box | None, Box | None]:
    if box is None:
        return None, None
    header_height = needs.curve_rows * LINE_PT * scale
    top = box.top - (TITLE_HEIGHT_PT * scale if with_title else 0.0)
    header = Box(box.left, top - header_height, box.width, header_height)
    left = box.left + AXIS_PT * scale
    right = box.right - (AXIS_PT if needs.right_axis else 4.0) * scale
    bottom = box.bottom + AXIS_BOTTOM_PT * scale
    return Box(left, bottom, right - left, header.bottom - 0.7 * LINE_PT * scale - bottom), header
