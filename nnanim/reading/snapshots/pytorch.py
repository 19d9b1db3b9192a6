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
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.containers.torch_archive import HINT, Tensor, TorchArchive, open_torch
from nnanim.reading.containers.zip_file import ZipFile
from nnanim.reading.snapshots.contents import Contents
from nnanim.reading.snapshots.parameters import find_weights
from nnanim.reading.snapshots.to_layers import read_layers
from nnanim.reading.snapshots.torch_state import find_state

FORMAT = "pytorch"
LIGHTNING = "lightning"
SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".tar")
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True)
class TorchContents(Contents):
    """What a PyTorch archive says of itself.

    Attributes:
        tensors: the tensors of the model by key.
        is_plain: whether nothing in the file was unknown, so that torch reads it as well.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
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
    tensors = {key: tensor for key, tensor in state.tensors.items() if tensor.is_real}
    found = find_weights({key: tensor.shape for key, tensor in tensors.items()})
    if not found.weights:
        return None
    shared: dict[tuple[Any, ...], str] = {}
    weights, notes = [], []
    for header in found.weights:
        tensor = tensors[header.key]
        place = (tensor.storage.key, tensor.offset, tensor.shape)
        if place in shared:
            notes.append(f"{header.key!r} is the same tensor as {shared[place]!r} and is drawn once")
        else:
            shared[place] = header.key
            weights.append(header)
    return TorchContents(
        path=file.path,
        format=LIGHTNING if state.is_lightning else FORMAT,
        model=state.model,
        other_models=state.other_models,
        weights=tuple(weights),
        epoch=state.epoch,
        iteration=state.iteration,
        is_ordered=True,
        turned=found.turned,
        notes=tuple(notes),
        tensors=tensors,
        is_plain=is_plain,
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
        return {key: archive.array(contents.tensors[key]) for key in keys}


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
        tensor = _at(saved, contents.model, key)
        if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != contents.tensors[key].shape:
            raise SnapshotError(
                f"snapshot {str(contents.path)!r} changed while the run was read (is it still training?)"
            )
        tensor = tensor.detach()
        arrays[key] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        arrays[key].flags.writeable = False  # it may be the file itself
    return arrays


def _at(saved: Any, model: str, key: str) -> Any:
    """Return the tensor that `torch_state` called so: names and keys may hold dots themselves."""
    waiting = [(saved, f"{model}.{key}" if model else key)]
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
