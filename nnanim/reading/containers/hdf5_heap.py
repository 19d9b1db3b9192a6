"""Fractal heaps and B-trees of version 2 in HDF5: where groups and attributes lie once there are many of them.

A B-tree gives records; those of links and attributes hold the number of an object in a heap. A heap is a table of
blocks that double in size from row to row, and larger ones are tables again.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, sections III.A.2 and III.G
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

ReadAt = Callable[[int, int], bytes]

UNDEFINED = 2**64 - 1
LINK_NAMES, ATTRIBUTE_NAMES = 5, 8  # types of B-trees
_HUGE = 1
_MAX_RECORDS = 200_000
_MAX_OBJECT_BYTES = 2**26
_MAX_DEPTH = 16
_NODE_BYTES = 10  # of signature, version, type and checksum
_MANAGED, _HUGE_OBJECT, _TINY = 0, 1, 2


class HeapError(ValueError):
    """The bytes are no heap or B-tree that can be read; the message ends the sentence "the file …"."""


def records(address: int, read_at: ReadAt) -> Iterator[tuple[int, bytes]]:
    """Yield the type of a B-tree with each of its records, in order.

    Args:
        address: of its header.
        read_at: reads so many bytes at an address, or raises.

    Raises:
        HeapError: it is damaged, or has too many records.
    """
    head = read_at(address, 38)
    kind, node_bytes, record_bytes, depth = struct.unpack_from("<BIHH", head, 5)
    root, count = struct.unpack_from("<QH", head, 16)
    if head[:4] != b"BTHD" or not record_bytes or depth > _MAX_DEPTH or node_bytes < _NODE_BYTES + record_bytes:
        raise HeapError("is damaged")
    if root == UNDEFINED:
        return
    widths = _widths(node_bytes, record_bytes, depth)
    waiting: list[tuple[int, int, int] | bytes] = [(root, count, depth)]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, bytes):
            yield kind, item
            continue
        place, count, level = item
        if place in seen or len(seen) + len(waiting) > _MAX_RECORDS:
            raise HeapError("is damaged")
        seen.add(place)
        waiting += reversed(list(_node(read_at, place, count, level, record_bytes, widths)))


def _widths(node_bytes: int, record_bytes: int, depth: int) -> list[tuple[int, int]]:
    """Return for each level how many bytes tell the records in a node below, and in all nodes below that."""
    most = (node_bytes - _NODE_BYTES) // record_bytes
    width = (most.bit_length() - 1) // 8 + 1
    found, total, total_width = [(0, 0)], most, 0
    for _ in range(depth):
        found.append((width, total_width))
        pointer = 8 + width + total_width
        most = max(0, (node_bytes - _NODE_BYTES - pointer) // (record_bytes + pointer))
        total = (most + 1) * total + most
        total_width = (max(total, 1).bit_length() - 1) // 8 + 1
    return found


def _node(
    read_at: ReadAt, place: int, count: int, level: int, record_bytes: int, widths: list[tuple[int, int]]
) -> Iterator[tuple[int, int, int] | bytes]:
    """Yield records and, between them, the nodes below."""
    width, total_width = widths[level]
    pointer = 8 + width + total_width if level else 0
    body = read_at(place, 6 + count * record_bytes + (count + 1) * pointer)
    if body[:4] != (b"BTIN" if level else b"BTLF"):
        raise HeapError("is damaged")
    below = 6 + count * record_bytes
    for number in range(count + bool(level)):
        if level:
            at = below + number * pointer
            child = int.from_bytes(body[at : at + 8], "little")
            yield child, int.from_bytes(body[at + 8 : at + 8 + width], "little"), level - 1
        if number < count:
            at = 6 + number * record_bytes
            yield body[at : at + record_bytes]


class Heap:
    """A fractal heap whose header was read."""

    def __init__(self, address: int, read_at: ReadAt) -> None:
        """Read the header.

        Raises:
            HeapError: it is damaged, or its blocks are packed.
        """
        self._read_at = read_at
        self._huge_places: dict[int, tuple[int, int]] | None = None
        head = read_at(address, 142)
        id_bytes, filter_bytes = struct.unpack_from("<2H", head, 5)
        self.id_bytes: int = id_bytes
        (most_managed,) = struct.unpack_from("<I", head, 10)
        (self._huge_tree,) = struct.unpack_from("<Q", head, 22)
        self._width, self._first_bytes, most_direct, heap_bits = struct.unpack_from("<HQQH", head, 110)
        self._root, self._root_rows = struct.unpack_from("<QH", head, 132)
        sizes = (self._width, self._first_bytes, most_direct)
        if head[:4] != b"FRHP" or any(size & (size - 1) or not size for size in sizes) or not 0 < heap_bits <= 64:
            raise HeapError("is damaged")
        if filter_bytes:
            raise HeapError("has a heap that is packed")
        self._offset_bytes = -(-heap_bits // 8)
        most = most_direct.bit_length() - 1
        self._length_bytes = min(-(-most // 8), (max(most_managed, 1).bit_length() - 1) // 8 + 1)
        self._direct_rows = most - (self._first_bytes.bit_length() - 1) + 2

    def get(self, number: bytes) -> bytes:
        """Return the object of a number.

        Raises:
            HeapError: there is none, or it is damaged.
        """
        kind = number[0] >> 4 & 3
        if kind == _TINY:
            size = (number[0] & 15) + 1
            return number[1 : 1 + size]
        if kind == _HUGE_OBJECT:
            return self._huge(int.from_bytes(number[1:], "little"))
        if kind != _MANAGED:
            raise HeapError("is damaged")
        end = 1 + self._offset_bytes
        offset = int.from_bytes(number[1:end], "little")
        size = int.from_bytes(number[end : end + self._length_bytes], "little")
        return self._read_at(self._find(offset, size), size)

    def _huge(self, wanted: int) -> bytes:
        if self._huge_places is None:
            self._huge_places = {}
            for kind, record in records(self._huge_tree, self._read_at) if self._huge_tree != UNDEFINED else ():
                if kind != _HUGE or len(record) < 24:
                    raise HeapError("has an object of a kind that is not read")
                address, size, number = struct.unpack_from("<3Q", record)
                self._huge_places[number] = (address, size)
        if wanted not in self._huge_places:
            raise HeapError("is damaged")
        return self._read_at(*self._huge_places[wanted])

    def _find(self, offset: int, size: int) -> int:
        """Return the address of what lies at an offset of the heap."""
        address, rows = self._root, self._root_rows
        if not rows:
            return self._in_block(address, offset, size, self._first_bytes << 64)
        for _ in range(_MAX_DEPTH):
            row = block = 0
            start = 0
            while True:
                block = self._first_bytes << max(row - 1, 0)
                if row >= rows:
                    raise HeapError("is damaged")
                if offset < start + self._width * block:
                    break
                start += self._width * block
                row += 1
            column, offset = divmod(offset - start, block)
            if self._read_at(address, 4) != b"FHIB":
                raise HeapError("is damaged")
            place = address + 13 + self._offset_bytes + 8 * (row * self._width + column)
            address = int.from_bytes(self._read_at(place, 8), "little")
            if row < self._direct_rows:
                return self._in_block(address, offset, size, block)
            rows = block.bit_length() - (self._width * self._first_bytes).bit_length() + 1
        raise HeapError("is damaged")

    def _in_block(self, address: int, offset: int, size: int, block_bytes: int) -> int:
        if offset + size > block_bytes or self._read_at(address, 4) != b"FHDB":
            raise HeapError("is damaged")
        return address + offset


def link_of(message: bytes) -> tuple[str, int] | None:
    """Return name and address of a link message; None of a link that leads elsewhere than to an object by address.

    Raises:
        HeapError: it is damaged.
        struct.error: it is too short.
    """
    version, flags = message[0], message[1]
    if version != 1:
        raise HeapError("is damaged")
    place = 2
    kind = 0
    if flags & 8:
        kind = message[place]
        place += 1
    place += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(message[place : place + width], "little")
    name = message[place + width : place + width + length]
    if kind != 0:
        return None
    (address,) = struct.unpack_from("<Q", message, place + width + length)
    return name.decode("utf-8", "replace"), address


def objects_of(message: bytes, index_bytes: int, read_at: ReadAt) -> Iterator[bytes]:
    """Yield the messages of links or attributes that a link info or attribute info message says lie in a heap.

    Args:
        message: the link info or attribute info message.
        index_bytes: of the largest creation index in it: 8 of links, 2 of attributes.
        read_at: reads so many bytes at an address, or raises.

    Raises:
        HeapError: they are damaged.
        struct.error: the message is too short.
    """
    place = 2 + (index_bytes if message[1] & 1 else 0)
    address, tree = struct.unpack_from("<2Q", message, place)
    if UNDEFINED in (address, tree):
        return
    heap, total = Heap(address, read_at), 0
    for kind, record in records(tree, read_at):
        start = {LINK_NAMES: 4, ATTRIBUTE_NAMES: 0}.get(kind)  # a link's record begins with the hash of its name
        if start is None or len(record) < start + heap.id_bytes or not heap.id_bytes:
            raise HeapError("is damaged")
        found = heap.get(record[start : start + heap.id_bytes])
        total += len(found)
        if total > _MAX_OBJECT_BYTES:
            raise HeapError(f"has names and attributes of more than {_MAX_OBJECT_BYTES} bytes in a group")
        yield found
