"""Animated WebP, lossless: a streaming writer, of the GIF's own pixels or of all colours.

With the GIF's colours the Iris run has 847 KB, with all colours 4 629 KB: every rim that grows by a hundredth of a
pixel is a change to the latter. Pillow's own writer of animations keeps all frames until the last has come; here it
compresses each frame by itself, and the frames are put into one container:
https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from nnanim.encoders.gif_frames import GifPacker
from nnanim.encoders.movie import Append, BoxPacker, Movie
from nnanim.errors import OutputError
from nnanim.frames.frame import Frame

MAX_SIDE_PX = 16383
# Of the settings that take at most twice the time of the quickest, the one with the smallest file.
EFFORT = {"method": 2, "quality": 50}
ANIMATED, WITH_XMP, WITH_ALPHA = 0x02, 0x04, 0x10
BLEND, OVERWRITE = 0x00, 0x02  # with what was shown before, or in its place
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:identifier="{}"/></rdf:RDF></x:xmpmeta>'
)


@contextmanager
def open_webp(path: Path, movie: Movie, _frames: Sequence[Frame]) -> Iterator[Append]:
    """Write frames as an animated WebP; see `nnanim.encoders.movie`.

    Raises:
        OutputError: the frames are larger than the format allows.
    """
    width, height = movie.size_px
    if max(width, height) > MAX_SIDE_PX:
        raise OutputError(f"a frame of {width}x{height} px is too large for WebP: its sides have {MAX_SIDE_PX} at most")
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        flags = ANIMATED | (WITH_XMP if movie.comment is not None else 0) | (0 if movie.full_color else WITH_ALPHA)
        file.write(_chunk(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1)))
        background = bytes(int(channel) for channel in movie.palette[0][::-1]) + b"\xff"
        file.write(_chunk(b"ANIM", background + struct.pack("<H", 0 if movie.loop else 1)))

        def append(_index: int, chunk: bytes) -> None:
            file.write(chunk)

        yield append
        if movie.comment is not None:
            file.write(_chunk(b"XMP ", XMP.format(movie.comment).encode("ascii")))
        size = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", size - 8))


class WebpPacker:
    """Compress frames; see `nnanim.encoders.movie.Packer`."""

    remembers = True

    def __init__(self, movie: Movie) -> None:
        self._durations_s = movie.durations_s
        self._all_colors = BoxPacker(movie) if movie.full_color else None
        self._few_colors = GifPacker(movie)
        palette = np.full((256, 4), 255, dtype=np.uint8)
        palette[: len(movie.palette), :3] = movie.palette
        palette[len(movie.palette)] = 0  # unchanged: transparent
        self._palette = palette

    def begin_behind(self, index: int, image: np.ndarray) -> None:
        (self._all_colors or self._few_colors).begin_behind(index, image)

    def pack(self, index: int, image: np.ndarray) -> bytes:
        if self._all_colors is not None:
            left, top, right, bottom = self._all_colors.box(image, grid_px=2)  # corners are stored halved
            return self._frame(index, left, top, image[top:bottom, left:right], OVERWRITE)
        (left, top), indices = self._few_colors.change(index, image)
        padding = ((top % 2, 0), (left % 2, 0))
        colors = self._palette[indices]
        pixels = np.pad(colors, (*padding, (0, 0)))
        return self._frame(index, left - left % 2, top - top % 2, pixels, BLEND)

    def _frame(self, index: int, left: int, top: int, pixels: np.ndarray, how: int) -> bytes:
        height, width = pixels.shape[:2]
        head = b"".join(map(_three, (left // 2, top // 2, width - 1, height - 1)))
        head += _three(round(1000 * self._durations_s[index])) + bytes([how])
        return _chunk(b"ANMF", head + _compressed(pixels))


def _compressed(image: np.ndarray) -> bytes:
    """Return the chunk that holds a still."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "WEBP", lossless=True, **EFFORT)
    data = buffer.getvalue()
    position = 12  # behind "RIFF", a size and "WEBP"
    while data[position : position + 4] != b"VP8L":
        (length,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + length + length % 2
    (length,) = struct.unpack_from("<I", data, position + 4)
    return data[position : position + 8 + length + length % 2]


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
