"""Animated AVIF, lossy: through Pillow, where that has the codec (from 11.3 on, in its wheels).

Pillow takes all frames at once. So that none is kept, it runs beside, and asks for them one after the other: what it
gets as the frames behind the first is no picture but a reel of them, with just the methods that it calls.

https://aomediacodec.github.io/av1-avif/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Full, Queue
from typing import Any

import numpy as np
from PIL import Image, features

from nnanim.encoders.movie import Append, LonePacker, Movie
from nnanim.encoders.webp import XMP
from nnanim.errors import OutputError
from nnanim.frames.frame import Frame

# With 80 and 6 the Iris run has 413 KB, and no pixel is off by more than a tenth; quicker settings (8) take a sixth of
# the time, and are off by a third of the range at the rims of lines, in 509 KB.
QUALITY, SPEED = 80, 6
SUBSAMPLING = "4:4:4"  # thin red and blue lines need their colours
AHEAD = 2  # frames that wait for the codec
LOOK_S = 0.1  # how often to ask whether the other side is still there
MISSING = "needs Pillow 11.3 or later with its AVIF codec, which this Pillow lacks: pip install --upgrade pillow"
ENDLESS = "an .avif plays again and again, as Pillow writes it (without --loop, take a .gif, .webp or .mp4)"


def check_avif() -> None:
    """Refuse to begin where Pillow cannot write AVIF.

    Raises:
        OutputError: it cannot.
    """
    # Before 11.3 Pillow does not know the feature's name, and warns of it.
    if "avif" not in features.modules or not features.check_module("avif"):
        raise OutputError(f"writing .avif {MISSING}")


@contextmanager
def open_avif(path: Path, movie: Movie, _frames: Sequence[Frame]) -> Iterator[Append]:
    """Write frames as an animated AVIF; see `nnanim.encoders.movie`.

    Raises:
        OutputError: Pillow lacks the codec, the frames shall be shown once only, or the codec fails.
    """
    check_avif()
    if not movie.loop:
        raise OutputError(ENDLESS)
    queue: Queue[Image.Image | None] = Queue(AHEAD)
    with ThreadPoolExecutor(1) as helper:
        writing = helper.submit(_write, path, movie, queue)
        is_whole = False

        def append(_index: int, pixels: bytes) -> None:
            _put(queue, Image.frombytes("RGB", movie.size_px, pixels), writing)

        try:
            yield append
            is_whole = True
        finally:
            if not is_whole:
                with suppress(OutputError):
                    _put(queue, None, writing)  # the reel breaks off
        try:
            writing.result()
        except (OSError, ValueError, RuntimeError) as error:
            raise OutputError(f"the .avif cannot be written: {error}") from error
    forget_time(path)


def forget_time(path: Path) -> None:
    """Set to zero when a file says that it was made, or equal input would not give equal bytes.

    The boxes are those of ISO/IEC 14496-12; three of them hold two times each.
    """
    data = bytearray(path.read_bytes())
    inside = [(0, len(data))]
    while inside:
        place, end = inside.pop()
        while place + 8 <= end:
            length, kind = struct.unpack_from(">I4s", data, place)
            if kind in (b"moov", b"trak", b"mdia"):
                inside.append((place + 8, place + length))
            elif kind in (b"mvhd", b"tkhd", b"mdhd"):
                times = 16 if data[place + 8] == 1 else 8  # version 1 has times of 8 bytes
                data[place + 12 : place + 12 + times] = bytes(times)
            if length < 8:  # it goes on to the end, and holds none of these
                break
            place += length
    path.write_bytes(data)


def _put(queue: Queue[Image.Image | None], image: Image.Image | None, writing: Future[None]) -> None:
    while True:
        try:
            queue.put(image, timeout=LOOK_S)
            return
        except Full:
            if writing.done():
                raise OutputError(f"the .avif cannot be written: {writing.exception()}") from writing.exception()


def _write(path: Path, movie: Movie, queue: Queue[Image.Image | None]) -> None:
    first = queue.get()
    if first is None:
        return
    count = len(movie.durations_s)
    first.save(
        path,
        "AVIF",
        save_all=True,
        append_images=[_Reel(queue, count - 1)] if count > 1 else [],
        duration=[round(1000 * each) for each in movie.durations_s],
        quality=QUALITY,
        speed=SPEED,
        subsampling=SUBSAMPLING,
        max_threads=1,  # with others the codec cuts the picture in another way, and the bytes differ
        xmp=b"" if movie.comment is None else XMP.format(movie.comment).encode("ascii"),
    )


class _Reel:
    """What Pillow takes for a picture of several frames."""

    mode = "RGB"
    info: dict[str, Any] = {}  # noqa: RUF012  (nobody writes into it)

    def __init__(self, queue: Queue[Image.Image | None], count: int) -> None:
        self._queue, self._left = queue, count
        self._image: Image.Image | None = None

    def seek(self, _place: int) -> None:
        """Wait for the next frame; Pillow never goes back."""
        if not self._left:
            raise EOFError
        self._left -= 1
        self._image = self._queue.get()
        if self._image is None:
            raise OSError("the frames broke off")

    @property
    def size(self) -> tuple[int, int]:
        assert self._image is not None
        return self._image.size

    def tobytes(self, *arguments: Any) -> bytes:
        assert self._image is not None
        return self._image.tobytes(*arguments)


class AvifPacker(LonePacker):
    """Hand frames on as they are; see `nnanim.encoders.movie.Packer`."""

    def pack(self, _index: int, image: np.ndarray) -> bytes:
        return np.ascontiguousarray(image).tobytes()
