"""Several runs in one picture: a panel for each, over one set of scales and one legend, beside the curves of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from nnanim.design import wording
from nnanim.design.coloring import COLORINGS, Coloring
from nnanim.design.fonts import load_font, missing_glyphs
from nnanim.design.layout import LINE_PT, MARGIN_PT, MAX_SCALE, MIN_SCALE, Box, arrange, cells, rows_of_blocks
from nnanim.design.row_scales import RowScales
from nnanim.design.scales import IntensityScale
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH, Ramp, theme_of_runs
from nnanim.frames.frame import TogetherFrame
from nnanim.frames.history import History
from nnanim.frames.together import Together
from nnanim.options import Options
from nnanim.painting.brush import Brush
from nnanim.painting.part import Ground, Part, Sheet
from nnanim.painting.xdot import Drawing
from nnanim.panels.difference import Difference
from nnanim.panels.dots import DotsPart, Spread, height_of_dots
from nnanim.panels.figure import ROUNDING
from nnanim.panels.layers import LayersPanel
from nnanim.panels.layers_legend import LayersLegend
from nnanim.panels.legend import LegendBlocks, legend_widths, ramp_bar
from nnanim.panels.network import NetworkPanel, NetworkScales
from nnanim.panels.run_curves import RunCurvesPanel, name_color
from nnanim.panels.run_header import make_headers
from nnanim.panels.title import TitlePanel, height_of_title
from nnanim.panels.views import View

CURVE_SHARE = 0.36  # of the width: names stand beside the curves
PANEL_PT = (270.0, 200.0)  # of a run, for sizes as in a figure of one run
ROW_LINES = 1.6  # height of the line above a panel, in lines of text
LEGEND_GAP = 0.6  # above the legend, in lines of text
THINNEST_PX = 0.49  # width of a zero weight at most
FIRST = "its first snapshot"  # where runs do not begin at the same time


class Legend(Protocol):
    """A legend in its place."""

    def paint(self, brush: Brush) -> None:
        """Paint it."""


@dataclass(frozen=True, eq=False)
class LegendPart:
    """One legend for all panels."""

    legend: Legend

    @property
    def text_places(self) -> tuple[()]:
        return ()

    def paint_ground(self, brush: Brush) -> None:
        """Paint all of it: it stays the same."""
        self.legend.paint(brush)

    def dot(self, _name: str, _look: Any) -> None:
        """Nothing: a legend is no drawing of a network."""
        return

    def paint(self, _brush: Brush, _look: Any, _drawing: Drawing | None) -> None:
        """Nothing moves."""

    def texts(self, _look: Any) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Multiples:
    """The panels of a picture of several runs.

    Attributes:
        style: of the whole.
        parts: in the order in which they are painted.
        looks: for each part, what it paints of a frame.
        views: the panel of each run; none where only curves are shown.
        size_px: width and height in whole pixels.
        notes: what a user should be told.
    """

    style: Style
    parts: tuple[Part, ...]
    looks: tuple[Callable[[TogetherFrame], Any], ...]
    views: tuple[Any, ...]
    size_px: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def ground(self) -> Ground:
        """What stays the same in every frame."""
        return Ground(self.size_px, self.style, self.parts)

    def sheet(self, frame: TogetherFrame) -> Sheet:
        """Return what moves in a frame."""
        return Sheet(frame.index, tuple(look(frame) for look in self.looks))


def make_multiples(
    together: Together,
    view: View,
    scales: Any,
    options: Options,
    spreads: Sequence[Spread] = (),
    difference: Difference | None = None,
) -> Multiples:
    """Place the panels of runs.

    Args:
        together: the runs.
        view: how their networks are shown.
        scales: of that view, over all runs.
        options: the user's choices.
        spreads: statistics of the groups whose first runs these are; none where there are no groups.
        difference: what is coloured instead of changes or signs.

    Raises:
        OptionError: the figure is too small, or the labels do not fit a network.
    """
    families = load_font(options.font)
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    has_curves = any(history.curves for history in together.histories)
    shown = options.panels if has_curves else "network"
    scale = arrange(width_pt, height_pt, shown).scale
    below = height_of_dots(len(together.names) if spreads else 0, scale)
    above = height_of_title(options.title, scale)
    layout = arrange(width_pt, height_pt - above - below, shown, CURVE_SHARE).raised(below)
    words = [word for history in together.histories for word in view.words_of(history, options)]
    missing = missing_glyphs([*words, *together.names, together.metric or "", options.title], families)
    style = Style(theme_of_runs(options.theme, options.palette), families, missing, layout.scale, options.dpi)
    parts: list[Part] = []
    looks: list[Callable[[TogetherFrame], Any]] = []
    views: Sequence[Any] = ()
    if options.title:
        parts.append(TitlePanel(options.title, style, (width_pt, height_pt)).part)
        looks.append(lambda _frame: None)
    if layout.curve is not None:
        curves = RunCurvesPanel(together, layout.curve, style, options, titled=layout.view is None)
        parts.append(curves.part)
        looks.append(curves.look)
    if layout.view is not None:
        boxes, legend, views = _place_views(together, view, scales, layout.view, style, options, difference)
        parts.append(LegendPart(legend))
        looks.append(lambda _frame: None)
        titles = [together.titles(run) for run in range(len(views))]
        headers = make_headers(together.names, titles, [_head(box, style) for box in boxes], style)
        for run, (header, panel) in enumerate(zip(headers, views, strict=True)):
            for each in (header, panel):
                parts.append(each.part)
                looks.append(_of_run(each.look, run))
    if spreads:
        margin = MARGIN_PT * style.scale
        room = Box(margin, margin, width_pt - 2 * margin, below - margin)
        parts.append(DotsPart(spreads, together.names, room, replace(style, scale=scale)))
        looks.append(lambda _frame: None)
    notes = [f"the font has no glyph for {missing!r}: name a font file that has with --font"] if missing else []
    width_px, height_px = (int(inches * options.dpi + ROUNDING) for inches in options.figsize)
    return Multiples(style, tuple(parts), tuple(looks), tuple(views), (width_px, height_px), tuple(notes))


def _of_run(look: Callable[[Any], Any], run: int) -> Callable[[TogetherFrame], Any]:
    return lambda frame: look(frame.runs[run])


def _head(box: Box, style: Style) -> Box:
    height = ROW_LINES * LINE_PT * style.scale
    return Box(box.left, box.top - height, box.width, height)


def _place_views(
    together: Together,
    view: View,
    scales: Any,
    box: Box,
    style: Style,
    options: Options,
    difference: Difference | None,
) -> tuple[tuple[Box, ...], Legend, Sequence[Any]]:
    """Return a box for each run, the legend below all, and in each box, below its first line, the run's panel."""
    since = list(dict.fromkeys(history.since for history in together.histories))
    histories = [replace(history, since=since[0] if len(since) == 1 else FIRST) for history in together.histories]
    kind = KINDS[view.name]
    tint = Tint(COLORINGS[options.color], scales.colors[options.color]) if isinstance(scales, NetworkScales) else None
    if difference is not None:
        tint = Tint(difference.coloring, difference.edges)
    blocks, top = rows_of_blocks(box, kind.widths(histories, scales, tint, style), style.scale)
    bottom = top + LEGEND_GAP * LINE_PT * style.scale
    gap = 1.5 * MARGIN_PT * style.scale
    room = Box(box.left, bottom, box.width, box.top - bottom)
    boxes = cells(room, len(histories), gap, PANEL_PT[0] / PANEL_PT[1], POINTS_PER_INCH / style.dpi)
    head = _head(boxes[0], style).height
    inner = [Box(each.left, each.bottom, each.width, each.height - head) for each in boxes]
    factor = min(inner[0].width / PANEL_PT[0], inner[0].height / PANEL_PT[1])
    own = replace(style, scale=min(max(min(factor, style.scale), MIN_SCALE), MAX_SCALE))
    panels = kind.panels(histories, scales, inner, own, options)
    return boxes, kind.legend(histories, scales, tint, blocks, panels, style), panels


@dataclass(frozen=True, eq=False)
class Tint:
    """What the colours of a network's edges stand for, and their scale."""

    coloring: Coloring
    scale: IntensityScale


@dataclass(frozen=True)
class Kind:
    """How a view is shown for several runs.

    Attributes:
        widths: of the blocks of its legend.
        panels: makes a panel in each box, without title and legend.
        legend: makes the legend of all.
    """

    widths: Callable[[Sequence[History], Any, Any, Style], tuple[float, ...]]
    panels: Callable[[Sequence[History], Any, Sequence[Box], Style, Options], Sequence[Any]]
    legend: Callable[[Sequence[History], Any, Any, tuple[Box, ...], Sequence[Any], Style], Legend]


def _network_words(histories: Sequence[History], scales: NetworkScales, tint: Tint) -> wording.Legend:
    # The run that has most snapshots says whether there are changes, one with plain weights how they are called.
    longest = max(histories, key=len)
    plain = next((each for each in histories if not each.shown.only_norms), longest)
    legend = wording.make_legend(plain.shown, scales.widths, tint.scale, scales.rings, plain.since, tint.coloring)
    return replace(legend, ramp=tint.coloring.ends if tint.coloring.is_explained(len(longest)) else None)


def _network_widths(histories: Sequence[History], scales: NetworkScales, tint: Tint, style: Style) -> tuple[float, ...]:
    return legend_widths(_network_words(histories, scales, tint), style)


def _network_panels(
    histories: Sequence[History], scales: NetworkScales, boxes: Sequence[Box], style: Style, options: Options
) -> list[NetworkPanel]:
    def make(ranges: Any = None) -> list[NetworkPanel]:
        return [
            NetworkPanel(history, scales, box, style, options, alone=False, ranges_pt=ranges)
            for history, box in zip(histories, boxes, strict=True)
        ]

    # A weight is as thick in every panel: as where there is least room.
    nodes = [panel.part.nodes for panel in make()]
    edges, rings = (
        (min(low for low, _ in ranges), min(high for _, high in ranges))
        for ranges in ([each.edge_range_pt for each in nodes], [each.ring_range_pt for each in nodes])
    )
    # Twice the weight is twice as thick but for what a zero weight has: less than half a pixel.
    thinnest = min(edges[0], THINNEST_PX * POINTS_PER_INCH / style.dpi)
    return make(((thinnest, edges[1]), rings))


def _network_legend(
    histories: Sequence[History],
    scales: NetworkScales,
    tint: Tint,
    blocks: tuple[Box, ...],
    panels: Sequence[NetworkPanel],
    style: Style,
) -> Legend:
    bar = ramp_bar(tint.scale, tint.coloring.ramp(style.theme), style)
    words = _network_words(histories, scales, tint)
    return LegendBlocks(words, blocks, bar, panels[0].part.nodes.edge_range_pt, style)


def _layers_widths(histories: Sequence[History], scales: RowScales, _tint: None, style: Style) -> tuple[float, ...]:
    return LayersLegend.widths(scales, histories[0].since, style)


def _layers_panels(
    histories: Sequence[History], scales: RowScales, boxes: Sequence[Box], style: Style, options: Options
) -> list[LayersPanel]:
    return [
        LayersPanel(history, scales, box, style, options, alone=False)
        for history, box in zip(histories, boxes, strict=True)
    ]


def _layers_legend(
    histories: Sequence[History],
    scales: RowScales,
    _tint: None,
    blocks: tuple[Box, ...],
    _panels: Sequence[LayersPanel],
    style: Style,
) -> Legend:
    return LayersLegend(blocks, scales, histories[0].since, style)


KINDS = {
    "network": Kind(_network_widths, _network_panels, _network_legend),
    "layers": Kind(_layers_widths, _layers_panels, _layers_legend),
}


def palette_of(figure: Multiples, runs: int, ramp: Ramp) -> np.ndarray:
    """Return the colours of an indexed picture of so many runs, (C, 3) uint8, see `nnanim.design.theme`."""
    theme = figure.style.theme
    lines = theme.curves[:runs]
    names = tuple((round(red), round(green), round(blue)) for red, green, blue in (name_color(c, theme) for c in lines))
    areas = next((each.colors for each in figure.views if isinstance(each, LayersPanel)), None)
    return replace(theme, curves=lines + names).gif_palette(ramp, areas)
