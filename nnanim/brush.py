"""Paint what changes from frame to frame straight with Agg: lines, circles and short texts, without an artist for each.

Matplotlib's artists would give the same picture and spend most of their time on what never changes. The operations are
those of `matplotlib.backend_bases.RendererBase`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg, get_hinting_flag
from matplotlib.ft2font import FT2Font
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform

from nnanim.theme import POINTS_PER_INCH, Color

UNIT_LINE = Path(np.array([[0.0, 0.0], [1.0, 0.0]]))
UNIT_CIRCLE = Path.unit_circle()
SOLID = [(0.0, None)]
DASHES = (3.7, 1.6)  # dash and gap in widths of the line, as `lines.dashed_pattern`
NOTHING = np.zeros((0, 4))
# One character for each digit and one piece of text between two: few pieces make all numbers.
PIECES = re.compile(r"\d|\D+")


class Brush:
    """Paint on an Agg renderer. Lengths and places are in points from the lower left corner, y up."""

    def __init__(self, renderer: RendererAgg, dpi: float) -> None:
        self._renderer: Any = renderer  # the hints of its base class do not know arrays
        self._to_px = Affine2D().scale(dpi / POINTS_PER_INCH)
        self._same = IdentityTransform()
        self._more: dict[str, Any] = {}
        if matplotlib.__version_info__ >= (3, 11):
            self._more["hatchcolors"] = NOTHING

    def lines(self, ends: np.ndarray, widths: np.ndarray, colors: np.ndarray) -> None:
        """Paint straight lines in their order, (N, 2, 2), widths (N,), colours (N, 3) uint8, ends cut off square."""
        context = self._renderer.new_gc()
        context.set_capstyle("butt")
        context.set_snap(False)  # snapping to pixels would change the width of level lines
        begin, way = ends[:, 0], ends[:, 1] - ends[:, 0]
        forms = np.zeros((len(ends), 3, 3))  # each takes the unit line to its place
        forms[:, :2, 0], forms[:, :2, 2], forms[:, 2, 2] = way, begin, 1.0
        forms[:, 0, 1], forms[:, 1, 1] = -way[:, 1], way[:, 0]
        self._collection(context, UNIT_LINE, forms, NOTHING, _rgba(colors), widths)

    def circles(self, circles: np.ndarray, fills: np.ndarray, lines: np.ndarray, widths: np.ndarray) -> None:
        """Paint circles in their order, (N, 3) centre and radius, colours (N, 3) uint8, widths (N,) of the outlines."""
        forms = np.zeros((len(circles), 3, 3))
        forms[:, 0, 0] = forms[:, 1, 1] = circles[:, 2]
        forms[:, :2, 2], forms[:, 2, 2] = circles[:, :2], 1.0
        self._collection(self._renderer.new_gc(), UNIT_CIRCLE, forms, _rgba(fills), _rgba(lines), widths)

    def curve(
        self,
        points_px: np.ndarray,
        width: float,
        color: tuple[float, float, float, float],
        clip_px: Bbox,
        *,
        dashed: bool,
    ) -> None:
        """Paint a line through points, (N, 2) in pixels, with gaps where they are NaN; its colour is in 0 … 1."""
        context = self._renderer.new_gc()
        context.set_linewidth(width)
        context.set_foreground(color, isRGBA=True)
        context.set_clip_rectangle(clip_px)
        context.set_joinstyle("round")
        if dashed:
            context.set_capstyle("butt")
            context.set_dashes(0, [length * width for length in DASHES])
        else:
            context.set_capstyle("projecting")
        path = Path(points_px)
        path.should_simplify = False
        self._renderer.draw_path(context, path, self._same)

    def _collection(
        self, context: Any, path: Path, forms: np.ndarray, fills: np.ndarray, lines: np.ndarray, widths: np.ndarray
    ) -> None:
        self._renderer.draw_path_collection(
            context,
            self._to_px,
            [path] * len(forms),
            forms,
            np.zeros((0, 2)),
            self._same,
            fills,
            lines,
            widths,
            SOLID,
            [True],
            [None],
            "screen",
            **self._more,
        )


class Lettering:
    """Paint short texts of one look, most of them numbers: pieces are rendered once and then only copied."""

    def __init__(self, font: FT2Font, size_pt: float, dpi: float, color: Color | np.ndarray) -> None:
        self._font = font
        self._hinting = get_hinting_flag()
        self._size_pt, self._dpi = size_pt, dpi
        self._color = np.array(color, dtype=np.float32)
        self._pieces: dict[str, tuple[np.ndarray, float, float, float]] = {}
        self._set_text("lp")  # Matplotlib's measure of a line
        self._height_px = font.get_width_height()[1] / 64.0
        self._descent_px = font.get_descent() / 64.0

    def paint(self, image: np.ndarray, text: str, x_px: float, y_px: float, *, right: bool, va: str) -> None:
        """Paint one line of text.

        Args:
            image: (H, W, 4) uint8, which is painted on.
            text: the text.
            x_px: its left end, or its right end.
            y_px: its upper edge or its middle, down from the upper edge of the image.
            right: whether x is the right end.
            va: ``"top"`` or ``"center"``.
        """
        pieces = [self._piece(piece) for piece in PIECES.findall(text)]
        if right:
            x_px -= sum(advance for _, _, _, advance in pieces)
        above = self._height_px - self._descent_px
        baseline = y_px + above - (0.0 if va == "top" else self._height_px / 2)
        for cover, left, top, advance in pieces:
            # Whole pixels: a bitmap between two would be blurred. Left and up, where Matplotlib mostly puts them too.
            _blend(image, cover, self._color, floor(x_px + left), floor(baseline - top - 0.75))
            x_px += advance

    def _piece(self, text: str) -> tuple[np.ndarray, float, float, float]:
        """Return the coverage (h, w, 1) in 0 … 1, where it lies from the pen, and how far the pen moves, in pixels."""
        if text not in self._pieces:
            self._set_text(text)
            self._font.draw_glyphs_to_bitmap(antialiased=True)
            cover = np.asarray(self._font.get_image()).astype(np.float32)[..., None] / 255
            left = self._font.get_bitmap_offset()[0] / 64.0
            top = (self._font.get_width_height()[1] - self._font.get_descent()) / 64.0
            self._pieces[text] = cover, left, top, self._font.get_width_height()[0] / 64.0
        return self._pieces[text]

    def _set_text(self, text: str) -> None:
        self._font.set_size(self._size_pt, self._dpi)
        self._font.set_text(text, 0.0, flags=self._hinting)


def _blend(image: np.ndarray, cover: np.ndarray, color: np.ndarray, left: int, top: int) -> None:
    """Lay a colour over an image where it is covered, as far as it lies inside."""
    height, width = image.shape[:2]
    upper, lower = max(top, 0), min(top + cover.shape[0], height)
    first, last = max(left, 0), min(left + cover.shape[1], width)
    if upper >= lower or first >= last:
        return
    part = image[upper:lower, first:last, :3]
    share = cover[upper - top : lower - top, first - left : last - left]
    part[:] = np.rint(part + share * (color - part))


def _rgba(colors: np.ndarray | Sequence[Color]) -> np.ndarray:
    table = np.ones((len(colors), 4))
    table[:, :3] = np.asarray(colors) / 255.0
    return table
