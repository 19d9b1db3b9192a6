"""Object headers of HDF5, of both versions: a list of messages that say what an object is.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, sections IV.A.1.a, IV.A.1.b and IV.A.2.g
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

ReadAt = Callable[[int, int], bytes]

CONTINUATION, LINK = 0x10, 0x6
_SHARED = 2
_MAX_BLOCKS = 10_000
_CHECKSUM_BYTES = 4


class HeaderError(ValueError):
    """The bytes are no object header that can be read; the message ends the sentence "the file …"."""


def messages(address: int, read_at: ReadAt) -> Iterator[tuple[int, bytes, int]]:
    """Yield type, data and first byte of each message of an object; of what several objects share nothing.

    Args:
        address: of the header.
        read_at: reads so many bytes at an address, or raises.

    Raises:
        HeaderError: it is damaged.
    """
    head = read_at(address, 16)
    if head[:4] == b"OHDR":
        yield from _new(address, read_at)
    elif head[0] == 1:
        yield from _old(address, head, read_at)
    else:
        raise HeaderError("is damaged")


def _old(address: int, head: bytes, read_at: ReadAt) -> Iterator[tuple[int, bytes, int]]:
    count, size = struct.unpack_from("<HxxxxI", head, 2)
    blocks = [(address + 16, size)]
    while blocks and count > 0:
        start, size = blocks.pop(0)
        block = read_at(start, size)
        place = 0
        while place + 8 <= len(block) and count > 0:
            kind, length, flags = struct.unpack_from("<2HB", block, place)
            data = block[place + 8 : place + 8 + length]
            if len(data) != length:
                raise HeaderError("is damaged")
            count -= 1
            if kind == CONTINUATION and length >= 16:
                blocks.append(struct.unpack_from("<2Q", data))
            if not flags & _SHARED:
                yield kind, data, start + place + 8
            place += 8 + length


def _new(address: int, read_at: ReadAt) -> Iterator[tuple[int, bytes, int]]:
    version, flags = read_at(address + 4, 2)
    if version != 2:
        raise HeaderError("is damaged")
    place = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)  # times; limits of attributes
    width = 1 << (flags & 3)
    size = int.from_bytes(read_at(place, width), "little")
    head_bytes = 6 if flags & 4 else 4
    blocks = [(place + width, size)]
    seen: set[int] = set()
    while blocks:
        start, size = blocks.pop(0)
        if start in seen or len(seen) > _MAX_BLOCKS:
            continue
        seen.add(start)
        block = read_at(start, size)
        at = 0
        while at + head_bytes <= len(block):
            kind, length, shared = struct.unpack_from("<BHB", block, at)
            data = block[at + head_bytes : at + head_bytes + length]
            if len(data) != length:
                break  # a gap at the end, too small for a message
            if kind == CONTINUATION and length >= 16:
                start_next, size_next = struct.unpack_from("<2Q", data)
                blocks.append(_inside(start_next, size_next, read_at))
            if not shared & _SHARED:
                yield kind, data, start + at + head_bytes
            at += head_bytes + length


def _inside(start: int, size: int, read_at: ReadAt) -> tuple[int, int]:
    """Return place and size of the messages in a block that another goes on in."""
    if size < 4 + _CHECKSUM_BYTES or read_at(start, 4) != b"OCHK":
        raise HeaderError("is damaged")
    return start + 4, size - 4 - _CHECKSUM_BYTES


def dtype_of(data: bytes) -> str:
    """Return NumPy's code of the type that a datatype message tells; empty where it is no real number.

    Raises:
        struct.error, IndexError: the message is too short.
    """
    kind, flags, size = data[0] & 15, data[1], struct.unpack_from("<I", data, 4)[0]
    order = ">" if flags & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        return f"{order}{'i' if flags & 8 else 'u'}{size}"
    if kind == 1 and size in (2, 4, 8):
        # Sizes of exponent and mantissa tell IEEE's numbers from others of the same length, such as bfloat16.
        exponent, mantissa = data[8 + 5], data[8 + 7]
        if (exponent, mantissa) == {2: (5, 10), 4: (8, 23), 8: (11, 52)}[size]:
            return f"{order}f{size}"
    return ""
