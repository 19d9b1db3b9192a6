"""Which weights can be shown as matrices, and which axes of the file's tensors are their rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from nnanim.errors import OptionError
from nnanim.model.role_table import EMBEDDING, PARAMETER, POSITIONAL, TOKEN, TRANSPOSED
from nnanim.model.tensors import Tensor
from nnanim.model.weight_rows import Row
from nnanim.reading.run import Run
from nnanim.reading.snapshots.parameters import turn_axes

TABLES = frozenset({EMBEDDING, POSITIONAL, TOKEN, PARAMETER})  # whose rows and columns are not (out, in)
LISTED = 12  # names that a message lists


@dataclass(frozen=True)
class Turned:
    """A weight as (out, in, …).

    Attributes:
        row: its names.
        axes: of the file's tensor (of its part) in the order (out, in, …).
        shape: in that order.
    """

    row: Row
    axes: tuple[int, ...]
    shape: tuple[int, ...]


def turned_weights(run: Run) -> list[Turned]:
    """Return every weight of the drawn model that has two axes or more and holds numbers, in the model's order."""
    tensors = {tensor.key: tensor for tensor in run.model.tensors}
    shapes = {header[0]: tuple(header[1]) for header in run.tensors} or {key: t.shape for key, t in tensors.items()}
    turned = run.snapshots[0].contents.turned if run.snapshots else frozenset()
    found = []
    for row in run.weight_rows:
        shape = _shape(row, shapes)
        if 0 in shape or len(shape) < 2:
            continue
        axes = _axes(row, len(shape), [tensors[key] for key in row.keys if key in tensors], turned, run.convention)
        shape = tuple(shape[axis] for axis in axes)
        if row.role in TABLES:  # (1, positions, width): no kernels
            shape = (prod(shape[:-1]), shape[-1])
        found.append(Turned(row, axes, shape))
    return found


def choose_weights(run: Run, weights: Sequence[Turned]) -> list[Turned]:
    """Return those that were asked for, in that order; all where none was.

    A name is that of a weight as `inspect` lists it, of its layer, of a tensor in the file, or of a part with its
    tensor's; it stands for all parts of its tensor.

    Raises:
        OptionError: there is no such weight.
    """
    if not run.asked:
        return list(weights)
    layers = {layer.name: layer.key for layer in (*run.layers, *run.left_out)}
    chosen: list[Turned] = []
    for name in run.asked:
        key = layers.get(name, name)
        found = [each for each in weights if key in each.row.keys or name in _names(each.row)]
        if not found:
            there = [each.row.title for each in weights]
            more = f", … {len(there) - LISTED} more" if len(there) > LISTED else ""
            listed = ", ".join(map(repr, there[:LISTED])) + more
            raise OptionError(f"no weight {name!r} in {str(run.path)!r} (weights there: {listed})")
        chosen += [each for each in found if each not in chosen]
    return chosen


def _names(row: Row) -> set[str]:
    whole = row.title.removesuffix(f" ({row.part})") if row.part else row.title
    return {row.title, whole, row.name}


def _shape(row: Row, shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    members = [shapes[key] for key in row.keys]
    if row.formula == "B·A":
        down, up = members
        shape: tuple[int, ...] = (up[0], prod(down[1:]))
    else:
        shape = max(members, key=lambda each: (prod(each), len(each)))
    if row.slice is not None:
        axis, start, stop = row.slice
        shape = (*shape[:axis], stop - start, *shape[axis + 1 :])
    return shape


def _axes(
    row: Row, dimensions: int, tensors: Sequence[Tensor], turned: frozenset[str], convention: str
) -> tuple[int, ...]:
    if row.formula == "B·A":
        return (0, 1)
    if row.role in TABLES:
        return tuple(range(dimensions))
    weight = next((tensor for tensor in tensors if tensor.weight is not None), None)
    if weight is None:
        return turn_axes(dimensions) if convention == "keras" else tuple(range(dimensions))
    axes = turn_axes(dimensions) if weight.key in turned else tuple(range(dimensions))
    is_transposed = weight.role == TRANSPOSED or (weight.weight is not None and weight.weight.transposed)
    return (axes[1], axes[0], *axes[2:]) if is_transposed and dimensions > 2 else axes
