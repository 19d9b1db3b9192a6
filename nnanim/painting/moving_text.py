"""Short texts that change from frame to frame, painted straight into an image."""

from __future__ import annotations

import re
from math import floor

import numpy as np
from matplotlib.backends.backend_agg import get_hinting_flag
from matplotlib.ft2font import FT2Font

from nnanim.painting.brush import Shade

# One character for each digit and one piece of text between two: few pieces make all numbers.
PIECES = re.compile(r"\d|\D+")


class MovingText:
    """Paint short texts of one look, most of them numbers: pieces are rendered once and then only copied.

    `Brush.text` takes 1.2 ms longer for the two texts of a frame of 8 ms (measured).
    """

    def __init__(self, font: FT2Font, size_pt: float, dpi: float, color: Shade) -> None:
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
