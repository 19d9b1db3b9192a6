"""Each statistic against an independent computation, and the table's own page."""

from __future__ import annotations

import ast
import inspect
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.comparing import statistics
from nnanim.comparing.statistics import STATISTICS, Material, documentation

ROOT = Path(__file__).parent.parent


def material(seed: int, shapes: tuple[tuple[int, int], ...] = ((5, 4), (3, 5))) -> Material:
    random = np.random.default_rng(seed)
    matrices = tuple(random.normal(size=shape).astype(np.float32) for shape in shapes)
    return Material(matrices, 2.0, 5.0, (np.array([1.0, 0.5, 0.0099, 0.01001, 0.0]),))


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_statistics_are_what_plain_numpy_says(seed: int, rows: int, columns: int) -> None:
    given_material = material(seed, ((rows, columns), (columns, rows)))
    flat = np.concatenate([np.float64(matrix).ravel() for matrix in given_material.matrices])
    assert statistics.norm(given_material) == pytest.approx(np.linalg.norm(flat), rel=1e-6)
    assert statistics.straightness(given_material) == pytest.approx(0.4, rel=1e-6)
    ranks = []
    for matrix in given_material.matrices:
        # The singular values by another way: they are, with both signs, the eigenvalues of [[0, W], [Wᵀ, 0]].
        wide = matrix.astype(np.float64)
        both = np.block([[np.zeros((len(wide),) * 2), wide], [wide.T, np.zeros((wide.shape[1],) * 2)]])
        singular = np.sort(np.linalg.eigvalsh(both))[::-1][: min(wide.shape)]
        share = singular / singular.sum()
        ranks.append(np.exp(sum(-each * np.log(each) for each in share if each > 1e-12)))
    assert statistics.effective_rank(given_material) == pytest.approx(np.mean(ranks), rel=1e-6)
    strongest = sorted((float(weight) ** 2 for weight in flat), reverse=True)
    count = next(k for k in range(1, len(flat) + 1) if sum(strongest[:k]) >= 0.9 * sum(strongest))
    assert statistics.share_of_90_percent(given_material) == pytest.approx(count / len(flat), rel=1e-6)


def test_effective_rank_of_known_singular_values() -> None:
    for singular, rank in (([1, 1, 1], 3.0), ([5, 0, 0], 1.0), ([2, 2, 0], 2.0), ([3, 1], 4 / 3**0.75)):
        left = np.linalg.qr(np.random.default_rng(0).normal(size=(len(singular),) * 2))[0]
        right = np.linalg.qr(np.random.default_rng(1).normal(size=(len(singular),) * 2))[0]
        matrix = left @ np.diag(np.array(singular, dtype=float)) @ right
        assert statistics.effective_rank(Material((matrix,), 0, 0, ())) == pytest.approx(rank, abs=1e-6)


def test_units_are_unused_below_one_per_cent_of_the_strongest() -> None:
    assert statistics.unused_units(material(0)) == 2
    assert statistics.unused_units(Material((), 0, 0, (np.zeros(3), np.ones(2)))) == 3


def test_what_is_not_known_is_no_number() -> None:
    nothing = Material((np.zeros((2, 2), np.float32),), 0.0, 0.0, ())
    unknown = [statistic.name for statistic in STATISTICS if isnan(statistic.of(nothing))]
    assert unknown == ["straightness", "effective_rank", "share_of_90_percent", "unused_units"]
    assert statistics.norm(nothing) == 0


def test_each_statistic_is_a_function_of_at_most_15_lines() -> None:
    for statistic in STATISTICS:
        (function,) = ast.parse(inspect.getsource(statistic.of)).body
        assert isinstance(function, ast.FunctionDef)
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < 15


def test_the_page_holds_the_table() -> None:
    assert documentation() in (ROOT / "docs/effects.md").read_text(encoding="utf-8")
    for statistic in STATISTICS:
        assert f"(`{statistic.name}`) | {statistic.label} | {statistic.formula} |" in documentation()
