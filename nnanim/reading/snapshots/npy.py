"""Single ``.npy`` files, and ``.npz`` of ``scipy.sparse.save_npz``: those of one moment make a snapshot.

The moment is in the name (``W1_epoch3.npy``, ``epoch_3_W1.npy``, ``W1_3.npy``) or in that of the folder
(``epoch_3/W1.npy``); what is left of the name is that of the array.

Sparse matrices are read as dense ones.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from math import prod
from pathlib import Path

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import natural_key
from nnanim.reading.containers.npz_archive import (
    MAX_AXES,
    MAX_HEADER_BYTES,
    MAX_MEMBER_BYTES,
    NPY_MAGIC,
    complex_notes,
    header_end,
    modulus,
    open_archive,
    parse_header,
)
from nnanim.reading.containers.npz_archive import ArrayHeader as NpyHeader
from nnanim.reading.containers.scipy_sparse import header_of as sparse_header_of
from nnanim.reading.containers.scipy_sparse import read_dense
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.parameters import find_weights, is_weight_name
from nnanim.reading.streams import FileStream, Stream

FORMAT = "npy"
SPARSE = "scipy_sparse"  # what `detect` calls a file of SciPy, before it is put together with others
SPARSE_SUFFIX = ".npz"
HINT = "a .npy file holds one array of numbers"
_MOMENT = re.compile(r"(?P<word>epoch|iter|iteration|step|ckpt|checkpoint)[-_=]?(?P<number>[0-9]{1,15})")
_DATA = re.compile(r"mat(?:rix)?[0-9]*$", re.IGNORECASE)  # sparse ones of this name are rather data than weights
_NUMBER = re.compile(r"(?P<name>.+?)[-_](?P<number>[0-9]{1,15})")


@dataclass(frozen=True)
class NpyContents(Contents):
    """What the files of one moment say, with the file of each array."""

    files: dict[str, Path] = field(default_factory=dict, repr=False, compare=False)


def group(paths: Iterable[Path]) -> list[dict[str, Path]]:
    """Put the files of each moment together, by the names of their arrays; only moments that have a weight."""
    moments: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in paths:
        moment, name = _split(path)
        moments.setdefault((path.parent, moment), {})[name] = path
    return [files for files in moments.values() if any(map(is_weight_name, files))]


def is_sparse_weight(path: Path) -> bool:
    """Tell whether a file with a sparse matrix is named as that of a weight, not of data."""
    name = _split(path)[1]
    return is_weight_name(name) and not _DATA.search(name)


def scan(files: Mapping[str, Path]) -> NpyContents | None:
    """Read names and shapes of a snapshot, or return None where no file holds a weight.

    Args:
        files: of one moment, by the names of their arrays.

    Raises:
        SnapshotError: a file is damaged.
    """
    shapes, tensors = {}, []
    for name in sorted(files, key=natural_key):
        header = _header(files[name])
        if header is not None and (len(header.shape) < 2 or is_weight_name(name)):
            shapes[name] = header.shape
            tensors.append(ArrayHeader(name, header.shape, header.dtype.name))
    parameters = find_weights(shapes)
    if not parameters.weights:
        return None
    first, *rest = (files[name] for name in shapes)
    match = _MOMENT.fullmatch(_split(first)[0])
    number = int(match["number"]) if match else None
    is_epoch = match is not None and match["word"] == "epoch"
    return NpyContents(
        path=first,
        format=FORMAT,
        written_by="numpy",
        weights=parameters.weights,
        tensors=tuple(tensors),
        notes=(*complex_notes(tensor.dtype for tensor in tensors), *_sparse_notes(files[name] for name in shapes)),
        convention="numpy",
        epoch=number if is_epoch else None,
        iteration=None if is_epoch else number,
        turned=parameters.turned,
        parts=tuple(rest),
        files={name: files[name] for name in shapes},
    )


class _Open:
    """The files of a moment, each opened for as long as it is read."""

    def __init__(self, contents: NpyContents) -> None:
        self._files = contents.files

    def read(self, key: str) -> np.ndarray:
        """Read one array, as `nnanim.reading.snapshots.contents.Arrays` says."""
        return _read(self._files[key])

    def stream(self, key: str) -> Stream | None:
        """Return one array some numbers at a time, as `nnanim.reading.streams.Streaming` says."""
        path = self._files[key]
        if path.suffix == SPARSE_SUFFIX:
            return None

        def damaged(error: OSError | None) -> SnapshotError:
            return _changed(path) if error is None else _unreadable(path, error)

        with ExitStack() as stack:
            file = stack.enter_context(_open(path))
            header = _header_of(path, file)
            if header is None or header.order == "F":
                return None
            stack.pop_all()
            return FileStream(file, header.offset, header.dtype, header.shape, damaged, modulus, is_own=True)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Give the arrays of a snapshot to be read one at a time."""
    assert isinstance(contents, NpyContents)
    yield _Open(contents)


def _split(path: Path) -> tuple[str, str]:
    """Return the moment and the array's name, as the names of a file and its folder say them."""
    stem = path.stem.lower()
    match = _MOMENT.search(stem)
    if match:
        name = path.stem[: match.start()] + path.stem[match.end() :]
        return match[0], name.strip("_-=. ") or "weight"
    inside = _MOMENT.search(path.parent.name.lower())
    if inside:
        return inside[0], path.stem
    numbered = _NUMBER.fullmatch(path.stem)
    return (numbered["number"], numbered["name"]) if numbered else ("", path.stem)


def _header(path: Path) -> NpyHeader | None:
    """Read the header of a file; None where it holds something else than real numbers."""
    if path.suffix == SPARSE_SUFFIX:
        with open_archive(path) as archive:
            found = sparse_header_of(archive)
        return None if found is None else NpyHeader(found.dtype, found.shape)
    with _open(path) as file:
        return _header_of(path, file)


def _header_of(path: Path, file: BufferedReader) -> NpyHeader | None:
    try:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(MAX_HEADER_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    end = header_end(start)
    if start[:6] != NPY_MAGIC or len(start) < min(end, MAX_HEADER_BYTES) or end > MAX_HEADER_BYTES:
        raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})")
    header = parse_header(start)
    if header is None or header.dtype.kind not in "fc":
        return None
    dtype, shape = header.dtype, header.shape
    if len(shape) > MAX_AXES:
        raise SnapshotError(f"snapshot {str(path)!r} has {len(shape)} axes (an array of at most {MAX_AXES} is read)")
    if prod(shape) * dtype.itemsize != size - end or size > MAX_MEMBER_BYTES:
        raise SnapshotError(
            f"snapshot {str(path)!r} is said to be {shape} of {dtype}, but has {size - end} bytes ({HINT})"
        )
    return header


def _read(path: Path) -> np.ndarray:
    if path.suffix == SPARSE_SUFFIX:
        with open_archive(path) as archive:
            if (found := sparse_header_of(archive)) is None:
                raise _changed(path)
            return read_dense(archive, found)
    with _open(path) as file:
        header = _header_of(path, file)
        if header is None:
            raise SnapshotError(f"snapshot {str(path)!r} holds no numbers that weights could be ({HINT})")
        numbers = np.empty(prod(header.shape), header.dtype)
        try:
            file.seek(header.offset)
            count = file.readinto(numbers.view(np.uint8).data)
        except OSError as error:
            raise _unreadable(path, error) from error
    if count != numbers.nbytes:
        raise _changed(path)
    numbers = modulus(numbers)
    return numbers.reshape(header.shape) if header.order == "C" else numbers.reshape(header.shape[::-1]).T


def _sparse_notes(paths: Iterable[Path]) -> tuple[str, ...]:
    is_sparse = any(path.suffix == SPARSE_SUFFIX for path in paths)
    return ("sparse weights are shown as dense ones",) if is_sparse else ()


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _changed(path: Path) -> SnapshotError:
    return SnapshotError(f"snapshot {str(path)!r} changed while the run was read (is it still training?)")


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})")
