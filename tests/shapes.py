"""Names and shapes of small models, as their frameworks write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from nnanim.model.layers import LayerHeader
from nnanim.model.model import Model, make_model
from nnanim.reading.snapshots.contents import ArrayHeader
from nnanim.reading.snapshots.parameters import find_weights

Shapes = dict[str, tuple[int, ...]]


def dense(*layers: tuple[str, int, int], bias: bool = True) -> Shapes:
    """Linear layers of PyTorch: name, in, out."""
    return _layers(((name, (size_out, size_in), size_out) for name, size_in, size_out in layers), bias=bias)


def conv(*layers: tuple[str, int, int], kernel: int = 3, bias: bool = True) -> Shapes:
    """Convolutions of PyTorch over two axes."""
    kernels = (kernel, kernel)
    return _layers(((name, (size_out, size_in, *kernels), size_out) for name, size_in, size_out in layers), bias=bias)


def transposed(*layers: tuple[str, int, int], bias: bool = True) -> Shapes:
    """Transposed convolutions of PyTorch over two axes."""
    return _layers(((name, (size_in, size_out, 4, 4), size_out) for name, size_in, size_out in layers), bias=bias)


def batch_norm(name: str, size: int) -> Shapes:
    """A BatchNorm of PyTorch."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (size,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def model_of(
    shapes: Shapes,
    *,
    convention: str = "pytorch",
    is_ordered: bool = True,
    known: Iterable[tuple[str, str]] | None = None,
    tied: Collection[str] = (),
) -> Model:
    """Make a model of arrays in single precision."""
    headers = [ArrayHeader(key, shape, "float32") for key, shape in shapes.items()]
    weights = _chainer_weights(shapes) if convention == "chainer" else _weights(shapes, convention, is_ordered)
    return make_model(headers, weights, convention=convention, is_ordered=is_ordered, known=known, tied=tied)


def _weights(shapes: Shapes, convention: str, is_ordered: bool) -> tuple[LayerHeader, ...]:
    found = find_weights(
        shapes,
        kernels=convention == "keras",
        biases_follow=is_ordered and convention == "numpy",
        biases_tell=convention == "pytorch",
    )
    return found.weights


def _chainer_weights(shapes: Shapes) -> tuple[LayerHeader, ...]:
    """Return the weights as Chainer's reader gives them: (out, in), never turned."""
    return tuple(
        LayerHeader(name=key.removesuffix("/W"), key=key, shape=shape, transposed=None if len(shape) > 2 else False)
        for key, shape in shapes.items()
        if len(shape) > 1
    )


def _layers(layers: Iterable[tuple[str, tuple[int, ...], int]], *, bias: bool) -> Shapes:
    shapes: Shapes = {}
    for name, shape, size_out in layers:
        shapes[f"{name}.weight"] = shape
        if bias:
            shapes[f"{name}.bias"] = (size_out,)
    return shapes
