"""The panel of layers where there are too many rows: a line for each block, a column for each kind of weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from nnanim.design.wording import thousands, weight_tensors
from nnanim.frames.block_grid import BlockGrid
from nnanim.frames.frame import Frame, Rows
from nnanim.frames.history import History
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.rows import RowHistory
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing
from nnanim.panels.captions import fitting
from nnanim.panels.hills import Hills, HillsLook, magnitudes_at
from nnanim.panels.hills_legend import HillsLegend, legends_of, widths_of_legends
from nnanim.panels.layers_legend import BAR_THICKNESS, LayersLegend, wide_pt
from nnanim.panels.legend import GAP_PT, SMALL_PRINT
from nnanim.panels.row_labels import widest

LEAST_LINE_PT = 2.6  # height of a line in a figure of the reference size
MOST_LINE_PT = 26.0
LEAST_TEXT_PT, TEXT_SHARE = 6.5, 0.85  # of a label, and of a line's height
LABEL_SHARE, BAR_SHARE = 0.3, 0.13  # of the panel's width
HILLS_SHARE, BAR_SHARE_BESIDE_HILLS = 0.15, 0.06
TEXT_BESIDE_HILLS = 0.72  # of the text's size
LEAST_STRIP_PT = 10.0  # height of a line that has room for a strip below each cell, in a figure of the reference size
LEAST_STRIP_PX = 12  # and in any
MOST_STRIPS = 100  # with more an SVG could not move all
STRIP_SHARE = 0.3  # of a line's height
LEAST_HILL_PT = 9.0  # height of a line that has room for a histogram, in a figure of the reference size
COLUMN_GAP_PT = 7.0
LEAST_PARTED_PX = 4  # height of a line from which on there is room between two
HEAD_SHARE = 0.94  # of a column's width that its name takes at most
CELL_SHARE = 0.86  # of a line's height
WIDEST_PERCENT = "0.0057 %"
NO_ROOM = (
    "distributions: the grid of blocks has no room for histograms (make the figure larger; frames.json has the counts"
    " of each weight)"
)


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
        hills: how the weights of each line spread over magnitudes, where there is room.
        norms: (C,) thickness of the strips below the cells, a share of their room; 0 where nothing has moved.
        norm_colors: (C, 3) uint8, of these strips.
    """

    title: str
    cells: np.ndarray
    lengths: np.ndarray
    thickness: np.ndarray
    color: np.ndarray
    moved: tuple[str, ...]
    hills: HillsLook | None
    norms: np.ndarray
    norm_colors: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class GridPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        cells_pt: (C, 4) left, bottom, width and height of the cells.
        strips_pt: (C, 4) the same of the room for strips below them; None where lines are too low.
        middles: (L,) of the lines.
        height: of a line.
        bars: left and right end of the bars.
        numbers: lines that have a text, and where these texts end.
        labels: texts beside the lines and above the columns, in their places.
        remarks: small text beside the title, and its size.
        legends: below.
        hills: the column of histograms, or None.
        heading: y of the names of the columns, their size, and y of the texts below the lines.
    """

    style: Style
    row: Box
    cells_pt: np.ndarray
    strips_pt: np.ndarray | None
    middles: np.ndarray
    height: float
    bars: tuple[float, float]
    numbers: tuple[tuple[int, ...], float, float]
    labels: Sequence[tuple[Place, str]]
    remarks: tuple[str, float]
    legends: Sequence[LayersLegend | HillsLegend]
    hills: Hills | None
    heading: tuple[float, float, float]

    @property
    def text_places(self) -> tuple[Place, ...]:
        theme = self.style.theme
        lines, right, size = self.numbers
        title = Place(self.row.left, self.row.top, looks.TITLE_PT * self.style.scale, theme.ink, va="top")
        told = (Place(right, float(self.middles[line]), size, theme.ink, "right", "center") for line in lines)
        return (title, *told, *(() if self.hills is None else self.hills.text_places))

    def paint_ground(self, brush: Brush) -> None:
        """Paint labels, remarks, the legend, and where cells will be."""
        style, theme = self.style, self.style.theme
        text, size = self.remarks
        place = Place(self.row.right, self.row.top - 3.0 * style.scale, size, theme.muted, "right", "top")
        brush.text(place, style.drawable(text))
        for where, label in self.labels:
            brush.text(where, label)
        brush.areas(self.cells_pt, np.tile(theme.faint, (len(self.cells_pt), 1)))
        if self.hills is not None:
            above, small, below = self.heading
            self.hills.paint_ground(brush, small, above, below)
        for legend in self.legends:
            legend.paint(brush)

    def dot(self, _name: str, _look: GridLook) -> None:
        """Nothing: cells are a chart of the weights, no drawing of the network."""
        return

    def paint(self, brush: Brush, look: GridLook, _drawing: Drawing | None) -> None:
        """Paint the cells and the bars."""
        brush.areas(self.cells_pt, look.cells)
        if self.strips_pt is not None:
            drawn = look.norms > 0
            strips = self.strips_pt.copy()
            strips[:, 3] *= look.norms
            strips[:, 1] += self.strips_pt[:, 3] - strips[:, 3]  # they hang from the cells
            brush.areas(strips[drawn], look.norm_colors[drawn], who=np.flatnonzero(drawn) + len(drawn))
        left, right = self.bars
        heights = look.thickness * self.height
        bars = np.stack(
            [np.full(len(heights), left), self.middles - heights / 2, look.lengths * (right - left), heights], axis=1
        )
        drawn = look.lengths > 0
        brush.areas(bars[drawn], look.color[drawn])
        if self.hills is not None and look.hills is not None:
            self.hills.paint(brush, look.hills)

    def texts(self, look: GridLook) -> tuple[str, ...]:
        zeros = () if self.hills is None or look.hills is None else self.hills.texts(look.hills)
        return (self.style.drawable(look.title), *look.moved, *zeros)


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
        part = self._place(scales, box, options) or self._place(replace(scales, hills=None), box, options)
        assert part is not None
        self.part: GridPart = part

    def _place(self, scales: RowScales, box: Box, options: Options) -> GridPart | None:
        """Choose places; None where the scales have hills, and there is no room for them."""
        history, style, grid = self._history, self._style, self._grid
        scale, size = style.scale, looks.TEXT_PT * style.scale
        legend_boxes, legend_top = rows_of_blocks(box, widths_of_legends(history, scales, style), scale)
        below = 0.5 if scales.hills is None else 2.3  # lines of text, for those of the axis
        bottom, top = legend_top + below * size, box.top - TITLE_HEIGHT_PT * scale - 1.3 * size
        if scales.hills is not None and (top - bottom) / len(grid.lines) < LEAST_HILL_PT * scale:
            return None
        check_room(Box(box.left, bottom, box.width, top - bottom), options.figsize, scale)
        pixel = looks.POINTS_PER_INCH / style.dpi
        # Whole pixels, so that all lines and all gaps are as high.
        top = floor(top / pixel) * pixel
        height = floor(min((top - bottom) / len(grid.lines), MOST_LINE_PT * scale) / pixel) * pixel
        largest_pt = size * (SMALL_PRINT if scales.hills is None else TEXT_BESIDE_HILLS)
        text_pt = max(min(largest_pt, TEXT_SHARE * height), LEAST_TEXT_PT * min(scale, 1.0))
        middles = top - height * (np.arange(len(grid.lines)) + 0.5)
        labels, left = self._line_labels(box, middles, text_pt)
        number_pt = max(wide_pt(text, text_pt, style) for text in (WIDEST_PERCENT, "100 %"))
        if scales.hills is not None:  # no more room for numbers than those of the run take
            number_pt = widest("100 %", percent, self._shown.relative_changes[:, self._count :], text_pt, style)
        gap = COLUMN_GAP_PT * scale
        share = BAR_SHARE if scales.hills is None else BAR_SHARE_BESIDE_HILLS
        bars = box.right - number_pt - GAP_PT * scale - share * box.width, box.right - number_pt - GAP_PT * scale
        right, hills = bars[0] - gap, None
        if scales.hills is not None:
            lowest, wide = top - height * len(grid.lines), HILLS_SHARE * box.width
            bottoms = middles + height / 2 - CELL_SHARE * height
            room = Box(right - wide, lowest, wide, top - lowest)
            hills = Hills.placed(scales.hills, room, style, bottoms, CELL_SHARE * height, text_pt, size * SMALL_PRINT)
            right = room.left - 1.5 * gap
        width = (right - left) / len(grid.columns)
        small = size * SMALL_PRINT
        least = min(LEAST_TEXT_PT * min(scale, 1.0), small)
        if hills is not None and any(wide_pt(name, least, style) > HEAD_SHARE * width for name in grid.columns):
            return None
        while small > least and any(wide_pt(name, small, style) > HEAD_SHARE * width for name in grid.columns):
            small = max(0.97 * small, least)
        above = top + 0.35 * size
        for column, name in enumerate(grid.columns):
            shown = shortened(style.drawable(name), small, HEAD_SHARE * width, style.families, style.dpi)
            x = left + (column + 0.5) * width
            labels.append((Place(x, above, small, style.theme.muted, "center"), shown))
        labels.append((Place(bars[0], above, small, style.theme.muted), "all now"))
        cells_pt = self._cells(left, right, middles, height)
        strips_pt = None
        if height >= max(LEAST_STRIP_PT * scale, LEAST_STRIP_PX * pixel) and len(cells_pt) <= MOST_STRIPS:
            deep = max(round(STRIP_SHARE * height / pixel), 2) * pixel
            strips_pt = cells_pt.copy()
            cells_pt[:, 1] += deep
            cells_pt[:, 3] -= deep
            strips_pt[:, 3] = deep
        return GridPart(
            style=style,
            row=title_row(box, scale),
            cells_pt=cells_pt,
            strips_pt=strips_pt,
            middles=middles,
            height=height,
            bars=bars,
            numbers=(_apart(middles, 1.15 * text_pt), box.right, text_pt),
            labels=labels,
            remarks=self._remarks(box),
            legends=legends_of(history, scales, legend_boxes, style),
            hills=hills,
            heading=(above, small, top - height * len(grid.lines) - 0.25 * size),
        )

    def _remarks(self, box: Box) -> tuple[str, float]:
        """Return what is said beside the title, as much as fits, and its size."""
        style, grid = self._style, self._grid
        count = len({key for row in self._all.rows for key in row.keys})  # of a fused one, parts are rows
        tensors = weight_tensors(count)
        ways = [
            f"{tensors} · {grid.blocks} blocks × {len(grid.columns)} kinds",
            f"{tensors} · {grid.blocks} blocks",
            tensors,
            f"{thousands(count)} tensors",
        ]
        widest = max(wide_pt(title, looks.TITLE_PT * style.scale, style) for title in self._history.titles)
        return fitting(ways, box.width - widest - 10.0 * style.scale, style)

    @property
    def colors(self) -> np.ndarray:
        """The colours of its areas, (C, 3) uint8."""
        return area_colors(self._style.theme)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told: that there are no histograms, where there is no room for them."""
        return (NO_ROOM,) if self._scales.hills is not None and self.part.hills is None else ()

    def meaning(self, place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Return how large every tensor is and how far it has moved; of what is drawn the cells, then the lines."""
        return {"rows": self._rows(self._all, place, in_ink), "folded_rows": self._rows(self._shown, place, in_ink)}

    def look(self, frame: Frame) -> GridLook:
        """Return what moves in a frame."""
        rows = frame.folded_rows
        assert rows is not None
        cells, lines = slice(self._count), slice(self._count, None)
        known = np.clip(np.nan_to_num(rows.growth / self._scales.growth.domain, posinf=1.0), -1, 1)
        thinnest, thickest = BAR_THICKNESS
        thickness = thinnest + (thickest - thinnest) * (known + 1) / 2
        moved = rows.relative_change[lines]
        return GridLook(
            frame.title,
            self._scales.moved.colors(rows.relative_change[cells], self._style.theme),
            self._scales.moved.share(moved),
            thickness[lines],
            rows.color[lines],
            tuple(percent(float(moved[line])) for line in self.part.numbers[0]),
            self._hills_look(rows),
            np.where(rows.relative_change[cells] > 0, thickness[cells] / thickest, 0.0),
            rows.color[cells],
        )

    def _hills_look(self, rows: Rows) -> HillsLook | None:
        if self.part.hills is None or rows.magnitudes is None:
            return None
        return HillsLook.of(rows.magnitudes.only(slice(self._count, None)), self.part.hills.scale)

    def _rows(self, shown: RowHistory, place: RunPlace, in_ink: bool) -> Rows:
        theme = self._style.theme
        norm, moved, growth = (
            shown.at(values, place) for values in (shown.norms, shown.relative_changes, shown.growth)
        )
        color = theme.edge_colors(self._scales.growth(np.nan_to_num(growth)), COLORINGS[ByChange.name].ramp(theme))
        if in_ink:
            color[:] = theme.ink
        return Rows(shown.rows, norm, moved, growth, color, magnitudes_at(shown, place))

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
