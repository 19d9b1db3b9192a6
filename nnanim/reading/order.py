"""In which order the layers of a snapshot are drawn: as its file, names and sizes, or the user, tell; else in none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from nnanim.model.layer_chain import Chain, fit_to_sizes
from nnanim.model.layer_choice import choose_layers, order_layers
from nnanim.model.layers import MAX_LAYERS, LayerHeader
from nnanim.reading.listing import LISTED, more
from nnanim.reading.snapshots.contents import Contents

_BRANCH = re.compile(r"[a-z0-9_]*(?:branch|tower|stream|pathway|expert)[^./]*")
NO_SEQUENCE = "it is not known what it takes in and leads to: not all layers are one plain sequence"
NO_EDGES = "a weight that can be drawn is (out, in) or (out, in, kernel …)"


def find_order(first: Contents, names: Sequence[str] | None, sizes: Sequence[int] | None, notes: list[str]) -> Chain:
    """Put the layers of a snapshot in order, where it is known; else the chain has none.

    Args:
        first: what the snapshot says of itself.
        names: names of the layers to draw, input side first, or None.
        sizes: declared sizes of the layers; they decide where nothing else does and they fit in one way.
        notes: what a user should be told is added.

    Raises:
        OptionError: there are no such layers, or they do not follow each other.
    """
    said: list[str] = []
    chain = _order(first, names, said)
    declared = fit_to_sizes(first.weights, sizes) if sizes is not None and not chain.layers else None
    if declared is not None and _is_only_way(declared, [header for header in first.weights if header.can_be_drawn]):
        keys = {header.key for header in declared}
        return Chain(declared, tuple(header for header in first.weights if header.key not in keys), False)
    notes += said
    return chain


def _order(first: Contents, names: Sequence[str] | None, notes: list[str]) -> Chain:
    where = str(first.path)
    drawable = [header for header in first.weights if header.can_be_drawn]
    if len(drawable) > MAX_LAYERS and not names:
        notes.append(f"{where!r} has {len(drawable)} layers (at most {MAX_LAYERS} can be put in order)")
        return Chain((), first.weights, False)
    if not drawable and not names:
        notes.append(f"no layers in {where!r} that follow each other")
        return Chain((), first.weights, False)
    if first.connections is not None and not names:
        return _order_told(first, notes)
    chain = choose_layers(first, names) if names else order_layers(first)
    if not names and (chain.left_out or _has_other_weights(first) or _are_side_by_side(chain.layers)):
        apart = tuple(replace(header, skipped=NO_SEQUENCE) for header in chain.layers)
        chain = Chain((), (*apart, *chain.left_out), False)
    for reason, headers in _by_reason(chain.left_out).items():
        notes.append(f"layers not drawn: {_shapes(headers)} ({reason})")
    told = {header.key: header.transposed for header in first.weights}
    guessed = [header for header in chain.layers if header.transposed and told[header.key] is None]
    if guessed:
        notes.append(f"taken for deconvolutions by name or place: {_shapes(guessed)} (nothing in the file tells)")
    if chain.ambiguous and not names:
        order = ", ".join(repr(header.name) for header in chain.layers)
        notes.append(f"no edges are drawn, since the layers fit in several orders: {order} is one (see --layers)")
        return Chain((), tuple(replace(header, skipped=NO_SEQUENCE) for header in chain.layers), False)
    return chain


def _order_told(first: Contents, notes: list[str]) -> Chain:
    """Return the layers of a model whose file tells what follows what, where all of them are one plain sequence."""
    pairs = first.connections or ()
    follow = dict(pairs)
    starts = [tail for tail in follow if tail not in set(follow.values())]
    keys = starts[:1]
    while keys and keys[-1] in follow and len(keys) <= len(pairs):
        keys.append(follow[keys[-1]])
    by_key = {header.key: header for header in first.weights}
    layers = tuple(by_key[key] for key in keys if key in by_key)
    is_whole = len(pairs) == len(keys) - 1 and len(layers) == len(keys) == len(by_key)
    if is_whole and all(after.follows(before) for before, after in pairwise(layers)):
        return Chain(layers, (), False)
    notes.append("the layers are no plain sequence, as the file tells: no edges are drawn")
    return Chain((), tuple(replace(header, skipped=NO_SEQUENCE) for header in first.weights), False)


def _is_only_way(chosen: Sequence[LayerHeader], drawable: Sequence[LayerHeader]) -> bool:
    """Tell whether no other layer has the shape of one that was chosen by its sizes."""
    shapes = Counter(header.shape for header in chosen)
    return all(sum(header.shape == shape for header in drawable) == count for shape, count in shapes.items())


def _has_other_weights(contents: Contents) -> bool:
    """Tell whether a Chainer model has weights that are not called ``W``, such as those of an NStepLSTM."""
    known = {header.key for header in contents.weights}
    return contents.convention == "chainer" and any(
        len(header.shape) > 1 and header.key not in known for header in contents.tensors
    )


def _are_side_by_side(layers: Sequence[LayerHeader]) -> bool:
    """Tell whether names say that layers are parts of several branches, whatever their sizes allow."""
    branches = {match[0] for header in layers if (match := _BRANCH.search(header.name.lower()))}
    return len(branches) > 1


def _by_reason(headers: Iterable[LayerHeader]) -> dict[str, list[LayerHeader]]:
    groups: dict[str, list[LayerHeader]] = {}
    for header in headers:
        groups.setdefault(header.skipped or NO_EDGES, []).append(header)
    return groups


def _shapes(headers: Sequence[LayerHeader]) -> str:
    shown = [f"{header.name!r} {header.shape}" for header in headers[:LISTED]]
    return ", ".join(shown) + more(len(headers))
