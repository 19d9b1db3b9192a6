"""Where in a Keras file the tensors of a layer are that its configuration names.

In ``.keras`` files a layer is a group that is called by its class and number, whatever its own name, and its arrays are
numbered. In the older HDF5 format a layer, or a model in a model, is a group whose arrays have the layers' own names.

Source: ``keras/src/saving/saving_lib.py`` and ``keras/src/legacy/saving/legacy_h5_format.py`` of Keras 3.15.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from nnanim.model.layers import natural_key
from nnanim.reading.containers.hdf5 import Dataset, Group
from nnanim.reading.snapshots.keras_graph import Place

_INSIDE = ("layer", "forward_layer", "backward_layer")  # what a wrapper holds
_NUMBERED = {
    "kernel": "vars/0",
    "depthwise": "vars/0",
    "pointwise": "vars/1",
    "cell kernel": "cell/vars/0",
    "cell recurrent": "cell/vars/1",
    "query": "query_dense/vars/0",
    "key": "key_dense/vars/0",
    "value": "value_dense/vars/0",
    "output": "output_dense/vars/0",
}
_NAMED = {
    "kernel": r"(?:kernel|embeddings|depthwise_kernel)",
    "depthwise": "depthwise_kernel",
    "pointwise": "pointwise_kernel",
    "cell kernel": "kernel",
    "cell recurrent": "recurrent_kernel",
    "query": "query/kernel",
    "key": "key/kernel",
    "value": "value/kernel",
    "output": "attention_output/kernel",
}
_PARTS = ("query", "key", "value", "output", "attention_output")
_Key = tuple[int, int, tuple[tuple[int, int, str], ...]]


class GroupNames:
    """Names in ``.keras`` files."""

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        self._datasets = datasets

    def find(self, place: Place, part: str) -> str | None:
        """Return the key of a part of a layer, or None where the file has none with two axes or more."""
        key = f"{_path(place)}/{_NUMBERED[part]}"
        return key if key in self._datasets and len(self._datasets[key].shape) > 1 else None

    def order(self, places: Sequence[Place]) -> Callable[[str], _Key]:
        """Return the sort key of an array's key: by the layers' order in the model."""
        at = {_path(place): index for index, place in reversed(list(enumerate(places)))}

        def place_of(key: str) -> _Key:
            parts = key.split("/")
            starts = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
            index = next((at[start] for start in starts if start in at), len(at))
            return index, _part_of(parts), natural_key(key)

        return place_of


class OldNames:
    """Names in the older HDF5 format."""

    def __init__(self, start: str, groups: Mapping[str, Group], datasets: Mapping[str, Dataset]) -> None:
        """Take what stands before the layers' names, and what is in the file."""
        self._datasets = datasets
        told = groups.get(start.rstrip("/")) or Group()
        self._weights: dict[str, tuple[str, ...]] = {}
        for layer in told.attributes.get("layer_names", ()):
            group = groups.get(start + layer)
            names = group.attributes.get("weight_names", ()) if group else ()
            self._weights[layer] = tuple(f"{start}{layer}/{name}" for name in names)
        self._start = start
        self._at = {key: index for index, key in enumerate(key for keys in self._weights.values() for key in keys)}

    def find(self, place: Place, part: str) -> str | None:
        """Return the key of a part of a layer, or None where the file has none with two axes or more, or several."""
        outer, inner = place.names[0], place.names[-1]
        way = next((group.removesuffix("layer") for group in place.groups[-1:] if group in _INSIDE[1:]), "")
        pattern = re.compile(rf"(?:^|.*/){way}(?:.*/)?{_NAMED[part]}(?::[0-9]+)?")
        found = []
        for key in self._weights.get(outer, ()):
            weight = key.removeprefix(f"{self._start}{outer}/")
            is_inside = len(place.names) == 1 or inner in weight.split("/")
            if is_inside and pattern.fullmatch(weight) and key in self._datasets:
                found.append(key)
        return found[0] if len(found) == 1 and len(self._datasets[found[0]].shape) > 1 else None

    def order(self, _places: Sequence[Place]) -> Callable[[str], _Key]:
        """Return the sort key of an array's key: as the file lists them."""
        return lambda key: (self._at.get(key, len(self._at)), 0, natural_key(key))


def _path(place: Place) -> str:
    return "/".join(group if group in _INSIDE else f"layers/{group}" for group in place.groups)


def _part_of(parts: Sequence[str]) -> int:
    names = [part.strip("_").removesuffix("_dense") for part in parts]
    return next((_PARTS.index(name) for name in reversed(names) if name in _PARTS), 0)
