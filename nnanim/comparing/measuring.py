"""One run reduced to its statistics, each snapshot read once, one tensor at a time.

What stays in memory are the first snapshot, the one before and the last, whatever the number of snapshots and runs.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.comparing.matching import Net, loose_net, make_net
from nnanim.comparing.statistics import STATISTICS, Material
from nnanim.comparing.weights import each_weight, weights_of
from nnanim.errors import RunError
from nnanim.model.layers import Layer
from nnanim.reading.opening import open_run
from nnanim.reading.run import Run, Snapshot
from nnanim.reading.snapshots.contents import Arrays, check_shape, read_named

WHOLE = None  # in the place of a layer's name: all layers together


@dataclass(frozen=True, eq=False)
class Task:
    """A run to be measured.

    Attributes:
        path: a result folder, or one snapshot.
        by_layer: measure each layer too.
        keep: keep the first and the last snapshot as nets.
        reading: how the folder is read, as in `nnanim.open_run`.
    """

    path: Path
    by_layer: bool = False
    keep: bool = False
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """A run in numbers.

    Attributes:
        path: as it was given.
        shape: layer sizes, or none where no layers follow each other.
        snapshots: how many were read.
        values: by names of statistic and layer, None for all layers together.
        start: of equal first snapshots the same text.
        nets: the first and the last snapshot, where they were to be kept.
        no_order: why hidden units cannot be exchanged; empty where they can.
        notes: what a user should be told.
    """

    path: Path
    shape: tuple[int, ...]
    snapshots: int
    values: Mapping[tuple[str, str | None], float]
    start: str
    nets: tuple[Net, Net] | None
    no_order: str
    notes: tuple[str, ...]


def measure(task: Task) -> Measured:
    """Read a run and measure it.

    Raises:
        RunError: it holds no weights.
        SnapshotError: a snapshot cannot be read.
    """
    run = open_path(task.path, task.reading)
    keys, no_order = [], ""
    if task.keep:
        try:
            keys = vectors_of(run)
        except RunError as error:
            no_order = str(error)
    trace, ends, weights = _Trace(), [], weights_of(run) if run.snapshots else []
    for place, snapshot in enumerate(run.snapshots):
        with snapshot.open() as arrays:
            trace.add(each_weight(snapshot, weights, arrays))
            if task.keep and place in (0, len(run.snapshots) - 1):
                beside = [
                    [_vector(arrays, key, header.size_out, snapshot) for key in group]
                    for header, group in zip(run.layers, keys, strict=True)
                ]
                layers = [trace.layers[header.name] for header in run.layers]
                chained = make_net(layers, beside, channels_last=run.format == "keras") if keys else None
                ends.append(chained or loose_net(trace.layers.values()))
    if not trace.layers:
        raise RunError(f"no weights in {str(task.path)!r} (a weight has two axes or more)")
    notes = [f"skipped: {reason}" for _, reason in run.skipped]
    if len(run.models) > 1:
        notes.append(f"{str(task.path)!r} holds {len(run.models)} models: {run.models[0]!r} is compared (see --model)")
    return Measured(
        path=task.path,
        shape=run.shape,
        snapshots=len(run.snapshots),
        values=_values(trace, run, by_layer=task.by_layer),
        start=trace.start,
        nets=(ends[0], ends[-1]) if ends else None,
        no_order=no_order,
        notes=tuple(notes),
    )


def _vector(arrays: Arrays, key: str, size: int, snapshot: Snapshot) -> np.ndarray:
    vector = read_named(arrays.read, key, snapshot.path)
    check_shape(key, vector.shape, (size,), snapshot.path)
    return vector


def open_path(path: Path, reading: Mapping[str, Any]) -> Run:
    """Open a result folder, or one snapshot as a run of its own.

    Raises:
        RunError: there is no such folder, or nothing in it that can be compared.
    """
    if path.is_file():
        return open_run(path.parent, **{**reading, "files": (glob.escape(path.name),)})
    return open_run(path, **reading)


def vectors_of(run: Run) -> list[list[str]]:
    """Find what else is kept for each unit of each layer: the keys of normalisations, by the layer that they follow.

    Raises:
        RunError: it is not known which layers follow each other, or which of them a vector belongs to.
    """
    name = str(run.path)
    if not run.layers:
        raise RunError(f"hidden units of {name!r} cannot be told apart: {run.model.reason}")
    if run.left_out:
        raise RunError(f"hidden units of {name!r} cannot be exchanged: {run.left_out[0].name!r} is beside its layers")
    known = {key for header in run.layers for key in (header.bias_key, *header.members)}
    found: list[list[str]] = [[] for _ in run.layers]
    before = -1
    places = {header.key: place for place, header in enumerate(run.layers)}
    for tensor in run.tensors:
        before = places.get(tensor.key, before)
        if len(tensor.shape) != 1 or tensor.key in known or not tensor.dtype.startswith(("float", "bfloat")):
            continue
        fitting = [place for place, header in enumerate(run.layers) if header.size_out == tensor.shape[0]]
        if fitting:
            found[_place_of(tensor.key, fitting, run, before)].append(tensor.key)
    return found


def _place_of(key: str, fitting: Sequence[int], run: Run, before: int) -> int:
    """Choose the layer that a vector follows: by its size, else by the number in its name, else by the file's order."""
    if len(fitting) == 1:
        return fitting[0]
    number = _number(key)
    named = [place for place in fitting if number is not None and _number(run.layers[place].key) == number]
    if len(named) == 1:
        return named[0]
    if run.format not in ("chainer", "numpy") and before in fitting:  # whose files are in the model's order
        return before
    names = " or ".join(repr(run.layers[place].name) for place in fitting)
    raise RunError(f"hidden units of {str(run.path)!r} cannot be exchanged: {key!r} follows {names}")


def _number(key: str) -> str | None:
    """Return the number at the end of the layer's name in a key: ``"1"`` for ``norm1/gamma``."""
    match = re.search(r"([0-9]+)[./][^./]*$", key)
    return match and match[1]


class _Trace:
    """What is kept of a run while it is read."""

    def __init__(self) -> None:
        self.layers: dict[str, Layer] = {}
        self.start = ""
        self.paths: dict[str, float] = {}
        self.whole_path = 0.0
        self._first: dict[str, np.ndarray] = {}

    def add(self, layers: Iterable[Layer]) -> None:
        """Take in the next snapshot."""
        digest, squares = hashlib.sha256(), 0.0
        is_first = not self._first
        for layer in layers:
            if is_first:
                self._first[layer.name] = layer.weight
                for values in (layer.weight, layer.bias):
                    digest.update(repr((layer.name, values is not None and values.shape)).encode())
                    digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
            else:
                step = distance_squared(layer.weight, self.layers[layer.name].weight)
                self.paths[layer.name] = self.paths.get(layer.name, 0.0) + sqrt(step)
                squares += step
            self.layers[layer.name] = layer
        self.whole_path += sqrt(squares)
        if is_first:
            self.start = digest.hexdigest()

    def material(self, names: Sequence[str], strengths: Mapping[str, np.ndarray]) -> Material:
        """Return what statistics of some layers are made of; of all layers where all are named."""
        moved = sqrt(sum(distance_squared(self.layers[name].weight, self._first[name]) for name in names))
        path = self.whole_path if len(names) == len(self.layers) else self.paths.get(names[0], 0.0)
        matrices = tuple(self.layers[name].weight.reshape(len(self.layers[name].weight), -1) for name in names)
        return Material(matrices, moved, path, tuple(strengths[name] for name in names if name in strengths))


def _values(trace: _Trace, run: Run, *, by_layer: bool) -> dict[tuple[str, str | None], float]:
    chain = [header.name for header in run.layers]
    strengths = unit_strengths([trace.layers[name] for name in chain], channels_last=run.format == "keras")
    inner = dict(zip(chain, strengths, strict=False))  # the last layer's units are the output
    parts: dict[str | None, list[str]] = {WHOLE: list(trace.layers)}
    if by_layer:
        parts |= {name: [name] for name in [*chain, *(name for name in trace.layers if name not in chain)]}
    values: dict[tuple[str, str | None], float] = {}
    for layer, names in parts.items():
        material = trace.material(names, inner)
        values |= {(statistic.name, layer): statistic.of(material) for statistic in STATISTICS}
    return values


def unit_strengths(layers: Sequence[Layer], *, channels_last: bool = False) -> list[np.ndarray]:
    """Return for each hidden layer (n,) the norm of what comes into its units times that of what goes out of them.

    Args:
        layers: that follow each other.
        channels_last: a flattened map has its channels behind its places, as Keras keeps it.
    """
    strengths = []
    for before, after in pairwise(layers):
        coming = np.square(before.weight, dtype=np.float64).reshape(len(before.weight), -1).sum(axis=1)
        going = np.square(after.weight, dtype=np.float64).sum(axis=(0, *range(2, after.weight.ndim)))
        is_flattened = channels_last and len(going) > len(coming)
        going = going.reshape(-1, len(coming)).sum(0) if is_flattened else going.reshape(len(coming), -1).sum(1)
        strengths.append(np.sqrt(coming * going))
    return strengths


def distance_squared(one: np.ndarray, other: np.ndarray) -> float:
    """Return ‖one − other‖², computed in float64."""
    return float(np.square(np.subtract(one, other, dtype=np.float64)).sum())
