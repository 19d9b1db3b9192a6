"""Datasets of HDF5 that are stored in chunks, plain or through the filters deflate, shuffle and fletcher32.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (B-trees of version 1, node type 1).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

_UNDEFINED = 2**64 - 1
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_SUM_BYTES = 4
_MAX_FILTERS = 32
_BEST_RATIO = 1032  # of deflate

ReadAt = Callable[[int, int], bytes]


class ChunkError(ValueError):
    """Chunks that cannot be read; the message ends the sentence "the file …"."""


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a dataset are.

    Attributes:
        address: of the root of their tree.
        shape: of each chunk, in numbers.
    """

    address: int
    shape: tuple[int, ...]


def parse_chunks(data: bytes) -> Chunks | None:
    """Return what a data layout message says; None where it is of another kind, or nothing was written yet.

    Raises:
        struct.error: it is too short.
        IndexError: likewise.
    """
    if data[0] != 3 or data[1] != 2 or data[2] < 2:
        return None
    (address,) = struct.unpack_from("<Q", data, 3)
    shape = struct.unpack_from(f"<{data[2] - 1}I", data, 11)  # behind it stands the size of a number
    return None if address == _UNDEFINED else Chunks(address, shape)


def parse_filters(data: bytes) -> tuple[int, ...]:
    """Return the numbers of the filters that a filter pipeline message lists, in the order of writing.

    Raises:
        struct.error: it is too short.
        IndexError: likewise.
    """
    version, count = data[0], data[1]
    if count > _MAX_FILTERS:
        raise ChunkError(f"has {count} filters (at most {_MAX_FILTERS} are undone)")
    place = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        (number,) = struct.unpack_from("<H", data, place)
        place += 2
        name_bytes = 0
        if version == 1 or number >= 256:
            (name_bytes,) = struct.unpack_from("<H", data, place)
            place += 2
        _, values = struct.unpack_from("<2H", data, place)
        padded = -(-name_bytes // 8) * 8 if version == 1 else name_bytes
        place += 4 + padded + 4 * (values + values % 2 if version == 1 else values)
        found.append(number)
    return tuple(found)


def read_chunks(
    chunks: Chunks, filters: tuple[int, ...], dtype: np.dtype, shape: tuple[int, ...], read: ReadAt, file_bytes: int
) -> np.ndarray:
    """Put a dataset together; what no chunk covers is 0.

    Args:
        chunks: where they are.
        filters: what `parse_filters` found.
        dtype: type of the numbers.
        shape: of the dataset.
        read: reads so many bytes at an address, or raises.
        file_bytes: size of the file: no more is allocated than can be packed into it.

    Raises:
        ChunkError: they are damaged, or filtered in another way.
    """
    if len(chunks.shape) != len(shape) or 0 in chunks.shape:
        raise ChunkError("is damaged")
    chunk_bytes = math.prod(chunks.shape) * dtype.itemsize
    if max(math.prod(shape) * dtype.itemsize, chunk_bytes) > _BEST_RATIO * file_bytes:
        raise ChunkError(f"claims an array of shape {shape} that cannot be packed into {file_bytes} bytes")
    if not set(filters) <= {_DEFLATE, _SHUFFLE, _FLETCHER32}:
        raise ChunkError("holds a dataset that is compressed in another way than gzip")
    numbers = np.zeros(shape, dtype)
    steps = zip(shape, chunks.shape, strict=True)
    most = math.prod(-(-size // step) for size, step in steps)
    done: set[tuple[int, ...]] = set()
    for size, mask, offsets, address in _walk(chunks.address, len(shape), read):
        if (
            offsets in done
            or len(done) >= most
            or any(off % step for off, step in zip(offsets, chunks.shape, strict=True))
        ):
            raise ChunkError("is damaged")
        done.add(offsets)
        kept = [number for place, number in enumerate(filters) if not mask >> place & 1]
        raw = _undo(read(address, size), kept, chunk_bytes, dtype.itemsize)
        chunk = np.frombuffer(raw, dtype).reshape(chunks.shape)
        inside = tuple(slice(off, off + step) for off, step in zip(offsets, chunks.shape, strict=True))
        target = numbers[inside]
        target[...] = chunk[tuple(map(slice, target.shape))]
    return numbers


def _walk(root: int, rank: int, read: ReadAt) -> Iterator[tuple[int, int, tuple[int, ...], int]]:
    """Yield size in the file, mask of filters left out, offsets and address of each chunk."""
    key_bytes = 8 + 8 * (rank + 1)
    waiting = [(root, 256)]
    seen: set[int] = set()
    while waiting:
        address, level_above = waiting.pop()
        head = read(address, 24)
        if address in seen or head[:5] != b"TREE\x01" or head[5] >= level_above:
            raise ChunkError("is damaged")
        seen.add(address)
        (count,) = struct.unpack_from("<H", head, 6)
        body = read(address + 24, count * (key_bytes + 8))
        for place in range(0, len(body), key_bytes + 8):
            size, mask, *offsets = struct.unpack_from(f"<2I{rank}Q", body, place)
            (child,) = struct.unpack_from("<Q", body, place + key_bytes)
            if head[5]:
                waiting.append((child, head[5]))
            else:
                yield size, mask, tuple(offsets), child


def _undo(data: bytes, filters: list[int], size: int, itemsize: int) -> bytes:
    """Undo the filters of a chunk, the last first."""
    sums = filters.count(_FLETCHER32) * _SUM_BYTES
    for number in reversed(filters):
        if number == _FLETCHER32:
            data = data[:-_SUM_BYTES]
        elif number == _SHUFFLE:
            whole = len(data) // itemsize * itemsize
            data = np.frombuffer(data[:whole], np.uint8).reshape(itemsize, -1).T.tobytes() + data[whole:]
        else:
            try:
                data = zlib.decompressobj().decompress(data, size + sums)
            except zlib.error as error:
                raise ChunkError("is damaged") from error
    if len(data) != size:
        raise ChunkError("is damaged")
    return data
