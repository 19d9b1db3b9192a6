"""Marks on the cells of matrices: a frame around the largest weight, a ring in what stands out at a moment."""

from __future__ import annotations

import numpy as np

from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.painting.brush import Brush

MARK_PT = (3.2, 1.3, 1.1)  # half of the mark's least side, its line, and the line of background on both sides
MARK_PX = (3.0, 1.2, 1.0)  # at least
RING, RING_PT = 0.36, 3.0  # radius in a cell that stands out, of its shorter side, and at least
RING_CORNERS = 33


def mark(brush: Brush, cell: Box, style: Style) -> None:
    """Frame a cell, in ink between two lines of the background, which is seen on every colour."""
    pixel = POINTS_PER_INCH / style.dpi
    least, line, beside = (
        max(length * style.scale, pixels * pixel) for length, pixels in zip(MARK_PT, MARK_PX, strict=True)
    )
    across, up = (max(length / 2, least) for length in (cell.width, cell.height))
    corners = np.array([[-across, -up], [across, -up], [across, up], [-across, up], [-across, -up]])
    corners += [cell.left + cell.width / 2, cell.bottom + cell.height / 2]
    for width, color in ((line + 2 * beside, style.theme.background), (line, style.theme.ink)):
        brush.line(corners, width, color, cap="projecting")


def ring(brush: Brush, cell: Box, style: Style) -> None:
    """Draw a ring into a cell, in ink between two lines of the background."""
    radius = max(RING * min(cell.width, cell.height), RING_PT * style.scale)
    turn = np.linspace(0, 2 * np.pi, RING_CORNERS)
    corners = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corners += [cell.left + cell.width / 2, cell.bottom + cell.height / 2]
    line = MARK_PT[1] * style.scale
    for width, color in ((2.2 * line, style.theme.background), (line, style.theme.ink)):
        brush.line(corners, width, color)
