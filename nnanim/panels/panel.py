"""What every panel is: it says what a moment means in a frame, and makes a look of it for its part of the figure.

A panel knows its own history and scales, and nothing of files or of other panels. Its part, which stands in a place and
paints, can be pickled and sent to another process; the panel stays.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from nnanim.frames.frame import Frame
from nnanim.frames.history import Place
from nnanim.painting.part import Part


class Panel(Protocol):
    """A panel of the figure."""

    @property
    def part(self) -> Part:
        """What paints it."""

    def meaning(self, place: Place, *, in_ink: bool) -> dict[str, Any]:
        """Return the fields of the `Frame` that it shows, by name.

        Args:
            place: in the run.
            in_ink: whether it is the end, in neutral ink where the colouring has it so.
        """

    def look(self, frame: Frame) -> Any:
        """Return what its part paints of a frame; it can be pickled."""


class ViewPanel(Panel, Protocol):
    """The panel of a network, however it is shown."""

    @property
    def colors(self) -> np.ndarray | None:
        """The colours of its areas, (C, 3) uint8, where these are not the theme's ramp."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told."""
