"""Letters as outlines, for pictures that must look the same with any reader's fonts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import ft2font
from matplotlib.ft2font import FT2Font

from nnanim.design.fonts import font_files, font_of
from nnanim.design.theme import POINTS_PER_INCH

EM = 2048  # units to the size of the letters, as most fonts count
_MOVE, _LINE, _QUADRATIC, _CUBIC = 1, 2, 3, 4  # codes of `matplotlib.path.Path`
_POINTS = {_MOVE: 1, _LINE: 1, _QUADRATIC: 2, _CUBIC: 3}
_LETTERS = {_LINE: "l", _QUADRATIC: "q", _CUBIC: "c"}
# Matplotlib 3.10 has put FreeType's numbers into enumerations and warns of plain ones.
_NO_HINTING: Any = ft2font.LoadFlags.NO_HINTING if hasattr(ft2font, "LoadFlags") else 2
_KERNING: Any = ft2font.Kerning.DEFAULT if hasattr(ft2font, "Kerning") else 0


@dataclass(frozen=True)
class Glyph:
    """A letter of a font.

    Attributes:
        outline: as path data of SVG, in whole units, y up; empty for a space.
        advance: how far the pen moves, in units.
    """

    outline: str
    advance: float


@dataclass
class Glyphs:
    """All letters of a picture, numbered as they come first.

    Attributes:
        families: font families, the first that has a character draws it.
        outlines: of the letters that are not empty.
    """

    families: tuple[str, ...]
    outlines: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def lay(self, text: str) -> tuple[list[tuple[int, int]], float]:
        """Put the letters of one line side by side.

        Returns:
            The number and the place of each letter that can be seen, and the width of the line; in units.
        """
        placed: list[tuple[int, int]] = []
        pen, before = 0.0, ""
        for character in text:
            pen += _kerning(self.families, before, character)
            glyph = _glyph(self.families, character)
            if glyph.outline:
                placed.append((self._number(glyph.outline), round(pen)))
            pen += glyph.advance
            before = character
        return placed, pen

    def _number(self, outline: str) -> int:
        if outline not in self._numbers:
            self._numbers[outline] = len(self.outlines)
            self.outlines.append(outline)
        return self._numbers[outline]


@lru_cache(maxsize=64)
def line_height_px(families: tuple[str, ...], size_pt: float, dpi: float) -> tuple[float, float]:
    """Return height and descent of a line, the same whatever letters are in it, as Matplotlib measures them."""
    font = font_of(families)
    font.set_size(size_pt, dpi)
    font.set_text("lp", 0.0)
    return font.get_width_height()[1] / 64.0, font.get_descent() / 64.0


@lru_cache(maxsize=4096)
def _glyph(families: tuple[str, ...], character: str) -> Glyph:
    font, code = _font_with(families, character)
    font.set_size(EM, POINTS_PER_INCH)
    loaded = font.load_char(code, flags=_NO_HINTING)
    points, codes = font.get_path()
    return Glyph(_path_data(np.asarray(points), [int(each) for each in codes]), loaded.linearHoriAdvance / 65536.0)


@lru_cache(maxsize=4096)
def _kerning(families: tuple[str, ...], before: str, character: str) -> float:
    if not before:
        return 0.0
    (font, left), (other, right) = _font_with(families, before), _font_with(families, character)
    if font is not other:
        return 0.0
    font.set_size(EM, POINTS_PER_INCH)
    return font.get_kerning(font.get_char_index(left), font.get_char_index(right), _KERNING) / 64.0


def _font_with(families: tuple[str, ...], character: str) -> tuple[FT2Font, int]:
    fonts = font_files(families)
    code = ord(character)
    return next((font for font in fonts if font.get_char_index(code)), fonts[0]), code


def _path_data(points: np.ndarray, codes: Sequence[int]) -> str:
    """Write an outline with steps from point to point, so that it is the same text wherever it begins."""
    whole = np.rint(points).astype(int).tolist()
    parts: list[str] = []
    x = y = place = 0
    while place < len(codes):
        code = codes[place]
        if code not in _POINTS:  # the end of a closed curve
            parts.append("z")
            place += 1
            continue
        ends = whole[place : place + _POINTS[code]]
        place += _POINTS[code]
        if code == _MOVE:
            # Behind "z" the pen is where that curve began, so a step from there would need its memory.
            parts.append(_joined("M", [each for end in ends for each in end]))
        else:
            steps = [each for end_x, end_y in ends for each in (end_x - x, end_y - y)]
            if code == _LINE and 0 in steps:
                letter, step = ("h", steps[0]) if steps[1] == 0 else ("v", steps[1])
                parts.append(f"{letter}{step}" if step else "")
            else:
                parts.append(_joined(_LETTERS[code], steps))
        x, y = ends[-1]
    return "".join(parts)


def _joined(letter: str, numbers: Sequence[int]) -> str:
    text = "".join(str(each) if each < 0 else f" {each}" for each in numbers)
    return letter + text.removeprefix(" ")
