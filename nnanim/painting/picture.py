"""One frame as Graphviz drew it; its pixels are made when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nnanim.painting.part import Sheet

if TYPE_CHECKING:
    from nnanim.painting.canvas import Drawings
    from nnanim.painting.painter import Painter


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame.

    Attributes:
        painter: who can paint it.
        drawings: what Graphviz drew of each part.
        sheet: what moves.
    """

    painter: Painter
    drawings: Drawings
    sheet: Sheet

    @cached_property
    def image(self) -> np.ndarray:
        """Its pixels, (H, W, 3) uint8."""
        return self.painter.canvas.paint(self.drawings, self.sheet)
