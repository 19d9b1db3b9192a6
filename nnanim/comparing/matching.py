"""Which hidden unit of one network is which of another: weight matching, and whether both began from the same weights.

A network computes the same when its hidden units are exchanged, so two networks can be held against each other unit by
unit only where they began from the same weights, or after the second's units were put in the order of the first's.
Weight matching is that of Ainsworth, Hayase & Srinivasa, "Git Re-Basin" (2022): layer by layer the exchange is taken
that makes the inner product of both networks largest, until none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import lgamma, log

import numpy as np

from nnanim.errors import OptionError, RunError
from nnanim.extras import how_to_install
from nnanim.model.layers import Layer

STARTS = 8  # one from the input side on, the others at random
SEED = 0
EXCHANGES = 200  # at random, to see what chance finds
FAR_BETTER = 4.0  # standard deviations above what chance finds
CHANCE = 1e-3  # the identity is found by chance once in so many times at most, or it tells nothing
_MOST_ROUNDS = 100

Order = list[np.ndarray]


@dataclass(frozen=True, eq=False)
class Net:
    """A chain of layers, ready to have its hidden units exchanged.

    Attributes:
        weights: of each layer, (out, in, places) float64; in counts units of the layer before, places the kernel's, or
            the map's where a dense layer follows a convolution.
        vectors: of each layer, (out, V) float64: its bias, and what a normalisation keeps for each unit.
    """

    weights: tuple[np.ndarray, ...]
    vectors: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Units, input side first."""
        return (self.weights[0].shape[1], *(len(weight) for weight in self.weights))


def make_net(layers: Sequence[Layer], beside: Sequence[Sequence[np.ndarray]], *, channels_last: bool = False) -> Net:
    """Make a net of layers that follow each other.

    Args:
        layers: in their order.
        beside: for each layer what else is kept for each of its units, (out,) each.
        channels_last: a flattened map has its channels behind its places, as Keras keeps it.

    Raises:
        RunError: a layer takes in something else than the one before puts out.
    """
    weights, vectors = [], []
    units = layers[0].weight.shape[1]
    for layer, more in zip(layers, beside, strict=True):
        weight = layer.weight.astype(np.float64)
        weight = weight.reshape(*weight.shape[:2], -1)
        if weight.shape[1] % units:
            raise RunError(f"layer {layer.name!r} takes in {weight.shape[1]} values: no multiple of {units} before it")
        if weight.shape[1] != units:
            size = len(weight), units, weight.shape[1] // units
            weight = weight.reshape(size[0], size[2], units).swapaxes(1, 2) if channels_last else weight.reshape(size)
        units = len(weight)
        columns = [np.asarray(each, dtype=np.float64) for each in (layer.bias, *more) if each is not None]
        weights.append(weight)
        vectors.append(np.stack(columns, axis=1) if columns else np.zeros((units, 0)))
    return Net(tuple(weights), tuple(vectors))


def loose_net(layers: Iterable[Layer]) -> Net:
    """Make a net of layers of which it is not known what follows what: its units must not be exchanged."""
    layers = list(layers)
    weights = [each.weight.astype(np.float64).reshape(*each.weight.shape[:2], -1) for each in layers]
    biases = [np.zeros((0, 1)) if each.bias is None else each.bias.astype(np.float64)[:, None] for each in layers]
    return Net(tuple(weights), tuple(biases))


def reorder(net: Net, order: Sequence[np.ndarray]) -> Net:
    """Exchange hidden units: unit i of hidden layer l becomes what unit ``order[l][i]`` was. It computes the same."""
    weights, vectors = list(net.weights), list(net.vectors)
    for place, units in enumerate(order):
        weights[place], vectors[place] = weights[place][units], vectors[place][units]
        weights[place + 1] = weights[place + 1][:, units]
    return replace(net, weights=tuple(weights), vectors=tuple(vectors))


def largest_difference(one: Net, other: Net) -> float:
    """Return the largest |difference| of two weights or vectors in the same place."""
    pairs = zip((*one.weights, *one.vectors), (*other.weights, *other.vectors), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs if a.size)


def fit(one: Net, other: Net) -> float:
    """Return the inner product of two nets: the larger, the nearer they are, whatever the order of their units."""
    pairs = zip((*one.weights, *one.vectors), (*other.weights, *other.vectors), strict=True)
    return sum(float(np.vdot(a, b)) for a, b in pairs)


def can_match() -> bool:
    """Tell whether SciPy is there, which solves the assignment."""
    try:
        import scipy.optimize  # noqa: F401
    except ImportError:
        return False
    return True


def match(one: Net, other: Net, starts: int = STARTS) -> Order:
    """Find the order of the other's hidden units that fits the first best, from several starts.

    Raises:
        OptionError: SciPy is missing, or the nets have different shapes.
    """
    if not can_match():
        raise OptionError(
            f"matching hidden units needs the package 'scipy', which is not installed: {how_to_install('match')}"
        )
    check_alike(one, other)
    random = np.random.default_rng(SEED)
    best: Order = [np.arange(size) for size in one.shape[1:-1]]
    best_fit = fit(one, other)
    for start in range(starts):
        order = _from_input_side(one, other) if start == 0 else _at_random(one, random)
        _improve(one, other, order, random)
        reached = fit(one, reorder(other, order))
        if reached > best_fit * (1 + np.sign(best_fit) * 1e-12):
            best, best_fit = order, reached
        if largest_difference(one, reorder(other, best)) == 0:
            break
    return best


def check_alike(one: Net, other: Net) -> None:
    """Refuse nets that cannot be laid over each other.

    Raises:
        OptionError: they have different shapes.
    """
    alike = [
        a.shape == b.shape for a, b in zip((*one.weights, *one.vectors), (*other.weights, *other.vectors), strict=False)
    ]
    if one.shape != other.shape or not all(alike):
        shapes = " and ".join(",".join(map(str, net.shape)) for net in (one, other))
        raise OptionError(f"networks of different shapes cannot be laid over each other: {shapes}")


def same_start(one: Net, other: Net) -> bool:
    """Tell whether two nets, the first snapshots of their runs, began from the same weights.

    They did where they are equal, or where matching leaves every unit in its place and that fits far better than
    200 random exchanges do: better than all of them, and four of their standard deviations above their mean. Where
    there are so few units that chance leaves all in place, only equality counts; without SciPy too.
    """
    if one.shape != other.shape or [each.shape for each in one.vectors] != [each.shape for each in other.vectors]:
        return False
    if largest_difference(one, other) == 0:
        return True
    if _log_orders(one) < -log(CHANCE) or not can_match():
        return False
    if any((units != np.arange(len(units))).any() for units in match(one, other)):
        return False
    random = np.random.default_rng(SEED)
    chance = [fit(one, reorder(other, _at_random(one, random))) for _ in range(EXCHANGES)]
    reached = fit(one, other)
    return reached > max(chance) and bool(reached > np.mean(chance) + FAR_BETTER * np.std(chance))


def _log_orders(net: Net) -> float:
    """Return the logarithm of how many orders of all hidden units there are."""
    return sum(lgamma(size + 1) for size in net.shape[1:-1])


def _at_random(net: Net, random: np.random.Generator) -> Order:
    return [random.permutation(size) for size in net.shape[1:-1]]


def _from_input_side(one: Net, other: Net) -> Order:
    """Match each hidden layer by what comes into it alone, once the layer before is matched."""
    order: Order = []
    for place in range(len(one.weights) - 1):
        before = other.weights[place] if not order else other.weights[place][:, order[-1]]
        order.append(_assign(_alike(one.weights[place], before) + one.vectors[place] @ other.vectors[place].T))
    return order


def _improve(one: Net, other: Net, order: Order, random: np.random.Generator) -> None:
    """Rematch hidden layers in a random order until nothing changes."""
    for _ in range(_MOST_ROUNDS):
        changed = False
        for place in random.permutation(len(order)).tolist():
            coming = other.weights[place][:, order[place - 1]] if place else other.weights[place]
            going = other.weights[place + 1]
            going = going[order[place + 1]] if place + 1 < len(order) else going
            gain = _alike(one.weights[place], coming) + one.vectors[place] @ other.vectors[place].T
            gain += _alike(one.weights[place + 1].swapaxes(0, 1), going.swapaxes(0, 1))
            units = _assign(gain)
            rows = np.arange(len(units))
            if gain[rows, units].sum() > gain[rows, order[place]].sum() + 1e-12 * np.abs(gain).sum():
                order[place], changed = units, True
        if not changed:
            return


def _alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the inner products of the units of two arrays along their first axis, (n, n)."""
    product: np.ndarray = one.reshape(len(one), -1) @ other.reshape(len(other), -1).T
    return product


def _assign(gain: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment

    units: np.ndarray = linear_sum_assignment(gain, maximize=True)[1]
    return units
