"""The same strokes as shapes of SVG: what a picture holds, each with a name that it has in every frame.

Lengths are in pixels from the upper left corner, y down, which are the user units of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor

import numpy as np

from nnanim.design.layout import Box
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.painting.brush import DASHES, Brush, Place, Shade, Who, on_pixels
from nnanim.painting.glyphs import line_height_px

# What a style sheet can change in a shape from frame to frame; where anything else differs, it is another shape.
LOOKS = ("fill", "stroke", "stroke-width", "cx", "cy", "r", "x", "y", "width", "height")
TEXT, PART = "text", "clip"  # shapes that are no elements by themselves: a line of text, and what is seen of others

Key = tuple[object, ...]
Looks = tuple[tuple[str, str], ...]  # names and values of attributes


@dataclass(frozen=True)
class Shape:
    """Something that is painted.

    Attributes:
        key: its name, the same in all frames.
        tag: of the element, or `TEXT` or `PART`.
        fixed: attributes that are no `LOOKS`, or for a text its content and the place of its pen.
        looks: the others, as texts.
        inside: for a `PART` what is seen of it, elements as texts; only where they were asked for.
    """

    key: Key
    tag: str
    fixed: Looks
    looks: Looks
    inside: str = ""


class SvgBrush(Brush):
    """Collect shapes instead of painting them; see `nnanim.painting.brush.Brush` for what is painted."""

    def __init__(self, height_px: int, dpi: float, families: tuple[str, ...], *, whole: bool = True) -> None:
        """Begin with nothing.

        Args:
            height_px: of the picture.
            dpi: pixels per inch.
            families: font families.
            whole: whether to tell what stands inside of parts that are seen little by little.
        """
        self._height, self._dpi, self._fonts = height_px, dpi, families
        self._factor = dpi / POINTS_PER_INCH
        self._whole = whole
        self._part: object = 0
        self._counts: dict[str, int] = {}
        self.shapes: list[Shape] = []

    def begin(self, part: object) -> None:
        """Go on with another part of the figure, whose things have their own numbers."""
        self._part, self._counts = part, {}

    def lines(self, ends: np.ndarray, widths: np.ndarray, colors: np.ndarray, who: Who = None) -> None:
        shades = _hexes(colors)
        for points, width, shade, name in zip(
            self._px(ends), widths.tolist(), shades, self._who(who, len(ends)), strict=True
        ):
            looks = (("stroke", shade), ("stroke-width", number(width * self._factor)))
            self._add("path", name, (("d", _line_data(points)),), looks)

    def circles(
        self, circles: np.ndarray, fills: np.ndarray, lines: np.ndarray, widths: np.ndarray, who: Who = None
    ) -> None:
        centers, radii = self._px(circles[:, :2]), (circles[:, 2] * self._factor).tolist()
        names = self._who(who, len(circles))
        for (x, y), radius, fill, line, width, name in zip(
            centers.tolist(), radii, _hexes(fills), _hexes(lines), widths.tolist(), names, strict=True
        ):
            looks = [("cx", number(x)), ("cy", number(y)), ("r", number(radius)), ("fill", fill)]
            if width:
                looks += [("stroke", line), ("stroke-width", number(width * self._factor))]
            self._add("circle", name, (), tuple(looks))

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
        if whole is not None and not self._whole:
            self._add_part(*self._seen(inside, points), "")
            return
        width_px = width * self._factor
        drawn = self._px(points if whole is None else whole)
        if crisp and len(drawn) == 2 and (drawn[0] == drawn[1]).any():
            drawn = _snapped(drawn, width_px)
        fixed = [("d", _line_data(drawn)), ("fill", "none"), ("stroke-linejoin", "round")]
        if cap == "projecting":
            fixed.append(("stroke-linecap", "square"))
        if dashed:
            fixed.append(("stroke-dasharray", " ".join(number(length * width_px) for length in DASHES)))
        looks = (("stroke", _hex(color)), ("stroke-width", number(width_px)))
        if inside is None and whole is None:
            self._add("path", None, tuple(fixed), looks)
            return
        self._add_part(
            *self._seen(inside, points if whole is not None else None), open_tag("path", (*fixed, *looks)) + "/>"
        )

    def _seen(self, inside: Box | None, begun: np.ndarray | None) -> tuple[Box, float]:
        """Return in which box something is seen, and up to which x; of a line that is begun, up to its last point."""
        room = inside or Box(0.0, 0.0, 1e5, self._height / self._factor)
        return room, room.right if begun is None else min(float(np.nan_to_num(begun[-1, 0], nan=room.left)), room.right)

    def curve(self, points: np.ndarray, width: float, color: Shade) -> None:
        begin, *others = self._px(points).tolist()
        data = f"M{_pair(begin)}C{' '.join(map(_pair, others))}"
        looks = (("stroke", _hex(color)), ("stroke-width", number(width * self._factor)))
        self._add("path", None, (("d", data), ("fill", "none")), looks)

    def polygon(self, corners: np.ndarray, width: float, color: Shade, fill: Shade | None) -> None:
        data = f"M{' '.join(map(_pair, self._px(corners).tolist()))}z"
        looks = (
            ("fill", "none" if fill is None else _hex(fill)),
            ("stroke", _hex(color)),
            ("stroke-width", number(width * self._factor)),
        )
        self._add("path", None, (("d", data),), looks)

    def area(self, box: Box, color: Shade) -> None:
        # On whole pixels, as Matplotlib puts it too.
        left, top = np.floor(self._px(np.array([box.left, box.top])) + 0.5).tolist()
        right, bottom = np.floor(self._px(np.array([box.right, box.bottom])) + 0.5).tolist()
        self._add("rect", None, (), (*_sides(left, top, right - left, bottom - top), ("fill", _hex(color))))

    def areas(self, boxes: np.ndarray, colors: np.ndarray, who: Who = None, *, begun: int | None = None) -> None:
        if not len(boxes):
            return
        low, high = on_pixels(boxes, self._dpi)
        sides = (
            [
                _sides(left, self._height - top, right - left, top - bottom)
                for (left, bottom), (right, top) in zip(low.tolist(), high.tolist(), strict=True)
            ]
            if begun is None or self._whole
            else []
        )
        shades = _hexes(colors)
        if begun is None:
            for each, shade, name in zip(sides, shades, self._who(who, len(boxes)), strict=True):
                self._add("rect", name, (), (*each, ("fill", shade)))
            return
        (left, bottom), (right, top) = low.min(axis=0) / self._factor, high.max(axis=0) / self._factor
        seen = float(high[:begun, 0].max()) / self._factor if begun else left
        inside = "".join(rectangles(list(zip(sides, shades, strict=False))))
        self._add_part(Box(left, bottom, right - left, top - bottom), seen, inside)

    def mosaic(self, columns: np.ndarray, rows: np.ndarray, colors: np.ndarray, dpi: float) -> None:
        """Refuse thousands of cells.

        Raises:
            NotImplementedError: always; who asks for an SVG of them is told so before.
        """
        raise NotImplementedError("an SVG of a mosaic would be a picture of pixels")

    def text(self, place: Place, content: str) -> None:
        if content.strip():
            self.shapes.append(self._text(self._key(TEXT, None), place, content))

    def moving_text(self, index: int, place: Place, content: str) -> None:
        """Write a text that is another one from frame to frame, whose place in the part has an index."""
        self.shapes.append(self._text((self._part, "moving text", index), place, content))

    def _text(self, key: Key, place: Place, content: str) -> Shape:
        size_px = place.size_pt * self._factor
        x, y = self._px(np.array([place.x, place.y])).tolist()
        height, descent = line_height_px(self._fonts, place.size_pt, self._dpi)
        if place.va != "baseline":
            y += height - descent if place.va == "top" else height / 2 - descent
        fixed = (
            ("content", content),
            ("x", number(x)),
            ("y", str(round(y))),  # between two pixels, level strokes would be blurred
            ("size", number(size_px)),
            ("anchor", place.ha),
        )
        return Shape(key, TEXT, fixed, (("fill", _hex(place.color)),))

    def _add(self, tag: str, name: object, fixed: Looks, looks: Looks) -> None:
        key = self._key(tag, name)
        self.shapes.append(Shape((*key, fixed), tag, fixed, looks))

    def _add_part(self, room: Box, right_pt: float, inside: str) -> None:
        left, top = self._px(np.array([room.left, room.top])).tolist()
        sides = _sides(left, top, max(right_pt - room.left, 0.0) * self._factor, room.height * self._factor)
        self.shapes.append(Shape(self._key(PART, None), PART, (), sides, inside))

    def _key(self, tag: str, name: object) -> Key:
        if name is not None:
            return self._part, tag, "named", name
        self._counts[tag] = self._counts.get(tag, 0) + 1
        return self._part, tag, self._counts[tag]

    def _who(self, who: Who, count: int) -> Sequence[object]:
        return [None] * count if who is None else np.asarray(who).tolist()

    def _px(self, points: np.ndarray) -> np.ndarray:
        px: np.ndarray = points * (self._factor, -self._factor) + (0, self._height)
        return px


def number(value: float, digits: int = 2) -> str:
    """Write a number with so many digits behind the point at most, one at least."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def open_tag(tag: str, attributes: Sequence[tuple[str, str]]) -> str:
    """Return the beginning of an element, which lacks its end; the values need no escapes."""
    return f"<{tag}" + "".join(f' {name}="{value}"' for name, value in attributes)


def rectangles(sides: Sequence[tuple[Looks, str]]) -> list[str]:
    """Return elements that fill rectangles, none of which lies on another, one for each colour.

    Args:
        sides: for each x, y, width and height, and its colour.
    """
    data: dict[str, list[str]] = {}
    for ((_, x), (_, y), (_, width), (_, height)), shade in sides:
        data.setdefault(shade, []).append(f"M{x} {y}h{width}v{height}h-{width}z")
    return [open_tag("path", (("fill", shade), ("d", "".join(parts)))) + "/>" for shade, parts in data.items()]


def _line_data(points: np.ndarray) -> str:
    """Write a line through points, (N, 2), as path data, with gaps where they are NaN."""
    return _data_of(np.ascontiguousarray(points, dtype=np.float64).tobytes())


@lru_cache(maxsize=4096)  # most lines are where they were in the frame before
def _data_of(content: bytes) -> str:
    points: np.ndarray = np.frombuffer(content).reshape(-1, 2)
    parts, drawing = [], False
    for (x, y), finite in zip(points.tolist(), np.isfinite(points).all(axis=1).tolist(), strict=True):
        if finite:
            parts.append((" " if drawing else "M") + _pair((x, y)))
        drawing = finite
    return "".join(parts)


def _snapped(points: np.ndarray, width_px: float) -> np.ndarray:
    """Move an upright or level line to whole pixels, as Matplotlib does."""
    half = 0.5 if round(width_px) % 2 else 0.0
    return np.array([[floor(each + 0.5) + half for each in point] for point in points.tolist()])


def _sides(left: float, top: float, width: float, height: float) -> Looks:
    return ("x", number(left)), ("y", number(top)), ("width", number(width)), ("height", number(height))


def _pair(point: Sequence[float]) -> str:
    x, y = point
    return f"{number(x)} {number(y)}"


def _hex(color: Shade) -> str:
    return "#" + bytes(min(max(round(each), 0), 255) for each in color).hex()


def _hexes(colors: np.ndarray) -> list[str]:
    digits = np.clip(np.rint(np.asarray(colors)), 0, 255).astype(np.uint8).tobytes().hex()
    return [f"#{digits[start : start + 6]}" for start in range(0, len(digits), 6)]
