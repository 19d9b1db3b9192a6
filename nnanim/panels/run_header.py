"""The line above a run's panel in a picture of several: its colour, its name, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnanim.design import theme as looks
from nnanim.design.fonts import fitted, text_width_pt
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.theme import Color
from nnanim.frames.frame import Frame
from nnanim.frames.history import Place as RunPlace
from nnanim.painting.brush import Brush, Place
from nnanim.painting.xdot import Drawing
from nnanim.panels.legend import GAP_PT, SLACK

SWATCH_PT = 11.0  # side of the square in the run's colour
LEAST_ROOM = 0.3  # of the width for the name


@dataclass(frozen=True, eq=False)
class RunHeaderPart:
    """The line in its place.

    Attributes:
        style: of the figure.
        row: where it stands.
        name: of the run.
        color: of the run.
        time_pt: width of the widest text beside it.
        time_size_pt: its size.
    """

    style: Style
    row: Box
    name: str
    color: Color
    time_pt: float
    time_size_pt: float

    @property
    def text_places(self) -> tuple[Place, ...]:
        y = self.row.bottom + self.row.height / 2
        return (Place(self.row.right, y, self.time_size_pt, self.style.theme.muted, "right", "center"),)

    def paint_ground(self, brush: Brush) -> None:
        """Paint the colour and the name."""
        style, row, scale = self.style, self.row, self.style.scale
        side, middle = SWATCH_PT * scale, row.bottom + row.height / 2
        brush.area(Box(row.left, middle - side / 2, side, side), self.color)
        left = row.left + side + GAP_PT * scale
        room = row.right - self.time_pt - 2 * GAP_PT * scale - left
        text, size = fitted(style.drawable(self.name), looks.TEXT_PT * 1.1 * scale, room, style.families)
        brush.text(Place(left, middle, size, style.theme.ink, va="center"), text)

    def dot(self, _name: str, _look: str) -> None:
        """Nothing: a text is no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: str, _drawing: Drawing | None) -> None:
        """Nothing moves but the text."""

    def texts(self, look: str) -> tuple[str, ...]:
        return (self.style.drawable(look),)


class RunHeaderPanel:
    """The line above a run's panel."""

    def __init__(self, name: str, color: Color, titles: Sequence[str], row: Box, style: Style) -> None:
        """Choose places.

        Args:
            name: of the run.
            color: of the run.
            titles: all that it says over time.
            row: where it stands.
            style: of the figure.
        """
        size = looks.TEXT_PT * style.scale
        widest = max(text_width_pt(style.drawable(title), size, style.families) for title in dict.fromkeys(titles))
        room = (1 - LEAST_ROOM) * row.width - SWATCH_PT * style.scale
        factor = min(room / (SLACK * widest), 1.0)
        self.part = RunHeaderPart(style, row, name, color, SLACK * factor * widest, factor * size)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        return {}

    def look(self, frame: Frame) -> str:
        """Return what the run shows then."""
        return frame.title
