"""Where panels lie, and the blocks of a legend inside one."""

from __future__ import annotations

import itertools

import pytest

from nnanim.design.layout import CURVE_SHARE_STACKED, MARGIN_PT, Box, Layout, arrange, check_room, rows_of_blocks
from nnanim.errors import OptionError
from nnanim.options import PANELS

SIZES = [(648, 432), (432, 288), (1152, 648), (324, 576), (648, 648), (1296, 300)]


def boxes(layout: Layout) -> list[Box]:
    return [box for box in (layout.view, layout.curve) if box is not None]


def overlap(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.bottom < other.top and other.bottom < one.top


@pytest.mark.parametrize("panels", PANELS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_panels_lie_inside_and_apart(size, panels):
    layout = arrange(*size, panels)
    for box in boxes(layout):
        assert box.left >= 0
        assert box.bottom >= 0
        assert box.right <= size[0] + 1e-6
        assert box.top <= size[1] + 1e-6
    for one, other in itertools.combinations(boxes(layout), 2):
        assert not overlap(one, other)
    assert (layout.view is None) == (panels == "curve")
    assert (layout.curve is None) == (panels == "network")


def test_network_begins_at_a_third():
    layout = arrange(648, 432, "both")
    assert layout.curve is not None
    assert layout.view is not None
    assert layout.view.left == pytest.approx(648 / 3)
    assert layout.curve.right == pytest.approx(648 / 3 - 1.5 * MARGIN_PT)


def test_tall_figure_has_the_network_above_the_curve():
    layout = arrange(324, 576, "both")
    assert layout.curve is not None
    assert layout.view is not None
    inside = 576 - 2 * MARGIN_PT * layout.scale
    assert layout.view.height == pytest.approx(inside * 0.64)
    assert layout.curve.top < layout.view.bottom
    assert pytest.approx(0.36) == CURVE_SHARE_STACKED


def test_sizes_grow_with_the_figure():
    assert arrange(648, 432, "both").scale == 1
    assert arrange(1296, 864, "both").scale == 2
    assert arrange(324, 216, "both").scale == 0.5


def test_blocks_that_do_not_fit_side_by_side_stand_one_above_the_other():
    box = Box(10, 20, 420, 400)
    (one, other), top = rows_of_blocks(box, (170.0, 190.0), 1.0)
    assert one.bottom == other.bottom == 20
    assert one.left == 10
    assert one.right + MARGIN_PT <= other.left
    assert top >= one.top
    (upper, lower), higher = rows_of_blocks(box, (300.0, 320.0), 1.0)
    assert upper.bottom > lower.top
    assert upper.left == lower.left == 10
    assert higher > top


def test_blocks_that_fill_the_width_to_the_point_stay_side_by_side():
    exact, _ = rows_of_blocks(Box(0, 0, 200 + MARGIN_PT, 100), (100.0, 100.0), 1.0)
    assert exact[0].bottom == exact[1].bottom
    short, _ = rows_of_blocks(Box(0, 0, 199 + MARGIN_PT, 100), (100.0, 100.0), 1.0)
    assert short[0].bottom > short[1].bottom


def test_figure_without_room_is_refused():
    check_room(Box(0, 0, 24, 24), (2, 1), 1.0)
    with pytest.raises(OptionError) as error:
        check_room(Box(0, 0, 300, 23.9), (2, 1), 1.0)
    assert str(error.value) == (
        "figsize 2,1 inches is too small for what is to be shown (choose a larger one, or one panel alone)"
    )
