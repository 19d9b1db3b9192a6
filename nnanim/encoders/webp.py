"""Animated WebP, lossless: a streaming writer.

Pillow's own writer of animations keeps all frames until the last has come; here it compresses each frame by itself, and
the frames are put into one container: https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from nnanim.encoders.movie import Append, BoxPacker, Movie
from nnanim.errors import OutputError
from nnanim.frames.frame import Frame

MAX_SIDE_PX = 16383
# Of the settings that take at most twice the time of the quickest, the one with the smallest file.
EFFORT = {"method": 2, "quality": 50}
ANIMATED, WITH_XMP = 0x02, 0x04
OVERWRITE = 0x02  # instead of blending
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
        flags = ANIMATED | (WITH_XMP if movie.comment is not None else 0)
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


class WebpPacker(BoxPacker):
    """Compress frames; see `nnanim.encoders.movie.Packer`."""

    def pack(self, index: int, image: np.ndarray) -> bytes:
        left, top, right, bottom = self.box(image, grid_px=2)  # corners are stored halved
        head = b"".join(map(_three, (left // 2, top // 2, right - left - 1, bottom - top - 1)))
        head += _three(round(1000 * self.durations_s[index])) + bytes([OVERWRITE])
        return _chunk(b"ANMF", head + _compressed(image[top:bottom, left:right]))


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
