"""Keras snapshots: ``.weights.h5``, ``.keras`` (a zip archive with such a file inside) and the older ``.h5``.

Kernels are (in, out) and (kh, kw, in, out). In ``.weights.h5`` a layer is a group with a group ``vars`` of numbered
arrays; the groups are numbered in the order of the model (``dense``, ``dense_1``, …), whatever the layers' own names.
In the older format ``layer_names`` and ``weight_names`` tell the order.

Source: ``keras/src/saving/saving_lib.py`` and ``keras/src/legacy/saving/legacy_h5_format.py`` of Keras 3.15.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import LayerHeader, natural_key
from nnanim.reading.containers.hdf5 import Dataset, Group, Hdf5Error, Hdf5File
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES
from nnanim.reading.containers.unpacking import check_streamed
from nnanim.reading.containers.zip_file import MAGICS, ZipError, ZipFile
from nnanim.reading.snapshots.chainer_links import is_transposed
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.keras_graph import Graph, read_graph
from nnanim.reading.snapshots.keras_names import GroupNames, OldNames
from nnanim.reading.snapshots.parameters import MAX_DIMENSIONS, turn_shape
from nnanim.reading.streams import Stream

FORMAT = "keras"
HINT = "a Keras snapshot is a .weights.h5, .keras or .h5 file"
MAX_KEY_LENGTH = 1000
_INSIDE = "model.weights.h5"
_CONFIG = "config.json"
_MAX_CONFIG_BYTES = 2**26
_VARIABLE = re.compile(r"(?:(.*)/)?vars/([0-9]+)")
_REAL = ("f2", "f4", "f8")


@dataclass(frozen=True)
class KerasContents(Contents):
    """What a Keras file says of itself, with the place of each array."""

    datasets: dict[str, Dataset] = field(default_factory=dict, repr=False, compare=False)


def look(path: Path, file: io.BufferedIOBase | ZipFile) -> KerasContents | None:
    """Read names and shapes of a snapshot, but no weights; None where it is not Keras's.

    Args:
        path: the file.
        file: the same, open for reading; a zip archive where it begins as one.

    Raises:
        SnapshotError: the file begins as one and is damaged, or holds no weights.
    """
    if not isinstance(file, ZipFile):
        found = collect(path, file)
        return _describe(path, found, None) if found.is_of_keras else None
    if _INSIDE not in file or _CONFIG not in file:
        return None
    return _describe(path, _collect(path, _hdf5_inside(file, is_checked=True)), _config(file))


def scan(path: Path) -> KerasContents:
    """Read names and shapes of a snapshot, but no weights.

    Raises:
        SnapshotError: the file cannot be read, or holds no weights.
    """
    with _open(path) as hdf5:
        return _describe(path, _collect(path, hdf5), None)


class _Open:
    """The datasets of an open HDF5 file."""

    def __init__(self, contents: KerasContents, hdf5: Hdf5File) -> None:
        self._contents = contents
        self._hdf5 = hdf5

    def read(self, key: str) -> np.ndarray:
        """Read one dataset, as `nnanim.reading.snapshots.contents.Arrays` says."""
        try:
            return self._hdf5.read(self._contents.datasets[key])
        except (Hdf5Error, OSError) as error:
            raise self._damaged(error) from error

    def stream(self, key: str, *, is_checked: bool = True) -> Stream | None:
        """Return one dataset some numbers at a time, as `nnanim.reading.streams.Streaming` says."""
        dataset = self._contents.datasets[key]
        if dataset.chunks is not None:
            check_streamed(str(self._contents.path), self._unpacked_bytes, self._hdf5.size)
        try:
            return self._hdf5.stream(dataset, self._damaged)
        except (Hdf5Error, OSError) as error:
            raise self._damaged(error) from error

    @cached_property
    def _unpacked_bytes(self) -> int:
        """What all datasets take that may be packed, and may lie over each other."""
        there = [each for each in self._contents.datasets.values() if each.chunks is not None and each.dtype]
        return sum(prod(each.shape) * np.dtype(each.dtype).itemsize for each in there)

    def _damaged(self, error: Hdf5Error | OSError) -> SnapshotError:
        path = self._contents.path
        return _problem(path, error) if isinstance(error, Hdf5Error) else _unreadable(path, error)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its datasets one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, KerasContents)
    with _open(contents.path) as hdf5:
        yield _Open(contents, hdf5)


@dataclass
class _Found:
    """What lies in a file, without the state of the optimizer."""

    groups: dict[str, Group] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    is_of_keras: bool = False


def collect(path: Path, file: io.BufferedIOBase) -> _Found:
    """List what lies in an open HDF5 file, whoever wrote it.

    Raises:
        SnapshotError: it is damaged.
    """
    return _collect(path, _hdf5(path, file))


def _collect(path: Path, hdf5: Hdf5File) -> _Found:
    found = _Found()
    for name, item in _walk(path, hdf5):
        found.is_of_keras = found.is_of_keras or _is_of_keras(name, item)
        if len(name) > MAX_KEY_LENGTH or name.startswith(("optimizer/", "optimizer_weights/")):
            continue
        if isinstance(item, Group):
            found.groups[name] = item
        else:
            found.datasets[name] = item
    return found


def _describe(path: Path, found: _Found, config: Any) -> KerasContents:
    groups, datasets = found.groups, found.datasets
    told = groups.get("model_weights") or groups.get("") or Group()
    is_old = "layer_names" in told.attributes
    if is_old and config is None:
        text = groups[""].attributes.get("model_config", ()) if "" in groups else ()
        config = _parsed(text[0]) if text else None
    start = "model_weights/" if "model_weights" in groups else ""
    names = OldNames(start, groups, datasets) if is_old else GroupNames(datasets)
    graph = read_graph(config, names.find) if config is not None else Graph()
    place = names.order(graph.places)
    weights = _old_weights(datasets, told.attributes["layer_names"], groups) if is_old else _weights(datasets, groups)
    weights.sort(key=lambda header: place(header.key))
    if not weights:
        raise SnapshotError(f"snapshot {str(path)!r} holds no weights (a weight is a kernel with two axes or more)")
    keys = sorted((key for key, dataset in datasets.items() if dataset.dtype), key=place)
    return KerasContents(
        path=path,
        format=FORMAT,
        weights=tuple(weights),
        tensors=tuple(ArrayHeader(key, datasets[key].shape, np.dtype(datasets[key].dtype).name) for key in keys),
        convention=FORMAT,
        connections=graph.connections,
        is_ordered=is_old or bool(graph.places),
        turned=frozenset(header.key for header in weights),
        datasets=datasets,
    )


def _is_of_keras(name: str, item: Group | Dataset) -> bool:
    if isinstance(item, Dataset):
        return _VARIABLE.fullmatch(name) is not None
    return name == "model_weights" or (not name and "layer_names" in item.attributes)


def _weights(datasets: Mapping[str, Dataset], groups: Mapping[str, Group]) -> list[LayerHeader]:
    """Return the weights of a file whose layers are numbered groups."""
    headers = []
    for key in sorted(datasets, key=natural_key):
        match = _VARIABLE.fullmatch(key)
        if match is None or not _is_weight(datasets[key]):
            continue
        layer, place = match[1] or "", int(match[2][:9])
        bias = f"{layer}/vars/{place + 1}".lstrip("/")
        name = _own_name(layer, groups) + (f"/{place}" if place else "")
        headers.append(_header(name, key, bias, datasets))
    if len({header.name for header in headers}) < len(headers):
        return [
            LayerHeader(name=header.key, key=header.key, shape=header.shape, bias_key=header.bias_key)
            for header in headers
        ]
    return headers


def _own_name(layer: str, groups: Mapping[str, Group]) -> str:
    """Return the names that a layer and what it lies in have in the model, joined by ``/``."""
    names = []
    parts = layer.split("/")
    for place, part in enumerate(parts):
        if part in ("layers", "_layers") and place < len(parts) - 1:
            continue
        variables = groups.get("/".join([*parts[: place + 1], "vars"]))
        own = variables.attributes.get("name", ()) if variables else ()
        names.append(own[0] if own and own[0] else part)
    return "/".join(names) or "layer"


def _old_weights(
    datasets: Mapping[str, Dataset], layers: Sequence[str], groups: Mapping[str, Group]
) -> list[LayerHeader]:
    """Return the weights of a file that lists its layers and their weights in order."""
    start = "model_weights/" if "model_weights" in groups else ""
    headers = []
    for layer in layers:
        group = groups.get(start + layer)
        names = group.attributes.get("weight_names", ()) if group else ()
        keys = [f"{start}{layer}/{name}" for name in names]
        for key in keys:
            if key not in datasets or not _is_weight(datasets[key]):
                continue
            bias = next((other for other in keys if other == key.replace("kernel", "bias") and other != key), "")
            headers.append(_header(_name_within(layer, key.removeprefix(f"{start}{layer}/")), key, bias, datasets))
    if len({header.name for header in headers}) < len(headers):
        return [
            LayerHeader(name=header.key, key=header.key, shape=header.shape, bias_key=header.bias_key)
            for header in headers
        ]
    return headers


def _name_within(layer: str, weight: str) -> str:
    """Return the name of a weight's layer: ``"head"`` of head/kernel:0, ``"encoder/dense_1"`` of dense_1/kernel:0."""
    *parts, last = re.sub(r":[0-9]+$", "", weight).split("/")
    if layer in parts:
        parts = parts[parts.index(layer) + 1 :]
    return "/".join([layer, *parts, *([] if last in ("kernel", "embeddings") else [last])])


def _header(name: str, key: str, bias: str, datasets: Mapping[str, Dataset]) -> LayerHeader:
    """Describe a weight; the array that may be its bias is one where its length is that of an axis."""
    shape = turn_shape(datasets[key].shape)
    length = datasets[bias].shape if bias in datasets and datasets[bias].dtype[1:] in _REAL else None
    transposed = is_transposed(shape, length)
    out = shape[1:2] if transposed else shape[:1]
    return LayerHeader(name=name, key=key, shape=shape, bias_key=bias if length == out else None, transposed=transposed)


def _is_weight(dataset: Dataset) -> bool:
    return 2 <= len(dataset.shape) <= MAX_DIMENSIONS and 0 not in dataset.shape and dataset.dtype[1:] in _REAL


def _config(archive: ZipFile) -> Any:
    """Return the configuration in a ``.keras`` file; None where there is none that can be read."""
    try:
        member = archive[_CONFIG]
        return _parsed(archive.read(member).decode()) if member.size <= _MAX_CONFIG_BYTES else None
    except (ValueError, KeyError, OSError):
        return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _walk(path: Path, hdf5: Hdf5File) -> Iterator[tuple[str, Group | Dataset]]:
    try:
        yield from hdf5.walk()
    except Hdf5Error as error:
        raise _problem(path, error) from error
    except OSError as error:
        raise _unreadable(path, error) from error


@contextmanager
def _open(path: Path) -> Iterator[Hdf5File]:
    """Open the HDF5 file, or the one inside an archive."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            is_zip = file.read(4) in MAGICS
            archive = ZipFile(path, file) if is_zip else None
        except ZipError as error:
            raise _damaged(path) from error
        except OSError as error:
            raise _unreadable(path, error) from error
        yield _hdf5(path, file) if archive is None else _hdf5_inside(archive)


def _hdf5(path: Path, file: io.BufferedIOBase) -> Hdf5File:
    try:
        return Hdf5File(file)
    except Hdf5Error as error:
        raise _problem(path, error) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _hdf5_inside(archive: ZipFile, *, is_checked: bool = False) -> Hdf5File:
    """Return the file inside an archive, where it lies if it is stored, and else unpacked.

    Args:
        archive: a ``.keras`` file.
        is_checked: whether its sum is checked, for which all of it is read.
    """
    try:
        member = archive[_INSIDE]
        inside = archive.window(member)
        if inside is not None:
            if is_checked:
                archive.check(member)
            return _hdf5(archive.path, inside)
        if member.size > MAX_MEMBER_BYTES:
            raise SnapshotError(
                f"{_INSIDE!r} in snapshot {str(archive.path)!r} claims {member.size} bytes"
                f" (at most {MAX_MEMBER_BYTES} are read)"
            )
        inner = io.BytesIO(archive.read(member))
    except KeyError:
        raise SnapshotError(f"snapshot {str(archive.path)!r} holds no {_INSIDE!r} ({HINT})") from None
    except (ZipError, OSError) as error:
        raise _damaged(archive.path) from error
    return _hdf5(archive.path, inner)


def _damaged(path: Path) -> SnapshotError:
    return SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})")


def _problem(path: Path, error: Hdf5Error) -> SnapshotError:
    return SnapshotError(f"snapshot {str(path)!r} {error} ({HINT})")


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})")
