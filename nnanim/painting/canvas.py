"""Frames painted with Agg on a background that is painted once, or saved one by one as vector graphics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import RendererAgg

from nnanim.design.fixed_parts import Still
from nnanim.design.fonts import drawable, font_of
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.frames.curves import value_text
from nnanim.painting.background import Background
from nnanim.painting.brush import Brush, Place, unit
from nnanim.painting.moving_text import Lettering
from nnanim.painting.xdot import Drawing

_BACKEND = ("backend", "interactive", "toolbar", "date.", "keymap.", "webagg.", "tk.", "animation.", "_internal")
# Whatever style the caller has set must not reach the picture: these count while it is painted, …
PAINTING: dict[Any, Any] = {
    name: rcParamsDefault[name]
    for name in ("agg.path.chunksize", "path.effects", "path.sketch", "path.snap", "text.antialiased", "text.hinting")
} | {"path.simplify": False}
# … and these, besides Matplotlib's own defaults, while it is saved.
SAVING: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "nnanim", "pdf.fonttype": 42}


class Canvas:
    """Paint frames of one size on one background."""

    def __init__(self, size_px: tuple[int, int], dpi: float, still: Still) -> None:
        """Paint the background.

        Args:
            size_px: width and height in pixels.
            dpi: pixels per inch.
            still: all that stays the same.
        """
        self._size_px, self._dpi, self._still = size_px, dpi, still
        self._behind = Background(still)
        with rc_context(PAINTING):
            renderer = RendererAgg(*size_px, dpi)
            self._image = np.asarray(renderer.buffer_rgba())  # the renderer's own memory
            self._image[:] = (*still.theme.background, 255)
            self._brush = Brush(renderer, dpi, still.families)
            self._behind.paint(self._brush)
            self._ground = self._image.copy()
            self._title = self._lettering(self._behind.title)
            self._values = [self._lettering(place) for place in self._behind.values]

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
        np.copyto(self._image, self._ground)
        self._paint_frame(self._brush, drawing, curve_x)
        image = self._image.copy()
        self._write(image, self._title, self._behind.title, drawable(title, self._still.missing))
        for lettering, place, (metric, value) in zip(self._values, self._behind.values, metrics.items(), strict=True):
            self._write(image, lettering, place, value_text(metric, value))
        return image[:, :, :3]

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
        """Save one frame as a still, ``"svg"``, ``"pdf"`` or ``"png"``."""
        from matplotlib.artist import Artist
        from matplotlib.figure import Figure

        canvas = self

        class Picture(Artist):
            def draw(self, renderer: Any) -> None:
                brush = Brush(renderer, self.figure.dpi, canvas._still.families)
                canvas._behind.paint(brush)
                canvas._paint_frame(brush, drawing, curve_x)
                brush.text(canvas._behind.title, drawable(title, canvas._still.missing))
                for place, (metric, value) in zip(canvas._behind.values, metrics.items(), strict=True):
                    brush.text(place, value_text(metric, value))

        defaults = {name: value for name, value in rcParamsDefault.items() if not name.startswith(_BACKEND)}
        with rc_context(defaults | PAINTING | SAVING):
            figsize = self._size_px[0] / self._dpi, self._size_px[1] / self._dpi
            figure = Figure(figsize=figsize, dpi=self._dpi, facecolor=unit(self._still.theme.background))
            figure.add_artist(Picture())
            metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
            figure.savefig(path, format=file_format, transparent=transparent, metadata=metadata)

    def _paint_frame(self, brush: Brush, drawing: Drawing | None, curve_x: float) -> None:
        if drawing is not None:
            # Strong edges on top; equal ones in their own order, so that both engines give the same picture.
            order = np.argsort(drawing.width_pt, kind="stable")
            brush.lines(drawing.segments_pt[order], drawing.width_pt[order], drawing.color[order])
            brush.circles(drawing.circles_pt, drawing.circle_fill, drawing.circle_line, drawing.circle_line_pt)
        if self._behind.chart is not None:
            self._behind.chart.paint_marks(brush, curve_x)

    def _lettering(self, place: Place) -> Lettering:
        return Lettering(font_of(self._still.families), place.size_pt, self._dpi, place.color)

    def _write(self, image: np.ndarray, lettering: Lettering, place: Place, content: str) -> None:
        x, y = (length * self._dpi / POINTS_PER_INCH for length in (place.x, place.y))
        lettering.paint(image, content, x, image.shape[0] - y, right=place.ha == "right", va=place.va)
