"""Protocol buffers in a file, field by field: only what is asked for is read, and every length is checked before.

Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from typing import NamedTuple

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MAX_FIELDS = 5_000_000
MAX_TEXT_BYTES = 2**16


class ProtobufError(ValueError):
    """The bytes are no message that can be read."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: of the field.
        kind: `VARINT`, `EIGHT_BYTES`, `LENGTH` or `FOUR_BYTES`.
        value: of a varint, else 0.
        start: first byte of its content in the file.
        size: of the content.
    """

    number: int
    kind: int
    value: int
    start: int
    size: int


class ProtobufFile:
    """A file that is read message by message."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.size: int = file.seek(0, 2)
        self._fields = 0

    def fields(self, start: int, size: int) -> Iterator[Field]:
        """Yield the fields of a message.

        Args:
            start: its first byte.
            size: in bytes.

        Raises:
            ProtobufError: it is damaged, or all messages together have too many fields.
            OSError: the file cannot be read.
        """
        at, end = start, start + size
        if end > self.size:
            raise ProtobufError("it is truncated")
        while at < end:
            self._fields += 1
            if self._fields > _MAX_FIELDS:
                raise ProtobufError(f"it has more than {_MAX_FIELDS} fields")
            key, at = self._varint(at, end)
            number, kind, value, length = key >> 3, key & 7, 0, 0
            if kind == VARINT:
                value, at = self._varint(at, end)
            elif kind == LENGTH:
                length, at = self._varint(at, end)
            elif kind in (EIGHT_BYTES, FOUR_BYTES):
                length = 8 if kind == EIGHT_BYTES else 4
            else:
                raise ProtobufError("it is damaged")
            if length > end - at or number == 0:
                raise ProtobufError("it is damaged")
            yield Field(number, kind, value, at, length)
            at += length

    def read(self, start: int, size: int) -> bytes:
        """Read so many bytes.

        Raises:
            ProtobufError: there are fewer.
            OSError: the file cannot be read.
        """
        if start + size > self.size:
            raise ProtobufError("it is truncated")
        self._file.seek(start)
        data = self._file.read(size)
        if len(data) != size:
            raise ProtobufError("it is truncated")
        return data

    def text(self, field: Field) -> str:
        """Read a text.

        Raises:
            ProtobufError: it is too long, or no text.
            OSError: the file cannot be read.
        """
        if field.kind != LENGTH or field.size > MAX_TEXT_BYTES:
            raise ProtobufError(f"it has a name of {field.size} bytes (at most {MAX_TEXT_BYTES} are read)")
        return self.read(field.start, field.size).decode("utf-8", "replace")

    def numbers(self, field: Field) -> list[int]:
        """Return whole numbers of a repeated field, one alone or packed.

        Raises:
            ProtobufError: they are too many, or damaged.
            OSError: the file cannot be read.
        """
        if field.kind == VARINT:
            return [field.value]
        if field.kind != LENGTH or field.size > MAX_TEXT_BYTES:
            raise ProtobufError("it is damaged")
        return varints(self.read(field.start, field.size))

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        self._file.seek(at)
        data = self._file.read(min(_LONGEST_VARINT, end - at))
        value = 0
        for place, byte in enumerate(data):
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value & (2**64 - 1), at + place + 1
        raise ProtobufError("it is damaged")


def varints(data: bytes) -> list[int]:
    """Return packed whole numbers, as 64 bits without a sign.

    Raises:
        ProtobufError: the last is cut off.
    """
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value & (2**64 - 1))
            value = shift = 0
        elif shift >= 7 * _LONGEST_VARINT:
            raise ProtobufError("it is damaged")
    if shift:
        raise ProtobufError("it is damaged")
    return found
