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
from nnanim.painting.drawing import Drawing
from nnanim.panels.chart import AXIS_LINE_PT, PAD_PT, TICK_PT
from nnanim.panels.legend import GAP_PT, SMALL_PRINT

KEY_LINES, HEAD_LINES, ROW_LINES, AXIS_LINES = 1.5, 2.1, 1.1, 1.5  # heights in lines of text
LAYER_LINES = 1.05  # the line above the rows of a layer
NAME_SHARE = 0.13  # of the width for the names of groups, at most
GAPS = 1.6  # margins between two statistics
TICKS = 3
DOT_PT = 6.0  # diameter
APART = 0.85  # distance of two dots at least, in diameters, as far as the row has room
MEAN_PT = 2.0  # width of the bar
MEAN_SHARE = 0.9  # of a row's height
MOST_LAYERS = 8  # whose dots are drawn
KEY = ("all runs, at their end:", "one run", "mean")


@dataclass(frozen=True)
class Spread:
    """One statistic of all groups.

    Attributes:
        label: what it is, in plain words.
        term: the small print below it.
        values: for each group those of its runs, NaN where there is none.
        layer: the layer that it is of, None for the whole network.
    """

    label: str
    term: str
    values: tuple[tuple[float, ...], ...]
    layer: str | None = None

    @property
    def means(self) -> list[float]:
        """Of each group; NaN where a run has none."""
        return [float(np.mean(values)) for values in self.values]


@dataclass(frozen=True, eq=False)
class DotsPart:
    """The panel in its place: all of it stays the same.

    Attributes:
        spreads: of the whole network from left to right, then likewise of layers.
        names: of the groups, from top to bottom; their colours are those of the theme's curves.
        box: where it stands.
        style: of the figure.
        drawn: which run of each group is drawn above, in words.
    """

    spreads: Sequence[Spread]
    names: Sequence[str]
    box: Box
    style: Style
    drawn: str = ""

    @property
    def text_places(self) -> tuple[()]:
        return ()

    @property
    def layers(self) -> list[str | None]:
        """The blocks of rows from top to bottom; None is the whole network."""
        return list(dict.fromkeys(spread.layer for spread in self.spreads))

    @property
    def _line(self) -> float:
        return LINE_PT * self.style.scale

    @property
    def _label_pt(self) -> float:
        style = self.style
        size = looks.TEXT_PT * style.scale
        widest = max(text_width_pt(style.drawable(name), size, style.families) for name in self.names)
        return min(widest, NAME_SHARE * self.box.width)

    def top_of(self, layer: str | None) -> float:
        """Return the top of a block of rows."""
        place, named = self.layers.index(layer), len(self.layers) > 1
        height = ROW_LINES * len(self.names) + (LAYER_LINES if named else 0.0)
        return self.box.top - (KEY_LINES + HEAD_LINES + place * height) * self._line

    def middles(self, layer: str | None = None) -> list[float]:
        """Return the middles of the groups' rows."""
        top = self.top_of(layer) - (LAYER_LINES * self._line if len(self.layers) > 1 else 0.0)
        return [top - (row + 0.5) * ROW_LINES * self._line for row in range(len(self.names))]

    def columns(self) -> dict[str, tuple[Box, Axis]]:
        """Return for each statistic by its term where its dots lie, and the axis of all its blocks."""
        box, gap = self.box, GAPS * MARGIN_PT * self.style.scale
        terms = list(dict.fromkeys(spread.term for spread in self.spreads))
        left = box.left + self._label_pt + gap
        width = (box.right - left - (len(terms) - 1) * gap) / len(terms)
        bottom, top = box.bottom + AXIS_LINES * self._line, box.top - (KEY_LINES + HEAD_LINES) * self._line
        found = {}
        for number, term in enumerate(terms):
            values = [np.array(each, dtype=float) for own in self.spreads if own.term == term for each in own.values]
            area = Box(left + number * (width + gap), bottom, width, top - bottom)
            found[term] = area, Axis.of(values, TICKS)
        return found

    def centers(self, spread: Spread, group: int) -> np.ndarray:
        """Return the centres of a group's dots, (n, 2): those that would cover each other stand above and below."""
        area, axis = self.columns()[spread.term]
        across = area.left + area.width * axis.shares(np.array(spread.values[group], dtype=float))
        across = np.sort(across[np.isfinite(across)])
        least = APART * DOT_PT * self.style.scale
        room = (ROW_LINES * self._line - DOT_PT * self.style.scale) / 2
        levels = max(int(room / least), 1)
        steps = sorted(range(-levels, levels + 1), key=lambda step: (abs(step), -step))
        placed: list[tuple[float, float]] = []
        for x in across.tolist():
            free = [
                step * room / levels
                for step in steps
                if all(np.hypot(x - there, step * room / levels - above) >= 0.999 * least for there, above in placed)
            ]
            # Where the row is full, where fewest stand.
            fullest = min(steps, key=lambda step: sum(above == step * room / levels for _, above in placed))
            placed.append((x, free[0] if free else fullest * room / levels))
        middle = self.middles(spread.layer)[group]
        return np.array([(x, middle + above) for x, above in placed]).reshape(-1, 2)

    def paint_ground(self, brush: Brush) -> None:
        """Paint all."""
        style, theme = self.style, self.style.theme
        size = looks.TEXT_PT * style.scale
        self._paint_key(brush)
        for layer in self.layers:
            if len(self.layers) > 1:
                text = "whole network" if layer is None else f"layer {layer}"
                y = self.top_of(layer) - LAYER_LINES / 2 * self._line
                room = self.box.width
                text = shortened(style.drawable(text), SMALL_PRINT * size, room, style.families)
                brush.text(Place(self.box.left, y, SMALL_PRINT * size, theme.muted, va="center"), text)
            for name, y in zip(self.names, self.middles(layer), strict=True):
                text = shortened(style.drawable(name), size, self._label_pt, style.families)
                brush.text(Place(self.box.left, y, size, theme.ink, va="center"), text)
        columns = self.columns()
        for term, (area, axis) in columns.items():
            self._paint_head(brush, next(spread for spread in self.spreads if spread.term == term), area)
            self._paint_axis(brush, area, axis)
        for spread in self.spreads:
            self._paint_dots(brush, spread, *columns[spread.term])

    def _paint_key(self, brush: Brush) -> None:
        """Say what a dot is, and a bar, and which runs are drawn above."""
        style, theme, scale = self.style, self.style.theme, self.style.scale
        size, gap = looks.TEXT_PT * scale, GAP_PT * scale
        y, x = self.box.top - 0.5 * self._line, self.box.left
        title, dot, mean = KEY
        brush.text(Place(x, y, size, theme.ink, va="center"), title)
        x += text_width_pt(title, size, style.families) + 3 * gap
        middle = np.array([[x, y, DOT_PT * scale / 2]])
        brush.circles(middle, np.array([theme.muted]), np.array([theme.background]), np.array([0.8 * scale]))
        x += 2 * gap
        brush.text(Place(x, y, size, theme.muted, va="center"), dot)
        x += text_width_pt(dot, size, style.families) + 3 * gap
        reach = MEAN_SHARE * ROW_LINES * self._line / 2
        brush.line(np.array([[x, y - reach], [x, y + reach]]), MEAN_PT * scale, theme.ink)
        x += 2 * gap
        brush.text(Place(x, y, size, theme.muted, va="center"), mean)
        x += text_width_pt(mean, size, style.families) + 6 * gap
        text, own = fitted(style.drawable(self.drawn), size, self.box.right - x, style.families)
        brush.text(Place(self.box.right, y, own, theme.muted, "right", "center"), text)

    def _paint_head(self, brush: Brush, spread: Spread, area: Box) -> None:
        style, theme = self.style, self.style.theme
        size = looks.TEXT_PT * style.scale
        top = self.box.top - KEY_LINES * self._line
        for text, share, down, color in (
            (spread.label, 1.0, 0.45, theme.ink),
            (spread.term, SMALL_PRINT, 1.35, theme.muted),
        ):
            shown, own = fitted(style.drawable(text), share * size, area.width, style.families)
            brush.text(Place(area.left, top - down * self._line, own, color, va="center"), shown)

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
        reach = MEAN_SHARE * ROW_LINES * self._line / 2
        rows = zip(self.middles(spread.layer), spread.values, spread.means, theme.curves, strict=False)
        for group, (y, values, mean, color) in enumerate(rows):
            centers = self.centers(spread, group)
            count = len(centers)
            circles = np.concatenate([centers, np.full((count, 1), DOT_PT * scale / 2)], axis=1)
            shades, rims = (np.tile(shade, (count, 1)) for shade in (color, theme.background))
            brush.circles(circles, shades, rims, np.full(count, 0.8 * scale))
            if np.isfinite(mean) and len(values) > 1:
                x = area.left + area.width * float(axis.shares(np.array(mean)))
                brush.line(np.array([[x, y - reach], [x, y + reach]]), MEAN_PT * scale, theme.ink)

    def dot(self, _name: str, _look: Any) -> None:
        """Nothing: dots are no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: Any, _drawing: Drawing | None) -> None:
        """Nothing moves."""

    def texts(self, _look: Any) -> tuple[str, ...]:
        return ()


def lines_of_dots(groups: int, layers: int = 0) -> float:
    """Return the height of the panel in lines of text: of the whole network, and of so many layers."""
    blocks = ROW_LINES * groups * (1 + layers) + (LAYER_LINES * (1 + layers) if layers else 0.0)
    return KEY_LINES + HEAD_LINES + blocks + AXIS_LINES


def height_of_dots(spreads: Sequence[Spread], scale: float) -> float:
    """Return the room that the panel takes, in points."""
    if not spreads:
        return 0.0
    layers = len({spread.layer for spread in spreads}) - 1
    return lines_of_dots(len(spreads[0].values), layers) * LINE_PT * scale + MARGIN_PT * scale
