"""What all views of the player's page share: shapes of screens, tables of colours, and texts that fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnanim.design.coloring import Coloring
from nnanim.design.fonts import load_font, missing_glyphs, shortened, text_width_pt
from nnanim.design.scales import IntensityScale
from nnanim.design.theme import pick_theme
from nnanim.options import Options

LEVELS = 128  # looks between 0 and saturation; the eye tells fewer apart
# Width and height in points, scale of the theme's sizes: the narrow one for phones and columns.
VIEWS = {"wide": (640.0, 430.0, 1.0), "narrow": (360.0, 400.0, 0.85)}


def color_tables(name: str, coloring: Coloring, options: Options, scale: IntensityScale) -> dict[str, Any]:
    """Return the colours for shares of the domain from -1 to 1, as hexadecimal digits without a break."""
    colors = pick_theme(name, options.palette)
    shares = scale.of_share(np.linspace(-1, 1, 2 * LEVELS + 1))
    ramp = coloring.ramp(colors)
    tables = {"edge": colors.edge_colors(shares, ramp), "ring": colors.ring_colors(shares, ramp)}
    return {which: table.tobytes().hex() for which, table in tables.items()}


def cut(text: str, size: float, room: float) -> str:
    """Leave out the end of a text that is wider than there is room, in points."""
    if width_pt(text, size) <= room:
        return text
    fits, too_many = 0, len(text)  # letters; a name may have a hundred thousand
    while too_many - fits > 1:
        count = (fits + too_many) // 2
        fits, too_many = (count, too_many) if width_pt(text[:count] + "…", size) <= room else (fits, count)
    return text[:fits] + "…"


def cut_front(text: str, size: float, room: float) -> str:
    """Leave out the beginning of a name that is wider than there is room, in points."""
    line, measured = " ".join(text.split()), _measurable(text)
    kept = shortened(measured, size, room, load_font(None))
    return line if kept == measured else kept[:1] + line[len(line) + 1 - len(kept) :] if kept else ""


def width_pt(text: str, size: float) -> float:
    """Measure a text in points."""
    return text_width_pt(_measurable(text), size)


def _measurable(text: str) -> str:
    # The page has the reader's fonts; what the bundled one lacks (Chinese, Japanese) is about as wide as a W.
    line = " ".join(text.split())
    missing = missing_glyphs([line], load_font(None))
    return line.translate(dict.fromkeys(map(ord, missing), "W"))
