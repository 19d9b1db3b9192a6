"""What stands beside and below rows: names of blocks and weights, snapshots, and the room that numbers take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fonts import shortened, text_width_pt
from nnanim.design.style import Style
from nnanim.frames.history import History
from nnanim.model.weight_rows import Row
from nnanim.panels.layers_legend import wide_pt

COLUMN_GAP_PT = 7.0
LESS = 0.97  # a size that does not fit gets so much smaller, again and again
ROUNDING_PT = 1e-6  # of sums that come out as wide as the room
SMALLEST_LABEL = 0.6  # of the text's size; what is still too long is cut at its front


def widest(usual: str, text: Callable[[float], str], numbers: np.ndarray, size_pt: float, style: Style) -> float:
    """Return the room that numbers take, that of the usual ones at least."""
    known = numbers[np.isfinite(numbers) & (numbers > 0)]
    texts = [text(float(end)) for end in (known.min(), known.max())] if known.size else []
    return max(text_width_pt(usual, size_pt, style.families), *(wide_pt(each, size_pt, style) for each in texts), 0.0)


def labels(
    rows: Sequence[Row], groups: Sequence[Sequence[int]] | None, size_pt: float, room_pt: float, style: Style
) -> tuple[list[tuple[str, str]], float, float]:
    """Return the texts before each row (the block where it begins, the name), their size, and the width they take."""
    texts: list[tuple[str, str]] = []
    before = ""
    for index, row in enumerate(rows):
        count = 1 if groups is None else len(groups[index])
        block, name = row.block, f"{row.name} {row.part or ''}".strip()
        if count > 1:
            block, name = row.block or row.title, f"{count} tensors"
        texts.append((block if block != before or count > 1 else "", name))
        before = block if count == 1 else ""
    gap = COLUMN_GAP_PT * style.scale

    def room_taken() -> float:
        return max(sum(wide_pt(text, size_pt, style) for text in pair) + (gap if pair[0] else 0.0) for pair in texts)

    least = min(size_pt, SMALLEST_LABEL * looks.TEXT_PT * style.scale)
    while size_pt > least and room_taken() > room_pt:
        size_pt = max(LESS * size_pt, least)  # step by step: letters do not get narrower evenly
    room_pt = min(room_taken(), room_pt)

    def cut(text: str, room_pt: float) -> str:
        return shortened(style.drawable(text), size_pt, room_pt + ROUNDING_PT, style.families, style.dpi)

    def cut_block(block: str, room_pt: float) -> str:
        for short in (lambda name: name, initials, lambda name: initials(name, whole=0)):
            shown = cut(short(block), room_pt)
            if sum(cut(short(other), room_pt) == shown for other in blocks) == 1:
                break  # cut at their fronts, several may look the same
        return shown

    blocks = {block for block, _ in texts if block}
    shown = []
    for block, name in texts:  # a block stands in its first row alone, so only there it takes room from a name
        for_block = max(room_pt - wide_pt(name, size_pt, style) - gap, 0.3 * room_pt)
        block = cut_block(block, for_block) if block else ""
        left = room_pt - wide_pt(block, size_pt, style) - gap if block else room_pt
        shown.append((block, cut(name, left)))
    return shown, size_pt, room_pt


def initials(block: str, whole: int = 1) -> str:
    """Return a block's name with the first letters of its modules, and so many of the last whole: ``e.b.0.layer.0``."""
    modules = block.split(".")
    words = [place for place, each in enumerate(modules) if not each.isdigit()]
    short = words[: len(words) - whole]
    return ".".join(each[:1] if place in short else each for place, each in enumerate(modules))


def ticks(history: History, room_pt: float, size_pt: float, style: Style) -> list[tuple[float, str]]:
    """Return the snapshots that are named below the strips: first, last, and some between where there is room."""
    count = len(history)
    widest = max(text_width_pt(style.drawable(title), size_pt, style.families) for title in history.titles)
    fit = max(int(room_pt / (1.6 * widest)), 1)
    places = sorted({round(place) for place in np.linspace(0, count - 1, min(fit, count))} | {count - 1})
    if len(places) > 1 and room_pt < 1.2 * widest * len(places):
        places = [count - 1]
    return [((place + 0.5) / count, history.titles[place]) for place in places]
