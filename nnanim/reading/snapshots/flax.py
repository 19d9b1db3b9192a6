"""Flax snapshots: ``flax.serialization.to_bytes`` of variables or of a ``TrainState``, in msgpack.

Kernels are (in, out) and (kh, kw, in, out). Weights are what stands under ``params``, beside ``step`` and the state of
the optimizer, or all that there is. What follows what is not in the file, nor is the order of the layers.

Source: ``flax/serialization.py`` and ``flax/training/train_state.py`` of Flax 0.12; ``flax_model.msgpack`` of
Transformers; names of gates: ``OptimizedLSTMCell`` and ``GRUCell`` in ``flax/linen/recurrent.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model import role_table as names
from nnanim.model.layers import natural_key
from nnanim.reading.containers.float8 import FLOAT8, from_float8
from nnanim.reading.containers.msgpack_file import Array, MsgpackError, MsgpackFile
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES, complex_notes, modulus
from nnanim.reading.containers.regular_file import open_regular
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.parameters import find_weights
from nnanim.reading.snapshots.to_layers import from_bfloat16

FORMAT = "flax"
HINT = "a Flax snapshot is what flax.serialization.to_bytes returns"
SUFFIXES = (".msgpack", ".flax")
MAX_KEY_LENGTH = 1000
NOT_WEIGHTS = re.compile(
    r"opt_state|opt|optimizer(?:_state|_variables)?|tx|rng|rngs|dropout_rng|step|batch_stats|cache|ema_.*|loss_scale"
    r"|metrics(?:_variables)?"
)
MODELS = ("params", "model", "state", "variables", "target")
_COUNTERS = {"epoch": ("epoch",), "iteration": ("step", "global_step", "iteration")}
_CODES = {
    **{name: np.dtype(name).newbyteorder("<").str for name in ("float16", "float32", "float64")},
    **{name: np.dtype(name).newbyteorder("<").str for name in ("complex64", "complex128")},
    **{f"{kind}int{bits}": f"<{kind or 'i'}{bits // 8}" for kind in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": "|b1",
    "bfloat16": "<u2",
    **dict.fromkeys(FLOAT8, "|u1"),
}
_LSTM = {f"{way}{gate}" for way in "ih" for gate in "ifgo"}
_GRU = {f"{way}{gate}" for way in "ih" for gate in "rzn"}


@dataclass(frozen=True)
class FlaxContents(Contents):
    """What a Flax file says of itself, with the place of each array."""

    places: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)


def look(path: Path, file: BufferedIOBase) -> FlaxContents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where a ``checkpoint_1`` is something else.

    Args:
        path: the file.
        file: the same, open for reading.

    Raises:
        SnapshotError: it is called ``.msgpack`` or ``.flax`` and cannot be read.
    """
    try:
        saved = MsgpackFile(file).contents()
    except (MsgpackError, OSError) as error:
        if path.suffix not in SUFFIXES:
            return None
        problem = error.strerror if isinstance(error, OSError) else error
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {problem} ({HINT})") from error
    root = saved if isinstance(saved, dict) else {}
    counters = {counter: _counter(root, file, counter) for counter in _COUNTERS}
    described = []
    for model, inside in models_in(root).items():
        walked = walk(inside, model)
        places = {key: array for key, array in walked if isinstance(array, Array) and array.dtype in _CODES}
        found = describe(path, places)
        if found is not None:
            known = found.given()
            described.append(FlaxContents(**{**known, **counters, "model": model}, places=places))
    return replace(described[0], others=tuple(described[1:])) if described else None


class Described(Protocol):
    """What has a shape and a type."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> str: ...


def describe(path: Path, arrays: Mapping[str, Described]) -> Contents | None:
    """Say what a snapshot of Flax's names and shapes holds; None where there are no weights.

    Args:
        path: the file.
        arrays: shape and type of each array by its name, ``"Dense_0/kernel"``.
    """
    arrays = {key: arrays[key] for key in sorted(arrays, key=natural_key)}
    shapes = {key: array.shape for key, array in arrays.items() if _is_real(array.dtype)}
    found = find_weights(shapes, kernels=True)
    if not found.weights:
        return None
    return Contents(
        path=path,
        format=FORMAT,
        # A transposed convolution is (kh, kw, in, out) like any other.
        weights=tuple(replace(each, transposed=False) if len(each.shape) > 2 else each for each in found.weights),
        tensors=tuple(ArrayHeader(key, array.shape, array.dtype) for key, array in arrays.items()),
        convention="keras",
        roles=_roles(arrays),
        turned=found.turned,
        notes=complex_notes(array.dtype for array in arrays.values()),
    )


def _is_real(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat", "complex"))


def model_in(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dict of the weights, without what stands beside it."""
    for _ in range(4):
        inner = next((root[name] for name in MODELS if isinstance(root.get(name), dict)), None)
        if inner is None:
            break
        root = inner
    return {key: item for key, item in root.items() if not NOT_WEIGHTS.fullmatch(key)}


def models_in(root: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the dicts of the weights by the names of their models; where there is one model, it has no name.

    Several are told by their ``params``, as states of a generator and a discriminator have them.
    """
    inside = model_in(root)
    states = {name: model_in(item) for name, item in inside.items() if is_state(item)}
    if len(states) > 1:
        return states
    return {"": next(iter(states.values())) if len(states) == len(inside) == 1 else inside}


def is_state(value: Any) -> bool:
    """Tell whether a dict is the state of a model: it has ``params``."""
    return isinstance(value, dict) and isinstance(value.get("params"), dict)


def states_in(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts in which a counter may stand: that of all, and the states within it."""
    yield root
    for name, item in root.items():
        if isinstance(item, dict) and (name in MODELS or is_state(item)):
            yield item


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what lies in dicts within dicts and in lists, with its name."""
    if len(path) > MAX_KEY_LENGTH:
        return
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from walk(item, f"{path}/{key}" if path else str(key))
    else:
        yield path, value


def _roles(places: Mapping[str, Described]) -> dict[str, str]:
    """Tell the kernels of recurrent cells, which Flax keeps gate by gate: ``ii``, ``hi``, ``if``, …"""
    inside: dict[str, set[str]] = {}
    kernels = [key.rsplit("/", 2) for key in places if key.count("/") > 1 and key.endswith("/kernel")]
    for cell, gate, _ in kernels:
        inside.setdefault(cell, set()).add(gate)
    is_cell = {cell: gates >= _LSTM or gates >= _GRU for cell, gates in inside.items()}
    ways = {"i": names.INPUT, "h": names.HIDDEN}
    return {"/".join(parts): ways[parts[1][0]] for parts in kernels if is_cell[parts[0]] and parts[1] in _LSTM | _GRU}


def _counter(root: Mapping[str, Any], file: BufferedIOBase, what: str) -> int | None:
    found = [state.get(name) for state in states_in(root) for name in _COUNTERS[what]]
    for value in found:
        if isinstance(value, Array) and value.shape == () and "int" in value.dtype and value.size <= 8:
            file.seek(value.start)
            value = int.from_bytes(file.read(value.size), "little", signed=True)
        if type(value) is int and 0 <= value < 2**53:
            return value
    return None


class _Open:
    """The arrays of an open file."""

    def __init__(self, contents: FlaxContents, file: BufferedIOBase) -> None:
        self._contents = contents
        self._file = file

    def read(self, key: str) -> np.ndarray:
        """Read one array, as `nnanim.reading.snapshots.contents.Arrays` says."""
        place, where = self._contents.places[key], str(self._contents.path)
        kind = np.dtype(_CODES[place.dtype])
        wanted = prod(place.shape) * kind.itemsize
        if wanted != place.size or wanted > MAX_MEMBER_BYTES:
            raise SnapshotError(
                f"{key!r} in snapshot {where!r} has {place.size} bytes for shape {place.shape}, which takes {wanted}"
                f" (at most {MAX_MEMBER_BYTES} are read)"
            )
        numbers = np.empty(prod(place.shape), kind)
        try:
            self._file.seek(place.start)
            count = self._file.readinto(numbers.view(np.uint8).data)
        except OSError as error:
            raise _unreadable(self._contents.path, error) from error
        if count != wanted:
            raise SnapshotError(f"snapshot {where!r} is truncated at {key!r} ({HINT})")
        numbers = numbers.reshape(place.shape)
        if place.dtype in FLOAT8:
            return from_float8(numbers, place.dtype)
        return from_bfloat16(numbers) if place.dtype == "bfloat16" else modulus(numbers)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its arrays one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, FlaxContents)
    try:
        file = open_regular(contents.path)
    except OSError as error:
        raise _unreadable(contents.path, error) from error
    with file:
        yield _Open(contents, file)


def _unreadable(path: Path, error: OSError) -> SnapshotError:
    return SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})")
