"""What the page is told of weight tensors: a row for each, with the looks and words of the picture of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from nnanim.design.coloring import COLORINGS, ByChange
from nnanim.design.hill_scale import HillScale
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales, moved_ramp, percent
from nnanim.design.theme import TEXT_PT, Color, Theme, pick_theme
from nnanim.design.wording import short, tensors_in_rows
from nnanim.frames.history import History
from nnanim.frames.rows import RowHistory
from nnanim.model.weight_rows import Row
from nnanim.options import THEMES, Options
from nnanim.panels.hills import HEADINGS as HILL_HEADINGS
from nnanim.panels.hills import ticks_within
from nnanim.panels.hills_legend import ZERO_BAR_PT, HillsLegend
from nnanim.panels.layers import CELL_SHARE, HEADINGS
from nnanim.panels.layers_legend import BAR_THICKNESS, LayersLegend
from nnanim.player.looks import VIEWS, color_tables, cut_front, width_pt

ROW_PT, HEADING_PT = 19.0, 21.0  # heights of a row, and of a block's name above its rows
BLOCK_GAP_PT = 7.0  # where rows without a block follow one
TOP_PT, BOTTOM_PT = 24.0, 22.0  # for the headings above and the snapshots below
GAP_PT = 8.0
SIDE_PT = 5.0  # left and right of a row
NAME_SHARE, BAR_SHARE = 0.32, 0.11  # of a view's width: of names, at most, and of the bars
SIZE_PT = {"wide": 0.96 * TEXT_PT, "narrow": 0.88 * TEXT_PT}
SMALL_PRINT = 0.9
HILLS_SHARE = 0.62  # of the room for strips and hills
NARROW_BAR_SHARE = 0.05  # of a narrow view's width, where there are hills
HEIGHTS = 256  # of a hill
WIDEST = ("0.0057 %", "1.2e+02")  # relative change and norm, where those of the run are shorter


def row_numbers(shown: RowHistory, hills: HillScale | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 for the page: norms, then their growth, (S, 2 R); and relative changes, (S, R).

    Where there are hills, behind the relative changes of all rows stand for each row the heights of its hill and the
    share of its weights that are zero, (S, R (B + 1)).
    """
    with np.errstate(over="ignore"):
        sizes = np.concatenate([shown.norms, shown.growth], axis=1).astype(np.float32)
        changes = shown.relative_changes.astype(np.float32)
    histograms = shown.histograms
    if hills is None or histograms is None:
        return sizes, changes
    heights = np.stack(
        [hills.heights(*each, histograms.first) for each in zip(histograms.counts, histograms.zeros, strict=True)]
    )
    zeros = histograms.zeros / np.maximum(histograms.totals, 1)
    rounded = np.rint(heights * HEIGHTS) / HEIGHTS  # no finer than is seen, which packs well
    own = np.concatenate([rounded, zeros[..., None]], axis=2).reshape(len(changes), -1)
    return sizes, np.concatenate([changes, own.astype(np.float32)], axis=1)


def told_hills(data: dict[str, Any]) -> HillScale | None:
    """Return the scale of the hills that the page is told of, None where there are none."""
    told = data.get("hills")
    return None if told is None else HillScale(**{field.name: told[field.name] for field in fields(HillScale)})


def rows_data(history: History, options: Options, scales: RowScales, shown: RowHistory) -> dict[str, Any]:
    """Return what JSON can hold, without the places of a view.

    Args:
        history: of the run.
        options: the user's choices.
        scales: of the rows.
        shown: the rows.
    """
    coloring = COLORINGS[ByChange.name]
    low, high, moved, shrank, grew, size = LayersLegend.texts(scales, history.since)
    count = len(shown.rows)
    return {
        "color": coloring.name,
        "modes": {
            coloring.name: {
                "domain": float(scales.growth.domain),
                "themes": {theme: color_tables(theme, coloring, options, scales.growth) for theme in THEMES},
            }
        },
        "rows": [_row(row) for row in shown.rows],
        "moved": {
            "low": scales.moved.low,
            "high": scales.moved.high,
            "themes": {theme: moved_ramp(pick_theme(theme, options.palette)).tobytes().hex() for theme in THEMES},
        },
        "thickness": list(BAR_THICKNESS),
        "cell": CELL_SHARE,
        "legends": [{"ends": [low, high], "print": moved}, {"ends": [shrank, grew], "print": size}],
        **({} if scales.hills is None else {"hills": _hills(scales.hills, history.since)}),
        "remarks": tensors_in_rows(len({key for row in shown.rows for key in row.keys}), count),
        "layers": [],
        "nodes": {"column": [], "neuron": [], "name": []},
        "edges": {"layer": [], "tail": [], "head": []},
    }


def row_views(history: History, options: Options, hills: HillScale | None = None) -> dict[str, Any]:
    """Place columns and rows for each shape of a screen; nothing where only curves are shown."""
    return {} if options.panels == "curve" else {view: _view(view, history, hills) for view in VIEWS}


def _hills(scale: HillScale, since: str) -> dict[str, Any]:
    """Return what the page is told of all hills."""
    return {
        **asdict(scale),
        "bins": (scale.high - scale.low) // scale.step,
        "decades": [round(share, 5) for share, _ in scale.decades],
        "zero_bar": ZERO_BAR_PT,
        "print": HillsLegend.words(scale, since)[1],
    }


def empty_cell(theme: Theme) -> Color:
    """Return the colour of a strip where the run has not come yet."""
    red, green, blue = (round(0.08 * a + 0.92 * b) for a, b in zip(theme.muted, theme.background, strict=True))
    return red, green, blue


def _row(row: Row) -> dict[str, Any]:
    return {"name": row.title, "keys": list(row.keys), "formula": row.formula}


def _view(view: str, history: History, hills: HillScale | None) -> dict[str, Any]:
    """Place columns and rows, in points, y down."""
    shown: RowHistory = history.shown
    width, size = VIEWS[view][0], SIZE_PT[view]
    small = SMALL_PRINT * size
    moved, norms = _widest(shown)
    moved_pt = width_pt(moved, size)
    norms_pt = max(width_pt(norms, size), width_pt(HEADINGS[2], small))
    names = [cut_front(f"{row.name} {row.part or ''}", size, NAME_SHARE * width) for row in shown.rows]
    left = max(width_pt(name, size) for name in names) + GAP_PT + SIDE_PT
    norms_right = width - SIDE_PT
    bars_right = norms_right - norms_pt - 1.5 * GAP_PT
    bar_pt = (BAR_SHARE if hills is None or view == "wide" else NARROW_BAR_SHARE) * width
    bars_left = bars_right - moved_pt - bar_pt - GAP_PT
    strips_pt = bars_left - 1.5 * GAP_PT - left
    hills_pt = 0.0 if hills is None else HILLS_SHARE * strips_pt
    strips_pt -= hills_pt
    y, places, blocks = _places(shown.rows)
    since = HEADINGS[0].format(since=history.since)
    fits = [text for text in (since, "moved over time", "moved") if width_pt(text, small) <= strips_pt + GAP_PT]
    told = {
        "size": [width, round(y + BOTTOM_PT, 2)],
        "text": round(size, 2),
        "small": round(small, 2),
        "row": ROW_PT,
        "names": names,
        "middles": places,
        "blocks": [[middle, cut_front(block, size, width - 2 * SIDE_PT)] for middle, block in blocks],
        "strips": [round(left, 2), round(strips_pt, 2)],
        "side": SIDE_PT,
        "gap": GAP_PT,
        "bars": [round(bars_left, 2), round(bar_pt, 2), round(bars_right, 2)],
        "headings": [fits[0] if fits else "", *HEADINGS[1:]],
        "headings_y": round(TOP_PT / 2, 2),
        "ticks": _ticks(history.titles, strips_pt, small),
        "ticks_y": round(y + BOTTOM_PT / 2, 2),
    }
    if hills is not None:
        begin = left + strips_pt + 1.5 * GAP_PT
        told["hills"] = _hills_places(hills, begin, left + strips_pt + hills_pt, small)
    return told


def _hills_places(scale: HillScale, begin: float, end: float, small: float) -> dict[str, Any]:
    """Place the column of hills between two ends."""
    left = begin + (ZERO_BAR_PT + GAP_PT if scale.has_zeros else 0.0)
    box = Box(left, 0.0, end - left, 0.0)
    fits = [text for text in HILL_HEADINGS if width_pt(text, small) <= box.width + GAP_PT]
    ticks = [(round(x, 2), text) for x, text in ticks_within(scale, box, GAP_PT, lambda text: width_pt(text, small))]
    if scale.has_zeros:
        ticks.insert(0, (round(begin + ZERO_BAR_PT / 2, 2), "0"))
    return {
        "left": round(left, 2),
        "wide": round(box.width, 2),
        "zeros": round(begin, 2) if scale.has_zeros else None,
        "heading": fits[0] if fits else "",
        "ticks": ticks,
    }


def _widest(shown: RowHistory) -> tuple[str, str]:
    """Return the widest texts of relative changes and of norms."""
    found = []
    for values, write, usual in ((shown.relative_changes, percent, WIDEST[0]), (shown.norms, short, WIDEST[1])):
        known = values[np.isfinite(values)]
        texts = [usual] + [
            write(float(value)) for end in (known, known[known > 0]) if end.size for value in (end.min(), end.max())
        ]
        found.append(max(texts, key=lambda text: width_pt(text, 1.0)))
    return found[0], found[1]


def _places(rows: Sequence[Row]) -> tuple[float, list[float], list[tuple[float, str]]]:
    """Return where the rows end, the middle of each, and the middles of the blocks' names above their rows."""
    y, middles, blocks, before = TOP_PT, [], [], ""
    for row in rows:
        if row.block != before and row.block:
            blocks.append((round(y + HEADING_PT / 2 + 1, 2), row.block))
            y += HEADING_PT
        elif row.block != before:
            y += BLOCK_GAP_PT
        before = row.block
        middles.append(round(y + ROW_PT / 2, 2))
        y += ROW_PT
    return y, middles, blocks


def _ticks(titles: Sequence[str], room: float, size: float) -> list[tuple[str, str]]:
    """Return the texts below the strips with their anchors: the first snapshot and the last, if there is room."""
    if len(titles) > 1 and width_pt(titles[0], size) + width_pt(titles[-1], size) + GAP_PT <= room:
        return [("start", titles[0]), ("end", titles[-1])]
    return [("end", titles[-1])]
