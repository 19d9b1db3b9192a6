"""The order in which the layers of a network follow each other, found by their shapes and names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from nnanim.model.layers import LayerHeader, natural_key, number_in

SEEMS_IN_GROUPS = "by its shape a convolution in groups, or on another branch"
NOT_FOLLOWING = "only layers that follow each other are drawn"
_SEARCH_STEPS = 2000
_MAX_NESTING = 8  # of lists in lists that are looked into
_FIRST_WORDS = frozenset({"enc", "encode", "encoder", "first", "in", "input"})
_LAST_WORDS = frozenset({"dec", "decode", "decoder", "last", "out", "output"})
_TRANSPOSED_NAME = r"deconv|transpose|tconv|upconv|(?:^|[^a-z])dc(?:[^a-z]|$)"

_Port = tuple[int, int]  # dimensions of the weight, neurons or channels


@dataclass(frozen=True)
class Chain:
    """Layers in the order in which they follow each other.

    Attributes:
        layers: the longest chain found, input side first; ``transposed`` is decided.
        left_out: the layers that do not fit into it, each with its reason in ``skipped``.
        ambiguous: True where other orders fit as well and no number in the names decides.
    """

    layers: tuple[LayerHeader, ...]
    left_out: tuple[LayerHeader, ...]
    ambiguous: bool


def chain_layers(layers: Sequence[LayerHeader]) -> Chain:
    """Order layers so that what one puts out is what the next takes in.

    The sizes are the nodes of a graph and the layers its edges; an order is a trail through it. Where several trails
    are as long, names decide: words such as ``encoder`` or ``out`` first, then natural order. The search is exact where
    a trail through all layers exists; elsewhere it is bounded and may miss a longer chain.

    Args:
        layers: in any order; at most ``nnanim.model.layers.MAX_LAYERS`` of them can be drawn.
    """
    names, candidates, in_groups = _candidates(layers)
    chosen = tuple(candidates if _chains(candidates) else _longest(candidates))
    rest = [layer for layer in candidates if layer not in chosen]
    reason = _why_apart(chosen, rest)
    left_out = [layer for layer in layers if not layer.can_be_drawn] + in_groups
    left_out += [replace(layer, skipped=reason) for layer in rest]
    ambiguous = bool(chosen) and (names.unsure or _ambiguous(chosen, candidates, names))
    return Chain(chosen, tuple(sorted(left_out, key=lambda layer: natural_key(layer.key))), ambiguous)


def fit_to_sizes(layers: Sequence[LayerHeader], sizes: Sequence[int]) -> tuple[LayerHeader, ...] | None:
    """Choose layers whose shapes give the declared sizes, or None where there are none.

    Layers of equal shape are taken in natural order of their names.
    """
    _, unused, _ = _candidates(layers)
    chosen: list[LayerHeader] = []
    for size_in, size_out in pairwise(sizes):
        for layer in unused:
            fits = layer.follows(chosen[-1]) if chosen else layer.size_in == size_in
            if fits and layer.size_out == size_out:
                break
        else:
            return None
        unused.remove(layer)
        chosen.append(layer)
    return tuple(chosen)


def _candidates(layers: Sequence[LayerHeader]) -> tuple[_Names, list[LayerHeader], list[LayerHeader]]:
    """Return the names, the layers that may be in the chain in their order, and the convolutions in groups."""
    drawable = [layer for layer in layers if layer.can_be_drawn]
    hinted = [_as(_sounds_transposed(layer), layer) for layer in drawable]
    by_key = {layer.key: layer for layer in drawable}
    in_order = _Names(hinted).sorted(hinted)
    turned = in_order if _chains(in_order) else _turn([by_key[layer.key] for layer in in_order]) or in_order
    names = _Names(turned)
    candidates = names.sorted(turned)
    in_groups = [] if _chains(candidates) else _find_groups(candidates)
    if not in_groups or len(_Search(candidates).longest()) == len(candidates):
        return names, candidates, []
    rest = [layer for layer in candidates if layer not in in_groups]
    return names, rest, [replace(layer, skipped=SEEMS_IN_GROUPS) for layer in in_groups]


def _as(transposed: bool, layer: LayerHeader) -> LayerHeader:
    return replace(layer, transposed=transposed) if layer.is_convolution else layer


def _sounds_transposed(layer: LayerHeader) -> bool:
    if layer.transposed is None:
        return bool(re.search(_TRANSPOSED_NAME, layer.name.lower()))
    return layer.transposed


def _turn(layers: Sequence[LayerHeader]) -> list[LayerHeader] | None:
    """Decide which convolutions are transposed so that all layers follow each other, or None where that cannot be.

    As few as possible are taken for something else than their names say.
    """
    ways: list[tuple[int, list[LayerHeader]]] = [(0, [])]  # how many are, the layers
    for layer in layers:
        told = _sounds_transposed(layer)
        longer = []
        for kind in (False, True) if layer.is_convolution and layer.transposed is None else (told,):
            turned = _as(kind, layer)
            fitting = [(count, way) for count, way in ways if not way or turned.follows(way[-1])]
            if fitting:
                count, way = min(fitting, key=lambda counted: counted[0])
                longer.append((count + (kind != told), [*way, turned]))
        ways = longer
    return min(ways, key=lambda counted: counted[0])[1] if ways else None


def _find_groups(layers: Sequence[LayerHeader]) -> list[LayerHeader]:
    """Return the convolutions in groups: their weight is (out, in / groups, …), so that they take in too little."""
    found = []
    before = None
    for layer in layers:
        if not layer.is_convolution:
            continue
        if before is not None and len(before.shape) == len(layer.shape) and before.size_out > layer.size_in:
            groups, rest = divmod(before.size_out, layer.size_in)
            sources = [other for other in layers if other is not layer and layer.follows(other)]
            if not rest and layer.size_out % groups == 0 and not sources:
                found.append(layer)
        before = layer
    return found


def _why_apart(chosen: Sequence[LayerHeader], rest: Sequence[LayerHeader]) -> str:
    """Say why layers are left out, where convolutions and dense layers do not join."""
    convolutions = [layer for layer in (*chosen, *rest) if layer.is_convolution]
    dense = [layer for layer in (*chosen, *rest) if not layer.is_convolution]
    if convolutions and dense and len({layer.is_convolution for layer in chosen}) == 1:
        last = chosen[-1] if chosen[-1].is_convolution else convolutions[-1]
        first = chosen[0] if not chosen[0].is_convolution else dense[0]
        if first.size_in % last.size_out:
            return (
                f"{first.name!r} takes in {first.size_in} values, no multiple of the {last.size_out} channels"
                f" of {last.name!r}"
            )
    return NOT_FOLLOWING


def _longest(layers: list[LayerHeader]) -> list[LayerHeader]:
    """Return the longest chain, which may leave layers out."""
    longest = _Search(layers).longest()
    if len(longest) == len(layers):
        return longest
    # An EmbedID (vocabulary, size) may look like the last layer; unlike most Linear layers it has no bias.
    with_bias_first = sorted(layers, key=lambda layer: layer.bias_key is None)
    if with_bias_first != layers:
        longest = _Search(with_bias_first).longest()
    # The names' own order leaves the shortcuts of residual blocks out, where a trail would wind through them.
    in_order = _longest_in_order(layers)
    return in_order if len(in_order) >= len(longest) else longest


def _longest_in_order(layers: Sequence[LayerHeader]) -> list[LayerHeader]:
    """Return the longest chain that keeps the order and leaves layers out; of several, the one with earlier layers."""
    chains: list[list[LayerHeader]] = []
    for layer in layers:
        before = max((chain for chain in chains if layer.follows(chain[-1])), key=len, default=[])
        chains.append([*before, layer])
    return max(chains, key=len, default=[])


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
        """Sort by words such as ``encoder`` or ``out`` first, then by the parts of the names.

        Convolutions come before all dense layers: only so can they follow each other.
        """
        return sorted(
            layers,
            key=lambda layer: (not layer.is_convolution, _place(layer.name), self._key(layer.name), layer.key),
        )

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
            if place is not None and number_in(part) > place:
                key.append(((0, 2**63 - number_in(part), ""),))
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
        starts = dict.fromkeys(map(_port_in, self._layers))
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

    def _extend(self, trail: list[LayerHeader], unused: list[LayerHeader], port: _Port, goal: int) -> bool:
        """Lengthen the trail; return True when the search is over."""
        self._steps += 1
        if len(trail) > len(self._best):
            self._best = list(trail)
        if self._steps > _SEARCH_STEPS:
            return True
        possible = len(trail) + _longest_possible(unused, port)
        if possible < goal or possible <= len(self._best):
            return False
        tried = set()
        for layer in unused:
            fits = layer.follows(trail[-1]) if trail else _port_in(layer) == port
            if not fits or _ports(layer) in tried:
                continue
            tried.add(_ports(layer))  # equal sizes lead to the same trails
            rest = [other for other in unused if other is not layer]
            if self._extend([*trail, layer], rest, _port_out(layer), goal):
                return True
        return goal > 1 and len(self._best) >= goal


def _port_in(layer: LayerHeader) -> _Port:
    return len(layer.shape), layer.size_in


def _port_out(layer: LayerHeader) -> _Port:
    return len(layer.shape), layer.size_out


def _ports(layer: LayerHeader) -> tuple[_Port, _Port]:
    return _port_in(layer), _port_out(layer)


def _longest_possible(layers: Sequence[LayerHeader], start: _Port) -> int:
    """Return an upper bound for the number of layers in a trail from a port; exact where it can use them all."""
    leaving: dict[_Port, list[_Port]] = {}
    for layer in layers:
        leaving.setdefault(_port_in(layer), []).append(_port_out(layer))
    maps = _reached(leaving, {start})
    count, surplus = _count(leaving, maps)
    surplus[start] -= 1  # a trail may leave its start once more than it comes back
    possible = count - sum(more for more in surplus.values() if more > 0)
    if start[0] > 2:
        channels = {size for _, size in maps}
        flat = {port for port in leaving if port[0] == 2 and any(port[1] % size == 0 for size in channels)}
        count, surplus = _count(leaving, _reached(leaving, flat))
        # It leads into the dense layers once, wherever that is best.
        possible += count - max(0, sum(more for more in surplus.values() if more > 0) - 1)
    return possible


def _reached(leaving: Mapping[_Port, Sequence[_Port]], starts: Iterable[_Port]) -> set[_Port]:
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        for port in leaving.get(waiting.pop(), ()):
            if port not in reached:
                reached.add(port)
                waiting.append(port)
    return reached


def _count(leaving: Mapping[_Port, Sequence[_Port]], reached: Iterable[_Port]) -> tuple[int, Counter[_Port]]:
    """Return how many layers lead out of ports, and how many more lead out of each than into it."""
    surplus: Counter[_Port] = Counter()
    count = 0
    for tail in reached:
        for head in leaving.get(tail, ()):
            surplus[tail] += 1
            surplus[head] -= 1
            count += 1
    return count, surplus


def _ambiguous(order: Sequence[LayerHeader], candidates: Sequence[LayerHeader], names: _Names) -> bool:
    """Tell whether another order fits as well that the numbers in the names do not rule out."""
    if names.are_numbered(order):
        return False
    if any(
        before.is_convolution and natural_key(after.name) < natural_key(before.name) and not after.is_convolution
        for before, after in pairwise(order)
    ):
        return True  # a generator's first layer is dense and its output reshaped to a map
    groups: dict[tuple[_Port, _Port], list[LayerHeader]] = {}
    for layer in candidates:
        groups.setdefault(_ports(layer), []).append(layer)
    used = set(map(_ports, order))
    if any(not names.are_numbered(names.sorted(group)) for ports, group in groups.items() if ports in used):
        return True
    unused = list(candidates)
    starts = set(map(_port_in, candidates)) - {_port_in(order[0])}
    if any(_longest_possible(unused, start) >= len(order) for start in starts):
        return True
    for index, layer in enumerate(order):
        for other in unused:
            fits = other.follows(order[index - 1]) if index else _port_in(other) == _port_in(layer)
            if fits and _ports(other) != _ports(layer):
                rest = [left for left in unused if left is not other]
                if index + 1 + _longest_possible(rest, _port_out(other)) >= len(order):
                    return True
        unused.remove(layer)
    return False


def _chains(layers: Sequence[LayerHeader]) -> bool:
    return all(after.follows(before) for before, after in pairwise(layers))


def _place(name: str) -> int:
    """Return 0 where a name says that the layer comes early, 2 where late, 1 where it says nothing."""
    for word in re.findall(r"[a-z]+", name.lower()):
        if word in _FIRST_WORDS:
            return 0
        if word in _LAST_WORDS:
            return 2
    return 1


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit()
