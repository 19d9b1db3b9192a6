from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Callable
from math import sqrt
from pathlib import Path

import archives
import numpy as np
import pytest
from folders import result_folder, trainer_arrays
from hypothesis import given
from hypothesis import strategies as st

from nnanim import open_run
from nnanim.errors import SnapshotError
from nnanim.frames import edges as edges_module
from nnanim.frames import streamed_weights, weights
from nnanim.frames.edges import edge_matrices
from nnanim.frames.selection import select
from nnanim.frames.weights import read_weights
from nnanim.model.layers import Layer
from nnanim.options import Options


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


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (3, 2, 0, 1), (2, 3, 1, 0)])
@pytest.mark.parametrize("shape", [(7, 5, 3, 3), (40, 1, 3, 3), (2, 3, 30, 30), (1, 2, 50, 5)])
def test_norms_in_pieces_have_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], order: tuple[int, ...]
) -> None:
    """Formats keep the axes of a kernel in other orders, in which sums of its squares come out otherwise."""
    stored = np.random.default_rng(0).normal(size=[shape[axis] for axis in order]).astype(np.float32)
    kernel = stored.transpose(np.argsort(order))
    assert kernel.shape == shape
    whole = edge_matrices([Layer("conv", "conv/W", kernel)], "here")[0]
    monkeypatch.setattr(edges_module, "_NORM_NUMBERS", 4)
    np.testing.assert_array_equal(edge_matrices([Layer("conv", "conv/W", kernel)], "here")[0], whole)


SIDE = 1500
LARGE_BYTES = 4 * SIDE**2


def large(epoch: int) -> np.ndarray:
    return np.random.default_rng(epoch).normal(size=(SIDE, SIDE)).astype("<f4")


def write_npz(folder: Path, epoch: int) -> None:
    with (folder / f"trainer_{epoch}").open("wb") as file:
        np.savez(file, **trainer_arrays({"l1/W": large(epoch)}, epoch=epoch))


def write_packed_npz(folder: Path, epoch: int) -> None:
    np.savez_compressed(folder / f"net_{epoch}.npz", **{"fc.weight": np.round(large(epoch))})


def write_npy(folder: Path, epoch: int) -> None:
    np.save(folder / f"W_epoch{epoch}.npy", large(epoch))


def write_pt(folder: Path, epoch: int) -> None:
    state = {"fc.weight": archives.tensor("0", (SIDE, SIDE))}
    archives.write(folder / f"model_{epoch}.pt", state, {"0": large(epoch)})


def write_safetensors(folder: Path, epoch: int) -> None:
    told = {"fc.weight": {"dtype": "F32", "shape": [SIDE, SIDE], "data_offsets": [0, LARGE_BYTES]}}
    header = json.dumps(told).encode()
    data = struct.pack("<Q", len(header)) + header + large(epoch).tobytes()
    (folder / f"model_{epoch}.safetensors").write_bytes(data)


@pytest.mark.parametrize("write", [write_npz, write_packed_npz, write_npy, write_pt, write_safetensors])
@pytest.mark.parametrize("edges", ["weight", "change"])
def test_large_networks_are_never_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, int], None], edges: str
) -> None:
    for epoch in (1, 2, 3):
        write(tmp_path, epoch)
    run = open_run(tmp_path)
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    monkeypatch.setattr(streamed_weights, "_BLOCK", 1 << 14)
    tracemalloc.start()
    read_weights(run.snapshots, Options(edges=edges, max_edges=50))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < LARGE_BYTES / 4


@pytest.mark.parametrize("shape", [(9, 8, 7), (9, 500, 7)])  # remembered, and read again
@pytest.mark.parametrize("edges", ["weight", "change"])
def test_reading_twice_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edges: str, shape: tuple[int, ...]
) -> None:
    run = open_run(result_folder(tmp_path, shape, range(1, 6)))
    options = Options(edges=edges, max_nodes=4, max_edges=20)
    once = read_weights(run.snapshots, options)
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    twice = read_weights(run.snapshots, options)
    read = [[np.abs(layer.weight) for layer in snapshot.read()] for snapshot in run.snapshots]
    strengths = [np.max(each, axis=0) for each in zip(*read, strict=True)]
    changes = [np.max(np.abs(np.array(each) - each[0]), axis=0) for each in zip(*read, strict=True)]
    chosen = select(strengths, changes, options)
    for found in (once, twice):
        for name in ("layer", "tail", "head"):
            np.testing.assert_array_equal(getattr(found.selection, name), getattr(chosen, name))
        for index, snapshot in enumerate(run.snapshots):
            expected = chosen.pick_edges([layer.weight for layer in snapshot.read()])
            np.testing.assert_array_equal(found.edges.values[index], expected)
    np.testing.assert_array_equal(once.biases.values, twice.biases.values)
    assert (once.names, once.norms) == (twice.names, twice.norms) == (("l1", "l2"), ())
