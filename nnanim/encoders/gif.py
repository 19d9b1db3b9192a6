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

from nnanim.encoders.gif_frames import MAX_COLORS, FramePacker, is_exact
from nnanim.encoders.movie import Append, Movie
from nnanim.encoders.seal import without_seal
from nnanim.frames.frame import Frame


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
        exact = [is_exact(index, len(durations_s)) for index in range(len(durations_s))]
        for image, duration_s, is_last in zip(images, durations_s, exact, strict=True):
            file.write(image, duration_ms=1000 * duration_s, exact=is_last)


@contextmanager
def open_gif(path: Path, movie: Movie, _frames: Sequence[Frame]) -> Iterator[Append]:
    """Write frames as a GIF; see `nnanim.encoders.movie`."""
    with iio.imopen(
        path, "w", plugin=FixedPaletteGif, palette=movie.palette, loop=movie.loop, comment=movie.comment
    ) as file:
        assert isinstance(file, FixedPaletteGif)

        def append(_index: int, blocks: bytes) -> None:
            file.append(blocks, movie.size_px[::-1])

        yield append


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
        self._begun = False  # imageio closes even what could not be opened
        super().__init__(request)
        if request.mode.io_mode != "w":
            raise InitializationError("this plugin only writes")
        if len(palette) > MAX_COLORS:
            raise ValueError(f"{len(palette)} colours are too many: a palette has {MAX_COLORS} at most")
        self._palette = palette
        self._packer = FramePacker(palette)
        self._loop = loop
        self._comment = comment
        self._file = request.get_file()

    def write(self, ndimage: Any, *, duration_ms: float = 100.0, exact: bool = True) -> None:
        """Append one frame.

        Args:
            ndimage: (H, W, 3) uint8.
            duration_ms: how long it is shown, a multiple of 10.
            exact: whether every pixel shall have the nearest colour of the palette.
        """
        self.append(self._packer.pack(ndimage, round(duration_ms / 10), exact=exact), ndimage.shape)

    def append(self, blocks: bytes, shape: Sequence[int]) -> None:
        """Append frames that a `FramePacker` with the same palette has packed, of images of a shape (H, W, …)."""
        if not self._begun:
            self._write_header(*shape[:2])
            self._begun = True
        self._file.write(blocks)

    def close(self) -> None:
        if self._begun:
            self._file.write(b";")
            self._begun = False  # imageio closes again when the object is deleted
        super().close()

    def _write_header(self, height: int, width: int) -> None:
        colors = np.zeros((256, 3), dtype=np.uint8)
        colors[: len(self._palette)] = self._palette
        # 0xF7: a global table of 256 colours, 8 bits each
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + colors.tobytes())
        if self._loop:
            self._file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", 0) + b"\0")  # 0: for ever
        if self._comment is not None:
            text = without_seal(self._comment).encode("ascii")
            self._file.write(b"!\xfe" + bytes([len(text)]) + text + b"\0")

    def read(self, *_: Any, **__: Any) -> np.ndarray:
        raise NotImplementedError("this plugin only writes")

    def iter(self, *_: Any, **__: Any) -> Iterator[np.ndarray]:
        raise NotImplementedError("this plugin only writes")

    def properties(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("this plugin only writes")

    def metadata(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise NotImplementedError("this plugin only writes")
