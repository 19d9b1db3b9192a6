"""One Matplotlib figure for both panels, painted with Agg.

What never changes (axes, the whole curve, captions, legend) is painted once and kept as a background; a frame restores
it and adds its own lines, nodes, dot and title. Everything is an artist of the figure, in points, so the same picture
can be saved as vector graphics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from nnanim import theme as looks
from nnanim.graphviz_engine import Drawing
from nnanim.layout import LINE_PT, Layout
from nnanim.metrics import Curve
from nnanim.network import Network
from nnanim.scales import ChangeScale, WidthScale
from nnanim.theme import Theme

# Whatever style the caller has set must not reach the picture.
STYLE: dict[Any, Any] = {
    "font.family": [looks.FONT_FAMILY],
    "font.size": looks.TEXT_PT,
    "axes.linewidth": 0.8,
    "path.simplify": False,
    "text.usetex": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
}


@dataclass(frozen=True)
class Legend:
    """What the legend says.

    Attributes:
        widths: the scale of the edges' widths.
        changes: the scale of their colours, or None where nothing can have changed.
        since: what the change is measured against, e.g. ``"epoch 10"``.
    """

    widths: WidthScale
    changes: ChangeScale | None
    since: str


class Canvas:
    """Paint frames of one size with one background."""

    def __init__(
        self,
        figsize: tuple[float, float],
        dpi: float,
        layout: Layout,
        theme: Theme,
        network: Network,
        captions: Sequence[str],
        legend: Legend,
        curve: Curve | None,
    ) -> None:
        """Paint the background.

        Args:
            figsize: width and height in inches.
            dpi: pixels per inch.
            layout: places of the panels.
            theme: colours.
            network: gives the columns their captions' places.
            captions: one text for each column of nodes.
            legend: what the legend says.
            curve: the metric, or None for a network alone.
        """
        with rc_context(STYLE):
            self._figure = Figure(figsize=figsize, dpi=dpi, facecolor=_unit(theme.background))
            self._canvas = FigureCanvasAgg(self._figure)
            self._theme = theme
            self._layout = layout
            self._points = Affine2D().scale(dpi / looks.POINTS_PER_INCH)
            self._curve = curve
            self._axes = self._add_curve(curve) if curve is not None else None
            for text, centers in zip(captions, network.centers_pt, strict=True):
                self._text(centers[0, 0], layout.captions_y, text, ha="center", va="center", color=theme.muted)
            self._add_legend(legend)
            self._canvas.draw()
            self._background = self._canvas.copy_from_bbox(self._figure.bbox)
            self._title = self._text(
                layout.title.left, layout.title.top, "", size=looks.TITLE_PT, va="top", color=theme.ink
            )
            self._values = self._text(layout.title.right, layout.title.top, "", va="top", ha="right", color=theme.muted)
            self._passed, self._dot = self._add_marks()

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._canvas.get_width_height()

    def paint(self, drawing: Drawing, title: str, values: str, mark: tuple[float, float] | None) -> np.ndarray:
        """Paint one frame.

        Args:
            drawing: the network as Graphviz drew it.
            title: text above the network.
            values: small text beside the title.
            mark: where the dot is, in the curve's units; None or NaN for no dot.

        Returns:
            (H, W, 3) uint8.
        """
        with rc_context(STYLE):
            self._canvas.restore_region(self._background)
            for artist in self._network_artists(drawing):
                self._figure.draw_artist(artist)
            for text, content in ((self._title, title), (self._values, values)):
                text.set_text(content)
                self._figure.draw_artist(text)
            if self._axes is not None and self._curve is not None and mark is not None:
                passed = self._curve.x <= mark[0]
                self._passed.set_data(self._curve.x[passed], self._curve.y[passed])
                self._dot.set_data([mark[0]], [mark[1]])
                self._figure.draw_artist(self._passed)
                if np.isfinite(mark[1]):
                    self._figure.draw_artist(self._dot)
            return np.array(np.asarray(self._canvas.buffer_rgba())[:, :, :3])

    def _network_artists(self, drawing: Drawing) -> tuple[LineCollection, EllipseCollection]:
        # Strong edges on top; equal ones in their own order, so that both engines give the same picture.
        order = np.argsort(drawing.width_pt, kind="stable")
        edges = LineCollection(
            list(drawing.segments_pt[order]),
            linewidths=drawing.width_pt[order],
            colors=drawing.color[order] / 255.0,
            transform=self._points,
            capstyle="butt",
            snap=False,  # snapping to pixels would change the width of level edges
        )
        diameters = 2 * drawing.circles_pt[:, 2]
        nodes = EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(diameters)),
            units="points",
            offsets=drawing.circles_pt[:, :2],
            offset_transform=self._points,
            facecolors=drawing.circle_fill / 255.0,
            edgecolors=drawing.circle_line / 255.0,
            linewidths=drawing.circle_line_pt,
        )
        for artist in (edges, nodes):
            artist.set_figure(self._figure)
        return edges, nodes

    def _add_curve(self, curve: Curve) -> Axes:
        box = self._layout.curve
        assert box is not None
        width, height = (inches * looks.POINTS_PER_INCH for inches in self._figure.get_size_inches())
        axes = self._figure.add_axes((box.left / width, box.bottom / height, box.width / width, box.height / height))
        theme = self._theme
        axes.set_facecolor(_unit(theme.background))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(_unit(theme.muted))
        axes.tick_params(colors=_unit(theme.muted), labelcolor=_unit(theme.muted))
        axes.set_xlabel(curve.x_label, color=_unit(theme.ink))
        axes.set_title(curve.label, loc="left", fontsize=looks.TEXT_PT, color=_unit(theme.ink), pad=10)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        axes.plot(curve.x, curve.y, color=_blend(theme.curve, theme.background, 0.35), linewidth=looks.CURVE_PT)
        return axes

    def _add_marks(self) -> tuple[Line2D, Line2D]:
        theme = self._theme
        passed = Line2D([], [], color=_unit(theme.curve), linewidth=looks.CURVE_PT)
        dot = Line2D(
            [],
            [],
            marker="o",
            markersize=looks.DOT_PT,
            color=_unit(theme.dot),
            markeredgecolor=_unit(theme.background),
            markeredgewidth=1.0,
            linestyle="none",
            clip_on=False,
        )
        if self._axes is not None:
            self._axes.add_line(passed)
            self._axes.add_line(dot)
        return passed, dot

    def _add_legend(self, legend: Legend) -> None:
        """Explain colours on the left and widths on the right, each with a line of small print."""
        box, theme = self._layout.legend, self._theme
        upper, lower = box.bottom + 1.5 * LINE_PT, box.bottom + 0.5 * LINE_PT
        if legend.changes is not None:
            end = self._text(box.left, upper, "weakened", va="center", color=theme.weakened)
            left = self._right_of(end) + 6.0
            domain = legend.changes.domain
            ramp = theme.edge_colors(legend.changes(np.linspace(-domain, domain, 41)))
            for index, color in enumerate(ramp):
                self._figure.add_artist(
                    Rectangle(
                        (left + index * 1.6, upper - 3.5), 1.7, 7.0, color=color / 255.0, lw=0, transform=self._points
                    )
                )
            self._text(left + 41 * 1.6 + 6.0, upper, "strengthened", va="center", color=theme.strengthened)
            print_ = f"|w| since {legend.since}, full at ±{_short(domain)}"
            self._text(box.left, lower, print_, va="center", color=theme.muted)
        x = box.left + 0.58 * box.width
        for share in (0.1, 0.5, 1.0):
            weight = share * legend.widths.domain
            width = float(legend.widths(np.array(weight)))
            self._figure.add_artist(
                Line2D(
                    [x, x + 22.0],
                    [upper, upper],
                    color=_unit(theme.ink),
                    linewidth=width,
                    solid_capstyle="butt",
                    transform=self._points,
                )
            )
            label = self._text(x + 26.0, upper, _short(weight), va="center", color=theme.ink)
            x = self._right_of(label) + 12.0
        small = f"|w|, full width at {_short(legend.widths.domain)}"
        self._text(box.left + 0.58 * box.width, lower, small, va="center", color=theme.muted)

    def _text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        color: tuple[int, int, int],
        size: float = looks.TEXT_PT,
        ha: str = "left",
        va: str = "baseline",
    ) -> Text:
        artist = Text(
            x,
            y,
            content,
            color=_unit(color),
            fontsize=size,
            ha=ha,
            va=va,
            transform=self._points,
            parse_math=False,  # a name from a file is text, not a formula
        )
        self._figure.add_artist(artist)
        return artist

    def _right_of(self, text: Text) -> float:
        extent = text.get_window_extent(self._canvas.get_renderer())
        right: float = self._points.inverted().transform((extent.x1, 0.0))[0]
        return right


def _unit(color: tuple[int, int, int]) -> tuple[float, float, float]:
    return color[0] / 255.0, color[1] / 255.0, color[2] / 255.0


def _blend(color: tuple[int, int, int], background: tuple[int, int, int], share: float) -> tuple[float, float, float]:
    red, green, blue = (share * c + (1 - share) * b for c, b in zip(_unit(color), _unit(background), strict=True))
    return red, green, blue


def _short(value: float) -> str:
    return f"{value:.2g}"
