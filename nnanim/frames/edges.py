"""What the edges between two layers show: weights, or norms of kernels and of blocks of weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer

_NORM_NUMBERS = 1 << 20  # so many are squared at a time


def edge_matrices(layers: Sequence[Layer], where: str) -> list[np.ndarray]:
    """Return for each layer the (out, in) float32 matrix of what its edges show.

    The edges of a dense layer are its weights. A convolution's nodes are channels and its edges the Frobenius norms of
    the kernels (out, in, kh, kw) between them. A dense layer behind a convolution takes the flattened map, channel by
    channel, so its edges are the norms of one block of weights for each channel.

    Raises:
        SnapshotError: a layer takes in something else than the one before puts out.
    """
    matrices: list[np.ndarray] = []
    for layer in layers:
        size_in = layer.weight.shape[1]
        block = block_of(layer.name, size_in, matrices[-1].shape[0] if matrices else size_in, where)
        matrices.append(edges_of(layer.weight, block))
    return matrices


def block_of(name: str, size_in: int, channels: int, where: str) -> int:
    """Return for how many values that a layer takes in there is one edge.

    Args:
        name: of the layer.
        size_in: what it takes in.
        channels: what the layer before puts out.
        where: the file's name.

    Raises:
        SnapshotError: the one is no multiple of the other.
    """
    if size_in % channels:
        raise SnapshotError(
            f"layer {name!r} in snapshot {where!r} takes in {size_in} values, which is no multiple of the {channels}"
            " that the layer before puts out"
        )
    return size_in // channels


def edges_of(weight: np.ndarray, block: int) -> np.ndarray:
    """Return what the edges of weights (out, in, …) show, (out, in / block) float32."""
    if weight.ndim > 2:
        weight = _norms(weight.reshape(*weight.shape[:2], -1))
    return weight if block == 1 else _norms(weight.reshape(weight.shape[0], -1, block))


def _norms(blocks: np.ndarray) -> np.ndarray:
    """Return the Frobenius norms of (out, in, values) float32 along the last axis."""
    norms = np.empty(blocks.shape[:2], dtype=np.float32)
    # A few rows at a time. Not a single one: its numbers might be added in another order than those of several.
    pieces = max(1, min(blocks.size // _NORM_NUMBERS, len(blocks) // 2))
    places = [len(blocks) * piece // pieces for piece in range(pieces + 1)]
    for start, end in pairwise(places):
        # The squares of float32 may be too large or too small for it, the norm itself at most too large.
        squares = np.square(blocks[start:end], dtype=np.float64)
        norms[start:end] = np.minimum(np.sqrt(squares.sum(axis=2)), np.finfo(np.float32).max)
    return norms
