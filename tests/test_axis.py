from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nnanim.design.axis import Axis


def axis(*values: float, bins: int = 6, integer: bool = False) -> Axis:
    return Axis.of([np.array(values, dtype=float)], bins, integer=integer)


def test_values_have_a_margin_on_both_sides():
    found = axis(0.2, 1.0)
    assert (found.low, found.high) == (pytest.approx(0.16), pytest.approx(1.04))
    assert found.labels == ("0.2", "0.4", "0.6", "0.8", "1.0")
    np.testing.assert_allclose(found.ticks, [0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_allclose(found.shares(np.array([0.16, 0.6, 1.04])), [0, 0.5, 1])


def test_all_arrays_count_and_what_is_not_finite_does_not():
    found = Axis.of([np.array([np.nan, 1.0]), np.array([np.inf, 3.0])], 6)
    assert (found.low, found.high) == (pytest.approx(0.9), pytest.approx(3.1))


@pytest.mark.parametrize("values", [(), (np.nan, np.nan)])
def test_without_any_value_the_axis_is_from_0_to_1(values):
    found = axis(*values)
    assert found.low < 0 < 1 < found.high
    assert found.labels[0] == "0.0"


def test_one_value_stands_in_the_middle():
    assert axis(5.0).shares(np.array([5.0])) == pytest.approx(0.5)
    assert axis(0.0).shares(np.array([0.0])) == pytest.approx(0.5)
    whole = axis(7.0, integer=True)
    assert whole.shares(np.array([7.0])) == pytest.approx(0.5)
    assert "7" in whole.labels


def test_epochs_have_whole_ticks():
    assert axis(1.0, 3.0, integer=True).labels == ("1", "2", "3")


def test_small_and_large_values_share_a_factor():
    small = axis(1e-8, 4e-8)
    assert small.factor == "1e\N{MINUS SIGN}8"
    assert small.labels == ("1", "2", "3", "4")
    assert axis(0.0, 3e7).factor == "1e7"
    assert axis(0.0, 100.0).factor == ""


def test_negative_values_have_a_minus_sign():
    assert axis(-1.0, 1.0).labels[0] == "\N{MINUS SIGN}1.0"


def test_style_of_the_caller_has_no_influence():
    plain = axis(1e-8, 4e-8)
    settings = {"axes.formatter.useoffset": False, "axes.formatter.limits": (-20, 20), "axes.unicode_minus": False}
    with plt.rc_context({**settings, "axes.formatter.use_mathtext": True, "axes.autolimit_mode": "round_numbers"}):
        assert axis(1e-8, 4e-8) == plain
