"""PyTorch snapshots: what ``torch.save`` leaves behind, and Lightning's checkpoints.

A state dict alone, or a dict that holds one beside epoch, loss and the optimizer's state; in a zip archive, in the
stream of before 1.6, in shards that a ``pytorch_model.bin.index.json`` lists, or in the archive of Stable-Baselines3.
Names and shapes are read by `pickles`, which builds nothing but descriptions, and the numbers straight from the file.

Source: ``torch/serialization.py`` of PyTorch 2.13; ``save_to_zip_file`` of Stable-Baselines3 2.9 (``policy.pth``,
``data``); Transformers' ``save_pretrained`` (``weight_map``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.float8 import FLOAT8
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES, complex_notes
from nnanim.reading.containers.regular_file import open_regular
from nnanim.reading.containers.torch_archive import HINT, TorchArchive
from nnanim.reading.containers.torch_legacy import MAGIC, LegacyFile
from nnanim.reading.containers.torch_tensors import Tensor
from nnanim.reading.containers.zip_file import ZipError, ZipFile
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.parameters import find_weights
from nnanim.reading.snapshots.shards import read_index
from nnanim.reading.snapshots.torch_state import FoundModel, State, find_state
from nnanim.reading.streams import Stream

FORMAT = "pytorch"
LIGHTNING = "lightning"
STABLE_BASELINES = "stable-baselines3"
POLICY = "policy.pth"  # in the archive of Stable-Baselines3
LEGACY_NOTE = "the snapshots are in the legacy format that PyTorch wrote before 1.6"
_NUMPY = ("f2", "f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1")
_NAMES = {"bf2": "bfloat16", "b1": "bool", "c4": "complex32"}
_QUANTISED = {"i1": "qint8", "u1": "quint8", "i4": "qint32"}
_MAX_DATA_BYTES = 2**24


@dataclass(frozen=True)
class TorchContents(Contents):
    """What a PyTorch file says of itself.

    Attributes:
        places: the tensors of the model by key.
        files: the shard that each lies in, by key; none where there is one file.
    """

    places: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
    files: dict[str, Path] = field(default_factory=dict, repr=False, compare=False)


def look(file: ZipFile) -> TorchContents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where it is not PyTorch's or has no weights.

    Raises:
        SnapshotError: the file cannot be read.
    """
    archive = _archive(file)
    if not archive.is_torch:
        return None
    contents = describe(file.path, find_state(archive.contents()))
    if contents is not None and POLICY in file:
        return replace(contents, iteration=_steps_of(file), written_by=STABLE_BASELINES)
    return contents


def look_legacy(path: Path, file: BufferedIOBase) -> TorchContents | None:
    """Read what a file from before PyTorch 1.6 says of itself, as `look` does.

    Raises:
        SnapshotError: the file cannot be read.
    """
    contents = describe(path, find_state(LegacyFile(path, file).contents()))
    return contents and replace(contents, notes=(LEGACY_NOTE, *contents.notes))


def look_index(path: Path) -> TorchContents | None:
    """Read names and shapes of a snapshot in shards from its index and from each shard.

    Raises:
        SnapshotError: the index or a shard cannot be read.
    """
    tensors: dict[str, Tensor] = {}
    files: dict[str, Path] = {}
    for shard in read_index(path):
        with _open(shard) as opened:
            for model in find_state(opened.contents()).models[:1]:
                tensors |= model.tensors
                files |= dict.fromkeys(model.tensors, shard)
    if not tensors:
        return None
    contents = describe(path, State((FoundModel("", tensors),), None, None, False), files)
    return contents and replace(contents, parts=tuple(sorted(set(files.values()))))


def describe(path: Path, state: State, files: Mapping[str, Path] = {}) -> TorchContents | None:
    """Describe the models that were found in what was saved; None where there are none.

    Args:
        path: the file.
        state: what was found.
        files: the shard that each tensor lies in, by key.
    """
    if not state.models:
        return None
    is_alone = sum(not model.is_copy for model in state.models) < 2
    described = [
        replace(
            _describe(path, model, is_alone=is_alone, is_single=len(state.models) == 1, files=files),
            format=LIGHTNING if state.is_lightning else FORMAT,
            epoch=state.epoch,
            iteration=state.iteration,
        )
        for model in state.models
    ]
    described = [each for each in described if any(len(tensor.shape) > 1 for tensor in each.tensors)]
    return replace(described[0], others=tuple(described[1:])) if described else None


def _describe(
    path: Path, model: FoundModel, *, is_alone: bool, is_single: bool, files: Mapping[str, Path]
) -> TorchContents:
    """Describe one model; the keys of several have its path in front."""
    start = "" if is_alone or not model.path else f"{model.path}."
    places = {start + key: tensor for key, tensor in model.tensors.items() if tensor.dtype}
    tensors = {key: tensor for key, tensor in places.items() if tensor.is_real}
    found = find_weights({key: tensor.shape for key, tensor in tensors.items()}, biases_tell=True)
    shared: dict[tuple[Any, ...], str] = {}
    weights, tied, notes = [], set(), _notes(tensors.values())
    for header in found.weights:
        tensor = tensors[header.key]
        place = (files.get(header.key), tensor.storage.key, tensor.offset, tensor.shape)
        if place in shared:
            tied.add(header.key)
            notes.append(f"{header.key!r} is the same tensor as {shared[place]!r} and is drawn once")
        else:
            shared[place] = header.key
            weights.append(header)
    return TorchContents(
        path=path,
        model="" if is_single else model.path,
        weights=tuple(weights),
        tensors=tuple(ArrayHeader(key, tensor.shape, dtype_name(tensor)) for key, tensor in places.items()),
        is_ordered=True,
        turned=found.turned,
        tied=frozenset(tied),
        notes=tuple(notes),
        places=places,
        files=dict(files),
    )


def _notes(tensors: Iterable[Tensor]) -> list[str]:
    """Say which numbers are not shown as they are in the file."""
    listed = list(tensors)
    names = dict.fromkeys(map(dtype_name, listed))
    notes = list(complex_notes(names))
    if any(tensor.sparse is not None for tensor in listed):
        notes.append("sparse weights are shown as dense ones")
    notes += [
        f"weights of type {name} are shown as the numbers that they stand for, without their scales"
        for name in names
        if name in FLOAT8
    ]
    return notes + [
        f"quantised weights ({name}) are shown as the numbers that they stand for"
        for name in names
        if name in _QUANTISED.values()
    ]


class _Open:
    """The tensors of a snapshot whose files are opened when the first of theirs is read."""

    def __init__(self, contents: TorchContents, stack: ExitStack) -> None:
        self._contents = contents
        self._stack = stack
        self._opened: dict[Path, TorchArchive | LegacyFile] = {}

    def read(self, key: str) -> np.ndarray:
        """Read one tensor, as `nnanim.reading.snapshots.contents.Arrays` says."""
        return self._file_of(key).array(self._contents.places[key])

    def stream(self, key: str) -> Stream | None:
        """Return one tensor some numbers at a time, as `nnanim.reading.streams.Streaming` says."""
        return self._file_of(key).stream(self._contents.places[key])

    def _file_of(self, key: str) -> TorchArchive | LegacyFile:
        path = self._contents.files.get(key, self._contents.path)
        if path not in self._opened:
            self._opened[path] = self._stack.enter_context(_open(path))
        return self._opened[path]


def dtype_name(tensor: Tensor) -> str:
    """Return the name of a tensor's type: ``"float32"``, ``"bfloat16"``, ``"qint8"``, …"""
    if tensor.quantum is not None:
        return _QUANTISED[tensor.dtype]
    return _NAMES.get(tensor.dtype) or (np.dtype(tensor.dtype).name if tensor.dtype in _NUMPY else tensor.dtype)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its tensors one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, TorchContents)
    with ExitStack() as stack:
        yield _Open(contents, stack)


@contextmanager
def _open(path: Path) -> Iterator[TorchArchive | LegacyFile]:
    """Open a file of either format for as long as the context lasts."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
            is_legacy = file.read(len(MAGIC)) == MAGIC
            opened = LegacyFile(path, file) if is_legacy else _archive(ZipFile(path, file))
        except ZipError as error:
            raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})") from error
        except OSError as error:
            raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
        yield opened


def _archive(file: ZipFile) -> TorchArchive:
    """Return the archive, or the one of the policy inside."""
    if POLICY not in file:
        return TorchArchive(file)
    inner = _member(file, POLICY, MAX_MEMBER_BYTES)
    try:
        return TorchArchive(ZipFile(file.path, BytesIO(inner)))
    except ZipError as error:
        raise SnapshotError(f"{POLICY!r} in snapshot {str(file.path)!r} is truncated or damaged ({HINT})") from error


def _steps_of(file: ZipFile) -> int | None:
    """Return how many steps Stable-Baselines3 has trained for, as the JSON beside the policy says."""
    try:
        said = json.loads(_member(file, "data", _MAX_DATA_BYTES)) if "data" in file else {}
    except (ValueError, RecursionError):
        return None
    steps = said.get("num_timesteps") if isinstance(said, dict) else None
    return steps if type(steps) is int and 0 <= steps < 2**53 else None


def _member(file: ZipFile, name: str, limit: int) -> bytes:
    member = file[name]
    where = f"{name!r} in snapshot {str(file.path)!r}"
    if member.size > limit:
        raise SnapshotError(f"{where} claims {member.size} bytes (at most {limit} are read)")
    try:
        return file.read(member)
    except (ZipError, OSError) as error:
        raise SnapshotError(f"{where} is truncated or damaged ({HINT})") from error
