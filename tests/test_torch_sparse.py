"""Sparse and complex weights: what is shown is a dense tensor of real numbers, and nothing outside is written."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import call, name, tensor, write

from nnanim import NnanimError, open_run
from nnanim.reading.streams import SCRATCH_BYTES, Streaming

DENSE = np.array([[0, 3, 0], [4, 0, 0], [0, 0, 5], [0, 0, 0]], "f4")
LAYOUT = name("torch.serialization", "_get_layout")
REBUILD = name("torch._utils", "_rebuild_sparse_tensor")


def sparse(path: Path, layout: str, parts: list[np.ndarray], shape: tuple[int, ...], count: int | None = None) -> Path:
    """Write an archive with one weight; of its parts the last are the numbers."""
    kinds = {"i": "LongStorage", "f": "FloatStorage"}
    told, storages = [], {}
    for number, part in enumerate(parts):
        array = part.astype("<i8" if part.dtype.kind == "i" else "<f4")
        storages[str(number)] = array
        sizes = array.shape if count is None or number < len(parts) - 1 else (count,)
        told.append(tensor(str(number), sizes, kind=kinds[part.dtype.kind]))
    size = call(name("torch", "Size"), shape)
    weight = call(REBUILD, call(LAYOUT, f"torch.{layout}"), (*told, size))
    return write(path, {"fc.weight": weight}, storages)


STARTS, PLACES = np.array([0, 1, 2, 3, 3]), np.array([1, 0, 2])
COLUMN_STARTS, ROWS = np.array([0, 1, 2, 3]), np.array([1, 0, 2])
NUMBERS = np.array([3.0, 4.0, 5.0])
INDICES = np.array([[0, 1, 2], [1, 0, 2]])
LAYOUTS: dict[str, list[np.ndarray]] = {
    "sparse_coo": [INDICES, NUMBERS],
    "sparse_csr": [STARTS, PLACES, NUMBERS],
    "sparse_csc": [COLUMN_STARTS, ROWS, np.array([4.0, 3.0, 5.0])],
    "sparse_bsr": [np.array([0, 2, 3]), np.array([0, 1, 2]), np.array([[[0], [4]], [[3], [0]], [[5], [0.0]]])],
    "sparse_bsc": [np.array([0, 1, 2, 3]), np.array([0, 0, 1]), np.array([[[0], [4]], [[3], [0]], [[5], [0.0]]])],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_weights_are_dense_ones(tmp_path: Path, layout: str) -> None:
    sparse(tmp_path / "net_1.pt", layout, LAYOUTS[layout], (4, 3))
    run = open_run(tmp_path)
    assert run.shape == (3, 4)
    assert "sparse weights are shown as dense ones" in run.notes
    assert np.array_equal(run.snapshots[0].read()[0].weight, DENSE)
    with run.snapshots[0].open() as arrays:
        assert isinstance(arrays, Streaming)
        assert arrays.stream("fc.weight") is None


def test_numbers_of_one_place_are_added(tmp_path: Path) -> None:
    sparse(tmp_path / "net_1.pt", "sparse_coo", [np.array([[1, 1], [2, 2]]), np.array([3.0, 4.0])], (4, 3))
    assert open_run(tmp_path).snapshots[0].read()[0].weight[1].tolist() == [0, 0, 7]


def test_numbers_of_a_sparse_tensor_may_be_rows(tmp_path: Path) -> None:
    rows = np.array([[1.0, 2, 3], [4, 5, 6]])
    sparse(tmp_path / "net_1.pt", "sparse_coo", [np.array([[3, 0]]), rows], (4, 3))
    assert open_run(tmp_path).snapshots[0].read()[0].weight.tolist() == [[4, 5, 6], [0] * 3, [0] * 3, [1, 2, 3]]


OUTSIDE = {
    "an index behind the last": ("sparse_coo", [np.array([[0, 4], [0, 0]]), np.ones(2)]),
    "an index below 0": ("sparse_coo", [np.array([[0, -1], [0, 0]]), np.ones(2)]),
    "a column behind the last": ("sparse_csr", [STARTS, np.array([1, 3, 2]), NUMBERS]),
    "a row behind the last": ("sparse_csc", [COLUMN_STARTS, np.array([1, 0, 4]), NUMBERS]),
    "rows that end before they begin": ("sparse_csr", [np.array([0, 2, 1, 3, 3]), PLACES, NUMBERS]),
    "more numbers than rows tell": ("sparse_csr", [np.array([0, 1, 1, 2, 2]), PLACES, NUMBERS]),
    "rows of 2**62 numbers": ("sparse_csr", [np.array([0, 2**62, 3, 3, 3]), PLACES, NUMBERS]),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_numbers_outside_of_the_tensor(tmp_path: Path, what: str) -> None:
    layout, parts = OUTSIDE[what]
    sparse(tmp_path / "net_1.pt", layout, parts, (4, 3))
    with pytest.raises(NnanimError, match="has numbers outside of itself"):
        open_run(tmp_path).snapshots[0].read()


IMPOSSIBLE: dict[str, tuple[str, list[np.ndarray], tuple[int, ...]]] = {
    "too few indices": ("sparse_coo", [INDICES, np.ones(4)], (4, 3)),
    "more axes than indices": ("sparse_coo", [INDICES, NUMBERS], (4, 3, 2)),
    "indices that are no whole numbers": ("sparse_coo", [INDICES.astype("f4"), NUMBERS], (4, 3)),
    "too few rows": ("sparse_csr", [STARTS[:-1], PLACES, NUMBERS], (4, 3)),
    "three axes": ("sparse_csr", [STARTS, PLACES, NUMBERS], (4, 3, 1)),
    "blocks that do not fill it": ("sparse_bsr", [np.array([0, 1]), np.array([0]), np.ones((1, 3, 1))], (4, 3)),
    "sizes below 0": ("sparse_coo", [INDICES, NUMBERS], (-4, 3)),
    "more axes than arrays have": ("sparse_coo", [np.zeros((33, 1), int), np.ones(1)], (1,) * 33),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_parts_that_do_not_belong_together(tmp_path: Path, what: str) -> None:
    sparse(tmp_path / "net_1.pt", *IMPOSSIBLE[what])
    with pytest.raises(NnanimError, match="impossible shape"):
        open_run(tmp_path)


def test_unknown_layout_is_one_sentence(tmp_path: Path) -> None:
    sparse(tmp_path / "net_1.pt", "sparse_of_tomorrow", [INDICES, NUMBERS], (4, 3))
    with pytest.raises(NnanimError, match="sparse tensor of an unknown kind"):
        open_run(tmp_path)


@pytest.mark.parametrize("shape", [(10_000, 10_000), (2**40, 2**40)])
def test_few_numbers_do_not_make_a_large_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    sparse(tmp_path / "net_1.pt", "sparse_coo", LAYOUTS["sparse_coo"], shape)
    with pytest.raises(NnanimError, match="too large as a dense one"):
        open_run(tmp_path)


Z = np.array([[3 + 4j, 0], [-1j, 5 - 12j], [0, 1]], "<c8")
MODULI = [[5, 0], [1, 13], [0, 1]]


def in_pytorch(folder: Path, dtype: str) -> None:
    kind = {"complex64": "ComplexFloatStorage", "complex128": "ComplexDoubleStorage"}[dtype]
    write(folder / "net_1.pt", {"fc.weight": tensor("0", (3, 2), kind=kind)}, {"0": Z.astype(dtype)})


def in_pytorch_of_16_bits(folder: Path, _: str) -> None:
    halves = np.stack([Z.real, Z.imag], axis=-1)
    write(
        folder / "net_1.pt", {"fc.weight": tensor("0", (3, 2), kind="ComplexHalfStorage")}, {"0": halves.astype("<f2")}
    )


def in_pytorch_of_16_bits_the_other_way(folder: Path, _: str) -> None:
    """Turned, behind others, and from a machine that has the highest byte first."""
    halves = np.stack([Z.T.real, Z.T.imag], axis=-1).astype(">f2")
    turned = tensor("0", (3, 2), (1, 3), 1, "ComplexHalfStorage", 7)
    write(folder / "net_1.pt", {"fc.weight": turned}, {"0": bytes(4) + halves.tobytes()}, "big")


def in_safetensors(folder: Path, _: str) -> None:
    head = json.dumps({"fc.weight": {"dtype": "C64", "shape": [3, 2], "data_offsets": [0, 48]}}).encode()
    (folder / "net_1.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + Z.tobytes())


def in_numpy(folder: Path, dtype: str) -> None:
    np.savez(folder / "net_1.npz", W1=Z.astype(dtype).T)


def in_large_numpy(folder: Path, dtype: str) -> None:
    np.savez(folder / "net_1.npz", **{"W1": Z.astype(dtype).T, "W2": np.zeros((200, 3), dtype)})


def in_one_array(folder: Path, dtype: str) -> None:
    np.save(folder / "W1_epoch1.npy", Z.astype(dtype).T)


@pytest.mark.parametrize(
    ("save", "dtype"),
    [
        (in_pytorch_of_16_bits, "complex32"),
        (in_pytorch_of_16_bits_the_other_way, "complex32"),
        (in_pytorch, "complex64"),
        (in_pytorch, "complex128"),
        (in_safetensors, "complex64"),
        (in_numpy, "complex64"),
        (in_large_numpy, "complex128"),
        (in_one_array, "complex128"),
    ],
)
def test_complex_weights_are_their_moduli(tmp_path: Path, save: Any, dtype: str) -> None:
    save(tmp_path, dtype)
    run = open_run(tmp_path)
    assert f"complex weights ({dtype}) are shown as their moduli" in run.notes
    header = next(header for header in run.tensors if 3 in header.shape and 2 in header.shape)
    assert header.dtype == dtype
    with run.snapshots[0].open() as arrays:
        read = arrays.read(header.key)
        assert read.dtype.kind == "f"
        assert np.allclose(read if read.shape == (3, 2) else read.T, MODULI)
        stream = arrays.stream(header.key) if isinstance(arrays, Streaming) else None
        if stream is not None:
            assert np.allclose(stream.read(6, np.empty(SCRATCH_BYTES, np.uint8)).reshape(read.shape), read)
            stream.close()


def test_a_complex_number_without_axes_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "net_1.npz", W1=np.ones((4, 3)), scale=np.complex64(3 + 4j))
    with open_run(tmp_path).snapshots[0].open() as arrays:
        assert arrays.read("scale") == 5
