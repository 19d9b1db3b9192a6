"""Statistics of the weights of a run: one table of name, formula, source and function, which writes its own page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import numpy as np

CARRIED = 0.9  # of the sum of squares
UNUSED = 0.01  # of the strongest unit of the layer


@dataclass(frozen=True, eq=False)
class Material:
    """What the statistics of one layer, or of all layers together, are made of.

    Attributes:
        matrices: of each layer in the last snapshot (out, in), the kernel's places behind each channel.
        moved: ‖w_T − w_0‖, the distance from the first snapshot to the last.
        path: Σ ‖w_t − w_(t−1)‖ over the snapshots.
        strengths: of each layer whose units are known to be hidden (n,), the norm of what comes into each of them times
            the norm of what goes out of it.
    """

    matrices: tuple[np.ndarray, ...]
    moved: float
    path: float
    strengths: tuple[np.ndarray, ...]


def norm(material: Material) -> float:
    """Return the length of all weights as one vector."""
    squares = [np.square(matrix, dtype=np.float64).sum() for matrix in material.matrices]
    return float(np.sqrt(np.sum(squares)))


def straightness(material: Material) -> float:
    """Return 1 for a straight way from the first snapshot to the last, near 0 for a wandering one; NaN without one."""
    return min(1.0, material.moved / material.path) if material.path > 0 else nan


def effective_rank(material: Material) -> float:
    """Return the effective rank of a matrix, and of several their mean; a matrix of zeros has none."""
    ranks = []
    for matrix in material.matrices:
        singular = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
        if singular.sum() > 0:
            share = singular[singular > 0] / singular.sum()
            ranks.append(np.exp(-np.sum(share * np.log(share))))
    return float(np.mean(ranks)) if ranks else nan


def share_of_90_percent(material: Material) -> float:
    """Return which share of the weights, the strongest first, has 90 % of the sum of squares."""
    weights = np.concatenate([matrix.reshape(-1) for matrix in material.matrices])
    squares = np.sort(np.square(weights, dtype=np.float64))[::-1]
    carried = np.cumsum(squares)
    if not len(carried) or carried[-1] == 0:
        return nan
    return float(1 + np.searchsorted(carried, CARRIED * carried[-1])) / len(carried)


def unused_units(material: Material) -> float:
    """Count hidden units that are weaker than 1 % of the strongest of their layer; NaN where none are known."""
    if not material.strengths:
        return nan
    return float(sum(np.sum(strengths <= UNUSED * strengths.max()) for strengths in material.strengths))


@dataclass(frozen=True)
class Statistic:
    """One row of the table.

    Attributes:
        name: in JSON.
        title: in tables.
        label: in pictures, in plain words.
        term: below it, in small print.
        formula: as it is written in the docs.
        meaning: of it, in one sentence.
        source: where it is from.
        of: the function.
    """

    name: str
    title: str
    label: str
    term: str
    formula: str
    meaning: str
    source: str
    of: Callable[[Material], float]


STATISTICS = (
    Statistic(
        "norm",
        "‖w‖",
        "size of weights",
        "‖w‖",
        "√Σw²",
        "How large the weights are together, in the last snapshot.",
        "Euclidean norm",
        norm,
    ),
    Statistic(
        "straightness",
        "straightness",
        "straight way",
        "straightness",
        "‖w_T − w_0‖ / Σ‖w_t − w_(t−1)‖",
        "How direct the way from the first snapshot to the last was. Snapshots further apart make it look straighter:"
        " compare runs with equally many.",
        "net displacement over path length, as of the tracks of animals (Batschelet 1981)",
        straightness,
    ),
    Statistic(
        "effective_rank",
        "effective rank",
        "directions",
        "effective rank",
        "exp(−Σ p ln p), p = σ / Σσ",
        "In how many directions a weight matrix acts, from its singular values σ; of the whole network the mean over"
        " its layers.",
        "Roy & Vetterli 2007",
        effective_rank,
    ),
    Statistic(
        "share_of_90_percent",
        "share of 90 %",
        "strong weights",
        "share of 90 %",
        "least k / n whose k largest w² sum up to 0.9 Σw²",
        "The share of the weights that carries 90 % of the sum of squares: small where few weights are strong.",
        "Lorenz 1905, the curve read at 90 %",
        share_of_90_percent,
    ),
    Statistic(
        "unused_units",
        "unused units",
        "unused units",
        "how many",
        "number of hidden units with ‖w_in‖·‖w_out‖ ≤ 0.01 of their layer's largest",
        "Hidden units that nothing reaches or that reach nothing. The product stays the same when a ReLU network is"
        " rescaled unit by unit.",
        "rescaling after Neyshabur, Salakhutdinov & Srebro 2015",
        unused_units,
    ),
)


def documentation() -> str:
    """Write the table as Markdown."""
    lines = ["| statistic | in pictures | formula | what it says | source |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.title} (`{each.name}`) | {each.label} | {each.formula} | {each.meaning} | {each.source} |"
        for each in STATISTICS
    ]
    return "\n".join(lines)
