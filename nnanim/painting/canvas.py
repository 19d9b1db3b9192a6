"""Frames painted with Agg on a background that is painted once, or saved one by one as vector graphics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import RendererAgg

from nnanim.design.fonts import font_of
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.painting.brush import Brush, Place, unit
from nnanim.painting.drawing import Drawing
from nnanim.painting.moving_text import MovingText
from nnanim.painting.part import Ground, Sheet

Drawings = Sequence[Drawing | None]  # one for each part of a figure

_BACKEND = ("backend", "interactive", "toolbar", "date.", "keymap.", "webagg.", "tk.", "animation.", "_internal")
# Whatever style the caller has set must not reach the picture: these count while it is painted, …
PAINTING: dict[Any, Any] = {
    name: rcParamsDefault[name]
    for name in ("agg.path.chunksize", "path.effects", "path.sketch", "path.snap", "text.antialiased", "text.hinting")
} | {"path.simplify": False}
# … and these, besides Matplotlib's own defaults, while it is saved.
SAVING: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "nnanim", "pdf.fonttype": 42}


class Canvas:
    """Paint frames of one size on one ground."""

    def __init__(self, ground: Ground) -> None:
        """Paint the ground."""
        self._ground = ground
        style, (width, height) = ground.style, ground.size_px
        with rc_context(PAINTING):
            renderer = RendererAgg(width, height, style.dpi)
            self._image = np.asarray(renderer.buffer_rgba())  # the renderer's own memory
            self._image[:] = (*style.theme.background, 255)
            self._brush = Brush(renderer, style.dpi, style.families)
            self._paint_ground(self._brush)
            self._empty = self._image.copy()
            self._texts = [[self._moving_text(place) for place in part.text_places] for part in ground.parts]

    def paint(self, drawings: Drawings, sheet: Sheet) -> np.ndarray:
        """Paint one frame.

        Args:
            drawings: what Graphviz drew of each part.
            sheet: what moves.

        Returns:
            (H, W, 3) uint8.
        """
        np.copyto(self._image, self._empty)
        self._paint_parts(self._brush, drawings, sheet)
        image = self._image.copy()
        for part, look, texts in zip(self._ground.parts, sheet.looks, self._texts, strict=True):
            for moving, place, text in zip(texts, part.text_places, part.texts(look), strict=True):
                self._write(image, moving, place, text)
        return image[:, :, :3]

    def save(self, path: Path, file_format: str, drawings: Drawings, sheet: Sheet, *, transparent: bool) -> None:
        """Save one frame as a still, ``"svg"``, ``"pdf"`` or ``"png"``."""
        from matplotlib.artist import Artist
        from matplotlib.figure import Figure

        canvas, style = self, self._ground.style

        class Picture(Artist):
            def draw(self, renderer: Any) -> None:
                brush = Brush(renderer, self.figure.dpi, style.families)
                canvas._paint_ground(brush)
                canvas._paint_parts(brush, drawings, sheet)
                for part, look in zip(canvas._ground.parts, sheet.looks, strict=True):
                    for place, text in zip(part.text_places, part.texts(look), strict=True):
                        brush.text(place, text)

        defaults = {name: value for name, value in rcParamsDefault.items() if not name.startswith(_BACKEND)}
        with rc_context(defaults | PAINTING | SAVING):
            width, height = (length / style.dpi for length in self._ground.size_px)
            figure = Figure(figsize=(width, height), dpi=style.dpi, facecolor=unit(style.theme.background))
            figure.add_artist(Picture())
            metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
            figure.savefig(path, format=file_format, transparent=transparent, metadata=metadata)

    def _paint_ground(self, brush: Brush) -> None:
        for part in self._ground.parts:
            part.paint_ground(brush)

    def _paint_parts(self, brush: Brush, drawings: Drawings, sheet: Sheet) -> None:
        for part, look, drawing in zip(self._ground.parts, sheet.looks, drawings, strict=True):
            part.paint(brush, look, drawing)

    def _moving_text(self, place: Place) -> MovingText:
        style = self._ground.style
        return MovingText(font_of(style.families), place.size_pt, style.dpi, place.color)

    def _write(self, image: np.ndarray, moving: MovingText, place: Place, content: str) -> None:
        x, y = (length * self._ground.style.dpi / POINTS_PER_INCH for length in (place.x, place.y))
        moving.paint(image, content, x, image.shape[0] - y, right=place.ha == "right", va=place.va)
