"""The legend of hills: what they are, the outline of an earlier snapshot, and the bars of exact zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fonts import text_width_pt
from nnanim.design.hill_scale import HillScale
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales, percent
from nnanim.design.style import Style
from nnanim.frames.history import History
from nnanim.painting.brush import Brush, Place
from nnanim.panels.layers_legend import LayersLegend
from nnanim.panels.legend import GAP_PT, RAMP_HEIGHT_PT, SAMPLE_GAPS, SLACK, SMALL_PRINT

OUTLINE_PT = 0.9
ZERO_BAR_PT = 6.0  # width of the bar of zeros
SAMPLE_PT = 20.0  # width of the sample of a hill
SAMPLE = np.array([0.0, 0.12, 0.3, 0.75, 1.0, 0.45, 0.0])  # heights of it
EARLIER = np.array([0.0, 0.2, 0.5, 0.9, 0.6, 0.0, 0.0])
NOW, ZERO = "now", "exactly 0"


@dataclass(frozen=True, eq=False)
class HillsLegend:
    """What the hills mean.

    Attributes:
        box: where its two lines stand.
        scale: of the hills.
        since: what the hills are held against, in words.
        style: of the figure.
    """

    box: Box
    scale: HillScale
    since: str
    style: Style

    @staticmethod
    def words(scale: HillScale, since: str) -> tuple[tuple[tuple[str, float], ...], str]:
        """Return the words beside its samples with the widths of these, and the small print."""
        samples = [(NOW, SAMPLE_PT), (since, SAMPLE_PT), *([(ZERO, ZERO_BAR_PT)] if scale.has_zeros else [])]
        return tuple(samples), f"hill: how many weights of a row are that large, top = {percent(scale.full)}"

    @classmethod
    def width(cls, scale: HillScale, since: str, style: Style) -> float:
        """Measure it in points of a figure of the reference size."""
        samples, small_print = cls.words(scale, since)
        upper = sum(wide + style.wide(style.drawable(text)) + (1 + SAMPLE_GAPS) * GAP_PT for text, wide in samples)
        return SLACK * max(upper - SAMPLE_GAPS * GAP_PT, style.wide(small_print, SMALL_PRINT))

    def paint(self, brush: Brush) -> None:
        """Paint both lines."""
        style, theme, scale = self.style, self.style.theme, self.style.scale
        size, high = looks.TEXT_PT * scale, 1.6 * RAMP_HEIGHT_PT * scale
        upper, lower = self.box.bottom + 0.75 * self.box.height, self.box.bottom + 0.25 * self.box.height
        samples, small_print = self.words(self.scale, self.since)
        brush.text(Place(self.box.left, lower, size * SMALL_PRINT, theme.muted, va="center"), small_print)
        left, bottom = self.box.left, upper - high / 2
        for index, (text, wide) in enumerate(samples):
            xs = left + wide * scale * np.linspace(0, 1, len(SAMPLE))
            if index == 0:
                brush.polygon(np.stack([xs, bottom + high * SAMPLE], axis=1), 0.0, theme.muted, theme.muted)
            elif index == 1:
                brush.line(np.stack([xs, bottom + high * EARLIER], axis=1), OUTLINE_PT * scale, theme.unchanged)
            else:
                brush.area(Box(left, bottom, wide * scale, high), theme.muted)
            left += (wide + GAP_PT) * scale
            told = style.drawable(text)
            brush.text(Place(left, upper, size, theme.ink, va="center"), told)
            left += text_width_pt(told, size, style.families) + SAMPLE_GAPS * GAP_PT * scale


def widths_of_legends(history: History, scales: RowScales, style: Style) -> tuple[float, ...]:
    """Measure the blocks of the legends of rows, those of hills among them where the scales have some."""
    widths = LayersLegend.widths(scales, history.since, style, history.against)
    return widths if scales.hills is None else (*widths, HillsLegend.width(scales.hills, history.since, style))


def legends_of(
    history: History, scales: RowScales, boxes: Sequence[Box], style: Style
) -> list[LayersLegend | HillsLegend]:
    """Return the legends of rows in their boxes, none where there are no boxes."""
    if not boxes:
        return []
    found: list[LayersLegend | HillsLegend]
    found = [LayersLegend(tuple(boxes[:2]), scales, history.since, style, history.against)]
    if scales.hills is not None:
        found.append(HillsLegend(boxes[2], scales.hills, history.since, style))
    return found
