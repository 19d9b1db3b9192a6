"""A NumPy archive that is read without trusting it.

Nothing is unpickled and nothing is allocated on the word of the file alone: the size of a member is known from the zip
directory, its type and shape from its ``.npy`` header, and both must agree before it is read.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.zip_file import MAGICS, Member, ZipError, ZipFile
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.reading.streams import FileStream, MemberStream, Stream

MAX_MEMBER_BYTES = 2**30
MAX_HEADER_BYTES = 10_000
MAX_AXES = 32  # of NumPy before 2.0
SMALL_SNAPSHOT_BYTES = 2**12  # thousands of snapshots are remembered in a few megabytes
SMALL_MEMBER_BYTES = 2**14  # opening a member of a zip archive takes longer than reading that much
SNAPSHOT_HINT = (
    "a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy"
)

NPY_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[a-zA-Z]\d{0,9}(?:\[\d{0,4}[a-zA-Z]{1,2}\])?)', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
_LONGEST_START_BYTES = 8 + 4 + MAX_HEADER_BYTES
_NUMBER_KINDS = "fiuc"
_TEXT_KINDS = "US"


class ArrayHeader(NamedTuple):
    """Type and shape of one array, as the archive claims them."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int = 0  # of the data in its member
    order: Literal["C", "F"] = "C"


class Archive(Mapping[str, np.ndarray]):
    """The arrays of one snapshot file by key, each checked before it is read."""

    def __init__(self, file: ZipFile) -> None:
        self.path: Path = file.path
        self._file = file
        self._headers: dict[str, ArrayHeader] = {}
        self._names = {name.removesuffix(".npy"): name for name in file.names}
        self._small: dict[str, bytes] = {}  # members that were read whole when their header was asked for
        if len(self._names) < len(file.names):  # else the member that is checked may not be the one that is read
            counts = Counter(name.removesuffix(".npy") for name in file.names)
            key = next(key for key, count in counts.items() if count > 1)
            raise SnapshotError(f"snapshot {str(self.path)!r} holds {key!r} twice ({SNAPSHOT_HINT})")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __getitem__(self, key: str) -> np.ndarray:
        """Read an array of numbers, of complex ones the moduli.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged, too large, or holds something else than numbers.
        """
        self.number_header(key)
        return modulus(self._read(key))

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

    def small_arrays(self, keys: Iterable[str]) -> dict[str, np.ndarray] | None:
        """Return arrays of numbers if they are small, `SMALL_SNAPSHOT_BYTES` together, else None.

        Raises:
            KeyError: there is no such array.
            SnapshotError: one is damaged, or holds something else than numbers.
        """
        headers = {key: self.number_header(key) for key in keys}
        if sum(math.prod(header.shape) * header.dtype.itemsize for header in headers.values()) > SMALL_SNAPSHOT_BYTES:
            return None
        arrays = {key: modulus(self._read(key)).copy() for key in headers}  # without the bytes that were read with it
        for array in arrays.values():
            array.flags.writeable = False  # they may be asked for again
        return arrays

    def text(self, key: str) -> str | None:
        """Read a single text, or return None where the array is something else.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged or too large.
        """
        header = self.header(key)
        if header.dtype.kind not in _TEXT_KINDS or header.shape != ():
            return None
        coding = "utf-32-be" if header.dtype.str[0] == ">" else "utf-32-le"
        if header.dtype.kind == "S":
            return self._read(key).tobytes().decode("latin-1").rstrip("\0")
        try:
            return self._read(key).tobytes().decode(coding, "surrogatepass").rstrip("\0")
        except UnicodeDecodeError as error:  # NumPy itself ends in a SystemError there
            raise self._damaged(key) from error

    def header(self, key: str) -> ArrayHeader:
        """Return type and shape of any array without reading it.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged or too large.
        """
        if key not in self._headers:
            self._headers[key] = self._read_header(key)
        return self._headers[key]

    def _read_header(self, key: str) -> ArrayHeader:
        name = self._names[key]
        try:
            member = self._file[name]
            self._check(key, member)
            if member.size > SMALL_MEMBER_BYTES:
                start = self._file.read_start(member, _LONGEST_START_BYTES)
            else:
                start = self._small[key] = self._file.read(member)
        except (ZipError, OSError) as error:
            raise self._damaged(key) from error
        header = parse_header(start)
        if header is None:
            raise self._damaged(key)
        dtype, shape, offset, _ = header
        if len(shape) > MAX_AXES:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} has {len(shape)} axes (an array of at most {MAX_AXES} is read)"
            )
        data_bytes = member.size - offset
        claimed = math.prod(shape) * dtype.itemsize
        if dtype.kind != "O" and claimed != data_bytes:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} is said to be {shape} of {dtype}, which takes"
                f" {claimed} bytes, but has {data_bytes} (the archive is damaged)"
            )
        return header

    def _check(self, key: str, member: Member) -> None:
        if not member.can_be_read:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} is encrypted or compressed in an unknown way ({SNAPSHOT_HINT})"
            )

    def _read(self, key: str) -> np.ndarray:
        dtype, shape, offset, order = self._headers[key]
        if 0 in shape or dtype.itemsize == 0:
            return np.zeros(shape, dtype)
        if key in self._small:
            return np.frombuffer(self._small[key], dtype, offset=offset).reshape(shape, order=order)
        member = self._file[self._names[key]]
        if member.size > MAX_MEMBER_BYTES:
            raise SnapshotError(
                f"{key!r} in snapshot {str(self.path)!r} claims {member.size} bytes"
                f" (an array of at most {MAX_MEMBER_BYTES} bytes is read at once; --view layers reads some at a time)"
            )
        try:
            numbers = self._file.read_numbers(member, skip=offset)
        except (ZipError, OSError) as error:
            raise self._damaged(key) from error
        return numbers.view(dtype).reshape(shape, order=order)

    def stream(self, key: str, *, is_checked: bool = True) -> Stream | None:
        """Return the numbers of an array some at a time; None where they are few, or lie column by column.

        Args:
            key: its name.
            is_checked: whether the sum is checked.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged, too large, or holds something else than numbers.
        """
        dtype, shape, offset, order = self.number_header(key)
        if key in self._small or order == "F" or 0 in shape:
            return None
        member = self._file[self._names[key]]
        try:
            window = None if is_checked else self._file.window(member)
            if window is not None:
                return FileStream(window, offset, dtype, shape, lambda _: self._damaged(key), modulus)
            file = self._file.open(member)
        except (ZipError, OSError) as error:
            raise self._damaged(key) from error
        return MemberStream(file, offset, dtype, shape, member.size, lambda: self._damaged(key), modulus)

    def _damaged(self, key: str) -> SnapshotError:
        return SnapshotError(f"snapshot {str(self.path)!r} is truncated or damaged at {key!r} ({SNAPSHOT_HINT})")


def modulus(numbers: np.ndarray) -> np.ndarray:
    """Return |z| of complex numbers, and others as they are."""
    if numbers.dtype.kind != "c":
        return numbers
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is told as infinite
        return np.asarray(np.abs(numbers))  # of one without axes NumPy makes a scalar


def complex_notes(dtypes: Iterable[str]) -> tuple[str, ...]:
    """Say which of the types that weights have are shown as something else."""
    names = [name for name in dict.fromkeys(dtypes) if name.startswith("complex")]
    return tuple(f"complex weights ({name}) are shown as their moduli" for name in names)


def header_end(start: bytes) -> int:
    """Return where the numbers of a ``.npy`` file begin, as its first 12 bytes say."""
    width = 2 if start[6:7] == b"\x01" else 4
    return 8 + width + int.from_bytes(start[8 : 8 + width], "little")


def parse_header(start: bytes) -> ArrayHeader | None:
    """Return what the first bytes of a ``.npy`` file say; None where they are damaged, or of records."""
    begin, end = 10 if start[6:7] == b"\x01" else 12, header_end(start)
    if start[:6] != NPY_MAGIC or len(start) < begin:
        return None
    found = _parse_text(start[begin : min(end, begin + MAX_HEADER_BYTES)])
    return None if found is None else ArrayHeader(found[0], found[1], end, found[2])


@lru_cache(maxsize=64)  # the snapshots of a run are alike
def _parse_text(text: bytes) -> tuple[np.dtype, tuple[int, ...], Literal["C", "F"]] | None:
    match = _HEADER.fullmatch(text.decode("latin-1"))
    if match is None:
        return None
    try:
        dtype = np.dtype(match[1])
    except (TypeError, ValueError, OverflowError):
        return None
    shape = tuple(int(size) for size in match[3].replace(",", " ").split())
    return dtype, shape, "F" if match[2] == "True" else "C"


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
            directory = ZipFile(path, file)
        except (ZipError, OSError) as error:
            raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({SNAPSHOT_HINT})") from error
        yield Archive(directory)


class _Members:
    """Arrays of a snapshot, from an archive that is opened when the first is read that is not known yet."""

    def __init__(self, contents: Contents, stack: ExitStack) -> None:
        self._contents = contents
        self._stack = stack
        self._archive: Archive | None = None

    def read(self, key: str) -> np.ndarray:
        """Read one array, as `nnanim.reading.snapshots.contents.Arrays` says."""
        known = self._contents.arrays
        if known is not None and key in known:
            return known[key]
        return self._opened()[key]

    def stream(self, key: str, *, is_checked: bool = True) -> Stream | None:
        """Return one array some numbers at a time, as `nnanim.reading.streams.Streaming` says."""
        known = self._contents.arrays
        return None if known is not None and key in known else self._opened().stream(key, is_checked=is_checked)

    def _opened(self) -> Archive:
        if self._archive is None:
            self._archive = self._stack.enter_context(open_archive(self._contents.path))
        return self._archive


@contextmanager
def open_members(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot that is a NumPy archive to read its arrays one at a time."""
    with ExitStack() as stack:
        yield _Members(contents, stack)


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
    elif start[:4] in MAGICS:
        return
    elif start[:1] == b"\x80" and start[1:2] <= b"\x05":
        problem = "is a pickle, which is never loaded"
    elif start[:6] == NPY_MAGIC:
        problem = "is a single NumPy array"
    else:
        problem = "is not a zip archive"
    raise SnapshotError(f"snapshot {str(path)!r} {problem} ({SNAPSHOT_HINT})")


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({SNAPSHOT_HINT})")
