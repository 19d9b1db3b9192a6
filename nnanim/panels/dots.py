"""The spread of groups of runs: for each statistic a dot for each run, and a bar at the mean of each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.axis import Axis
from nnanim.design.fonts import fitted, shortened, text_width_pt
from nnanim.design.layout import LINE_PT, MARGIN_PT, Box
from nnanim.design.style import Style
from nnanim.painting.brush import Brush, Place
from nnanim.painting.xdot import Drawing
from nnanim.panels.chart import AXIS_LINE_PT, PAD_PT, TICK_PT
from nnanim.panels.legend import GAP_PT, SMALL_PRINT

HEAD_LINES, ROW_LINES, AXIS_LINES = 1.3, 0.95, 1.5  # heights in lines of text
NAME_SHARE = 0.13  # of the width for the names of groups, at most
GAPS = 1.6  # margins between two statistics
TICKS = 3
DOT_PT = 6.5  # diameter
MEAN_PT = 2.4  # width of the bar
MEAN_SHARE = 0.9  # of a row's height


@dataclass(frozen=True)
class Spread:
    """One statistic of all groups.

    Attributes:
        label: its name.
        values: for each group those of its runs, NaN where there is none.
    """

    label: str
    values: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> list[float]:
        """Of each group; NaN where a run has none."""
        return [float(np.mean(values)) for values in self.values]


@dataclass(frozen=True, eq=False)
class DotsPart:
    """The panel in its place: all of it stays the same.

    Attributes:
        spreads: from left to right.
        names: of the groups, from top to bottom; their colours are those of the theme's curves.
        box: where it stands.
        style: of the figure.
    """

    spreads: Sequence[Spread]
    names: Sequence[str]
    box: Box
    style: Style

    @property
    def text_places(self) -> tuple[()]:
        return ()

    @property
    def _label_pt(self) -> float:
        style = self.style
        size = looks.TEXT_PT * style.scale
        widest = max(text_width_pt(style.drawable(name), size, style.families) for name in self.names)
        return min(widest, NAME_SHARE * self.box.width)

    @property
    def middles(self) -> list[float]:
        """Of the groups' rows."""
        line = LINE_PT * self.style.scale
        return [self.box.top - (HEAD_LINES + (row + 0.5) * ROW_LINES) * line for row in range(len(self.names))]

    def columns(self) -> list[tuple[Box, Axis]]:
        """Return for each statistic where its dots lie, and their axis."""
        scale, box = self.style.scale, self.box
        line, gap = LINE_PT * scale, GAPS * MARGIN_PT * scale
        left = box.left + self._label_pt + gap
        width = (box.right - left - (len(self.spreads) - 1) * gap) / len(self.spreads)
        bottom, top = box.bottom + AXIS_LINES * line, box.top - HEAD_LINES * line
        return [
            (
                Box(left + number * (width + gap), bottom, width, top - bottom),
                Axis.of([np.array(values, dtype=float) for values in spread.values], TICKS),
            )
            for number, spread in enumerate(self.spreads)
        ]

    def paint_ground(self, brush: Brush) -> None:
        """Paint all."""
        style, scale, theme = self.style, self.style.scale, self.style.theme
        size = looks.TEXT_PT * scale
        for name, y in zip(self.names, self.middles, strict=True):
            text = shortened(style.drawable(name), size, self._label_pt, style.families)
            brush.text(Place(self.box.left, y, size, theme.ink, va="center"), text)
        for spread, (area, axis) in zip(self.spreads, self.columns(), strict=True):
            text, own = fitted(style.drawable(spread.label), size, area.width, style.families)
            y = self.box.top - HEAD_LINES / 2 * LINE_PT * scale
            brush.text(Place(area.left, y, own, theme.ink, va="center"), text)
            self._paint_axis(brush, area, axis)
            self._paint_dots(brush, spread, area, axis)

    def _paint_axis(self, brush: Brush, area: Box, axis: Axis) -> None:
        scale, muted = self.style.scale, self.style.theme.muted
        size, width = SMALL_PRINT * looks.TEXT_PT * scale, AXIS_LINE_PT * scale
        brush.line(np.array([[area.left, area.bottom], [area.right, area.bottom]]), width, muted, crisp=True)
        below = area.bottom - TICK_PT * scale
        free = -np.inf
        for share, label in zip(axis.shares(np.array(axis.ticks)), axis.labels, strict=True):
            x = area.left + float(share) * area.width
            brush.line(np.array([[x, area.bottom], [x, below]]), width, muted, crisp=True)
            half = text_width_pt(label, size, self.style.families) / 2
            if x - half > free:
                brush.text(Place(x, below - PAD_PT * scale, size, muted, "center", "top"), label)
                free = x + half + GAP_PT * scale

    def _paint_dots(self, brush: Brush, spread: Spread, area: Box, axis: Axis) -> None:
        scale, theme = self.style.scale, self.style.theme
        reach = MEAN_SHARE * ROW_LINES * LINE_PT * scale / 2
        rows = zip(self.middles, spread.values, spread.means, theme.curves, strict=False)
        for y, values, mean, color in rows:
            across = area.left + area.width * axis.shares(np.array(values, dtype=float))
            across = across[np.isfinite(across)]
            if np.isfinite(mean) and len(values) > 1:
                x = area.left + area.width * float(axis.shares(np.array(mean)))
                brush.line(np.array([[x, y - reach], [x, y + reach]]), MEAN_PT * scale, theme.ink)
            circles = np.stack([across, np.full(len(across), y), np.full(len(across), DOT_PT * scale / 2)], axis=1)
            shades = np.array([color] * len(across))
            brush.circles(
                circles, shades, np.array([theme.background] * len(across)), np.full(len(across), 0.8 * scale)
            )

    def dot(self, _name: str, _look: Any) -> None:
        """Nothing: dots are no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: Any, _drawing: Drawing | None) -> None:
        """Nothing moves."""

    def texts(self, _look: Any) -> tuple[str, ...]:
        return ()


def height_of_dots(groups: int, scale: float) -> float:
    """Return the room that the panel takes, in points."""
    return (HEAD_LINES + ROW_LINES * groups + AXIS_LINES) * LINE_PT * scale + MARGIN_PT * scale if groups else 0.0
