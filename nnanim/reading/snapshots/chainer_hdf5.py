"""What Chainer's ``serializers.save_hdf5`` writes: groups are the links, and W and b datasets in them, packed by gzip.

Source: ``chainer/serializers/hdf5.py`` of Chainer 7.8.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.containers.hdf5 import Dataset, Hdf5Error, Hdf5File
from nnanim.reading.containers.npz_archive import ArrayHeader
from nnanim.reading.snapshots import chainer
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.reading.snapshots.to_layers import read_layers

FORMAT = "chainer-hdf5"
HINT = "Chainer's save_hdf5 writes a group for each link"


@dataclass(frozen=True)
class Hdf5Contents(Contents):
    """What such a file says of itself, with the place of each array."""

    datasets: dict[str, Dataset] = field(default_factory=dict, repr=False, compare=False)


class _Datasets(Mapping[str, np.ndarray]):
    """The datasets of numbers in a file by key, as `chainer.scan_all` wants them."""

    def __init__(self, path: Path, hdf5: Hdf5File) -> None:
        self.path = path
        self._hdf5 = hdf5
        # A link that was not used yet has datasets of nothing.
        self.datasets = {
            name: item
            for name, item in hdf5.walk()
            if isinstance(item, Dataset) and item.dtype and item.is_stored and len(name) <= chainer.MAX_KEY_LENGTH
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    def __len__(self) -> int:
        return len(self.datasets)

    def __getitem__(self, key: str) -> np.ndarray:
        return self._hdf5.read(self.datasets[key])

    def header(self, key: str) -> ArrayHeader:
        return ArrayHeader(np.dtype(self.datasets[key].dtype), self.datasets[key].shape)

    number_header = header

    def small_arrays(self, keys: Iterable[str]) -> None:
        """Keep none: they are read again."""


def look(path: Path, file: BufferedIOBase) -> Hdf5Contents | None:
    """Read counters, names and shapes of a snapshot, but no weights; None where it is not Chainer's.

    Raises:
        SnapshotError: the file is damaged.
    """
    try:
        archive = _Datasets(path, Hdf5File(file))
        if not any(chainer.is_weight(key) for key in archive):
            return None
        found = chainer.scan_all(archive)
    except Hdf5Error as error:
        raise SnapshotError(f"snapshot {str(path)!r} {error} ({HINT})") from error
    except OSError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
    return _with_places(found, archive.datasets)


def _with_places(contents: Contents, datasets: dict[str, Dataset]) -> Hdf5Contents:
    said = {each.name: getattr(contents, each.name) for each in fields(Contents)}
    others = tuple(_with_places(other, datasets) for other in contents.others)
    return Hdf5Contents(**said | {"format": FORMAT, "written_by": "chainer", "others": others}, datasets=datasets)


def read(contents: Contents, layers: Sequence[LayerHeader], shape: Sequence[int] | None = None) -> list[Layer]:
    """Read the weights of a snapshot, as `nnanim.reading.snapshots.to_layers.read_layers` says."""
    return read_layers(contents, layers, shape, read_arrays)


def read_arrays(contents: Contents, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Read arrays of a snapshot as they are in the file.

    Raises:
        SnapshotError: the file cannot be read.
    """
    with open_arrays(contents) as arrays:
        return {key: arrays.read(key) for key in keys}


class _Open:
    """The datasets of an open file."""

    def __init__(self, contents: Hdf5Contents, hdf5: Hdf5File) -> None:
        self._contents = contents
        self._hdf5 = hdf5

    def read(self, key: str) -> np.ndarray:
        """Read one dataset, as `nnanim.reading.snapshots.contents.Arrays` says."""
        path = str(self._contents.path)
        try:
            return self._hdf5.read(self._contents.datasets[key])
        except Hdf5Error as error:
            raise SnapshotError(f"snapshot {path!r} {error} ({HINT})") from error
        except OSError as error:
            raise SnapshotError(f"cannot read snapshot {path!r}: {error.strerror} ({HINT})") from error


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its datasets one at a time.

    Raises:
        SnapshotError: the file cannot be read.
    """
    assert isinstance(contents, Hdf5Contents)
    try:
        file = contents.path.open("rb")
    except OSError as error:
        raise SnapshotError(f"cannot read snapshot {str(contents.path)!r}: {error.strerror} ({HINT})") from error
    with file:
        try:
            hdf5 = Hdf5File(file)
        except Hdf5Error as error:
            raise SnapshotError(f"snapshot {str(contents.path)!r} {error} ({HINT})") from error
        yield _Open(contents, hdf5)
