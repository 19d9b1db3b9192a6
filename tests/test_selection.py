from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.frames.selection import select
from nnanim.options import Options


def matrices(*sizes: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.random((after, before)).astype(np.float32) for before, after in itertools.pairwise(sizes)]


def test_small_network_is_shown_whole_in_the_order_of_the_weights():
    strengths = matrices(2, 3, 2)
    shown = select(strengths, strengths, Options())
    assert shown.sizes == (2, 3, 2)
    assert [nodes.tolist() for nodes in shown.nodes] == [[0, 1], [0, 1, 2], [0, 1]]
    assert shown.layer.tolist() == [0] * 6 + [1] * 6
    assert shown.tail[:6].tolist() == [0, 1, 0, 1, 0, 1]
    assert shown.head[:6].tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(shown.pick_edges(strengths), np.concatenate([m.ravel() for m in strengths]))
    assert shown.edges_there == 12


def test_strongest_nodes_are_shown_in_their_own_order():
    strength = np.array([[0.1, 5, 0.2, 9, 0.1, 1]], dtype=np.float32)
    shown = select([strength], [strength], Options(max_nodes=3))
    assert shown.nodes[0].tolist() == [1, 3, 5]
    assert shown.pick_edges([strength]).tolist() == [5, 9, 1]


def test_even_nodes_hold_the_first_and_the_last():
    strengths = matrices(784, 10)
    shown = select(strengths, strengths, Options(max_nodes=5, nodes="even"))
    assert shown.nodes[0].tolist() == [0, 196, 392, 587, 783]


def test_a_side_with_more_neurons_does_not_outweigh_the_other():
    into = np.zeros((3, 100), dtype=np.float32)
    into[0] = 0.1  # a hundred weak edges
    out = np.zeros((1, 3), dtype=np.float32)
    out[0, 1] = 5.0  # a single strong one
    shown = select([into, out], [into, out], Options(max_nodes=1))
    assert shown.nodes[1].tolist() == [1]


@pytest.mark.parametrize("by", ["weight", "change"])
def test_strongest_edges_by_weight_or_by_change(by):
    weights = [np.array([[3, 1, 2]], dtype=np.float32)]
    changes = [np.array([[0.1, 0.9, 0.5]], dtype=np.float32)]
    shown = select(weights, changes, Options(max_edges=2, edges=by))
    assert shown.tail.tolist() == {"weight": [0, 2], "change": [1, 2]}[by]


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=5),
    st.integers(1, 8),
    st.integers(1, 40),
    st.sampled_from(["weight", "change"]),
)
def test_limits_are_kept_and_the_rest_is_weaker(sizes, max_nodes, max_edges, by):
    strengths, changes = matrices(*sizes, seed=1), matrices(*sizes, seed=2)
    shown = select(strengths, changes, Options(max_nodes=max_nodes, max_edges=max_edges, edges=by))
    for size, nodes in zip(sizes, shown.nodes, strict=True):
        assert len(nodes) == min(size, max_nodes)
        assert (np.diff(nodes) > 0).all()
    among = sum(len(a) * len(b) for a, b in zip(shown.nodes, shown.nodes[1:], strict=False))
    layers = len(sizes) - 1
    assert len(shown.layer) == min(among, max(max_edges, layers))
    assert set(shown.layer) == set(range(layers))  # none is ever empty
    counts = np.bincount(shown.layer, minlength=layers)
    ranks = strengths if by == "weight" else changes
    kept = shown.pick_edges(ranks)
    for layer, matrix in enumerate(ranks):
        candidates = np.sort(matrix[np.ix_(shown.nodes[layer + 1], shown.nodes[layer])].ravel())[::-1]
        np.testing.assert_array_equal(np.sort(kept[shown.layer == layer])[::-1], candidates[: counts[layer]])
        # A layer with fewer than another has no more to show.
        assert counts[layer] == len(candidates) or counts[layer] >= counts.max() - 1


def test_what_a_small_layer_cannot_use_goes_to_the_others():
    strengths = matrices(10, 10, 1, 10)
    shown = select(strengths, strengths, Options(max_edges=80))
    assert np.bincount(shown.layer).tolist() == [60, 10, 10]


@pytest.mark.parametrize(("sizes", "shown"), [((5, 20, 1), 120), ((5, 25), 125), ((6, 21), 100)])
def test_none_is_left_out_for_a_few_edges(sizes: tuple[int, ...], shown: int) -> None:
    strengths = matrices(*sizes)
    assert len(select(strengths, strengths, Options(max_nodes=30)).layer) == shown
    assert len(select(strengths, strengths, Options(max_nodes=30, max_edges=100)).layer) == 100
