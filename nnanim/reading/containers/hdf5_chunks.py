"""Datasets of HDF5 that are stored in chunks, packed or not: where each chunk lies, and how it is unpacked.

What is read: chunks in a B-tree of version 1 or in what `hdf5_index` knows, packed by deflate after shuffle, with or
without checksums.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, sections III.A.1, IV.A.2.i and IV.A.2.l
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnanim.reading.containers.hdf5_index import Index, ListError, Place, index_of, places

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
MAX_CHUNKS = 100_000
MAX_LEVELS = 16
_NO_CHUNKS = 2**64 - 1
_CHECKSUM_BYTES = 4
_ALL = 2**32 - 1  # filters
_OWN_NAMES = 256  # filters from this number on carry a name

ReadAt = Callable[[int, int], bytes]


class ChunkError(ValueError):
    """The chunks cannot be read; the message ends the sentence "the file …"."""


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a dataset lie.

    Attributes:
        tree: address of the B-tree of version 1 that lists them; None where there is none.
        shape: of each chunk, in numbers.
        item_bytes: of a number.
        filters: what was done to each chunk, in that order.
        index: how they are listed in another way than in such a tree, or None.
    """

    tree: int | None
    shape: tuple[int, ...]
    item_bytes: int
    filters: tuple[int, ...] = ()
    index: Index | None = None

    @property
    def whole_bytes(self) -> int:
        """How many bytes a chunk has that is not packed."""
        return math.prod(self.shape) * self.item_bytes


def chunks_of(layout: bytes) -> Chunks | None:
    """Read a layout message of version 3 or 4 that tells of chunks; None for another.

    Raises:
        struct.error: it is too short.
    """
    if (found := index_of(layout)) is not None:
        index, sizes_4 = found
        return Chunks(None, sizes_4[:-1], sizes_4[-1], index=index)
    version, kind, dimensions = layout[0], layout[1], layout[2]
    if version != 3 or kind != 2 or dimensions < 2:
        return None
    tree, *sizes = struct.unpack_from(f"<Q{dimensions}I", layout, 3)
    return Chunks(None if tree == _NO_CHUNKS else tree, tuple(sizes[:-1]), sizes[-1])


def filters_of(message: bytes) -> tuple[int, ...]:
    """Read the numbers of the filters in a filter pipeline message.

    Raises:
        struct.error: it is too short.
    """
    version, count = message[0], message[1]
    place = 8 if version == 1 else 2
    filters = []
    for _ in range(count):
        (number,) = struct.unpack_from("<H", message, place)
        place += 2
        name_bytes = 0
        if version == 1 or number >= _OWN_NAMES:
            (name_bytes,) = struct.unpack_from("<H", message, place)
            place += 2
        _, values = struct.unpack_from("<2H", message, place)
        place += 4 + (-(-name_bytes // 8) * 8 if version == 1 else name_bytes) + 4 * values
        place += 4 * (values % 2) if version == 1 else 0
        filters.append(number)
    return tuple(filters)


def read_chunks(
    chunks: Chunks, shape: tuple[int, ...], dtype: str, read_at: ReadAt, read_data: ReadAt | None = None
) -> np.ndarray:
    """Put the chunks of a dataset together; what no chunk holds is zero.

    Args:
        chunks: where they lie.
        shape: of the dataset, of as many axes as a chunk.
        dtype: NumPy's code.
        read_at: reads so many bytes at an address, or raises.
        read_data: the same for what may be large; by default `read_at`.

    Raises:
        ChunkError: they are damaged, or packed in a way that is not read.
    """
    numbers = np.zeros(shape, dtype)
    found = list_chunks(chunks, shape, dtype, read_at)
    for begin, strip in strips(chunks, shape, dtype, found, read_data or read_at):
        numbers[begin : begin + len(strip)] = strip
    return numbers


def list_chunks(chunks: Chunks, shape: tuple[int, ...], dtype: str, read_at: ReadAt) -> list[Place]:
    """Return where the chunks of a dataset lie, in the order of its first axis.

    Raises:
        ChunkError: they are damaged, or packed in a way that is not read.
    """
    unknown = set(chunks.filters) - {DEFLATE, SHUFFLE, FLETCHER32}
    if unknown:
        raise ChunkError(f"is packed by HDF5's filter {min(unknown)} (gzip and shuffle are read)")
    if len(shape) != len(chunks.shape) or 0 in chunks.shape or np.dtype(dtype).itemsize != chunks.item_bytes:
        raise ChunkError("is damaged")
    largest = max(math.prod(shape) * chunks.item_bytes, 1) * 4 + 2**20
    if chunks.whole_bytes > largest:
        raise ChunkError(f"has chunks of {chunks.whole_bytes} bytes for an array of shape {shape}")
    room = math.prod(-(-size // long) for size, long in zip(shape, chunks.shape, strict=True))
    found = []
    for place in _listed(chunks, shape, chunks.whole_bytes, read_at):
        if any(at >= long for at, long in zip(place.start, shape, strict=True)):
            continue
        found.append(place)
        if len(found) > room:  # the same few bytes could be unpacked for ever
            raise ChunkError(f"has more chunks than an array of shape {shape} has room for")
    return sorted(found, key=lambda place: place.start[0] // chunks.shape[0])


def strips(
    chunks: Chunks, shape: tuple[int, ...], dtype: str, found: Sequence[Place], read_data: ReadAt
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield begin and numbers of each strip along the first axis, as long as a chunk; what no chunk holds is zero.

    A strip that has no chunks is left out.

    Raises:
        ChunkError: a chunk is damaged.
    """
    long = chunks.shape[0]
    for number, group in groupby(found, key=lambda place: place.start[0] // long):
        begin = number * long
        numbers = np.zeros((min(begin + long, shape[0]) - begin, *shape[1:]), dtype)
        for start, address, size, skipped in group:
            packed = read_data(address, chunks.whole_bytes if size is None else size)
            chunk = np.frombuffer(_unpacked(packed, chunks, skipped), dtype).reshape(chunks.shape)
            within = (start[0] - begin, *start[1:])
            ends = [min(at + by, size) for at, by, size in zip(within, chunks.shape, numbers.shape, strict=True)]
            inside = tuple(slice(at, end) for at, end in zip(within, ends, strict=True))
            numbers[inside] = chunk[tuple(slice(0, end - at) for at, end in zip(within, ends, strict=True))]
        yield begin, numbers


def _listed(chunks: Chunks, shape: tuple[int, ...], whole_bytes: int, read_at: ReadAt) -> Iterator[Place]:
    """Yield where each chunk lies."""
    if chunks.index is None:
        yield from _in_old_tree(chunks, read_at) if chunks.tree is not None else ()
        return
    try:
        found = places(chunks.index, shape, chunks.shape, whole_bytes, read_at)
    except ListError as error:
        raise ChunkError(str(error)) from error
    for place in found:
        is_at_edge = any(at + by > size for at, by, size in zip(place.start, chunks.shape, shape, strict=True))
        yield place._replace(skipped=_ALL) if chunks.index.edges_are_plain and is_at_edge else place


def _in_old_tree(chunks: Chunks, read_at: ReadAt) -> Iterator[Place]:
    axes = len(chunks.shape)
    key_bytes = 8 + 8 * (axes + 1)
    assert chunks.tree is not None
    waiting, seen, count = [(chunks.tree, MAX_LEVELS)], set(), 0
    while waiting:
        address, level_above = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        head = read_at(address, 24)
        level, (entries,) = head[5], struct.unpack_from("<H", head, 6)
        if head[:4] != b"TREE" or head[4] != 1 or level >= level_above:
            raise ChunkError("is damaged")
        body = read_at(address + 24, entries * (key_bytes + 8))
        for entry in range(entries):
            place = entry * (key_bytes + 8)
            size, skipped, *start = struct.unpack_from(f"<2I{axes}Q", body, place)
            (child,) = struct.unpack_from("<Q", body, place + key_bytes)
            if level:
                waiting.append((child, level))
                continue
            count += 1
            if count > MAX_CHUNKS:
                raise ChunkError(f"has more than {MAX_CHUNKS} chunks in an array")
            yield Place(tuple(start), child, size, skipped)


def _unpacked(packed: bytes, chunks: Chunks, skipped: int) -> bytes:
    data, whole_bytes = packed, chunks.whole_bytes
    for place in range(len(chunks.filters) - 1, -1, -1):
        if skipped >> place & 1:
            continue
        match chunks.filters[place]:
            case 1:  # DEFLATE
                unpacking = zlib.decompressobj()
                try:
                    data = unpacking.decompress(data, whole_bytes + _CHECKSUM_BYTES)
                except zlib.error as error:
                    raise ChunkError("is damaged") from error
            case 2:  # SHUFFLE: all first bytes, then all second ones, …
                if len(data) % chunks.item_bytes:
                    raise ChunkError("is damaged")
                data = np.frombuffer(data, np.uint8).reshape(chunks.item_bytes, -1).T.tobytes()
            case 3:  # FLETCHER32, a checksum at the end
                data = data[:-_CHECKSUM_BYTES]
    if len(data) != whole_bytes:
        raise ChunkError("is damaged")
    return data
