"""Frames painted with Agg on a background that is painted once; the same artists can be saved as vector graphics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.lines import Line2D
from matplotlib.text import Text

from nnanim import theme as looks
from nnanim.background import Background, Still
from nnanim.brush import Brush, Lettering
from nnanim.fonts import drawable, font_of
from nnanim.metrics import Curve, value_text
from nnanim.xdot import Drawing


class Canvas:
    """Paint frames of one size on one background."""

    def __init__(self, figsize: tuple[float, float], dpi: float, still: Still) -> None:
        """Paint the background.

        Args:
            figsize: width and height in inches.
            dpi: pixels per inch.
            still: all that stays the same.
        """
        self._still = still
        self._behind = Background(figsize, dpi, still)
        with rc_context(self._behind.style):
            self._letterings = {text: self._lettering(text) for text in (self._behind.title, *self._behind.values)}
        self._brush = Brush(self._behind.canvas.get_renderer(), dpi)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._behind.canvas.get_width_height()

    def paint(self, drawing: Drawing | None, title: str, curve_x: float, metrics: dict[str, float]) -> np.ndarray:
        """Paint one frame.

        Args:
            drawing: the network as Graphviz drew it, or None without its panel.
            title: text above the network.
            curve_x: where the dots are; NaN for no dots.
            metrics: values in the log's units.

        Returns:
            (H, W, 3) uint8.
        """
        self._behind.canvas.restore_region(self._behind.painted)
        if drawing is not None:
            order = _painting_order(drawing)
            self._brush.lines(drawing.segments_pt[order], drawing.width_pt[order], drawing.color[order])
            self._brush.circles(drawing.circles_pt, drawing.circle_fill, drawing.circle_line, drawing.circle_line_pt)
        for line in zip(self._still.curves, self._behind.passed, self._behind.dots, strict=True):
            self._paint_marks(*line, curve_x)
        image = np.array(self._behind.canvas.buffer_rgba())
        self._write(image, self._behind.title, drawable(title, self._still.missing))
        for text, (metric, value) in zip(self._behind.values, metrics.items(), strict=True):
            self._write(image, text, value_text(metric, value))
        return image[:, :, :3]

    def _paint_marks(self, curve: Curve, line: Line2D, dot: Line2D, curve_x: float) -> None:
        x, y = curve.until(curve_x)
        axes = self._behind.axes[curve.axis]
        points = axes.transData.transform(np.stack([x, y], axis=1))
        color, width = to_rgba(line.get_color()), line.get_linewidth()
        self._brush.curve(points, width, color, axes.bbox, dashed=curve.held_out)
        if np.isfinite(y[-1]):
            center = points[-1] * looks.POINTS_PER_INCH / self._behind.figure.dpi
            circle = np.array([[*center, dot.get_markersize() / 2]])
            fill, rim = to_rgb(dot.get_markerfacecolor()), to_rgb(dot.get_markeredgecolor())
            self._brush.circles(circle, _bytes(fill), _bytes(rim), np.array([dot.get_markeredgewidth()]))

    def _lettering(self, text: Text) -> Lettering:
        font = font_of(self._still.families)
        return Lettering(font, float(text.get_fontsize()), self._behind.figure.dpi, _bytes(to_rgb(text.get_color()))[0])

    def _write(self, image: np.ndarray, text: Text, content: str) -> None:
        x, y = text.get_transform().transform(text.get_position())
        right, va = text.get_horizontalalignment() == "right", text.get_verticalalignment()
        self._letterings[text].paint(image, content, x, image.shape[0] - y, right=right, va=va)

    def save(
        self,
        path: Path,
        file_format: str,
        drawing: Drawing | None,
        title: str,
        curve_x: float,
        metrics: dict[str, float],
        *,
        transparent: bool,
    ) -> None:
        """Save one frame as a still, ``"svg"``, ``"pdf"`` or ``"png"``. The canvas cannot be used again."""
        with rc_context(self._behind.style):
            for artist in self._frame_artists(drawing, title, curve_x, metrics):
                if artist.axes is None and artist not in self._behind.figure.artists:
                    self._behind.figure.add_artist(artist)
            metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
            self._behind.figure.savefig(path, format=file_format, transparent=transparent, metadata=metadata)

    def _frame_artists(
        self, drawing: Drawing | None, title: str, curve_x: float, metrics: dict[str, float]
    ) -> Iterator[Artist]:
        if drawing is not None:
            yield from self._network_artists(drawing)
        self._behind.title.set_text(drawable(title, self._still.missing))
        yield self._behind.title
        if self._still.curves:
            for text, (metric, value) in zip(self._behind.values, metrics.items(), strict=True):
                text.set_text(value_text(metric, value))
                text.set_visible(True)
                yield text
        for curve, passed, dot in zip(self._still.curves, self._behind.passed, self._behind.dots, strict=True):
            x, y = curve.until(curve_x)
            passed.set_data(x, y)
            yield passed
            if np.isfinite(y[-1]):
                dot.set_data(x[-1:], y[-1:])
                yield dot

    def _network_artists(self, drawing: Drawing) -> tuple[LineCollection, EllipseCollection]:
        order = _painting_order(drawing)
        edges = LineCollection(
            list(drawing.segments_pt[order]),
            linewidths=drawing.width_pt[order],
            colors=drawing.color[order] / 255.0,
            transform=self._behind.points,
            capstyle="butt",
            snap=False,  # snapping to pixels would change the width of level edges
            antialiaseds=True,
            zorder=2,
        )
        diameters = 2 * drawing.circles_pt[:, 2]
        nodes = EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(diameters)),
            units="points",
            offsets=drawing.circles_pt[:, :2],
            offset_transform=self._behind.points,
            facecolors=drawing.circle_fill / 255.0,
            edgecolors=drawing.circle_line / 255.0,
            linewidths=drawing.circle_line_pt,
            antialiaseds=True,
            zorder=3,
        )
        for artist in (edges, nodes):
            artist.set_figure(self._behind.figure)
        return edges, nodes


def _painting_order(drawing: Drawing) -> np.ndarray:
    # Strong edges on top; equal ones in their own order, so that both engines give the same picture.
    order: np.ndarray = np.argsort(drawing.width_pt, kind="stable")
    return order


def _bytes(color: tuple[float, float, float]) -> np.ndarray:
    table: np.ndarray = np.rint(255 * np.array([color])).astype(np.uint8)
    return table
