"""The panel of layers: a row for each weight tensor, how far it has moved over time, and how large it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.coloring import COLORINGS, ByChange
from nnanim.design.fonts import text_width_pt
from nnanim.design.layout import LINE_PT, TITLE_HEIGHT_PT, Box, check_room, rows_of_blocks, title_row
from nnanim.design.row_scales import RowScales, area_colors, norm_text, percent
from nnanim.design.style import Style
from nnanim.design.wording import tensors_in_rows
from nnanim.frames.frame import Frame, Rows
from nnanim.frames.history import History
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.moments import StandOut
from nnanim.frames.rows import RowHistory
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing
from nnanim.panels.hills import Hills, HillsLook, magnitudes_at
from nnanim.panels.hills_legend import HillsLegend, legends_of, widths_of_legends
from nnanim.panels.layers_legend import BAR_THICKNESS, LayersLegend, wide_pt
from nnanim.panels.legend import GAP_PT, SMALL_PRINT
from nnanim.panels.row_folding import fold_rows
from nnanim.panels.row_labels import COLUMN_GAP_PT, labels, ticks, widest

LEAST_ROW_PT = 7.5  # height of a row in a figure of the reference size, and
LEAST_ROW_READABLE_PT = 7.0  # in any figure
MOST_ROW_PT = 30.0
ROW_TEXT = 0.78  # of a row's height, at most
LABEL_SHARE, LABEL_SHARE_BESIDE_HILLS = 0.4, 0.36  # of the panel's width, at most
BAR_SHARE, BAR_SHARE_BESIDE_HILLS = 0.17, 0.08  # of the panel's width
HILLS_SHARE = 0.68  # of the room for strips and hills
CELL_SHARE = 0.84  # of a row's height
FRAME_PT, FRAME_PAD_PT = 1.1, 3.0  # around a row that stands out at a moment
HEADINGS = ("how far it moved since {since}", "now", "size ‖W‖")
MOVED = (HEADINGS[0], "moved over time", "moved")  # the first that fits
APART = ("how far it lies from {against}", "far from {against}", "difference")
WIDEST_PERCENT, WIDEST_NORM = "0.0057 %", "0.0057"


@dataclass(frozen=True, eq=False, kw_only=True)
class LayersLook:
    """What moves in the panel.

    Attributes:
        title: text above the rows.
        column: the last snapshot of the strips that has come.
        lengths: (R,) of the bars, a share of their room.
        thickness: (R,) of the bars, a share of a row's height.
        color: (R, 3) uint8, of the bars.
        moved: how far each has moved, as texts.
        norms: how large each is, as texts.
        stand_out: the rows that stand out at a moment.
        hills: how the weights spread over magnitudes, where that is shown.
    """

    title: str
    column: int
    lengths: np.ndarray
    thickness: np.ndarray
    color: np.ndarray
    moved: tuple[str, ...]
    norms: tuple[str, ...]
    stand_out: tuple[int, ...] = ()
    hills: HillsLook | None = None


@dataclass(frozen=True, eq=False)
class LayersPlaces:
    """Where the columns and rows of the panel stand, in points.

    Attributes:
        strips: of all rows.
        bars: of all rows.
        number_pt: room for the numbers at the right ends of the bars.
        norms_right: right end of the sizes.
        tops: (R,) of the rows.
        height: of a row.
    """

    strips: Box
    bars: Box
    number_pt: float
    norms_right: float
    tops: np.ndarray
    height: float

    @property
    def middles(self) -> np.ndarray:
        """(R,) of the rows."""
        middles: np.ndarray = self.tops - self.height / 2
        return middles


@dataclass(frozen=True, eq=False, kw_only=True)
class LayersPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        places: of the columns and rows.
        names: block and name of each row; a block that goes on is not repeated.
        name_size_pt: of these texts.
        cells: (S, R, 3) uint8, colours of the strips.
        ticks: places of snapshots below the strips, 0 … 1, and their texts.
        headings: of the columns.
        remarks: small text beside the title.
        legends: below; none where they stand elsewhere.
        titled: whether the title stands here.
        hills: the column of histograms, or None.
    """

    style: Style
    row: Box
    places: LayersPlaces
    names: Sequence[tuple[str, str]]
    name_size_pt: float
    cells: np.ndarray
    ticks: Sequence[tuple[float, str]]
    headings: tuple[str, str, str]
    remarks: str
    legends: Sequence[LayersLegend | HillsLegend]
    titled: bool = True
    hills: Hills | None = None

    @property
    def text_places(self) -> tuple[Place, ...]:
        theme, scale, places = self.style.theme, self.style.scale, self.places
        title = Place(self.row.left, self.row.top, looks.TITLE_PT * scale, theme.ink, va="top")
        size, right = self.name_size_pt, places.bars.right
        moved = [Place(right, y, size, theme.ink, "right", "center") for y in places.middles]
        norms = [Place(places.norms_right, y, size, theme.ink, "right", "center") for y in places.middles]
        zeros = () if self.hills is None else self.hills.text_places
        return (title, *moved, *norms, *zeros) if self.titled else (*moved, *norms, *zeros)

    def paint_ground(self, brush: Brush) -> None:
        """Paint names, headings, ticks and the legend."""
        style, theme, scale, places = self.style, self.style.theme, self.style.scale, self.places
        size = looks.TEXT_PT * scale
        right, top = self.row.right, self.row.top - 3.0 * scale
        brush.text(Place(right, top, size, theme.muted, "right", "top"), style.drawable(self.remarks))
        gap = COLUMN_GAP_PT * scale
        for (block, name), y in zip(self.names, places.middles, strict=True):
            brush.text(Place(self.row.left, y, self.name_size_pt, theme.muted, "left", "center"), block)
            brush.text(Place(places.strips.left - gap, y, self.name_size_pt, theme.ink, "right", "center"), name)
        small = size * SMALL_PRINT
        y = places.strips.top + 0.35 * size
        brush.text(Place(places.strips.left, y, small, theme.muted), style.drawable(self.headings[0]))
        brush.text(Place(places.bars.left, y, small, theme.muted), self.headings[1])
        brush.text(Place(places.norms_right, y, small, theme.muted, "right"), self.headings[2])
        for share, text in self.ticks:
            x = places.strips.left + share * places.strips.width
            half = text_width_pt(text, small, style.families) / 2
            x = min(max(x, places.strips.left + half), places.strips.right - half)
            brush.text(
                Place(x, places.strips.bottom - 0.25 * size, small, theme.muted, "center", "top"), style.drawable(text)
            )
        brush.areas(self._boxes(len(self.cells)), np.tile(theme.faint, (self.cells[..., 0].size, 1)))
        if self.hills is not None:
            self.hills.paint_ground(brush, small, y, places.strips.bottom - 0.25 * size)
        for legend in self.legends:
            legend.paint(brush)

    def dot(self, _name: str, _look: LayersLook) -> None:
        """Nothing: rows are a chart of the weights, no drawing of the network."""
        return

    def paint(self, brush: Brush, look: LayersLook, _drawing: Drawing | None) -> None:
        """Paint the strips as far as they have come, and the bars."""
        places = self.places
        columns, rows = self.cells.shape[:2]
        brush.areas(self._boxes(columns), self.cells.reshape(-1, 3), begun=(look.column + 1) * rows)
        heights = look.thickness * places.height
        room = places.bars.width - places.number_pt - GAP_PT * self.style.scale
        bars = np.stack(
            [
                np.full(len(heights), places.bars.left),
                places.middles - heights / 2,
                np.maximum(look.lengths * room, 0.0),
                heights,
            ],
            axis=1,
        )
        drawn = look.lengths > 0
        brush.areas(bars[drawn], look.color[drawn], who=np.flatnonzero(drawn))
        if self.hills is not None and look.hills is not None:
            self.hills.paint(brush, look.hills)
        left, right = self.row.left - FRAME_PAD_PT * self.style.scale, self.row.right + FRAME_PAD_PT * self.style.scale
        for row in look.stand_out:
            low, high = places.tops[row] - places.height, places.tops[row]
            corners = np.array([[left, low], [right, low], [right, high], [left, high], [left, low]])
            brush.line(corners, FRAME_PT * self.style.scale, self.style.theme.ink, cap="projecting")

    def texts(self, look: LayersLook) -> tuple[str, ...]:
        title = (self.style.drawable(look.title),) if self.titled else ()
        zeros = () if self.hills is None or look.hills is None else self.hills.texts(look.hills)
        return (*title, *look.moved, *look.norms, *zeros)

    def _boxes(self, columns: int) -> np.ndarray:
        """Return left, bottom, width and height of the cells of the first columns, (columns * R, 4)."""
        places, count = self.places, len(self.cells)
        lefts = places.strips.left + places.strips.width * np.arange(columns) / count
        width = places.strips.width / count
        pixel = looks.POINTS_PER_INCH / self.style.dpi
        gap = min(0.8 * self.style.scale, 0.12 * width) // pixel * pixel  # a part of one would be seen here and there
        height = CELL_SHARE * places.height
        bottoms = places.middles - height / 2
        left, bottom = np.meshgrid(lefts, bottoms, indexing="ij")
        size = np.broadcast_to([width - gap, height], (*left.shape, 2))
        return np.concatenate([np.stack([left, bottom], axis=-1), size], axis=-1).reshape(-1, 4)


class LayersPanel:
    """The panel of one run's layers."""

    def __init__(
        self, history: History, scales: RowScales, box: Box, style: Style, options: Options, *, alone: bool = True
    ) -> None:
        """Choose places.

        Args:
            history: of the run.
            scales: over all runs of the picture.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            alone: whether title and legend stand in the panel.

        Raises:
            OptionError: the figure is too small.
        """
        self._history, self._scales, self._style = history, scales, style
        self._all: RowHistory = history.shown
        scale, size = style.scale, looks.TEXT_PT * style.scale
        blocks = widths_of_legends(history, scales, style) if alone else ()
        legend_boxes, legend_top = rows_of_blocks(box, blocks, scale)
        bottom = legend_top + 2.3 * size  # for the ticks below the strips
        top = box.top - (TITLE_HEIGHT_PT if alone else LINE_PT) * scale - 1.1 * size  # for the headings
        check_room(Box(box.left, bottom, box.width, top - bottom), options.figsize, scale)
        most = max(int((top - bottom) / max(LEAST_ROW_PT * scale, LEAST_ROW_READABLE_PT)), 1)
        groups = fold_rows(self._all.rows, most)
        self._groups = groups if groups is not None else [[row] for row in range(len(self._all.rows))]
        self._shown = self._all.fold(groups) if groups is not None else self._all
        rows = self._shown.rows
        height = min((top - bottom) / len(rows), MOST_ROW_PT * scale)
        text_pt = min(size, ROW_TEXT * height)
        label_share = LABEL_SHARE if scales.hills is None else LABEL_SHARE_BESIDE_HILLS
        names, text_pt, labels_pt = labels(rows, groups, text_pt, label_share * box.width, style)
        gap = COLUMN_GAP_PT * scale
        norm_pt = widest(WIDEST_NORM, norm_text, self._shown.norms, text_pt, style)
        norm_pt = max(norm_pt, style.wide(HEADINGS[2], SMALL_PRINT) * scale)
        left = box.left + labels_pt + gap
        bars_right = box.right - norm_pt - gap
        usual = WIDEST_PERCENT if scales.hills is None else "100 %"  # no more room than the run's own numbers take
        number_pt = widest(usual, percent, self._shown.relative_changes, text_pt, style)
        tops = top - height * np.arange(len(rows))
        share = BAR_SHARE if scales.hills is None else BAR_SHARE_BESIDE_HILLS
        bars_pt = share * box.width + number_pt
        bars = Box(bars_right - bars_pt, top - height * len(rows), bars_pt, height * len(rows))
        strips = Box(left, bars.bottom, bars.left - 1.5 * gap - left, bars.height)
        hills = None
        if scales.hills is not None:
            hills_pt = HILLS_SHARE * (strips.width - 1.5 * gap)
            strips = replace(strips, width=strips.width - hills_pt - 1.5 * gap)
            column = Box(strips.right + 1.5 * gap, strips.bottom, hills_pt, strips.height)
            bottoms = tops - (1 + CELL_SHARE) / 2 * height
            hills = Hills.placed(scales.hills, column, style, bottoms, CELL_SHARE * height, text_pt, SMALL_PRINT * size)
        places = LayersPlaces(strips, bars, number_pt, box.right, tops, height)
        cells = scales.moved.colors(self._shown.relative_changes, style.theme)
        small = size * SMALL_PRINT
        fits = [
            text
            for text in (
                each.format(since=history.since, against=history.against)
                for each in (APART if history.against else MOVED)
            )
            if wide_pt(text, small, style) <= strips.width + gap / 2
        ]
        heading = fits[0] if fits else ""
        tensors = {key for row in self._all.rows for key in row.keys}
        self.part: LayersPart = LayersPart(
            style=style,
            row=title_row(box, scale),
            places=places,
            names=names,
            name_size_pt=text_pt,
            cells=cells,
            ticks=ticks(history, strips.width, size * SMALL_PRINT, style),
            headings=(heading, *HEADINGS[1:]),
            remarks=tensors_in_rows(len(tensors), len(rows)),
            legends=legends_of(history, scales, legend_boxes, style),
            titled=alone,
            hills=hills,
        )

    @property
    def colors(self) -> np.ndarray:
        """The colours of its areas, (C, 3) uint8."""
        return area_colors(self._style.theme)

    @property
    def is_folded(self) -> bool:
        """Whether a row stands for several weights."""
        return self._shown is not self._all

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told: nothing."""
        return ()

    def meaning(self, place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Return how large every tensor is, and how far it has moved."""
        every = self._rows(self._all, place, in_ink)
        return {
            "rows": every,
            "folded_rows": every if self._shown is self._all else self._rows(self._shown, place, in_ink),
        }

    def look(self, frame: Frame) -> LayersLook:
        """Return what moves in a frame."""
        rows = frame.folded_rows
        assert rows is not None
        known = np.nan_to_num(rows.growth / self._scales.growth.domain, posinf=1.0)
        thinnest, thickest = BAR_THICKNESS
        return LayersLook(
            title=frame.title,
            column=self._history.place(frame.at).before,
            lengths=self._scales.moved.share(rows.relative_change),
            thickness=thinnest + (thickest - thinnest) * (np.clip(known, -1, 1) + 1) / 2,
            color=rows.color,
            moved=tuple(map(percent, rows.relative_change.tolist())),
            norms=tuple(map(norm_text, rows.norm.tolist())),
            stand_out=those_with(frame.moment, self._groups),
            hills=self._hills_look(rows),
        )

    def _hills_look(self, rows: Rows) -> HillsLook | None:
        if rows.magnitudes is None or self._scales.hills is None:
            return None
        return HillsLook.of(rows.magnitudes, self._scales.hills)

    def _rows(self, shown: RowHistory, place: RunPlace, in_ink: bool) -> Rows:
        theme = self._style.theme
        norm, moved, growth = (
            shown.at(values, place) for values in (shown.norms, shown.relative_changes, shown.growth)
        )
        color = theme.edge_colors(self._scales.growth(np.nan_to_num(growth)), COLORINGS[ByChange.name].ramp(theme))
        if in_ink:
            color[:] = theme.ink
        return Rows(shown.rows, norm, moved, growth, color, magnitudes_at(shown, place))


def those_with(moment: StandOut | None, groups: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the groups in which something stands out at a moment."""
    things = set() if moment is None else set(moment.things)
    return tuple(index for index, group in enumerate(groups) if things & set(group))


def words_of(history: History, _options: Options) -> list[str]:
    """Return the texts from the run that the panel writes."""
    shown: RowHistory = history.shown
    return [*(row.title for row in shown.rows), *history.titles]
