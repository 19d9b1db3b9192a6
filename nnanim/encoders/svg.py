"""Animated SVG: sharp at any size, moved by a style sheet, and a still of the last frame wherever nothing moves.

Every shape is written once, as the last frame has it; key frames say what it was before. They are those of a style
sheet, not of SVG itself (SMIL), which cannot ask whether a reader wants motion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from nnanim.encoders.movie import Append, LonePacker, Movie
from nnanim.encoders.svg_motion import PREFIX, Motion, Values
from nnanim.encoders.svg_text import TextPlace, TextWriter
from nnanim.errors import OutputError
from nnanim.frames.frame import Frame
from nnanim.options import MOST_MOVING
from nnanim.painting.part import Ground
from nnanim.painting.picture import Picture
from nnanim.painting.svg_brush import PART, TEXT, Key, Looks, Shape, SvgBrush, open_tag, rectangles
from nnanim.printable import encodable, printable

NAME_DIGITS = 6  # so that two files can stand in one page


@contextmanager
def open_svg(path: Path, movie: Movie, frames: Sequence[Frame]) -> Iterator[Append]:
    """Write frames as an animated SVG; see `nnanim.encoders.movie`.

    Raises:
        OutputError: more would move than a browser can be asked to move.
    """
    tracks = Tracks(len(movie.durations_s))
    yield tracks.append
    text = Writer(movie, tracks.in_order()).text(_label(frames))
    path.write_text(encodable(text), encoding="utf-8", newline="\n")


def svg_of_page(movie: Movie, pictures: Iterable[Picture], label: str) -> str:
    """Return an animated SVG for a page whose script stops its motion and moves it: as much may move as will.

    Args:
        movie: what is known of the frames.
        pictures: of all frames.
        label: says what is seen, for who does not see it.
    """
    packer, tracks = SvgPacker(movie), Tracks(len(movie.durations_s))
    for index, picture in enumerate(pictures):
        tracks.append(index, packer.pack(index, picture))
    return encodable(Writer(movie, tracks.in_order(), in_page=True).text(label))


class Tracks:
    """Shapes over all frames, by their names."""

    def __init__(self, count: int) -> None:
        """Begin with none.

        Args:
            count: of the frames.
        """
        self._count = count
        self._tracks: dict[Key, Track] = {}
        self._orders: list[list[Key]] = []

    def append(self, index: int, shapes: list[Shape]) -> None:
        """Take in the shapes of the next frame."""
        for shape in shapes:
            track = self._tracks.get(shape.key)
            if track is None:
                track = self._tracks[shape.key] = Track(shape, [None] * self._count)
            track.inside = shape.inside or track.inside
            track.values[index] = (dict(shape.fixed).get("content", ""), shape.looks)
        keys = [shape.key for shape in shapes]
        assert len(set(keys)) == len(keys), "two shapes of a frame have one name"
        self._orders.append(self._orders[-1] if self._orders and self._orders[-1] == keys else keys)

    def in_order(self) -> list[Track]:
        """Return them as they lie on each other."""
        return [self._tracks[key] for key in in_one_order(self._orders)]


class SvgPacker(LonePacker):
    """Turn frames into their shapes; see `nnanim.encoders.movie.Packer`."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie)
        self._last = len(movie.durations_s) - 1

    def pack(self, index: int, picture: Picture) -> list[Shape]:
        ground, sheet = picture.painter.ground, picture.sheet
        brush = _brush(ground, whole=index == self._last)
        for place, (part, look, drawing) in enumerate(zip(ground.parts, sheet.looks, picture.drawings, strict=True)):
            brush.begin(place)
            part.paint(brush, look, drawing)
        for place, (part, look) in enumerate(zip(ground.parts, sheet.looks, strict=True)):
            brush.begin(place)
            for index_, (where, text) in enumerate(zip(part.text_places, part.texts(look), strict=True)):
                brush.moving_text(index_, where, text)
        return brush.shapes


@dataclass
class Track:
    """A shape over all frames.

    Attributes:
        shape: as it was first.
        values: for each frame the text, where it is one, and its looks; None where it is not there.
        inside: what is seen of it, for a part.
    """

    shape: Shape
    values: list[tuple[str, Looks] | None]
    inside: str = ""


def in_one_order(orders: Sequence[Sequence[Key]]) -> list[Key]:
    """Put the shapes of all frames in one order: that of the last frame, and others where they stood last."""
    merged: list[Key] = list(orders[-1]) if orders else []
    known = set(merged)
    before: Sequence[Key] = merged
    for order in reversed(orders):
        if order is before:
            continue
        before = order
        for place, key in enumerate(order):
            if key not in known:
                known.add(key)
                merged.insert(merged.index(order[place - 1]) + 1 if place else 0, key)
    return merged


@dataclass
class Writer:
    """Write shapes and what moves in them.

    Attributes:
        movie: what is known of the frames.
        tracks: as they lie on each other.
        in_page: whether a script moves them, which browsers are not asked to do by themselves.
    """

    movie: Movie
    tracks: Sequence[Track]
    in_page: bool = False
    _moving: int = 0
    _windows: dict[Looks, str] = field(default_factory=dict)

    def text(self, label: str) -> str:
        """Return the file.

        Raises:
            OutputError: too much moves.
        """
        movie = self.movie
        ground = movie.ground
        assert ground is not None
        self._motion = Motion(movie.durations_s, loop=movie.loop)
        self._texts = TextWriter(ground.style.families, self._class)
        still = self._still(_ground_shapes(ground))
        moving = "\n".join(map(self._element, self.tracks))
        if self._moving > MOST_MOVING and not self.in_page:
            raise OutputError(too_much(self._moving))
        (width, height), (red, green, blue) = movie.size_px, ground.style.theme.background
        body = "\n".join(
            [
                f"<style>\n{self._motion.style_sheet(always=self.in_page)}</style>",
                f"<defs>{self._texts.outlines()}</defs>",
                f'<path fill="#{red:02x}{green:02x}{blue:02x}" d="M0 0h{width}v{height}h-{width}z"/>',
                still,
                moving,
            ]
        )
        name = "n" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:NAME_DIGITS] + "-"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img" aria-label={quoteattr(printable(label))}>'
        )
        told = "" if movie.comment is None else f"<metadata>{escape(printable(movie.comment))}</metadata>\n"
        return f"{head}\n{told}{body.replace(PREFIX, name)}\n</svg>\n"

    def _still(self, shapes: Sequence[Shape]) -> str:
        """Return what never changes."""
        written, alike = [], []
        for shape, following in zip(shapes, [*shapes[1:], None], strict=True):
            if shape.tag == "rect":  # of one colour and of one call: they do not lie on each other
                alike.append((shape.looks[:4], shape.looks[4][1]))
                if following is None or following.tag != "rect" or following.looks[4] != shape.looks[4]:
                    written += rectangles(alike)
                    alike = []
            else:
                written.append(
                    self._element(Track(shape, [(dict(shape.fixed).get("content", ""), shape.looks)], shape.inside))
                )
        return "\n".join(written)

    def _element(self, track: Track) -> str:
        if track.shape.tag == TEXT:
            return self._text(track)
        looks = self._looks(track)
        if track.shape.tag == PART:
            return self._part(track, looks)
        return open_tag(track.shape.tag, (*track.shape.fixed, *looks)) + "/>"

    def _looks(self, track: Track) -> Looks:
        """Return the attributes of the last frame, and the class that moves them."""
        last = next(value for value in reversed(track.values) if value is not None)[1]
        values: dict[str, list[str | None]] = {
            name: [None if each is None else each[1][place][1] for each in track.values]
            for place, (name, _) in enumerate(last)
        }
        values["visibility"] = ["hidden" if each is None else "visible" for each in track.values]
        hidden = (("visibility", "hidden"),) if track.values[-1] is None else ()
        return (*last, *hidden, *self._class(values))

    def _class(self, values: Values) -> Looks:
        """Return the attribute that lets an element change so; none where nothing changes."""
        name = self._motion.class_of(values)
        self._moving += bool(name)
        return (("class", name),) if name else ()

    def _part(self, track: Track, looks: Looks) -> str:
        """Write what is seen through a window that opens; two that are alike are one."""
        told = ""
        if looks in self._windows:
            self._moving -= "class" in dict(looks)
        else:
            self._windows[looks] = f"{PREFIX}w{len(self._windows)}"
            told = f'<defs><clipPath id="{self._windows[looks]}">{open_tag("rect", looks)}/></clipPath></defs>\n'
        return f'{told}<g clip-path="url(#{self._windows[looks]})">{track.inside}</g>'

    def _text(self, track: Track) -> str:
        place = TextPlace.of(track.shape.fixed)
        contents = ["" if each is None else each[0] for each in track.values]
        if len(set(contents)) == 1:
            return self._texts.still(place, contents[0], self._looks(track))
        return self._texts.changing(place, contents, track.shape.looks)


def still_svg(picture: Picture, frame: Frame) -> str:
    """Return one frame as SVG that needs no style sheet and no scripts, for another page to hold."""
    ground = picture.painter.ground
    movie = Movie(ground.size_px, (1.0,), np.zeros((0, 3), np.uint8), loop=False, ground=ground)
    tracks = [
        Track(shape, [(dict(shape.fixed).get("content", ""), shape.looks)], shape.inside)
        for shape in SvgPacker(movie).pack(0, picture)
    ]
    return Writer(movie, tracks).text(_label([frame])).replace("<style>\n</style>\n", "", 1)


def too_much(moving: int) -> str:
    """Say that too much would move, and the way out."""
    return (
        f"in an animated SVG {moving} shapes would move, and browsers are asked to move {MOST_MOVING} at most"
        " (show fewer, or write a .gif)"
    )


def _brush(ground: Ground, *, whole: bool = True) -> SvgBrush:
    return SvgBrush(ground.size_px[1], ground.style.dpi, ground.style.families, whole=whole)


def _ground_shapes(ground: Ground) -> list[Shape]:
    brush = _brush(ground)
    for place, part in enumerate(ground.parts):
        brush.begin(place)
        part.paint_ground(brush)
    return brush.shapes


def _label(frames: Sequence[Frame]) -> str:
    """Say in one line what is seen, for who does not see it."""
    first, last = frames[0].title, frames[len(frames) - 1].title
    return f"A network in training: {first}" if first == last else f"A network in training, from {first} to {last}"
