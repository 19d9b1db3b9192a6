"""The weights of the whole run, snapshot by snapshot, reduced to what is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.layers import Layer
from nnanim.options import Options
from nnanim.run import Snapshot
from nnanim.selection import Selection, select

KEPT_BYTES = 256 << 20  # runs of up to this size are read once, larger ones twice


@dataclass(frozen=True, eq=False)
class Weights:
    """What the shown edges and nodes weighed in every snapshot.

    Attributes:
        selection: which edges and nodes are shown.
        edges: (S, E) float32; a weight, or the norm of a kernel where the layer is in `norms`.
        biases: (S, N) float32, layer by layer in the order of the nodes; NaN for neurons without one.
        names: of the layers of weights.
        norms: names of the layers whose edges are Frobenius norms of kernels or blocks.
    """

    selection: Selection
    edges: np.ndarray
    biases: np.ndarray
    names: tuple[str, ...]
    norms: tuple[str, ...]


def read_weights(snapshots: Sequence[Snapshot], shape: Sequence[int] | None, options: Options) -> Weights:
    """Read all snapshots and choose what is shown of them.

    Args:
        snapshots: those that are shown, in their order.
        shape: declared sizes of the layers, or None.
        options: how to choose.

    Raises:
        SnapshotError: a snapshot cannot be read.
        ShapeError: a snapshot does not have the declared shape.
    """
    strengths: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    first: list[np.ndarray] = []
    kept: list[tuple[list[np.ndarray], list[np.ndarray | None]]] | None = []
    layers: list[Layer] = []
    for snapshot in snapshots:
        layers = snapshot.read(shape)
        matrices = edge_matrices(layers, str(snapshot.path))
        magnitudes = [np.abs(matrix) for matrix in matrices]
        if not first:
            first = magnitudes
            strengths = [magnitude.copy() for magnitude in magnitudes]
            changes = [np.zeros_like(magnitude) for magnitude in magnitudes]
            if sum(matrix.nbytes for matrix in matrices) * len(snapshots) > KEPT_BYTES:
                kept = None
        for strength, change, before, now in zip(strengths, changes, first, magnitudes, strict=True):
            np.maximum(strength, now, out=strength)
            np.maximum(change, np.abs(now - before), out=change)
        if kept is not None:
            kept.append((matrices, [layer.bias for layer in layers]))
    selection = select(strengths, changes, options)
    edges = np.empty((len(snapshots), len(selection.layer)), dtype=np.float32)
    biases = np.full((len(snapshots), sum(map(len, selection.nodes))), np.nan, dtype=np.float32)
    rows = kept if kept is not None else _read_again(snapshots, shape)
    for index, (matrices, each_bias) in enumerate(rows):
        edges[index] = selection.pick_edges(matrices)
        start = len(selection.nodes[0])
        for nodes, bias in zip(selection.nodes[1:], each_bias, strict=True):
            if bias is not None:
                biases[index, start : start + len(nodes)] = bias[nodes]
            start += len(nodes)
    names = tuple(layer.name for layer in layers)
    sizes = selection.sizes
    norms = tuple(layer.name for layer, tails in zip(layers, sizes, strict=False) if _is_norm(layer, tails))
    return Weights(selection, edges, biases, names, norms)


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
        matrix = layer.weight
        if matrix.ndim > 2:
            matrix = _norms(matrix.reshape(*matrix.shape[:2], -1))
        if matrices and matrix.shape[1] != matrices[-1].shape[0]:
            channels = matrices[-1].shape[0]
            if matrix.shape[1] % channels:
                raise SnapshotError(
                    f"layer {layer.name!r} in snapshot {where!r} takes in {matrix.shape[1]} values, which is no"
                    f" multiple of the {channels} that the layer before puts out"
                )
            matrix = _norms(matrix.reshape(matrix.shape[0], channels, -1))
        matrices.append(matrix)
    return matrices


def _norms(blocks: np.ndarray) -> np.ndarray:
    """Return the Frobenius norms of (out, in, values) float32 along the last axis."""
    # The squares of float32 may be too large or too small for it, the norm itself at most too large.
    squares = np.square(blocks, dtype=np.float64)
    norms: np.ndarray = np.minimum(np.sqrt(squares.sum(axis=2)), np.finfo(np.float32).max)
    return norms.astype(np.float32)


def _is_norm(layer: Layer, tails: int) -> bool:
    return layer.weight.ndim > 2 or layer.weight.shape[1] != tails


def _read_again(
    snapshots: Sequence[Snapshot], shape: Sequence[int] | None
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray | None]]]:
    for snapshot in snapshots:
        layers = snapshot.read(shape)
        yield edge_matrices(layers, str(snapshot.path)), [layer.bias for layer in layers]
