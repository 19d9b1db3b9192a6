from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st

from nnanim import Animation, open_run
from nnanim.design.layout import Box
from nnanim.frames.selection import select
from nnanim.options import Options
from nnanim.painting.graphviz_engine import draw
from nnanim.panels.node_places import NodePlaces

BOX = Box(left=230.0, bottom=60.0, width=400.0, height=330.0)  # about the panel of a 9 x 6 inch figure

sizes_of_layers = st.lists(st.integers(1, 60), min_size=2, max_size=12)


def filled(sizes: list[int]) -> NodePlaces:
    weights = [np.ones((count_out, count_in)) for count_in, count_out in pairwise(sizes)]
    return NodePlaces.fill(select(weights, weights, Options(max_nodes=60, max_edges=1_000_000)), BOX, 1.0)


@given(sizes_of_layers)
def test_nodes_lie_in_the_box_and_do_not_overlap(sizes: list[int]) -> None:
    network = filled(sizes)
    radius = network.node_radius_pt
    assert radius >= 1
    outside = radius + network.ring_range_pt[1] / 2
    assert [len(centers) for centers in network.centers_pt] == sizes
    for centers in network.centers_pt:
        assert centers[:, 0].min() - radius >= BOX.left - 1e-9
        assert centers[:, 0].max() + radius <= BOX.right + 1e-9
        assert centers[:, 1].min() - radius >= BOX.bottom - 1e-9
        assert centers[:, 1].max() + radius <= BOX.top + 1e-9
        # One column, neuron 0 on top, with space between neighbours.
        assert np.ptp(centers[:, 0]) == 0
        assert (-np.diff(centers[:, 1]) > 2 * outside).all()
    for left, right in pairwise(network.centers_pt):
        assert right[0, 0] - left[0, 0] > 2 * outside


@given(sizes_of_layers)
def test_every_weight_has_one_edge_in_the_order_of_the_weights(sizes: list[int]) -> None:
    network = filled(sizes)
    shown = network.selection
    edges = list(zip(shown.layer.tolist(), shown.tail.tolist(), shown.head.tolist(), strict=True))
    expected = [
        (layer, tail, head)
        for layer, (count_in, count_out) in enumerate(pairwise(sizes))
        for head in range(count_out)
        for tail in range(count_in)
    ]
    assert edges == expected


@given(sizes_of_layers)
def test_thick_edges_leave_room_between_nodes(sizes: list[int]) -> None:
    network = filled(sizes)
    thinnest, thickest = network.edge_range_pt
    assert 0 < thinnest < thickest <= 2 * network.node_radius_pt


def test_columns_fill_the_box_and_the_largest_layer_its_height() -> None:
    network = filled([4, 5, 5, 5, 3])
    x = [centers[0, 0] for centers in network.centers_pt]
    radius = network.node_radius_pt
    np.testing.assert_allclose(np.diff(x), np.diff(x)[0])
    np.testing.assert_allclose([x[0] - radius, x[-1] + radius], [BOX.left, BOX.right], atol=radius)
    largest = network.centers_pt[1][:, 1]
    np.testing.assert_allclose([largest.min() - radius, largest.max() + radius], [BOX.bottom, BOX.top], atol=radius)
    assert np.ptp(network.centers_pt[4][:, 1]) < np.ptp(network.centers_pt[0][:, 1]) < np.ptp(largest)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (4, 5, 5, 5, 3), (1, 24), (13, 8, 8, 3), (4,) * 12])
def test_drawn_nodes_lie_in_the_picture_where_the_animation_says(tmp_path: Path, shape: tuple[int, ...]) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result", shape, epochs=[1, 2])), view="network", dpi=72)
    (drawing,) = draw([animation.dot(animation[0])])
    width, height = animation.size_px
    x, y, radius = drawing.circles_pt.T  # at 72 dpi a point is a pixel
    assert (x - radius >= width / 3).all()
    assert (x + radius <= width).all()
    assert (y - radius >= 0).all()
    assert (y + radius <= height).all()
    where = np.concatenate(animation.node_centers_px)
    np.testing.assert_allclose(np.stack([x, height - y], axis=-1), where, atol=0.02)
    distances = np.hypot(x[:, None] - x, y[:, None] - y) + np.diag(np.full(len(x), np.inf))
    assert distances.min() > 2 * radius.max()
