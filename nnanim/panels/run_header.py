"""The line above a run's panel in a picture of several: its colour, its name, and what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from nnanim.painting.drawing import Drawing
from nnanim.panels.legend import GAP_PT, SLACK

SWATCH_PT = 11.0  # side of the square in the run's colour
NAME_SIZE = 1.1  # of the name, in sizes of a text
SMALLEST = 0.6  # of these sizes; a name that is longer then is cut


@dataclass(frozen=True, eq=False)
class RunHeaderPart:
    """The line in its place.

    Attributes:
        style: of the figure.
        row: where it stands.
        name: of the run.
        color: of the run.
        name_size_pt: size of the name.
        time_pt: width of the widest text beside it.
        time_size_pt: its size.
    """

    style: Style
    row: Box
    name: str
    color: Color
    name_size_pt: float
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
        text, size = fitted(style.drawable(self.name), self.name_size_pt, room, style.families)
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

    def __init__(self, part: RunHeaderPart) -> None:
        self.part = part

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        return {}

    def look(self, frame: Frame) -> str:
        """Return what the run shows then."""
        return frame.title


def make_headers(
    names: Sequence[str], titles: Sequence[Sequence[str]], rows: Sequence[Box], style: Style
) -> list[RunHeaderPanel]:
    """Make the lines of all runs, with texts of one size: smaller ones where a line would be too long.

    Args:
        names: of the runs.
        titles: for each run all that its line says over time.
        rows: where the lines stand, all as wide.
        style: of the figure; its theme has a colour for each run.
    """

    def widest(texts: Iterable[str], size: float) -> float:
        return max(SLACK * text_width_pt(style.drawable(text), size, style.families) for text in texts)

    scale = style.scale
    name_pt, time_pt = NAME_SIZE * looks.TEXT_PT * scale, looks.TEXT_PT * scale
    room = rows[0].width - (SWATCH_PT + 3 * GAP_PT) * scale
    times = [widest(set(said), time_pt) for said in titles]
    wanted = max(widest([name], name_pt) + time for name, time in zip(names, times, strict=True))
    factor = min(max(room / wanted, SMALLEST), 1.0)
    return [
        RunHeaderPanel(RunHeaderPart(style, row, name, color, factor * name_pt, factor * time, factor * time_pt))
        for row, name, color, time in zip(rows, names, style.theme.curves, times, strict=False)
    ]
