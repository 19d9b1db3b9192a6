"""Paint lines, circles, areas and texts with the operations of `matplotlib.backend_bases.RendererBase`.

The same strokes make pixels, SVG and PDF. Matplotlib's artists would give the same picture and spend most of their time
on what never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform

from nnanim.design.layout import Box
from nnanim.design.theme import POINTS_PER_INCH

UNIT_LINE = Path(np.array([[0.0, 0.0], [1.0, 0.0]]))
UNIT_CIRCLE = Path.unit_circle()
UNIT_SQUARE = Path.unit_rectangle()
SOLID = [(0.0, None)]
DASHES = (3.7, 1.6)  # dash and gap in widths of the line, as `lines.dashed_pattern`
NOTHING = np.zeros((0, 4))

Shade = tuple[float, float, float]  # red, green and blue in 0 … 255, not always whole numbers
Who = np.ndarray | Sequence[int] | None  # numbers that things have in all frames


@dataclass(frozen=True)
class Place:
    """Where a line of text stands, and its look.

    Attributes:
        x: in points, of its end or middle that `ha` says.
        y: in points, of its part that `va` says.
        size_pt: of the letters.
        color: of the letters.
        ha: ``"left"``, ``"center"`` or ``"right"``.
        va: ``"top"``, ``"center"`` or ``"baseline"``.
    """

    x: float
    y: float
    size_pt: float
    color: Shade
    ha: Literal["left", "center", "right"] = "left"
    va: Literal["top", "center", "baseline"] = "baseline"


class Brush:
    """Paint on a renderer. Lengths and places are in points from the lower left corner, y up."""

    def __init__(self, renderer: Any, dpi: float, families: tuple[str, ...]) -> None:
        """Take a renderer.

        Args:
            renderer: a `matplotlib.backend_bases.RendererBase`; its type hints do not know arrays.
            dpi: its pixels per inch.
            families: font families, the first that has a character draws it.
        """
        self._renderer = renderer
        self._dpi = dpi
        self._families = list(families)
        self._to_px = Affine2D().scale(dpi / POINTS_PER_INCH)
        self._same = IdentityTransform()
        self._heights: dict[float, tuple[float, float]] = {}  # height and descent of a line, by size
        self._more: dict[str, Any] = {}
        if matplotlib.__version_info__ >= (3, 11):
            self._more["hatchcolors"] = NOTHING

    def lines(self, ends: np.ndarray, widths: np.ndarray, colors: np.ndarray, who: Who = None) -> None:
        """Paint straight lines in their order, (N, 2, 2), widths (N,), colours (N, 3) uint8, ends cut off square.

        What is painted in every frame of an animation is the same thing if it has the same place in the order, or the
        same number in `who`.
        """
        context = self._renderer.new_gc()
        context.set_capstyle("butt")
        context.set_snap(False)  # snapping to pixels would change the width of level lines
        begin, way = ends[:, 0], ends[:, 1] - ends[:, 0]
        forms = np.zeros((len(ends), 3, 3))  # each takes the unit line to its place
        forms[:, :2, 0], forms[:, :2, 2], forms[:, 2, 2] = way, begin, 1.0
        forms[:, 0, 1], forms[:, 1, 1] = -way[:, 1], way[:, 0]
        self._collection(context, UNIT_LINE, forms, NOTHING, _rgba(colors), widths)

    def circles(
        self, circles: np.ndarray, fills: np.ndarray, lines: np.ndarray, widths: np.ndarray, who: Who = None
    ) -> None:
        """Paint circles in their order, (N, 3) centre and radius, colours (N, 3) in 0 … 255, widths (N,) of rims.

        `who` is as for `lines`.
        """
        forms = np.zeros((len(circles), 3, 3))
        forms[:, 0, 0] = forms[:, 1, 1] = circles[:, 2]
        forms[:, :2, 2], forms[:, 2, 2] = circles[:, :2], 1.0
        self._collection(self._renderer.new_gc(), UNIT_CIRCLE, forms, _rgba(fills), _rgba(lines), widths)

    def line(
        self,
        points: np.ndarray,
        width: float,
        color: Shade,
        *,
        dashed: bool = False,
        cap: str = "butt",
        inside: Box | None = None,
        crisp: bool = False,
        whole: np.ndarray | None = None,
    ) -> None:
        """Paint one line through points, (N, 2), with gaps where they are NaN.

        Args:
            points: at least one; where they are the beginning of a line, up to the x of the last one.
            width: in points.
            color: of the line.
            dashed: whether it has gaps.
            cap: ``"butt"``, or ``"projecting"`` for ends that reach on by half of the width.
            inside: what is painted at most.
            crisp: whether level and upright lines are moved to whole pixels.
            whole: the points of the line that this is the beginning of.
        """
        context = self._renderer.new_gc()
        context.set_linewidth(width)
        context.set_foreground(unit(color))
        context.set_joinstyle("round")
        context.set_snap(None if crisp else False)
        context.set_capstyle(cap)
        if inside is not None:
            corners = [[inside.left, inside.bottom], [inside.right, inside.top]]
            context.set_clip_rectangle(Bbox(self._to_px.transform(corners)))
        if dashed:
            context.set_dashes(0, [length * width for length in DASHES])
        path = Path(points)
        path.should_simplify = False
        self._renderer.draw_path(context, path, self._to_px)

    def curve(self, points: np.ndarray, width: float, color: Shade) -> None:
        """Paint a Bézier curve through every third point, (3 N + 1, 2)."""
        context = self._renderer.new_gc()
        context.set_linewidth(width)
        context.set_foreground(unit(color))
        context.set_snap(False)
        context.set_capstyle("butt")
        path = Path(points, [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)])
        path.should_simplify = False
        self._renderer.draw_path(context, path, self._to_px)

    def polygon(self, corners: np.ndarray, width: float, color: Shade, fill: Shade | None) -> None:
        """Fill a polygon, (N, 2), and paint its border."""
        context = self._renderer.new_gc()
        context.set_linewidth(width)
        context.set_foreground(unit(color))
        context.set_joinstyle("miter")
        context.set_snap(False)
        path = Path(np.concatenate([corners, corners[:1]]), closed=True)
        path.should_simplify = False
        self._renderer.draw_path(context, path, self._to_px, None if fill is None else (*unit(fill), 1.0))

    def area(self, box: Box, color: Shade) -> None:
        """Fill a rectangle."""
        context = self._renderer.new_gc()
        context.set_linewidth(0)
        form = Affine2D().scale(box.width, box.height).translate(box.left, box.bottom)
        self._renderer.draw_path(context, UNIT_SQUARE, form + self._to_px, (*unit(color), 1.0))

    def areas(self, boxes: np.ndarray, colors: np.ndarray, who: Who = None, *, begun: int | None = None) -> None:
        """Fill rectangles in their order, (N, 4) left, bottom, width and height, colours (N, 3) in 0 … 255.

        Their edges are moved to whole pixels, so that neighbours neither overlap nor leave a seam.

        Args:
            boxes: in points.
            colors: of the boxes.
            who: as for `lines`.
            begun: fill only so many, from left to right.
        """
        boxes, colors = boxes[:begun], colors[:begun]
        if not len(boxes):
            return
        pixel = POINTS_PER_INCH / self._dpi
        low, high = on_pixels(boxes, self._dpi)
        forms = np.zeros((len(boxes), 3, 3))
        forms[:, 0, 0], forms[:, 1, 1] = ((high - low) * pixel).T
        forms[:, :2, 2], forms[:, 2, 2] = low * pixel, 1.0
        context = self._renderer.new_gc()
        context.set_antialiased(False)
        context.set_linewidth(0)
        colors = np.asarray(colors)
        self._collection(context, UNIT_SQUARE, forms, _rgba(colors), NOTHING, np.zeros(len(boxes)))

    def mosaic(self, columns: np.ndarray, rows: np.ndarray, colors: np.ndarray, dpi: float) -> None:
        """Fill the cells of a grid as one image of whole pixels, which lets thousands be painted at once.

        Args:
            columns: (C, 2) left and right of each column, from left to right; what lies between them stays free.
            rows: (R, 2) bottom and top of each row, from the bottom up.
            colors: (R, C, 3) uint8.
            dpi: of the image where the renderer has no pixels of its own.
        """
        scales = self._renderer.option_scale_image()
        pixel = POINTS_PER_INCH / (dpi if scales else self._dpi)
        (left, across), (bottom, up) = (_pixels(each, pixel) for each in (columns, rows))
        image = np.zeros((len(up), len(across), 4), dtype=np.uint8)
        image[..., :3] = colors[up[:, None], across[None, :]]
        image[..., 3] = 255 * ((up >= 0)[:, None] & (across >= 0)[None, :])
        context = self._renderer.new_gc()
        if not scales:
            self._renderer.draw_image(context, left, bottom, image)
            return
        unit_px = pixel * self._dpi / POINTS_PER_INCH
        size = Affine2D().scale(len(across) * unit_px, len(up) * unit_px)
        self._renderer.draw_image(context, left * unit_px, bottom * unit_px, image, size)

    def text(self, place: Place, content: str) -> None:
        """Write one line of text."""
        font = FontProperties(
            family=self._families,
            style="normal",
            variant="normal",
            weight="normal",
            stretch="normal",
            size=place.size_pt,
        )
        x, y = self._to_px.transform((place.x, place.y))
        if place.ha != "left":
            width = self._renderer.get_text_width_height_descent(content, font, ismath=False)[0]
            x -= width if place.ha == "right" else width / 2
        if place.va != "baseline":
            # All lines of a size have the same height, whatever letters are in them.
            if place.size_pt not in self._heights:
                measured = self._renderer.get_text_width_height_descent("lp", font, ismath=False)
                self._heights[place.size_pt] = measured[1:]
            height, descent = self._heights[place.size_pt]
            y -= height - descent if place.va == "top" else height / 2 - descent
        if self._renderer.flipy():
            y = self._renderer.get_canvas_width_height()[1] - y
        context = self._renderer.new_gc()
        context.set_foreground(unit(place.color))
        self._renderer.draw_text(context, x, y, content, font, 0.0)

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


def on_pixels(boxes: np.ndarray, dpi: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lower left and upper right corners, (N, 2) each, in whole pixels of (N, 4) boxes in points."""
    pixel = POINTS_PER_INCH / dpi
    low = np.rint(boxes[:, :2] / pixel)
    return low, np.maximum(np.rint((boxes[:, :2] + boxes[:, 2:]) / pixel), low + 1)


def unit(color: Shade) -> Shade:
    """Return a colour in Matplotlib's range, 0 … 1."""
    return color[0] / 255.0, color[1] / 255.0, color[2] / 255.0


def _pixels(ends: np.ndarray, pixel: float) -> tuple[int, np.ndarray]:
    """Return the first pixel of intervals (N, 2), and for each pixel from there on which of them it shows, or -1."""
    low = np.rint(ends[:, 0] / pixel).astype(int)
    high = np.maximum(np.rint(ends[:, 1] / pixel).astype(int), low + 1)
    first = int(low[0])
    shown = np.full(int(high.max()) - first, -1)
    for index, (begin, end) in enumerate(zip((low - first).tolist(), (high - first).tolist(), strict=True)):
        shown[begin:end] = index
    return first, shown


def _rgba(colors: np.ndarray) -> np.ndarray:
    table = np.ones((len(colors), 4))
    table[:, :3] = np.asarray(colors) / 255.0
    return table
