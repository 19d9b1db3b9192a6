"""OCDBT, TensorStore's database of names and values: a tree in ``d/…``, whose root ``manifest.ocdbt`` names.

A leaf of the tree holds names with their values, or with the place of a value in a file. The newest version is read.

Format: https://google.github.io/tensorstore/kvstore/ocdbt/index.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from nnanim.reading.containers.zstd import ZstdError, unpack_zstd

MANIFEST = "manifest.ocdbt"
MAX_FILE_BYTES = 2**24  # of a manifest or a node
MAX_NODE_BYTES = 2**26  # that it unpacks to
MAX_NAME_BYTES = 2**26  # of all names together
MAX_NODES = 10_000
MAX_LEVELS = 16
_MANIFEST_MAGIC, _NODE_MAGIC = 0x0CDB3A2A, 0x0CDB20DE
_LEAST_BYTES = 4 + 8 + 2 + 4
_LONGEST_NAME = 65_535
_NOWHERE = 2**64 - 1  # where the root of an empty database is


class OcdbtError(ValueError):
    """The database cannot be read; the message ends the sentence "its file …"."""


class Place(NamedTuple):
    """Where bytes lie.

    Attributes:
        file: within the folder of the manifest.
        start: first byte.
        size: in bytes.
    """

    file: str
    start: int
    size: int


ReadAt = Callable[[Place], bytes]


class _File(NamedTuple):
    """A file that a node names: its whole name, and what stands before those that its own nodes name."""

    name: str
    base: str


def read_names(manifest: bytes, read_at: ReadAt) -> dict[str, bytes | Place]:
    """Read all names of a database, each with its value or with the place of it.

    Args:
        manifest: the file `MANIFEST`.
        read_at: returns the bytes at a place; it decides which files may be opened.

    Raises:
        OcdbtError: it is damaged, too large, or of a kind that is not read.
    """
    reader = _Reader(_opened(manifest, _MANIFEST_MAGIC, MANIFEST), MANIFEST)
    root = _root(reader)
    found: dict[str, bytes | Place] = {}
    waiting = [root] if root is not None else []
    nodes = name_bytes = 0
    while waiting:
        node = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise OcdbtError(f"{MANIFEST!r} leads to more than {MAX_NODES} nodes")
        name = node.place.file
        if node.place.size > MAX_FILE_BYTES:
            raise OcdbtError(f"{name!r} has a node of {node.place.size} bytes (at most {MAX_FILE_BYTES} are read)")
        inside = _Reader(_opened(read_at(node.place), _NODE_MAGIC, name), name)
        if inside.byte() != node.height:
            raise OcdbtError(f"{name!r} is damaged")
        files = _files(inside, node.base)
        keys, common = _keys(inside, node.height > 0)
        name_bytes += len(node.prefix) * len(keys) + sum(map(len, keys))
        if name_bytes > MAX_NAME_BYTES:
            raise OcdbtError(f"{name!r} holds names of more than {MAX_NAME_BYTES} bytes")
        if node.height == 0:
            found.update(
                zip([_text(node.prefix + key) for key in keys], _values(inside, files, len(keys)), strict=True)
            )
            continue
        for key, length, (place, base) in zip(keys, common, _places(inside, files, len(keys)), strict=True):
            waiting.append(_Node(place, base, node.height - 1, node.prefix + key[:length]))
    return found


@dataclass(frozen=True)
class _Node:
    """A node that is to be read: where it lies, what stands before the files and the names in it, how high it is."""

    place: Place
    base: str
    height: int
    prefix: bytes = b""


class _Reader:
    """Numbers one behind the other, none of which goes beyond the end."""

    def __init__(self, data: bytes, file: str) -> None:
        self._data = data
        self._at = 0
        self._file = file

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise self.damaged()
        self._at += size
        return self._data[self._at - size : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise self.damaged()

    def numbers(self, count: int) -> list[int]:
        if count > len(self._data) - self._at:
            raise self.damaged()
        return [self.number() for _ in range(count)]

    def damaged(self) -> OcdbtError:
        return OcdbtError(f"{self._file!r} is damaged")


def _opened(data: bytes, magic: int, file: str) -> bytes:
    """Return what stands between head and checksum of a manifest or a node, unpacked."""
    if len(data) < _LEAST_BYTES or struct.unpack_from(">I", data)[0] != magic:
        raise OcdbtError(f"{file!r} is damaged")
    if struct.unpack_from("<Q", data, 4)[0] != len(data):
        raise OcdbtError(f"{file!r} is truncated")
    if struct.unpack_from("<I", data, len(data) - 4)[0] != crc32c(data[:-4]):
        raise OcdbtError(f"{file!r} is damaged (its checksum is another)")
    version, packing = data[12], data[13]
    if version != 0 or packing > 1:
        raise OcdbtError(f"{file!r} is of version {version}, packed by {packing}, which is not read")
    body = data[14:-4]
    if packing == 0:
        return body
    try:
        return unpack_zstd(body, MAX_NODE_BYTES)
    except ZstdError as error:
        raise OcdbtError(f"{file!r} {error}") from error


def _root(reader: _Reader) -> _Node | None:
    """Return the root of the newest version that a manifest names; None of an empty database."""
    reader.take(16)  # its number
    if reader.number() != 0:
        raise OcdbtError(f"{MANIFEST!r} keeps its versions in files of their own, which are not read")
    reader.numbers(2)  # most bytes of a value in a node, and of a node
    reader.byte()
    if reader.number() == 1:
        reader.take(4)  # how well it is packed
    files = _files(reader, "")
    count = reader.number()
    reader.numbers(count)  # of the versions
    heights = reader.take(count)
    if count == 0 or not files:
        return None
    place, base = _places(reader, files, count, may_lack=True)[-1]
    if place.size == _NOWHERE:
        return None
    if heights[-1] > MAX_LEVELS:
        raise OcdbtError(f"{MANIFEST!r} has a tree of {heights[-1]} levels (at most {MAX_LEVELS} are read)")
    return _Node(place, base, heights[-1])


def _files(reader: _Reader, base: str) -> list[_File]:
    """Read the table of the files that a node names."""
    count = reader.number()
    if count == 0:
        return []
    shared = [0, *reader.numbers(count - 1)]
    lengths, bases = reader.numbers(count), reader.numbers(count)
    paths = _joined(reader, shared, lengths)
    if any(length > len(path) for path, length in zip(paths, bases, strict=True)):
        raise reader.damaged()
    return [_File(base + _text(path), base + _text(path[:length])) for path, length in zip(paths, bases, strict=True)]


def _keys(reader: _Reader, has_nodes: bool) -> tuple[list[bytes], list[int]]:
    """Read the names of a node, and of each how much of it all names below begin with."""
    count = reader.number()
    if count == 0:
        raise reader.damaged()
    shared = [0, *reader.numbers(count - 1)]
    lengths = reader.numbers(count)
    common = reader.numbers(count) if has_nodes else []
    return _joined(reader, shared, lengths), common


def _joined(reader: _Reader, shared: list[int], lengths: list[int]) -> list[bytes]:
    """Read names of which each begins as the one before it does."""
    sizes = [begin + rest for begin, rest in zip(shared, lengths, strict=True)]
    if max(sizes) > _LONGEST_NAME or sum(sizes) > MAX_NAME_BYTES:
        raise reader.damaged()
    names = [b""]
    for begin, rest in zip(shared, lengths, strict=True):
        if begin > len(names[-1]):
            raise reader.damaged()
        names.append(names[-1][:begin] + reader.take(rest))
    return names[1:]


def _values(reader: _Reader, files: list[_File], count: int) -> list[bytes | Place]:
    """Read the values of a leaf."""
    sizes, kinds = reader.numbers(count), reader.numbers(count)
    outside = [size for size, kind in zip(sizes, kinds, strict=True) if kind]
    numbers, starts = reader.numbers(len(outside)), reader.numbers(len(outside))
    if max(kinds) > 1 or any(number >= len(files) for number in numbers):
        raise reader.damaged()
    places = iter([Place(files[number].name, *at) for number, *at in zip(numbers, starts, outside, strict=True)])
    return [next(places) if kind else reader.take(size) for size, kind in zip(sizes, kinds, strict=True)]


def _places(reader: _Reader, files: list[_File], count: int, *, may_lack: bool = False) -> list[tuple[Place, str]]:
    """Read where nodes lie, and what stands before the files that they name."""
    numbers, starts, sizes = reader.numbers(count), reader.numbers(count), reader.numbers(count)
    if any(number >= len(files) for number in numbers):
        raise reader.damaged()
    if not may_lack and _NOWHERE in sizes:
        raise reader.damaged()
    return [
        (Place(files[number].name, start, size), files[number].base)
        for number, start, size in zip(numbers, starts, sizes, strict=True)
    ]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def crc32c(data: bytes) -> int:
    """Return the checksum of Castagnoli, as in RFC 3720, appendix B.4."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))
