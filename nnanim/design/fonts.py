"""The fonts of the picture: Matplotlib's bundled one, and one more where the user names it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager, rc_context, rcParamsDefault
from matplotlib.ft2font import FT2Font

from nnanim.design import theme
from nnanim.errors import OptionError

SMALLEST = 0.6  # of the size that a text should have


BOX = "\N{WHITE SQUARE}"
LONGEST_NAME = 512  # letters; no figure is wide enough for more
LONGEST_MEASURED = 2000  # letters


def load_font(path: str | None) -> tuple[str, ...]:
    """Return the font families to use, the bundled one first.

    Args:
        path: a TrueType or OpenType file for characters that the bundled font lacks, or None.

    Raises:
        OptionError: there is no such file, or it is no font.
    """
    if path is None:
        return (theme.FONT_FAMILY,)
    if not Path(path).is_file():
        raise OptionError(f"there is no font file {path!r}")
    try:
        font_manager.fontManager.addfont(path)
        family: str = font_manager.FontProperties(fname=path).get_name()
    except (RuntimeError, OSError) as error:
        raise OptionError(f"{path!r} is not a font file that can be read (TrueType or OpenType)") from error
    return (theme.FONT_FAMILY, family)


def text_width_pt(text: str, size_pt: float, families: tuple[str, ...] = (theme.FONT_FAMILY,)) -> float:
    """Measure one line of text; of one that is too long for any picture the beginning, for FreeType takes its time."""
    return (_measured if len(text) <= LONGEST_NAME else _measured.__wrapped__)(text, size_pt, families)


@lru_cache(maxsize=1024)  # the same names stand in many places, and in many sizes until they fit
def _measured(text: str, size_pt: float, families: tuple[str, ...]) -> float:
    font = font_of(families)
    font.set_size(size_pt, theme.POINTS_PER_INCH)
    font.set_text(text[:LONGEST_MEASURED], 0.0)
    width: float = font.get_width_height()[0] / 64.0  # FreeType counts in 64ths
    return width * max(len(text) / LONGEST_MEASURED, 1.0)


def drawn_width_pt(text: str, size_pt: float, dpi: float, families: tuple[str, ...]) -> float:
    """Measure one line of text as it is painted: hinted letters are as wide as whole pixels make them.

    That can be a fifth more or less than `text_width_pt` says, and does not grow evenly with the size.
    """
    font = font_of(families)
    font.set_size(size_pt, dpi)
    font.set_text(text, 0.0, flags=_painted_hinting())
    width: float = font.get_width_height()[0] / 64.0 * theme.POINTS_PER_INCH / dpi
    return width


@lru_cache(maxsize=1)
def _painted_hinting() -> Any:
    """Return the flags of the hinting that is Matplotlib's default, as the canvas has it."""
    from matplotlib.backends.backend_agg import get_hinting_flag

    with rc_context({"text.hinting": rcParamsDefault["text.hinting"]}):
        return get_hinting_flag()


def fitted(text: str, size_pt: float, room_pt: float, families: tuple[str, ...]) -> tuple[str, float]:
    """Make a line of text fit: set smaller where it is too wide, and cut where that is not enough.

    Args:
        text: the text.
        size_pt: the size it should have.
        room_pt: how wide it may be.
        families: font families.

    Returns:
        The text and its size.
    """
    text = _beginning(text, size_pt, room_pt / SMALLEST, families)
    wide = text_width_pt(text, size_pt, families)
    if wide > 0:
        size_pt *= min(1.0, max(room_pt / wide, SMALLEST))
    if len(text) <= 2 or text_width_pt(text, size_pt, families) <= room_pt:
        return text, size_pt
    fits, too_long = 1, len(text) - 1  # letters to keep, found by halving: a name can have any length
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if text_width_pt(_cut(text, middle), size_pt, families) <= room_pt:
            fits = middle
        else:
            too_long = middle
    return _cut(text, fits), size_pt


def shortened(text: str, size_pt: float, room_pt: float, families: tuple[str, ...], dpi: float | None = None) -> str:
    """Cut a name at its front, where names are most alike, so that it fits: ``…3.1.conv2``.

    Args:
        text: the name.
        size_pt: of the letters.
        room_pt: how wide it may be.
        families: font families.
        dpi: pixels per inch where the text is measured as it is painted; by default as `text_width_pt` does.
    """

    def fits_in(name: str) -> bool:
        wide = drawn_width_pt(name, size_pt, dpi, families) if dpi else text_width_pt(name, size_pt, families)
        return wide <= room_pt

    text = text if len(text) <= LONGEST_NAME else "…" + text[1 - LONGEST_NAME :]
    if fits_in(text):
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if fits_in("…" + text[-middle:]):
            fits = middle
        else:
            too_long = middle
    return "…" + text[-fits:] if fits else ""


def _cut(text: str, length: int) -> str:
    return text[:length].rstrip() + "…"


def _beginning(text: str, size_pt: float, room_pt: float, families: tuple[str, ...]) -> str:
    """Return so much of a text that the rest cannot be seen, without measuring all of it."""
    length = 64
    while length < len(text) and text_width_pt(text[:length], size_pt, families) <= room_pt:
        length *= 2
    return text[:length]


def missing_glyphs(texts: Iterable[str], families: tuple[str, ...]) -> str:
    """Return the characters that none of the fonts can draw, each once."""
    known = _characters_of(families)
    characters = dict.fromkeys(character for text in texts for character in text if not character.isspace())
    return "".join(character for character in characters if ord(character) not in known)


def drawable(text: str, missing: str) -> str:
    """Make one line that can be drawn: a box for every missing character, a space for a line break."""
    text = " ".join(text.splitlines()).replace("\t", " ")
    if not text.isprintable():
        # Halves of surrogate pairs cannot be written into a file, and controls make no picture; a thin space does.
        shown = (each if each.isprintable() or unicodedata.category(each) == "Zs" else BOX for each in text)
        text = "".join(shown)
    return text.translate(dict.fromkeys(map(ord, missing), "\N{WHITE SQUARE}"))


@lru_cache(maxsize=8)
def _paths(families: tuple[str, ...]) -> list[str]:
    return [
        font_manager.findfont(font_manager.FontProperties(family=[family]), fallback_to_default=False)
        for family in families
    ]


def font_of(families: tuple[str, ...]) -> FT2Font:
    """Return this thread's font of the families; its size is whatever it was last set to."""
    return font_manager.get_font(_paths(families))


def font_files(families: tuple[str, ...]) -> list[FT2Font]:
    """Return this thread's fonts of the families, each by itself; their size is whatever it was last set to."""
    return [font_manager.get_font(path) for path in _paths(families)]


@lru_cache(maxsize=8)
def _characters_of(families: tuple[str, ...]) -> frozenset[int]:
    return frozenset().union(*(_characters(path) for path in _paths(families)))


@lru_cache(maxsize=8)
def _characters(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())
