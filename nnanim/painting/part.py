"""What the painter paints: the parts of a figure, each in its place, and what moves in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nnanim.design.style import Style
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing


class Part(Protocol):
    """A panel in its place: it can be pickled, and knows nothing of runs, files or other panels."""

    @property
    def text_places(self) -> tuple[Place, ...]:
        """Where its moving texts stand."""

    def paint_ground(self, brush: Brush) -> None:
        """Paint what stays the same in every frame."""

    def dot(self, name: str, look: Any) -> str | None:
        """Write what Graphviz shall draw of a look as a graph of this name; None where there is nothing."""

    def paint(self, brush: Brush, look: Any, drawing: Drawing | None) -> None:
        """Paint what moves, with Graphviz's drawing of it."""

    def texts(self, look: Any) -> tuple[str, ...]:
        """Return its moving texts, one for each place."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A figure without what moves.

    Attributes:
        size_px: width and height in whole pixels.
        style: of the whole figure.
        parts: its panels in their places.
    """

    size_px: tuple[int, int]
    style: Style
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Sheet:
    """What moves in one frame, no more.

    Attributes:
        index: place in the animation, from 0.
        looks: one for each part of the ground.
    """

    index: int
    looks: Sequence[Any]
