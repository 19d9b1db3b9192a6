"""Colours, sizes and fonts of the picture, as named constants. Sizes are in points (1/72 inch)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

POINTS_PER_INCH = 72.0
FONT_FAMILY = "DejaVu Sans"  # bundled with Matplotlib, so the same on every machine
TEXT_PT = 10.5
TITLE_PT = 15.0

HAIRLINE_PT = 0.5  # width of an edge whose weight is zero
EDGE_PT = 7.0  # width of the strongest edges where there is room
NODE_RADIUS_PT = 12.0
NODE_LINE_PT = 1.0
CURVE_PT = 1.6
DOT_PT = 9.0  # diameter of the dot on the curve


@dataclass(frozen=True)
class Theme:
    """Colours as (red, green, blue) in 0 … 255."""

    background: tuple[int, int, int]
    ink: tuple[int, int, int]  # text, and the edges of the last frame
    muted: tuple[int, int, int]  # axes and small print
    unchanged: tuple[int, int, int]  # an edge that did not change
    strengthened: tuple[int, int, int]
    weakened: tuple[int, int, int]
    node: tuple[int, int, int]
    curve: tuple[int, int, int]
    dot: tuple[int, int, int]

    def edge_colors(self, intensity: np.ndarray) -> np.ndarray:
        """Colour edges by how much they changed.

        Args:
            intensity: (E,) in -1 (weakened most) … 0 (unchanged) … 1 (strengthened most).

        Returns:
            (E, 3) uint8, linear between the theme's three colours.
        """
        stops = np.array([self.weakened, self.unchanged, self.strengthened], dtype=float)
        channels = [np.interp(intensity, (-1.0, 0.0, 1.0), stops[:, channel]) for channel in range(3)]
        colors: np.ndarray = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
        return colors

    @cached_property
    def palette(self) -> np.ndarray:
        """Compute the colours of an indexed picture, (255, 3) uint8 at most, background first.

        An antialiased line shows its colour blended with what lies below, so the palette holds the ramp of edge colours
        and every other colour of the theme, each in steps towards the background.
        """
        ramp = self.edge_colors(np.linspace(-1, 1, 2 * _RAMP_STEPS + 1))
        plain = np.array([self.ink, self.muted, self.curve, self.dot, self.node], dtype=np.uint8)
        background = np.array(self.background, dtype=float)
        colors = [background[None, :]]
        for group, steps in ((ramp, _RAMP_BLENDS), (plain, _PLAIN_BLENDS)):
            shares = np.arange(1, steps + 1)[:, None, None] / steps
            colors.append((background + shares * (group.astype(float) - background)).reshape(-1, 3))
        table = np.rint(np.concatenate(colors)).astype(np.uint8)
        _, first = np.unique(table, axis=0, return_index=True)
        unique: np.ndarray = table[np.sort(first)]
        assert len(unique) <= 255, len(unique)
        return unique


_RAMP_STEPS = 10  # colours between unchanged and each end of the ramp
_RAMP_BLENDS = 9
_PLAIN_BLENDS = 12

LIGHT = Theme(
    background=(255, 255, 255),
    ink=(38, 38, 38),
    muted=(110, 110, 110),
    unchanged=(190, 190, 190),
    strengthened=(214, 20, 28),
    weakened=(24, 92, 214),
    node=(255, 255, 255),
    curve=(70, 96, 130),
    dot=(214, 20, 28),
)
