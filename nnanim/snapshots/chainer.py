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
from pathlib import Path

from nnanim.errors import SnapshotError
from nnanim.layers import Layer, LayerHeader, check_sizes, natural_key
from nnanim.snapshots import Contents
from nnanim.snapshots.archive import Archive, is_zip, open_archive
from nnanim.snapshots.links import is_transposed, why_skipped
from nnanim.snapshots.reading import check_finite, check_total, fit, to_layer
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
        return any(is_weight(key) for key in archive)


def scan(path: Path) -> Contents:
    """Read counters, names and shapes of a snapshot, but no weights.

    Raises:
        SnapshotError: the file cannot be read, or holds no weights.
    """
    with open_archive(path) as archive:
        models = {(match[1], match[2]) for key in archive if is_weight(key) and (match := _MODEL.match(key))}
        names = sorted((name for _, name in models), key=lambda name: (name != "main", natural_key(name)))
        start = next((start for start, name in models if names and name == names[0]), "")
        prefix = f"{start}model:{names[0]}/" if names else ""
        keys = [key for key in archive if is_weight(key) and key.startswith(prefix)]
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
        layers = fit(contents, layers, check_sizes(shape))
    check_total(layers, where)
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
            loaded = [
                to_layer(header, archive[header.key], None if header.bias_key is None else archive[header.bias_key])
                for header in layers
            ]
    for layer in loaded:
        check_finite(layer, where)
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


def is_weight(key: str) -> bool:
    """Tell whether a key is that of a model's weight."""
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
