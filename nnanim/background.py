"""What stays the same in every frame, as artists of a Matplotlib figure: axes, whole curves, captions, legend.

Everything is placed in points, so the same picture can be saved as vector graphics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from nnanim import theme as looks
from nnanim.fonts import drawable, text_width_pt
from nnanim.labels import Legend
from nnanim.layout import LINE_PT, Box, Layout
from nnanim.metrics import Curve, display_names
from nnanim.network import Network
from nnanim.theme import Color, Theme

RAMP_STEPS = 41
RAMP_PT = 54.0  # width of the bar of colours in the legend
SAMPLE_PT = 17.0  # length of a sample line in the legend
GAP_PT = 5.0
SMALL_PRINT = 0.87  # of the text's size
_BACKEND = ("backend", "interactive", "toolbar", "date.", "keymap.", "webagg.", "tk.", "animation.", "_internal")
SLACK = 1.01  # small letters are hinted to whole pixels and may come out wider than measured


# Whatever style the caller has set must not reach the picture: these count while figures are made, …
DEFAULTS: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if not name.startswith(_BACKEND)}
# … and these while they are painted, too.
PAINTING: dict[Any, Any] = {
    name: rcParamsDefault[name]
    for name in ("agg.path.chunksize", "path.effects", "path.sketch", "path.snap", "text.antialiased", "text.hinting")
} | {"path.simplify": False}


@dataclass(frozen=True, eq=False)
class Still:
    """All that stays the same in every frame.

    Attributes:
        layout: places of the panels.
        theme: colours.
        families: font families, the bundled one first.
        missing: characters that none of them can draw; a box stands in their place.
        network: nodes and edges, or None without their panel.
        captions: name and number of neurons for each column.
        labels: names of the input and of the output neurons that are shown; empty where none were given.
        remarks: small text beside the title.
        legend: what the legend says.
        ramp: (RAMP_STEPS, 3) uint8, the legend's colours for changes evenly spaced over the domain.
        curves: the metrics' curves, none without their panel.
    """

    layout: Layout
    theme: Theme
    families: tuple[str, ...]
    missing: str
    network: Network | None
    captions: Sequence[tuple[str, str]]
    labels: tuple[Sequence[str], Sequence[str]]
    remarks: str
    legend: Legend
    ramp: np.ndarray
    curves: Sequence[Curve]


def legend_widths(legend: Legend, families: tuple[str, ...]) -> tuple[float, ...]:
    """Measure the blocks of a legend, in points of a figure of the reference size."""

    def wide(text: str, factor: float = 1.0) -> float:
        return text_width_pt(text, looks.TEXT_PT * factor, families)

    widths = []
    if legend.ramp is not None:
        low, high = legend.ramp
        widths.append(max(wide(low) + wide(high) + RAMP_PT + 2 * GAP_PT, wide(legend.ramp_print, SMALL_PRINT)))
    samples = sum(wide(text) + SAMPLE_PT + 3.5 * GAP_PT for text, _ in legend.samples) - 2.5 * GAP_PT
    widths.append(max(samples, wide(legend.samples_print, SMALL_PRINT)))
    return tuple(SLACK * width for width in widths)


class Background:
    """A figure with all that stays the same, and the artists that change from frame to frame.

    Attributes:
        figure: the figure.
        canvas: its Agg canvas, on which the background is painted.
        points: from points to pixels.
        painted: the background's pixels, for `FigureCanvasAgg.restore_region`.
        style: Matplotlib's parameters while the figure is painted.
        axes: of the curves, the left one first; none without a curve.
        title: text above the network, not part of the background.
        values: for each curve the text of its value, not part of the background.
        passed: for each curve the line up to its dot, not part of the background.
        dots: for each curve its dot, not part of the background.
    """

    def __init__(self, figsize: tuple[float, float], dpi: float, still: Still) -> None:
        """Make the figure and paint the background.

        Args:
            figsize: width and height in inches.
            dpi: pixels per inch.
            still: all that stays the same.
        """
        self._still = still
        self._scale = still.layout.scale
        self.style: dict[Any, Any] = {
            **PAINTING,
            "font.family": list(still.families),
            "font.size": looks.TEXT_PT * self._scale,
            "axes.linewidth": 0.8 * self._scale,
            "text.usetex": False,
            "axes.unicode_minus": True,
            "axes.formatter.use_mathtext": False,
            "svg.fonttype": "path",
            "svg.hashsalt": "nnanim",
            "pdf.fonttype": 42,
        }
        with rc_context(DEFAULTS | self.style):
            self.figure = Figure(figsize=figsize, dpi=dpi, facecolor=_unit(still.theme.background))
            self.canvas = FigureCanvasAgg(self.figure)
            self.points = Affine2D().scale(dpi / looks.POINTS_PER_INCH)
            self.axes = self._add_curves()
            self._add_names()
            self._add_legend()
            self.values = self._add_curve_header()
            title = still.layout.title
            beside = title.top - 3 * self._scale
            self._text(title.right, beside, still.remarks, va="top", ha="right", color=still.theme.muted)
            self.canvas.draw()
            self.painted = self.canvas.copy_from_bbox(self.figure.bbox)
            self.title = self._text(title.left, title.top, "", size=looks.TITLE_PT, va="top", color=still.theme.ink)
            self.passed, self.dots = self._add_marks()

    def _add_curves(self) -> list[Axes]:
        box = self._still.layout.curve
        curves = self._still.curves
        if box is None or not curves:
            return []
        theme = self._still.theme
        width, height = (inches * looks.POINTS_PER_INCH for inches in self.figure.get_size_inches())
        left = self.figure.add_axes((box.left / width, box.bottom / height, box.width / width, box.height / height))
        left.set_facecolor("none")
        axes = [left]
        if any(curve.axis for curve in curves):
            axes.append(left.twinx())
        for side, each in enumerate(axes):
            for name, spine in each.spines.items():
                spine.set_visible(name in ("left", "bottom") if side == 0 else name == "right")
                spine.set_color(_unit(theme.muted))
            color = theme.muted if len(axes) == 1 else theme.curves[side]
            each.tick_params(axis="y", color=_unit(color), labelcolor=_unit(color), length=3 * self._scale)
            each.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        left.tick_params(axis="x", color=_unit(theme.muted), labelcolor=_unit(theme.muted), length=3 * self._scale)
        left.set_xlabel(curves[0].x_label, color=_unit(theme.ink))
        bins = max(2, int(box.width / (42 * self._scale)))
        left.xaxis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10], integer=True))
        for curve in curves:
            axes[curve.axis].plot(
                curve.x,
                curve.y,
                color=_blend(theme.curves[curve.axis], theme.background, 0.35),
                linewidth=looks.CURVE_PT * self._scale,
                linestyle=_line_style(curve),
            )
        if len(curves[0].x) == 1:  # a line through one point is invisible, and its limits would be arbitrary
            left.set_xlim(curves[0].x[0] - 1, curves[0].x[0] + 1)
        return axes

    def _add_curve_header(self) -> list[Text]:
        """Name the curves above them, each with a sample of its line; return the texts for their values."""
        box, theme = self._still.layout.curve_header, self._still.theme
        values = []
        names = display_names([curve.metric for curve in self._still.curves])
        for row, (curve, name) in enumerate(zip(self._still.curves, names, strict=True)):
            assert box is not None
            y = box.top - (row + 0.5) * LINE_PT * self._scale
            color = theme.curves[curve.axis]
            length = SAMPLE_PT * self._scale
            self.figure.add_artist(
                Line2D(
                    [box.left, box.left + length],
                    [y, y],
                    color=_unit(color),
                    linewidth=looks.CURVE_PT * self._scale,
                    linestyle=_line_style(curve),
                    transform=self.points,
                )
            )
            x = box.left + length + GAP_PT * self._scale
            widest = text_width_pt("100.0 % ", looks.TEXT_PT * self._scale, self._still.families)
            room = box.right - x - widest
            self._text(x, y, name, va="center", color=theme.ink, room=room)
            values.append((box.right, y))
        texts = []
        for x, y in values:
            text = self._text(x, y, "", va="center", ha="right", color=theme.ink)
            text.set_visible(False)  # painted with every frame, not with the background
            texts.append(text)
        return texts

    def _add_marks(self) -> tuple[list[Line2D], list[Line2D]]:
        theme, scale = self._still.theme, self._scale
        lines, dots = [], []
        for curve in self._still.curves:
            axes = self.axes[curve.axis]
            line = Line2D(
                [],
                [],
                color=_unit(theme.curves[curve.axis]),
                linewidth=looks.CURVE_PT * scale,
                linestyle=_line_style(curve),
            )
            dot = Line2D(
                [],
                [],
                marker="o",
                markersize=looks.DOT_PT * scale * (0.8 if curve.held_out else 1.0),
                markerfacecolor=_unit(theme.background if curve.held_out else theme.dot),
                markeredgecolor=_unit(theme.dot if curve.held_out else theme.background),
                markeredgewidth=(1.8 if curve.held_out else 1.0) * scale,
                linestyle="none",
                clip_on=False,
            )
            axes.add_line(line)
            axes.add_line(dot)
            lines.append(line)
            dots.append(dot)
        return lines, dots

    def _add_names(self) -> None:
        """Write captions below the columns, names beside the first and the last, and marks for what is left out."""
        network, theme, scale = self._still.network, self._still.theme, self._scale
        if network is None:
            return
        columns = [float(centers[0, 0]) for centers in network.centers_pt]
        layout = self._still.layout
        room = (columns[1] - columns[0]) * 0.94
        left, right = layout.title.left, layout.title.right
        for x, (name, count) in zip(columns, self._still.captions, strict=True):
            # The lower line is no wider than the upper one in most networks: both keep inside the panel on their own.
            for line, text, color in ((0, name, theme.ink), (1, count, theme.muted)):
                y = layout.captions_y - 0.9 * line * layout.line_pt
                artist = self._text(x, y, text, va="center", ha="center", color=color, room=room)
                half = text_width_pt(artist.get_text(), float(artist.get_fontsize()), self._still.families) / 2
                artist.set_x(min(max(x, left + half), right - half))
        for x, y in network.left_out_pt:
            for step in (-1, 0, 1):
                size = min(1.6 * scale, network.node_radius_pt)
                self.figure.add_artist(
                    Line2D(
                        [x],
                        [y + step * 2.4 * size],
                        marker="o",
                        markersize=size,
                        color=_unit(theme.muted),
                        markeredgewidth=0,
                        transform=self.points,
                    )
                )
        offset = network.node_radius_pt + network.ring_range_pt[1] / 2 + 4 * scale
        for column, names, side in ((0, self._still.labels[0], -1), (-1, self._still.labels[1], 1)):
            centers = network.centers_pt[column]
            gap = float(centers[0, 1] - centers[1, 1]) if len(centers) > 1 else 100.0
            size = min(looks.TEXT_PT, 0.95 * gap / scale)
            for name, (x, y) in zip(names, centers, strict=False):
                self._text(
                    x + side * offset,
                    y,
                    name,
                    va="center",
                    ha="right" if side < 0 else "left",
                    color=theme.ink,
                    size=size,
                )

    def _add_legend(self) -> None:
        """Explain colours in one block and widths in another, each with a line of small print."""
        legend, theme, scale = self._still.legend, self._still.theme, self._scale
        network = self._still.network
        if network is None:
            return
        boxes = list(self._still.layout.legend)
        if legend.ramp is not None:
            box = boxes.pop(0)
            upper, _ = self._legend_lines(box, legend.ramp_print)
            low, high = self._still.ramp[0], self._still.ramp[-1]
            text = self._text(box.left, upper, legend.ramp[0], va="center", color=_color(low))
            left = self._right_of(text) + GAP_PT * scale
            step = RAMP_PT * scale / len(self._still.ramp)
            for index, color in enumerate(self._still.ramp):
                self.figure.add_artist(
                    Rectangle(
                        (left + index * step, upper - 3.5 * scale),
                        step * 1.05,
                        7.0 * scale,
                        color=color / 255.0,
                        lw=0,
                        transform=self.points,
                    )
                )
            self._text(left + (RAMP_PT + GAP_PT) * scale, upper, legend.ramp[1], va="center", color=_color(high))
        box = boxes.pop(0)
        upper, _ = self._legend_lines(box, legend.samples_print)
        x = box.left
        thinnest, thickest = network.edge_range_pt
        for label, share in legend.samples:
            self.figure.add_artist(
                Line2D(
                    [x, x + SAMPLE_PT * scale],
                    [upper, upper],
                    color=_unit(theme.ink),
                    linewidth=thinnest + share * (thickest - thinnest),
                    solid_capstyle="butt",
                    transform=self.points,
                    snap=False,
                )
            )
            text = self._text(x + (SAMPLE_PT + GAP_PT) * scale, upper, label, va="center", color=theme.ink)
            x = self._right_of(text) + 2.5 * GAP_PT * scale

    def _legend_lines(self, box: Box, small_print: str) -> tuple[float, float]:
        upper, lower = box.bottom + 0.75 * box.height, box.bottom + 0.25 * box.height
        size = looks.TEXT_PT * SMALL_PRINT
        self._text(box.left, lower, small_print, va="center", size=size, color=self._still.theme.muted)
        return upper, lower

    def _text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        color: Color = (0, 0, 0),
        size: float = looks.TEXT_PT,
        ha: str = "left",
        va: str = "baseline",
        room: float | None = None,
    ) -> Text:
        """Add a text; where it is wider than its room it is set smaller, and cut where even that does not help."""
        size *= self._scale
        content = drawable(content, self._still.missing)
        if room is not None:
            wide = text_width_pt(content, size, self._still.families)
            size *= min(1.0, max(room / wide, 0.6)) if wide > 0 else 1.0
            while len(content) > 2 and text_width_pt(content, size, self._still.families) > room:
                content = content[:-2].rstrip() + "…"
        artist = Text(
            x,
            y,
            content,
            color=_unit(color),
            fontsize=size,
            ha=ha,
            va=va,
            transform=self.points,
            parse_math=False,  # a name from a file is text, not a formula
        )
        self.figure.add_artist(artist)
        return artist

    def _right_of(self, text: Text) -> float:
        extent = text.get_window_extent(self.canvas.get_renderer())
        right: float = self.points.inverted().transform((extent.x1, 0.0))[0]
        return right


def _line_style(curve: Curve) -> Literal["dashed", "solid"]:
    return "dashed" if curve.held_out else "solid"


def _color(color: np.ndarray) -> Color:
    return int(color[0]), int(color[1]), int(color[2])


def _unit(color: Color) -> tuple[float, float, float]:
    return color[0] / 255.0, color[1] / 255.0, color[2] / 255.0


def _blend(color: Color, background: Color, share: float) -> tuple[float, float, float]:
    red, green, blue = (share * c + (1 - share) * b for c, b in zip(_unit(color), _unit(background), strict=True))
    return red, green, blue
