"""Orbax checkpoints of JAX and Flax: a folder with ``_METADATA`` and an array of Zarr for each of the names in it.

The arrays lie in folders of their own (``use_ocdbt=False``), or all in one database, ``manifest.ocdbt`` and ``d/…``.
Their names and shapes are Flax's: see `nnanim.reading.snapshots.flax`. A ``CheckpointManager`` writes one such folder
for each item of a step, ``100/default``; ``orbax-checkpoint-tmp`` is in the name of what is not whole.

Source: ``orbax/checkpoint/_src/metadata/tree.py`` (``_METADATA``), ``_src/serialization`` of Orbax 0.12.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.float8 import FLOAT8, from_float8
from nnanim.reading.containers.npz_archive import modulus
from nnanim.reading.containers.ocdbt import MANIFEST, MAX_FILE_BYTES, OcdbtError, Place, read_names
from nnanim.reading.containers.regular_file import is_plain_name, lies_with, open_regular
from nnanim.reading.containers.unpacking import check_unpacked
from nnanim.reading.containers.zarr import HEADERS, MAX_HEADER_BYTES, Header, ZarrError, parse, read
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.reading.snapshots.flax import NOT_WEIGHTS, describe, models_in, states_in, walk
from nnanim.reading.snapshots.to_layers import from_bfloat16

FORMAT = "orbax"
METADATA = "_METADATA"
HINT = "a checkpoint of Orbax is a folder with _METADATA and arrays of Zarr"
MAX_METADATA_BYTES = 2**24
_MAX_DEPTH = 50  # names on the way to an array
_MAX_CHUNK_BYTES = 2**30
_MAX_PARTS = 10_000
_STEPS = ("step", "global_step", "iteration")
_ARRAYS = ("jax.Array", "np.ndarray", "scalar")  # other leaves are texts, or empty
_NNX_LEAF = "value"  # flax.nnx keeps each array under this name in its variable


@dataclass(frozen=True)
class Stored:
    """An array of a checkpoint.

    Attributes:
        name: what the names of its chunks begin with.
        header: what it says of itself.
        chunks: its chunks, or where they lie in files, by name; None where each is a file of its own.
        may_lack: whether chunks of nothing but zeros were left out.
    """

    name: str
    header: Header
    chunks: Mapping[str, bytes | Place] | None = None
    may_lack: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.header.shape

    @property
    def dtype(self) -> str:
        return self.header.dtype


@dataclass(frozen=True)
class OrbaxContents(Contents):
    """What a checkpoint says of itself, with the place of each array."""

    places: dict[str, Stored] = field(default_factory=dict, repr=False, compare=False)


def look(path: Path) -> OrbaxContents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where it holds none.

    Args:
        path: its ``_METADATA``.

    Raises:
        SnapshotError: the checkpoint cannot be read.
    """
    if NOT_WEIGHTS.fullmatch(path.parent.name):  # an item of its own beside the weights
        return None
    said = _said(path)
    if said is None:
        return None
    root = _tree(path, said["tree_metadata"])
    wanted = {model: dict(walk(inside, model)) for model, inside in models_in(root).items()}
    leaves = [_leaf(state.get(name)) for state in states_in(root) for name in _STEPS]
    steps = [leaf for leaf in leaves if leaf is not None]
    if not any(wanted.values()):
        return None
    stored, parts = _stored(path, said, {*steps, *(name for names in wanted.values() for name in names.values())})
    counters = _counters(path, [stored[name] for name in steps])
    described = []
    for model, names in wanted.items():
        places = {key: stored[name] for key, name in names.items()}
        if all(key.endswith(f"/{_NNX_LEAF}") for key in places):
            places = {key.removesuffix(f"/{_NNX_LEAF}"): each for key, each in places.items()}
        found = describe(path, places)
        if found is not None:
            known = found.given()
            known["parts"] = tuple(dict.fromkeys([*parts, *_parts(path, places.values())]))[:_MAX_PARTS]
            described.append(OrbaxContents(**{**known, **counters, "format": FORMAT, "model": model}, places=places))
    return replace(described[0], others=tuple(described[1:])) if described else None


def _leaf(value: Any) -> str | None:
    """Return the name that a counter is stored under, itself or within a variable of nnx; None of none."""
    inside = value.get(_NNX_LEAF) if isinstance(value, dict) else value
    return inside if isinstance(inside, str) else None


def _said(path: Path) -> dict[str, Any] | None:
    """Return what ``_METADATA`` says; None where it is not of this format."""
    try:
        with open_regular(path) as file:
            said = json.loads(file.read(MAX_METADATA_BYTES))
    except OSError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})") from error
    return said if isinstance(said, dict) and isinstance(said.get("tree_metadata"), dict) else None


def _tree(path: Path, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was saved: dicts within dicts, with the name that it is stored under for each array."""
    root: dict[str, Any] = {}
    for leaf in leaves.values():
        way, kind = (leaf.get(what) if isinstance(leaf, dict) else None for what in ("key_metadata", "value_metadata"))
        if isinstance(kind, dict) and kind.get("value_type") not in _ARRAYS:
            continue
        names = [step.get("key") if isinstance(step, dict) else None for step in way] if isinstance(way, list) else []
        if not 0 < len(names) <= _MAX_DEPTH or not all(isinstance(name, str | int) for name in names):
            raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})")
        inside = root
        for name in names[:-1]:
            below = inside.setdefault(str(name), {})
            if not isinstance(below, dict):
                break
            inside = below
        else:
            inside.setdefault(str(names[-1]), ".".join(map(str, names)))
    return root


def _stored(path: Path, said: Mapping[str, Any], names: Iterable[str]) -> tuple[dict[str, Stored], list[Path]]:
    """Return where some arrays lie, and the files that say so.

    Raises:
        SnapshotError: one of them is not there, or cannot be read.
    """
    found = {}
    may_lack = said.get("store_array_data_equal_to_fill_value") is not True
    with _Files(path) as files:
        database = files.database(must_be=said.get("use_ocdbt") is True)
        keys = None if database is None else sorted(database)
        for name in sorted(names):
            chunks = None
            if database is not None and keys is not None:
                # Names that begin alike stand together, and the sign behind "/" is "0".
                inside = keys[bisect_left(keys, f"{name}/") : bisect_left(keys, f"{name}0")]
                chunks = {key.removeprefix(f"{name}/"): database[key] for key in inside}
            texts = (files.text(name, text, chunks) for text in HEADERS)
            text = next((each for each in texts if each is not None), None)
            if text is None:
                raise SnapshotError(f"{name!r} in snapshot {str(path)!r} is not whole (copy all of its folder)")
            try:
                found[name] = Stored(name, parse(text), chunks, may_lack)
            except ZarrError as error:
                raise SnapshotError(f"cannot read snapshot {str(path)!r}: {name!r} {error} ({HINT})") from error
        return found, files.opened()


def _counters(path: Path, steps: Sequence[Stored]) -> dict[str, int | None]:
    """Return what the step of a ``TrainState`` tells, beside the number that its folder has.

    A folder's number is a step where the state was not counted on, and an epoch where the step is some times as large:
    then it counts from 1, or from 0.

    Raises:
        SnapshotError: the step is damaged.
    """
    nothing: dict[str, int | None] = {"epoch": None, "iteration": None}
    step = next((each for each in steps if each.shape == () and "int" in each.dtype), None)
    if step is None:
        return nothing
    with _Files(path) as files:
        count = int(_read(path, step.name, step, files))
    names = (path.parent.name, path.parent.parent.name)
    found = next((numbers[-1] for numbers in (re.findall("[0-9]+", name) for name in names) if numbers), None)
    number = None if found is None else int(found[:18])
    if not 0 <= count < 2**53 or (count == 0 and number):
        return nothing
    if number is not None and any(by and count % by == 0 and count > by for by in (number, number + 1)):
        return {"epoch": number, "iteration": count}
    return {"epoch": None, "iteration": count}


def _parts(path: Path, stored: Iterable[Stored]) -> Iterator[Path]:
    """Yield the files that arrays lie in."""
    for each in stored:
        if each.chunks is None:
            chunks = (path.parent / each.name / name for _, name in each.header.names())
            yield from (chunk for chunk in chunks if not each.may_lack or chunk.is_file())
        else:
            yield from (path.parent / place.file for place in each.chunks.values() if isinstance(place, Place))


class _Files:
    """The files of a checkpoint: regular ones in its folder or below."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._open: dict[str, BufferedReader] = {}
        self._texts: list[str] = []

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def database(self, *, must_be: bool) -> dict[str, bytes | Place] | None:
        """Return all names of the database with their values or the places of these; None where there need be none.

        Raises:
            SnapshotError: it cannot be read.
        """
        if not must_be and not (self._path.parent / MANIFEST).exists():
            return None
        try:
            with self._opened(MANIFEST) as file:
                manifest = file.read(MAX_FILE_BYTES)
            self._texts.append(MANIFEST)
            return read_names(manifest, self.at)
        except OcdbtError as error:
            raise SnapshotError(f"cannot read snapshot {str(self._path)!r}: its file {error} ({HINT})") from error
        except OSError as error:
            raise self._unreadable(MANIFEST, error) from error

    def opened(self) -> list[Path]:
        """Return the files that were opened so far, for a part of each or as a text."""
        return [self._path.parent / name for name in (*self._texts, *self._open)]

    def text(self, name: str, text: str, chunks: Mapping[str, bytes | Place] | None) -> bytes | None:
        """Return the text that describes an array, or None where there is none of this name."""
        if chunks is None:
            found = self.file(f"{name}/{text}", MAX_HEADER_BYTES)
            self._texts += [] if found is None else [f"{name}/{text}"]
            return found
        content = chunks.get(text)
        if isinstance(content, Place):
            return self.at(content) if content.size <= MAX_HEADER_BYTES else None
        return content

    def file(self, name: str, most_bytes: int) -> bytes | None:
        """Return a file, or None where there is none.

        Raises:
            SnapshotError: it is larger, or cannot be read.
        """
        try:
            with self._opened(name) as file:
                data = file.read(most_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error
        if len(data) > most_bytes:
            raise self._unreadable(name, OSError(0, f"it has more than {most_bytes} bytes"))
        return data

    def at(self, place: Place) -> bytes:
        """Return a part of a file.

        Raises:
            SnapshotError: it is larger than what is read, or not there.
        """
        try:
            if place.file not in self._open:
                self._open[place.file] = self._stack.enter_context(self._opened(place.file))
            file = self._open[place.file]
            if place.size > _MAX_CHUNK_BYTES or place.start + place.size > file.seek(0, 2):
                raise OSError(0, "it is truncated")
            file.seek(place.start)
            return file.read(place.size)
        except OSError as error:
            raise self._unreadable(place.file, error) from error

    def _opened(self, name: str) -> BufferedReader:
        path = self._path.parent / name
        if not all(map(is_plain_name, name.split("/"))) or not lies_with(path, self._path):
            raise OSError(0, "it lies in no folder of the checkpoint")
        return open_regular(path)

    def _unreadable(self, name: str, error: OSError) -> SnapshotError:
        return SnapshotError(f"cannot read snapshot {str(self._path)!r}: {name!r}: {error.strerror} ({HINT})")


def _read(path: Path, key: str, stored: Stored, files: _Files) -> np.ndarray:
    """Read one array, as it is stored."""
    what = f"{key!r} in snapshot {str(path)!r}"

    def chunk(name: str) -> bytes | None:
        if stored.chunks is None:
            return files.file(f"{stored.name}/{name}", _MAX_CHUNK_BYTES)
        content = stored.chunks.get(name)
        return files.at(content) if isinstance(content, Place) else content

    try:
        return read(
            stored.header,
            chunk,
            lambda unpacked, packed: check_unpacked(what, unpacked, packed),
            may_lack=stored.may_lack,
        )
    except ZarrError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {key!r} {error} ({HINT})") from error


class _Open:
    """The arrays of a checkpoint."""

    def __init__(self, contents: OrbaxContents, files: _Files) -> None:
        self._contents = contents
        self._files = files

    def read(self, key: str) -> np.ndarray:
        """Read one array, as `nnanim.reading.snapshots.contents.Arrays` says."""
        stored = self._contents.places[key]
        numbers = _read(self._contents.path, key, stored, self._files)
        if stored.dtype in FLOAT8:
            return from_float8(numbers, stored.dtype)
        return from_bfloat16(numbers) if stored.dtype == "bfloat16" else modulus(numbers)


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its arrays one at a time."""
    assert isinstance(contents, OrbaxContents)
    with _Files(contents.path) as files:
        yield _Open(contents, files)
