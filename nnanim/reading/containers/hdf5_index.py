"""Where the chunks of a dataset lie, as newer files of HDF5 list them: layout messages of versions 4 and 5.

A single chunk, chunks one behind the other, a fixed array, an extensible array (one axis may grow), or a B-tree of
version 2 (several may).

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, sections VII and IV.A.2.i; the sizes of an
extensible array's blocks: ``H5EAhdr.c`` (``H5EA__hdr_init``) of HDF5 1.14.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from nnanim.reading.containers.hdf5_heap import HeapError, records

ReadAt = Callable[[int, int], bytes]

SINGLE, IMPLICIT, FIXED, EXTENSIBLE, TREE = 1, 2, 3, 4, 5
MAX_CHUNKS = 100_000
UNDEFINED = 2**64 - 1
UNLIMITED = 2**64 - 1
_CHECKSUM_BYTES = 4
_FILTERED_TREE = 11
_NO_FILTER_AT_EDGES, _SINGLE_FILTERED = 1, 2


class ListError(ValueError):
    """The bytes are no list of chunks that can be read; the message ends the sentence "the file …"."""


class Place(NamedTuple):
    """Where one chunk lies.

    Attributes:
        start: index of its first number in the dataset.
        address: of its bytes.
        size: of them; None where the chunk is not packed.
        skipped: mask of the filters that were not applied.
    """

    start: tuple[int, ...]
    address: int
    size: int | None
    skipped: int


@dataclass(frozen=True)
class Index:
    """How the chunks of a dataset are listed.

    Attributes:
        kind: `SINGLE`, `IMPLICIT`, `FIXED`, `EXTENSIBLE` or `TREE`.
        address: of the list, or of the first chunk; None where there is none yet.
        size: of a single chunk that is packed, else None.
        skipped: filters that were not applied to a single chunk.
        edges_are_plain: whether chunks that reach over the edge are not packed.
        most: sizes of the axes that the dataset may grow to, `UNLIMITED` where it may without end.
    """

    kind: int
    address: int | None
    size: int | None = None
    skipped: int = 0
    edges_are_plain: bool = False
    most: tuple[int, ...] = ()


def index_of(layout: bytes) -> tuple[Index, tuple[int, ...]] | None:
    """Read a layout message of version 4 or 5 that tells of chunks: the list, and sizes of a chunk and of a number.

    Raises:
        struct.error: it is too short.
    """
    version, kind, flags, dimensions, width = layout[:5]
    if version not in (4, 5) or kind != 2 or dimensions < 2:
        return None
    place = 5 + dimensions * width
    sizes = tuple(int.from_bytes(layout[at : at + width], "little") for at in range(5, place, width or 1))
    listed = layout[place]
    place += 1
    size, skipped = None, 0
    if listed == SINGLE and flags & _SINGLE_FILTERED:
        size, skipped = struct.unpack_from("<QI", layout, place)
        place += 12
    place += {FIXED: 1, EXTENSIBLE: 5, TREE: 6}.get(listed, 0)  # what their headers say again
    (address,) = struct.unpack_from("<Q", layout, place)
    found = Index(listed, None if address == UNDEFINED else address, size, skipped, bool(flags & _NO_FILTER_AT_EDGES))
    return found, sizes


def places(
    index: Index, shape: tuple[int, ...], chunk: tuple[int, ...], chunk_bytes: int, read_at: ReadAt
) -> list[Place]:
    """Return where each chunk lies.

    Args:
        index: how they are listed.
        shape: of the dataset.
        chunk: sizes of a chunk.
        chunk_bytes: of a chunk that is not packed.
        read_at: reads so many bytes at an address, or raises.

    Raises:
        ListError: the list is damaged, or of a kind that is not read.
        struct.error: it is too short.
    """
    if index.address is None:
        return []
    counts = [-(-size // by) for size, by in zip(shape, chunk, strict=True)]
    if math.prod(counts) > MAX_CHUNKS:
        raise ListError(f"has more than {MAX_CHUNKS} chunks in an array")
    starts = {at: tuple(i * by for i, by in zip(at, chunk, strict=True)) for at in product(*map(range, counts))}
    if index.kind == SINGLE:
        return [Place((0,) * len(shape), index.address, index.size, index.skipped)]
    if index.kind == TREE:
        return list(_in_tree(index.address, len(shape), chunk, read_at))
    most = index.most or shape
    order = list(range(len(shape)))
    if index.kind == EXTENSIBLE and UNLIMITED in most:
        order.insert(0, order.pop(most.index(UNLIMITED)))
    grid = [1 if most[axis] == UNLIMITED else -(-most[axis] // chunk[axis]) for axis in order]
    steps = [math.prod(grid[place + 1 :]) for place in range(len(order))]
    numbers = {at: sum(at[axis] * step for axis, step in zip(order, steps, strict=True)) for at in starts}
    if index.kind == IMPLICIT:
        return [Place(starts[at], index.address + chunk_bytes * number, None, 0) for at, number in numbers.items()]
    if index.kind not in (FIXED, EXTENSIBLE):
        raise ListError(f"lists chunks in a way ({index.kind}) that is not read")
    array = (_FixedArray if index.kind == FIXED else _ExtensibleArray)(index.address, read_at)
    found = []
    for at, number in numbers.items():
        entry = array.entry(number)
        address = int.from_bytes(entry[:8], "little")
        if entry and address != UNDEFINED:
            size = int.from_bytes(entry[8:-4], "little") if len(entry) > 8 else None
            skipped = int.from_bytes(entry[-4:], "little") if len(entry) > 8 else 0
            found.append(Place(starts[at], address, size, skipped))
    return found


def _in_tree(address: int, axes: int, chunk: tuple[int, ...], read_at: ReadAt) -> Iterator[Place]:
    try:
        for count, (kind, record) in enumerate(records(address, read_at)):
            if count >= MAX_CHUNKS:
                raise ListError(f"has more than {MAX_CHUNKS} chunks in an array")
            scaled = struct.unpack_from(f"<{axes}Q", record, len(record) - 8 * axes)
            start = tuple(at * by for at, by in zip(scaled, chunk, strict=True))
            size, skipped = None, 0
            if kind == _FILTERED_TREE:
                size = int.from_bytes(record[8 : len(record) - 8 * axes - 4], "little")
                skipped = int.from_bytes(record[len(record) - 8 * axes - 4 : len(record) - 8 * axes], "little")
            yield Place(start, int.from_bytes(record[:8], "little"), size, skipped)
    except HeapError as error:
        raise ListError(str(error)) from error


class _Array:
    """What fixed and extensible arrays share: entries of one size in blocks, which may be pages."""

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        self._blocks: dict[tuple[int, int], bytes] = {}
        self.entry_bytes = 0

    def block(self, address: int, size: int) -> bytes:
        """Read a block, each once."""
        if (address, size) not in self._blocks:
            self._blocks[address, size] = self._read_at(address, size)
        return self._blocks[address, size]

    def head(self, address: int, size: int, mark: bytes) -> bytes:
        """Read a block that begins with a signature, and its client, and check it."""
        data = self.block(address, size)
        if data[:4] != mark or data[4] != 0 or data[5] > 1:
            raise ListError("is damaged")
        return data

    def set_entry_bytes(self, client: int, size: int) -> None:
        """Note how large an entry is: an address, and where chunks are packed size and mask."""
        if (client == 0 and size != 8) or (client == 1 and not 13 <= size <= 20):
            raise ListError("is damaged")
        self.entry_bytes = size

    def cut(self, data: bytes, place: int) -> bytes:
        """Return the entry at a place of a block."""
        return data[place : place + self.entry_bytes]

    def paged(self, address: int, pages: int, bits: bytes, page_entries: int, entries: int, number: int) -> bytes:
        """Return an entry of a block in pages; nothing where its page was never written.

        Args:
            address: of the first page.
            pages: how many there are.
            bits: one for each page, the first the highest of a byte.
            page_entries: entries of each page.
            entries: of all pages.
            number: of the entry.
        """
        page, at = divmod(number, page_entries)
        if page >= pages or not bits[page // 8] >> (7 - page % 8) & 1:
            return b""
        start = address + page * (page_entries * self.entry_bytes + _CHECKSUM_BYTES)
        count = min(page_entries, entries - page * page_entries)
        return self.cut(self.block(start, count * self.entry_bytes), at * self.entry_bytes)


class _FixedArray(_Array):
    def __init__(self, address: int, read_at: ReadAt) -> None:
        super().__init__(read_at)
        head = self.head(address, 28, b"FAHD")
        self.set_entry_bytes(head[5], head[6])
        self._page_entries = 1 << (head[7] & 63)
        self._count, self._address = struct.unpack_from("<2Q", head, 8)

    def entry(self, number: int) -> bytes:
        """Return what is listed of a chunk; nothing where it was never written."""
        if self._address == UNDEFINED or number >= self._count:
            return b""
        self.head(self._address, 6, b"FADB")
        start = self._address + 14
        if self._count <= self._page_entries:
            return self.cut(self.block(start, self._count * self.entry_bytes), number * self.entry_bytes)
        pages = -(-self._count // self._page_entries)
        bits = self.block(start, -(-pages // 8))
        first = start + len(bits) + _CHECKSUM_BYTES
        return self.paged(first, pages, bits, self._page_entries, self._count, number)


class _ExtensibleArray(_Array):
    def __init__(self, address: int, read_at: ReadAt) -> None:
        super().__init__(read_at)
        head = self.head(address, 68, b"EAHD")
        self.set_entry_bytes(head[5], head[6])
        most_bits, self._inside, self._least, pointers, page_bits = head[7:12]
        is_power = self._least and pointers and not (self._least & (self._least - 1) or pointers & (pointers - 1))
        if not is_power or not 0 < most_bits <= 64:
            raise ListError("is damaged")
        (self._address,) = struct.unpack_from("<Q", head, 60)
        self._page_entries = 1 << (page_bits & 63)
        self._offset_bytes = -(-most_bits // 8)
        self._direct = 2 * (pointers.bit_length() - 1)  # super blocks whose data blocks the index block lists itself
        self._direct_blocks = 2 * (pointers - 1)
        self._supers = 1 + most_bits - (self._least.bit_length() - 1) - self._direct

    def entry(self, number: int) -> bytes:
        """Return what is listed of a chunk; nothing where it was never written."""
        if self._address == UNDEFINED:
            return b""
        inside = self._inside * self.entry_bytes
        listed = 8 * (self._direct_blocks + max(0, self._supers))
        data = self.head(self._address, 14 + inside + listed, b"EAIB")[14:]
        if number < self._inside:
            return self.cut(data, number * self.entry_bytes)
        number -= self._inside
        level = (number // self._least + 1).bit_length() - 1
        entries = self._least << ((level + 1) // 2)  # of a data block
        number -= self._least * ((1 << level) - 1)
        block, at = divmod(number, entries)
        if level < self._direct:
            before = sum(1 << (each // 2) for each in range(level))
            address = int.from_bytes(data[inside + 8 * (before + block) :][:8], "little")
            return b"" if address == UNDEFINED else self._in_block(address, entries, b"", at)
        place = inside + 8 * (self._direct_blocks + level - self._direct)
        address = int.from_bytes(data[place : place + 8], "little")
        return b"" if address == UNDEFINED else self._in_super(address, level, entries, block, at)

    def _in_super(self, address: int, level: int, entries: int, block: int, at: int) -> bytes:
        count = 1 << (level // 2)
        pages = entries // self._page_entries if entries > self._page_entries else 0
        bit_bytes = -(-pages // 8)
        start = 14 + self._offset_bytes
        data = self.head(address, start + count * (bit_bytes + 8), b"EASB")
        bits = data[start + block * bit_bytes : start + (block + 1) * bit_bytes]
        place = start + count * bit_bytes + 8 * block
        child = int.from_bytes(data[place : place + 8], "little")
        return b"" if child == UNDEFINED else self._in_block(child, entries, bits, at)

    def _in_block(self, address: int, entries: int, bits: bytes, at: int) -> bytes:
        self.head(address, 6, b"EADB")
        start = address + 14 + self._offset_bytes
        if not bits:
            return self.cut(self.block(start, entries * self.entry_bytes), at * self.entry_bytes)
        pages = entries // self._page_entries
        return self.paged(start + _CHECKSUM_BYTES, pages, bits, self._page_entries, entries, at)
