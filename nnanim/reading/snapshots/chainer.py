"""Chainer snapshots: zip archives of arrays whose keys are paths of links and parameters.

A trainer snapshot (``chainer.training.extensions.snapshot``) holds ``updater/model:main/predictor/l1/W`` beside the
state of optimizers, iterators and extensions; a model snapshot (``snapshot_object`` or ``save_npz``) holds
``predictor/l1/W``, ``l1/W`` or ``W`` alone. File names are whatever the script says.

Source: ``chainer/serializers/npz.py`` and ``chainer/training/updaters/standard_updater.py`` of Chainer 7.8.1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer, LayerHeader, natural_key
from nnanim.reading.containers.npz_archive import Archive, complex_notes, open_archive, open_members
from nnanim.reading.containers.zip_file import ZipFile
from nnanim.reading.snapshots.chainer_links import is_transposed, why_skipped
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents

FORMAT = "chainer"
MAX_KEY_LENGTH = 1000
_MODEL = re.compile(r"((?:updater/)?)model:([^/]+)/")
_ITERATOR_EPOCH = re.compile(r"updater/iterator:([^/]+)/epoch")
_LOG = r"extensions/[^/]+/_log"
_CLASSIFIER = "predictor/"
_ROOTS = ("extensions/", "extension_triggers/", "updater/", "optimizer:")
_NUMBER_KINDS = "fiubc"
_MAX_REMEMBERED = 8  # models of a snapshot
_TAILS = ("W", "W.npy")


class _Layout(NamedTuple):
    """What the names in an archive say.

    Attributes:
        prefix: what stands before the keys of the model.
        within: what its keys begin with behind that.
        weights: keys of its weights, in natural order.
        biases: the key of the bias of each, or None.
        arrays: keys of all that it has.
    """

    prefix: str
    within: str
    weights: tuple[str, ...]
    biases: tuple[str | None, ...]
    arrays: tuple[str, ...]


def has_weights(file: ZipFile) -> bool:
    """Tell whether an archive is a Chainer snapshot, by the names in it."""
    return any(
        (name.endswith(_TAILS) and is_weight(name.removesuffix(".npy"))) or name.startswith("updater/model:")
        for name in file.names
    )


def scan(file: ZipFile) -> Contents:
    """Read counters, names and shapes of a snapshot, but no weights.

    Raises:
        SnapshotError: the file cannot be read, or holds no weights.
    """
    archive = Archive(file)
    names = tuple(archive)
    models = _models(names)
    described = [_scan_model(archive, names, prefix) for prefix in models.values()]
    epoch = _counter(archive, _epoch_key(names))
    iteration = _counter(archive, "updater/iteration")
    first, *others = (
        replace(each, model=name, is_trainer=bool(name), epoch=epoch, iteration=iteration)
        for name, each in zip(models, described, strict=True)
    )
    return replace(first, others=tuple(others))


def _scan_model(archive: Archive, names: tuple[str, ...], prefix: str) -> Contents:
    where = str(archive.path)
    layout = _lay_out(names, prefix)
    headers = {key: archive.header(key) for key in layout.arrays if len(key) <= MAX_KEY_LENGTH}
    tensors = tuple(
        ArrayHeader(key, header.shape, sys.intern(header.dtype.name))
        for key, header in headers.items()
        if header.dtype.kind in _NUMBER_KINDS
    )
    if not layout.weights and not any(len(tensor.shape) > 1 for tensor in tensors):
        raise SnapshotError(f"snapshot {where!r} holds no weights (a weight's key is 'W' or ends in '/W')")
    longest = max(layout.weights, key=len, default="")
    if len(longest) > MAX_KEY_LENGTH:
        raise SnapshotError(
            f"snapshot {where!r} holds a weight whose key begins with {longest[:20]!r} and has {len(longest)}"
            f" characters (at most {MAX_KEY_LENGTH} are read)"
        )
    shapes = tuple(archive.number_header(key).shape for key in layout.weights)
    bias_shapes = tuple(None if key is None else archive.number_header(key).shape for key in layout.biases)
    weights = _describe(names, prefix, shapes, bias_shapes)
    for header, bias_shape in zip(weights, bias_shapes, strict=True):
        shape = header.shape
        if len(shape) == 2 and not header.skipped and bias_shape is not None and bias_shape != shape[:1]:
            raise SnapshotError(
                f"layer {header.name!r} in snapshot {where!r} has a bias of shape {bias_shape}"
                f" for a weight of shape {shape} (it must be {shape[:1]})"
            )
    return Contents(
        path=archive.path,
        convention=FORMAT,
        prefix=layout.prefix,
        weights=weights,
        tensors=tensors,
        notes=complex_notes(tensor.dtype for tensor in tensors),
        arrays=archive.small_arrays(key for key in (*layout.weights, *layout.biases) if key is not None),
    )


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its arrays one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_members(contents) as members:
        yield members


def load(contents: Contents, layers: Sequence[LayerHeader], arrays: Mapping[str, np.ndarray]) -> list[Layer] | None:
    """Load arrays into a Chainer model of the layers' sizes; None where Chainer cannot be imported."""
    from nnanim.reading.snapshots.chainer_model import load_layers

    try:
        return load_layers(arrays, contents.prefix, layers)
    except ImportError:  # Chainer is an extra; its model would only be filled with the same arrays
        return None


def read_log(path: Path) -> str | None:
    """Return the JSON text of the log that a trainer snapshot carries, or None where it carries none.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_archive(path) as archive:
        keys = sorted((key for key in archive if re.fullmatch(_LOG, key)), key=natural_key)
        texts = [archive.text(key) for key in keys]
    return next((text for text in texts if text), None)


def is_weight(key: str) -> bool:
    """Tell whether a key is that of a model's weight."""
    if key != "W" and not key.endswith("/W"):
        return False
    # Optimizers and extensions keep arrays under the same tails; only a model's own keys count.
    return not key.startswith(_ROOTS) or bool(_MODEL.match(key))


# The snapshots of a run have the same names and shapes: what these say is worked out for the first of them.


@lru_cache(maxsize=2)
def _models(names: tuple[str, ...]) -> dict[str, str]:
    """Return what stands before the keys of each model, the one first that is drawn; ``{"": ""}`` for one alone."""
    starts = {match[2]: f"{match[0]}" for key in reversed(names) if (match := _MODEL.match(key))}
    known = sorted(starts, key=lambda name: (name != "main", natural_key(name)))
    return {name: starts[name] for name in known} or {"": ""}


def _epoch_key(names: tuple[str, ...]) -> str:
    """Return where the epoch is; nothing where it is nowhere."""
    epochs = sorted(
        (match[1] != "main", natural_key(match[1]), key) for key in names if (match := _ITERATOR_EPOCH.fullmatch(key))
    )
    return epochs[0][2] if epochs else ""


@lru_cache(maxsize=_MAX_REMEMBERED)
def _lay_out(names: tuple[str, ...], prefix: str) -> _Layout:
    keys = [key for key in names if is_weight(key) and key.startswith(prefix)]
    arrays = [key for key in names if key.startswith(prefix or _ROOTS) == bool(prefix)]
    if all(len(key) <= MAX_KEY_LENGTH for key in arrays):
        keys.sort(key=natural_key)
        arrays.sort(key=natural_key)
    inside = [key.removeprefix(prefix) for key in keys]
    within = _CLASSIFIER if all(key.startswith(_CLASSIFIER) and key != "predictor/W" for key in inside) else ""
    known = frozenset(names)
    biases = [key.removesuffix("W") + "b" for key in keys]
    return _Layout(prefix, within, tuple(keys), tuple(key if key in known else None for key in biases), tuple(arrays))


@lru_cache(maxsize=_MAX_REMEMBERED)
def _describe(
    names: tuple[str, ...],
    prefix: str,
    shapes: tuple[tuple[int, ...], ...],
    bias_shapes: tuple[tuple[int, ...] | None, ...],
) -> tuple[LayerHeader, ...]:
    layout, known = _lay_out(names, prefix), frozenset(names)
    headers = []
    for key, bias_key, shape, bias_shape in zip(layout.weights, layout.biases, shapes, bias_shapes, strict=True):
        path = key.removeprefix(layout.prefix).removeprefix(layout.within)
        header = LayerHeader(
            name=path.removesuffix("W").removesuffix("/") or "W", key=key, shape=shape, bias_key=bias_key
        )
        skipped = why_skipped(header, bias_shape, known)
        headers.append(replace(header, skipped=skipped, transposed=is_transposed(shape, bias_shape)))
    return tuple(headers)


def _counter(archive: Archive, key: str) -> int | None:
    if key not in archive:
        return None
    header = archive.number_header(key)
    if header.shape != () or header.dtype.kind not in "iu":
        return None
    return int(archive[key])
