"""The line that says what happened at a moment, in numbers, while the animation slows there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnanim.design import theme as looks
from nnanim.design.fonts import fitted
from nnanim.design.layout import LINE_PT, MARGIN_PT, STACKED_BELOW
from nnanim.design.style import Style
from nnanim.frames.frame import Frame
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.moments import StandOut
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing

GAP = 0.3  # below it, in lines of text


@dataclass(frozen=True, eq=False)
class MomentPart:
    """The line in its place.

    Attributes:
        style: of the figure.
        places: where it stands, in one line or two, as large as the longest fits.
    """

    style: Style
    places: tuple[Place, ...]

    @property
    def text_places(self) -> tuple[Place, ...]:
        return self.places

    def paint_ground(self, _brush: Brush) -> None:
        """Nothing: it is there at moments only."""

    def dot(self, _name: str, _look: tuple[str, ...]) -> None:
        """Nothing: a text is no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: tuple[str, ...], _drawing: Drawing | None) -> None:
        """Nothing but the text moves."""

    def texts(self, look: tuple[str, ...]) -> tuple[str, ...]:
        return look


class MomentPanel:
    """The line above the panels, in two lines where the figure is narrow."""

    def __init__(
        self, moments: Sequence[StandOut], style: Style, options: Options, top_pt: float, width_pt: float
    ) -> None:
        """Choose the size in which the longest line fits.

        Args:
            moments: of the run.
            style: of the figure.
            options: the user's choices.
            top_pt: of the row.
            width_pt: of the figure.
        """
        margin, size = MARGIN_PT * style.scale, looks.TEXT_PT * style.scale
        self._count = _lines(options)
        self._texts: dict[int, tuple[str, ...]] = {}
        smallest = size
        for moment in moments:
            shown = []
            for line in _split(moment.says, self._count):
                text, text_pt = fitted(style.drawable(line), size, width_pt - 2 * margin, style.families)
                shown.append(text)
                smallest = min(smallest, text_pt)
            self._texts[moment.snapshot] = tuple(shown)
        pitch = LINE_PT * style.scale
        ink = style.theme.ink
        places = tuple(Place(margin, top_pt - line * pitch, smallest, ink, va="top") for line in range(self._count))
        self.part: MomentPart = MomentPart(style, places)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        return {}

    def look(self, frame: Frame) -> tuple[str, ...]:
        return ("",) * self._count if frame.moment is None else self._texts[frame.moment.snapshot]


def height_of_moments(options: Options, scale: float) -> float:
    """Return the room that the line takes, in points."""
    return (_lines(options) + GAP) * LINE_PT * scale if options.moments else 0.0


def _lines(options: Options) -> int:
    width, height = options.figsize
    return 2 if width < STACKED_BELOW * height else 1


def _split(says: str, lines: int) -> tuple[str, ...]:
    """Break a text behind its first part, where there are two and room for it."""
    if lines == 1:
        return (says,)
    before, comma, rest = says.partition(", ")
    return (before + comma.rstrip(), rest)
