"""RGB frames to the frames of a GIF: the box in which pixels changed, transparent where they did not.

A pixel keeps the colour that the viewer sees while that is within `TOLERANCE` of the true one, so lines that grow by a
hundredth of a pixel cost nothing. It is compared with the true colour, never with what was true before, so errors do
not add up; and an exact frame shows the nearest colour of the palette everywhere, whatever was shown before it.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from PIL import Image

from nnanim.encoders.movie import Movie
from nnanim.encoders.whole_file import EXACT_EVERY

MAX_COLORS = 255  # one of 256 entries is needed for "unchanged"
TOLERANCE = 8  # of 255 in each channel: 3 %, on an antialiased rim of a line
BITS = 8
BATCH = 256  # colours; a larger product of matrices would be worth several threads to the library, not to us
OPAQUE = 0xFF000000


def is_exact(index: int, count: int) -> bool:
    """Tell whether a frame shows the nearest colours: the last of every `EXACT_EVERY`, and the last of all."""
    return index % EXACT_EVERY == EXACT_EVERY - 1 or index == count - 1


class GifPacker:
    """Pack the frames of a movie; see `nnanim.encoders.movie.Packer`."""

    remembers = True

    def __init__(self, movie: Movie) -> None:
        self._durations_s = movie.durations_s
        self._packer = FramePacker(movie.palette)

    def begin_behind(self, index: int, image: np.ndarray) -> None:
        if not is_exact(index, len(self._durations_s)):
            raise ValueError(f"what is shown after frame {index} depends on the frames before it")
        self._packer.begin_behind(image)

    def pack(self, index: int, image: np.ndarray) -> bytes:
        count = len(self._durations_s)
        return self._packer.pack(image, round(100 * self._durations_s[index]), exact=is_exact(index, count))

    def change(self, index: int, image: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
        """Return what changes with the next frame, (H, W, 3) uint8, as `FramePacker.change` does."""
        return self._packer.change(image, exact=is_exact(index, len(self._durations_s)))


class FramePacker:
    """Pack frames of one size one after the other, remembering what the viewer sees."""

    def __init__(self, palette: np.ndarray) -> None:
        """Begin with a viewer that has seen nothing.

        Args:
            palette: (C, 3) uint8, at most 255 colours.
        """
        self._nearest = _nearest_of(np.asarray(palette, dtype=np.uint8).tobytes())
        self._channels = palette.astype(np.int16).T
        self._transparent = len(palette)
        self._true: np.ndarray | None = None  # (H*W,) uint32, colours of the frame before
        self._shown = np.empty(0, dtype=np.uint8)  # (H*W,) indices that the viewer sees

    def begin_behind(self, image: np.ndarray) -> None:
        """Take for shown what an exact frame of an image, (H, W, 3) uint8, would have shown."""
        self._true = _colors_of(image).ravel()
        self._shown = self._nearest(self._true)

    def pack(self, image: np.ndarray, centiseconds: int, *, exact: bool) -> bytes:
        """Return the next frame as blocks of a GIF.

        Args:
            image: (H, W, 3) uint8.
            centiseconds: how long it is shown.
            exact: whether every pixel shall have the nearest colour of the palette.
        """
        corner, pixels = self.change(image, exact=exact)
        return self._blocks(corner, pixels, centiseconds)

    def change(self, image: np.ndarray, *, exact: bool) -> tuple[tuple[int, int], np.ndarray]:
        """Return what changes with the next frame.

        Args:
            image: (H, W, 3) uint8.
            exact: whether every pixel shall have the nearest colour of the palette.

        Returns:
            Left and top of the box, and its (h, w) indices: one behind the palette's last stands for "unchanged".
        """
        width = image.shape[1]
        if self._true is None:
            self.begin_behind(image)
            return (0, 0), self._shown.reshape(image.shape[:2])
        places, indices = self._changes(_colors_of(image).ravel(), exact)
        if len(places) == 0:
            return (0, 0), np.full((1, 1), self._transparent, dtype=np.uint8)
        rows, columns = np.divmod(places, width)
        top, left = int(rows[0]), int(columns.min())
        pixels = np.full((rows[-1] + 1 - top, columns.max() + 1 - left), self._transparent, dtype=np.uint8)
        pixels[rows - top, columns - left] = indices
        return (left, top), pixels

    def _changes(self, colors: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the places, increasing, of pixels that must change, and their new indices."""
        if exact:
            indices = self._nearest(colors)
            places = np.flatnonzero(indices != self._shown)
            indices = indices[places]
        else:
            # Where the true colour is that of the frame before, the decision of that frame still holds.
            places = np.flatnonzero(colors != self._true)
            places = places[self._is_far(colors[places], self._shown[places])]
            indices = self._nearest(colors[places])
            differ = indices != self._shown[places]
            places, indices = places[differ], indices[differ]
        self._true = colors
        self._shown[places] = indices
        return places, indices

    def _is_far(self, colors: np.ndarray, indices: np.ndarray) -> np.ndarray:
        far = np.zeros(len(colors), dtype=bool)
        for shift, channel in zip((0, 8, 16), self._channels, strict=True):
            true = (colors >> np.uint32(shift) & np.uint32(0xFF)).astype(np.int16)
            far |= np.abs(true - channel[indices]) > TOLERANCE
        return far

    def _blocks(self, corner: tuple[int, int], pixels: np.ndarray, centiseconds: int) -> bytes:
        height, width = pixels.shape
        # 0x05: leave the frame in place when its time is over; one colour is transparent
        control = b"!\xf9\x04" + struct.pack("<BHBB", 0x05, centiseconds, self._transparent, 0)
        place = b"," + struct.pack("<HHHHBB", *corner, width, height, 0, BITS)
        return control + place + Image.fromarray(pixels).tobytes("gif", "L", BITS, 0) + b"\0"


@lru_cache(maxsize=1)
def _nearest_of(palette: bytes) -> _Nearest:
    """Return what maps colours to a palette, the same for all packers: what one has met, the others know."""
    return _Nearest(np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3))


class _Nearest:
    """Map colours to the nearest of a palette, remembering every colour it has met."""

    def __init__(self, palette: np.ndarray) -> None:
        colors = palette.astype(np.float32)
        self._palette = colors.T
        self._squares = (colors**2).sum(axis=1)
        # Index + 1 of every colour, 0 where not met yet: zeros cost no memory before they are written.
        self._known = np.zeros(1 << 24, dtype=np.uint8)

    def __call__(self, colors: np.ndarray) -> np.ndarray:
        """Return (N,) uint8 indices of (N,) colours 0x..bbggrr."""
        keys = colors & np.uint32(0xFFFFFF)
        known = self._known[keys]
        if not known.all():
            new = np.unique(keys[known == 0])
            self._known[new] = self._find(new) + 1
            known = self._known[keys]
        indices: np.ndarray = known - np.uint8(1)
        return indices

    def _find(self, keys: np.ndarray) -> np.ndarray:
        best = np.empty(len(keys), dtype=np.uint8)
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            channels = np.stack([part & 0xFF, part >> 8 & 0xFF, part >> 16], axis=1).astype(np.float32)
            # |c - p|^2 without |c|^2, which is the same for all p. Whole numbers below 2^24: exact in float32.
            best[start : start + BATCH] = (self._squares - 2 * channels @ self._palette).argmin(axis=1)
        return best


def _colors_of(image: np.ndarray) -> np.ndarray:
    """Return (H, W) colours 0xffbbggrr of an (H, W, 3) uint8 image."""
    whole = image.base
    if whole is not None and whole.shape == (*image.shape[:2], 4) and whole.strides[:2] == image.strides[:2]:
        # The red, green and blue of an RGBA image, as the canvas gives it: nothing needs to be put together.
        together = whole.view("<u4")[..., 0]
        return together | np.uint32(OPAQUE)
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    return red | green << 8 | blue << 16 | np.uint32(OPAQUE)
