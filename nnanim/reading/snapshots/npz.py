"""NumPy files of any naming: ``.npz`` archives with ``W1`` and ``b1``, ``fc1.weight``, ``coefs_0``, ``arr_0``, …

A single ``.npy`` is the weight of the only layer. What the Recorder writes is such an archive, with ``epoch`` and
``iteration`` beside the weights.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import natural_key
from nnanim.reading.connections import read_connections
from nnanim.reading.containers.npz_archive import Archive, complex_notes, open_members
from nnanim.reading.containers.scipy_sparse import header_of as sparse_header_of
from nnanim.reading.containers.zip_file import ZipFile
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.npy import SPARSE, is_sparse_weight
from nnanim.reading.snapshots.parameters import find_weights, is_weight_name

FORMAT = "numpy"
HINT = "a NumPy snapshot is an .npz archive with arrays such as W1 and b1"
RECORDED = "nnanim_recorder"  # in an archive of the Recorder: whatever has two axes is a weight
MAX_KEY_LENGTH = 1000
_UNNAMED = re.compile(r"arr_[0-9]+|[0-9]+")
_STATE = re.compile(r"optim|(?:^|[./_])(?:adam|momentum|velocity|moment|grads?)(?:[./_]|$)", re.IGNORECASE)


def look(file: ZipFile) -> Contents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where no arrays are named like weights.

    A sparse matrix alone is one of the arrays that `nnanim.reading.snapshots.npy` puts together.

    Raises:
        SnapshotError: the file cannot be read, or holds no weights.
    """
    archive = Archive(file)
    if sparse_header_of(archive) is not None:
        return Contents(path=file.path, format=SPARSE, weights=()) if is_sparse_weight(file.path) else None
    if not _has_weights(archive):
        return None
    shapes = _shapes(archive)
    epoch, iteration = (_counter(archive, name) for name in ("epoch", "iteration"))
    found = find_weights(shapes, biases_follow=RECORDED in archive)
    if not found.weights:
        raise SnapshotError(f"snapshot {str(file.path)!r} holds no weights ({HINT})")
    connections, notes = _connections(file, shapes) if RECORDED in archive else (None, ())
    tensors = tuple(
        ArrayHeader(key, shape, sys.intern(archive.header(key).dtype.name)) for key, shape in shapes.items()
    )
    return Contents(
        path=file.path,
        format=FORMAT,
        weights=found.weights,
        tensors=tensors,
        convention=FORMAT,
        connections=connections,
        notes=(*complex_notes(tensor.dtype for tensor in tensors), *notes),
        epoch=epoch,
        iteration=None if iteration is None else int(iteration),
        is_ordered=True,  # of the call that wrote it
        turned=found.turned,
        arrays=archive.small_arrays(shapes),
    )


def _connections(file: ZipFile, shapes: Container[str]) -> tuple[tuple[tuple[str, str], ...] | None, tuple[str, ...]]:
    """Return what stands beside a recording: pairs of keys that it has, or None, and what a user should be told."""
    try:
        found = read_connections(Path(file.path).parent)
        pairs = None if found is None else found.pairs()
    except SnapshotError as error:  # the weights can be drawn without
        return None, (str(error),)
    if pairs is None:
        return None, ()
    return tuple(pair for pair in pairs if pair[0] in shapes and pair[1] in shapes), ()


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its arrays one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_members(contents) as members:
        yield members


def _has_weights(archive: Archive) -> bool:
    keys = list(archive)
    if RECORDED in archive:
        return True
    if any(is_weight_name(key) and not _UNNAMED.fullmatch(key) for key in keys):
        return bool(_shapes(archive))
    if keys and all(_UNNAMED.fullmatch(key) for key in keys):
        shapes = _shapes(archive)
        # Arrays without names may be anything; those of a network follow each other.
        found = find_weights(shapes).weights
        return bool(found) and all(before.shape[0] == after.shape[1] for before, after in pairwise(found))
    return False


def _shapes(archive: Archive) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for key in archive:
        if len(key) > MAX_KEY_LENGTH or _STATE.search(key):
            continue
        header = archive.header(key)
        if header.dtype.kind in "fc":
            shapes[key] = header.shape
    if RECORDED in archive:
        return shapes
    if all(_UNNAMED.fullmatch(key) for key in shapes):
        return {key: shapes[key] for key in sorted(shapes, key=natural_key)}
    named = [key for key in shapes if is_weight_name(key) or len(shapes[key]) < 2]
    return {key: shapes[key] for key in named}


def _counter(archive: Archive, name: str) -> int | float | None:
    if name not in archive:
        return None
    header = archive.header(name)
    if header.shape != () or header.dtype.kind not in "iuf":
        return None
    value = float(archive[name])
    if not np.isfinite(value) or value < 0:
        return None
    return int(value) if value.is_integer() else value
