"""What the names and shapes of a snapshot's arrays say: which are weights, whose bias is which, what is turned.

Names are those of PyTorch (``fc1.weight``), Keras (``dense/kernel``), scikit-learn (``coefs_0``), of the many scripts
that save ``W1`` and ``b1``, or ``arr_0``, ``arr_1``, … of ``numpy.savez`` without names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from nnanim.model.layers import LayerHeader
from nnanim.model.roles import PRUNING, WEIGHT_NORM, made_weights
from nnanim.model.tensors import is_weight_name as is_weight_name
from nnanim.reading.snapshots.chainer_links import is_transposed

MAX_DIMENSIONS = 5  # a convolution over three axes
_TAIL = re.compile(r"[./_-](?:weight|kernel|W|w)$")
_BIASES = (
    ("weight", "bias"),
    ("kernel", "bias"),
    ("coefs", "intercepts"),
    ("coef", "intercept"),
    ("W", "b"),
    ("w", "b"),
)
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_STANDS_FOR = {WEIGHT_NORM: 1, PRUNING: 0}  # which of its members a weight is listed as
_TABLE = re.compile(r"embed|(?:^|[./_])w[tp]e(?:[./_]|$)|lm_head", re.IGNORECASE)


@dataclass(frozen=True)
class Parameters:
    """The weights of a snapshot.

    Attributes:
        weights: one header for each weight, in the order of the file; shapes are (out, in), (out, in, kh, kw), …
        turned: keys of the weights whose file has (in, out), or (kh, kw, in, out).
    """

    weights: tuple[LayerHeader, ...]
    turned: frozenset[str]


def find_weights(
    shapes: Mapping[str, tuple[int, ...]],
    *,
    kernels: bool = False,
    biases_follow: bool = False,
    biases_tell: bool = False,
) -> Parameters:
    """Tell weights and biases from each other.

    A weight of shape (in, out) is known by its bias, which has the length of its second axis; where that does not tell
    (the weight is square, or has no bias), it is taken to be as the others in the file, or as they chain.

    Args:
        shapes: the shape of each array by key, in the order of the file.
        biases_follow: True where a bias that no name tells comes directly behind its weight.
        biases_tell: True where only a bias says that what is called a weight is (in, out), as GPT-2's are among
            PyTorch's (out, in).
        kernels: True where every weight is (in, out) or (kh, kw, in, out), as Keras keeps them.
    """
    made = made_weights(shapes)
    stand_ins = {members[_STANDS_FOR[formula]]: alone for alone, formula, members in made.values()}
    keys = [
        key
        for key, shape in shapes.items()
        if 2 <= len(shape) <= MAX_DIMENSIONS and 0 not in shape and (key not in made or key in stand_ins)
    ]
    biases = {key: _bias_of(stand_ins.get(key, key), key, shapes, biases_follow=biases_follow) for key in keys}
    turned = set(keys) if kernels else _turned(keys, biases, shapes, biases_tell=biases_tell)
    names = _names({key: stand_ins.get(key, key) for key in keys})
    weights = []
    for key in keys:
        bias = biases[key]
        shape = turn_shape(shapes[key]) if key in turned else shapes[key]
        transposed = is_transposed(shape, shapes[bias] if bias else None)
        out = shape[1:2] if transposed else shape[:1]
        header = LayerHeader(
            name=names[key],
            key=key,
            shape=shape,
            bias_key=bias if bias and shapes[bias] == out else None,
            transposed=transposed,
        )
        _, formula, members = made.get(key, ("", None, ()))
        weights.append(replace(header, formula=formula, members=members) if formula else header)
    return Parameters(tuple(weights), frozenset(turned))


def turn_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (out, in) for (in, out), and (out, in, kh, kw) for (kh, kw, in, out)."""
    return (shape[-1], shape[-2], *shape[:-2])


def turn_axes(dimensions: int) -> tuple[int, ...]:
    """Return the order of axes that does to an array what `turn_shape` does to its shape."""
    return turn_shape(tuple(range(dimensions)))


def _bias_of(name: str, key: str, shapes: Mapping[str, tuple[int, ...]], *, biases_follow: bool) -> str | None:
    start = max(name.rfind(mark) for mark in "./") + 1
    for weight, bias in _BIASES:
        other = name[:start] + name[start:].replace(weight, bias, 1)
        if other != name and len(shapes.get(other, ())) == 1 and shapes[other][0] in shapes[key]:
            return other
    if re.search(r"(?:^|_)arr_[0-9]+$|^[0-9]+$", key) or (biases_follow and not _TAIL.search(key)):
        names = list(shapes)
        place = names.index(key) + 1
        if place < len(names) and len(shapes[names[place]]) == 1 and shapes[names[place]][0] in shapes[key]:
            return names[place]
    return None


def _turned(
    keys: Sequence[str],
    biases: Mapping[str, str | None],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    biases_tell: bool,
) -> set[str]:
    flat = [key for key in keys if len(shapes[key]) == 2]
    told: dict[str, bool] = {}
    for key in flat:
        bias = biases[key]
        size_first, size_last = shapes[key]
        if bias is not None and size_first != size_last:
            told[key] = shapes[bias] == (size_last,)
    open_keys = [key for key in flat if key not in told and not (biases[key] is None and _TABLE.search(key))]
    if told:
        as_most = sum(told.values()) * 2 > len(told)
        return {key for key, is_turned in told.items() if is_turned} | (set(open_keys) if as_most else set())
    if biases_tell and any(key.endswith("weight") for key in open_keys):
        return set()
    straight = all(shapes[before][0] == shapes[after][1] for before, after in pairwise(open_keys))
    crossed = all(shapes[before][1] == shapes[after][0] for before, after in pairwise(open_keys))
    coefficients = all("coef" in key for key in open_keys)  # scikit-learn's are (in, out)
    return set(open_keys) if crossed and (coefficients or not straight) else set()


def _names(keys: Mapping[str, str]) -> dict[str, str]:
    """Return short names: without wrappers, without what all have in common, without the word for a weight."""
    plain = {key: _WRAPPERS.sub("", name) for key, name in keys.items()}
    short = {key: _TAIL.sub("", name) or name for key, name in plain.items()}
    parts = {key: re.split(r"[./]", name) for key, name in short.items()}
    common = 0
    if len(parts) > 1:
        for heads in zip(*(part[:-1] for part in parts.values()), strict=False):
            if len(set(heads)) > 1:
                break
            common += 1
    names = {}
    for key, part in parts.items():
        cut = sum(len(head) + 1 for head in part[:common])
        names[key] = short[key][cut:]
    return names if len(set(names.values())) == len(names) else plain
