from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.errors import SnapshotError
from nnanim.layers import Layer
from nnanim.weights import edge_matrices


def layer(name: str, weight: np.ndarray) -> Layer:
    return Layer(name, f"{name}/W", weight.astype(np.float32))


def test_edges_of_dense_layers_are_their_weights() -> None:
    weights = [np.array([[1, -2], [0, 3], [4, 5]]), np.array([[-1, 0, 1]])]
    for matrix, weight in zip(
        edge_matrices([layer(f"l{n}", w) for n, w in enumerate(weights)], "here"), weights, strict=True
    ):
        np.testing.assert_array_equal(matrix, weight)


@pytest.mark.parametrize("kernel", [(3,), (3, 2), (1, 1), (2, 3, 2)])
def test_edges_of_a_convolution_are_the_norms_of_its_kernels(kernel: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, *kernel))
    (matrix,) = edge_matrices([layer("conv", weight)], "here")
    assert matrix.shape == (4, 3)
    for out in range(4):
        for channel in range(3):
            squares = [float(value) ** 2 for value in weight[out, channel].flat]
            assert matrix[out, channel] == pytest.approx(sqrt(sum(squares)), rel=1e-5)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
def test_dense_layer_behind_a_convolution_has_a_block_for_each_channel(
    out: int, channels: int, places: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    convolution = layer("conv", random.normal(size=(channels, 2, 3, 3)))
    # As Chainer flattens a map of (channels, places): all places of the first channel, then of the second …
    dense = random.normal(size=(out, channels, places))
    matrix = edge_matrices([convolution, layer("fc", dense.reshape(out, -1))], "here")[1]
    assert matrix.shape == (out, channels)
    for head in range(out):
        for channel in range(channels):
            if places == 1:  # as many values as channels: no block, so the sign is kept
                expected = dense[head, channel, 0]
            else:
                expected = sqrt(sum(float(value) ** 2 for value in dense[head, channel]))
            assert matrix[head, channel] == pytest.approx(expected, rel=1e-5)


def test_layers_behind_the_first_dense_one_are_plain() -> None:
    random = np.random.default_rng(0)
    layers = [layer(name, random.normal(size=size)) for name, size in {"conv": (2, 1, 3, 3), "fc1": (3, 8)}.items()]
    last = layer("fc2", random.normal(size=(5, 3)))
    np.testing.assert_array_equal(edge_matrices([*layers, last], "here")[2], last.weight)


@pytest.mark.parametrize("size", [1e-30, 1e30, 6e37])
def test_norms_of_numbers_whose_squares_are_no_float32(size: float) -> None:
    (matrix,) = edge_matrices([layer("conv", np.array([[[3.0, 4.0]], [[0.0, 0.0]]]) * size)], "here")
    np.testing.assert_allclose(matrix, [[5 * size], [0]], rtol=1e-6)


def test_layer_that_takes_in_no_multiple_of_the_channels() -> None:
    layers = [layer("conv", np.ones((4, 1, 3, 3))), layer("fc", np.ones((2, 9)))]
    with pytest.raises(SnapshotError) as caught:
        edge_matrices(layers, "result/trainer_00001")
    assert str(caught.value) == (
        "layer 'fc' in snapshot 'result/trainer_00001' takes in 9 values, which is no multiple of the 4 that the layer"
        " before puts out"
    )
