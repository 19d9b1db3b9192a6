"""Chainer snapshots: zip archives of arrays whose keys are paths of links and parameters.

A trainer snapshot (``chainer.training.extensions.snapshot``) holds ``updater/model:main/predictor/l1/W`` beside the
state of optimizers, iterators and extensions; a model snapshot (``snapshot_object`` or ``save_npz``) holds
``predictor/l1/W``, ``l1/W`` or ``W`` alone. File names are whatever the script says.

Source: ``chainer/serializers/npz.py`` and ``chainer/training/updaters/standard_updater.py`` of Chainer 7.8.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from nnanim.chain import fit_to_sizes
from nnanim.errors import ShapeError, SnapshotError
from nnanim.layers import Layer, LayerHeader, check_sizes, natural_key, sizes_of
from nnanim.snapshots import Contents
from nnanim.snapshots.archive import MAX_MEMBER_BYTES, Archive, is_zip, open_archive
from nnanim.snapshots.links import is_transposed, why_skipped
from nnanim.snapshots.skeleton import load_layers

FORMAT = "chainer"
MAX_KEY_LENGTH = 1000
_MODEL = re.compile(r"((?:updater/)?)model:([^/]+)/")
_ITERATOR_EPOCH = re.compile(r"updater/iterator:([^/]+)/epoch")
_LOG = re.compile(r"extensions/[^/]+/_log")
_CLASSIFIER = "predictor/"


def sniff(path: Path) -> bool:
    """Tell whether a file is a Chainer snapshot, by its content alone.

    Raises:
        SnapshotError: the file begins as a zip archive and is damaged.
    """
    if not is_zip(path):
        return False
    with open_archive(path) as archive:
        return any(_is_weight(key) for key in archive)


def scan(path: Path) -> Contents:
    """Read counters, names and shapes of a snapshot, but no weights.

    Raises:
        SnapshotError: the file cannot be read, or holds no weights.
    """
    with open_archive(path) as archive:
        models = {(match[1], match[2]) for key in archive if _is_weight(key) and (match := _MODEL.match(key))}
        names = sorted((name for _, name in models), key=lambda name: (name != "main", natural_key(name)))
        start = next((start for start, name in models if names and name == names[0]), "")
        prefix = f"{start}model:{names[0]}/" if names else ""
        keys = [key for key in archive if _is_weight(key) and key.startswith(prefix)]
        if not keys:
            raise SnapshotError(f"snapshot {str(path)!r} holds no weights (a weight's key is 'W' or ends in '/W')")
        longest = max(keys, key=len)
        if len(longest) > MAX_KEY_LENGTH:
            raise SnapshotError(
                f"snapshot {str(path)!r} holds a weight whose key begins with {longest[:20]!r} and has {len(longest)}"
                f" characters (at most {MAX_KEY_LENGTH} are read)"
            )
        keys.sort(key=natural_key)
        inside = [key.removeprefix(prefix) for key in keys]
        within = _CLASSIFIER if all(key.startswith(_CLASSIFIER) and key != "predictor/W" for key in inside) else ""
        weights = tuple(_header(archive, prefix, within, key) for key in keys)
        epochs = sorted(
            (match[1] != "main", natural_key(match[1]), key)
            for key in archive
            if (match := _ITERATOR_EPOCH.fullmatch(key))
        )
        return Contents(
            path=path,
            is_trainer=bool(names),
            model=names[0] if names else "",
            other_models=tuple(names[1:]),
            prefix=prefix,
            weights=weights,
            epoch=_counter(archive, epochs[0][2]) if epochs else None,
            iteration=_counter(archive, "updater/iteration"),
        )


def read(
    contents: Contents, layers: Sequence[LayerHeader], shape: Sequence[int] | None = None, *, use_chainer: bool = True
) -> list[Layer]:
    """Read the weights of a snapshot.

    Args:
        contents: what `scan` found in the file.
        layers: the layers to read, in chain order.
        shape: declared layer sizes, input side first. With them the layers are loaded into a Chainer model of these
            sizes where Chainer can be imported, else read from the archive with the same checks.
        use_chainer: False reads from the archive in any case.

    Returns:
        The layers in chain order, float32; with a shape, in the order that gives the declared sizes.

    Raises:
        OptionError: the shape is no list of layer sizes.
        ShapeError: the declared sizes do not fit.
        SnapshotError: the file cannot be read, has changed, or holds NaN or infinite weights.
    """
    where = str(contents.path)
    if shape is not None:
        layers = _fit(contents, layers, check_sizes(shape))
    if sum(4 * prod(header.shape) for header in layers) > MAX_MEMBER_BYTES:
        raise SnapshotError(f"the weights in snapshot {where!r} take more than {MAX_MEMBER_BYTES} bytes together")
    with open_archive(contents.path) as archive:
        for header in layers:
            if header.key not in archive or archive.number_header(header.key).shape != header.shape:
                raise SnapshotError(f"snapshot {where!r} changed while the run was read (is it still training?)")
        loaded = None
        if shape is not None and use_chainer:
            try:
                loaded = load_layers(archive, contents.prefix, layers)
            except ImportError:  # Chainer is an extra; its model would only be filled with the same arrays
                loaded = None
        if loaded is None:
            loaded = [_read_layer(archive, header) for header in layers]
    for layer in loaded:
        _check_finite(layer, where)
    return loaded


def read_log(path: Path) -> str | None:
    """Return the JSON text of the log that a trainer snapshot carries, or None where it carries none.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_archive(path) as archive:
        keys = sorted((key for key in archive if _LOG.fullmatch(key)), key=natural_key)
        texts = [archive.text(key) for key in keys]
    return next((text for text in texts if text), None)


def _is_weight(key: str) -> bool:
    if key != "W" and not key.endswith("/W"):
        return False
    # Optimizers and extensions keep arrays under the same tails; only a model's own keys count.
    return not key.startswith(("extensions/", "extension_triggers/", "updater/", "optimizer:")) or bool(
        _MODEL.match(key)
    )


def _header(archive: Archive, prefix: str, within: str, key: str) -> LayerHeader:
    path = key.removeprefix(prefix).removeprefix(within)
    name = path.removesuffix("W").removesuffix("/") or "W"
    shape = archive.number_header(key).shape
    bias_key = key.removesuffix("W") + "b"
    bias_shape = archive.number_header(bias_key).shape if bias_key in archive else None
    header = LayerHeader(name, key, shape, None if bias_shape is None else bias_key)
    header = replace(header, skipped=why_skipped(header, bias_shape, archive))
    if len(shape) == 2 and not header.skipped and bias_shape is not None and bias_shape != shape[:1]:
        raise SnapshotError(
            f"layer {name!r} in snapshot {str(archive.path)!r} has a bias of shape {bias_shape}"
            f" for a weight of shape {shape} (it must be {shape[:1]})"
        )
    return replace(header, transposed=is_transposed(shape, bias_shape))


def _counter(archive: Archive, key: str) -> int | None:
    if key not in archive:
        return None
    header = archive.number_header(key)
    if header.shape != () or header.dtype.kind not in "iu":
        return None
    return int(archive[key])


def _fit(contents: Contents, layers: Sequence[LayerHeader], sizes: tuple[int, ...]) -> Sequence[LayerHeader]:
    found = sizes_of(layers)
    if found == sizes:
        return layers
    where = str(contents.path)
    if len(found) != len(sizes):
        raise ShapeError(
            f"shape {_dashes(sizes)} does not fit snapshot {where!r}: {len(sizes) - 1} layers of weights declared,"
            f" {len(found) - 1} found (the snapshot is {_dashes(found)})"
        )
    # The order may have been ambiguous (an autoencoder is a circle of sizes); the declared sizes decide it.
    fitting = fit_to_sizes(contents.weights, sizes)
    if fitting is not None:
        return fitting
    steps = zip(layers, pairwise(found), pairwise(sizes), strict=True)
    header, there, wanted = next(step for step in steps if step[1] != step[2])
    is_plain = header.shape == there[::-1]
    is_there, is_wanted = (there[::-1], wanted[::-1]) if is_plain else map(_nodes, (there, wanted))
    raise ShapeError(
        f"shape {_dashes(sizes)} does not fit snapshot {where!r}: layer {header.name!r} is {is_there} there,"
        f" {is_wanted} declared (the snapshot is {_dashes(found)})"
    )


def _read_layer(archive: Archive, header: LayerHeader) -> Layer:
    with np.errstate(over="ignore"):  # a float64 weight too large for float32 is told as infinite
        weight = archive[header.key].astype(np.float32)
        if header.transposed:
            weight = weight.swapaxes(0, 1)
        bias = None if header.bias_key is None else archive[header.bias_key].astype(np.float32)
    return Layer(header.name, header.key, weight, bias)


def _check_finite(layer: Layer, where: str) -> None:
    for what, values in (("weights", layer.weight), ("biases", layer.bias)):
        bad = 0 if values is None else int(np.count_nonzero(~np.isfinite(values)))
        if values is not None and bad:
            raise SnapshotError(
                f"layer {layer.name!r} in snapshot {where!r} has {bad} NaN or infinite {what} of {values.size}"
                " (every one must be a finite number; did the training diverge?)"
            )


def _nodes(step: tuple[int, int]) -> str:
    return f"{step[0]} to {step[1]} nodes"


def _dashes(sizes: Sequence[int]) -> str:
    return ",".join(map(str, sizes))
