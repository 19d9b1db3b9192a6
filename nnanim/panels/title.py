"""The line above all panels: the name that the user gave the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnanim.design import theme as looks
from nnanim.design.fonts import fitted
from nnanim.design.layout import MARGIN_PT, TITLE_HEIGHT_PT
from nnanim.design.style import Style
from nnanim.frames.frame import Frame
from nnanim.frames.history import Place as RunPlace
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing


@dataclass(frozen=True, eq=False)
class TitlePart:
    """The line in its place.

    Attributes:
        style: of the figure.
        text: what it says.
        size_pt: of the figure, width and height.
    """

    style: Style
    text: str
    size_pt: tuple[float, float]

    @property
    def text_places(self) -> tuple[Place, ...]:
        return ()

    def paint_ground(self, brush: Brush) -> None:
        """Write it in the middle, smaller or cut where it is too wide."""
        style, (width, height) = self.style, self.size_pt
        margin = MARGIN_PT * style.scale
        text, size = fitted(style.drawable(self.text), looks.TITLE_PT * style.scale, width - 2 * margin, style.families)
        brush.text(Place(width / 2, height - margin, size, style.theme.ink, "center", "top"), text)

    def dot(self, _name: str, _look: Any) -> None:
        """Nothing: a text is no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: Any, _drawing: Drawing | None) -> None:
        """Nothing moves."""

    def texts(self, _look: Any) -> tuple[str, ...]:
        return ()


class TitlePanel:
    """The line above all panels."""

    def __init__(self, text: str, style: Style, size_pt: tuple[float, float]) -> None:
        self.part: TitlePart = TitlePart(style, text, size_pt)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        return {}

    def look(self, _frame: Frame) -> None:
        return


def height_of_title(title: str, scale: float) -> float:
    """Return the room that a title takes, in points."""
    return TITLE_HEIGHT_PT * scale if title else 0.0
