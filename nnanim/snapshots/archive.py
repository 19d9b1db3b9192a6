"""A NumPy archive that is read without trusting it.

Nothing is unpickled and nothing is allocated on the word of the file alone: the size of a member is known from the zip
directory, its type and shape from its ``.npy`` header, and both must agree before it is read.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Literal

import numpy as np

from nnanim.errors import SnapshotError

MAX_MEMBER_BYTES = 2**30
MAX_HEADER_BYTES = 10_000
SMALL_MEMBER_BYTES = 2**14  # opening a member of a zip archive takes longer than reading that much
SNAPSHOT_HINT = "a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors or NumPy"

# All that zipfile, zlib and NumPy raise on damaged archives; EOFError and zlib.error say "truncated", the others lie.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    ValueError,
    RuntimeError,  # encrypted; NotImplementedError: unknown compression
)

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[a-zA-Z]\d{0,9})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
_NUMBER_KINDS = "fiu"
_TEXT_KINDS = "U"


@dataclass(frozen=True)
class ArrayHeader:
    """Type and shape of one array, as the archive claims them."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int = 0  # of the data in its member
    order: Literal["C", "F"] = "C"


class Archive(Mapping[str, np.ndarray]):
    """The arrays of one snapshot file by key, each checked before it is read."""

    def __init__(self, path: Path, npz: np.lib.npyio.NpzFile) -> None:
        self.path = path
        self._npz = npz
        self._headers: dict[str, ArrayHeader] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._small: dict[str, bytes] = {}  # members that were read whole when their header was asked for
        if npz.zip is None:
            raise ValueError("the archive is closed")
        self._zip = npz.zip
        for info in self._zip.infolist():
            key = info.filename.removesuffix(".npy")
            if key in self._members:  # else the member that is checked may not be the one that is read
                raise SnapshotError(f"snapshot {str(path)!r} holds {key!r} twice ({SNAPSHOT_HINT})")
            self._members[key] = info

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __getitem__(self, key: str) -> np.ndarray:
        """Read an array of numbers.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged, too large, or holds something else than numbers.
        """
        self.number_header(key)
        return self._read(key)

    def number_header(self, key: str) -> ArrayHeader:
        """Return type and shape of an array of numbers without reading it.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged, too large, or holds something else than numbers.
        """
        header = self.header(key)
        if header.dtype.kind == "O":
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} holds Python objects, which are never loaded"
                " (a weight is an array of numbers; a layer that was not used yet has none)"
            )
        if header.dtype.kind not in _NUMBER_KINDS:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} is of type {str(header.dtype)!r}"
                " (a weight is an array of real numbers)"
            )
        return header

    def text(self, key: str) -> str | None:
        """Read a single text, or return None where the array is something else.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged or too large.
        """
        header = self.header(key)
        if header.dtype.kind not in _TEXT_KINDS or header.shape != ():
            return None
        return str(self._read(key)[()])

    def header(self, key: str) -> ArrayHeader:
        """Return type and shape of any array without reading it.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged or too large.
        """
        if key not in self._headers:
            self._headers[key] = self._parse_header(key, self._members[key])
        return self._headers[key]

    def _parse_header(self, key: str, info: zipfile.ZipInfo) -> ArrayHeader:
        if info.file_size > MAX_MEMBER_BYTES:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} claims {info.file_size} bytes"
                f" (an array of at most {MAX_MEMBER_BYTES} bytes is read)"
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} is encrypted or compressed in an unknown way ({SNAPSHOT_HINT})"
            )
        try:
            with self._member(key, info) as member:
                start = member.read(8)
                width, code = (2, "<H") if start[6:7] == b"\x01" else (4, "<I")
                (length,) = struct.unpack(code, member.read(width))
                text = member.read(min(length, MAX_HEADER_BYTES)).decode("latin-1")
        except DAMAGE as error:
            raise self._damaged(key) from error
        match = _HEADER.fullmatch(text)
        if start[:6] != _NPY_MAGIC or match is None:
            raise self._damaged(key)
        try:
            dtype = np.dtype(match[1])
        except (TypeError, ValueError, OverflowError) as error:
            raise self._damaged(key) from error
        shape = tuple(int(size) for size in match[3].replace(",", " ").split())
        count = 1
        for size in shape:
            count *= size
        data_bytes = info.file_size - 8 - width - length
        if dtype.kind != "O" and count * dtype.itemsize != data_bytes:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} is said to be {shape} of {dtype}, which takes"
                f" {count * dtype.itemsize} bytes, but has {data_bytes} (the archive is damaged)"
            )
        return ArrayHeader(dtype, shape, 8 + width + length, "F" if match[2] == "True" else "C")

    def _member(self, key: str, info: zipfile.ZipInfo) -> IO[bytes]:
        if info.file_size > SMALL_MEMBER_BYTES:
            return self._zip.open(info)
        self._small[key] = self._zip.read(info)
        return io.BytesIO(self._small[key])

    def _read(self, key: str) -> np.ndarray:
        header = self._headers[key]
        if key in self._small and 0 not in header.shape:
            flat = np.frombuffer(self._small[key], header.dtype, offset=header.offset)
            return flat.reshape(header.shape, order=header.order)
        try:
            array = self._npz[key]
        except DAMAGE as error:
            raise self._damaged(key) from error
        return np.asarray(array)

    def _damaged(self, key: str) -> SnapshotError:
        return SnapshotError(f"snapshot {str(self.path)!r} is truncated or damaged at {key!r} ({SNAPSHOT_HINT})")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a NumPy archive for as long as the context lasts.

    Raises:
        SnapshotError: the file is empty, truncated, no zip archive, or cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        _check_magic(path, file)
        try:
            npz = np.load(file, allow_pickle=False)
        except DAMAGE as error:
            raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({SNAPSHOT_HINT})") from error
        with npz:
            yield Archive(path, npz)


def is_zip(path: Path) -> bool:
    """Tell whether a file begins as a zip archive does."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _ZIP_MAGICS
    except OSError:
        return False


def check_magic(path: Path) -> None:
    """Check that a file begins as a zip archive does.

    Raises:
        SnapshotError: it does not; the message says what it is instead.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        _check_magic(path, file)


def _check_magic(path: Path, file: BinaryIO) -> None:
    try:
        start = file.read(8)
        file.seek(0)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not start:
        problem = "is empty"
    elif start[:4] in _ZIP_MAGICS:
        return
    elif start[:1] == b"\x80" and start[1:2] <= b"\x05":
        problem = "is a pickle, which is never loaded"
    elif start[:6] == _NPY_MAGIC:
        problem = "is a single NumPy array"
    else:
        problem = "is not a zip archive"
    raise SnapshotError(f"snapshot {str(path)!r} {problem} ({SNAPSHOT_HINT})")


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({SNAPSHOT_HINT})")
