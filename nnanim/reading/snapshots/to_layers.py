"""From the arrays of a file to layers: the same checks for every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import pairwise
from math import prod

import numpy as np

from nnanim.errors import ShapeError, SnapshotError
from nnanim.model.layer_choice import fit_to_sizes
from nnanim.model.layers import Layer, LayerHeader, check_sizes, sizes_of
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES
from nnanim.reading.containers.unpacking import FREE_BYTES, check_unpacked
from nnanim.reading.snapshots.contents import Arrays, Contents
from nnanim.words import counted

_CHECKED_NUMBERS = 1 << 20  # so many are checked at a time

OpenArrays = Callable[[Contents], AbstractContextManager[Arrays]]
Load = Callable[[Contents, Sequence[LayerHeader], Mapping[str, np.ndarray]], "list[Layer] | None"]


def read_layers(
    contents: Contents,
    layers: Sequence[LayerHeader],
    shape: Sequence[int] | None,
    open_arrays: OpenArrays,
    load: Load | None = None,
) -> list[Layer]:
    """Read the weights of a snapshot.

    Args:
        contents: what the format's ``scan`` found in the file.
        layers: the layers to read, in chain order.
        shape: declared layer sizes, input side first, or None.
        open_arrays: opens the file.
        load: makes the layers of the arrays in another way, or returns None where it cannot.

    Returns:
        The layers in chain order, float32; with a shape, in the order that gives the declared sizes.

    Raises:
        OptionError: the shape is no list of layer sizes.
        ShapeError: the declared sizes do not fit.
        SnapshotError: the file cannot be read, has changed, or holds NaN or infinite weights.
    """
    where = str(contents.path)
    if shape is not None:
        layers = fit(contents, layers, check_sizes(shape))
    if not layers:
        raise SnapshotError(
            f"no layers in snapshot {where!r} that are known to follow each other"
            " (inspect lists what is there; --layers names those to draw)"
        )
    check_total(layers, contents)
    keys = [key for header in layers for key in (header.key, *header.members, header.bias_key) if key is not None]
    arrays: dict[str, np.ndarray] = {}
    with open_arrays(contents) as opened:
        for key in dict.fromkeys(keys):
            with suppress(KeyError):  # of a file that has changed, which is told below
                arrays[key] = opened.read(key)
    taken = []
    for header in layers:
        weight = _weight(contents, header, arrays)
        bias = None if header.bias_key is None else arrays.get(header.bias_key)
        if weight is None or (bias is None) != (header.bias_key is None):
            raise changed(where)
        taken.append((header, weight, bias))
    loaded = None if load is None else load(contents, layers, arrays)
    if loaded is None:
        loaded = [to_layer(*each) for each in taken]
    for layer in loaded:
        check_finite(layer, where)
    return loaded


def _weight(contents: Contents, header: LayerHeader, arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the weight of a layer, of its shape; None where it is another one."""
    weight = arrays.get(header.key)
    if header.formula is not None and all(key in arrays for key in header.members):
        from nnanim.model.formulas import make

        weight = make(header.formula, [arrays[key] for key in header.members])
    if weight is not None and header.key in contents.turned:
        from nnanim.reading.snapshots.parameters import turn_axes

        weight = weight.transpose(turn_axes(weight.ndim))
    return None if weight is None or weight.shape != header.shape else weight


def read_layer(contents: Contents, header: LayerHeader, opened: Arrays) -> Layer:
    """Read the weight of one layer whole, without its bias.

    Raises:
        SnapshotError: the file cannot be read, has changed, or holds NaN or infinite weights.
    """
    arrays = {}
    for key in dict.fromkeys((header.key, *header.members)):
        with suppress(KeyError):  # of a file that has changed, which is told below
            arrays[key] = opened.read(key)
    weight = _weight(contents, header, arrays)
    if weight is None:
        raise changed(str(contents.path))
    layer = to_layer(header, weight, None)
    check_finite(layer, str(contents.path))
    return layer


def changed(where: str) -> SnapshotError:
    """Return the error of a file that is another than when it was looked at."""
    return SnapshotError(f"snapshot {where!r} changed while the run was read (is it still training?)")


def fit(contents: Contents, layers: Sequence[LayerHeader], sizes: tuple[int, ...]) -> Sequence[LayerHeader]:
    """Return layers of the declared sizes: those in chain order, or others of the file where their order was unsure.

    Raises:
        ShapeError: the snapshot has no such layers.
    """
    where = str(contents.path)
    if not layers:
        chosen = fit_to_sizes(contents.weights, sizes)
        if chosen is None:
            raise ShapeError(f"shape {_dashes(sizes)} does not fit snapshot {where!r}: it has no such layers")
        return chosen
    found = sizes_of(layers)
    if found == sizes:
        return layers
    if len(found) != len(sizes):
        declared = counted(len(sizes) - 1, "layer")
        raise ShapeError(
            f"shape {_dashes(sizes)} does not fit snapshot {where!r}: {declared} of weights declared,"
            f" {len(found) - 1} found (the snapshot is {_dashes(found)})"
        )
    # The order may have been ambiguous (an autoencoder is a circle of sizes); the declared sizes decide it.
    fitting = fit_to_sizes(contents.weights, sizes)
    if fitting is not None:
        return fitting
    steps = zip(layers, pairwise(found), pairwise(sizes), strict=True)
    header, there, wanted = next(step for step in steps if step[1] != step[2])
    is_plain = header.shape == there[::-1]
    is_there, is_wanted = (there[::-1], wanted[::-1]) if is_plain else map(_nodes, (there, wanted))
    raise ShapeError(
        f"shape {_dashes(sizes)} does not fit snapshot {where!r}: layer {header.name!r} is {is_there} there,"
        f" {is_wanted} declared (the snapshot is {_dashes(found)})"
    )


def check_total(layers: Sequence[LayerHeader], contents: Contents) -> None:
    """Check that the weights together are not too large to be read, nor far more than the files hold.

    Raises:
        SnapshotError: they are.
    """
    where, total_bytes = str(contents.path), sum(4 * prod(header.shape) for header in layers)
    if total_bytes > MAX_MEMBER_BYTES:
        raise SnapshotError(f"the weights in snapshot {where!r} take more than {MAX_MEMBER_BYTES} bytes together")
    if total_bytes > FREE_BYTES:
        with suppress(OSError):  # one that is gone is told where it is read
            packed_bytes = sum(path.stat().st_size for path in {contents.path, *contents.parts})
            check_unpacked(f"the network in snapshot {where!r}", total_bytes, packed_bytes)


def to_layer(header: LayerHeader, weight: np.ndarray, bias: np.ndarray | None) -> Layer:
    """Make a layer of arrays of any kind of numbers. Writeable arrays are taken over where they are float32 already."""
    with np.errstate(over="ignore"):  # a float64 weight too large for float32 is told as infinite
        weight = weight.astype(np.float32, copy=not weight.flags.writeable)
        if header.transposed:
            weight = weight.swapaxes(0, 1)
        if bias is not None:
            bias = bias.astype(np.float32, copy=not bias.flags.writeable)
        return Layer(header.name, header.key, weight, bias)


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return the float32 numbers whose upper halves are given as unsigned 16-bit integers."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def check_finite(layer: Layer, where: str) -> None:
    """Check that every weight and bias is a number.

    Raises:
        SnapshotError: one is NaN or infinite.
    """
    for values, what in ((layer.weight, "weight"), (layer.bias, "bias")):
        bad = 0 if values is None else count_bad(values)
        if values is not None and bad:
            raise not_finite(layer.name, what, bad, values.size, where)


def not_finite(layer: str, what: str, bad: int, size: int, where: str) -> SnapshotError:
    """Return the error of a layer some of whose weights (or biases) are no numbers."""
    several = {"weight": "weights", "bias": "biases"}
    return SnapshotError(
        f"layer {layer!r} in snapshot {where!r} has {bad} NaN or infinite {what if bad == 1 else several[what]} of"
        f" {size} (every one must be a finite number; did the training diverge?)"
    )


def check_array(key: str, values: np.ndarray, where: str) -> None:
    """Check that every number of an array is one.

    Raises:
        SnapshotError: one is NaN or infinite.
    """
    if bad := count_bad(values) if values.dtype.kind == "f" else 0:
        raise bad_array(key, bad, values.size, where)


def bad_array(key: str, bad: int, size: int, where: str) -> SnapshotError:
    """Return the error of an array some of whose numbers are none."""
    numbers = "number" if bad == 1 else "numbers"
    return SnapshotError(f"{key!r} in snapshot {where!r} has {bad} NaN or infinite {numbers} of {size}")


def count_bad(values: np.ndarray) -> int:
    """Return how many of some numbers are NaN or infinite."""
    if values.size <= _CHECKED_NUMBERS:
        return int(values.size - np.count_nonzero(np.isfinite(values)))
    rows = max(1, _CHECKED_NUMBERS * len(values) // values.size)
    pieces = (values[start : start + rows] for start in range(0, len(values), rows))
    return int(values.size - sum(np.count_nonzero(np.isfinite(piece)) for piece in pieces))


def _nodes(step: tuple[int, int]) -> str:
    return f"{step[0]} to {step[1]} nodes"


def _dashes(sizes: Sequence[int]) -> str:
    return ",".join(map(str, sizes))
