from __future__ import annotations

import itertools

import pytest

from nnanim.design.layout import Box, Layout, Needs, arrange
from nnanim.errors import OptionError
from nnanim.options import PANELS

NEEDS = Needs(legend_widths=(170.0, 190.0), curve_rows=1, right_axis=False, left_label=0.0, right_label=0.0)
CROWDED = Needs(legend_widths=(300.0, 320.0), curve_rows=3, right_axis=True, left_label=70.0, right_label=60.0)
SIZES = [(648, 432), (432, 288), (1152, 648), (324, 576), (648, 648), (1296, 300)]


def boxes(layout: Layout) -> list[Box]:
    there = (layout.network, layout.curve, layout.curve_header, *layout.legend)
    return [box for box in there if box is not None]


def overlap(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.bottom < other.top and other.bottom < one.top


@pytest.mark.parametrize("needs", [NEEDS, CROWDED], ids=["plain", "crowded"])
@pytest.mark.parametrize("panels", PANELS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_parts_lie_inside_and_apart(size, panels, needs):
    layout = arrange(*size, panels, needs)
    for box in boxes(layout):
        assert box.left >= 0
        assert box.bottom >= 0
        assert box.right <= size[0] + 1e-6 or box in layout.legend  # a legend may be cut in a very narrow figure
        assert box.top <= size[1] + 1e-6
    for one, other in itertools.combinations(boxes(layout), 2):
        assert not overlap(one, other)
    assert (layout.network is None) == (panels == "curve")
    assert (layout.curve is None) == (panels == "network")


def test_curve_has_the_left_third():
    layout = arrange(648, 432, "both", NEEDS)
    assert layout.curve is not None
    assert layout.network is not None
    assert layout.curve.right < 648 / 3 < layout.network.left


def test_tall_figure_has_the_network_above_the_curve():
    layout = arrange(324, 576, "both", NEEDS)
    assert layout.curve is not None
    assert layout.network is not None
    assert layout.network.bottom > layout.curve.top


def test_sizes_grow_with_the_figure():
    assert arrange(648, 432, "both", NEEDS).scale == 1
    assert arrange(1296, 864, "both", NEEDS).scale == 2
    assert arrange(324, 216, "both", NEEDS).scale == 0.5


def test_legend_that_does_not_fit_beside_stands_below():
    beside = arrange(648, 432, "both", NEEDS).legend
    below = arrange(648, 432, "both", CROWDED).legend
    assert beside[0].bottom == beside[1].bottom
    assert below[0].bottom > below[1].top


def test_labels_get_room():
    plain, labelled = (arrange(648, 432, "network", needs).network for needs in (NEEDS, CROWDED))
    assert plain is not None
    assert labelled is not None
    assert labelled.left - plain.left >= 70 - 12
    assert labelled.width < plain.width


def test_figure_without_room_is_refused():
    with pytest.raises(OptionError) as error:
        arrange(144, 72, "both", CROWDED)
    assert str(error.value) == (
        "figsize 2,1 inches is too small for what is to be shown (choose a larger one, or one panel alone)"
    )
