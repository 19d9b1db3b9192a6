"""The weights between two layers of neurons, and the order in which the layers follow each other."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnanim.errors import OptionError

MAX_LAYERS = 256
_SEARCH_STEPS = 2000
_MAX_NESTING = 8  # of lists in lists that are looked into
_FIRST_WORDS = frozenset({"enc", "encode", "encoder", "first", "in", "input"})
_LAST_WORDS = frozenset({"dec", "decode", "decoder", "last", "out", "output"})


@dataclass(frozen=True, eq=False)
class Layer:
    """The trained parameters of one layer.

    Attributes:
        name: name of the layer in the model, e.g. ``"l1"``; nested layers are joined by ``/``.
        key: name of the weight in the snapshot file.
        weight: (out, in) float32.
        bias: (out,) float32, or None where the layer has none.
    """

    name: str
    key: str
    weight: np.ndarray
    bias: np.ndarray | None = None


@dataclass(frozen=True)
class LayerHeader:
    """What a snapshot says of one layer before its weights are read.

    Attributes:
        name: name of the layer in the model, e.g. ``"l1"``; nested layers are joined by ``/``.
        key: name of the weight in the snapshot file.
        shape: shape of the weight, (out, in) for a layer that can be drawn.
        bias_key: name of the bias in the snapshot file, or None where the layer has none.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    bias_key: str | None = None


@dataclass(frozen=True)
class Chain:
    """Layers in the order in which they follow each other.

    Attributes:
        layers: the longest chain found, input side first.
        left_out: the layers that do not fit into it.
        ambiguous: True where other orders fit as well and no number in the names decides.
    """

    layers: tuple[LayerHeader, ...]
    left_out: tuple[LayerHeader, ...]
    ambiguous: bool


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that compares digits in a text by their value: ``l2`` comes before ``l10``."""
    parts = re.split(r"([0-9]+)", text)
    key = [(0, _number(part), part) if index % 2 else (1, 0, part) for index, part in enumerate(parts) if part]
    return tuple(key)


def sizes_of(layers: Sequence[LayerHeader]) -> tuple[int, ...]:
    """Return the layer sizes of a chain, input side first: ``(4, 5, 5, 5, 3)``."""
    return (layers[0].shape[1], *(layer.shape[0] for layer in layers))


def check_sizes(shape: Iterable[int]) -> tuple[int, ...]:
    """Return the declared layer sizes as a tuple of integers.

    Raises:
        OptionError: there are fewer than two sizes, or one is no integer or less than 1.
    """
    given = tuple(shape)
    sizes = []
    for size in given:
        try:
            sizes.append(operator.index(size))
        except TypeError:
            raise OptionError(f"shape {given!r} has the size {size!r} (every size must be an integer)") from None
    if len(sizes) < 2:
        raise OptionError(f"shape {given!r} has too few sizes (at least two are needed, such as 4,5,3)")
    for size in sizes:
        if size < 1:
            raise OptionError(f"shape {given!r} has the size {size!r} (every size must be at least 1)")
    return tuple(sizes)


def fit_to_sizes(layers: Sequence[LayerHeader], sizes: Sequence[int]) -> tuple[LayerHeader, ...] | None:
    """Choose layers whose shapes give the declared sizes, or None where there are none.

    Layers of equal shape are taken in natural order of their names.
    """
    flat = [layer for layer in layers if len(layer.shape) == 2]
    unused = _Names(flat).sorted(flat)
    chosen = []
    for size_in, size_out in pairwise(sizes):
        fitting = next((layer for layer in unused if layer.shape == (size_out, size_in)), None)
        if fitting is None:
            return None
        unused.remove(fitting)
        chosen.append(fitting)
    return tuple(chosen)


def chain_layers(layers: Sequence[LayerHeader]) -> Chain:
    """Order layers so that what one puts out is what the next takes in.

    The sizes are the nodes of a graph and the layers its edges; an order is a trail through it. Where several trails
    are as long, names decide: words such as ``encoder`` or ``out`` first, then natural order. The search is exact where
    a trail through all layers exists; elsewhere it is bounded and may miss a longer chain.

    Args:
        layers: at most ``MAX_LAYERS`` layers with two-dimensional shapes, in any order.
    """
    names = _Names(layers)
    candidates = names.sorted(layers)
    chosen = tuple(candidates if _chains(candidates) else _Search(candidates).longest())
    if len(chosen) < len(candidates):
        # An EmbedID (vocabulary, size) may look like the last layer; unlike most Linear layers it has no bias.
        with_bias_first = sorted(candidates, key=lambda layer: layer.bias_key is None)
        chosen = tuple(_Search(with_bias_first).longest())
    left_out = tuple(layer for layer in candidates if layer not in chosen)
    return Chain(chosen, left_out, names.unsure or _ambiguous(chosen, candidates, names))


class _Names:
    """What names say about the order of layers: words, numbers, and the places of links in a list.

    A ``ChainList`` numbers its links in order. A ``Sequential`` (Chainer issue 6053) does so for those up to the first
    link's place among its functions and links, then backwards: 0, 4, 3, 2, 1. Which of the two a list is shows in the
    shapes; it is unsure where both orders fit.
    """

    _FIRST_PLACES = (None, 0, 1, 2)  # None: numbered in order

    def __init__(self, layers: Iterable[LayerHeader]) -> None:
        self.unsure = False
        self._first_place: dict[tuple[str, ...], int | None] = {}
        members: dict[tuple[str, ...], list[LayerHeader]] = {}
        for layer in layers:
            parts = tuple(layer.name.split("/", _MAX_NESTING))
            for index, part in enumerate(parts):
                if _is_number(part):
                    members.setdefault(parts[:index], []).append(layer)
        for parent in sorted(members, key=len, reverse=True):
            fitting: list[tuple[int | None, list[LayerHeader]]] = []
            for place in self._FIRST_PLACES:
                self._first_place[parent] = place
                order = self.sorted(members[parent])
                if _chains(order) and all(order != other for _, other in fitting):
                    fitting.append((place, order))
            self._first_place[parent] = fitting[0][0] if fitting else None
            self.unsure = self.unsure or len(fitting) > 1

    def sorted(self, layers: Iterable[LayerHeader]) -> list[LayerHeader]:
        """Sort by words such as ``encoder`` or ``out`` first, then by the parts of the names."""
        return sorted(layers, key=lambda layer: (_place(layer.name), self._key(layer.name), layer.key))

    def are_numbered(self, layers: Sequence[LayerHeader]) -> bool:
        """Tell whether the names differ by numbers alone, which agree with the order."""
        if len({re.sub(r"[0-9]+", "#", layer.name) for layer in layers}) > 1:
            return False
        return all(self._key(before.name) < self._key(after.name) for before, after in pairwise(layers))

    def _key(self, name: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
        parts = tuple(name.split("/", _MAX_NESTING))
        key: list[tuple[tuple[int, int, str], ...]] = []
        for index, part in enumerate(parts):
            place = self._first_place.get(parts[:index]) if _is_number(part) else None
            if place is not None and _number(part) > place:
                key.append(((0, 2**63 - _number(part), ""),))
            else:
                key.append(natural_key(part))
        return tuple(key)


class _Search:
    """Depth-first search for the longest trail, cut where the rest cannot be long enough."""

    def __init__(self, layers: Sequence[LayerHeader]) -> None:
        self._layers = layers
        self._steps = 0
        self._best: list[LayerHeader] = []

    def longest(self) -> list[LayerHeader]:
        # First only what could not be longer (exact where a trail through all layers exists), then anything.
        starts = dict.fromkeys(layer.shape[1] for layer in self._layers)
        ideal = max((_longest_possible(self._layers, start) for start in starts), default=0)
        for goal in (ideal, 1):
            self._steps = 0
            for start in starts:
                self._extend([], list(self._layers), start, goal)
                if len(self._best) >= ideal or self._steps > _SEARCH_STEPS:
                    break
            if len(self._best) >= goal:
                break
        return self._best

    def _extend(self, trail: list[LayerHeader], unused: list[LayerHeader], size: int, goal: int) -> bool:
        """Lengthen the trail; return True when the search is over."""
        self._steps += 1
        if len(trail) > len(self._best):
            self._best = list(trail)
        if self._steps > _SEARCH_STEPS:
            return True
        possible = len(trail) + _longest_possible(unused, size)
        if possible < goal or possible <= len(self._best):
            return False
        tried = set()
        for layer in unused:
            if layer.shape[1] != size or layer.shape in tried:
                continue
            tried.add(layer.shape)  # an equal shape leads to the same trails
            rest = [other for other in unused if other is not layer]
            if self._extend([*trail, layer], rest, layer.shape[0], goal):
                return True
        return goal > 1 and len(self._best) >= goal


def _longest_possible(layers: Sequence[LayerHeader], start: int) -> int:
    """Return an upper bound for the number of layers in a trail from a size; exact where it can use them all."""
    leaving: dict[int, list[int]] = {}
    for layer in layers:
        leaving.setdefault(layer.shape[1], []).append(layer.shape[0])
    reached = {start}
    waiting = [start]
    while waiting:
        for size in leaving.get(waiting.pop(), ()):
            if size not in reached:
                reached.add(size)
                waiting.append(size)
    surplus = Counter({start: -1})
    count = 0
    for tail in reached:
        for head in leaving.get(tail, ()):
            surplus[tail] += 1
            surplus[head] -= 1
            count += 1
    return count - sum(more for more in surplus.values() if more > 0)


def _ambiguous(order: Sequence[LayerHeader], candidates: Sequence[LayerHeader], names: _Names) -> bool:
    """Tell whether another order fits as well that the numbers in the names do not rule out."""
    if names.are_numbered(order):
        return False
    groups: dict[tuple[int, ...], list[LayerHeader]] = {}
    for layer in candidates:
        groups.setdefault(layer.shape, []).append(layer)
    used = {layer.shape for layer in order}
    if any(not names.are_numbered(names.sorted(group)) for shape, group in groups.items() if shape in used):
        return True
    unused = list(candidates)
    starts = {layer.shape[1] for layer in candidates} - {order[0].shape[1]}
    if any(_longest_possible(unused, start) >= len(order) for start in starts):
        return True
    for index, layer in enumerate(order):
        for other in unused:
            if other.shape[1] == layer.shape[1] and other.shape != layer.shape:
                rest = [left for left in unused if left is not other]
                if index + 1 + _longest_possible(rest, other.shape[0]) >= len(order):
                    return True
        unused.remove(layer)
    return False


def _chains(layers: Sequence[LayerHeader]) -> bool:
    return all(before.shape[0] == after.shape[1] for before, after in pairwise(layers))


def _place(name: str) -> int:
    """Return 0 where a name says that the layer comes early, 2 where late, 1 where it says nothing."""
    for word in re.findall(r"[a-z]+", name.lower()):
        if word in _FIRST_WORDS:
            return 0
        if word in _LAST_WORDS:
            return 2
    return 1


def _number(digits: str) -> int:
    # int() refuses texts of many thousand digits; a name is compared by its first ones then.
    return int(digits[:1000]) if digits else 0


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit()
