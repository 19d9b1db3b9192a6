"""The panel of layers where there are too many rows: a line for each block, a column for each kind of weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.coloring import COLORINGS, ByChange
from nnanim.design.fonts import shortened
from nnanim.design.layout import TITLE_HEIGHT_PT, Box, check_room, rows_of_blocks, title_row
from nnanim.design.row_scales import RowScales, area_colors, percent
from nnanim.design.style import Style
from nnanim.design.wording import thousands
from nnanim.frames.block_grid import BlockGrid
from nnanim.frames.frame import Frame, Rows
from nnanim.frames.history import History
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.rows import RowHistory
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing
from nnanim.panels.captions import fitting
from nnanim.panels.layers_legend import BAR_THICKNESS, LayersLegend, wide_pt
from nnanim.panels.legend import GAP_PT, SMALL_PRINT

LEAST_LINE_PT = 2.6  # height of a line in a figure of the reference size
MOST_LINE_PT = 26.0
LEAST_TEXT_PT, TEXT_SHARE = 6.5, 0.85  # of a label, and of a line's height
LABEL_SHARE, BAR_SHARE = 0.3, 0.13  # of the panel's width
COLUMN_GAP_PT = 7.0
LEAST_PARTED_PX = 4  # height of a line from which on there is room between two
HEAD_SHARE = 0.94  # of a column's width that its name takes at most
CELL_SHARE = 0.86  # of a line's height
WIDEST_PERCENT = "0.0057 %"


@dataclass(frozen=True, eq=False)
class GridLook:
    """What moves in the panel.

    Attributes:
        title: text above the grid.
        cells: (C, 3) uint8, how far the weights of each cell have moved.
        lengths: (L,) of the bars of lines, a share of their room.
        thickness: (L,) of the bars, a share of a line's height.
        color: (L, 3) uint8, of the bars.
        moved: how far each line that has a text has moved.
    """

    title: str
    cells: np.ndarray
    lengths: np.ndarray
    thickness: np.ndarray
    color: np.ndarray
    moved: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class GridPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        cells_pt: (C, 4) left, bottom, width and height of the cells.
        middles: (L,) of the lines.
        height: of a line.
        bars: left and right end of the bars.
        numbers: lines that have a text, and where these texts end.
        labels: texts beside the lines and above the columns, in their places.
        remarks: small text beside the title, and its size.
        legend: its blocks.
    """

    style: Style
    row: Box
    cells_pt: np.ndarray
    middles: np.ndarray
    height: float
    bars: tuple[float, float]
    numbers: tuple[tuple[int, ...], float, float]
    labels: Sequence[tuple[Place, str]]
    remarks: tuple[str, float]
    legend: LayersLegend

    @property
    def text_places(self) -> tuple[Place, ...]:
        theme = self.style.theme
        lines, right, size = self.numbers
        title = Place(self.row.left, self.row.top, looks.TITLE_PT * self.style.scale, theme.ink, va="top")
        return (title, *(Place(right, float(self.middles[line]), size, theme.ink, "right", "center") for line in lines))

    def paint_ground(self, brush: Brush) -> None:
        """Paint labels, remarks, the legend, and where cells will be."""
        style, theme = self.style, self.style.theme
        text, size = self.remarks
        place = Place(self.row.right, self.row.top - 3.0 * style.scale, size, theme.muted, "right", "top")
        brush.text(place, style.drawable(text))
        for where, label in self.labels:
            brush.text(where, label)
        brush.areas(self.cells_pt, np.tile(theme.faint, (len(self.cells_pt), 1)))
        self.legend.paint(brush)

    def dot(self, _name: str, _look: GridLook) -> None:
        """Nothing: cells are a chart of the weights, no drawing of the network."""
        return

    def paint(self, brush: Brush, look: GridLook, _drawing: Drawing | None) -> None:
        """Paint the cells and the bars."""
        brush.areas(self.cells_pt, look.cells)
        left, right = self.bars
        heights = look.thickness * self.height
        bars = np.stack(
            [np.full(len(heights), left), self.middles - heights / 2, look.lengths * (right - left), heights], axis=1
        )
        drawn = look.lengths > 0
        brush.areas(bars[drawn], look.color[drawn])

    def texts(self, look: GridLook) -> tuple[str, ...]:
        return (self.style.drawable(look.title), *look.moved)


class GridPanel:
    """The panel of one run's blocks."""

    def __init__(
        self, history: History, scales: RowScales, box: Box, style: Style, options: Options, grid: BlockGrid
    ) -> None:
        """Choose places.

        Args:
            history: of the run.
            scales: over all runs of the picture.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            grid: of the rows.

        Raises:
            OptionError: the figure is too small.
        """
        self._history, self._scales, self._style, self._grid = history, scales, style, grid
        self._all: RowHistory = history.shown
        cells = [cell for line in grid.lines for cell in line.cells if cell]
        self._count = len(cells)
        self._shown = self._all.fold([*cells, *(line.rows for line in grid.lines)])
        scale, size = style.scale, looks.TEXT_PT * style.scale
        blocks = LayersLegend.widths(scales, history.since, style)
        legend_boxes, legend_top = rows_of_blocks(box, blocks, scale)
        bottom, top = legend_top + 0.5 * size, box.top - TITLE_HEIGHT_PT * scale - 1.3 * size
        check_room(Box(box.left, bottom, box.width, top - bottom), options.figsize, scale)
        pixel = looks.POINTS_PER_INCH / style.dpi
        # Whole pixels, so that all lines and all gaps are as high.
        top = floor(top / pixel) * pixel
        height = floor(min((top - bottom) / len(grid.lines), MOST_LINE_PT * scale) / pixel) * pixel
        text_pt = max(min(size * SMALL_PRINT, TEXT_SHARE * height), LEAST_TEXT_PT * min(scale, 1.0))
        middles = top - height * (np.arange(len(grid.lines)) + 0.5)
        labels, left = self._line_labels(box, middles, text_pt)
        number_pt = max(wide_pt(text, text_pt, style) for text in (WIDEST_PERCENT, "100 %"))
        gap = COLUMN_GAP_PT * scale
        bars = box.right - number_pt - GAP_PT * scale - BAR_SHARE * box.width, box.right - number_pt - GAP_PT * scale
        right = bars[0] - gap
        width = (right - left) / len(grid.columns)
        small = size * SMALL_PRINT
        least = min(LEAST_TEXT_PT * min(scale, 1.0), small)
        while small > least and any(wide_pt(name, small, style) > HEAD_SHARE * width for name in grid.columns):
            small = max(0.97 * small, least)
        for column, name in enumerate(grid.columns):
            shown = shortened(style.drawable(name), small, HEAD_SHARE * width, style.families, style.dpi)
            x = left + (column + 0.5) * width
            labels.append((Place(x, top + 0.35 * size, small, style.theme.muted, "center"), shown))
        labels.append((Place(bars[0], top + 0.35 * size, small, style.theme.muted), "all now"))
        told = _apart(middles, 1.15 * text_pt)
        count = thousands(len(self._all.rows))
        ways = [
            f"{count} weight tensors · {grid.blocks} blocks × {len(grid.columns)} kinds",
            f"{count} weight tensors · {grid.blocks} blocks",
            f"{count} weight tensors",
            f"{count} tensors",
        ]
        beside = max(wide_pt(title, looks.TITLE_PT * scale, style) for title in history.titles) + 10.0 * scale
        self.part: GridPart = GridPart(
            style=style,
            row=title_row(box, scale),
            cells_pt=self._cells(left, right, middles, height),
            middles=middles,
            height=height,
            bars=bars,
            numbers=(told, box.right, text_pt),
            labels=labels,
            remarks=fitting(ways, box.width - beside, style),
            legend=LayersLegend(legend_boxes, scales, history.since, style),
        )

    @property
    def colors(self) -> np.ndarray:
        """The colours of its areas, (C, 3) uint8."""
        return area_colors(self._style.theme)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told: nothing."""
        return ()

    def meaning(self, place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Return how large every tensor is and how far it has moved; of what is drawn the cells, then the lines."""
        return {"rows": self._rows(self._all, place, in_ink), "folded_rows": self._rows(self._shown, place, in_ink)}

    def look(self, frame: Frame) -> GridLook:
        """Return what moves in a frame."""
        rows = frame.folded_rows
        assert rows is not None
        cells, lines = slice(self._count), slice(self._count, None)
        known = np.clip(np.nan_to_num(rows.growth[lines] / self._scales.growth.domain, posinf=1.0), -1, 1)
        thinnest, thickest = BAR_THICKNESS
        moved = rows.relative_change[lines]
        return GridLook(
            frame.title,
            self._scales.moved.colors(rows.relative_change[cells], self._style.theme),
            self._scales.moved.share(moved),
            thinnest + (thickest - thinnest) * (known + 1) / 2,
            rows.color[lines],
            tuple(percent(float(moved[line])) for line in self.part.numbers[0]),
        )

    def _rows(self, shown: RowHistory, place: RunPlace, in_ink: bool) -> Rows:
        theme = self._style.theme
        norm, moved, growth = (
            shown.at(values, place) for values in (shown.norms, shown.relative_changes, shown.growth)
        )
        color = theme.edge_colors(self._scales.growth(np.nan_to_num(growth)), COLORINGS[ByChange.name].ramp(theme))
        if in_ink:
            color[:] = theme.ink
        return Rows(shown.rows, norm, moved, growth, color)

    def _line_labels(self, box: Box, middles: np.ndarray, size_pt: float) -> tuple[list[tuple[Place, str]], float]:
        """Return names of lines in their places, no two at one height, and where the cells begin."""
        style, theme, grid = self._style, self._style.theme, self._grid
        # What begins a module or stands outside is named first, then numbers where there is room.
        important = [
            index
            for index, line in enumerate(grid.lines)
            if not line.module or index == 0 or grid.lines[index - 1].module != line.module
        ]
        told: list[int] = []
        for index in [*important, *range(len(grid.lines))]:
            if all(abs(middles[index] - middles[other]) >= 1.15 * size_pt for other in told):
                told.append(index)
        names = {}
        before = ""
        for index in sorted(told):  # a module is named once
            line = grid.lines[index]
            names[index] = style.drawable(f"{line.module} {line.name}" if line.module != before else line.name).strip()
            before = line.module
        room = LABEL_SHARE * box.width
        wide = min(max(wide_pt(name, size_pt, style) for name in names.values()), room)
        places = []
        for index in names:
            text = shortened(names[index], size_pt, wide, style.families, style.dpi)
            color = theme.ink if not grid.lines[index].module else theme.muted
            places.append((Place(box.left + wide, float(middles[index]), size_pt, color, "right", "center"), text))
        return places, box.left + wide + COLUMN_GAP_PT * style.scale

    def _cells(self, left: float, right: float, middles: np.ndarray, height: float) -> np.ndarray:
        """Return left, bottom, width and height of each cell that stands for a weight."""
        found = []
        width = (right - left) / len(self._grid.columns)
        gap = min(1.5 * self._style.scale, 0.1 * width)
        pixel = looks.POINTS_PER_INCH / self._style.dpi
        is_parted = height >= LEAST_PARTED_PX * pixel
        deep = height - max(round((1 - CELL_SHARE) * height / pixel), 1) * pixel * is_parted
        for line, y in zip(self._grid.lines, middles.tolist(), strict=True):
            if not line.module:
                found.append([left, y + height / 2 - deep, right - left - gap, deep])
                continue
            for column, cell in enumerate(line.cells):
                if cell:
                    found.append([left + column * width, y + height / 2 - deep, width - gap, deep])
        return np.array(found)


def _apart(middles: np.ndarray, least: float) -> tuple[int, ...]:
    """Return lines whose texts do not meet: evenly, from the first on."""
    if len(middles) == 1:
        return (0,)
    pitch = min(float(upper - lower) for upper, lower in pairwise(middles.tolist()))
    return tuple(range(0, len(middles), max(int(np.ceil(least / pitch)), 1)))


def room_for_lines(box: Box, scale: float, dpi: float, lines: int) -> bool:
    """Tell whether a panel has room for so many lines, with title, legend and headings."""
    taken = TITLE_HEIGHT_PT * scale + 7.0 * looks.TEXT_PT * scale
    return (box.height - taken) / lines >= max(LEAST_LINE_PT * scale, looks.POINTS_PER_INCH / dpi)
