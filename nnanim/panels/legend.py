"""The legend of a view: what colours and widths mean, in blocks of two lines each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.layout import Box
from nnanim.design.scales import IntensityScale
from nnanim.design.style import Style
from nnanim.design.theme import Ramp
from nnanim.design.wording import Legend
from nnanim.painting.brush import Brush, Place, Shade

RAMP_STEPS = 41
RAMP_PT = 54.0  # width of the bar of colours
RAMP_HEIGHT_PT = 7.0
SAMPLE_PT = 17.0  # length of a sample line
GAP_PT = 5.0
SAMPLE_GAPS = 2.5  # gaps between a sample's text and the next sample
SMALL_PRINT = 0.87  # of the text's size
SLACK = 1.01  # small letters are hinted to whole pixels and may come out wider than measured


def legend_widths(legend: Legend, style: Style) -> tuple[float, ...]:
    """Measure the blocks of a legend, in points of a figure of the reference size."""
    widths = []
    if legend.ramp is not None:
        low, high = legend.ramp
        bar = style.widest(low) + style.widest(high) + RAMP_PT + 2 * GAP_PT
        widths.append(max(bar, style.widest(legend.ramp_print, SMALL_PRINT)))
    samples = sum(style.widest(text) + SAMPLE_PT + (1 + SAMPLE_GAPS) * GAP_PT for text, _ in legend.samples)
    widths.append(max(samples - SAMPLE_GAPS * GAP_PT, style.widest(legend.samples_print, SMALL_PRINT)))
    return tuple(SLACK * width for width in widths)


def ramp_bar(scale: IntensityScale, ramp: Ramp, style: Style) -> np.ndarray:
    """Return the colours of the bar, (RAMP_STEPS, 3) uint8, for numbers evenly spaced over the domain."""
    return style.theme.edge_colors(scale.of_share(np.linspace(-1, 1, RAMP_STEPS)), ramp)


@dataclass(frozen=True, eq=False)
class LegendBlocks:
    """A legend in its place.

    Attributes:
        legend: what it says.
        boxes: one for each block.
        bar: (RAMP_STEPS, 3) uint8, its colours.
        edge_range_pt: width of the thinnest and of the thickest line.
        style: of the figure.
    """

    legend: Legend
    boxes: tuple[Box, ...]
    bar: np.ndarray
    edge_range_pt: tuple[float, float]
    style: Style

    def paint(self, brush: Brush) -> None:
        """Explain colours in one block and widths in another, each with a line of small print."""
        boxes = list(self.boxes)
        if self.legend.ramp is not None:
            self._paint_ramp(brush, boxes.pop(0), self.legend.ramp)
        self._paint_samples(brush, boxes.pop(0))

    def _paint_ramp(self, brush: Brush, box: Box, words: tuple[str, str]) -> None:
        scale = self.style.scale
        upper = self._lines(brush, box, self.legend.ramp_print)
        low, high = (_shade(self.bar[end]) for end in (0, -1))
        left = self._text(brush, box.left, upper, words[0], low) + GAP_PT * scale
        step = RAMP_PT * scale / len(self.bar)
        bottom, end = upper - RAMP_HEIGHT_PT / 2 * scale, left + (len(self.bar) + 0.05) * step
        for index, color in enumerate(self.bar):  # each to the end, so that no seam shows between two
            begin = left + index * step
            brush.area(Box(begin, bottom, end - begin, RAMP_HEIGHT_PT * scale), _shade(color))
        self._text(brush, left + (RAMP_PT + GAP_PT) * scale, upper, words[1], high)

    def _paint_samples(self, brush: Brush, box: Box) -> None:
        scale, ink = self.style.scale, self.style.theme.ink
        upper = self._lines(brush, box, self.legend.samples_print)
        x = box.left
        thinnest, thickest = self.edge_range_pt
        for label, share in self.legend.samples:
            ends = np.array([[[x, upper], [x + SAMPLE_PT * scale, upper]]])
            width = thinnest + share * (thickest - thinnest)
            brush.lines(ends, np.array([width]), np.array([ink]))
            x = self._text(brush, x + (SAMPLE_PT + GAP_PT) * scale, upper, label, ink)
            x += SAMPLE_GAPS * GAP_PT * scale

    def _lines(self, brush: Brush, box: Box, small_print: str) -> float:
        """Write the small print and return the middle of the line above it."""
        style = self.style
        size = looks.TEXT_PT * SMALL_PRINT * style.scale
        place = Place(box.left, box.bottom + 0.25 * box.height, size, style.theme.muted, va="center")
        brush.text(place, style.drawable(small_print))
        return box.bottom + 0.75 * box.height

    def _text(self, brush: Brush, x: float, y: float, content: str, color: Shade) -> float:
        """Write a text and return where it ends."""
        size = looks.TEXT_PT * self.style.scale
        content = self.style.drawable(content)
        brush.text(Place(x, y, size, color, va="center"), content)
        return x + self.style.widest(content) * self.style.scale


def _shade(color: np.ndarray) -> Shade:
    return float(color[0]), float(color[1]), float(color[2])
