"""HDF5 files of ``chainer.serializers.save_hdf5``: groups as the links, datasets ``W``, ``b``, … in them.

Source: ``chainer/serializers/hdf5.py`` of Chainer 7.8. A parameter that was never initialised is an empty dataset.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from nnanim.reading.containers.hdf5 import Dataset
from nnanim.reading.snapshots import keras
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.keras import KerasContents
from nnanim.reading.snapshots.parameters import find_weights

FORMAT = "chainer_hdf5"
_WEIGHT = re.compile(r"(?:^|/)W$")


def look(path: Path, file: io.BufferedIOBase) -> KerasContents | None:
    """Read names and shapes of a snapshot, but no weights; None where no dataset is called ``W``.

    Raises:
        SnapshotError: the file begins as HDF5 and is damaged.
    """
    datasets = dict(_datasets(path, file))
    if not any(_WEIGHT.search(key) and len(dataset.shape) > 1 for key, dataset in datasets.items()):
        return None
    found = find_weights({key: dataset.shape for key, dataset in datasets.items() if dataset.dtype})
    kept = [key for key, dataset in datasets.items() if dataset.dtype]
    return KerasContents(
        path=path,
        format=FORMAT,
        written_by="chainer",
        weights=tuple(header for header in found.weights if header.key in datasets),
        tensors=tuple(ArrayHeader(key, datasets[key].shape, np.dtype(datasets[key].dtype).name) for key in kept),
        convention="chainer",
        turned=found.turned,
        datasets=datasets,
    )


def _datasets(path: Path, file: io.BufferedIOBase) -> Iterator[tuple[str, Dataset]]:
    found = keras.collect(path, file)
    yield from found.datasets.items()


def open_arrays(contents: Contents) -> AbstractContextManager[Arrays]:
    """Open a snapshot to read its datasets one at a time."""
    return keras.open_arrays(contents)
