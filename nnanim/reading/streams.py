"""The numbers of an array in a file, some at a time from its beginning, so that none is ever whole in memory.

They are read and not mapped: a training that writes a file anew makes it shorter, and who then touches what was mapped
behind its end is killed by the system. Read into one small place again and again they are no slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BufferedIOBase
from typing import Protocol, runtime_checkable

import numpy as np

from nnanim.reading.containers.zip_file import MemberFile, ZipError

SCRATCH_BYTES = 1 << 19  # what is read at a time stays in the cache of a CPU

_PAGE_BYTES = 4096
_NO_ROOM = np.empty(0, np.uint8)

Decode = Callable[[np.ndarray], np.ndarray]


def make_scratch() -> np.ndarray:
    """Return room for what is read at a time, (SCRATCH_BYTES,) uint8, at the beginning of a page.

    The system copies into it in little more than half the time that it takes for a place between two cache lines.
    """
    room = np.empty(SCRATCH_BYTES + _PAGE_BYTES, np.uint8)
    start = -room.ctypes.data % _PAGE_BYTES
    return room[start : start + SCRATCH_BYTES]


class Stream(Protocol):
    """The numbers of one array, row by row.

    Attributes:
        shape: sizes of its axes.
    """

    shape: tuple[int, ...]

    def read(self, count: int, scratch: np.ndarray) -> np.ndarray:
        """Return the next numbers, (n,), as many as that or as there are; with the last ones all is checked.

        Args:
            count: how many.
            scratch: uint8, in which they may lie until it is used again.

        Raises:
            SnapshotError: the file is damaged.
        """

    def skip(self, count: int) -> None:
        """Leave the next numbers out, as many as there are at least.

        Raises:
            SnapshotError: the file is damaged.
        """

    def close(self) -> None:
        """Give back what the stream holds open of its own."""


@runtime_checkable
class Streaming(Protocol):
    """The arrays of an open snapshot of a format that can be read so."""

    def stream(self, key: str, *, is_checked: bool = True) -> Stream | None:
        """Return the numbers of one array; None where they do not lie one behind the other.

        Args:
            key: its name.
            is_checked: whether a sum over them is checked, for which what is left out is read too. One that was checked
                before need not be again.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged.
        """


class FileStream:
    """Numbers that lie one behind the other in a file."""

    def __init__(
        self,
        file: BufferedIOBase,
        start: int,
        dtype: str | np.dtype,
        shape: tuple[int, ...],
        damaged: Callable[[OSError | None], Exception],
        decode: Decode | None = None,
        *,
        is_own: bool = False,
    ) -> None:
        """Describe them.

        Args:
            file: open for reading; others may read it in between.
            start: the first byte.
            dtype: of the numbers in the file.
            shape: sizes of the axes.
            damaged: makes the error for a file that cannot be read, or ends too early (None).
            decode: makes numbers of what is in the file.
            is_own: whether the file is closed with this.
        """
        self.shape = shape
        self._is_own = is_own
        self._file, self._at, self._dtype = file, start, np.dtype(dtype)
        self._left = math.prod(shape)
        self._damaged, self._decode = damaged, decode

    def read(self, count: int, scratch: np.ndarray) -> np.ndarray:
        """Return the next numbers, as `Stream` says."""
        count = min(count, self._left)
        size = count * self._dtype.itemsize
        place = scratch[:size] if size <= len(scratch) else np.empty(size, np.uint8)
        try:
            self._file.seek(self._at)
            done = self._file.readinto(place.data)
        except OSError as error:
            raise self._damaged(error) from error
        if done != size:
            raise self._damaged(None)
        self._at += size
        self._left -= count
        numbers = place.view(self._dtype)
        return numbers if self._decode is None else self._decode(numbers)

    def skip(self, count: int) -> None:
        """Leave numbers out, which are not read."""
        count = min(count, self._left)
        self._at += count * self._dtype.itemsize
        self._left -= count

    def close(self) -> None:
        """Close the file, where it is no other's."""
        if self._is_own:
            self._file.close()


class MemberStream:
    """Numbers in a member of a zip archive, whose sum is checked when the last of them was read."""

    def __init__(
        self,
        file: MemberFile,
        skip: int,
        dtype: str | np.dtype,
        shape: tuple[int, ...],
        size: int,
        damaged: Callable[[], Exception],
        decode: Decode | None = None,
    ) -> None:
        """Describe them.

        Args:
            file: the member, open at its first byte; closed with this.
            skip: bytes before the numbers.
            dtype: of the numbers in the file.
            shape: sizes of the axes.
            size: of the member in bytes; what lies behind the numbers is read for the sum alone.
            damaged: makes the error for a member that is not whole.
            decode: makes numbers of what is in the file.
        """
        self.shape = shape
        self._file, self._skip, self._dtype = file, skip, np.dtype(dtype)
        self._left = math.prod(shape)
        self._behind = size - skip - self._left * self._dtype.itemsize
        self._damaged, self._decode = damaged, decode

    def read(self, count: int, scratch: np.ndarray) -> np.ndarray:
        """Return the next numbers, as `Stream` says."""
        count = min(count, self._left)
        while self._skip:
            self._skip -= len(self._bytes(min(self._skip, SCRATCH_BYTES)))
        numbers = np.frombuffer(self._bytes(count * self._dtype.itemsize), self._dtype)
        self._left -= count
        while not self._left and self._behind:
            self._behind -= len(self._bytes(min(self._behind, SCRATCH_BYTES)))
        return numbers if self._decode is None else self._decode(numbers)

    def skip(self, count: int) -> None:
        """Leave numbers out, which are read for the sum."""
        count = min(count, self._left)
        while count:
            count -= len(self.read(min(count, SCRATCH_BYTES // self._dtype.itemsize), _NO_ROOM))

    def close(self) -> None:
        """Close the member."""
        self._file.close()

    def _bytes(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (ZipError, OSError) as error:
            raise self._damaged() from error
        if len(data) != size:
            raise self._damaged()
        return data
