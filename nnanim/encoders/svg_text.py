"""Texts of an animated SVG, as outlines of the picture's own font: each letter once, used wherever it stands.

They look the same and fit their places with any reader's fonts, in an ``<img>`` and in programs that know no style
sheets. A text that changes is a column of all it ever says, which a mask lets be seen line by line: one thing moves,
not as many as there are texts. Chromium gives what moves outside of a mask a layer of its own, and spends twice the CPU
on it. Where nothing moves, the last text stands there by itself: some programs know neither motion nor masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from nnanim.encoders.svg_motion import PLAYS, PREFIX, STILL, Values
from nnanim.painting.glyphs import EM, Glyphs
from nnanim.painting.svg_brush import Looks, number, open_tag

LINE = 1.4  # from line to line of a text that changes, in sizes of its letters
ABOVE = 1.05  # from the upper edge of what is seen to the pen
SLACK_PX = 2  # on both sides of what is seen: some letters reach out
_ANCHORS = {"left": 0.0, "center": 0.5, "right": 1.0}  # share of a text that lies left of its place


@dataclass(frozen=True)
class TextPlace:
    """Where a text stands, in pixels.

    Attributes:
        x: of its end or middle that `anchor` says.
        y: of the pen.
        size: of the letters.
        anchor: ``"left"``, ``"center"`` or ``"right"``.
    """

    x: float
    y: float
    size: float
    anchor: str

    @classmethod
    def of(cls, fixed: Looks) -> TextPlace:
        """Take it from what is fixed in a shape."""
        place = dict(fixed)
        return cls(float(place["x"]), float(place["y"]), float(place["size"]), place["anchor"])

    @property
    def pen(self) -> tuple[str, str]:
        """The attribute that leads from units of the font to this place."""
        scale = number(self.size / EM, 6)
        return "transform", f"translate({number(self.x)} {number(self.y)}) scale({scale} -{scale})"

    @property
    def pitch(self) -> int:
        """From line to line."""
        return ceil(self.size * LINE)


class TextWriter:
    """Write texts, and collect their letters."""

    def __init__(self, families: tuple[str, ...], move: Callable[[Values], Looks]) -> None:
        """Begin without letters.

        Args:
            families: font families.
            move: returns the attribute that lets an element change so.
        """
        self._glyphs = Glyphs(families)
        self._move = move
        self._masks = 0

    def outlines(self) -> str:
        """Return the letters that were used."""
        outlines = enumerate(self._glyphs.outlines)
        return "".join(f'<path id="{PREFIX}g{place}" d="{outline}"/>' for place, outline in outlines)

    def still(self, place: TextPlace, content: str, looks: Looks) -> str:
        """Write a text that stays what it is."""
        letters, _ = self._letters(place, content)
        return f"{open_tag('g', (place.pen, *looks))}>{letters}</g>" if letters else ""

    def changing(self, place: TextPlace, contents: Sequence[str], looks: Looks) -> str:
        """Write a text that says something in each frame."""
        lines = list(dict.fromkeys(contents))
        written = [self._letters(place, line, row) for row, line in enumerate(lines)]
        wide = ceil(max(width for _, width in written) * place.size / EM) + 2 * SLACK_PX
        left = place.x - SLACK_PX - _ANCHORS[place.anchor] * (wide - 2 * SLACK_PX)
        window = (
            ("x", number(left)),
            ("y", number(place.y - round(place.size * ABOVE))),
            ("width", str(wide)),
            ("height", str(place.pitch)),
        )
        rows = [lines.index(each) * place.pitch for each in contents]
        moved = self._move({"transform": [f"translateY(-{row}px)" if row else "none" for row in rows]})
        column = (("transform", f"translate(0 -{rows[-1]})"), *moved)
        self._masks += 1
        name = f"{PREFIX}m{self._masks}"
        seen = (("mask", f"url(#{name})"), ("class", PLAYS), ("visibility", "hidden"))
        return (
            f"<defs>{open_tag('mask', (('id', name), ('maskUnits', 'userSpaceOnUse'), *window))}>"
            f"{open_tag('g', column)}>{open_tag('g', (place.pen, ('fill', '#fff')))}>"
            f"{''.join(letters for letters, _ in written)}</g></g></mask></defs>\n"
            f"{open_tag('rect', (*window, *looks, *seen))}/>\n"
            f"{self.still(place, contents[-1], (*looks, ('class', STILL)))}"
        )

    def _letters(self, place: TextPlace, content: str, row: int = 0) -> tuple[str, float]:
        """Return the letters of a line, so many rows below the first, and its width in units."""
        placed, width = self._glyphs.lay(content)
        begin = -_ANCHORS[place.anchor] * width
        down = (("y", number(-row * place.pitch * EM / place.size, 1)),) if row else ()
        letters = (
            open_tag("use", (("href", f"#{PREFIX}g{glyph}"), ("x", str(round(begin + pen))), *down)) + "/>"
            for glyph, pen in placed
        )
        return "".join(letters), width
