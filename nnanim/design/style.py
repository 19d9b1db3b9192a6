"""What all panels of a figure share: colours, fonts, sizes."""

from __future__ import annotations

from dataclasses import dataclass

from nnanim.design.fonts import drawable, drawn_width_pt, text_width_pt
from nnanim.design.theme import TEXT_PT, Theme


@dataclass(frozen=True)
class Style:
    """Colours, fonts and sizes of a figure.

    Attributes:
        theme: colours.
        families: font families, the bundled one first.
        missing: characters that none of them can draw; a box stands in their place.
        scale: factor for all sizes of the theme.
        dpi: pixels per inch.
    """

    theme: Theme
    families: tuple[str, ...]
    missing: str
    scale: float
    dpi: float

    def drawable(self, text: str) -> str:
        """Make one line that can be drawn."""
        return drawable(text, self.missing)

    def wide(self, text: str, factor: float = 1.0) -> float:
        """Measure a text of the usual size times a factor, in points of a figure of the reference size."""
        return text_width_pt(text, TEXT_PT * factor, self.families)

    def widest(self, text: str, factor: float = 1.0) -> float:
        """Measure a text as it is drawn too, where hinted letters may be wider; in points as `wide` has them."""
        size = TEXT_PT * factor * self.scale
        return max(self.wide(text, factor), drawn_width_pt(text, size, self.dpi, self.families) / self.scale)
