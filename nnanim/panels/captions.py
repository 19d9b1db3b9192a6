"""Captions below columns and remarks beside a title: made smaller, then cut, until none meets another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from nnanim.design import theme as looks
from nnanim.design.fonts import SMALLEST, drawn_width_pt, fitted, shortened, text_width_pt
from nnanim.design.style import Style

CAPTION_ROOM = 0.94  # of the distance between two columns
NARROWER = 0.95  # captions that meet get so much less room, again and again
NARROWEST = 0.3
SMALLER = 0.97  # a text that does not fit gets so much smaller, again and again

Caption = tuple[float, str, float]  # where its middle stands, the text, its size; in points


def caption_line(
    columns: Sequence[float], texts: Sequence[str], ends: tuple[float, float], style: Style
) -> list[Caption]:
    """Write one caption below each column.

    Args:
        columns: where they stand, from left to right.
        texts: of the captions.
        ends: left and right end of the panel, which none reaches over.
        style: of the figure.

    Returns:
        For each a text that meets no other; where names must be cut, what tells them apart is kept.
    """
    placed = _apart(columns, texts, ends, style)
    if any(text != style.drawable(whole) for (_, text, _), whole in zip(placed, texts, strict=True)):
        placed = _apart(columns, [re.sub(r"^(\d+) of ", r"\1/", text) for text in texts], ends, style)  # 16/24
    return placed


def _apart(columns: Sequence[float], texts: Sequence[str], ends: tuple[float, float], style: Style) -> list[Caption]:
    apart = [right - left for left, right in pairwise(columns)]
    rooms = [CAPTION_ROOM * min(pair) for pair in zip([*apart[:1], *apart], [*apart, *apart[-1:]], strict=True)]
    placed, share = _placed(columns, texts, rooms, ends, style), 1.0
    while share > NARROWEST and _meet(placed, style):
        share *= NARROWER
        placed = _placed(columns, texts, [share * room for room in rooms], ends, style)
    return placed


def fitting(ways: Sequence[str], room_pt: float, style: Style) -> tuple[str, float]:
    """Return the first of at least one ways to say something that fits, with its size; else the last made smaller."""
    size = looks.TEXT_PT * style.scale
    for way in ways:
        if drawn_width_pt(style.drawable(way), size, style.dpi, style.families) <= room_pt:
            return way, size
    return _fitted(style.drawable(ways[-1]), size, room_pt, style)


def _placed(
    columns: Sequence[float], texts: Sequence[str], rooms: Sequence[float], ends: tuple[float, float], style: Style
) -> list[Caption]:
    size = looks.TEXT_PT * style.scale
    drawable = [style.drawable(text) for text in texts]
    shown = [_fitted(text, size, room, style) for text, room in zip(drawable, rooms, strict=True)]
    if len({text for text, _ in shown}) < len(set(drawable)):  # cut at their ends, different names look the same
        shown = [
            (text, own) if text == whole or whole[:1].isdigit() else (shortened(whole, own, room, style.families), own)
            for (text, own), whole, room in zip(shown, drawable, rooms, strict=True)
        ]
    found = []
    for x, (text, own) in zip(columns, shown, strict=True):
        half = text_width_pt(text, own, style.families) / 2
        found.append((min(max(x, ends[0] + half), ends[1] - half), text, own))
    return found


def _fitted(text: str, size_pt: float, room_pt: float, style: Style) -> tuple[str, float]:
    """Make a text fit as `fitted` does, but cut it only where no size would do: letters do not get narrower evenly."""
    shown, size = fitted(text, size_pt, room_pt, style.families)
    smaller = size
    while shown != text and smaller > SMALLEST * size_pt:
        smaller *= SMALLER
        if drawn_width_pt(text, smaller, style.dpi, style.families) <= room_pt:
            return text, smaller
    return shown, size


def _meet(placed: Sequence[Caption], style: Style) -> bool:
    halves = [drawn_width_pt(text, size, style.dpi, style.families) / 2 for _, text, size in placed]
    sides = [(x - half, x + half) for (x, _, _), half in zip(placed, halves, strict=True)]
    return any(one[1] > other[0] for one, other in pairwise(sides))
