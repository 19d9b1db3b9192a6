"""The panel of the network: neurons as nodes in columns, weights as edges, their names, and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design import wording
from nnanim.design.cell_scales import CellScales, palette
from nnanim.design.coloring import COLORINGS, Coloring, check_has_sign
from nnanim.design.layout import LINE_PT, MARGIN_PT, TITLE_HEIGHT_PT, Box, check_room, rows_of_blocks, title_row
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.errors import OptionError
from nnanim.frames.frame import Edges, Frame, Nodes, Tiles
from nnanim.frames.history import History, Place
from nnanim.frames.weights import Weights
from nnanim.options import Options
from nnanim.painting.brush import Brush
from nnanim.painting.brush import Place as TextPlace
from nnanim.painting.drawing import Drawing
from nnanim.panels.captions import caption_line, fitting
from nnanim.panels.legend import LegendBlocks, legend_widths, ramp_bar
from nnanim.panels.network_dot import dot_source
from nnanim.panels.node_places import NodePlaces
from nnanim.panels.tiles import paint_tiles, place_tiles

CAPTION_LINE = 0.9  # distance of a caption's two lines, in lines of text
LEGEND_GAP = 1.5  # from the legend up to the middle of the captions' upper line, in lines of text
NAME_GAP_PT = 4.0  # between a node and its name
NAME_PAD_PT = 8.0  # between a name and the edge of the panel
REMARK_DROP_PT = 3.0  # below the top of the title
REMARK_GAP_PT = 10.0  # between title and remarks

Range = tuple[float, float]  # from the least to the most


@dataclass(frozen=True, eq=False)
class NetworkScales:
    """From numbers to looks, over all runs that stand in a picture.

    Attributes:
        widths: |weight| to a share of the widths.
        rings: |bias| to a share of the outlines' widths, or None where no biases are shown.
        colors: for each colouring by name, the number of an edge to intensity.
        ring_colors: the same for the number of a node.
        tiles: of the weights that are shown as pictures; None where there are none.
    """

    widths: WidthScale
    rings: WidthScale | None
    colors: dict[str, IntensityScale]
    ring_colors: dict[str, IntensityScale]
    tiles: CellScales | None = None

    @classmethod
    def of_runs(cls, histories: Sequence[History], options: Options) -> NetworkScales:
        """Make one set of scales for all runs.

        Raises:
            OptionError: colours would stand for signs, and the edges have none.
        """
        runs: list[Weights] = [history.shown for history in histories]
        only_norms = all(run.only_norms and run.tiles is None for run in runs)
        check_has_sign(COLORINGS[options.color], only_norms=only_norms)
        groups = runs[0].selection.layer if options.scale == "layer" else None
        values, changes, biases, bias_changes = (
            _pooled([getattr(getattr(run, things), numbers) for run in runs])
            for things in ("edges", "biases")
            for numbers in ("values", "changes")
        )
        widths = WidthScale.of_run(values, groups=groups)
        rings = WidthScale.of_run(biases) if options.bias and np.isfinite(biases).any() else None
        return cls(
            widths,
            rings,
            {name: coloring.scale(widths, changes, groups) for name, coloring in COLORINGS.items()},
            {name: coloring.scale(rings or widths, bias_changes) for name, coloring in COLORINGS.items()},
            CellScales.of_cells([run.tiles.cells for run in runs if run.tiles is not None], options),
        )


def _pooled(numbers: list[np.ndarray]) -> np.ndarray:
    return numbers[0] if len(numbers) == 1 else np.concatenate([each.ravel() for each in numbers])[None]


@dataclass(frozen=True, eq=False)
class NetworkLook:
    """What moves in the panel.

    Attributes:
        title: text above the network.
        edge_pt: (E,) widths of the edges in points.
        edge_color: (E, 3) uint8.
        ring_pt: (N,) widths of the nodes' outlines in points.
        ring_color: (N, 3) uint8.
        tile_color: (U, rows, columns, 3) uint8, of pictures of weights; None where there are none.
        stand_out: (E,) whether an edge stands out at a moment, the others paler; None where all are alike.
    """

    title: str
    edge_pt: np.ndarray
    edge_color: np.ndarray
    ring_pt: np.ndarray
    ring_color: np.ndarray
    tile_color: np.ndarray | None = None
    stand_out: np.ndarray | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        nodes: places of the nodes and edges.
        captions: name and number of neurons for each column.
        captions_y: middle of their upper line.
        names: of the input and of the output neurons that are shown; empty where none were given.
        remarks: small text beside the title, and its size in points.
        legend: what colours and widths mean; None where it stands elsewhere.
        titled: whether the title stands here.
    """

    style: Style
    row: Box
    nodes: NodePlaces
    captions: Sequence[tuple[str, str]]
    captions_y: float
    names: tuple[Sequence[str], Sequence[str]]
    remarks: tuple[str, float]
    legend: LegendBlocks | None
    titled: bool = True

    @property
    def text_places(self) -> tuple[TextPlace, ...]:
        size = looks.TITLE_PT * self.style.scale
        if not self.titled:
            return ()
        return (TextPlace(self.row.left, self.row.top, size, self.style.theme.ink, va="top"),)

    def paint_ground(self, brush: Brush) -> None:
        """Paint captions, names, legend and remarks."""
        self._paint_captions(brush)
        self._paint_names(brush)
        if self.legend is not None:
            self.legend.paint(brush)
        style, row = self.style, self.row
        text, size = self.remarks
        place = TextPlace(row.right, row.top - REMARK_DROP_PT * style.scale, size, style.theme.muted, "right", "top")
        brush.text(place, style.drawable(text))

    def dot(self, name: str, look: NetworkLook) -> str:
        """Write the network as DOT, lengths in points."""
        node = self.style.theme.node
        return dot_source(name, self.nodes, look.edge_pt, look.edge_color, look.ring_pt, look.ring_color, node)

    def paint(self, brush: Brush, look: NetworkLook, drawing: Drawing | None) -> None:
        """Paint the edges, strong ones on top, and the nodes."""
        assert drawing is not None
        # Equal ones in their own order, so that both engines give the same picture.
        order = np.argsort(drawing.width_pt, kind="stable")
        if look.stand_out is not None:
            order = order[np.argsort(look.stand_out[order], kind="stable")]
        brush.lines(drawing.segments_pt[order], drawing.width_pt[order], drawing.color[order], who=order)
        brush.circles(drawing.circles_pt, drawing.circle_fill, drawing.circle_line, drawing.circle_line_pt)
        if self.nodes.tiles is not None and look.tile_color is not None:
            paint_tiles(brush, self.nodes.tiles, drawing, look.tile_color, self.style)

    def texts(self, look: NetworkLook) -> tuple[str, ...]:
        return (self.style.drawable(look.title),) if self.titled else ()

    def _paint_captions(self, brush: Brush) -> None:
        """Write captions below the columns, and marks for what is left out."""
        style, scale, muted = self.style, self.style.scale, self.style.theme.muted
        columns = [float(centers[:, 0].min() + centers[:, 0].max()) / 2 for centers in self.nodes.centers_pt]
        # The lower line is no wider than the upper one in most networks: both keep inside the panel on their own.
        for line, contents, color in zip(
            (0, 1), zip(*self.captions, strict=True), (style.theme.ink, muted), strict=True
        ):
            y = self.captions_y - CAPTION_LINE * line * LINE_PT * scale
            for middle, text, size in caption_line(columns, contents, (self.row.left, self.row.right), style):
                brush.text(TextPlace(middle, y, size, color, "center", "center"), text)
        size = min(1.6 * scale, self.nodes.node_radius_pt)
        marks = [[x, y + step * 2.4 * size, size / 2] for x, y in self.nodes.left_out_pt for step in (-1, 0, 1)]
        if marks:
            colors = np.array([muted] * len(marks))
            brush.circles(np.array(marks), colors, colors, np.zeros(len(marks)))

    def _paint_names(self, brush: Brush) -> None:
        """Write names beside the first and the last column."""
        scale, ink = self.style.scale, self.style.theme.ink
        radius, ring = self.nodes.node_radius_pt, self.nodes.ring_range_pt[1]
        if self.nodes.tiles is not None and len(self.nodes.centers_pt) == 2:
            radius, ring = self.nodes.tiles.box_pt[0] / 2, self.nodes.tiles.ring_range_pt[1]
        offset = radius + ring / 2 + NAME_GAP_PT * scale
        for column, names, side in ((0, self.names[0], -1), (-1, self.names[1], 1)):
            centers = self.nodes.centers_pt[column]
            gap = float(centers[0, 1] - centers[1, 1]) if len(centers) > 1 else 100.0 * scale
            size = min(looks.TEXT_PT * scale, 0.95 * gap)
            for name, (x, y) in zip(names, centers, strict=False):
                place = TextPlace(
                    float(x) + side * offset, float(y), size, ink, "right" if side < 0 else "left", "center"
                )
                brush.text(place, name)


class NetworkPanel:
    """The panel of one run's network."""

    def __init__(
        self,
        history: History,
        scales: NetworkScales,
        box: Box,
        style: Style,
        options: Options,
        *,
        alone: bool = True,
        ranges_pt: tuple[Range, Range] | None = None,
    ) -> None:
        """Choose places.

        Args:
            history: of the run.
            scales: over all runs of the picture.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            alone: whether title and legend stand in the panel.
            ranges_pt: widths of the thinnest and the thickest edge and outline, where several panels share them.

        Raises:
            OptionError: the figure is too small, or the labels do not fit the network.
        """
        self._history, self._scales, self._style = history, scales, style
        self._coloring: Coloring = COLORINGS[options.color]
        self._shown: Weights = history.shown
        names = neuron_names(self._shown, options)
        drawable = [style.drawable(name) for name in names[0]], [style.drawable(name) for name in names[1]]
        legend = wording.make_legend(
            self._shown, scales.widths, scales.colors[options.color], scales.rings, history.since, self._coloring
        )
        if scales.tiles is not None:
            legend = wording.with_tiles(legend, self._shown, scales.tiles, self._coloring, options.ending)
        scale, line = style.scale, LINE_PT * style.scale
        blocks, legend_top = rows_of_blocks(box, legend_widths(legend, style) if alone else (), scale)
        captions_y = legend_top + (LEGEND_GAP if alone else CAPTION_LINE + 0.5) * line
        bottom = captions_y + CAPTION_LINE * line
        left, right = (
            max(MARGIN_PT, max(map(style.wide, side)) + NAME_PAD_PT if side else 0.0) * scale for side in drawable
        )
        beside = max(style.wide(title, looks.TITLE_PT / looks.TEXT_PT) for title in history.titles) + REMARK_GAP_PT
        remarks = fitting(wording.ways_to_remark(self._shown), box.width - (beside * scale if alone else 0.0), style)
        head = TITLE_HEIGHT_PT * scale if alone else line if remarks[0] else 0.0
        top = box.top - head
        inner = Box(box.left + left, bottom, box.width - left - right, top - bottom)
        check_room(inner, options.figsize, scale)
        nodes = NodePlaces.fill(self._shown.selection, inner, scale)
        tiles = self._shown.tiles
        if tiles is not None:
            nodes = place_tiles(nodes, self._shown.selection, tiles.plan, inner, style, in_rows=not names[1])
        if ranges_pt is not None:
            nodes = replace(nodes, edge_range_pt=ranges_pt[0], ring_range_pt=ranges_pt[1])
        self._widths = scales.widths.over(nodes.edge_range_pt)
        self._rings = scales.rings and scales.rings.over(nodes.ring_range_pt)
        bar = ramp_bar(scales.colors[options.color], self._coloring.ramp(style.theme), style)
        self.part: NetworkPart = NetworkPart(
            style=style,
            row=title_row(box, scale) if alone else Box(box.left, top, box.width, head),
            nodes=nodes,
            captions=wording.captions(self._shown),
            captions_y=captions_y,
            names=drawable,
            remarks=remarks,
            legend=LegendBlocks(legend, blocks, bar, nodes.edge_range_pt, style) if alone else None,
            titled=alone,
        )

    @property
    def colors(self) -> np.ndarray | None:
        """The colours of pictures of weights, (C, 3) uint8; None where there are none."""
        if self._scales.tiles is None:
            return None
        theme = self._style.theme
        return np.concatenate([palette(theme, self._coloring.ramp(theme)), np.array([theme.faint], np.uint8)])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told: nothing."""
        return ()

    def meaning(self, place: Place, *, in_ink: bool) -> dict[str, Any]:
        """Return what is drawn of the edges and of the nodes."""
        in_ink = in_ink and self._coloring.ends_in_ink
        return {
            "edges": self._edges(place, in_ink),
            "nodes": self._nodes(place, in_ink),
            "tiles": self._tiles(place, in_ink or not self._coloring.is_explained(len(self._history))),
        }

    def look(self, frame: Frame) -> NetworkLook:
        """Return what moves in a frame."""
        points = POINTS_PER_INCH / self._style.dpi
        edges, nodes = frame.edges, frame.nodes
        tiles = None if frame.tiles is None else frame.tiles.color
        color, stand_out = edges.color, None
        if frame.moment is not None and frame.moment.things:
            stand_out = np.zeros(len(color), dtype=bool)
            stand_out[list(frame.moment.things)] = True
            color = np.where(stand_out[:, None], color, self._style.theme.paler(color))
        return NetworkLook(
            frame.title, edges.width_px * points, color, nodes.ring_px * points, nodes.color, tiles, stand_out
        )

    def _tiles(self, place: Place, in_ink: bool) -> Tiles | None:
        tiles, scales, theme = self._shown.tiles, self._scales.tiles, self._style.theme
        if tiles is None or scales is None:
            return None
        value, change = tiles.cells.at(place), tiles.cells.change_at(place)
        number = self._coloring.number(value, change)
        ramp = self._coloring.ramp(theme)
        return tiles.shown(
            value, change, scales.of_ink(value, theme) if in_ink else scales.of_colors(number, theme, ramp)
        )

    def _edges(self, place: Place, in_ink: bool) -> Edges:
        shown, selection, theme = self._shown, self._shown.selection, self._style.theme
        weight, change = shown.edges.at(place), shown.edges.change_at(place)
        intensity = self._scales.colors[self._coloring.name](self._coloring.number(weight, change, shown.has_sign))
        color = theme.edge_colors(intensity, self._coloring.ramp(theme))
        if in_ink:
            color[:] = theme.ink
        tails, heads = (
            np.concatenate(
                [selection.nodes[layer + step][ends[selection.layer == layer]] for layer in range(len(shown.names))]
            )
            for step, ends in ((0, selection.tail), (1, selection.head))
        )
        return Edges(selection.layer, tails, heads, weight, change, self._px(self._widths(weight)), color)

    def _nodes(self, place: Place, in_ink: bool) -> Nodes:
        shown, theme = self._shown, self._style.theme
        bias = shown.biases.at(place)
        change = np.nan_to_num(shown.biases.change_at(place))
        if self._rings is None:
            bias = np.full_like(bias, nan)
        has = np.isfinite(bias)
        number = np.where(has, self._coloring.number(np.nan_to_num(bias), change), 0)
        color = theme.ring_colors(self._scales.ring_colors[self._coloring.name](number), self._coloring.ramp(theme))
        if in_ink:
            color[:] = theme.ink
        color[~has] = theme.muted
        ring_pt = np.full(len(bias), self.part.nodes.ring_range_pt[0])
        if self._rings is not None:
            ring_pt = np.where(has, self._rings(np.nan_to_num(bias)), ring_pt)
            if (tiles := self.part.nodes.tiles) is not None:
                own = slice(len(shown.selection.nodes[1]))
                bordered = self._rings.over(tiles.ring_range_pt)(np.nan_to_num(bias[own]))
                ring_pt[own] = np.where(has[own], bordered, tiles.ring_range_pt[0])
        nodes = shown.selection.nodes
        layer = np.concatenate([np.full(len(column), index) for index, column in enumerate(nodes)])
        return Nodes(layer, np.concatenate(nodes), bias, change, self._px(ring_pt), color)

    def _px(self, lengths_pt: np.ndarray) -> np.ndarray:
        return np.asarray(lengths_pt * self._style.dpi / POINTS_PER_INCH)


def words_of(history: History, options: Options) -> list[str]:
    """Return the texts from the run and from the user that the panel writes."""
    names = neuron_names(history.shown, options)
    return [*names[0], *names[1], *history.shown.names, *history.titles]


def neuron_names(weights: Weights, options: Options) -> tuple[list[str], list[str]]:
    """Return the names of the shown input and output neurons.

    Raises:
        OptionError: there are more or fewer names than neurons.
    """
    shown = []
    for which, names, column in (("input", options.input_labels, 0), ("output", options.output_labels, -1)):
        size = weights.selection.sizes[column]
        if names and len(names) != size:
            raise OptionError(f"{len(names)} {which} labels for {size} {which} neurons (give one for each)")
        shown.append([names[neuron] for neuron in weights.selection.nodes[column]] if names else [])
    return shown[0], shown[1]
