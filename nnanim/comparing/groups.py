"""Whether two groups of runs differ beyond their seeds: effect sizes, and an exact permutation test of all statistics.

The test is Westfall & Young's (1993) single-step max-T: the runs are dealt anew into two groups of the same sizes in
every possible way, and a statistic's |t| is held against the largest |t| of all statistics each time. So the number of
statistics is paid for, however they hang together; the number of groups is paid for by Bonferroni.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from math import comb, exp, lgamma, nan, sqrt

import numpy as np

LEVEL = 0.05
LEAST_RUNS = 3  # in each group, for an effect size
MOST_PERMUTATIONS = 20_000
SEED = 0  # of the permutations that are drawn where there are more
FLOOR = 0.01  # least spread within the groups that t is measured in, as a share of the spread over both together
CONSTANT = 1e-6  # of the largest value: statistics that vary by less are constant but for rounding of float32
_AT_ONCE = 512  # ways to deal runs that are in memory together
_EQUAL = 1e-9  # two |t| that differ by less are equal: the same split, added up in another order


@dataclass(frozen=True)
class Verdict:
    """What is known of one statistic in two groups.

    Attributes:
        effect_size: Hedges' g, positive where the second group has more; NaN where it is not known.
        p: adjusted for the statistics, not for the groups; NaN where no test was made.
        differs: True where the groups differ beyond the seeds.
        left_out: why it is not in the test; empty where it is.
    """

    effect_size: float
    p: float
    differs: bool
    left_out: str = ""


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the difference of the means in pooled standard deviations, without small samples' bias (Hedges 1981).

    NaN where a group has fewer than 3 runs, or no run differs from its group.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if min(len(one), len(other)) < LEAST_RUNS:
        return nan
    freedom = len(one) + len(other) - 2
    pooled = sqrt((np.square(one - one.mean()).sum() + np.square(other - other.mean()).sum()) / freedom)
    if not pooled > CONSTANT * max(np.abs(one).max(), np.abs(other).max()):
        return nan
    unbiased = exp(lgamma(freedom / 2) - lgamma((freedom - 1) / 2)) / sqrt(freedom / 2)
    return float(unbiased * (other.mean() - one.mean()) / pooled)


def least_p(first: int, second: int) -> float:
    """Return the smallest p that a test of groups of these sizes can reach.

    Groups of one size can change their places, which changes no |t|.
    """
    splits = comb(first + second, first)
    return max((2 if first == second else 1) / splits, 1 / (1 + MOST_PERMUTATIONS))


def can_tell(first: int, second: int, groups: int) -> bool:
    """Tell whether groups of these sizes can differ at all, among so many groups."""
    return min(first, second) > 0 and least_p(first, second) <= LEVEL / max(groups - 1, 1)


def compare_groups(first: np.ndarray, second: np.ndarray, groups: int = 2) -> list[Verdict]:
    """Hold two groups of runs against each other.

    Args:
        first: (n, K) values of K statistics, NaN where a run has none.
        second: (m, K) the same of the other group.
        groups: how many there are in all, each held against the first.

    Returns:
        A verdict for each statistic.
    """
    both = np.concatenate([first, second]).astype(float)
    reasons = [_why_not(column) for column in both.T]
    inside = [place for place, reason in enumerate(reasons) if not reason]
    effects = [hedges_g(one, other) for one, other in zip(first.T, second.T, strict=True)]
    p = np.full(both.shape[1], nan)
    if inside and can_tell(len(first), len(second), groups):
        p[inside] = adjusted_p(both[:, inside], len(first))
    level = LEVEL / max(groups - 1, 1) * (1 + _EQUAL)
    return [
        Verdict(*each[:2], bool(each[1] <= level), each[2]) for each in zip(effects, p.tolist(), reasons, strict=True)
    ]


def medoid(values: np.ndarray) -> int:
    """Return which run of a group is nearest to all others together.

    Distances are Euclidean, each statistic in standard deviations of the group; one that is constant, or not known of
    every run, does not count. Of runs that are equally near the first is taken.

    Args:
        values: (n, K) values of K statistics, NaN where a run has none.
    """
    inside = [place for place, column in enumerate(values.T) if not _why_not(column)]
    known = values[:, inside].astype(float)
    scaled = (known - known.mean(axis=0)) / known.std(axis=0)
    apart = np.sqrt(np.square(scaled[:, None] - scaled[None]).sum(axis=2)).sum(axis=1)
    return int(np.flatnonzero(apart <= apart.min() * (1 + _EQUAL))[0])


def adjusted_p(both: np.ndarray, first: int) -> np.ndarray:
    """Return for each statistic the share of the splits whose largest |t| is no less than its own |t|.

    Args:
        both: (n + m, K) values, the first group's runs before the second's; none constant.
        first: n.
    """
    scaled = (both - both.mean(axis=0)) / both.std(axis=0)
    observed = _largest_t(scaled, np.arange(len(both))[None] < first, each=True)[0]
    counts, ways = np.zeros(both.shape[1]), 0
    for splits in _splits(len(both), first):
        largest = _largest_t(scaled, splits)
        counts += (largest[:, None] >= observed * (1 - _EQUAL)).sum(axis=0)
        ways += len(splits)
    p: np.ndarray = counts / ways
    return p


def _largest_t(scaled: np.ndarray, splits: np.ndarray, *, each: bool = False) -> np.ndarray:
    """Return the largest |t| over the statistics for each split (P,), or all of them (P, K).

    t is Student's, with pooled variance. The values have the variance 1 over both groups.
    """
    total = scaled.shape[0]
    first = splits.sum(axis=1, keepdims=True)
    second = total - first
    sums = splits.astype(float) @ scaled
    one, other = sums / first, -sums / second  # their weighted sum is zero
    within = np.maximum(total - first * one**2 - second * other**2, 0) / max(total - 2, 1)
    t: np.ndarray = np.abs(other - one) / np.sqrt(np.maximum(within, FLOOR**2) * (1 / first + 1 / second))
    return t if each else t.max(axis=1)


def _splits(total: int, first: int) -> Iterator[np.ndarray]:
    """Yield the ways to choose a first group, all or a sample with the given one, some at a time.

    Yields:
        (P, total) of True and False.
    """
    ways: Iterator[Sequence[int] | np.ndarray] = combinations(range(total), first)
    if comb(total, first) > MOST_PERMUTATIONS:
        random = np.random.default_rng(SEED)
        drawn = (random.permutation(total)[:first] for _ in range(MOST_PERMUTATIONS))
        ways = chain([np.arange(first)], drawn)
    while chosen := list(islice(ways, _AT_ONCE)):
        splits = np.zeros((len(chosen), total), dtype=bool)
        np.put_along_axis(splits, np.array(chosen), True, axis=1)
        yield splits


def _why_not(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return "not known of every run"
    if np.ptp(values) <= CONSTANT * np.abs(values).max():
        return "the same in every run"
    return ""
