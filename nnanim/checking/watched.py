"""Which tensors of a snapshot are looked at, and which of their axes are units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnanim.model import role_table as names
from nnanim.model.layers import LayerHeader
from nnanim.model.roles import roles_of
from nnanim.reading.snapshots.contents import Contents
from nnanim.reading.snapshots.parameters import turn_axes

_COARSE = re.compile(r"float16|half|bfloat16|float8|float4")
# What frameworks keep beside the parameters: statistics, counters, masks, tables of positions.
_NO_PARAMETER = re.compile(
    r"(?:^|[./_])(?:running_(?:mean|var)|avg_(?:mean|var)|moving_(?:mean|variance)|num_batches_tracked|N|inv_freq|"
    r"position_ids|masked_bias|\w*mask|seed_generator_state|pe|grid|parametrizations[./]\w+[./][0-9]+[./]base)$"
)
_NO_PARAMETERS = frozenset({names.STATISTICS, names.NOT_A_WEIGHT, names.SPECTRAL, names.MASK, names.SCALE})
_EMBEDDING = re.compile(r"embed|(?:^|[./_])w[tp]e(?:[./_]|$)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A tensor that is looked at.

    Attributes:
        key: in the file.
        name: without what all keys begin with: ``"l1/W"``.
        layer: the layer that it belongs to: ``"l1"``.
        axes: of the file's array, in the order (out, in, …); None where it is no weight.
        bias_of: key of the weight whose bias it is, or None.
        is_parameter: whether training is meant to change it.
        is_coarse: whether it has 16 bits a number or less.
        has_units: whether its rows are neurons or channels that can die.
        head: key of the weight that takes in what this one puts out, where that is known.
    """

    key: str
    name: str
    layer: str
    axes: tuple[int, ...] | None = None
    bias_of: str | None = None
    is_parameter: bool = True
    is_coarse: bool = False
    has_units: bool = False
    head: str | None = None

    def turned(self, array: np.ndarray) -> np.ndarray:
        """Return the array as a matrix (out, in · kernel), any other as it is."""
        if self.axes is None or array.ndim != len(self.axes):
            return array
        turned = array.transpose(self.axes)
        return turned.reshape(turned.shape[0], -1)

    def columns(self, array: np.ndarray, units: int) -> np.ndarray | None:
        """Return the array as (units, values), what each unit of the layer before gives to; None if it does not fit."""
        if self.axes is None or array.ndim != len(self.axes):
            return None
        turned = array.transpose(self.axes)
        size_in = turned.shape[1]
        if units == 0 or size_in % units:
            return None
        # Behind a convolution the map is flattened channel by channel.
        return np.moveaxis(turned, 1, 0).reshape(units, -1)


def watched_tensors(contents: Contents, chain: Sequence[LayerHeader], *, only: bool = False) -> tuple[Watched, ...]:
    """Say what is looked at in a snapshot, in the order of the file.

    Args:
        contents: what the first snapshot says of itself.
        chain: layers that follow each other, as they are drawn.
        only: True leaves out all tensors that do not belong to these.
    """
    headers = {header.key: header for header in contents.weights}
    biases = {header.bias_key: header for header in contents.weights if header.bias_key is not None}
    heads = _heads(contents, chain)
    wanted = {header.key for header in chain}
    start = _common_start(contents.weights)
    roles = roles_of(contents.tensors, contents.convention, contents.roles)
    found = []
    for tensor, role in zip(contents.tensors, roles, strict=True):
        key, name = tensor.key, tensor.key.removeprefix(start)
        owner = headers.get(key) or biases.get(key)
        if "float" not in tensor.dtype or (only and (owner is None or owner.key not in wanted)):
            continue
        is_weight = key in headers and len(tensor.shape) >= 2 and 0 not in tensor.shape
        found.append(
            Watched(
                key=key,
                name=name,
                layer=owner.name if owner is not None else re.sub(r"[./][^./]*$", "", name),
                axes=_axes(headers[key], key in contents.turned) if is_weight else None,
                bias_of=owner.key if owner is not None and key in biases else None,
                is_parameter=role.name not in _NO_PARAMETERS and _NO_PARAMETER.search(key) is None,
                is_coarse=_COARSE.search(tensor.dtype) is not None,
                has_units=is_weight and _EMBEDDING.search(key) is None,
                head=heads.get(key),
            )
        )
    return tuple(found)


def _axes(header: LayerHeader, is_turned: bool) -> tuple[int, ...]:
    axes = turn_axes(len(header.shape)) if is_turned else tuple(range(len(header.shape)))
    return (axes[1], axes[0], *axes[2:]) if header.transposed else axes


def _heads(contents: Contents, chain: Sequence[LayerHeader]) -> dict[str, str]:
    """Return for a weight the one that alone takes in what it puts out, as the chain has it."""
    heads = {}
    for before, after in pairwise(chain):
        flattened = before.is_convolution and not after.is_convolution
        if not (flattened and contents.convention == "keras"):  # which flattens place by place
            heads[before.key] = after.key
    return heads


def _common_start(weights: Sequence[LayerHeader]) -> str:
    for header in weights:
        place = header.key.rfind(header.name)
        if place >= 0:
            return header.key[:place]
    return ""
