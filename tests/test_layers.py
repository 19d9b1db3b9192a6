from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.errors import OptionError
from nnanim.model.layers import check_sizes, natural_key


@given(st.lists(st.integers(0, 10**30)))
def test_natural_order_is_the_order_of_the_numbers(numbers: list[int]) -> None:
    texts = [f"snapshot_iter_{number}" for number in numbers]
    assert sorted(texts, key=natural_key) == [f"snapshot_iter_{number}" for number in sorted(numbers)]


@given(st.lists(st.text()))
def test_natural_order_takes_any_names(texts: list[str]) -> None:
    assert sorted(sorted(texts, key=natural_key)) == sorted(texts)


def test_natural_order_takes_numbers_of_any_length() -> None:
    assert sorted(["l" + "9" * 20_000, "l10", "l9"], key=natural_key)[:2] == ["l9", "l10"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4,), "shape (4,) has too few sizes (at least two are needed, such as 4,5,3)"),
        ((), "shape () has too few sizes (at least two are needed, such as 4,5,3)"),
        ((0, 3), "shape (0, 3) has the size 0 (every size must be at least 1)"),
        ((4, -5, 3), "shape (4, -5, 3) has the size -5 (every size must be at least 1)"),
        ((4, 2.5), "shape (4, 2.5) has the size 2.5 (every size must be an integer)"),
        ("43", "shape ('4', '3') has the size '4' (every size must be an integer)"),
    ],
)
def test_sizes_that_are_no_shape(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_sizes(shape)
    assert str(caught.value) == message
