"""Which layers of a snapshot are drawn where a user names them, or their sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from nnanim.errors import OptionError
from nnanim.model.layers import LayerHeader, natural_key
from nnanim.model.role_table import TRANSPOSED
from nnanim.model.roles import roles_of


@dataclass(frozen=True)
class Chain:
    """Layers in the order in which they follow each other.

    Attributes:
        layers: input side first; of each convolution it is decided whether it is transposed. None where no order is
            known.
        left_out: the other weights, each with its reason in ``skipped``.
    """

    layers: tuple[LayerHeader, ...]
    left_out: tuple[LayerHeader, ...]


def choose_layers(weights: Sequence[LayerHeader], names: Sequence[str], where: str) -> Chain:
    """Take the layers that were asked for, in the order in which they were.

    Args:
        weights: every weight of a snapshot.
        names: names of layers, or keys of weights, input side first.
        where: the snapshot, as messages name it.

    Raises:
        OptionError: there is no such layer, or one does not follow the one before.
    """
    known = {header.name: header for header in weights} | {header.key: header for header in weights}
    chosen: list[LayerHeader] = []
    for name in names:
        if name not in known:
            there = ", ".join(repr(header.name) for header in weights)
            raise OptionError(f"no layer {name!r} in {where!r} (layers there: {there})")
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
    rest = tuple(replace(h, skipped="not asked for") for h in weights if h.key not in keys)
    return Chain(tuple(chosen), rest)


def fit_to_sizes(layers: Sequence[LayerHeader], sizes: Sequence[int]) -> tuple[LayerHeader, ...] | None:
    """Choose layers whose shapes give the declared sizes, or None where there are none.

    Layers of equal shape are taken in natural order of their names.
    """
    unused = sorted((layer for layer in layers if layer.can_be_drawn), key=lambda layer: natural_key(layer.name))
    chosen: list[LayerHeader] = []
    for size_in, size_out in pairwise(sizes):
        found = _next(unused, chosen, size_in, size_out)
        if found is None:
            return None
        layer, turned = found
        unused.remove(layer)
        chosen.append(turned)
    return tuple(chosen)


def _next(
    unused: Sequence[LayerHeader], chosen: Sequence[LayerHeader], size_in: int, size_out: int
) -> tuple[LayerHeader, LayerHeader] | None:
    """Return the first layer that fits, as it is and with what it is taken for; as its name says before all else."""
    for as_named in (True, False):
        for layer in unused:
            turned = _as_named(layer) if as_named else _other_way(layer)
            fits = turned.follows(chosen[-1]) if chosen else turned.size_in == size_in
            if fits and turned.size_out == size_out:
                return layer, turned
    return None


def _as_named(layer: LayerHeader) -> LayerHeader:
    if layer.transposed is not None or not layer.is_convolution:
        return layer
    key = re.sub(r"[^./]+$", "weight", layer.key)
    return replace(layer, transposed=roles_of([(key, layer.shape, "float32")])[0].name == TRANSPOSED)


def _other_way(layer: LayerHeader) -> LayerHeader:
    if layer.transposed is not None or not layer.is_convolution:
        return layer
    return replace(layer, transposed=not _as_named(layer).transposed)
