"""What the page is told of weight matrices: cells in their places, as many as a page can hold of the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from nnanim.design.cell_scales import CellScales
from nnanim.design.coloring import COLORINGS
from nnanim.design.fonts import load_font, missing_glyphs
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.theme import pick_theme
from nnanim.design.wording import matrices_of
from nnanim.frames.cells import CellHistory, Matrix
from nnanim.frames.history import History, Series
from nnanim.options import THEMES, Options
from nnanim.panels.matrix import caption_pt, plan_of
from nnanim.panels.matrix_captions import captions_of, radius_captions, radius_text
from nnanim.panels.matrix_legend import MatrixLegend
from nnanim.panels.matrix_places import LEAST_SLOT_PT, form_of, place, slots
from nnanim.player.looks import VIEWS, color_tables

MOST_NUMBERS = 1_000_000  # cells times snapshots, about 4 MB of text
MARGIN_PT = 4.0
DPI = 144.0  # at which texts are measured
TALLER_PT = 70.0  # a view grows by so much for each matrix beyond
FEW = 4
LEAST_COLUMN_PT = 110.0  # in narrower columns names would have to be small or cut


@dataclass(frozen=True, eq=False)
class CellPage:
    """Matrices as the page shows them.

    Attributes:
        cells: those that the page holds.
        is_coarser: whether cells of the picture were taken together.
    """

    cells: CellHistory
    is_coarser: bool


def with_cells(history: History, options: Options) -> History:
    """Return a history of so many cells as a page can hold, its moments in these."""
    before: CellHistory = history.shown
    now = before
    while len(history) * now.cells.values.shape[1] > MOST_NUMBERS:
        now = _coarser(now, signed=options.color == "sign", since=options.since)
    moments = history.moments
    if now is not before:
        moments = tuple(replace(each, things=_places_of(each.things, before, now)) for each in moments)
    return replace(history, shown=CellPage(now, now is not before), moments=moments)


def cells_data(history: History, options: Options, scales: CellScales) -> dict[str, Any]:
    """Return what JSON can hold.

    Args:
        history: of a run whose `CellPage` is shown.
        options: the user's choices.
        scales: of the cells.
    """
    page: CellPage = history.shown
    shown = page.cells
    coloring = COLORINGS[options.color]
    is_explained = coloring.is_explained(len(history))
    style = _style(shown, options, 1.0)
    blocks = MatrixLegend.of([shown], scales, history.since if is_explained else "", style, options).blocks
    colored = blocks[0]
    remarks = matrices_of(len(shown.matrices), shown.count)
    return {
        "color": coloring.name,
        "modes": {
            coloring.name: {
                "signed": coloring.name == "sign",
                "domain": float(scales.colors.domain if is_explained else scales.magnitudes.domain),
                "themes": {
                    theme: color_tables(theme, coloring, options, scales.colors)
                    if is_explained
                    else _ink(theme, options)
                    for theme in THEMES
                },
            }
        },
        "is_size": not is_explained,
        "legends": [
            {"ends": [colored.low, colored.high], "print": colored.small_print},
            {"ends": ["", blocks[-1].high], "print": blocks[-1].small_print},
        ],
        "matrices": _matrices(shown, options),
        "radii": _radii(shown),
        "marks": [_marks(shown, snapshot) for snapshot in range(len(history))],
        "largest_at": shown.largest_at.tolist(),
        "remarks": remarks + (", in larger cells than in a picture" if page.is_coarser else ""),
        "views": {} if options.panels == "curve" else {view: _view(view, shown, options) for view in VIEWS},
        "layers": [],
        "nodes": {"column": [], "neuron": [], "name": []},
        "edges": {"layer": [], "tail": [], "head": []},
    }


def _ink(theme: str, options: Options) -> dict[str, str]:
    """Return the shades of sizes alone, in the form of `color_tables`."""
    colors = pick_theme(theme, options.palette)
    shades = colors.edge_colors(np.abs(np.linspace(-1, 1, 257)), (colors.unmoved, colors.unmoved, colors.ink))
    return dict.fromkeys(("edge", "ring"), shades.tobytes().hex())


def _style(shown: CellHistory, options: Options, scale: float) -> Style:
    families = load_font(options.font)
    missing = missing_glyphs([matrix.row.title for matrix in shown.matrices], families)
    return Style(pick_theme("light", "vivid"), families, missing, scale, DPI)


def _matrices(shown: CellHistory, options: Options) -> list[dict[str, Any]]:
    counts = accumulate((matrix.is_hidden for matrix in shown.matrices), initial=0)
    return [
        _matrix(matrix, before if matrix.is_hidden else None, options)
        for before, matrix in zip(counts, shown.matrices, strict=False)
    ]


def _matrix(matrix: Matrix, hidden: int | None, options: Options) -> dict[str, Any]:
    word = "w" if options.color == "sign" else "|w|"
    if not matrix.is_whole:
        word = "largest w of the cell" if options.color == "sign" else "√(mean of w²) of the cell"
    return {
        "name": matrix.row.title,
        "shape": list(matrix.shape),
        "start": matrix.start,
        "columns": matrix.size[1],
        "rows_at": matrix.rows.tolist(),
        "columns_at": matrix.columns.tolist(),
        "word": word,
        "hidden": hidden,
    }


def _radii(shown: CellHistory) -> list[list[str]]:
    """Return the spectral radii of the hidden matrices as texts, for each snapshot."""
    hidden = [index for index, matrix in enumerate(shown.matrices) if matrix.is_hidden]
    return [[radius_text("{}", radius) for radius in row] for row in shown.radius[:, hidden].tolist()]


def _marks(shown: CellHistory, snapshot: int) -> list[int]:
    """Return the cell with the largest weight of each matrix."""
    places = shown.largest_at[snapshot].tolist()
    found = []
    for matrix, (row, column) in zip(shown.matrices, places, strict=True):
        down, across = matrix.cell_of((row, column))
        found.append(matrix.start + down * matrix.size[1] + across)
    return found


def _view(view: str, shown: CellHistory, options: Options) -> dict[str, Any]:
    """Place matrices, in points, y down."""
    width, height, scale = VIEWS[view]
    count = len(shown.matrices)
    height += TALLER_PT * max(count - FEW, 0)
    style = _style(shown, options, scale)
    box = Box(MARGIN_PT, MARGIN_PT, width - 2 * MARGIN_PT, height - 2 * MARGIN_PT)
    above = caption_pt(style, any(matrix.is_hidden for matrix in shown.matrices))
    least = LEAST_COLUMN_PT / LEAST_SLOT_PT[0]
    rooms = slots(box, count, above, max(scale, least), [form_of(matrix.shape) for matrix in shown.matrices])
    plans = tuple(place(plan_of(matrix), room) for matrix, room in zip(shown.matrices, rooms, strict=True))
    texts, places = captions_of(plans, rooms, style)
    told = []
    for plan, lines, wheres in zip(plans, texts, places, strict=True):
        size = plan.matrix.stop - plan.matrix.start
        order = plan.as_grid(np.arange(size)).ravel()
        told.append(
            {
                "box": _box(plan.box, height),
                "lines": [
                    [round(where.x, 2), round(height - where.y, 2), round(where.size_pt, 2), text]
                    for text, where in zip(lines, wheres, strict=True)
                ],
                "order": None if np.array_equal(order, np.arange(size)) else order.tolist(),
                "plates": [
                    {
                        "first": plate.first,
                        "across": plate.across.round(2).tolist(),
                        "down": (height - plate.down[:, ::-1]).round(2).tolist(),
                    }
                    for plate in plan.plates()
                ],
            }
        )
    words, radii = radius_captions(shown.matrices, rooms, style)
    return {
        "size": [width, round(height, 2)],
        "text": 12.0 * scale,
        "matrices": told,
        "radii": {
            "words": words,
            "places": [[round(where.x, 2), round(height - where.y, 2), round(where.size_pt, 2)] for where in radii],
        },
    }


def _box(box: Box, height: float) -> list[float]:
    return [round(number, 2) for number in (box.left, height - box.top, box.width, box.height)]


def _coarser(shown: CellHistory, *, signed: bool, since: str) -> CellHistory:
    """Take two by two cells together in the largest matrix; a convolution's kernels become a cell each."""
    largest = max(range(len(shown.matrices)), key=lambda index: prod(shown.matrices[index].size))
    matrices: list[Matrix] = []
    values: list[np.ndarray] = []
    start = 0
    for index, matrix in enumerate(shown.matrices):
        own = shown.cells.values[:, matrix.start : matrix.stop].reshape(-1, *matrix.size)
        made = matrix
        if index == largest:
            kernel = prod(matrix.shape[2:])
            is_laid_out = kernel > 1 and matrix.is_whole
            steps = (1, kernel) if is_laid_out else (2, 2)
            made, own = _pooled(matrix, own, steps, signed=signed)
        matrices.append(replace(made, start=start))
        values.append(own.reshape(len(own), -1))
        start += values[-1].shape[1]
    cells = Series.of(np.concatenate(values, axis=1), since)
    return replace(shown, matrices=tuple(matrices), cells=cells)


def _pooled(matrix: Matrix, values: np.ndarray, steps: tuple[int, int], *, signed: bool) -> tuple[Matrix, np.ndarray]:
    """Return a matrix of fewer cells and its values, (S, r, c)."""
    rows, columns = (_every(bounds, step) for bounds, step in zip((matrix.rows, matrix.columns), steps, strict=True))
    made = replace(matrix, rows=rows, columns=columns)
    starts = [
        np.arange(0, len(bounds) - 1, step) for bounds, step in ((matrix.rows, steps[0]), (matrix.columns, steps[1]))
    ]
    if signed:
        high, low = (
            ufunc.reduceat(ufunc.reduceat(values, starts[0], axis=1), starts[1], axis=2)
            for ufunc in (np.maximum, np.minimum)
        )
        return made, np.where(high >= -low, high, low).astype(np.float32)
    areas = np.outer(np.diff(matrix.rows), np.diff(matrix.columns))
    squares = np.square(values, dtype=np.float64) * areas
    sums = np.add.reduceat(np.add.reduceat(squares, starts[0], axis=1), starts[1], axis=2)
    return made, np.sqrt(sums / np.outer(np.diff(rows), np.diff(columns))).astype(np.float32)


def _every(bounds: np.ndarray, step: int) -> np.ndarray:
    kept = bounds[:-1:step]
    return np.append(kept, bounds[-1])


def _places_of(things: Sequence[int], before: CellHistory, now: CellHistory) -> tuple[int, ...]:
    """Return the cells of now in which cells of before lie."""
    found = []
    for thing in things:
        index, old = next((i, each) for i, each in enumerate(before.matrices) if each.start <= thing < each.stop)
        row, column = divmod(thing - old.start, old.size[1])
        new = now.matrices[index]
        down, across = new.cell_of((int(old.rows[row]), int(old.columns[column])))
        found.append(new.start + down * new.size[1] + across)
    return tuple(dict.fromkeys(found))
