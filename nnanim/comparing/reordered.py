"""A run whose hidden units stand in another order, as its own snapshots read it: the same network, drawn comparably."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace

import numpy as np

from nnanim.comparing.matching import Order
from nnanim.comparing.measuring import vectors_of
from nnanim.comparing.weights import weights_of
from nnanim.model.layers import Layer
from nnanim.reading.run import Run, Snapshot
from nnanim.reading.snapshots.contents import Arrays

Picks = tuple[tuple[int, np.ndarray], ...]
"""Axes of an array, and which of its places stand there one after the other."""


def reordered(run: Run, order: Order) -> Run:
    """Exchange the hidden units of a run in all its snapshots; it computes the same.

    Args:
        run: whose layers follow each other.
        order: unit i of hidden layer l becomes what unit ``order[l][i]`` was.

    Raises:
        RunError: it is not known which layer a vector belongs to.
    """
    layers = _of_layers(run, order)
    keys = _of_keys(run, layers)
    snapshots = tuple(
        _Reordered(**{each.name: getattr(snapshot, each.name) for each in fields(Snapshot)}, _layer=layers, _keys=keys)
        for snapshot in run.snapshots
    )
    return replace(run, snapshots=snapshots)


def _of_layers(run: Run, order: Order) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return for each layer which of its rows and columns, (out, in), stand one after the other."""
    picks = []
    before = np.arange(run.layers[0].size_in)
    for place, header in enumerate(run.layers):
        rows = order[place] if place < len(order) else np.arange(header.size_out)
        places = header.size_in // len(before)  # of a flattened map
        if run.format == "keras":  # its channels are behind its places
            columns = (np.arange(places)[:, None] * len(before) + before).reshape(-1)
        else:
            columns = (before[:, None] * places + np.arange(places)).reshape(-1)
        picks.append((rows, columns))
        before = rows
    return tuple(picks)


def _of_keys(run: Run, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, Picks]:
    """Return the same for the arrays in the file."""
    shapes = {tensor.key: tuple(tensor.shape) for tensor in run.tensors}
    by_key = {key: weight for weight in weights_of(run) for key in weight.keys}
    found: dict[str, Picks] = {}
    for header, beside, (rows, columns) in zip(run.layers, vectors_of(run), layers, strict=True):
        for key in filter(None, (header.bias_key, *beside)):
            found[key] = ((0, rows),)
        for key in header.members or (header.key,):
            shape, axes = shapes[key], by_key[key].turned.axes
            sides = ((axes[0], rows), (axes[1], columns)) if len(shape) > 1 else ((0, rows),)
            found[key] = tuple((axis, picks) for axis, picks in sides if shape[axis] == len(picks))
    return found


@dataclass(frozen=True)
class _Reordered(Snapshot):
    """A snapshot that reads its layers and arrays in another order."""

    _layer: tuple[tuple[np.ndarray, np.ndarray], ...] = field(default=(), repr=False, compare=False)
    _keys: Mapping[str, Picks] = field(default_factory=dict, repr=False, compare=False)

    def read(self, shape: Sequence[int] | None = None) -> list[Layer]:
        read = Snapshot.read(self, shape)
        return [
            replace(
                layer,
                weight=layer.weight[rows][:, columns],
                bias=None if layer.bias is None else layer.bias[rows],
            )
            for layer, (rows, columns) in zip(read, self._layer, strict=True)
        ]

    def open(self) -> AbstractContextManager[Arrays]:
        return self._opened()

    @contextmanager
    def _opened(self) -> Iterator[Arrays]:
        with Snapshot.open(self) as arrays:
            yield _Arrays(arrays, self._keys)


@dataclass(frozen=True)
class _Arrays:
    """The arrays of an open snapshot in another order."""

    arrays: Arrays
    keys: Mapping[str, Picks]

    def read(self, key: str) -> np.ndarray:
        values = self.arrays.read(key)
        for axis, picks in self.keys.get(key, ()):
            values = np.take(values, picks, axis=axis)
        return values
