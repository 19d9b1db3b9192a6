"""Colours, sizes and fonts of the picture, as named constants.

Sizes are in points (1/72 inch) for a figure of the reference size; `nnanim.design.layout` scales them with the figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

POINTS_PER_INCH = 72.0
FONT_FAMILY = "DejaVu Sans"  # bundled with Matplotlib, so the same on every machine
TEXT_PT = 12.5
TITLE_PT = 18.0

HAIRLINE_PT = 0.5  # width of an edge whose weight is zero
HAIRLINE_EDGES = 200  # beyond so many edges hairlines get thinner, or they would make a grey sheet
EDGE_PT = 7.0  # width of the strongest edges where there is room
NODE_RADIUS_PT = 12.0
RING_PT = (0.8, 4.5)  # outline of a node, for no bias and for the strongest
CURVE_PT = 1.8
DOT_PT = 10.0  # diameter of the dot on the curve

Color = tuple[int, int, int]
Ramp = tuple[Color, Color, Color]  # of -1, 0 and 1


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours as (red, green, blue) in 0 … 255."""

    background: Color
    ink: Color  # text, and the edges of the last frame
    muted: Color  # axes and small print
    unchanged: Color  # an edge that did not change, or whose weight is zero
    unmoved: Color  # a tensor that has not moved at all
    moved: Color  # the tensor that has moved farthest
    strengthened: Color
    weakened: Color
    positive: Color
    negative: Color
    node: Color
    curves: tuple[Color, ...]  # of the left and of the right axis, or of the runs that are compared
    dot: Color

    @property
    def faint(self) -> Color:
        """The ground of what belongs together or is still empty: a trace of ink."""
        red, green, blue = (
            round(_TRACE * one + (1 - _TRACE) * other) for one, other in zip(self.ink, self.background, strict=True)
        )
        return red, green, blue

    def edge_colors(self, intensity: np.ndarray, ramp: Ramp) -> np.ndarray:
        """Colour edges.

        Args:
            intensity: (E,) in -1 … 0 … 1.
            ramp: colours of -1, 0 and 1.

        Returns:
            (E, 3) uint8, linear between the ramp's three colours.
        """
        return _interpolate(intensity, ramp)

    def ring_colors(self, intensity: np.ndarray, ramp: Ramp) -> np.ndarray:
        """Colour outlines of nodes as `edge_colors` does, but so that an unchanged node still stands out."""
        return _interpolate(intensity, (ramp[0], self.muted, ramp[2]))

    def paler(self, color: np.ndarray) -> np.ndarray:
        """Mix colours (N, 3) uint8 with the background, so that others stand out."""
        mixed = np.asarray(self.background) + PALE * (color.astype(float) - self.background)
        faint: np.ndarray = np.rint(mixed).astype(np.uint8)
        return faint

    def gif_palette(self, ramp: Ramp, more: np.ndarray | None = None) -> np.ndarray:
        """Choose the colours of an indexed picture, (C, 3) uint8, background first, C <= 255.

        An antialiased line shows its colour blended with what lies below: the background, or another line. The palette
        begins with the theme's own colours and takes in, one after the other, the blend that is farthest from all that
        it has.

        Args:
            ramp: colours of -1, 0 and 1.
            more: (M, 3) uint8, colours of areas that are to be shown as they are.
        """
        edges = self.edge_colors(np.linspace(-1, 1, 2 * _RAMP_STEPS + 1), ramp).astype(float)
        rings = self.ring_colors(np.linspace(-1, 1, 2 * _RAMP_STEPS + 1), ramp).astype(float)
        background = np.array([self.background], dtype=float)
        plain = np.array([self.ink, self.muted, *self.curves, self.dot, self.node], dtype=float)
        crossing = np.concatenate([edges[::_CROSSING_EACH], plain[:2]])
        blends = np.concatenate(
            [
                _blends(np.concatenate([edges, rings, plain]), background, _BACKGROUND_STEPS),
                _blends(crossing, crossing, _CROSSING_STEPS),
            ]
        )
        wanted = [background, plain, edges] if more is None else [background, plain, edges, more.astype(float)]
        palette = list(_distinct(np.concatenate(wanted)).astype(np.float32))
        candidates = blends.astype(np.float32)
        squares = (candidates**2).sum(axis=1)

        def distances_to(color: np.ndarray) -> np.ndarray:
            # |b - c|^2 as |b|^2 - 2bc + |c|^2: whole numbers below 2^24, so exact in float32.
            return np.asarray(squares - candidates @ (2 * color) + color @ color)

        distances = np.min([distances_to(color) for color in palette], axis=0)
        while len(palette) < GIF_COLORS and distances.max() > 0:
            palette.append(candidates[distances.argmax()])
            np.minimum(distances, distances_to(palette[-1]), out=distances)
        return np.array(palette, dtype=np.uint8)


def _blends(some: np.ndarray, others: np.ndarray, steps: int) -> np.ndarray:
    """Mix every colour (N, 3) with every other (M, 3) in the given number of steps, rounded to whole numbers."""
    shares = np.arange(1, steps)[:, None, None, None] / steps
    blends: np.ndarray = np.rint(some[:, None] + shares * (others - some[:, None])).reshape(-1, 3)
    return blends


def _distinct(colors: np.ndarray) -> np.ndarray:
    """Return each colour once, in the order in which they come first."""
    _, first = np.unique(colors, axis=0, return_index=True)
    distinct: np.ndarray = colors[np.sort(first)]
    return distinct


def _interpolate(intensity: np.ndarray, stops: Ramp) -> np.ndarray:
    table = np.array(stops, dtype=float)
    channels = [np.interp(intensity, (-1.0, 0.0, 1.0), table[:, channel]) for channel in range(3)]
    colors: np.ndarray = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


GIF_COLORS = 255
PALE = 0.25  # of a colour, the rest is background; one of the steps between both that a palette has
_RAMP_STEPS = 16  # colours between unchanged and each end of the ramp
_TRACE = 0.05  # of ink in what is faint
_BACKGROUND_STEPS = 16  # from a colour to the background
_CROSSING_EACH = 4  # of the ramp's colours, each fourth also blends with each fourth
_CROSSING_STEPS = 6

_LIGHT = Theme(
    background=(255, 255, 255),
    ink=(38, 38, 38),
    muted=(105, 105, 105),
    unchanged=(190, 190, 190),
    unmoved=(226, 226, 226),
    moved=(62, 22, 104),
    strengthened=(214, 20, 28),
    weakened=(24, 92, 214),
    positive=(8, 119, 189),  # blue and orange as in TensorFlow Playground
    negative=(240, 130, 20),
    node=(255, 255, 255),
    curves=((62, 88, 124), (150, 105, 30)),
    dot=(214, 20, 28),
)
_DARK = Theme(
    background=(22, 24, 29),
    ink=(236, 236, 236),
    muted=(165, 168, 175),
    unchanged=(96, 99, 107),
    unmoved=(52, 54, 61),
    moved=(214, 184, 255),
    strengthened=(255, 74, 74),
    weakened=(72, 148, 255),
    positive=(60, 165, 235),
    negative=(250, 150, 50),
    node=(22, 24, 29),
    curves=((150, 180, 220), (225, 180, 95)),
    dot=(255, 74, 74),
)
# Red leans to orange and blue loses its violet, which keeps them apart for eyes without red or green cones.
_THEMES = {
    ("light", "vivid"): _LIGHT,
    ("dark", "vivid"): _DARK,
    ("light", "safe"): replace(_LIGHT, strengthened=(213, 74, 0), weakened=(0, 84, 200), dot=(213, 74, 0)),
    ("dark", "safe"): replace(_DARK, strengthened=(255, 130, 30), weakened=(60, 140, 255), dot=(255, 130, 30)),
}


# Okabe & Ito 2008 ("Color Universal Design"), which colour-blind eyes tell apart; first those that are neither the red
# nor the blue of changes. A grey in place of yellow, which is not seen on white, and in place of black on dark.
_RUNS: tuple[Color, ...] = (
    (0, 158, 115),
    (230, 159, 0),
    (204, 121, 167),
    (86, 180, 233),
    (0, 0, 0),
    (213, 94, 0),
    (0, 114, 178),
    (150, 150, 150),
)
_RUNS_ON_DARK: tuple[Color, ...] = (*_RUNS[:4], (240, 228, 66), *_RUNS[5:])
MOST_RUNS = len(_RUNS)


def theme_of_runs(theme: str, palette: str) -> Theme:
    """Return a theme whose curves have a colour for each of at most `MOST_RUNS` runs."""
    return replace(_THEMES[theme, palette], curves=_RUNS if theme == "light" else _RUNS_ON_DARK)


def pick_theme(theme: str, palette: str) -> Theme:
    """Return the theme ``"light"`` or ``"dark"`` in the palette ``"vivid"`` or ``"safe"``."""
    return _THEMES[theme, palette]
