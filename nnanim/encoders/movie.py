"""What an encoder is told, and the one interface that all of them have.

A format has two halves. A packer makes a picture small, in whichever process painted it. The file is opened with
``open_<format>(path, movie, frames)``, a context manager that gives a function to append what the packer made. Frames
are pushed, so several files can be written while each frame is painted once, and none is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nnanim.frames.frame import Frame

if TYPE_CHECKING:
    from nnanim.painting.part import Ground


@dataclass(frozen=True, eq=False)
class Movie:
    """What is known before the first frame.

    Attributes:
        size_px: width and height of the frames.
        durations_s: how long each is shown, multiples of 0.01.
        palette: (C, 3) uint8, at most 255 colours, background first; for formats with indexed colours.
        loop: whether it plays again from the start, for ever.
        comment: a short ASCII text to keep in the file, or None.
        full_color: whether formats that can have all colours have them, instead of the palette's.
        ground: what stays the same in all frames; for formats that write strokes.
    """

    size_px: tuple[int, int]
    durations_s: tuple[float, ...]
    palette: np.ndarray
    loop: bool = True
    comment: str | None = None
    full_color: bool = False
    ground: Ground | None = None


class Packer(Protocol):
    """Make pictures small, one after the other; made with a `Movie`.

    A format of strokes takes a `nnanim.painting.picture.Picture` where others take its pixels.

    Attributes:
        remembers: whether a packed picture depends on the one before it.
    """

    remembers: bool

    def begin_behind(self, index: int, image: Any) -> None:
        """Take a frame's picture, (H, W, 3) uint8, for the one before the first."""

    def pack(self, index: int, image: Any) -> Any:
        """Return what is appended for the next frame, whose picture is (H, W, 3) uint8; it can be pickled."""


class LonePacker:
    """What packers have in common that take each picture by itself; see `Packer`."""

    remembers = False

    def __init__(self, _movie: Movie) -> None:
        pass

    def begin_behind(self, _index: int, _image: Any) -> None:
        pass


class BoxPacker:
    """What packers have in common that store the box in which pixels changed; see `Packer`."""

    remembers = True

    def __init__(self, movie: Movie) -> None:
        self.durations_s: tuple[float, ...] = movie.durations_s
        self._shown: np.ndarray | None = None

    def begin_behind(self, _index: int, image: np.ndarray) -> None:
        self._shown = image

    def box(self, image: np.ndarray, grid_px: int = 1) -> tuple[int, int, int, int]:
        """Return the changed box of the next picture, (H, W, 3) uint8, and remember the picture; see `changed_box`."""
        height, width = image.shape[:2]
        found = (0, 0, width, height) if self._shown is None else changed_box(self._shown, image, grid_px)
        self._shown = image
        return found


Append = Callable[[int, Any], None]
"""Append a frame, given by its index, as the format's packer made it."""

Open = Callable[[Path, Movie, Sequence[Frame]], AbstractContextManager[Append]]
"""Open a new file (or folder) for the frames of a movie; it is finished when the context is left without an error."""


def changed_box(before: np.ndarray, after: np.ndarray, grid_px: int = 1) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the smallest box in which two (H, W, 3) pictures differ.

    Args:
        before: one picture.
        after: the other.
        grid_px: left and top are multiples of it.

    Returns:
        A box of one pixel in the corner where nothing differs.
    """
    changed = (before != after).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    if len(rows) == 0:
        return 0, 0, 1, 1
    columns = np.flatnonzero(changed.any(axis=0))
    left, top = (int(place) // grid_px * grid_px for place in (columns[0], rows[0]))
    return left, top, int(columns[-1]) + 1, int(rows[-1]) + 1
