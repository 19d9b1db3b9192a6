"""What several tensors make together: the weight of a normalised or pruned layer, the product of an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def make(formula: str | None, members: Sequence[np.ndarray]) -> np.ndarray:
    """Make a weight of its members.

    The formulas: ``"g·v/‖v‖"`` (Salimans & Kingma 2016, weight normalisation; the norm over all axes of v but those of
    g), ``"orig·mask"`` (torch.nn.utils.prune), ``"B·A"`` (Hu et al. 2021, LoRA, without its factor).
    """
    made: np.ndarray = members[0] if formula is None else FORMULAS[formula](*members)
    return made


def _weight_norm(gain: np.ndarray, direction: np.ndarray) -> np.ndarray:
    axes = tuple(axis for axis, size in enumerate(gain.shape) if size == 1 and direction.shape[axis] != 1)
    if gain.ndim != direction.ndim:  # Chainer and some scripts keep (out,)
        gain = gain.reshape(-1, *[1] * (direction.ndim - 1))
        axes = tuple(range(1, direction.ndim))
    lengths = np.sqrt(np.square(direction, dtype=np.float64).sum(axis=axes, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(gain * (direction / lengths))


def _product(down: np.ndarray, up: np.ndarray) -> np.ndarray:
    # A (rank, in) and B (out, rank), of convolutions with the axes of the kernel behind these.
    made: np.ndarray = up.reshape(up.shape[0], -1)[:, : down.shape[0]].astype(np.float64) @ down.reshape(
        down.shape[0], -1
    )
    return made


FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "g·v/‖v‖": _weight_norm,
    "orig·mask": lambda original, mask: original * mask,
    "B·A": _product,
}
