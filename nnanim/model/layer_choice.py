"""Which layers of a snapshot are drawn, in which order: as the file, shapes and names tell, or as asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from nnanim.errors import OptionError
from nnanim.model import role_table as names
from nnanim.model.layer_chain import NOT_FOLLOWING, Chain, chain_layers
from nnanim.model.layers import LayerHeader, natural_key
from nnanim.model.roles import roles_of
from nnanim.reading.snapshots.chainer_links import EMBEDDING, RECURRENT
from nnanim.reading.snapshots.contents import Contents

BESIDE = "works beside the layer that is drawn, not after it"
SHORTCUT = "a shortcut around other layers"
ADAPTER = "an adapter beside a layer"
_MAX_NESTING = 8
FUSED = "three projections of an attention in one"
NO_LAYER = "a table or a value of its own, no layer of neurons"
IN_GROUPS = "its channels are connected in groups only"
# Why a tensor of a role is in no chain of layers.
_REASONS = {
    names.SHORTCUT: SHORTCUT,
    **dict.fromkeys((names.INPUT, names.HIDDEN, names.PROJECTION), RECURRENT),
    **dict.fromkeys((names.LORA_A, names.LORA_B), ADAPTER),
    **dict.fromkeys((names.FUSED, names.FUSED_KV, names.GATE_UP), FUSED),
    **dict.fromkeys((names.QUERY, names.KEY, names.GATE), BESIDE),
    **dict.fromkeys((names.EMBEDDING, names.POSITIONAL), EMBEDDING),
    **dict.fromkeys((names.DEPTHWISE, names.GROUPED), IN_GROUPS),
    **dict.fromkeys((names.TOKEN, names.PARAMETER, names.BIAS, names.NORMALISATION, names.STATISTICS), NO_LAYER),
    **dict.fromkeys((names.SCALE, names.NOT_A_WEIGHT, names.SPECTRAL), NO_LAYER),
}


def order_layers(contents: Contents) -> Chain:
    """Put the layers of a snapshot in the order in which they follow each other.

    The order of the file counts where the model's definition made it. Where not all layers follow each other, the
    longest chain is taken that does not mix the parts of the model: the first of several towers, with what leads to it.
    """
    reasons = _reasons(contents)
    headers = [replace(h, skipped=h.skipped or reasons.get(h.key, "")) for h in contents.weights]
    drawable = [header for header in headers if header.can_be_drawn]
    if contents.is_ordered and drawable and _follow(drawable):
        return Chain(tuple(drawable), tuple(header for header in headers if not header.can_be_drawn), False)
    chain = chain_layers(headers)
    # A Chainer file has no order that means anything, and its parts are told apart by words alone.
    if contents.convention == "chainer" or len(chain.layers) == len(drawable):
        return chain
    told = drawable if contents.is_ordered else sorted(drawable, key=lambda header: natural_key(header.name))
    parts = _longest(told, 0)
    if len(parts) < len(chain.layers) and not _mixes(chain.layers, drawable):
        return chain
    drawn = {header.key for header in parts}
    left_out = [header if header.skipped else replace(header, skipped=_why_not(header)) for header in headers]
    return Chain(tuple(parts), tuple(header for header in left_out if header.key not in drawn), False)


def choose_layers(contents: Contents, names: Sequence[str]) -> Chain:
    """Take the layers that were asked for, in the order in which they were.

    Args:
        contents: what a snapshot says of itself.
        names: names of layers, or keys of weights, input side first.

    Raises:
        OptionError: there is no such layer, or one does not follow the one before.
    """
    known = {header.name: header for header in contents.weights} | {header.key: header for header in contents.weights}
    chosen: list[LayerHeader] = []
    for name in names:
        if name not in known:
            there = ", ".join(repr(header.name) for header in contents.weights)
            raise OptionError(f"no layer {name!r} in {str(contents.path)!r} (layers there: {there})")
        header = replace(known[name], skipped="")
        if not header.can_be_drawn:
            raise OptionError(f"layer {name!r} {header.shape} cannot be drawn (a weight is (out, in) or (out, in, …))")
        if chosen and not header.follows(chosen[-1]):
            raise OptionError(
                f"layer {name!r} takes in {header.size_in}, {chosen[-1].name!r} before it puts out"
                f" {chosen[-1].size_out} (layers are drawn that follow each other)"
            )
        chosen.append(header)
    keys = {header.key for header in chosen}
    rest = tuple(replace(h, skipped="not asked for") for h in contents.weights if h.key not in keys)
    return Chain(tuple(chosen), rest, False)


def _reasons(contents: Contents) -> dict[str, str]:
    """Say why weights are in no chain, as far as their roles tell."""
    tensors: Sequence[tuple[str, tuple[int, ...], str]] = contents.tensors or _as_tensors(contents.weights)
    roles = roles_of(tensors, contents.convention)
    return {
        key: _REASONS.get(role.name, "")
        for (key, shape, _), role in zip(tensors, roles, strict=True)
        # Scripts call kernels of four axes as they like, without the word weight.
        if role.name != names.PARAMETER or len(shape) == 3
    }


def _as_tensors(weights: Sequence[LayerHeader]) -> list[tuple[str, tuple[int, ...], str]]:
    """Return weights and biases as tensors, where a file says no more."""
    found = []
    for header in weights:
        found.append((header.key, header.shape, "float32"))
        if header.bias_key is not None:
            found.append((header.bias_key, (header.size_out,), "float32"))
    return found


def _why_not(header: LayerHeader) -> str:
    return "" if not header.can_be_drawn else NOT_FOLLOWING


def _follow(layers: Sequence[LayerHeader]) -> bool:
    return all(after.follows(before) for before, after in pairwise(layers))


def _longest(layers: Sequence[LayerHeader], depth: int) -> list[LayerHeader]:
    """Return the longest chain in the given order whose parts are the model's own parts."""
    parts: dict[str, list[LayerHeader]] = {}
    for header in layers:
        names = re.split(r"[./]", header.name, maxsplit=_MAX_NESTING)
        parts.setdefault(names[depth] if depth < len(names) else "", []).append(header)
    if len(layers) > 1 and len(parts) == 1 and depth < _MAX_NESTING:
        return _longest(layers, depth + 1)
    nested = depth < _MAX_NESTING
    chains = [_longest(part, depth + 1) if nested and len(part) > 1 else part[:1] for part in parts.values()]
    ways: list[list[LayerHeader]] = []  # the longest that ends with each part
    for chain in chains:
        leading = max((way for way in ways if chain[0].follows(way[-1])), key=len, default=[])
        ways.append([*leading, *chain])
    return max(ways, key=len, default=[])


def _mixes(chain: Sequence[LayerHeader], drawable: Sequence[LayerHeader]) -> bool:
    """Tell whether a chain takes some layers of a part of the model and leaves others of it out."""
    drawn = {header.key for header in chain}
    parts: dict[str, list[bool]] = {}
    for header in drawable:
        parts.setdefault(re.split(r"[./]", header.name, maxsplit=1)[0], []).append(header.key in drawn)
    several = [taken for taken in parts.values() if len(taken) > 1]
    return len(several) > 1 and any(any(taken) and not all(taken) for taken in several)
