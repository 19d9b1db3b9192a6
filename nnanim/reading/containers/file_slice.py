"""A part of a file that is read as if it were a file of its own."""

from __future__ import annotations

import io
from typing import Any


class FileSlice(io.RawIOBase):
    """The bytes of an open file from a place on; reading goes no further than the part does."""

    def __init__(self, file: io.BufferedIOBase, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be gone to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place and return it.

        Raises:
            ValueError: it is before the beginning.
        """
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"no place {at} in a file (it begins at 0)")
        self._at = at
        return at

    def readinto(self, buffer: Any, /) -> int:
        """Read as many bytes as there are room for, and return how many there were.

        Raises:
            OSError: the file cannot be read.
        """
        count = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        done = self._file.readinto(memoryview(buffer)[:count])
        self._at += done
        return done
