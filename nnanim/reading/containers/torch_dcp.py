"""Checkpoints of ``torch.distributed.checkpoint``: ``.metadata``, a pickle, says which piece of a tensor lies where.

Each process writes files of its own, ``__0_0.distcp``, ``__1_0.distcp``, …, in which what ``torch.save`` makes of each
piece stands one behind the other.

Source: ``metadata.py``, ``filesystem.py``, ``default_planner.py`` in ``torch/distributed/checkpoint`` of PyTorch 2.13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.file_slice import FileSlice
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES
from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES, Named, PickleError, Unknown, load
from nnanim.reading.containers.regular_file import is_plain_name, lies_with, open_regular
from nnanim.reading.containers.torch_archive import TorchArchive
from nnanim.reading.containers.torch_tensors import Maker, Storage, Tensor, dtype_of
from nnanim.reading.containers.zip_file import ZipError, ZipFile

METADATA = ".metadata"
PIECES = ".distcp"
HINT = "torch.distributed.checkpoint writes .metadata and .distcp files"
_WHERE = "torch.distributed.checkpoint."
_MAX_PATH = 50  # names on the way to a tensor


@dataclass(frozen=True)
class Piece:
    """A part of a tensor, or an object.

    Attributes:
        file: name of the file beside ``.metadata``.
        start: first byte.
        size: in bytes.
        at: index of its first number in the tensor; None of an object.
        shape: of the part.
    """

    file: str
    start: int
    size: int
    at: tuple[int, ...] | None = None
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """What ``.metadata`` says.

    Attributes:
        tensors: by name, in the order of the file; the key of each tensor's storage is that name.
        pieces: where the parts of each tensor lie, and each object.
        paths: names on the way to each in what was saved.
    """

    tensors: dict[str, Tensor]
    pieces: dict[str, list[Piece]]
    paths: dict[str, tuple[str, ...]]

    def nested(self, objects: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was saved, with a `Tensor` for each tensor, and these objects; dicts within dicts."""
        root: dict[str, Any] = {}
        for name, item in (*self.tensors.items(), *objects.items()):
            *way, last = self.paths.get(name, (name,))
            inside = root
            for step in way:
                below = inside.setdefault(step, {})
                if not isinstance(below, dict):
                    break
                inside = below
            else:
                inside.setdefault(last, item)
        return root


def read_metadata(path: Path) -> Checkpoint:
    """Read which tensors a checkpoint holds, and where.

    Args:
        path: its ``.metadata``.

    Raises:
        SnapshotError: it cannot be read, or is damaged.
    """
    maker = Maker()
    try:
        with open_regular(path) as file:
            data = file.read(MAX_PICKLE_BYTES + 1)
        said = load(data, maker.reduce, maker.storage, objects_as_keys=True)
        state = _state_of(said, "metadata.Metadata")
        described, stored = state.get("state_dict_metadata"), state.get("storage_data")
        if not isinstance(described, dict) or not isinstance(stored, dict):
            raise PickleError("it says of no tensors where they are")
        pieces = dict(_pieces(described, stored))
        tensors = {name: _tensor(name, item) for name, item in described.items() if _is_tensor(item)}
    except PickleError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error} ({HINT})") from error
    except OSError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
    return Checkpoint(tensors, pieces, dict(_paths(state.get("planner_data"))))


class Pieces:
    """The ``.distcp`` files of a checkpoint, each opened when something in it is read."""

    def __init__(self, path: Path, pieces: Mapping[str, list[Piece]], stack: ExitStack) -> None:
        self._path = path
        self._pieces = pieces
        self._stack = stack
        self._files: dict[str, BufferedReader] = {}

    def array(self, tensor: Tensor) -> np.ndarray:
        """Put a tensor together.

        Raises:
            SnapshotError: a part of it is missing, damaged, or of another shape or type.
        """
        name = tensor.storage.key
        parts = self._pieces.get(name, [])
        if sum(math.prod(part.shape) for part in parts) != math.prod(tensor.shape):
            raise SnapshotError(f"{name!r} in snapshot {str(self._path)!r} is not whole (parts of it are missing)")
        if len(parts) == 1:
            return self._part(tensor, parts[0])
        whole: np.ndarray | None = None
        for part in parts:
            numbers = self._part(tensor, part)
            if whole is None:
                whole = np.zeros(tensor.shape, numbers.dtype)
            starts = zip(part.at or (), part.shape, strict=True)
            whole[tuple(slice(start, start + size) for start, size in starts)] = numbers
        return np.zeros(tensor.shape, np.float32) if whole is None else whole

    def object(self, name: str, most_bytes: int) -> Any:
        """Return an object as far as it can be described without code; None where it is large, or no object.

        Raises:
            SnapshotError: it is damaged.
        """
        parts = self._pieces.get(name, [])
        if len(parts) != 1 or parts[0].at is not None or parts[0].size > most_bytes:
            return None
        return self._archive(parts[0]).contents()

    def _part(self, tensor: Tensor, part: Piece) -> np.ndarray:
        archive = self._archive(part)
        found = archive.contents()
        if not isinstance(found, Tensor) or found.shape != part.shape or found.dtype != tensor.dtype:
            raise SnapshotError(
                f"{tensor.storage.key!r} in snapshot {str(self._path)!r} is described as something else than what"
                f" {part.file!r} holds (the checkpoint is damaged)"
            )
        return archive.array(found)

    def _archive(self, part: Piece) -> TorchArchive:
        path = self._path.parent / part.file
        if not lies_with(path, self._path):
            raise SnapshotError(f"{str(path)!r}, which {METADATA} names, is a link that leads out of its folder")
        try:
            if part.file not in self._files:
                self._files[part.file] = self._stack.enter_context(open_regular(path))
            file = self._files[part.file]
            if part.start + part.size > file.seek(0, 2):
                raise SnapshotError(f"{str(path)!r} is truncated ({HINT})")
            archive = TorchArchive(ZipFile(path, BufferedReader(FileSlice(file, part.start, part.size))))
        except ZipError as error:
            raise SnapshotError(
                f"{str(path)!r} is damaged, or packed in a way that is not read ({HINT}, each part as torch.save does)"
            ) from error
        except OSError as error:
            raise SnapshotError(f"cannot read {str(path)!r}: {error.strerror} ({HINT})") from error
        return archive


def _state_of(value: Any, kind: str) -> dict[str, Any]:
    """Return the attributes of an object of a class in ``torch.distributed.checkpoint``; none of another's."""
    is_one = isinstance(value, Unknown) and value.name == _WHERE + kind and isinstance(value.state, dict)
    return value.state if is_one else {}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Unknown) and value.name == f"{_WHERE}metadata.TensorStorageMetadata"


def _tensor(name: str, described: Any) -> Tensor:
    state = _state_of(described, "metadata.TensorStorageMetadata")
    shape = _sizes(state.get("size"))
    properties = state.get("properties")
    told = properties.state if isinstance(properties, Unknown) else ()
    told = tuple(told.values()) if isinstance(told, dict) else told if isinstance(told, tuple) else ()
    dtype = dtype_of(told[0].name) if told and isinstance(told[0], Named) else ""
    if math.prod(shape) * 4 > MAX_MEMBER_BYTES:
        raise PickleError(f"it holds a tensor of shape {shape} (at most {MAX_MEMBER_BYTES} bytes are read)")
    for chunk in _items(state.get("chunks")):
        _box(chunk, shape)
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return Tensor(Storage(name, dtype, math.prod(shape)), dtype, 0, shape, strides)


def _box(chunk: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return first index and sizes of a part, which lies within the tensor."""
    state = _state_of(chunk, "metadata.ChunkStorageMetadata")
    at, sizes = _sizes(state.get("offsets")), _sizes(state.get("sizes"))
    if not len(at) == len(sizes) == len(shape):
        raise PickleError("it holds a part of a tensor that has other axes than the tensor")
    if any(start + size > whole for start, size, whole in zip(at, sizes, shape, strict=True)):
        raise PickleError(f"it holds a part of a tensor that lies outside of its shape {shape}")
    return at, sizes


def _pieces(described: dict[Any, Any], stored: dict[Any, Any]) -> Iterator[tuple[str, list[Piece]]]:
    """Yield the name of each tensor and object, and where its parts lie."""
    places: dict[tuple[Any, Any], tuple[str, int, int]] = {}
    for index, info in stored.items():
        key, place = _state_of(index, "metadata.MetadataIndex"), _state_of(info, "filesystem._StorageInfo")
        file, start, size = (place.get(name) for name in ("relative_path", "offset", "length"))
        if not isinstance(key.get("fqn"), str) or type(start) is not int or type(size) is not int:
            raise PickleError("it says of a part not where it is")
        if not isinstance(file, str) or not is_plain_name(file):
            raise PickleError(f"it names the file {file!r} (parts lie beside {METADATA})")
        if start < 0 or size < 0 or max(start, size) > 2**62:
            raise PickleError("it says of a part not where it is")
        at = key.get("offset")
        places[key["fqn"], None if at is None else _sizes(at)] = (file, start, size)
    for name, item in described.items():
        if not isinstance(name, str):
            continue
        if not _is_tensor(item):
            yield name, [Piece(*places[name, None])] if (name, None) in places else []
            continue
        state = _state_of(item, "metadata.TensorStorageMetadata")
        boxes = [_box(chunk, _sizes(state.get("size"))) for chunk in _items(state.get("chunks"))]
        found = [(places.get((name, at)), at, sizes) for at, sizes in boxes]
        yield name, [Piece(*place, at, sizes) for place, at, sizes in found if place is not None]


def _paths(planned: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, way in planned.items() if isinstance(planned, dict) else ():
        is_way = isinstance(way, tuple) and 0 < len(way) <= _MAX_PATH
        if isinstance(name, str) and is_way and all(isinstance(step, str | int) for step in way):
            yield name, tuple(map(str, way))


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > MAX_AXES:
        raise PickleError("it holds a tensor of an impossible shape")
    if not all(type(size) is int and 0 <= size < 2**48 for size in value):
        raise PickleError("it holds a tensor of an impossible shape")
    return value


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
