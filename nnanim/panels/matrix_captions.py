"""Names and shapes above matrices, cut so that they fit and still tell the matrices apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite, prod

from nnanim.design import theme as looks
from nnanim.design.fonts import shortened
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.wording import thousands
from nnanim.frames.cells import Matrix
from nnanim.frames.matrix_choice import TABLES
from nnanim.model.weight_rows import Row
from nnanim.painting.brush import Place
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.legend import SMALL_PRINT
from nnanim.panels.matrix_places import Plan

BELOW_CAPTION = 0.62  # of a line, between a caption and its matrix: a mark may reach into it
SMALLER = 0.78  # of the small print, where the usual size does not fit
LONGEST_CUT = 100  # letters of a name that is cut in its middle
RADIUS_TEXTS = (("spectral radius {}", 1.0), ("spectral radius {}", SMALLER), ("ρ {}", 1.0))  # with their size
WIDEST_RADIUS = "0.0057"


def captions_of(
    plans: Sequence[Plan], rooms: Sequence[Box], style: Style
) -> tuple[list[tuple[str, str]], list[tuple[Place, Place]]]:
    """Return name and shape above each matrix, cut to the width of its room, and where they stand."""
    theme, small = style.theme, looks.TEXT_PT * SMALL_PRINT * style.scale
    line = 1.15 * small
    names = _names([style.drawable(_name(plan.matrix.row)) for plan in plans], small, rooms[0].width, style)
    texts, places = [], []
    for plan, room, (name, name_share) in zip(plans, rooms, names, strict=True):
        base = room.top + BELOW_CAPTION * small + (line if plan.matrix.is_hidden else 0.0)
        fits = [(text, size) for text, size in _shapes(plan.matrix) if wide_pt(text, size * small, style) <= room.width]
        shape, size = fits[0] if fits else ("", 1.0)
        texts.append((name, shape))
        places.append(
            (
                Place(room.left, base + line, name_share * small, theme.ink),
                Place(room.left, base, size * small, theme.muted),
            ),
        )
    return texts, places


def radius_captions(matrices: Sequence[Matrix], rooms: Sequence[Box], style: Style) -> tuple[str, tuple[Place, ...]]:
    """Return how spectral radii are written, with room for the number, and where: above each hidden matrix."""
    small = looks.TEXT_PT * SMALL_PRINT * style.scale
    ways = [
        (text, share)
        for text, share in RADIUS_TEXTS
        if wide_pt(text.format(WIDEST_RADIUS), share * small, style) <= rooms[0].width
    ]
    words, share = (ways or [RADIUS_TEXTS[-1]])[0]
    return words, tuple(
        Place(room.left, room.top + BELOW_CAPTION * small, share * small, style.theme.ink)
        for room, matrix in zip(rooms, matrices, strict=True)
        if matrix.is_hidden
    )


def radius_text(words: str, radius: float) -> str:
    """Write a spectral radius; a dash where none is known."""
    return words.format(f"{radius:.3g}" if isfinite(radius) else "–")


def _name(row: Row) -> str:
    return row.title.removesuffix(f" ({row.part})") if row.part else row.title


def _names(names: Sequence[str], size_pt: float, room_pt: float, style: Style) -> list[tuple[str, float]]:
    """Cut names so that they fit, with their size: at the front, and where different names would then be the same, so
    that what tells them apart stays.
    """

    def cut(name: str, share: float = 1.0) -> str:
        return shortened(name, share * size_pt, room_pt, style.families, style.dpi)

    shown = {name: cut(name) for name in names}
    alike = Counter(shown.values())
    unclear = [name for name, short in shown.items() if alike[short] > 1]
    inside = [_cut_inside(name, size_pt, room_pt, style) for name in unclear]
    ways = [(inside, 1.0)] + [
        ([cut(_initials(name, last), share) for name in unclear], share)
        for last, share in ((None, 1.0), (None, SMALLER), (4, SMALLER))
    ]
    best, share = next((way for way in ways if len(set(way[0])) == len(unclear)), ways[0])
    told = {name: (short, 1.0) for name, short in shown.items()}
    told |= {name: (short, share) for name, short in zip(unclear, best, strict=True)}
    return [told[name] for name in names]


def _initials(name: str, last: int | None) -> str:
    """Return a name with the first letters of its modules, numbers as they are: ``b.0.a.q_proj``."""
    *modules, own = name.split(".")
    return ".".join([*(each if each.isdigit() else each[:1] for each in modules), own[:last]])


def _cut_inside(name: str, size_pt: float, room_pt: float, style: Style) -> str:
    for keep in range(min(len(name), LONGEST_CUT) - 1, 1, -1):
        text = name[: (keep + 1) // 2] + "…" + name[len(name) - keep // 2 :]
        if wide_pt(text, size_pt, style) <= room_pt:
            return text
    return ""


def _shapes(matrix: Matrix) -> list[tuple[str, float]]:
    """Return ways to write part and shape with their size, the best first."""
    (out, into, *kernel), part = matrix.shape, matrix.row.part
    plain = f"{thousands(out)} × {thousands(into)}"
    axes = "" if matrix.row.role in TABLES else " (out × in)"
    ways = [plain + axes, plain]
    if prod(kernel) > 1:
        size = "×".join(map(str, kernel))
        ways = [f"{plain} kernels of {size}{axes}", f"{plain} kernels of {size}", f"{plain} × {size}"]
    before = f"{part} " if part else ""
    found = [(before + way, 1.0) for way in ways] + [(before + ways[-1], SMALLER)]
    return [*found, (part, 1.0), (part, SMALLER)] if part else [*found, (plain, 1.0)]
