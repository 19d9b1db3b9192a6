"""Snapshot formats, one module each with ``sniff(path)`` and ``read(...)``, and what all say of their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import LayerHeader

if TYPE_CHECKING:
    from typing_extensions import Self


Anything = TypeVar("Anything")


class ArrayHeader(NamedTuple):
    """What a file says of one of its arrays.

    Attributes:
        key: its name in the file.
        shape: sizes of its axes, as in the file.
        dtype: ``"float32"``, ``"bfloat16"``, ``"int64"``, …
    """

    key: str
    shape: tuple[int, ...]
    dtype: str


class Arrays(Protocol):
    """The arrays of an open snapshot."""

    def read(self, key: str) -> np.ndarray:
        """Read one array as it is in the file, bfloat16 as float32.

        Raises:
            KeyError: there is no such array.
            SnapshotError: it is damaged, or too large to be read.
        """


def read_named(read: Callable[[str], Anything], key: str, path: Path) -> Anything:
    """Read what the first snapshot of a run has, e.g. by `Arrays.read`.

    Args:
        read: raises a `KeyError` where there is none.
        key: its name.
        path: the snapshot.

    Raises:
        SnapshotError: this one has it not, it is damaged, or too large to be read.
    """
    try:
        return read(key)
    except KeyError:
        raise SnapshotError(f"snapshot {str(path)!r} has no tensor {key!r}, which the first one has") from None


def check_shape(key: str, shape: tuple[int, ...], first: tuple[int, ...], path: Path) -> None:
    """Check that an array of a snapshot has the shape that it has in the first one.

    Raises:
        SnapshotError: it has another.
    """
    if shape != first:
        raise SnapshotError(f"{key!r} in snapshot {str(path)!r} has shape {shape}, and {first} in the first")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a snapshot says of itself before its weights are read.

    Attributes:
        path: the file.
        weights: every weight of the model, in the order of the file.
        tensors: every array of the model, of any number of axes, in the order of the file.
        convention: whose names and shapes they are: ``"pytorch"``, ``"keras"``, ``"chainer"``, ``"numpy"``, ``"onnx"``.
        connections: pairs of keys of tensors, the second of which takes in what the first puts out, as the file's own
            graph tells; None where the file has no graph.
        roles: what the file's own graph says of tensors, words of `nnanim.model.role_table` by key.
        epoch: what the file says, or None where it says nothing.
        iteration: updates that were done, or None where nothing says so.
        written: digits that order the moments that dates and times in the names tell; empty where they tell none.
        format: the format of the file.
        written_by: the framework that wrote it, where that is another name than the format's.
        model: what the model is called where the file holds several, e.g. ``"main"``; else empty.
        others: the file's other models, each as if it were alone.
        prefix: what stands before the model's own keys.
        is_trainer: True where a trainer wrote the file; a model alone beside such files is not drawn.
        is_ordered: True where the order of the weights is that in which the model defines them.
        turned: keys of weights that the file holds as (in, out) or (kh, kw, in, out).
        tied: keys of tensors that are others under a second name.
        notes: what a user should be told.
        parts: other files that the snapshot is made of.
        arrays: weights and biases by key where they are so small that they were read at the same time, else None.
        folder: that the file is in.
        network: names and shapes of all tensors with two axes or more.
    """

    path: Path
    weights: tuple[LayerHeader, ...]
    tensors: tuple[ArrayHeader, ...] = ()
    convention: str = "pytorch"
    connections: tuple[tuple[str, str], ...] | None = None
    roles: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    epoch: int | float | None = None
    iteration: int | None = None
    written: str = ""
    format: str = "chainer"
    written_by: str = ""
    model: str = ""
    others: tuple[Contents, ...] = field(default=(), repr=False)
    prefix: str = ""
    is_trainer: bool = False
    is_ordered: bool = False
    turned: frozenset[str] = frozenset()
    tied: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    parts: tuple[Path, ...] = ()
    arrays: Mapping[str, np.ndarray] | None = field(default=None, repr=False, compare=False)
    folder: Path = field(init=False, repr=False, compare=False)
    network: frozenset[tuple[str, tuple[int, ...]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = {header.key: header.name for header in self.weights}
        shapes = {header.name: header.shape for header in self.weights}
        shapes |= {t.key: t.shape for t in self.tensors if len(t.shape) > 1 and t.key not in named}
        # Thousands of snapshots lie in one folder and are of one network.
        object.__setattr__(self, "folder", _shared(self.path.parent))
        object.__setattr__(self, "network", _shared(frozenset(shapes.items())))

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models in the file, the one that is drawn first; none in a file of one model alone."""
        return tuple(filter(None, (self.model, *(other.model for other in self.others))))

    def given(self) -> dict[str, Any]:
        """Return all that it was made of, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def only(self, keys: Iterable[str]) -> Self:
        """Return as much as takes to open the file and to read some of its arrays, from any working folder."""
        wanted = frozenset(keys)
        less: dict[str, Any] = {
            name: {key: _absolute(item) for key, item in value.items() if key in wanted}
            for name, value in self.given().items()
            if isinstance(value, Mapping)
        }
        none: dict[str, Any] = {"weights": (), "tensors": (), "others": (), "notes": (), "parts": ()}
        none |= {"turned": frozenset(), "tied": frozenset(), "connections": None}
        return replace(self, path=self.path.absolute(), **none, **less)

    def of_model(self, name: str) -> Contents | None:
        """Return what the file says of another of its models, or None where it has none of that name."""
        if name == self.model:
            return self
        for other in self.others:
            if other.model == name:
                rest = (replace(self, others=()), *(each for each in self.others if each is not other))
                return replace(
                    other,
                    others=rest,
                    epoch=self.epoch,
                    iteration=self.iteration,
                    written=self.written,
                    written_by=self.written_by,
                    parts=self.parts,
                )
        return None


def _absolute(item: Any) -> Any:
    """Return where an array is, a path or something with a path, as seen from any working folder."""
    if isinstance(item, Path):
        return item.absolute()
    path = getattr(item, "path", None)
    return replace(item, path=path.absolute()) if isinstance(path, Path) else item


@lru_cache(maxsize=256)
def _shared(value: Anything) -> Anything:
    """Return the first value that was equal to this one, so that equal ones take their memory once."""
    return value
