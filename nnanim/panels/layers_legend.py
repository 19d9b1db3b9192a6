"""The legend of rows and of a map: what the colours of the strips and the looks of the bars mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.coloring import COLORINGS, ByChange
from nnanim.design.fonts import drawn_width_pt
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales, moved_ramp, percent
from nnanim.design.style import Style
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.panels.legend import GAP_PT, RAMP_HEIGHT_PT, RAMP_PT, SLACK, SMALL_PRINT

BAR_THICKNESS = (0.12, 0.8)  # of a row's height, for norms that have shrunk and grown most


def seamless(count: int, step: float) -> np.ndarray:
    """Return widths of the parts of a bar, each reaching below the next, so that no seam shows between two."""
    widths = np.full(count, 1.5 * step)
    widths[-1] = step
    return widths


def wide_pt(text: str, size_pt: float, style: Style) -> float:
    """Measure a text as it is drawn: letters are hinted to the pixels of the figure."""
    return drawn_width_pt(style.drawable(text), size_pt, style.dpi, style.families)


@dataclass(frozen=True, eq=False)
class LayersLegend:
    """What the colours of the strips and the looks of the bars mean.

    Attributes:
        boxes: one for each block.
        scales: of the picture.
        since: what changes are measured against, in words.
        style: of the figure.
        against: the run that weights are held against, where changes are differences from it; else empty.
    """

    boxes: tuple[Box, ...]
    scales: RowScales
    since: str
    style: Style
    against: str = ""

    @staticmethod
    def texts(scales: RowScales, since: str, against: str = "") -> tuple[str, str, str, str, str, str]:
        """Return for each block the words at both ends of its bar and the small print."""
        growth = percent(float(scales.growth.domain))
        if against:
            apart = f"far from {against}, in % of its ‖W‖"
            sizes = f"‖W‖ than in {against}, by {growth} or more"
            return percent(scales.moved.low), percent(scales.moved.high), apart, "smaller", "larger", sizes
        return (
            percent(scales.moved.low),
            percent(scales.moved.high),
            f"moved since {since}, in % of ‖W‖",
            "shrank",
            "grew",
            f"‖W‖ since {since}, full from ±{growth}",
        )

    @classmethod
    def widths(cls, scales: RowScales, since: str, style: Style, against: str = "") -> tuple[float, ...]:
        """Measure its blocks, in points of a figure of the reference size."""
        low, high, moved, shrank, grew, size = cls.texts(scales, since, style.drawable(against))
        bars = RAMP_PT + 2 * GAP_PT
        blocks = ((low, high, moved), (shrank, grew, size))
        return tuple(
            SLACK * max(style.widest(left) + style.widest(right) + bars, style.widest(print_, SMALL_PRINT))
            for left, right, print_ in blocks
        )

    def paint(self, brush: Brush) -> None:
        """Paint both blocks."""
        low, high, moved, shrank, grew, size = self.texts(self.scales, self.since, self.style.drawable(self.against))
        theme = self.style.theme
        ramp = moved_ramp(theme)
        upper, left = self._block(brush, self.boxes[0], (low, high), moved, (theme.ink, theme.ink))
        self._bar(brush, left, upper, ramp, np.full(len(ramp), RAMP_HEIGHT_PT))
        ends = COLORINGS[ByChange.name].ramp(theme)
        upper, left = self._block(brush, self.boxes[1], (shrank, grew), size, (ends[0], ends[2]))
        shares = np.linspace(-1, 1, len(ramp))
        colors = theme.edge_colors(self.scales.growth.of_share(shares), ends)
        heights = np.linspace(*BAR_THICKNESS, len(ramp)) * 1.6 * RAMP_HEIGHT_PT
        self._bar(brush, left, upper, colors, heights)

    def _block(
        self, brush: Brush, box: Box, words: tuple[str, str], small_print: str, colors: tuple[Shade, Shade]
    ) -> tuple[float, float]:
        """Write the words at both ends of a bar and the small print; return the bar's middle and its left end."""
        style, scale = self.style, self.style.scale
        size = looks.TEXT_PT * scale
        upper, lower = box.bottom + 0.75 * box.height, box.bottom + 0.25 * box.height
        brush.text(Place(box.left, lower, size * SMALL_PRINT, style.theme.muted, va="center"), small_print)
        brush.text(Place(box.left, upper, size, colors[0], va="center"), words[0])
        left = box.left + (style.widest(words[0]) + GAP_PT) * scale
        right = left + (RAMP_PT + GAP_PT) * scale
        brush.text(Place(right, upper, size, colors[1], va="center"), words[1])
        return upper, left

    def _bar(self, brush: Brush, left: float, middle: float, colors: np.ndarray, heights_pt: np.ndarray) -> None:
        scale = self.style.scale
        step, heights = RAMP_PT * scale / len(colors), heights_pt * scale
        lefts = left + step * np.arange(len(colors))
        boxes = np.stack([lefts, middle - heights / 2, seamless(len(colors), step), heights], axis=1)
        brush.areas(boxes, colors)
