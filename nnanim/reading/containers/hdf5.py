"""A reader for the part of HDF5 that Keras and Chainer write: groups, datasets of numbers, texts as attributes.

HDF5's own library is written in C for files that are trusted; here a damaged file costs an error message. What is read:
superblocks 0 to 3; groups with symbol tables, with links, or with links in a heap; datasets in one piece, compact or in
chunks, of little- or big-endian numbers.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (version 3.0 of the specification)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BufferedIOBase

import numpy as np

from nnanim.reading.containers.hdf5_chunks import (
    ChunkError,
    Chunks,
    chunks_of,
    filters_of,
    list_chunks,
    read_chunks,
    strips,
)
from nnanim.reading.containers.hdf5_header import LINK, HeaderError, dtype_of, messages
from nnanim.reading.containers.hdf5_heap import HeapError, link_of, objects_of
from nnanim.reading.containers.hdf5_stream import ChunkStream
from nnanim.reading.containers.unpacking import BEST_RATIO, FREE_BYTES
from nnanim.reading.streams import FileStream

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 100_000
MAX_DEPTH = 32
MAX_AXES = 32  # of NumPy before 2.0
_BEST_RATIO = 1032  # of deflate
MAX_DATA_BYTES = 2**30
MAX_STRIP_BYTES = 2**25  # of the chunks of a dataset that are unpacked together
_MAX_BLOCK_BYTES = 2**24
_MAX_TEXTS = 10_000
_UNDEFINED = 2**64 - 1

_DATASPACE, _DATATYPE, _LAYOUT, _ATTRIBUTE, _SYMBOL_TABLE = 0x1, 0x3, 0x8, 0xC, 0x11
_LINK_INFO, _FILTERS, _ATTRIBUTE_INFO = 0x2, 0xB, 0x15


class Hdf5Error(ValueError):
    """The bytes are no HDF5 that can be read here; the message ends the sentence "the file …"."""


@dataclass(frozen=True)
class Dataset:
    """An array in the file.

    Attributes:
        dtype: NumPy's code of its type with the order of bytes, ``"<f4"``; empty where it is no real number.
        shape: sizes of its axes.
        address: its first byte; None where it holds nothing yet, or is stored in another way than in one piece.
        chunks: where its chunks lie, where it is stored in chunks.
    """

    dtype: str
    shape: tuple[int, ...]
    address: int | None
    chunks: Chunks | None = None


@dataclass
class Group:
    """Names of what lies in a group, in the order of the file (that of the alphabet), and its attributes."""

    members: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Hdf5File:
    """An HDF5 file whose superblock was read.

    Attributes:
        size: of the file in bytes.
        root: address of the group that holds all others.
    """

    def __init__(self, file: BufferedIOBase) -> None:
        """Read the superblock.

        Args:
            file: open for reading, at any place.

        Raises:
            Hdf5Error: it is no HDF5 file, or one of a newer kind.
        """
        self._file = file
        self.size: int = file.seek(0, 2)
        self._may_read = FREE_BYTES  # of what describes the data, however small the file is
        head = self._at(0, 48)
        if head[:8] != MAGIC:
            raise Hdf5Error("is no HDF5 file")
        version = head[8]
        if version > 3:
            raise Hdf5Error(f"has an HDF5 superblock of version {version} (0 to 3 are read)")
        if (head[13:15] if version < 2 else head[9:11]) != b"\x08\x08":
            raise Hdf5Error("has addresses that are not of 8 bytes")
        place = 24 + 4 * version if version < 2 else 12  # behind version 1's one more field
        base, _, end, root = struct.unpack("<4Q", self._at(place, 32))
        if base != 0 or end > self.size:
            raise Hdf5Error("is truncated")
        self.root: int = root if version > 1 else struct.unpack("<Q", self._at(place + 40, 8))[0]
        self._objects = 0

    def walk(self) -> Iterator[tuple[str, Group | Dataset]]:
        """Yield path and content of every group and dataset, the root as ``""`` first.

        Raises:
            Hdf5Error: the file is damaged.
        """
        self._may_read = 8 * self.size + FREE_BYTES
        waiting = [("", self.root, 0)]
        seen: set[int] = set()
        while waiting:
            path, address, depth = waiting.pop()
            if address in seen or depth > MAX_DEPTH:
                continue
            seen.add(address)
            found = self._object(address)
            yield path, found
            if isinstance(found, Group):
                names = list(found.members.items())
                waiting.extend((f"{path}/{name}".lstrip("/"), place, depth + 1) for name, place in reversed(names))

    def read(self, dataset: Dataset) -> np.ndarray:
        """Read the numbers of a dataset.

        Raises:
            Hdf5Error: it does not lie in the file.
        """
        if dataset.chunks is not None and dataset.dtype:
            size = self._check_packed(dataset)
            if size > max(FREE_BYTES, BEST_RATIO * self.size):
                raise Hdf5Error(f"of {self.size} bytes claims an array of {size}, {BEST_RATIO} times as many or more")
            try:
                return read_chunks(dataset.chunks, dataset.shape, dataset.dtype, self._at, self._data_at)
            except (ChunkError, struct.error) as error:
                raise _told(error) from error
        if dataset.address is None or not dataset.dtype:
            raise Hdf5Error("holds a dataset that is stored in another way, empty, or not of numbers")
        dtype = np.dtype(dataset.dtype)
        self._find(dataset.address, math.prod(dataset.shape) * dtype.itemsize, MAX_DATA_BYTES)
        numbers = np.empty(dataset.shape, dtype)
        if self._file.readinto(numbers.reshape(-1).view(np.uint8).data) != numbers.nbytes:
            raise Hdf5Error("is truncated")
        return numbers

    def stream(
        self, dataset: Dataset, damaged: Callable[[OSError | Hdf5Error], Exception]
    ) -> FileStream | ChunkStream | None:
        """Return the numbers of a dataset some at a time; None where they lie nowhere, or in chunks that are too long.

        Args:
            dataset: what to read.
            damaged: makes the error of a file that cannot be read.

        Raises:
            Hdf5Error: it does not lie in the file.
        """
        if dataset.chunks is not None and dataset.dtype:
            return self._strips(dataset, dataset.chunks, damaged)
        if dataset.address is None or not dataset.dtype:
            return None
        dtype = np.dtype(dataset.dtype)
        self._find(dataset.address, math.prod(dataset.shape) * dtype.itemsize, MAX_DATA_BYTES)
        return FileStream(
            self._file,
            dataset.address,
            dtype,
            dataset.shape,
            lambda error: damaged(Hdf5Error("is truncated") if error is None else error),
        )

    def _strips(
        self, dataset: Dataset, chunks: Chunks, damaged: Callable[[OSError | Hdf5Error], Exception]
    ) -> ChunkStream | None:
        shape, dtype = dataset.shape, dataset.dtype
        size = self._check_packed(dataset)
        if 0 in chunks.shape or 0 in shape or not shape:
            return None
        if max(size // shape[0] * chunks.shape[0], chunks.whole_bytes) > MAX_STRIP_BYTES:
            return None
        try:
            found = list_chunks(chunks, shape, dtype, self._at)
        except (ChunkError, struct.error) as error:
            raise _told(error) from error
        if sum(chunks.whole_bytes if each.size is None else each.size for each in found) > self.size:
            raise Hdf5Error("has chunks that lie over each other")

        read = strips(chunks, shape, dtype, found, self._data_at)
        return ChunkStream(read, dtype, shape, lambda error: damaged(_told(error)))

    def _check_packed(self, dataset: Dataset) -> int:
        """Return how many bytes a dataset in chunks has.

        Raises:
            Hdf5Error: deflate cannot have made as few bytes of them as the file has.
        """
        size = math.prod(dataset.shape) * np.dtype(dataset.dtype).itemsize
        if size > _BEST_RATIO * self.size:
            raise Hdf5Error(f"claims an array of shape {dataset.shape}, which cannot be packed into it")
        self._may_read = 8 * self.size + FREE_BYTES
        return size

    def _at(self, address: int, size: int) -> bytes:
        self._may_read -= size
        if self._may_read < 0:
            raise Hdf5Error("says the same again and again")
        return self._data_at(address, size, _MAX_BLOCK_BYTES)

    def _data_at(self, address: int, size: int, limit: int = MAX_DATA_BYTES) -> bytes:
        self._find(address, size, limit)
        data = self._file.read(size)
        if len(data) != size:
            raise Hdf5Error("is truncated")
        return data

    def _find(self, address: int, size: int, limit: int) -> None:
        """Go to a place where so many bytes are."""
        if size > limit:
            raise Hdf5Error(f"has a block of {size} bytes (at most {limit} are read)")
        if address + size > self.size:
            raise Hdf5Error("is truncated")
        self._file.seek(address)

    def _object(self, address: int) -> Group | Dataset:
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise Hdf5Error(f"holds more than {MAX_OBJECTS} objects")
        try:
            return self._described(address)
        except (struct.error, IndexError) as error:
            raise Hdf5Error("is damaged") from error
        except (HeaderError, HeapError) as error:
            raise Hdf5Error(str(error)) from error

    def _described(self, address: int) -> Group | Dataset:
        group = Group()
        dtype, place, is_dataset = "", None, False
        shape: tuple[int, ...] = ()
        most: tuple[int, ...] = ()
        chunks: Chunks | None = None
        filters: tuple[int, ...] = ()
        links: list[bytes] = []
        for kind, data, start in messages(address, self._at):
            if kind == _SYMBOL_TABLE:
                tree, heap = struct.unpack_from("<2Q", data)
                group.members = dict(self._symbols(tree, self._heap(heap)))
            elif kind == _DATASPACE:
                shape, most = _shape(data), _most(data)
            elif kind == _DATATYPE:
                dtype = dtype_of(data)
            elif kind == _LAYOUT:
                is_dataset = True
                place, chunks = _place(data, start), chunks_of(data)
            elif kind == _FILTERS:
                filters = filters_of(data)
            elif kind == _ATTRIBUTE:
                name, texts = self._attribute(data)
                group.attributes[name] = texts
            elif kind == _ATTRIBUTE_INFO:
                group.attributes |= dict(map(self._attribute, objects_of(data, 2, self._at)))
            elif kind == LINK:
                links.append(data)
            elif kind == _LINK_INFO:
                links += objects_of(data, 8, self._at)
        if links:
            group.members = dict(sorted(link for link in map(link_of, links) if link is not None))
        if not is_dataset:
            return group
        if math.prod(shape) * 8 > 2 * MAX_DATA_BYTES:
            raise Hdf5Error(f"claims an array of shape {shape} (at most {MAX_DATA_BYTES} bytes are read)")
        if chunks is not None:
            index = chunks.index and replace(chunks.index, most=most)
            chunks = replace(chunks, filters=filters, index=index)
        return Dataset(dtype, shape, place, chunks)

    def _heap(self, address: int) -> bytes:
        head = self._at(address, 32)
        if head[:4] != b"HEAP":
            raise Hdf5Error("is damaged")
        size, _, data = struct.unpack_from("<3Q", head, 8)
        return self._at(data, size)

    def _symbols(self, tree: int, names: bytes) -> Iterator[tuple[str, int]]:
        """Yield name and address of each member of a group."""
        waiting = [(tree, MAX_DEPTH)]
        seen: set[int] = set()
        while waiting:
            address, level_above = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            head = self._at(address, 8)
            if head[:4] == b"SNOD":
                (count,) = struct.unpack_from("<H", head, 6)
                entries = self._at(address + 8, 40 * count)
                for place in range(0, 40 * count, 40):
                    name, member = struct.unpack_from("<2Q", entries, place)
                    end = names.find(b"\0", name)
                    if name >= len(names) or end < 0:
                        raise Hdf5Error("is damaged")
                    yield names[name:end].decode("utf-8", "replace"), member
                continue
            if head[:4] != b"TREE" or head[4] != 0 or head[5] >= level_above or len(seen) > MAX_OBJECTS:
                raise Hdf5Error("is damaged")
            (count,) = struct.unpack_from("<H", head, 6)
            body = self._at(address + 24, 16 * count)  # key, child, key, child, …
            children = [struct.unpack_from("<Q", body, 16 * place + 8)[0] for place in range(count)]
            waiting.extend((child, head[5]) for child in reversed(children))

    def _attribute(self, data: bytes) -> tuple[str, tuple[str, ...]]:
        """Return name and texts of an attribute; no texts where it holds something else."""
        version = data[0]
        name_size, type_size, space_size = struct.unpack_from("<3H", data, 2)
        pad = 8 if version == 1 else 1
        place = 9 if version == 3 else 8
        parts = []
        for size in (name_size, type_size, space_size):
            parts.append(data[place : place + size])
            place += -(-size // pad) * pad
        name = parts[0].split(b"\0", 1)[0].decode("utf-8", "replace")
        if version > 1 and data[1] & 3:  # its type or its space is kept elsewhere
            return name, ()
        count = math.prod(_shape(parts[2]))
        kind, size = parts[1][0] & 15, struct.unpack_from("<I", parts[1], 4)[0]
        values = data[place:]
        if count > _MAX_TEXTS or count * size > len(values) or size == 0:
            return name, ()
        texts = [values[start : start + size] for start in range(0, count * size, size)]
        if kind == 9 and parts[1][1] & 15 == 1 and size == 16:
            texts = [self._heap_object(*struct.unpack("<4xQI", text)) for text in texts]
        elif kind != 3:
            return name, ()
        return name, tuple(text.split(b"\0", 1)[0].decode("utf-8", "replace") for text in texts)

    def _heap_object(self, address: int, index: int) -> bytes:
        """Return an object of the global heap."""
        if address in (0, _UNDEFINED):
            return b""
        head = self._at(address, 16)
        if head[:4] != b"GCOL":
            raise Hdf5Error("is damaged")
        block = self._at(address, struct.unpack_from("<Q", head, 8)[0])
        place = 16
        while place + 16 <= len(block):
            number, _, size = struct.unpack_from("<HHxxxxQ", block, place)
            if number == index:
                return block[place + 16 : place + 16 + size]
            if number == 0:
                break
            place += 16 + -(-size // 8) * 8
        return b""


def _told(error: Exception) -> OSError | Hdf5Error:
    if isinstance(error, (OSError, Hdf5Error)):
        return error
    return Hdf5Error(str(error) if isinstance(error, ChunkError) else "is damaged")


def _shape(data: bytes) -> tuple[int, ...]:
    version, rank = data[0], data[1]
    if rank > MAX_AXES:
        raise Hdf5Error(f"holds an array of {rank} axes (at most {MAX_AXES} are read)")
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)


def _most(data: bytes) -> tuple[int, ...]:
    """Return the sizes that the axes may grow to."""
    version, rank, flags = data[0], data[1], data[2]
    start = (8 if version == 1 else 4) + 8 * rank
    return struct.unpack_from(f"<{rank}Q", data, start) if flags & 1 else ()


def _place(data: bytes, start: int) -> int | None:
    version, kind = data[0], data[1]
    if version not in (3, 4, 5) or kind > 1:
        return None
    if kind == 0:
        return start + 4
    address = int(struct.unpack_from("<Q", data, 2)[0])
    return None if address == _UNDEFINED else address
