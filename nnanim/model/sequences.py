"""The orders in which layers can follow each other, as far as files, sizes and names tell."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nnanim.model import role_table as names
from nnanim.model.branches import sign_of_blocks, words_of
from nnanim.model.layers import natural_key
from nnanim.model.tensors import Tensor

_FIRST = frozenset(
    {"enc", "encode", "encoder", "first", "in", "inp", "input", "stem", "features", "backbone", "bottom"}
)
_LAST = frozenset({"dec", "decode", "decoder", "last", "out", "output", "head", "classifier", "top", "final"})
_MIDDLE = frozenset({"hidden", "hid", "middle", "mid", "body"})
_PLAIN_LAST = frozenset({"fc", "linear", "lin", "dense", "logits", "score", "regressor"})
_COLOURS = 4
_NUMBER_WORDS = re.compile(
    r"(?<![a-z])(?:one|two|three|four|five|six|first|second|third|fourth|fifth|sixth)(?![a-z])", re.IGNORECASE
)
_UNNUMBERED = re.compile(r"_?#$")
_MAX_STEPS = 2000
_MAX_NESTING = 8
_MANY = "the layers fit in several orders"
_OTHER_NUMBERS = "the numbers in the names are in another order than the layers in the file"
_NONE = "what one layer puts out is not what the next takes in"


def follows(before: Tensor, after: Tensor) -> bool:
    """Tell whether a layer can take in what another puts out.

    A dense layer behind a convolution takes in the flattened map, some values for each channel; a convolution behind a
    dense layer the same the other way round, as in a generator.
    """
    if before.is_convolution and not after.is_convolution:
        return before.role != names.TRANSPOSED and after.size_in % before.size_out == 0
    if after.is_convolution and not before.is_convolution:
        is_picture = after.size_in <= _COLOURS and after.role != names.TRANSPOSED  # it comes in from outside
        return not is_picture and before.size_out % after.size_in == 0 and before.size_out > after.size_in
    return len(before.shape) == len(after.shape) and before.size_out == after.size_in


class Orders:
    """The orders that fit all layers.

    Attributes:
        found: each as the layers in order; one where the order is known, two or more where several fit.
        reason: why there is not exactly one.
    """

    def __init__(self, layers: Sequence[Tensor], *, convention: str, is_ordered: bool) -> None:
        self._convention = convention
        self.found: list[tuple[Tensor, ...]] = []
        self.reason: str = _NONE
        self._steps = 0
        if is_ordered:
            turned = _turned(layers)
            if turned is None:
                self._by_sizes(layers)
            elif _numbers_disagree(layers):
                self.reason = _OTHER_NUMBERS
            else:
                self.found = [turned]
        else:
            self._by_names(layers)
        beside = _beside(self.found[0]) or sign_of_blocks(self.found[0]) if self.found else ""
        if len(self.found) > 1:
            self.reason = _MANY
        elif beside:
            self.found, self.reason = [], beside
        elif self.found and _may_be_side_by_side(self.found[0]):
            self.found, self.reason = [], "convolutions of equal sizes may stand side by side"

    def _by_sizes(self, layers: Sequence[Tensor]) -> None:
        """Put layers in order whose sizes are all different: each size is put out once and taken in once."""
        path = _only_path(layers)
        if path is not None and not _numbers_disagree(path):
            self.found = [path]

    def _by_names(self, layers: Sequence[Tensor]) -> None:
        """Try the orders that numbers, first and last words in the names leave open."""
        for order in self._orders(list(layers), 0):
            turned = _turned(order)
            if turned is not None and all(_keys(turned) != _keys(other) for other in self.found):
                self.found.append(turned)
            if len(self.found) > 1:
                break
        if self._steps > _MAX_STEPS:
            self.found, self.reason = [], "too many orders are possible"
        elif not self.found:
            self._by_sizes(layers)

    def _orders(self, layers: list[Tensor], depth: int) -> Iterator[list[Tensor]]:
        """Yield the orders of layers below a module: numbered children by number, others in each way that fits."""
        children: dict[str, list[Tensor]] = defaultdict(list)
        for layer in layers:
            children[".".join(layer.full_name.split(".")[: depth + 1])].append(layer)
        if len(layers) == 1 or depth > _MAX_NESTING:
            yield layers
        elif len(children) == 1:
            yield from self._orders(layers, depth + 1)
        else:
            families: dict[str, list[str]] = defaultdict(list)
            for child in children:
                families[re.sub(r"[0-9]+", "#", child.rpartition(".")[2])].append(child)
            yield from self._arranged([], list(families.values()), children, depth)

    def _arranged(
        self, before: list[Tensor], families: list[list[str]], children: dict[str, list[Tensor]], depth: int
    ) -> Iterator[list[Tensor]]:
        """Yield the orders of families of children: first words first, last words last, the others in any."""
        if not families:
            yield before
            return
        nearest = min(map(_place, families))
        for place, family in enumerate(families):
            if _place(family) != nearest:
                continue
            for way in self._numbered(family):
                for together in self._joined(before, [children[name] for name in way], depth + 1):
                    yield from self._arranged(together, families[:place] + families[place + 1 :], children, depth)

    def _joined(self, before: list[Tensor], groups: list[list[Tensor]], depth: int) -> Iterator[list[Tensor]]:
        """Yield the layers before with those of groups behind them, where they follow each other."""
        if not groups:
            yield before
            return
        for order in self._orders(groups[0], depth):
            self._steps += 1
            together = [*before, *order]
            if self._steps > _MAX_STEPS:
                return
            if _turned(together) is not None:
                yield from self._joined(together, groups[1:], depth)

    def _numbered(self, names: list[str]) -> list[list[str]]:
        """Return the orders that numbered children can have.

        A ``ChainList`` of Chainer numbers its links in order; a ``Sequential`` (Chainer issue 6053) does so for those
        up to the first link's place among its functions and links, then backwards: 0, 4, 3, 2, 1.
        """
        ascending = sorted(names, key=natural_key)
        if self._convention != "chainer" or not all(name.rpartition(".")[2].isdecimal() for name in names):
            return [ascending]
        ways = [ascending]
        for place in range(3):
            upto = [name for name in ascending if int(name.rpartition(".")[2][:9]) <= place]
            way = upto + [name for name in reversed(ascending) if name not in upto]
            ways += [way] if way not in ways else []
        return ways


def _place(family: Sequence[str]) -> int:
    """Return 0 for names with a word such as encoder, 2 for one such as decoder, else 1."""
    words = set(words_of(family[0].rpartition(".")[2]))
    return 0 if words & _FIRST else 2 if words & _LAST else 1


def _keys(layers: Sequence[Tensor]) -> list[str]:
    return [layer.key for layer in layers]


def _turned(layers: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
    """Decide which convolutions are transposed so that all layers follow each other, or None where that cannot be.

    As few as possible are taken for something else than their names and biases say.
    """
    ways: list[tuple[int, list[Tensor]]] = [(0, [])]
    for layer in layers:
        longer = []
        for changes, turned in ((0, layer), (1, layer.other_way())):
            fitting = [way for way in ways if turned is not None and (not way[1] or follows(way[1][-1], turned))]
            if fitting and turned is not None:
                count, way = min(fitting, key=lambda counted: counted[0])
                longer.append((count + changes, [*way, turned]))
        ways = longer
    return tuple(min(ways, key=lambda counted: counted[0])[1]) if ways else None


def _only_path(layers: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
    """Return the layers in order where each can follow one other only, or None."""
    after = {layer.key: [other for other in layers if other is not layer and follows(layer, other)] for layer in layers}
    heads = Counter(other.key for others in after.values() for other in others)
    starts = [layer for layer in layers if not heads[layer.key]]
    if len(starts) != 1 or any(len(others) > 1 for others in after.values()) or max(heads.values(), default=0) > 1:
        return None
    path = [starts[0]]
    while after[path[-1].key] and len(path) <= len(layers):
        path.append(after[path[-1].key][0])
    return tuple(path) if len(path) == len(layers) else None


def _numbers_disagree(layers: Sequence[Tensor]) -> bool:
    """Tell whether names that differ by numbers alone are in another order than their numbers."""
    last: dict[str, tuple[tuple[int, int, str], ...]] = {}
    for layer in layers:
        stem, key = re.sub(r"[0-9]+", "#", layer.full_name), natural_key(layer.full_name)
        if stem in last and key < last[stem]:
            return True
        last[stem] = key
    return False


def _beside(layers: Sequence[Tensor]) -> str:
    """Tell which layer may take in what an earlier one takes in, where no name says that it follows the one before.

    Where sizes repeat, they fit branches as well as a sequence.
    """
    sizes = [(layer.is_convolution, layer.size_in, layer.size_out) for layer in layers]
    for length in range(2, len(layers) // 2 + 1):
        is_repeated = sizes == sizes[:length] * (len(sizes) // length)
        if is_repeated and len(set(sizes)) > 1:
            return f"the sizes of the first {length} layers come again, as in networks beside each other"
    families = Counter(_stem(layer.full_name) for layer in layers)
    for place in range(1, len(layers)):
        before, layer = layers[place - 1], layers[place]
        earlier = {each[:2] for each in sizes[:place]}
        is_end = place == len(layers) - 1
        # As wide at its end as before: what comes behind may take in a sum of both.
        is_square = not is_end and layer.size_in == layer.size_out and before.is_convolution == layer.is_convolution
        may_be_beside = sizes[place][:2] in earlier or is_square
        if not may_be_beside or (before.is_convolution and not layer.is_convolution):
            continue
        may_be_shortcut = _may_be_shortcut(layers[:place], layer)
        is_next = _is_next(before.full_name, layer.full_name, families, is_end=is_end and not may_be_shortcut)
        if not is_next or (may_be_shortcut and _is_counted(layer)):
            return f"{before.full_name!r} and {layer.full_name!r} may stand beside each other, as far as sizes tell"
    return ""


def _may_be_shortcut(before: Sequence[Tensor], last: Tensor) -> bool:
    """Tell whether the last layer may lead around those before: one pixel wide, from and to as many channels."""
    is_pointwise = last.is_convolution and set(last.kernel) == {1} and set(before[-1].kernel) != {1}
    return (
        is_pointwise
        and before[-1].size_out == last.size_out
        and any(each.is_convolution and each.size_in == last.size_in for each in before)
    )


def _is_counted(layer: Tensor) -> bool:
    """Tell whether a name has a number that counts the layers of its kind as they are made, as Flax and Keras do.

    Source: https://flax.readthedocs.io/en/latest/api_reference/flax.linen/module.html, ``Conv_0``, ``Conv_1``.
    """
    return re.fullmatch(r"[A-Za-z0-9]*[a-z0-9]_[0-9]+", layer.full_name.rpartition(".")[2]) is not None


def _is_next(before: str, after: str, families: Counter[str], *, is_end: bool) -> bool:
    """Tell whether names say that a layer comes behind another: by numbers, or words such as in, hidden and out."""
    one, two = next(
        (pair for pair in zip(before.split("."), after.split("."), strict=False) if pair[0] != pair[1]), ("", "")
    )
    # Keras counts layers of a kind as dense, dense_1, dense_2.
    if one != two and _UNNUMBERED.sub("", _stem(one)) == _UNNUMBERED.sub("", _stem(two)):
        return True
    words_one, words_two = set(words_of(one)), set(words_of(two))
    if one != two and _NUMBER_WORDS.search(one) and _NUMBER_WORDS.sub("#", one) == _NUMBER_WORDS.sub("#", two):
        return not words_one & {"input", "inputs", "output", "outputs", "view", "modality"}
    if (words_one & _FIRST and not words_two & _FIRST) or (words_two & _LAST and not words_one & _LAST):
        return True
    is_hidden = bool(words_one & _MIDDLE or words_two & _MIDDLE)
    return is_hidden or (is_end and (two.lower() in _PLAIN_LAST or families[_stem(before)] > 1))


def _stem(name: str) -> str:
    return re.sub(r"[0-9]+", "#", name)


def _may_be_side_by_side(layers: Sequence[Tensor]) -> bool:
    """Tell whether convolutions of equal sizes and other kernels may be concatenated, as in a network for texts.

    Source: Kim 2014, Convolutional neural networks for sentence classification: kernels of 3, 4 and 5 words.
    """
    for before, after in pairwise(layers):
        if before.is_convolution and not after.is_convolution:
            equal = [
                layer
                for layer in layers
                if layer.is_convolution and (layer.size_in, layer.size_out) == (before.size_in, before.size_out)
            ]
            kernels = {layer.kernel for layer in equal}
            if len(equal) > 1 and len(kernels) == len(equal) and after.size_in == len(equal) * before.size_out:
                return True
    return False
