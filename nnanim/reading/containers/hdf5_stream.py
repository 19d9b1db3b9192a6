"""The numbers of a dataset in chunks, some at a time: one strip of chunks along its first axis is in memory."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator

import numpy as np

from nnanim.reading.containers.hdf5_chunks import ChunkError


class ChunkStream:
    """Numbers of strips, as `nnanim.reading.streams.Stream` gives them."""

    def __init__(
        self,
        strips: Iterator[tuple[int, np.ndarray]],
        dtype: str,
        shape: tuple[int, ...],
        damaged: Callable[[OSError | ValueError], Exception],
    ) -> None:
        """Describe them.

        Args:
            strips: begin and numbers of each, as `nnanim.reading.containers.hdf5_chunks.strips` yields them.
            dtype: NumPy's code.
            shape: sizes of the axes.
            damaged: makes the error for a file that cannot be read.
        """
        self.shape = shape
        self._strips, self._dtype, self._damaged = strips, np.dtype(dtype), damaged
        self._at, self._count = 0, math.prod(shape)
        self._begin, self._strip = 0, np.zeros(0, self._dtype)

    def read(self, count: int, scratch: np.ndarray) -> np.ndarray:
        """Return the next numbers, as `Stream` says."""
        count = min(count, self._count - self._at)
        size = count * self._dtype.itemsize
        numbers = (scratch[:size] if size <= len(scratch) else np.empty(size, np.uint8)).view(self._dtype)
        done = 0
        while done < count:
            if self._at >= self._begin + len(self._strip):
                self._next()
            if self._at < self._begin:  # what no chunk holds is zero
                step = min(self._begin - self._at, count - done)
                numbers[done : done + step] = 0
            else:
                start = self._at - self._begin
                step = min(len(self._strip) - start, count - done)
                numbers[done : done + step] = self._strip[start : start + step]
            done += step
            self._at += step
        return numbers

    def skip(self, count: int) -> None:
        """Leave numbers out, whose strips are unpacked."""
        self._at += min(count, self._count - self._at)
        while self._at < self._count and self._at >= self._begin + len(self._strip):
            self._next()

    def close(self) -> None:
        """Let go of the strip."""
        self._begin, self._strip = self._count, self._strip[:0]

    def _next(self) -> None:
        self._strip = self._strip[:0]  # before the next takes as much memory
        try:
            begin, strip = next(self._strips, (self.shape[0], self._strip))
        except struct.error as error:
            raise self._damaged(ChunkError("is damaged")) from error
        except (OSError, ValueError) as error:
            raise self._damaged(error) from error
        self._begin = begin * math.prod(self.shape[1:])
        self._strip = strip.reshape(-1)
