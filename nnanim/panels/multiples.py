"""Several runs in one picture: a panel for each, over one set of scales and one legend, beside the curves of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnanim.design.fonts import load_font, missing_glyphs
from nnanim.design.layout import (
    LINE_PT,
    MARGIN_PT,
    MAX_SCALE,
    MIN_SCALE,
    REFERENCE_PT,
    Box,
    arrange,
    cells,
    rows_of_blocks,
)
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH, TEXT_PT, Ramp, pick_theme, theme_of_runs
from nnanim.frames.frame import TogetherFrame
from nnanim.frames.together import Together
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing
from nnanim.painting.part import Ground, Part, Sheet
from nnanim.panels.beside import KINDS, Legend
from nnanim.panels.difference import Difference
from nnanim.panels.dots import DotsPart, Spread, height_of_dots
from nnanim.panels.figure import ROUNDING
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.legend import SMALL_PRINT
from nnanim.panels.matrix_legend import USUAL_BLOCKS_PT
from nnanim.panels.run_curves import RunCurvesPanel, name_color
from nnanim.panels.run_header import make_headers
from nnanim.panels.title import TitlePanel, height_of_title
from nnanim.panels.views.view import View

CURVE_SHARE = 0.36  # of the width: names stand beside the curves
PANEL_PT = (270.0, 200.0)  # of a run, for sizes as in a figure of one run
LEAST_SHARE = 0.45  # of the sizes around the panels, in them: smaller texts could not be read
ROW_LINES = 1.6  # height of the line above a panel, in lines of text
LEGEND_GAP = 0.6  # above the legend, in lines of text
FIRST = "its first snapshot"  # where runs do not begin at the same time


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
class RemarkBlock:
    """Two lines in the row of the legend's blocks: what is to be known of the runs before they are held together.

    Attributes:
        lines: a short one, and what it means.
        style: of the figure.
        box: where they stand.
    """

    lines: tuple[str, str]
    style: Style
    box: Box

    @staticmethod
    def width(lines: tuple[str, str], style: Style) -> float:
        """Measure it in points of a figure of the reference size."""
        sizes = (TEXT_PT * style.scale, SMALL_PRINT * TEXT_PT * style.scale)
        return max(wide_pt(line, size, style) for line, size in zip(lines, sizes, strict=True)) / style.scale

    def paint(self, brush: Brush) -> None:
        """Paint both lines."""
        style, size = self.style, TEXT_PT * self.style.scale
        upper, lower = self.box.bottom + 0.75 * self.box.height, self.box.bottom + 0.25 * self.box.height
        brush.text(Place(self.box.left, upper, size, style.theme.ink, va="center"), style.drawable(self.lines[0]))
        small = Place(self.box.left, lower, SMALL_PRINT * size, style.theme.muted, va="center")
        brush.text(small, style.drawable(self.lines[1]))


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
    drawn: str = "",
    remark: tuple[str, str] | None = None,
) -> Multiples:
    """Place the panels of runs.

    Args:
        together: the runs.
        view: how their networks are shown.
        scales: of that view, over all runs.
        options: the user's choices.
        spreads: statistics of the groups whose first runs these are; none where there are no groups.
        difference: what is coloured instead of changes or signs.
        drawn: which run of each group is drawn, in words.
        remark: what is to be known of the runs, a short line and what it means.

    Raises:
        OptionError: the figure is too small, or the labels do not fit a network.
    """
    families = load_font(options.font)
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    has_curves = any(history.curves for history in together.histories)
    shown = options.panels if has_curves else "network"
    scale = scale_of_width(width_pt)
    below = height_of_dots(spreads, scale)
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
        boxes, legends, views = _place_views(together, view, scales, layout.view, style, options, difference, remark)
        for legend in legends:
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
        parts.append(DotsPart(spreads, together.names, room, replace(style, scale=scale), drawn))
        looks.append(lambda _frame: None)
    notes = [f"{together.names[run]}: {note}" for run, panel in enumerate(views) for note in panel.notes]
    notes += [f"the font has no glyph for {missing!r}: name a font file that has with --font"] if missing else []
    width_px, height_px = (int(inches * options.dpi + ROUNDING) for inches in options.figsize)
    return Multiples(style, tuple(parts), tuple(looks), tuple(views), (width_px, height_px), tuple(notes))


def scale_of_width(width_pt: float) -> float:
    """Return the factor for the sizes of what takes the whole width, however high the figure is."""
    return min(max(width_pt / REFERENCE_PT[0], MIN_SCALE), MAX_SCALE)


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
    remark: tuple[str, str] | None,
) -> tuple[tuple[Box, ...], list[Legend], Sequence[Any]]:
    """Return a box for each run, what stands below all, and in each box, below its first line, the run's panel."""
    since = list(dict.fromkeys(history.since for history in together.histories))
    shown = together.histories if difference is None else difference.histories
    histories = [replace(history, since=since[0] if len(since) == 1 else FIRST) for history in shown]
    beside = KINDS[view.name](histories, scales, style, options, difference)
    widths = beside.widths if remark is None else (*beside.widths, RemarkBlock.width(remark, style))
    # Of matrices fewer would be shown below larger names.
    room = _divide(box, widths, len(histories), style, 0.0 if view.name == "matrix" else LEAST_SHARE)
    panels = beside.panels(room.inner, replace(style, scale=room.scale))
    legends: list[Legend] = [beside.legend(room.blocks[: len(beside.widths)])]
    if remark is not None:
        legends.append(RemarkBlock(remark, style, room.blocks[-1]))
    return room.boxes, legends, panels


@dataclass(frozen=True)
class _Room:
    """Where panels stand beside each other.

    Attributes:
        boxes: one for each run.
        inner: the same below their first lines.
        blocks: of the legend below all.
        scale: of sizes within the panels.
    """

    boxes: tuple[Box, ...]
    inner: tuple[Box, ...]
    blocks: tuple[Box, ...]
    scale: float


def _divide(box: Box, widths: Sequence[float], count: int, style: Style, least_share: float = 0.0) -> _Room:
    blocks, top = rows_of_blocks(box, widths, style.scale)
    bottom = top + LEGEND_GAP * LINE_PT * style.scale
    gap = 1.5 * MARGIN_PT * style.scale
    room = Box(box.left, bottom, box.width, box.top - bottom)
    boxes = cells(room, count, gap, PANEL_PT[0] / PANEL_PT[1], POINTS_PER_INCH / style.dpi)
    head = _head(boxes[0], style).height
    inner = tuple(Box(each.left, each.bottom, each.width, each.height - head) for each in boxes)
    factor = min(inner[0].width / PANEL_PT[0], inner[0].height / PANEL_PT[1])
    least = max(MIN_SCALE, least_share * style.scale)
    return _Room(boxes, inner, blocks, min(max(min(factor, style.scale), least), MAX_SCALE))


def room_of_matrices(options: Options, count: int, *, has_curves: bool, below_pt: float) -> tuple[Box, float]:
    """Return about the room for the matrices of each of some runs, and the scale of sizes there, before they are read.

    Args:
        options: the user's choices.
        count: of the runs.
        has_curves: whether curves stand beside them.
        below_pt: height of what stands below all.
    """
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    shown = options.panels if has_curves and options.panels != "curve" else "network"
    above_pt = height_of_title(options.title, scale_of_width(width_pt))
    layout = arrange(width_pt, height_pt - below_pt - above_pt, shown, CURVE_SHARE)
    style = Style(pick_theme(options.theme, options.palette), load_font(None), "", layout.scale, options.dpi)
    assert layout.view is not None
    room = _divide(layout.view, USUAL_BLOCKS_PT, count, style)
    return room.inner[0], room.scale


def palette_of(figure: Multiples, runs: int, ramp: Ramp) -> np.ndarray:
    """Return the colours of an indexed picture of so many runs, (C, 3) uint8, see `nnanim.design.theme`."""
    theme = figure.style.theme
    lines = theme.curves[:runs]
    names = tuple((round(red), round(green), round(blue)) for red, green, blue in (name_color(c, theme) for c in lines))
    areas = next((each.colors for each in figure.views if each.colors is not None), None)
    return replace(theme, curves=lines + names).gif_palette(ramp, areas)
