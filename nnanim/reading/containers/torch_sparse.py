"""Sparse tensors of PyTorch, as dense ones: where their numbers stand is checked before any is written.

Source: ``_rebuild_sparse_tensor`` in ``torch/_utils.py`` and ``reduce_ex`` in ``torch/_tensor.py`` of PyTorch 2.13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES
from nnanim.reading.containers.pickles import PickleError
from nnanim.reading.containers.unpacking import BEST_RATIO, FREE_BYTES

if TYPE_CHECKING:
    from nnanim.reading.containers.torch_tensors import Tensor

COO = "sparse_coo"
_BY_ROWS = ("sparse_csr", "sparse_bsr")
_BY_COLUMNS = ("sparse_csc", "sparse_bsc")


@dataclass(frozen=True)
class Sparse:
    """Where the numbers of a sparse tensor stand.

    Attributes:
        layout: ``"sparse_coo"``, ``"sparse_csr"``, ``"sparse_csc"``, ``"sparse_bsr"`` or ``"sparse_bsc"``.
        values: the numbers; of a blocked layout (count, rows, columns) blocks.
        places: of ``sparse_coo`` one tensor, (axes, count) indices; else where each row (or column) begins, and the
            column (or row) of each number.
    """

    layout: str
    values: Tensor
    places: tuple[Tensor, ...]


def sparse_of(layout: Any, parts: tuple[Any, ...], is_tensor: Callable[[Any], bool]) -> tuple[Sparse, tuple[int, ...]]:
    """Return what the arguments of ``_rebuild_sparse_tensor`` say, and the sizes of the dense tensor.

    Raises:
        PickleError: they are no such arguments, or of a tensor that is too large.
    """
    count = 1 if layout == COO else 2
    known = layout in (COO, *_BY_ROWS, *_BY_COLUMNS)
    if not known or len(parts) < count + 2 or not all(map(is_tensor, parts[: count + 1])):
        raise PickleError("it holds a sparse tensor of an unknown kind")
    shape = parts[count + 1]
    if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise PickleError("it holds a tensor of an impossible shape")
    sparse = Sparse(layout, parts[count], tuple(parts[:count]))
    if not _fit(sparse, shape):
        raise PickleError("it holds a tensor of an impossible shape")
    dense_bytes = math.prod(shape) * 4
    values_bytes = math.prod(sparse.values.shape) * 4
    if dense_bytes > MAX_MEMBER_BYTES or dense_bytes > max(FREE_BYTES, BEST_RATIO * values_bytes):
        raise PickleError(
            f"it holds a sparse tensor of shape {shape} with {math.prod(sparse.values.shape)} numbers, which is too"
            " large as a dense one"
        )
    return sparse, shape


def _fit(sparse: Sparse, shape: tuple[int, ...]) -> bool:
    """Tell whether the sizes of all parts belong together."""
    values, first = sparse.values.shape, sparse.places[0].shape
    if len(shape) > MAX_AXES or not values or any(part.dtype not in ("i4", "i8") for part in sparse.places):
        return False
    if sparse.layout == COO:
        return len(first) == 2 and first[1] == values[0] and first[0] <= len(shape) == first[0] + len(values) - 1
    second = sparse.places[1].shape
    if len(shape) != 2 or len(first) != 1 or second != values[:1]:
        return False
    block = values[1:] or (1, 1)
    if len(block) != 2 or 0 in block or any(size % by for size, by in zip(shape, block, strict=True)):
        return False
    compressed = 0 if sparse.layout in _BY_ROWS else 1
    return first[0] == shape[compressed] // block[compressed] + 1


def dense_of(layout: str, shape: tuple[int, ...], parts: Sequence[np.ndarray], where: str) -> np.ndarray:
    """Put the numbers of a sparse tensor where they belong; those of one place are added, all others are 0.

    Args:
        layout: as in `Sparse`.
        shape: its sizes, which belong together with those of its parts.
        parts: its values, and what says where they stand.
        where: the file's name, for the message.

    Raises:
        SnapshotError: a number stands outside of the tensor.
    """
    values, *places = parts
    if layout == COO:
        axes = len(places[0])
        sizes, indices = shape[:axes], tuple(places[0])
        dense = np.zeros(shape, values.dtype)
    else:
        starts, others = places
        counts = np.diff(starts)
        if starts[0] != 0 or starts[-1] != len(others) or (counts < 0).any():
            raise _outside(shape, where)
        block = values.shape[1:] or (1, 1)
        rows: np.ndarray = np.repeat(np.arange(len(counts)), counts)
        columns: np.ndarray = others
        if layout in _BY_COLUMNS:
            rows, columns = columns, rows
        sizes, indices = (shape[0] // block[0], shape[1] // block[1]), (rows, columns)
        values = values.reshape(len(values), *block)
        dense = np.zeros((*sizes, *block), values.dtype)
    for size, index in zip(sizes, indices, strict=True):
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise _outside(shape, where)
    np.add.at(dense, indices, values)
    return dense if layout == COO else dense.transpose(0, 2, 1, 3).reshape(shape)


def _outside(shape: tuple[int, ...], where: str) -> SnapshotError:
    return SnapshotError(
        f"a sparse tensor of shape {shape} in snapshot {where!r} has numbers outside of itself (the file is damaged)"
    )
