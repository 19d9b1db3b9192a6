"""When groups of seeds differ, and when nobody can tell."""

from __future__ import annotations

from itertools import combinations
from math import comb, isnan

import numpy as np
import pytest

from nnanim.comparing import groups
from nnanim.comparing.groups import adjusted_p, can_tell, compare_groups, hedges_g, least_p


def test_groups_of_one_setting_differ_as_often_as_chance_says() -> None:
    draws, count = 2000, 0
    random = np.random.default_rng(13)
    for _ in range(draws):
        # Statistics that hang together, as those of weights do, and one that is constant.
        values = random.normal(size=(8, 5)) @ random.normal(size=(5, 5)) * [1, 1e-3, 100, 1, 0] + 7
        verdicts = compare_groups(values[:4], values[4:])
        count += any(verdict.differs for verdict in verdicts)
    # The binomial 99 % interval, counted out: not the normal one.
    chances = np.array([_binomial(k, draws, 2 / 70) for k in range(150)])
    low, high = np.searchsorted(np.cumsum(chances), [0.005, 0.995])
    assert low <= count <= high


def _binomial(hits: int, draws: int, chance: float) -> float:
    from math import exp, lgamma, log

    ways = lgamma(draws + 1) - lgamma(hits + 1) - lgamma(draws - hits + 1)
    return exp(ways + hits * log(chance) + (draws - hits) * log(1 - chance))


def test_p_is_what_counting_by_hand_says() -> None:
    values = np.random.default_rng(3).normal(size=(7, 3)) + np.array([[2.0, 0, 0]] * 3 + [[0, 0, 0]] * 4)

    def student(chosen: tuple[int, ...]) -> np.ndarray:
        one = values[list(chosen)]
        other = np.delete(values, list(chosen), axis=0)
        spread = np.sqrt((2 * one.var(axis=0, ddof=1) + 3 * other.var(axis=0, ddof=1)) / 5)
        return np.abs(one.mean(axis=0) - other.mean(axis=0)) / (spread * np.sqrt(1 / 3 + 1 / 4))

    largest = np.array([student(chosen).max() for chosen in combinations(range(7), 3)])
    expected = [(largest >= each - 1e-12).mean() for each in student((0, 1, 2))]
    np.testing.assert_allclose(adjusted_p(values, 3), expected)


def test_far_apart_groups_reach_the_smallest_p() -> None:
    first, second = np.arange(5.0)[:, None], 100 + np.arange(5.0)[:, None]
    (verdict,) = compare_groups(first, second)
    assert verdict.p == pytest.approx(2 / comb(10, 5)) == pytest.approx(least_p(5, 5))
    assert verdict.differs


def test_a_verdict_needs_runs_enough_for_the_groups() -> None:
    assert [can_tell(n, n, 2) for n in (1, 2, 3, 4, 5)] == [False, False, False, True, True]
    assert can_tell(4, 4, 3) is False
    assert can_tell(5, 5, 4) is True  # 2 of 252 against 0.05 / 3
    assert can_tell(3, 5, 2) is True  # 1 of 56, these groups cannot change places
    far = compare_groups(np.array([[0.0], [0.1], [0.2]]), np.array([[50.0], [51], [52]]))[0]
    assert isnan(far.p)
    assert not far.differs
    assert far.effect_size > 10


def test_many_runs_are_dealt_by_a_fixed_seed() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(12, 2)), random.normal((5, 0), size=(12, 2))
    assert comb(24, 12) > groups.MOST_PERMUTATIONS
    one, other = (compare_groups(first, second) for _ in range(2))
    assert [verdict.p for verdict in one] == [verdict.p for verdict in other]
    assert one[0].p == pytest.approx(1 / (groups.MOST_PERMUTATIONS + 1))
    assert (one[0].differs, one[1].differs) == (True, False)


def test_constant_and_unknown_statistics_leave_the_family() -> None:
    random = np.random.default_rng(1)
    values = np.column_stack([random.normal(size=8), np.full(8, 0.1), random.normal(size=8)])
    values[3, 2] = np.nan
    verdicts = compare_groups(values[:4], values[4:])
    assert [verdict.left_out for verdict in verdicts] == ["", "the same in every run", "not known of every run"]
    (alone,) = compare_groups(values[:4, :1], values[4:, :1])
    assert verdicts[0].p == alone.p


def test_statistics_that_are_more_are_paid_for() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(10, 30))
    values[:5, 0] += 2
    (alone,) = compare_groups(values[:5, :1], values[5:, :1])
    assert compare_groups(values[:5], values[5:])[0].p > alone.p


def test_the_floor_keeps_equal_runs_from_an_infinite_t() -> None:
    values = np.array([[1.0]] * 4 + [[2.0]] * 4)
    (verdict,) = compare_groups(values[:4], values[4:])
    assert verdict.p == pytest.approx(2 / 70)
    assert isnan(verdict.effect_size)


def test_hedges_g_is_the_difference_in_spreads_without_the_bias() -> None:
    first, second = [1.0, 2, 3, 4], [3.0, 4, 5, 6]
    d = 2 / np.sqrt(5 / 3)
    assert hedges_g(first, second) == pytest.approx(d * (1 - 3 / (4 * 6 - 1)), rel=2e-3)  # Hedges' own approximation
    assert hedges_g(second, first) == -hedges_g(first, second)
    assert isnan(hedges_g([1, 2], [3, 4, 5]))


def test_a_split_and_its_mirror_count_as_one() -> None:
    # Both have the same |t|, but for the order in which numbers are added up.
    random = np.random.default_rng(4)
    for _ in range(200):
        splits = adjusted_p(random.normal(3, 1e-3, size=(8, 4)), 4) * 70
        assert np.all(np.rint(splits) % 2 == 0)
