"""The weights of a run as they act: what several tensors make together, and each part of what holds several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnanim.frames.matrix_choice import Turned, turned_weights
from nnanim.frames.row_sums import take
from nnanim.model.formulas import make
from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.run import Run, Snapshot
from nnanim.reading.snapshots.contents import Arrays, read_named
from nnanim.reading.snapshots.to_layers import check_finite, check_total


@dataclass(frozen=True)
class Weight:
    """One weight of a run.

    Attributes:
        name: of its layer, and of its part where its tensor holds several.
        keys: of the tensors that it is made of.
        turned: how these become (out, in, …).
        bias_key: of its bias, None where it has none.
    """

    name: str
    keys: tuple[str, ...]
    turned: Turned
    bias_key: str | None


def weights_of(run: Run) -> list[Weight]:
    """List every weight of the drawn model that has two axes or more, in the model's order.

    Raises:
        SnapshotError: together they are too large to be read, or far larger than what is stored.
    """
    headers: dict[str, LayerHeader] = {}
    for header in (*run.snapshots[0].contents.weights, *run.layers):
        headers |= dict.fromkeys((header.key, *header.members), header)
    found = []
    for each in turned_weights(run):
        row = each.row
        known = next((headers[key] for key in row.keys if key in headers), None)
        if known is None or known.formula != row.formula:
            found.append(Weight(row.title, row.keys, each, None))
        elif row.part is None:
            found.append(Weight(known.name, row.keys, _as_drawn(each, known), known.bias_key))
        else:
            found.append(Weight(f"{known.name} ({row.part})", row.keys, each, None))
    check_total(
        [LayerHeader(name=each.name, key=each.keys[0], shape=each.turned.shape) for each in found],
        run.snapshots[0].contents,
    )
    seen = Counter(each.name for each in found)
    return [
        each if seen[each.name] == 1 else Weight(each.turned.row.title, each.keys, each.turned, each.bias_key)
        for each in found
    ]


def _as_drawn(weight: Turned, header: LayerHeader) -> Turned:
    """Take the axes of a layer that is drawn, whose neighbours told more than its name."""
    if not header.transposed or len(weight.axes) < 3 or weight.shape[:2] == (header.size_out, header.size_in):
        return weight
    axes, shape = weight.axes, weight.shape
    return Turned(weight.row, (axes[1], axes[0], *axes[2:]), (shape[1], shape[0], *shape[2:]))


def each_weight(snapshot: Snapshot, weights: Sequence[Weight], arrays: Arrays) -> Iterator[Layer]:
    """Read weights with their biases, one at a time and as (out, in, …) float32; each tensor is read once.

    Args:
        snapshot: of the run that they are of.
        weights: of the run.
        arrays: the snapshot, opened.

    Raises:
        SnapshotError: the file is damaged, or holds NaN or infinite numbers.
    """
    for keys, group in groupby(weights, key=lambda each: each.keys):
        parts = list(group)
        with np.errstate(over="ignore", invalid="ignore"):
            made = make(parts[0].turned.row.formula, [read_named(arrays.read, key, snapshot.path) for key in keys])
        for weight in parts:
            values = take(made, weight.turned.row.slice)
            values = np.abs(values) if np.iscomplexobj(values) else values
            with np.errstate(over="ignore"):  # a float64 weight too large for float32 is told as infinite
                values = values.transpose(weight.turned.axes).reshape(weight.turned.shape).astype(np.float32)
                bias = None
                if weight.bias_key is not None:
                    bias = read_named(arrays.read, weight.bias_key, snapshot.path).astype(np.float32)
            layer = Layer(weight.name, keys[0], values, bias)
            check_finite(layer, str(snapshot.path))
            yield layer
