"""PyTorch snapshots: what ``torch.save`` leaves behind, and Lightning's checkpoints.

A state dict alone, or a dict that holds one beside epoch, loss and the optimizer's state. Names and shapes are always
read by `pickles`, which builds nothing but descriptions. The numbers are read by ``torch.load(weights_only=True)``
where torch is installed and nothing in the file was unknown, else straight from the archive; both give the same bits.

torch takes seconds to import, so folders are listed and inspected without it; and it never sees a file in which the
reader here found something else than tensors and plain containers.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.containers.torch_archive import FLOAT8, HINT, Tensor, TorchArchive, open_torch
from nnanim.reading.containers.zip_file import ZipFile
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.parameters import find_weights
from nnanim.reading.snapshots.to_layers import read_layers
from nnanim.reading.snapshots.torch_state import FoundModel, find_state

FORMAT = "pytorch"
LIGHTNING = "lightning"
SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".tar")
_NUMPY = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1")
_NAMES = {"bf2": "bfloat16", "e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2", "b1": "bool"}
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True)
class TorchContents(Contents):
    """What a PyTorch archive says of itself.

    Attributes:
        places: the tensors of the model by key.
        root: names on the way to what the keys lead on from, joined by dots.
        is_plain: whether nothing in the file was unknown, so that torch reads it as well.
    """

    places: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
    root: str = ""
    is_plain: bool = False


def problem_of(head: bytes) -> str:
    """Return why a file that begins so is not read: it is a pickle, of PyTorch's old format or another."""
    if head.startswith(_LEGACY):
        return "is in the format that PyTorch wrote before 1.6 (load it with torch and save it again)"
    return "is a pickle, which is never loaded"


def look(file: ZipFile) -> TorchContents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where it is not PyTorch's or has no weights.

    Raises:
        SnapshotError: the file cannot be read.
    """
    archive = TorchArchive(file)
    if not archive.is_torch:
        return None
    saved, is_plain = archive.contents()
    state = find_state(saved)
    if archive.is_quantised:
        raise SnapshotError(
            f"snapshot {str(file.path)!r} holds quantised weights (qint8, quint8 or packed), which are not read"
            " (save the model before it is quantised, or its tensors with .dequantize())"
        )
    if not state.models:
        return None
    is_alone = sum(not model.is_copy for model in state.models) < 2
    described = [
        replace(
            _describe(file, model, is_alone=is_alone, is_single=len(state.models) == 1),
            format=LIGHTNING if state.is_lightning else FORMAT,
            epoch=state.epoch,
            iteration=state.iteration,
            is_plain=is_plain,
        )
        for model in state.models
    ]
    described = [each for each in described if any(len(tensor.shape) > 1 for tensor in each.tensors)]
    return replace(described[0], others=tuple(described[1:])) if described else None


def _describe(file: ZipFile, model: FoundModel, *, is_alone: bool, is_single: bool) -> TorchContents:
    """Describe one model; the keys of several have its path in front."""
    start = "" if is_alone or not model.path else f"{model.path}."
    places = {start + key: tensor for key, tensor in model.tensors.items() if tensor.dtype}
    tensors = {key: tensor for key, tensor in places.items() if tensor.is_real}
    found = find_weights({key: tensor.shape for key, tensor in tensors.items()}, biases_tell=True)
    shared: dict[tuple[Any, ...], str] = {}
    weights, tied, notes = [], set(), []
    for header in found.weights:
        tensor = tensors[header.key]
        place = (tensor.storage.key, tensor.offset, tensor.shape)
        if place in shared:
            tied.add(header.key)
            notes.append(f"{header.key!r} is the same tensor as {shared[place]!r} and is drawn once")
        else:
            shared[place] = header.key
            weights.append(header)
    if any(tensor.dtype in FLOAT8 for tensor in tensors.values()):
        notes.append("weights of 8 bits (float8) are shown as the numbers that they stand for, without their scales")
    return TorchContents(
        path=file.path,
        model="" if is_single else model.path,
        weights=tuple(weights),
        tensors=tuple(ArrayHeader(key, tensor.shape, dtype_name(tensor)) for key, tensor in places.items()),
        is_ordered=True,
        turned=found.turned,
        tied=frozenset(tied),
        notes=tuple(notes),
        places=places,
        root="" if start else model.path,
    )


def read(
    contents: Contents, layers: Sequence[LayerHeader], shape: Sequence[int] | None = None, *, use_torch: bool = True
) -> list[Layer]:
    """Read the weights of a snapshot, as `nnanim.reading.snapshots.to_layers.read_layers` says."""
    return read_layers(contents, layers, shape, partial(read_arrays, use_torch=use_torch))


def read_arrays(contents: Contents, keys: Sequence[str], *, use_torch: bool = True) -> dict[str, np.ndarray]:
    """Read arrays of a snapshot as they are in the file, bfloat16 as float32.

    Args:
        contents: what `scan` found in the file.
        keys: the keys of the arrays.
        use_torch: False reads from the archive in any case.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, TorchContents)
    if use_torch and contents.is_plain and has_torch():
        return _load_with_torch(contents, keys)
    with open_torch(contents.path) as archive:
        return {key: archive.array(contents.places[key]) for key in keys}


class _Open:
    """The tensors of an open archive."""

    def __init__(self, contents: TorchContents, archive: TorchArchive) -> None:
        self._places = contents.places
        self._archive = archive

    def read(self, key: str) -> np.ndarray:
        """Read one tensor, as `nnanim.reading.snapshots.contents.Arrays` says."""
        return self._archive.array(self._places[key])


def dtype_name(tensor: Tensor) -> str:
    """Return the name of a tensor's type: ``"float32"``, ``"bfloat16"``, …"""
    return _NAMES.get(tensor.dtype) or (np.dtype(tensor.dtype).name if tensor.dtype in _NUMPY else tensor.dtype)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its tensors one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, TorchContents)
    with open_torch(contents.path) as archive:
        yield _Open(contents, archive)


@cache
def has_torch() -> bool:
    """Tell whether torch is installed, without importing it."""
    return importlib.util.find_spec("torch") is not None


def _load_with_torch(contents: TorchContents, keys: Sequence[str]) -> dict[str, np.ndarray]:
    import torch

    try:
        saved = torch.load(contents.path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, ValueError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise SnapshotError(f"torch cannot read snapshot {str(contents.path)!r}: {error} ({HINT})") from error
    arrays = {}
    for key in keys:
        tensor = _at(saved, contents.root, key)
        if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != contents.places[key].shape:
            raise SnapshotError(
                f"snapshot {str(contents.path)!r} changed while the run was read (is it still training?)"
            )
        tensor = tensor.detach()
        arrays[key] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        arrays[key].flags.writeable = False  # it may be the file itself
    return arrays


def _at(saved: Any, root: str, key: str) -> Any:
    """Return the tensor that `torch_state` called so: names and keys may hold dots themselves."""
    waiting = [(saved, f"{root}.{key}" if root else key)]
    while waiting:
        value, path = waiting.pop()
        if not path:
            return value
        if isinstance(value, list | tuple):
            items: Any = ((str(place), item) for place, item in enumerate(value))
        else:
            items = value.items() if isinstance(value, dict) else ()
        for name, item in items:
            if path == str(name) or path.startswith(f"{name}."):
                waiting.append((item, path[len(str(name)) + 1 :]))
    return None
