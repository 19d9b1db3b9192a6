"""HDF5 files written byte by byte, as h5py writes them by default: superblock 0, symbol tables, chunks with filters."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

UNDEFINED = 2**64 - 1
GZIP, SHUFFLE, FLETCHER32 = 1, 2, 3


class Writer:
    """A file that grows; every object is put behind what there is."""

    def __init__(self, chunk: Sequence[int], filters: Sequence[int]) -> None:
        self.data = bytearray(96)
        self._chunk = tuple(chunk)
        self._filters = tuple(filters)

    def put(self, data: bytes) -> int:
        """Append bytes at a multiple of 8 and return their address."""
        self.data += bytes(-len(self.data) % 8)
        address = len(self.data)
        self.data += data
        return address

    def _object(self, *messages: tuple[int, bytes]) -> int:
        body = b""
        for kind, data in messages:
            data += bytes(-len(data) % 8)
            body += struct.pack("<2H4x", kind, len(data)) + data
        return self.put(struct.pack("<BxH2I4x", 1, len(messages), 1, len(body)) + body)

    def group(self, members: Mapping[str, Any]) -> int:
        names, entries = bytearray(8), b""
        for name in sorted(members):
            item = members[name]
            address = self.group(item) if isinstance(item, Mapping) else self.dataset(item)
            entries += struct.pack("<2Q24x", len(names), address)
            names += name.encode() + bytes(8 - len(name) % 8)
        heap = self.put(b"HEAP" + bytes(4) + struct.pack("<3Q", len(names), UNDEFINED, self.put(bytes(names))))
        node = self.put(b"SNOD\x01\x00" + struct.pack("<H", len(members)) + entries)
        tree = b"TREE\x00\x00" + struct.pack("<H5Q", 1, UNDEFINED, UNDEFINED, 0, node, 0)
        return self._object((0x11, struct.pack("<2Q", self.put(tree), heap)))

    def dataset(self, array: np.ndarray) -> int:
        space = struct.pack(f"<BB6x{array.ndim}Q", 1, array.ndim, *array.shape)
        kind = struct.pack("<4BI2H4BI", 0x11, 0x20, 0x1F, 0, 4, 0, 32, 23, 8, 0, 23, 127)
        step = (*self._chunk, *array.shape)[: array.ndim] if array.ndim > 1 else (2,)
        keys, count = b"", 0
        for corner in product(*(range(0, size, by) for size, by in zip(array.shape, step, strict=True))):
            whole = np.zeros(step, "<f4")
            part = array[tuple(slice(at, at + by) for at, by in zip(corner, step, strict=True))]
            whole[tuple(map(slice, part.shape))] = part
            data = self._filtered(whole)
            keys += struct.pack(f"<2I{array.ndim + 2}Q", len(data), 0, *corner, 0, self.put(data))
            count += 1
        tree = self.put(b"TREE\x01\x00" + struct.pack("<H2Q", count, UNDEFINED, UNDEFINED) + keys)
        layout = struct.pack(f"<3BQ{array.ndim + 1}I", 3, 2, array.ndim + 1, tree, *step, 4)
        pipeline = struct.pack("<BB6x", 1, len(self._filters))
        for number in self._filters:
            pipeline += struct.pack("<4H8x2I", number, 8, 0, 1, 4, 0)
        return self._object((1, space), (3, kind), (0xB, pipeline), (8, layout))

    def _filtered(self, whole: np.ndarray) -> bytes:
        data = whole.tobytes()
        for number in self._filters:
            if number == GZIP:
                data = zlib.compress(data)
            elif number == SHUFFLE:
                data = np.frombuffer(data, np.uint8).reshape(-1, 4).T.tobytes()
            else:
                data += bytes(4)  # a sum, which is not looked at
        return data


def write_hdf5(
    path: Path, members: Mapping[str, Any], chunk: Sequence[int] = (2, 3), filters: Sequence[int] = (GZIP,)
) -> Path:
    """Write nested groups of float32 arrays."""
    writer = Writer(chunk, filters)
    root = writer.group(members)
    start = b"\x89HDF\r\n\x1a\n" + struct.pack("<8B2HI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
    start += struct.pack("<4Q2Q", 0, UNDEFINED, len(writer.data), UNDEFINED, 0, root)
    writer.data[: len(start)] = start
    path.write_bytes(bytes(writer.data))
    return path
