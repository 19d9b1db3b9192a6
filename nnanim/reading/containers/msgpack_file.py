"""msgpack files of Flax: dicts, lists, numbers and texts, and arrays whose numbers stay in the file at first.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md; ``_ndarray_to_bytes`` and ``_MsgpackExtType`` in
``flax/serialization.py`` of Flax 0.12.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

from nnanim.reading.containers.npz_archive import MAX_AXES

NDARRAY, COMPLEX, SCALAR = 1, 2, 3  # Flax's own types
MAX_DEPTH = 64
_MAX_ITEMS = 2_000_000
_MAX_TEXT_BYTES = 2**16
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_DICTS = {0xDE: 2, 0xDF: 4}
_OTHERS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_OTHERS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


class MsgpackError(ValueError):
    """The bytes are no msgpack that can be read."""


@dataclass(frozen=True)
class Bytes:
    """Bytes in the file, which were not read."""

    start: int
    size: int


@dataclass(frozen=True)
class Array:
    """An array in the file.

    Attributes:
        dtype: NumPy's name of its type.
        shape: sizes of its axes.
        start: first byte of its numbers.
        size: of them, in bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


class MsgpackFile:
    """A file that is read once from its beginning."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._items = 0
        file.seek(0)
        self._at = 0

    def contents(self) -> Any:
        """Return what the file holds.

        Raises:
            MsgpackError: it is damaged, or holds more than one thing.
            OSError: it cannot be read.
        """
        found = self._value(0)
        if self._at != self._size:
            raise MsgpackError("it goes on behind its end")
        return found

    def _value(self, depth: int) -> Any:
        self._items += 1
        if self._items > _MAX_ITEMS or depth > MAX_DEPTH:
            raise MsgpackError(f"it has more than {_MAX_ITEMS} items, or {MAX_DEPTH} of them in each other")
        kind = self._take(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 256
        if kind < 0x90 or kind in _DICTS:
            return self._dict(self._length(kind, 15, _DICTS), depth)
        if kind < 0xA0 or kind in _LISTS:
            return [self._value(depth + 1) for _ in range(self._counted(self._length(kind, 15, _LISTS)))]
        if kind < 0xC0 or kind in _TEXTS:
            return self._text(self._length(kind, 31, _TEXTS))
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            return struct.unpack(_NUMBERS[kind], self._take(struct.calcsize(_NUMBERS[kind])))[0]
        if kind in _BYTES:
            return self._skip(self._whole(_BYTES[kind]))
        if kind in _OTHERS or kind in _FIXED_OTHERS:
            size = _FIXED_OTHERS.get(kind) or self._whole(_OTHERS[kind])
            return self._other(self._take(1)[0], size, depth)
        raise MsgpackError("it is damaged")

    def _length(self, kind: int, mask: int, wide: dict[int, int]) -> int:
        return self._whole(wide[kind]) if kind in wide else kind & mask

    def _counted(self, count: int) -> int:
        if count > self._size - self._at:  # each item takes a byte or more
            raise MsgpackError("it is truncated")
        return count

    def _dict(self, count: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self._counted(count)):
            key, value = self._value(depth + 1), self._value(depth + 1)
            if isinstance(key, str | int):
                found[str(key)] = value
        return found

    def _text(self, size: int) -> str:
        if size > _MAX_TEXT_BYTES:
            self._skip(size)
            return ""
        return self._take(size).decode("utf-8", "replace")

    def _other(self, code: int, size: int, depth: int) -> Any:
        """Return an array of Flax's; None of what is of another type."""
        end = self._at + size
        if code not in (NDARRAY, SCALAR):
            self._skip(size)
            return None
        found = self._value(depth + 1)
        if self._at != end:
            raise MsgpackError("it is damaged")
        match found:
            case [list(shape), str(dtype), Bytes(start=start, size=length)] if len(shape) <= MAX_AXES:
                if all(type(each) is int and 0 <= each < 2**48 for each in shape):
                    return Array(dtype, tuple(shape), start, length)
        raise MsgpackError("it holds an array of an impossible shape")

    def _skip(self, size: int) -> Bytes:
        if size > self._size - self._at:
            raise MsgpackError("it is truncated")
        start = self._at
        self._at += size
        self._file.seek(self._at)
        return Bytes(start, size)

    def _whole(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        data = self._file.read(size) if size <= self._size - self._at else b""
        if len(data) != size:
            raise MsgpackError("it is truncated")
        self._at += size
        return data
