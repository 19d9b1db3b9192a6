"""Zip archives, read without trusting them: the directory in one go, each member only when it is asked for.

The standard library's ``zipfile`` describes every member in an object and gives it out through a stream, which takes
most of the time where hundreds of small snapshots are read, and twice the memory where they are large. What is read
here: members that are stored or deflated, of archives of any size (Zip64) in one part.

Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3, the parts of an archive; 4.5.3, Zip64)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s8x2L2x")  # magic, size and place of the directory
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sL8xL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END_64 = struct.Struct("<4s36x2Q")
_END_64_MAGIC = b"PK\x06\x06"
_ENTRY = struct.Struct("<8x2H4x3L2H10xL")
_LENGTHS = struct.Struct("<4s2xBxH18x3H")  # of an entry's name and what stands behind it
_ENTRY_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s22x2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_NEWEST_VERSION = 63  # of the format, times ten
_UTF8, _NOT_PLAIN = 0x800, 0x61  # flags: how the name is written; encrypted, or a patch
_MANY, _LONG = 0xFFFFFFFF, 1  # what stands for a number of 64 bits; the field that holds it
_TAIL_BYTES = 2**16 + 22  # the end of an archive has at most so many
_PIECE_BYTES = 2**18
_BEST_RATIO = 1032  # of bytes to deflated bytes


class ZipError(ValueError):
    """The file is no zip archive, or a damaged one."""


class Member(NamedTuple):
    """What the directory says of a member."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size: int
    place: int

    @property
    def can_be_read(self) -> bool:
        """Whether it is stored or deflated, and not encrypted."""
        return self.method in (STORED, DEFLATED) and not self.flags & _NOT_PLAIN


class ZipFile:
    """An archive whose directory was read.

    Attributes:
        path: the file.
        names: of all members, in the order of the directory; a name may occur twice.
    """

    def __init__(self, path: Path, file: BufferedIOBase) -> None:
        """Read the directory.

        Args:
            path: the file.
            file: the same, open for reading, at any place.

        Raises:
            ZipError: it is no archive, or a damaged one.
            OSError: it cannot be read.
        """
        self.path = path
        self._file = file
        self._size = file.seek(0, 2)
        self._tail_start = max(0, self._size - _TAIL_BYTES)
        file.seek(self._tail_start)
        self._tail = file.read(self._size - self._tail_start)  # of a small file that is all
        self._directory, self._shift = self._find_directory()
        self._entries: dict[str, int] = {}  # where in the directory
        self.names: list[str] = []
        self._list()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Member:
        """Return what the directory says of a member, of several of the same name the last.

        Raises:
            KeyError: there is no such member.
            ZipError: the directory is damaged there.
        """
        place = self._entries[name]
        flags, method, crc, packed_bytes, size, name_bytes, extra_bytes, start = _ENTRY.unpack_from(
            self._directory, place
        )
        behind = place + _ENTRY.size + name_bytes
        raw_name = self._directory[behind - name_bytes : behind]
        if _MANY in (packed_bytes, size, start):
            extra = self._directory[behind : behind + extra_bytes]
            size, packed_bytes, start = _long_numbers(extra, (size, packed_bytes, start))
        return Member(raw_name, flags, method, crc, packed_bytes, size, start + self._shift)

    def read(self, member: Member) -> bytes:
        """Read a whole member.

        Raises:
            ZipError: it is damaged.
            OSError: the file cannot be read.
        """
        if member.packed_bytes > _PIECE_BYTES or member.size > _PIECE_BYTES:
            return b"".join(self._pieces(member))
        data = self._at(self._start(member), member.packed_bytes)
        if member.method == DEFLATED and member.size:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.size)
            except zlib.error as error:
                raise ZipError("damaged") from error
        data = data[: member.size]
        _check(member, len(data), zlib.crc32(data))
        return data

    def read_start(self, member: Member, count: int) -> bytes:
        """Read the first bytes of a member, as many as there are. They are not checked against its sum.

        Raises:
            ZipError: it is damaged.
            OSError: the file cannot be read.
        """
        start = b""
        for piece in self._unpacked(member, count):
            start += piece
            if len(start) >= count:
                break
        return start[: min(count, member.size)]

    def read_numbers(self, member: Member, skip: int = 0) -> np.ndarray:
        """Read a member as (size - skip,) uint8, without its first `skip` bytes.

        Raises:
            ZipError: it is damaged.
            OSError: the file cannot be read.
        """
        ratio = _BEST_RATIO if member.method == DEFLATED else 1
        if member.size > ratio * member.packed_bytes:  # nothing is allocated on the word of the file alone
            raise ZipError("damaged")
        numbers = np.empty(member.size - skip, dtype=np.uint8)
        done = -skip
        for piece in self._pieces(member):
            end = done + len(piece)
            if end > 0:
                numbers[max(done, 0) : end] = np.frombuffer(piece, np.uint8)[max(-done, 0) :]
            done = end
        return numbers

    def _pieces(self, member: Member) -> Iterator[bytes]:
        """Yield a whole member in pieces, and check it."""
        crc, done = 0, 0
        for unpacked in self._unpacked(member, _PIECE_BYTES):
            piece = unpacked[: member.size - done]
            crc = zlib.crc32(piece, crc)
            done += len(piece)
            yield piece
            if done == member.size:
                break
        _check(member, done, crc)

    def _unpacked(self, member: Member, most: int) -> Iterator[bytes]:
        """Yield what a member holds in pieces of at most so many bytes, and what may be left of the last."""
        place = self._start(member)
        end = place + member.packed_bytes
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            while place < end and not unpack.eof:
                data = self._at(place, min(most, end - place))
                place += len(data)
                if member.method == STORED:
                    yield data
                    continue
                while data:
                    yield unpack.decompress(data, most)
                    data = unpack.unconsumed_tail
            yield unpack.flush()
        except zlib.error as error:
            raise ZipError("damaged") from error

    def _start(self, member: Member) -> int:
        """Return where the bytes of a member begin."""
        if not member.can_be_read:
            raise ZipError("encrypted, or compressed in another way")
        start = self._at(member.place, _LOCAL.size + len(member.raw_name))
        magic, name_bytes, extra_bytes = _LOCAL.unpack_from(start)
        if magic != _LOCAL_MAGIC or name_bytes != len(member.raw_name) or start[_LOCAL.size :] != member.raw_name:
            raise ZipError("damaged")
        return member.place + len(start) + int(extra_bytes)

    def _at(self, place: int, count: int) -> bytes:
        if place < 0 or place + count > self._size:
            raise ZipError("truncated")
        if place >= self._tail_start:
            place -= self._tail_start
            data = self._tail[place : place + count]
        else:
            self._file.seek(place)
            data = self._file.read(count)
        if len(data) != count:  # the file is shorter by now
            raise ZipError("truncated")
        return data

    def _find_directory(self) -> tuple[bytes, int]:
        """Return the directory, and how many bytes stand before the archive in the file."""
        end = len(self._tail) - _END.size
        if end < 0 or self._tail[end : end + 4] != _END_MAGIC or self._tail[-2:] != b"\0\0":  # there is a comment
            end = self._tail.rfind(_END_MAGIC)
        if not 0 <= end <= len(self._tail) - _END.size:
            raise ZipError("no archive")
        _, size, start = _END.unpack_from(self._tail, end)
        behind = self._tail_start + end
        locator = behind - _LOCATOR.size
        if locator >= _END_64.size:
            magic, first_part, parts = _LOCATOR.unpack(self._at(locator, _LOCATOR.size))
            if magic == _LOCATOR_MAGIC:
                if first_part or parts > 1:
                    raise ZipError("in several parts")
                magic, size_64, start_64 = _END_64.unpack(self._at(locator - _END_64.size, _END_64.size))
                if magic == _END_64_MAGIC:
                    size, start, behind = size_64, start_64, locator - _END_64.size
        place = behind - size
        if place < 0:
            raise ZipError("damaged")
        return self._at(place, size), place - start

    def _list(self) -> None:
        """Find the members in the directory."""
        directory = self._directory
        place = 0
        while place < len(directory):
            start = place + _ENTRY.size
            if start > len(directory):
                raise ZipError("truncated")
            magic, version, flags, name_bytes, extra_bytes, comment_bytes = _LENGTHS.unpack_from(directory, place)
            if magic != _ENTRY_MAGIC or version > _NEWEST_VERSION:
                raise ZipError("damaged")
            raw_name = directory[start : start + name_bytes]
            try:
                name = raw_name.decode("ascii" if raw_name.isascii() else "utf-8" if flags & _UTF8 else "cp437")
            except UnicodeDecodeError as error:
                raise ZipError("damaged") from error
            if "\0" in name:
                name = name[: name.index("\0")]
            self.names.append(name)
            self._entries[name] = place
            place = start + name_bytes + extra_bytes + comment_bytes
        if place > len(directory):
            raise ZipError("truncated")


@contextmanager
def open_zip(path: Path) -> Iterator[ZipFile]:
    """Open an archive for as long as the context lasts.

    Raises:
        ZipError: it is no archive, or a damaged one.
        OSError: it cannot be opened or read.
    """
    with path.open("rb") as file:
        yield ZipFile(path, file)


def _check(member: Member, size: int, crc: int) -> None:
    if size != member.size or crc != member.crc:
        raise ZipError("damaged")


def _long_numbers(extra: bytes, numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Put in the numbers of 64 bits, which stand behind each other for those that are too large for 32."""
    place = 0
    while place + 4 <= len(extra):
        kind, count = struct.unpack_from("<2H", extra, place)
        place += 4
        if kind == _LONG:
            found = [extra[start : start + 8] for start in range(place, place + count, 8)]
            wanted = numbers.count(_MANY)
            if place + count > len(extra) or len(found) < wanted or len(found[wanted - 1]) < 8:
                raise ZipError("damaged")
            return tuple(int.from_bytes(found.pop(0), "little") if number == _MANY else number for number in numbers)
        place += count
    return numbers
