"""safetensors files: a JSON header with type, shape and place of each tensor, then the numbers.

Read without the ``safetensors`` package: it has no bfloat16 for NumPy, and the format is 30 lines. A snapshot in shards
is an index file that says which tensor is in which file beside it.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.float8 import from_float8
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES, complex_notes, modulus
from nnanim.reading.containers.regular_file import open_regular
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.parameters import find_weights
from nnanim.reading.snapshots.shards import SAFETENSORS_INDEX as INDEX_SUFFIX
from nnanim.reading.snapshots.shards import read_index
from nnanim.reading.snapshots.to_layers import from_bfloat16
from nnanim.reading.streams import Decode, FileStream, Stream

FORMAT = "safetensors"
HINT = "a safetensors snapshot is a JSON header and the numbers behind it"
MAX_HEADER_BYTES = 2**26
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8"}
_FLOAT8 = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
_REAL = (*_TYPES, *_FLOAT8)
_WHOLE = {"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U8": "<u1", "BOOL": "|b1"}
_CODES = _TYPES | _WHOLE | dict.fromkeys(_FLOAT8, "|u1")
_BYTES = {dtype: np.dtype(code).itemsize for dtype, code in _CODES.items()}


@dataclass(frozen=True)
class Place:
    """Where a tensor is: its file, type, shape, and first byte."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class SafetensorsContents(Contents):
    """What a safetensors file says of itself, with the place of each tensor."""

    places: dict[str, Place] = field(default_factory=dict, repr=False, compare=False)


def look(path: Path, file: BufferedIOBase) -> SafetensorsContents | None:
    """Read names and shapes of a snapshot, but no weights; None where a file only begins like one.

    Args:
        path: the file.
        file: the same, open for reading.

    Raises:
        SnapshotError: the file or one of its shards cannot be read, or holds no weights.
    """
    try:
        if not path.name.endswith(INDEX_SUFFIX):
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(9)
            if len(start) < 9 or start[8:] != b"{" or _length(start) > size - 8:
                return None
    except (OSError, SnapshotError):
        return None
    return scan(path, file)


def scan(path: Path, file: BufferedIOBase | None = None) -> SafetensorsContents:
    """Read names and shapes of a snapshot, but no weights.

    Args:
        path: the file.
        file: the same, where it is open already.

    Raises:
        SnapshotError: the file or one of its shards cannot be read, or holds no weights.
    """
    places: dict[str, Place] = {}
    said: dict[str, Any] = {}
    if path.name.endswith(INDEX_SUFFIX):
        for shard in read_index(path):
            with _open(shard) as opened:
                found, _ = _header(shard, opened)
            places |= found
    elif file is not None:
        places, said = _header(path, file)
    else:
        with _open(path) as opened:
            places, said = _header(path, opened)
    found_weights = find_weights(
        {key: place.shape for key, place in places.items() if place.dtype in _REAL}, biases_tell=True
    )
    if not found_weights.weights:
        raise SnapshotError(f"snapshot {str(path)!r} holds no weights (a weight has two axes or more)")
    return SafetensorsContents(
        path=path,
        format=FORMAT,
        weights=found_weights.weights,
        tensors=tuple(ArrayHeader(key, place.shape, _dtype_name(place.dtype)) for key, place in places.items()),
        epoch=_counter(said, "epoch"),
        iteration=_counter(said, "step") or _counter(said, "iteration"),
        turned=found_weights.turned,
        notes=complex_notes(_dtype_name(place.dtype) for place in places.values())
        + tuple(
            f"weights of type {name} are shown as the numbers that they stand for, without their scales"
            for dtype, name in _FLOAT8.items()
            if any(place.dtype == dtype for place in places.values())
        ),
        parts=tuple(sorted({place.path for place in places.values()} - {path})),
        places=places,
    )


class _Open:
    """The tensors of a snapshot whose files are opened when the first of theirs is read."""

    def __init__(self, contents: SafetensorsContents, stack: ExitStack) -> None:
        self._places = contents.places
        self._stack = stack
        self._files: dict[Path, BufferedIOBase] = {}

    def read(self, key: str) -> np.ndarray:
        """Read one tensor, as `nnanim.reading.snapshots.contents.Arrays` says."""
        place = self._places[key]
        return _array(self._file(place.path), key, place)

    def stream(self, key: str, *, is_checked: bool = True) -> Stream:
        """Return one tensor some numbers at a time, as `nnanim.reading.streams.Streaming` says."""
        place = self._places[key]

        def damaged(error: OSError | None) -> SnapshotError:
            return _truncated(key, place) if error is None else _unreadable(place.path, error)

        decode: Decode | None = from_bfloat16 if place.dtype == "BF16" else None
        if place.dtype == "C64":
            decode = modulus
        if place.dtype in _FLOAT8:
            decode = partial(from_float8, name=_FLOAT8[place.dtype])
        return FileStream(self._file(place.path), place.start, _CODES[place.dtype], place.shape, damaged, decode)

    def _file(self, path: Path) -> BufferedIOBase:
        if path not in self._files:
            self._files[path] = self._stack.enter_context(_open(path))
        return self._files[path]


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its tensors one at a time."""
    assert isinstance(contents, SafetensorsContents)
    with ExitStack() as stack:
        yield _Open(contents, stack)


def _dtype_name(dtype: str) -> str:
    if dtype in _FLOAT8:
        return _FLOAT8[dtype]
    return "bfloat16" if dtype == "BF16" else np.dtype(_CODES[dtype]).name


def _array(file: BufferedIOBase, key: str, place: Place) -> np.ndarray:
    size = math.prod(place.shape) * _BYTES[place.dtype]
    if size > MAX_MEMBER_BYTES:
        raise SnapshotError(
            f"{key!r} in snapshot {str(place.path)!r} has {size} bytes (at most {MAX_MEMBER_BYTES} are read at once;"
            " the layers view reads any number)"
        )
    numbers = np.empty(place.shape, dtype=_CODES[place.dtype])
    try:
        file.seek(place.start)
        count = file.readinto(numbers.reshape(-1).view(np.uint8).data)
    except OSError as error:
        raise _unreadable(place.path, error) from error
    if count != numbers.nbytes:
        raise _truncated(key, place)
    if place.dtype in _FLOAT8:
        return from_float8(numbers, _FLOAT8[place.dtype])
    return from_bfloat16(numbers) if place.dtype == "BF16" else modulus(numbers)


def _header(path: Path, file: BufferedIOBase) -> tuple[dict[str, Place], dict[str, Any]]:
    where = f"snapshot {str(path)!r}"
    try:
        file_size = file.seek(0, 2)
        file.seek(0)
        start = file.read(8)
        length = _length(start) if len(start) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, file_size - 8):
            raise SnapshotError(f"{where} is truncated or damaged ({HINT})")
        text = file.read(length)
    except OSError as error:
        raise _unreadable(path, error) from error
    header = _json(text, where)
    said = header.pop("__metadata__", {})
    places = {}
    for key, tensor in header.items():
        place = _place(path, key, tensor, 8 + length, file_size)
        if place is not None:
            places[key] = place
    return places, said if isinstance(said, dict) else {}


def _place(path: Path, key: str, tensor: Any, begin: int, file_size: int) -> Place | None:
    match tensor:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(last)]}:
            pass
        case _:
            raise SnapshotError(f"{key!r} in snapshot {str(path)!r} is not described as a tensor ({HINT})")
    if dtype not in _BYTES:
        return None
    if len(shape) > MAX_AXES or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise SnapshotError(f"{key!r} in snapshot {str(path)!r} has an impossible shape ({HINT})")
    size = math.prod(shape) * _BYTES[dtype]
    if not (0 <= first <= last <= file_size - begin and last - first == size):
        raise SnapshotError(f"{key!r} in snapshot {str(path)!r} lies outside of the file (it is truncated or damaged)")
    return Place(path, dtype, tuple(shape), begin + first)


def _json(text: bytes, where: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{where} is truncated or damaged ({HINT})") from error
    if not isinstance(header, dict):
        raise SnapshotError(f"{where} is truncated or damaged ({HINT})")
    return header


def _counter(said: dict[str, Any], name: str) -> int | None:
    text = said.get(name)
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 16 else None


def _length(start: bytes) -> int:
    (length,) = struct.unpack("<Q", start[:8])
    return int(length)


def _open(path: Path) -> BufferedIOBase:
    try:
        return open_regular(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _truncated(key: str, place: Place) -> SnapshotError:
    return SnapshotError(f"snapshot {str(place.path)!r} is truncated at {key!r} ({HINT})")


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})")
