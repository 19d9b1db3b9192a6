"""Arrays as Zarr keeps them, versions 2 and 3: a text in JSON, and the numbers in chunks, each under a name of its own.

What is read: chunks in a regular grid, plain or packed by Zstandard or deflate, chunks within shards, any order of
bytes. Other filters and codecs are named.

Format: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html, …/v3/core/index.html and
…/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from nnanim.reading.containers.float8 import FLOAT8
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES
from nnanim.reading.containers.zstd import ZstdError, unpack_zstd

HEADERS = (".zarray", "zarr.json")  # names of the texts, of versions 2 and 3
MAX_HEADER_BYTES = 100_000
MAX_CHUNKS = 100_000
_CHECKSUM_BYTES = 4
_NOWHERE = 2**64 - 1  # of a chunk that a shard lacks
_NUMBERS = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
_NUMBERS += ("float16", "float32", "float64", "complex64", "complex128")
_BITS = {"bfloat16": "<u2", **dict.fromkeys(FLOAT8, "|u1")}  # what NumPy has no type for

Get = Callable[[str], "bytes | None"]
Check = Callable[[int, int], None]


class ZarrError(ValueError):
    """The array cannot be read; the message ends the sentence "the array …"."""


@dataclass(frozen=True)
class Header:
    """What an array says of itself.

    Attributes:
        shape: sizes of its axes.
        dtype: ``"float32"``, ``"bfloat16"``, …
        code: NumPy's code of the numbers as they are stored.
        chunks: shape of what lies under one name.
        codecs: what was done to its bytes, in that order: ``"zstd"``, ``"gzip"``, ``"zlib"``, ``"crc32c"``.
        inner: shape of the chunks within one such chunk, a shard; None without shards.
        index_codecs: what was done to the index of a shard.
        index_first: whether a shard begins with its index.
        is_fortran: whether the first axis runs fastest.
        fill: what a chunk that is not there is full of.
        stem, mark: how the names of chunks begin, and what stands between their numbers.
    """

    shape: tuple[int, ...]
    dtype: str
    code: str
    chunks: tuple[int, ...]
    codecs: tuple[str, ...] = ()
    inner: tuple[int, ...] | None = None
    index_codecs: tuple[str, ...] = ()
    index_first: bool = False
    is_fortran: bool = False
    fill: int | float = 0
    stem: str = ""
    mark: str = "."

    @property
    def bytes(self) -> int:
        """Bytes of the whole array in memory, as they are stored."""
        return math.prod(self.shape) * np.dtype(self.code).itemsize

    def names(self) -> Iterator[tuple[tuple[int, ...], str]]:
        """Yield the place of each chunk in the grid, and its name."""
        grid = [range(-(-size // long)) for size, long in zip(self.shape, self.chunks, strict=True)]
        for at in product(*grid):
            numbers = list(map(str, at))
            if self.stem:
                yield at, self.mark.join([self.stem, *numbers])
            else:
                yield at, self.mark.join(numbers) or "0"


def parse(text: bytes) -> Header:
    """Read what an array says of itself.

    Raises:
        ZarrError: it is damaged, or of a kind that is not read.
    """
    try:
        said = json.loads(text)
        if not isinstance(said, dict) or said.get("zarr_format") not in (2, 3):
            raise ZarrError("is of no version of Zarr that is read (2 and 3 are)")
        header = _version_2(said) if said["zarr_format"] == 2 else _version_3(said)
    except ZarrError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise ZarrError("is described by a damaged text") from error
    if len(header.chunks) != len(header.shape) or header.bytes > MAX_MEMBER_BYTES:
        raise ZarrError(f"has the shape {header.shape} (at most {MAX_MEMBER_BYTES} bytes are read)")
    item_bytes = np.dtype(header.code).itemsize
    if math.prod(header.chunks) * item_bytes > max(header.bytes, 1) * 4 + 2**20:
        raise ZarrError(f"has chunks of shape {header.chunks} for an array of shape {header.shape}")
    counts = [-(-size // long) for size, long in zip(header.shape, header.chunks, strict=True)]
    within = header.chunks if header.inner is None else header.inner
    if len(within) != len(header.chunks) or any(long % part for long, part in zip(header.chunks, within, strict=True)):
        raise ZarrError(f"has shards of shape {header.chunks} of chunks of shape {within}")
    if math.prod(counts) * math.prod(header.chunks) > MAX_CHUNKS * math.prod(within):
        raise ZarrError(f"has more than {MAX_CHUNKS} chunks")
    return header


def read(header: Header, get: Get, check: Check, *, may_lack: bool = True) -> np.ndarray:
    """Put the chunks of an array together.

    Args:
        header: what it says of itself.
        get: returns the bytes under the name of a chunk, or None where there is none.
        check: is called with the bytes that come out and those in the file so far, and raises where that is too much.
        may_lack: whether a chunk that is not there is full of what is not stored; else it was lost.

    Returns:
        The numbers as they are stored; bfloat16 and numbers of 8 bits as their bits.

    Raises:
        ZarrError: they are damaged, or packed in a way that is not read.
    """
    numbers = np.full(header.shape, header.fill, header.code) if header.fill else np.zeros(header.shape, header.code)
    unpacked = packed = 0
    item_bytes = numbers.dtype.itemsize
    for at, name in header.names():
        data = get(name)
        unpacked += math.prod(header.chunks) * item_bytes
        packed += len(data or b"")
        check(unpacked, packed)
        if data is None and not may_lack:
            raise ZarrError(f"is not whole: its chunk {name!r} is missing")
        if data is None:
            continue
        for start, shape, part in _parts(header, data):
            chunk = np.frombuffer(part, header.code).reshape(shape, order="F" if header.is_fortran else "C")
            first = [place * long + more for place, long, more in zip(at, header.chunks, start, strict=True)]
            ends = [min(place + long, size) for place, long, size in zip(first, shape, header.shape, strict=True)]
            if any(end <= place for place, end in zip(first, ends, strict=True)):
                continue
            inside = tuple(slice(place, end) for place, end in zip(first, ends, strict=True))
            numbers[inside] = chunk[tuple(slice(0, end - place) for place, end in zip(first, ends, strict=True))]
    return numbers


def _parts(header: Header, data: bytes) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], bytes]]:
    """Yield first index, shape and bytes of each chunk in what lies under one name."""
    item_bytes = np.dtype(header.code).itemsize
    if header.inner is None:
        whole_bytes = math.prod(header.chunks) * item_bytes
        yield (0,) * len(header.chunks), header.chunks, _unpacked(data, header.codecs, whole_bytes)
        return
    grid = [long // part for long, part in zip(header.chunks, header.inner, strict=True)]
    index_bytes = math.prod(grid) * 16 + _CHECKSUM_BYTES * header.index_codecs.count("crc32c")
    if len(data) < index_bytes:
        raise ZarrError("is truncated")
    index = data[:index_bytes] if header.index_first else data[len(data) - index_bytes :]
    places = np.frombuffer(_unpacked(index, header.index_codecs, math.prod(grid) * 16), "<u8").reshape(-1, 2)
    whole_bytes = math.prod(header.inner) * item_bytes
    for at, (start, size) in zip(product(*map(range, grid)), places.tolist(), strict=True):
        if start == size == _NOWHERE:
            continue
        first = tuple(place * long for place, long in zip(at, header.inner, strict=True))
        yield first, header.inner, _unpacked(data[start : start + size], header.codecs, whole_bytes)


def _unpacked(data: bytes, codecs: Sequence[str], whole_bytes: int) -> bytes:
    for place, codec in reversed(list(enumerate(codecs))):
        most_bytes = whole_bytes + _CHECKSUM_BYTES * place
        if codec == "crc32c":
            data = data[:-_CHECKSUM_BYTES]
        elif codec == "zstd":
            try:
                data = unpack_zstd(data, most_bytes)
            except ZstdError as error:
                raise ZarrError(str(error)) from error
        else:
            try:
                data = zlib.decompressobj(47).decompress(data, most_bytes + 1)  # gzip or zlib, as it begins
            except zlib.error as error:
                raise ZarrError("is damaged") from error
    if len(data) != whole_bytes:
        raise ZarrError("is damaged")
    return data


def _version_2(said: Mapping[str, Any]) -> Header:
    compressor = said.get("compressor")
    codec = () if compressor is None else (str(compressor["id"]),)
    for name in (*codec, *(str(each["id"]) for each in said.get("filters") or ())):
        if name not in ("zstd", "gzip", "zlib"):
            raise ZarrError(f"is packed by {name[:50]!r}, which is not read")
    dtype, code = _type_of(said["dtype"])
    return Header(
        shape=_sizes(said["shape"]),
        dtype=dtype,
        code=code,
        chunks=_sizes(said["chunks"], least=1),
        codecs=codec,
        is_fortran=said.get("order") == "F",
        fill=_fill(said.get("fill_value"), code),
        mark=_mark(said.get("dimension_separator", ".")),
    )


def _version_3(said: Mapping[str, Any]) -> Header:
    if said["chunk_grid"]["name"] != "regular":
        raise ZarrError("has chunks in no regular grid")
    chunks = _sizes(said["chunk_grid"]["configuration"]["chunk_shape"], least=1)
    naming = said["chunk_key_encoding"]
    is_default = naming["name"] == "default"
    mark = _mark((naming.get("configuration") or {}).get("separator", "/" if is_default else "."))
    dtype, code = _type_of(said["data_type"])
    codecs = said["codecs"]
    inner: tuple[int, ...] | None = None
    index_codecs: tuple[str, ...] = ()
    index_first = False
    if codecs[0]["name"] == "sharding_indexed" and len(codecs) == 1:
        shard = codecs[0]["configuration"]
        inner, codecs = _sizes(shard["chunk_shape"], least=1), shard["codecs"]
        _, index_codecs = _codecs(shard["index_codecs"], "<u8")
        if set(index_codecs) - {"crc32c"}:
            raise ZarrError("has shards with a packed index, which are not read")
        index_first = shard.get("index_location", "end") == "start"
    code, names = _codecs(codecs, code)
    return Header(
        shape=_sizes(said["shape"]),
        dtype=dtype,
        code=code,
        chunks=chunks,
        codecs=names,
        inner=inner,
        index_codecs=index_codecs,
        index_first=index_first,
        fill=_fill(said.get("fill_value"), code),
        stem="c" if is_default else "",
        mark=mark,
    )


def _codecs(said: Sequence[Mapping[str, Any]], code: str) -> tuple[str, tuple[str, ...]]:
    """Return NumPy's code with the order of bytes, and what was done to them."""
    first, *rest = said
    if first["name"] != "bytes":
        raise ZarrError(f"is packed by {str(first['name'])[:50]!r}, which is not read")
    is_big = (first.get("configuration") or {}).get("endian") == "big"
    names = tuple(str(each["name"]) for each in rest)
    for name in names:
        if name not in ("zstd", "gzip", "crc32c"):
            raise ZarrError(f"is packed by {name[:50]!r}, which is not read")
    return np.dtype(code).newbyteorder(">" if is_big else "<").str, names


def _type_of(name: Any) -> tuple[str, str]:
    """Return the name of a type, and NumPy's code."""
    if isinstance(name, str) and name in _BITS:
        return name, _BITS[name]
    try:
        dtype = np.dtype(name) if isinstance(name, str) else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.name not in _NUMBERS:
        raise ZarrError(f"holds numbers of type {str(name)[:50]!r}, which is not read")
    return dtype.name, dtype.str if dtype.byteorder != "=" else dtype.newbyteorder("<").str


def _sizes(value: Any, least: int = 0) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MAX_AXES:
        raise ZarrError("has an impossible shape")
    if not all(type(size) is int and least <= size < 2**48 for size in value):
        raise ZarrError("has an impossible shape")
    return tuple(value)


def _fill(value: Any, code: str) -> int | float:
    """Return what is not stored; 0 where that is not said, or of numbers that are kept as bits."""
    is_number = isinstance(value, int | float) and np.dtype(code).kind in "fib"
    return float(value) if is_number and abs(value) < 2**53 else 0


def _mark(value: Any) -> str:
    if value not in (".", "/"):
        raise ZarrError(f"has chunks whose names hold {str(value)[:50]!r}")
    return str(value)
