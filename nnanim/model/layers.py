"""The weights between two layers of nodes: neurons of dense layers, channels of convolutions."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnanim.errors import OptionError

MAX_LAYERS = 256
_MAX_DIMENSIONS = 5  # a convolution over three axes


@dataclass(frozen=True, eq=False)
class Layer:
    """The trained parameters of one layer.

    Attributes:
        name: name of the layer in the model, e.g. ``"l1"``; nested layers are joined by ``/``.
        key: name of the weight in the snapshot file.
        weight: (out, in) float32; a convolution's has the axes of its kernel behind these, (out, in, kh, kw).
        bias: (out,) float32, or None where the layer has none.
    """

    name: str
    key: str
    weight: np.ndarray
    bias: np.ndarray | None = None

    def __repr__(self) -> str:
        size = "x".join(map(str, self.weight.shape))
        return f"<Layer {self.name!r}: {size}, {'no bias' if self.bias is None else 'with bias'}>"


@dataclass(frozen=True, kw_only=True)
class LayerHeader:
    """What a snapshot says of one layer before its weights are read.

    Attributes:
        name: name of the layer in the model, e.g. ``"l1"``; nested layers are joined by ``/``.
        key: name of the weight in the snapshot file.
        shape: shape of the weight in the file: (out, in), (out, in, kh, kw), or (in, out, kh, kw) where transposed.
        bias_key: name of the bias in the snapshot file, or None where the layer has none.
        transposed: whether a convolution's weight begins with (in, out), as a deconvolution's; None where the file
            does not tell.
        skipped: why the layer is not drawn; empty where nothing speaks against it.
        formula: how the weight is made of several tensors, one of `nnanim.model.formulas`; None where it is one.
        members: the keys of these tensors.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    bias_key: str | None = None
    transposed: bool | None = None
    skipped: str = ""
    formula: str | None = None
    members: tuple[str, ...] = ()

    @property
    def is_convolution(self) -> bool:
        """Whether the nodes are channels and every edge has a kernel."""
        return len(self.shape) > 2

    @property
    def size_in(self) -> int:
        """Neurons or channels that it takes in."""
        return self.shape[0] if self.transposed else self.shape[1]

    @property
    def size_out(self) -> int:
        """Neurons or channels that it puts out."""
        return self.shape[1] if self.transposed else self.shape[0]

    @property
    def can_be_drawn(self) -> bool:
        """Whether the weight has edges, and nothing speaks against showing them."""
        return not self.skipped and 2 <= len(self.shape) <= _MAX_DIMENSIONS and 0 not in self.shape

    def follows(self, before: LayerHeader) -> bool:
        """Tell whether it can take in what another layer puts out.

        A dense layer behind a convolution takes in the flattened map: some values for each channel. Behind a
        deconvolution, which ends in a picture, it would only seem so: any number is a multiple of one channel.
        """
        if before.is_convolution and not self.is_convolution:
            return not before.transposed and self.size_in % before.size_out == 0
        return len(self.shape) == len(before.shape) and self.size_in == before.size_out


@lru_cache(maxsize=1 << 15)  # names of files and layers, each of which is compared many times
def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that compares digits in a text by their value: ``l2`` comes before ``l10``."""
    parts = re.split(r"([0-9]+)", text)
    key = [(0, number_in(part), part) if index % 2 else (1, 0, part) for index, part in enumerate(parts) if part]
    return tuple(key)


def number_in(digits: str) -> int:
    """Return the value of digits."""
    # int() refuses texts of many thousand digits; a name is compared by its first ones then.
    return int(digits[:1000]) if digits else 0


def sizes_of(layers: Sequence[LayerHeader]) -> tuple[int, ...]:
    """Return how many nodes the layers of a chain have, input side first: ``(4, 5, 5, 5, 3)``."""
    return (layers[0].size_in, *(layer.size_out for layer in layers))


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
