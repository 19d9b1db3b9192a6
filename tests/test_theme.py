from __future__ import annotations

import numpy as np
import pytest

from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import Color, pick_theme
from nnanim.options import COLORS, PALETTES, THEMES

# What is left of linear RGB for eyes without one kind of cones: Machado, Oliveira, Fernandes, "A Physiologically-based
# Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009), severity 1.0.
VISION = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
# IEC 61966-2-1, relative to the white of D65
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(color: Color, vision: str) -> np.ndarray:
    """Return CIE L*a*b* of a colour as eyes of the given kind see it."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = RGB_TO_XYZ @ np.clip(VISION[vision] @ linear, 0, 1) / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: Color, other: Color, vision: str) -> float:
    """Return ΔE*ab (CIE 1976)."""
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def test_difference_of_black_and_white_is_100():
    assert difference((0, 0, 0), (255, 255, 255), "full") == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("theme", "least"), [("light", 100), ("dark", 120)])
def test_ends_of_the_safe_palette_stay_apart(theme, least, vision):
    colors = pick_theme(theme, "safe")
    assert difference(colors.strengthened, colors.weakened, vision) >= least


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", THEMES)
def test_changed_edges_differ_from_unchanged_ones_and_from_the_ground(theme, palette, vision):
    colors = pick_theme(theme, palette)
    for color in (colors.strengthened, colors.weakened, colors.positive, colors.negative):
        assert difference(color, colors.unchanged, vision) > 30
        assert difference(color, colors.background, vision) > 40


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", THEMES)
def test_gif_palette_holds_the_theme(theme, palette, color):
    colors = pick_theme(theme, palette)
    table = colors.gif_palette(COLORINGS[color].ramp(colors))
    assert len(table) <= 255
    assert len(np.unique(table, axis=0)) == len(table)
    assert tuple(table[0]) == colors.background
    there = {tuple(entry) for entry in table.tolist()}
    low, middle, high = COLORINGS[color].ramp(colors)
    assert {low, middle, high, colors.ink, colors.muted, *colors.curves, colors.dot} <= there


def test_edge_colors_meet_the_ends_and_the_middle():
    theme = pick_theme("light", "vivid")
    painted = theme.edge_colors(np.array([-1.0, 0.0, 1.0]), COLORINGS["change"].ramp(theme))
    assert [tuple(color) for color in painted.tolist()] == [theme.weakened, theme.unchanged, theme.strengthened]
    signed = theme.edge_colors(np.array([-1.0, 1.0]), COLORINGS["sign"].ramp(theme))
    assert [tuple(color) for color in signed.tolist()] == [theme.negative, theme.positive]


def test_unchanged_rings_are_darker_than_unchanged_edges():
    theme = pick_theme("light", "vivid")
    assert tuple(theme.ring_colors(np.array([0.0]), COLORINGS["change"].ramp(theme))[0]) == theme.muted
    assert sum(theme.muted) < sum(theme.unchanged)


# Chosen by eye and by simulation; whoever changes one looks at the pictures again.
ENDS = {
    ("light", "vivid"): ((24, 92, 214), (190, 190, 190), (214, 20, 28)),
    ("dark", "vivid"): ((72, 148, 255), (96, 99, 107), (255, 74, 74)),
    ("light", "safe"): ((0, 84, 200), (190, 190, 190), (213, 74, 0)),
    ("dark", "safe"): ((60, 140, 255), (96, 99, 107), (255, 130, 30)),
}


@pytest.mark.parametrize(("theme", "palette"), ENDS)
def test_red_and_blue_are_those_that_were_chosen(theme: str, palette: str) -> None:
    assert COLORINGS["change"].ramp(pick_theme(theme, palette)) == ENDS[theme, palette]
