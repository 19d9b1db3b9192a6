from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnanim.design.scales import IntensityScale, WidthScale

RANGE_PT = (0.5, 7.0)
SUBNORMAL = np.float32(1e-45)


def floats32(**limits: float) -> st.SearchStrategy[float]:
    return st.floats(width=32, allow_nan=False, allow_infinity=False, **limits)


# Snapshots x edges, over all of float32: a diverging run must still be drawn.
runs = arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 20)), elements=floats32())
ordinary = arrays(
    np.float32, st.tuples(st.integers(2, 4), st.integers(1, 20)), elements=floats32(min_value=-8, max_value=8)
)


def widths_of(run: np.ndarray) -> WidthScale:
    return WidthScale.of_run(run, RANGE_PT)


def intensities_of(run: np.ndarray) -> IntensityScale:
    return IntensityScale.of_changes(run)


@given(runs)
def test_width_lies_in_its_range_and_grows_with_the_size_of_the_weight(run: np.ndarray) -> None:
    widths = widths_of(run)(run).ravel()
    assert np.isfinite(widths).all()
    assert widths.min() >= RANGE_PT[0] - 1e-6
    assert widths.max() <= RANGE_PT[1] + 1e-6
    assert (np.diff(widths[np.argsort(np.abs(run), axis=None)]) >= -1e-6).all()


@given(runs)
def test_width_does_not_ask_for_the_sign(run: np.ndarray) -> None:
    np.testing.assert_array_equal(widths_of(run)(run), widths_of(run)(-run))


@given(ordinary)
def test_weight_that_stays_keeps_its_width_whatever_the_others_do(run: np.ndarray) -> None:
    run[:, 0] = run[0, 0]
    scale = widths_of(run)
    each = [scale(snapshot) for snapshot in run]
    assert len({float(widths[0]) for widths in each}) == 1
    # Width depends on the weight alone, not on the frame it stands in.
    np.testing.assert_array_equal(np.stack(each), scale(run))


def test_width_is_linear_up_to_the_domain_and_saturates_beyond() -> None:
    scale = widths_of(np.linspace(-2, 2, 1001))
    domain = float(scale.domain)
    assert 1.9 < domain <= 2.0
    np.testing.assert_allclose(scale(np.array([0, 0.25, 0.5, 1]) * domain), [0.5, 2.125, 3.75, 7.0])
    np.testing.assert_array_equal(scale(np.array([2, 100]) * domain), [7.0, 7.0])


def test_one_runaway_weight_does_not_flatten_the_others() -> None:
    run = np.linspace(0, 1, 1000)
    calm = widths_of(run)(run)
    run[-1] = 1e6
    np.testing.assert_allclose(widths_of(run)(run), calm, atol=0.01)


@pytest.mark.parametrize("scale_of", [widths_of, intensities_of])
def test_ratio_beyond_float32_saturates(scale_of: Callable[[np.ndarray], WidthScale | IntensityScale]) -> None:
    run = np.full((1, 500), 1e-30, dtype=np.float32)
    run[0, 0] = 1e30
    assert np.isfinite(scale_of(run)(run)).all()
    assert scale_of(run)(run)[0, 0] == scale_of(run)(run).max()


@pytest.mark.parametrize("value", [0.0, SUBNORMAL, -SUBNORMAL])
def test_run_without_size_gives_hairlines_in_grey(value: float) -> None:
    run = np.full((3, 4), value, dtype=np.float32)
    np.testing.assert_allclose(widths_of(run)(run), RANGE_PT[0])
    np.testing.assert_array_equal(intensities_of(run)(run), 0)


def test_nan_stands_for_no_weight_and_leaves_the_others_alone() -> None:
    run = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(widths_of(run).domain, widths_of(run[:, :2]).domain)
    assert float(widths_of(np.full((2, 3), np.nan)).domain) == 1


@given(ordinary, st.integers(2, 100))
def test_layers_of_their_own_scale_do_not_ask_for_each_other(run: np.ndarray, factor: int) -> None:
    both = np.concatenate([run, factor * run], axis=1)
    groups = np.repeat([0, 1], run.shape[1])
    widths = WidthScale.of_run(both, RANGE_PT, groups)(both)
    alone = widths_of(run)(run)
    np.testing.assert_allclose(widths[:, groups == 0], alone, atol=1e-5)
    if np.abs(run).max() > 1e-30:  # a run without size has no scale of its own
        np.testing.assert_allclose(widths[:, groups == 1], alone, atol=1e-5)


def test_colour_of_the_sign_saturates_where_the_width_does() -> None:
    widths = widths_of(np.linspace(-2, 2, 1001)[None])
    signs = IntensityScale.of_weights(widths)
    np.testing.assert_array_equal(signs(np.array([-1, 0, 1]) * widths.domain), [-1, 0, 1])


@given(runs)
def test_intensity_lies_in_its_range_and_grows_with_the_change(run: np.ndarray) -> None:
    intensities = intensities_of(run)(run).ravel()
    assert np.isfinite(intensities).all()
    assert np.abs(intensities).max() <= 1 + 1e-6
    assert (np.diff(intensities[np.argsort(run, axis=None)]) >= -1e-6).all()


@given(runs)
def test_intensity_is_odd_and_has_the_sign_of_the_change(run: np.ndarray) -> None:
    scale = intensities_of(run)
    np.testing.assert_array_equal(scale(run), -scale(-run))
    assert (np.sign(scale(run)) * np.sign(run) >= 0).all()
    assert (scale(np.zeros_like(run)) == 0).all()


@given(ordinary)
def test_intensity_depends_on_the_change_alone(run: np.ndarray) -> None:
    scale = intensities_of(run)
    np.testing.assert_array_equal(np.stack([scale(snapshot) for snapshot in run]), scale(run))


def test_noise_stays_grey_and_large_changes_are_saturated() -> None:
    scale = intensities_of(np.linspace(-1, 1, 2001))
    domain, dead = float(scale.domain), float(scale.dead_band)
    assert 0 < dead < 0.1
    np.testing.assert_array_equal(scale(np.array([0.5, 0.99, -0.99]) * dead * domain), 0)
    assert scale(np.array(1.1 * dead * domain)) > 0
    np.testing.assert_array_equal(scale(np.array([1, -1, 5, -5]) * domain), [1, -1, 1, -1])
    # The end is a high quantile of the run: few changes are beyond it.
    assert 0.9 < domain < 1
