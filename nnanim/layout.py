"""Where the parts of the picture lie. All in points from the lower left corner of the figure, y up."""

from __future__ import annotations

from dataclasses import dataclass

from nnanim import theme


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
    """The panels of a picture.

    Attributes:
        curve: data area of the curve's axes, or None where there is no curve.
        title: one line of text.
        network: all nodes lie inside, edges between them.
        captions_y: baseline of the captions below the layers.
        legend: one line that explains colours and widths.
    """

    curve: Box | None
    title: Box
    network: Box
    captions_y: float
    legend: Box


MARGIN_PT = 12.0
LINE_PT = theme.TEXT_PT * 1.5
TITLE_HEIGHT_PT = theme.TITLE_PT * 1.7
AXIS_LEFT_PT = 46.0  # tick labels and the name of the axis
AXIS_BOTTOM_PT = 34.0


def arrange(width_pt: float, height_pt: float, *, with_curve: bool) -> Layout:
    """Place the curve in the left third and the network in the right two thirds, or in the whole without a curve."""
    split = width_pt / 3 if with_curve else 0.0
    left = split + MARGIN_PT
    right = width_pt - MARGIN_PT
    top = height_pt - MARGIN_PT - TITLE_HEIGHT_PT
    legend = Box(left, MARGIN_PT, right - left, 2 * LINE_PT)
    captions_y = legend.top + 0.6 * LINE_PT
    bottom = captions_y + 1.0 * LINE_PT
    network = Box(left + MARGIN_PT, bottom, right - left - 2 * MARGIN_PT, top - bottom)
    curve = None
    if with_curve:
        axes_left = MARGIN_PT + AXIS_LEFT_PT
        axes_bottom = MARGIN_PT + AXIS_BOTTOM_PT
        curve = Box(axes_left, axes_bottom, split - axes_left, height_pt - MARGIN_PT - TITLE_HEIGHT_PT - axes_bottom)
    return Layout(curve, Box(left, top, right - left, TITLE_HEIGHT_PT), network, captions_y, legend)
