"""HDF5 files of any naming, as scripts write them with h5py: datasets such as ``fc1/weight`` or ``dense/kernel:0``."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from nnanim.reading.snapshots import keras
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.keras import KerasContents
from nnanim.reading.snapshots.parameters import find_weights, is_weight_name

FORMAT = "hdf5"
_SUFFIX = re.compile(r":[0-9]+$")  # TensorFlow's
_KERNEL = re.compile(r"(?:^|[/_])kernel$")


def look(path: Path, file: io.BufferedIOBase) -> KerasContents | None:
    """Read names and shapes of a snapshot, but no weights; None where no dataset is named like a weight.

    Raises:
        SnapshotError: the file is damaged.
    """
    found = keras.collect(path, file).datasets
    keys = {_SUFFIX.sub("", key): key for key, dataset in found.items() if dataset.dtype}
    shapes = {name: found[key].shape for name, key in keys.items() if found[key].dtype[1:] in ("f2", "f4", "f8")}
    shapes = {name: shape for name, shape in shapes.items() if len(shape) < 2 or is_weight_name(name)}
    is_of_keras = any(_KERNEL.search(name) for name in shapes)
    parameters = find_weights(shapes, kernels=is_of_keras)
    if not parameters.weights:
        return None
    return KerasContents(
        path=path,
        format=FORMAT,
        weights=tuple(
            replace(each, key=keys[each.key], bias_key=each.bias_key and keys[each.bias_key])
            for each in parameters.weights
            if not each.members
        ),
        tensors=tuple(
            ArrayHeader(keys[name], shape, np.dtype(found[keys[name]].dtype).name) for name, shape in shapes.items()
        ),
        convention="keras" if is_of_keras else "numpy",
        turned=frozenset(keys[name] for name in parameters.turned),
        datasets=found,
    )


def open_arrays(contents: Contents) -> AbstractContextManager[Arrays]:
    """Open a snapshot to read its datasets one at a time."""
    return keras.open_arrays(contents)
