"""Animated GIF: a streaming writer with one fixed palette, as a plugin of imageio.

Every frame stores only the box in which pixels changed, transparent where they did not, so a still background costs
nothing and nothing flickers. Pillow does the LZW. The format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from imageio.core.request import InitializationError, Request
from imageio.core.v3_plugin_api import PluginV3
from PIL import Image

from nnanim.encoders.movie import Add, Movie
from nnanim.frame import Frame

MAX_COLORS = 255  # one of 256 entries is needed for "unchanged"
BITS = 8


def write_gif(
    path: Path, images: Iterable[np.ndarray], durations_s: Sequence[float], palette: np.ndarray, *, loop: bool = True
) -> None:
    """Write frames as a GIF.

    Args:
        path: the file, which is overwritten.
        images: (H, W, 3) uint8 each, taken one at a time.
        durations_s: how long each is shown, multiples of 0.01.
        palette: (C, 3) uint8, at most 255 colours.
        loop: whether it plays again from the start, for ever.
    """
    with iio.imopen(path, "w", plugin=FixedPaletteGif, palette=palette, loop=loop) as file:
        assert isinstance(file, FixedPaletteGif)
        for image, duration_s in zip(images, durations_s, strict=True):
            file.write(image, duration_ms=1000 * duration_s)


@contextmanager
def open_gif(path: Path, movie: Movie) -> Iterator[Add]:
    """Write frames as a GIF; see `nnanim.encoders.movie`."""
    choices = {"palette": movie.palette, "loop": movie.loop, "comment": movie.comment}
    with iio.imopen(path, "w", plugin=FixedPaletteGif, **choices) as file:
        assert isinstance(file, FixedPaletteGif)

        def add(frame: Frame, image: np.ndarray) -> None:
            file.write(image, duration_ms=1000 * frame.duration_s)

        yield add


class FixedPaletteGif(PluginV3):
    """Write RGB frames one after the other to a GIF with a palette that is known beforehand."""

    def __init__(self, request: Request, *, palette: np.ndarray, loop: bool = True, comment: str | None = None) -> None:
        """Open the file for writing.

        Args:
            request: imageio's description of the target; only writing is possible.
            palette: (C, 3) uint8, at most 255 colours.
            loop: whether it plays again from the start, for ever.
            comment: a short ASCII text to keep in the file, or None.
        """
        self._shown: np.ndarray | None = None  # imageio closes even what could not be opened
        super().__init__(request)
        if request.mode.io_mode != "w":
            raise InitializationError("this plugin only writes")
        if len(palette) > MAX_COLORS:
            raise ValueError(f"{len(palette)} colours are too many: a palette has {MAX_COLORS} at most")
        self._indexer = _Indexer(palette)
        self._palette = palette
        self._loop = loop
        self._comment = comment
        self._transparent = len(palette)
        self._file = request.get_file()

    def write(self, ndimage: Any, *, duration_ms: float = 100.0) -> None:
        """Append one frame, (H, W, 3) uint8, shown for a multiple of 10 ms."""
        indexed = self._indexer(ndimage)
        if self._shown is None:
            self._write_header(*indexed.shape)
            box, pixels = (0, 0), indexed
        else:
            box, pixels = self._difference(self._shown, indexed)
        self._write_frame(box, pixels, round(duration_ms / 10))
        self._shown = indexed

    def close(self) -> None:
        if self._shown is not None:
            self._file.write(b";")
            self._shown = None  # imageio closes again when the object is deleted
        super().close()

    def _difference(self, before: np.ndarray, after: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
        """Return the upper left corner of the box that changed, and its pixels, transparent where equal."""
        changed = before != after
        rows = np.flatnonzero(changed.any(axis=1))
        if len(rows) == 0:
            return (0, 0), np.full((1, 1), self._transparent, dtype=np.uint8)
        columns = np.flatnonzero(changed.any(axis=0))
        top, left = rows[0], columns[0]
        part = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
        return (int(left), int(top)), np.where(changed[part], after[part], np.uint8(self._transparent))

    def _write_header(self, height: int, width: int) -> None:
        colors = np.zeros((256, 3), dtype=np.uint8)
        colors[: len(self._palette)] = self._palette
        # 0xF7: a global table of 256 colours, 8 bits each
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + colors.tobytes())
        if self._loop:
            self._file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", 0) + b"\0")  # 0: for ever
        if self._comment is not None:
            text = self._comment.encode("ascii")
            self._file.write(b"!\xfe" + bytes([len(text)]) + text + b"\0")

    def _write_frame(self, corner: tuple[int, int], pixels: np.ndarray, centiseconds: int) -> None:
        height, width = pixels.shape
        # 0x05: leave the frame in place when its time is over; one colour is transparent
        self._file.write(b"!\xf9\x04" + struct.pack("<BHBB", 0x05, centiseconds, self._transparent, 0))
        self._file.write(b"," + struct.pack("<HHHHBB", *corner, width, height, 0, BITS))
        self._file.write(Image.fromarray(pixels).tobytes("gif", "L", BITS, 0) + b"\0")

    def read(self, *_: Any, **__: Any) -> np.ndarray:
        raise NotImplementedError("this plugin only writes")

    def iter(self, *_: Any, **__: Any) -> Iterator[np.ndarray]:
        raise NotImplementedError("this plugin only writes")

    def properties(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("this plugin only writes")

    def metadata(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise NotImplementedError("this plugin only writes")


class _Indexer:
    """Map RGB pixels to the nearest colour of a palette, remembering every colour it has met."""

    def __init__(self, palette: np.ndarray) -> None:
        self._palette = palette.astype(np.int32)
        # Index + 1 of every colour, 0 where not met yet: zeros cost no memory before they are written.
        self._known = np.zeros(1 << 24, dtype=np.uint8)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) uint8 indices of an (H, W, 3) uint8 image."""
        channels = image.astype(np.uint32)
        packed = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
        known = self._known[packed]
        new = np.unique(packed[known == 0])
        if len(new):
            self._known[new] = self._nearest(new) + 1
            known = self._known[packed]
        indices: np.ndarray = known - np.uint8(1)
        return indices

    def _nearest(self, packed: np.ndarray) -> np.ndarray:
        colors = np.stack([packed >> 16, packed >> 8 & 0xFF, packed & 0xFF], axis=-1).astype(np.int32)
        best = np.empty(len(colors), dtype=np.uint8)
        for start in range(0, len(colors), 4096):
            part = colors[start : start + 4096]
            distances = ((part[:, None, :] - self._palette) ** 2).sum(axis=-1)
            best[start : start + 4096] = distances.argmin(axis=1)
        return best
