"""The panel of the map: a box for each weight in the cluster of its module, arrows where connections are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.coloring import COLORINGS, ByChange
from nnanim.design.layout import LINE_PT, TITLE_HEIGHT_PT, Box, check_room, rows_of_blocks, title_row
from nnanim.design.row_scales import RowScales, area_colors
from nnanim.design.style import Style
from nnanim.design.wording import weight_tensors
from nnanim.frames.boxes import BoxHistory
from nnanim.frames.frame import Boxes, Frame, Rows
from nnanim.frames.history import History
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.rows import RowHistory
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.painting.drawing import Drawing
from nnanim.panels.layers import those_with
from nnanim.panels.layers_legend import LayersLegend, wide_pt
from nnanim.panels.map_dot import map_dot
from nnanim.panels.map_labels import MapLabels, label_map
from nnanim.panels.map_layout import MapPlaces, place_map
from nnanim.panels.row_folding import fold_rows

SMALLEST_TEXT_PT = 4.6  # of a box's name; with smaller ones, boxes of a block are taken together
MOST_PLACED, MOST_ARROWS = 200, 1000  # boxes and arrows that Graphviz is asked to place
LESS = 0.8  # so many of the boxes are left then
BORDER_PT = (0.5, 4.0)  # of boxes whose norms have shrunk and grown most
REMARK_DROP_PT = 3.0
FRAME_PT, FRAME_GAP_PT = 1.6, 3.6  # around a box that stands out at a moment


@dataclass(frozen=True, eq=False)
class MapLook:
    """What moves in the panel.

    Attributes:
        title: text above the map.
        fill: (B, 3) uint8, of the boxes and then of the joins.
        stripes: for each box (K, 3) uint8, the colours of the blocks that it stands for, or its own.
        line: (B, 3) uint8, of their borders.
        line_pt: (B,) widths of their borders.
        stand_out: the boxes that stand out at a moment.
    """

    title: str
    fill: np.ndarray
    stripes: tuple[np.ndarray, ...]
    line: np.ndarray
    line_pt: np.ndarray
    stand_out: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class MapPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        places: of boxes, arrows and clusters.
        labels: names of boxes and clusters.
        remarks: small text beside the title.
        legend: its blocks; None where they stand elsewhere.
        titled: whether the title stands here.
    """

    style: Style
    row: Box
    places: MapPlaces
    labels: MapLabels
    remarks: str
    legend: LayersLegend | None
    titled: bool = True

    @property
    def text_places(self) -> tuple[Place, ...]:
        if not self.titled:
            return ()
        size = looks.TITLE_PT * self.style.scale
        return (Place(self.row.left, self.row.top, size, self.style.theme.ink, va="top"),)

    def paint_ground(self, brush: Brush) -> None:
        """Paint clusters, the remarks and the legend."""
        style, theme, scale = self.style, self.style.theme, self.style.scale
        order = np.argsort([-(right - left) * (top - bottom) for left, bottom, right, top in self.places.clusters_pt])
        for index in order.tolist():
            left, bottom, right, top = self.places.clusters_pt[index].tolist()
            brush.area(Box(left, bottom, right - left, top - bottom), self.style.theme.faint)
            corners = np.array([[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]])
            brush.line(corners, 0.6 * scale, theme.unchanged)
        size = looks.TEXT_PT * scale
        place = Place(self.row.right, self.row.top - REMARK_DROP_PT * scale, size, theme.muted, "right", "top")
        brush.text(place, style.drawable(self.remarks))
        if self.legend is not None:
            self.legend.paint(brush)

    def dot(self, name: str, look: MapLook) -> str:
        """Write the map as DOT, lengths in points."""
        muted, scale = self.style.theme.muted, self.style.scale
        return map_dot(name, self.places, look.stripes, look.line, look.line_pt, muted, scale)

    def paint(self, brush: Brush, look: MapLook, drawing: Drawing | None) -> None:
        """Paint arrows, names of clusters, boxes above them, and the names in these."""
        assert drawing is not None
        assert drawing.map is not None
        for curve, head in zip(drawing.map.curves, drawing.map.heads, strict=True):
            brush.curve(curve.points_pt, curve.line_pt, _shade(curve.line))
            brush.polygon(head.points_pt, head.line_pt, _shade(head.line), _shade(head.line))
        for place, name in self.labels.clusters:
            wide = wide_pt(name, place.size_pt, self.style)
            brush.area(Box(place.x, place.y - place.size_pt * 1.1, wide, place.size_pt * 1.1), self.style.theme.faint)
            brush.text(place, name)
        for box, stripes in zip(drawing.map.boxes, drawing.map.stripes, strict=True):
            if stripes:
                low = np.array([stripe.points_pt.min(axis=0) for stripe in stripes])
                size = np.array([np.ptp(stripe.points_pt, axis=0) for stripe in stripes])
                brush.areas(np.concatenate([low, size], axis=1), np.array([stripe.fill for stripe in stripes]))
            brush.polygon(box.points_pt, box.line_pt, _shade(box.line), None if box.fill is None else _shade(box.fill))
        for index in look.stand_out:
            self._frame(brush, drawing.map.boxes[index].points_pt)
        theme = self.style.theme
        for lines, fill, colors in zip(self.labels.boxes, look.fill, look.stripes, strict=True):
            on_fill = _readable_on(fill, theme.ink, theme.background) if len(colors) == 1 else theme.ink
            for x, y, size_pt, text in lines:
                if len(colors) > 1:  # no colour can be read on all of them
                    wide = wide_pt(text, size_pt, self.style) + 0.4 * size_pt
                    plate = Box(x - wide / 2, y - 0.6 * size_pt, wide, 1.2 * size_pt)
                    brush.area(plate, theme.background)
                brush.text(Place(x, y, size_pt, on_fill, "center", "center"), text)

    def _frame(self, brush: Brush, corners: np.ndarray) -> None:
        """Frame a box that stands out at a moment, with room between."""
        scale = self.style.scale
        (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
        across, up = np.array([left, right]), np.array([bottom, top])
        room = np.array([-1.0, 1.0]) * FRAME_GAP_PT * scale
        (left, right), (bottom, top) = across + room, up + room
        frame = np.array([[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]])
        brush.line(frame, FRAME_PT * scale, self.style.theme.ink, cap="projecting")

    def texts(self, look: MapLook) -> tuple[str, ...]:
        return (self.style.drawable(look.title),) if self.titled else ()


class MapPanel:
    """The panel of one run's map."""

    def __init__(
        self, history: History, scales: RowScales, box: Box, style: Style, options: Options, *, alone: bool = True
    ) -> None:
        """Let Graphviz place the boxes.

        Args:
            history: of the run.
            scales: over all runs of the picture.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            alone: whether title and legend stand in the panel.

        Raises:
            OptionError: the figure is too small.
            GraphvizError: Graphviz is missing or fails.
        """
        self._history, self._scales, self._style = history, scales, style
        scale = style.scale
        blocks = LayersLegend.widths(scales, history.since, style, history.against) if alone else ()
        legend_boxes, bottom = rows_of_blocks(box, blocks, scale)
        bottom += 0.4 * looks.TEXT_PT * scale
        head = TITLE_HEIGHT_PT * scale if alone else LINE_PT * scale
        room = Box(box.left, bottom, box.width, box.top - head - bottom)
        check_room(room, options.figsize, scale)
        every: BoxHistory = history.shown
        self._shown, places, labels = fold_until_readable(every, room, style, options)
        self.part: MapPart = MapPart(
            style,
            title_row(box, scale),
            places,
            labels,
            _remarks(every, self._shown, room.width, history.titles if alone else [""], style),
            LayersLegend(legend_boxes, scales, history.since, style, history.against) if alone else None,
            alone,
        )

    @property
    def colors(self) -> np.ndarray:
        """The colours of its areas, (C, 3) uint8."""
        return area_colors(self._style.theme)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told."""
        why = self._history.shown.why_no_arrows
        return (f"the map has no arrows: {why}",) if why else ()

    def meaning(self, place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Return how far every box has moved and how its norm grew."""
        shown, every = self._rows(self._shown.boxes, place, in_ink), self._rows(self._shown.weights, place, in_ink)
        groups = tuple(_some(every, group) for group in self._shown.groups)
        fill = self._scales.moved.colors(shown.relative_change, self._style.theme)
        arrows = self._shown.arrows
        stand_out = those_with(self._history.moment(place), self._shown.groups)
        boxes = Boxes(
            rows=shown.rows,
            norm=shown.norm,
            relative_change=shown.relative_change,
            growth=shown.growth,
            fill=fill,
            line=shown.color,
            arrows=arrows,
            groups=groups,
            stand_out=stand_out,
        )
        return {"boxes": boxes}

    def _rows(self, shown: RowHistory, place: RunPlace, in_ink: bool) -> Rows:
        theme = self._style.theme
        norm, moved, growth = (
            shown.at(values, place) for values in (shown.norms, shown.relative_changes, shown.growth)
        )
        line = theme.edge_colors(self._scales.growth(np.nan_to_num(growth)), COLORINGS[ByChange.name].ramp(theme))
        if in_ink:
            line[:] = theme.ink
        return Rows(shown.rows, norm, moved, growth, line)

    def look(self, frame: Frame) -> MapLook:
        """Return what moves in a frame."""
        boxes = frame.boxes
        assert boxes is not None
        known = np.clip(np.nan_to_num(boxes.growth / self._scales.growth.domain, posinf=1.0), -1, 1)
        thinnest, thickest = (width * self._style.scale for width in BORDER_PT)
        theme = self._style.theme
        stripes = tuple(
            self._scales.moved.colors(group.relative_change, theme) if repeats else fill[None]
            for group, repeats, fill in zip(boxes.groups, self._shown.are_repeats, boxes.fill, strict=True)
        )
        thickness = thinnest + (thickest - thinnest) * (known + 1) / 2
        joins = len(self._shown.joins)
        plain = np.tile(np.array(theme.background, np.uint8), (joins, 1))
        return MapLook(
            frame.title,
            np.concatenate([boxes.fill, plain]),
            (*stripes, *plain[:, None]),
            np.concatenate([boxes.line, np.tile(np.array(theme.muted, np.uint8), (joins, 1))]),
            np.concatenate([thickness, np.full(joins, 0.8 * self._style.scale)]),
            boxes.stand_out,
        )


def _some(rows: Rows, places: Sequence[int]) -> Rows:
    chosen = list(places)
    return Rows(
        tuple(rows.rows[place] for place in chosen),
        rows.norm[chosen],
        rows.relative_change[chosen],
        rows.growth[chosen],
        rows.color[chosen],
    )


def scales_of(histories: Sequence[History], _options: Options) -> RowScales:
    """Make one set of scales for all runs."""
    return RowScales.of_rows([history.shown.boxes for history in histories])


def words_of(history: History, _options: Options) -> list[str]:
    """Return the texts from the run that the panel writes."""
    return [*(row.title for row in history.shown.boxes.rows), *history.titles]


def fold_until_readable(
    every: BoxHistory, room: Box, style: Style, options: Options
) -> tuple[BoxHistory, MapPlaces, MapLabels]:
    """Take weights together until their names can be read: equal blocks first, then what blocks hold."""
    shown, is_folded = every, False
    while True:
        count = len(shown.boxes.rows)
        if count <= MOST_PLACED and len(shown.arrows) <= MOST_ARROWS:
            labels = label_map(shown, style)
            places = place_map(labels.graph, room, style.scale, options.engine)
            put = labels.put(places, style)
            if put.size_pt >= SMALLEST_TEXT_PT or count == 1:
                return shown, places, put
        if not is_folded:
            is_folded = True
            shown = every = every.fold_repeats()
            if len(shown.boxes.rows) < count:
                continue
        groups = fold_rows(every.boxes.rows, min(int(LESS * count), count - 1))
        assert groups is not None
        shown = every.fold(groups)


def _remarks(every: BoxHistory, shown: BoxHistory, room_pt: float, titles: Sequence[str], style: Style) -> str:
    """Say how many weights there are and of how many it is known what follows what, as far as it fits beside titles."""
    count, drawn = len(every.boxes.rows), len(shown.boxes.rows)
    known = len({box for arrow in every.arrows for box in arrow})
    text = weight_tensors(count)
    boxes = f" in {drawn} boxes" if drawn < count else ""
    arrows = "" if known == count else f", arrows of {known} known" if known else ", no arrows known"
    room_pt -= max(wide_pt(title, looks.TITLE_PT * style.scale, style) for title in titles)
    size = looks.TEXT_PT * style.scale
    for remark in (text + boxes + arrows, text + arrows, arrows[2:], text):
        if remark and wide_pt(remark, size, style) + size <= room_pt:
            return remark
    return ""


def _readable_on(fill: np.ndarray, ink: Shade, background: Shade) -> Shade:
    """Return the colour that can be read better on a box."""
    return max((ink, background), key=lambda color: _contrast(_luminance(np.array(color)), _luminance(fill)))


def _contrast(one: float, other: float) -> float:
    """Return the contrast ratio of two luminances, https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _luminance(color: np.ndarray) -> float:
    """Return the relative luminance of an sRGB colour, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    share = np.asarray(color) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _shade(color: np.ndarray) -> Shade:
    return float(color[0]), float(color[1]), float(color[2])
