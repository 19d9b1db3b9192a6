"""Zip archives, read without trusting them: their directory once, each member only when it is asked for.

The standard library reads them; here all that it raises on damaged files becomes one error, and no member takes more
memory than once its size.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nnanim.reading.containers.unpacking import check_unpacked

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")

_PIECE_BYTES = 2**18
_SMALL_BYTES = 2**16  # a file up to this size is read whole
_BEST_RATIO = 1032  # of bytes to deflated bytes
_ENCRYPTED = 1
_LOCAL_HEADER_BYTES = 30  # the lengths of name and extra field are its last four
# All that the standard library raises: EOFError and zlib.error say "truncated", the others lie.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OverflowError,
    UnicodeDecodeError,
    ValueError,
    RuntimeError,  # encrypted; NotImplementedError: another version or compression
)


class ZipError(ValueError):
    """The file is no zip archive, or a damaged one."""


@dataclass(frozen=True)
class Member:
    """What the directory says of a member.

    Attributes:
        info: as the standard library keeps it.
    """

    info: zipfile.ZipInfo

    @property
    def size(self) -> int:
        """Bytes when unpacked."""
        return self.info.file_size

    @property
    def can_be_read(self) -> bool:
        """Whether it is stored or deflated, and not encrypted."""
        is_known = self.info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        return is_known and not self.info.flag_bits & _ENCRYPTED


class MemberFile:
    """A member that is read from its beginning."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """Return the next bytes, as many as there are; with the last ones the sum is checked.

        Raises:
            ZipError: the member is damaged.
            OSError: the file cannot be read.
        """
        with _told():
            return self._file.read(size)

    def close(self) -> None:
        """Close the member; its archive stays open."""
        self._file.close()


class _Window(io.RawIOBase):
    """A part of a file as a file of its own; others may read the file in between."""

    def __init__(self, file: IO[bytes] | io.BufferedIOBase, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence], 0)
        return self._at

    def readinto(self, place: Any) -> int:
        count = max(min(len(place), self._size - self._at), 0)
        self._file.seek(self._start + self._at)
        data = self._file.read(count)
        place[: len(data)] = data
        self._at += len(data)
        return len(data)


class ZipFile:
    """An archive whose directory was read.

    Attributes:
        path: the file.
        names: of all members, in the order of the directory; a name may occur twice.
    """

    def __init__(self, path: Path, file: IO[bytes] | io.BufferedIOBase) -> None:
        """Read the directory.

        Args:
            path: the file.
            file: the same, open for reading, at any place.

        Raises:
            ZipError: it is no archive, or a damaged one.
            OSError: it cannot be read.
        """
        self.path = path
        if file.seek(0, io.SEEK_END) <= _SMALL_BYTES:
            file.seek(0)
            file = io.BytesIO(file.read())
        self._file = file
        with _told():
            self._zip = zipfile.ZipFile(file)
        self.names: list[str] = self._zip.namelist()
        self._there = frozenset(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._there

    def __getitem__(self, name: str) -> Member:
        """Return what the directory says of a member, of several of the same name the last.

        Raises:
            KeyError: there is no such member.
        """
        return Member(self._zip.getinfo(name))

    def read(self, member: Member) -> bytes:
        """Read a whole member.

        Raises:
            ZipError: it is damaged.
            SnapshotError: it unpacks to far more than weights do.
            OSError: the file cannot be read.
        """
        self._check_unpacked(member)
        data = self.read_start(member, member.size)
        _check_size(len(data), member)
        return data

    def read_start(self, member: Member, count: int) -> bytes:
        """Read the first bytes of a member, as many as there are; only all of them are checked against its sum.

        Raises:
            ZipError: it is damaged.
            OSError: the file cannot be read.
        """
        with self._opened(member) as file:
            # Never all that there is: it may be more than the directory says.
            return file.read(min(count, member.size))

    def read_numbers(self, member: Member, skip: int = 0) -> np.ndarray:
        """Read a member as (size - skip,) uint8, without its first `skip` bytes.

        Raises:
            ZipError: it is damaged.
            SnapshotError: it unpacks to far more than weights do.
            OSError: the file cannot be read.
        """
        ratio = 1 if member.info.compress_type == zipfile.ZIP_STORED else _BEST_RATIO
        if member.size > ratio * member.info.compress_size:  # nothing is allocated on the word of the file alone
            raise ZipError("damaged")
        self._check_unpacked(member)
        with self._opened(member) as file:
            file.read(skip)
            numbers = np.empty(member.size - skip, dtype=np.uint8)
            done = 0
            while piece := file.read(_PIECE_BYTES):
                numbers[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
                done += len(piece)
        _check_size(skip + done, member)
        return numbers

    def open(self, member: Member) -> MemberFile:
        """Open a member to read it from its beginning, some bytes at a time.

        Raises:
            ZipError: it is damaged.
            SnapshotError: it unpacks to far more than weights do.
            OSError: the file cannot be read.
        """
        self._check_unpacked(member)
        if not member.can_be_read:
            raise ZipError("encrypted, or compressed in another way")
        with _told():
            return MemberFile(self._zip.open(member.info))

    def check(self, member: Member) -> None:
        """Check the sum of a member without keeping it.

        Raises:
            ZipError: it is damaged.
            SnapshotError: it unpacks to far more than weights do.
            OSError: the file cannot be read.
        """
        file, done = self.open(member), 0
        try:
            while piece := file.read(_PIECE_BYTES):
                done += len(piece)
        finally:
            file.close()
        _check_size(done, member)

    def window(self, member: Member) -> io.BufferedReader | None:
        """Return a member as a file in which one can go to any place, unchecked; None where it is packed.

        Raises:
            ZipError: it is damaged.
            OSError: the file cannot be read.
        """
        info = member.info
        if info.compress_type != zipfile.ZIP_STORED or not member.can_be_read:
            return None
        if info.header_offset < 0:  # as the archive's own directory has it
            raise ZipError("damaged")
        self._file.seek(info.header_offset)
        head = self._file.read(_LOCAL_HEADER_BYTES)
        if len(head) < _LOCAL_HEADER_BYTES or head[:4] != MAGICS[0] or info.compress_size != member.size:
            raise ZipError("damaged")
        names = sum(struct.unpack_from("<2H", head, _LOCAL_HEADER_BYTES - 4))
        return io.BufferedReader(_Window(self._file, info.header_offset + _LOCAL_HEADER_BYTES + names, member.size))

    def _check_unpacked(self, member: Member) -> None:
        what = f"{member.info.filename!r} in snapshot {str(self.path)!r}"
        check_unpacked(what, member.size, member.info.compress_size)

    @contextmanager
    def _opened(self, member: Member) -> Iterator[IO[bytes]]:
        if not member.can_be_read:
            raise ZipError("encrypted, or compressed in another way")
        with _told(), self._zip.open(member.info) as file:
            yield file


@contextmanager
def open_zip(path: Path) -> Iterator[ZipFile]:
    """Open an archive for as long as the context lasts.

    Raises:
        ZipError: it is no archive, or a damaged one.
        OSError: it cannot be opened or read.
    """
    with path.open("rb") as file:
        yield ZipFile(path, file)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ZipError("damaged") from error


def _check_size(size: int, member: Member) -> None:
    if size != member.size:
        raise ZipError("truncated")
