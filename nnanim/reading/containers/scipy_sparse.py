"""Sparse matrices of SciPy in NumPy archives, as dense ones: where numbers stand is checked before any is written.

Source: ``save_npz`` in ``scipy/sparse/_matrix_io.py`` of SciPy 1.17: ``format``, ``shape`` and ``data``, beside them
``indices`` and ``indptr`` (csr, csc, bsr), ``row`` and ``col`` or ``coords`` (coo), or ``offsets`` (dia).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES, Archive
from nnanim.reading.containers.torch_sparse import dense_of
from nnanim.reading.containers.unpacking import BEST_RATIO, FREE_BYTES

# Beside format, shape and data.
_PARTS = {
    "csr": ("indptr", "indices"),
    "csc": ("indptr", "indices"),
    "bsr": ("indptr", "indices"),
    "coo": ("row", "col"),
    "dia": ("offsets",),
}
_COORDS = "coords"  # of a coo_array, both in one


class Header(NamedTuple):
    """What an archive says of its matrix.

    Attributes:
        layout: ``"csr"``, ``"csc"``, ``"bsr"``, ``"coo"`` or ``"dia"``.
        shape: (rows, columns).
        dtype: of its numbers.
        parts: names of the arrays that say where the numbers stand.
    """

    layout: str
    shape: tuple[int, int]
    dtype: np.dtype
    parts: tuple[str, ...]


def header_of(archive: Archive) -> Header | None:
    """Return what an archive says of its matrix; None where it holds none, or one of whole numbers.

    Raises:
        SnapshotError: it is damaged, or too large as a dense one.
    """
    if not {"format", "shape", "data"} <= set(archive):
        return None
    layout = archive.text("format") or ""
    parts = (_COORDS,) if layout == "coo" and _COORDS in archive else _PARTS.get(layout)
    if parts is None or not set(parts) <= set(archive):
        return None
    sizes, data = archive.header("shape"), archive.number_header("data")
    if sizes.shape != (2,) or sizes.dtype.kind not in "iu" or data.dtype.kind not in "fc":
        return None
    rows, columns = archive["shape"].tolist()
    where = str(archive.path)
    shapes = [archive.number_header(part) for part in parts]
    if min(rows, columns) < 0 or any(each.dtype.kind not in "iu" for each in shapes):
        raise _impossible(where)
    if not _fit(layout, (rows, columns), data.shape, [each.shape for each in shapes]):
        raise _impossible(where)
    dense_bytes, kept_bytes = rows * columns * data.dtype.itemsize, math.prod(data.shape) * data.dtype.itemsize
    if dense_bytes > MAX_MEMBER_BYTES or dense_bytes > max(FREE_BYTES, BEST_RATIO * kept_bytes):
        raise SnapshotError(
            f"snapshot {where!r} holds a sparse matrix of shape {(rows, columns)} with {math.prod(data.shape)} numbers"
            " (it is too large as a dense one)"
        )
    return Header(layout, (rows, columns), data.dtype, parts)


def read_dense(archive: Archive, header: Header) -> np.ndarray:
    """Read a matrix, of complex numbers the moduli.

    Raises:
        SnapshotError: a number stands outside of it, or the file is damaged.
    """
    where = str(archive.path)
    values = archive["data"]
    places = [archive[name].astype(np.int64) for name in header.parts]  # of unsigned ones no difference is below 0
    if header.layout == "dia":
        values, rows, columns = _on_diagonals(values, places[0], header.shape)
        return dense_of("sparse_coo", header.shape, [values, np.stack([rows, columns])], where)
    if header.layout == "coo":
        both = places[0] if header.parts == (_COORDS,) else np.stack(places)
        return dense_of("sparse_coo", header.shape, [values, both], where)
    return dense_of(f"sparse_{header.layout}", header.shape, [values, *places], where)


def _on_diagonals(
    values: np.ndarray, offsets: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers of diagonals with their rows and columns; what reaches out of the matrix is left out."""
    columns = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    rows = columns - offsets[:, None]
    inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    return values[inside], rows[inside], columns[inside]


def _fit(layout: str, shape: tuple[int, int], values: tuple[int, ...], places: list[tuple[int, ...]]) -> bool:
    """Tell whether the sizes of all parts belong together."""
    if layout == "dia":
        return len(values) == 2 and places == [values[:1]]
    if layout == "coo":
        return len(values) == 1 and places in ([values, values], [(2, *values)])
    starts, others = places
    block = values[1:] if layout == "bsr" else (1, 1)
    if len(block) != 2 or len(values) != (3 if layout == "bsr" else 1) or len(starts) != 1 or others != values[:1]:
        return False
    if 0 in block or any(size % by for size, by in zip(shape, block, strict=True)):
        return False
    compressed = 1 if layout == "csc" else 0
    return starts[0] == shape[compressed] // block[compressed] + 1


def _impossible(where: str) -> SnapshotError:
    return SnapshotError(f"snapshot {where!r} holds a sparse matrix whose parts do not belong together")
