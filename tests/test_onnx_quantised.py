"""Quantised ONNX models, written byte by byte: what is shown is what the whole numbers stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx_bytes import FLOAT, INT8, INT32, UINT8, array, field, node, write_onnx

from nnanim import Run, SnapshotError, open_run

Q = np.arange(-10, 10, dtype="i1").reshape(4, 5)  # (in, out)
S = np.float32(0.5)
LAST = np.ones((5, 2), "<f4")


def q(name: str, values: np.ndarray, kind: int = INT8) -> bytes:
    return array(name, values, kind=kind)


def f(name: str, values: np.ndarray | np.float32 | list[float]) -> bytes:
    return array(name, np.asarray(values, "<f4"), kind=FLOAT)


SCALES = [f("xs", S), q("xz", np.array(3, "i1")), f("ys", S), q("yz", np.array(0, "i1"))]


def opened(folder: Path, steps: Sequence[bytes], arrays: Sequence[bytes], *, behind: str = "y") -> Run:
    """Write and open a model with a plain layer behind these steps."""
    steps = [*steps, node("MatMul", [behind, "last"], "out")]
    write_onnx(folder / "m_1.onnx", steps, [*arrays, f("last", LAST)])
    return open_run(folder)


def read(run: Run, key: str) -> np.ndarray:
    with run.snapshots[0].open() as arrays:
        return arrays.read(key)


def test_weight_behind_a_step_that_turns_it_back(tmp_path: Path) -> None:
    steps = [node("DequantizeLinear", ["W", "s", "z"], "w"), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [q("W", Q), f("s", S), q("z", np.array(2, "i1"))])
    assert np.array_equal(read(run, "W"), (Q - np.float32(2)) * S)
    assert run.snapshots[0].contents.connections == (("W", "last"),)
    assert run.shape == (4, 5, 2)
    assert "quantised weights (qint8) are shown as the numbers that they stand for" in run.notes
    assert {key: role for key, _, role, _ in run.listed_tensors()} == {"W": "dense", "last": "dense"}


@pytest.mark.parametrize(("axis", "size"), [(1, 5), (0, 4), (2**64 - 1, 5), (None, 5)])
def test_a_scale_for_each_place_on_an_axis(tmp_path: Path, axis: int | None, size: int) -> None:
    scale, zero = np.arange(1, size + 1, dtype="<f4"), np.arange(size, dtype="i1")
    numbers = {} if axis is None else {"axis": axis}
    steps = [node("DequantizeLinear", ["W", "s", "z"], "w", **numbers), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [q("W", Q), f("s", scale), q("z", zero)])
    wanted = (Q - zero.astype("f4")) * scale if size == 5 else (Q - zero.astype("f4")[:, None]) * scale[:, None]
    assert np.array_equal(read(run, "W"), wanted)


def test_a_scale_for_each_block(tmp_path: Path) -> None:
    scale = np.array([[1, 2, 3, 4, 5], [10, 20, 30, 40, 50]], "<f4")
    steps = [node("DequantizeLinear", ["W", "s"], "w", axis=0, block_size=3), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [q("W", Q), f("s", scale)])
    assert np.array_equal(read(run, "W"), Q * scale[[0, 0, 0, 1]])
    assert "s" not in {header.key for header in run.snapshots[0].contents.weights}


def test_plain_weight_that_is_quantised_on_the_way(tmp_path: Path) -> None:
    """As a training for quantised use leaves it."""
    steps = [
        node("QuantizeLinear", ["W", "s"], "q"),
        node("DequantizeLinear", ["q", "s"], "w"),
        node("MatMul", ["x", "w"], "y"),
    ]
    run = opened(tmp_path, steps, [f("W", Q.astype("f4")), f("s", S)])
    assert run.snapshots[0].contents.connections == (("W", "last"),)
    assert np.array_equal(read(run, "W"), Q)


OPERATORS = {
    "QLinearMatMul": ["x", "xs", "xz", "W", "ws", "wz", "ys", "yz"],
    "QGemm": ["x", "xs", "xz", "W", "ws", "wz", "b", "ys", "yz"],
    "DynamicQuantizeMatMul": ["x", "W", "ws", "wz"],
    "MatMulIntegerToFloat": ["x", "W", "xs", "ws", "xz", "wz"],
}


@pytest.mark.parametrize("kind", OPERATORS)
def test_steps_on_whole_numbers(tmp_path: Path, kind: str) -> None:
    scale, bias = np.arange(1, 6, dtype="<f4"), np.arange(5, dtype="<i4")
    arrays = [q("W", Q), f("ws", scale), q("wz", np.array(1, "i1")), q("b", bias, INT32), *SCALES]
    run = opened(tmp_path, [node(kind, OPERATORS[kind], "y")], arrays)
    assert np.array_equal(read(run, "W"), (Q - np.float32(1)) * scale)
    assert run.shape == (4, 5, 2)
    if kind == "QGemm":
        layer, _ = run.snapshots[0].read()
        assert layer.bias is not None
        assert np.array_equal(layer.bias, bias * scale * S)


def test_a_weight_that_is_turned_has_its_scales_on_the_other_axis(tmp_path: Path) -> None:
    scale = np.arange(1, 6, dtype="<f4")
    arrays = [q("W", Q.T.copy()), f("ws", scale), q("wz", np.array(1, "i1")), *SCALES]
    run = opened(tmp_path, [node("QGemm", ["x", "xs", "xz", "W", "ws", "wz", "", "ys", "yz"], "y", transB=1)], arrays)
    assert np.array_equal(read(run, "W"), (Q.T - np.float32(1)) * scale[:, None])


def test_convolution_on_whole_numbers(tmp_path: Path) -> None:
    kernel = np.arange(-18, 18, dtype="i1").reshape(4, 1, 3, 3)
    scale, bias = np.arange(1, 5, dtype="<f4"), np.arange(4, dtype="<i4")
    steps = [
        node("QLinearConv", ["x", "xs", "xz", "K", "ks", "kz", "ys", "yz", "b"], "c"),
        node("QLinearLeakyRelu", ["c", "ys", "yz", "ys", "yz"], "r"),
        node("QLinearAdd", ["r", "ys", "yz", "r", "ys", "yz", "ys", "yz"], "s"),
        node("QLinearConcat", ["ys", "yz", "s", "ys", "yz", "r", "ys", "yz"], "t"),
        node("DequantizeLinear", ["t", "ys", "yz"], "y"),
    ]
    zero = q("kz", np.zeros(4, "i1"))
    run = opened(tmp_path, steps, [q("K", kernel), f("ks", scale), zero, q("b", bias, INT32), *SCALES])
    assert np.array_equal(read(run, "K"), kernel * scale[:, None, None, None])
    assert np.array_equal(read(run, "b"), bias * scale * S)
    assert run.snapshots[0].contents.connections == (("K", "last"),)


def test_what_is_taken_in_is_quantised_on_the_way(tmp_path: Path) -> None:
    """The scale of what is taken in is no signal, else there would be a way around the weight."""
    steps = [
        node("MatMul", ["x", "first"], "h"),
        node("DynamicQuantizeLinear", ["h"], ["hq", "hs", "hz"]),
        node("MatMulInteger", ["hq", "W", "hz", "wz"], "p"),
        node("Cast", ["p"], "pf"),
        node("Mul", ["hs", "ws"], "scales"),
        node("Mul", ["pf", "scales"], "t"),
        node("Add", ["b", "t"], "y"),
    ]
    weight, zero = Q.astype("i2") + 128, np.array(128, "u1")
    arrays = [f("first", np.ones((3, 4))), q("W", weight.astype("u1"), UINT8), f("ws", S), q("wz", zero, UINT8)]
    arrays.append(f("b", np.ones(5)))
    run = opened(tmp_path, steps, arrays)
    assert run.snapshots[0].contents.connections == (("first", "W"), ("W", "last"))
    assert np.array_equal(read(run, "W"), Q * S)
    assert run.shape == (3, 4, 5, 2)
    assert [layer.bias_key for layer in run.layers] == [None, "b", None]


def test_weights_of_whole_numbers_without_a_scale_are_none(tmp_path: Path) -> None:
    run = opened(tmp_path, [node("MatMulInteger", ["x", "W"], "y")], [q("W", Q)])
    assert [header.key for header in run.snapshots[0].contents.weights] == ["last"]


def test_packed_weights_are_named(tmp_path: Path) -> None:
    packed = q("W", np.zeros((5, 1, 16), "u1"), UINT8)
    run = opened(tmp_path, [node("MatMulNBits", ["x", "W", "ws"], "y", K=4, N=5)], [packed, f("ws", np.ones(5))])
    assert "weights of MatMulNBits are packed in a way that is not read" in run.notes


def test_names_of_onnx_runtime_are_those_of_the_layers(tmp_path: Path) -> None:
    steps = [node("DequantizeLinear", ["fc.weight_quantized", "s"], "w"), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [q("fc.weight_quantized", Q), f("s", S)])
    assert [layer.name for layer in run.layers] == ["fc", "last"]


@pytest.mark.parametrize("scale", [np.ones(4, "<f4"), np.ones((2, 5), "<f4"), np.ones(0, "<f4")])
def test_a_scale_that_does_not_fit_is_one_sentence(tmp_path: Path, scale: np.ndarray) -> None:
    steps = [node("DequantizeLinear", ["W", "s"], "w"), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [q("W", Q), f("s", scale)])
    with pytest.raises(SnapshotError, match=r"'W' in snapshot .* is damaged \(a scale of shape"):
        read(run, "W")


@pytest.mark.parametrize("kind", ["int4", "uint4"])
def test_numbers_of_4_bits(tmp_path: Path, kind: str) -> None:
    numbers = np.arange(15).reshape(3, 5) - (8 if kind == "int4" else 0)
    bits = np.append(numbers.ravel() & 15, 0).astype("u1")
    raw = (bits[::2] | bits[1::2] << 4).astype("u1")
    weight = array("W", np.zeros((3, 5)), kind={"uint4": 21, "int4": 22}[kind], numbers=field(9, raw.tobytes()))
    steps = [node("DequantizeLinear", ["W", "s"], "w"), node("MatMul", ["x", "w"], "y")]
    run = opened(tmp_path, steps, [weight, f("s", S)])
    assert np.array_equal(read(run, "W"), numbers * S)
    assert f"quantised weights (q{kind}) are shown as the numbers that they stand for" in run.notes


def test_weights_of_a_type_that_is_not_read_are_named(tmp_path: Path) -> None:
    weight = array("W", np.zeros((3, 5)), kind=23, numbers=field(9, bytes(8)))
    run = opened(
        tmp_path, [node("DequantizeLinear", ["W", "s"], "w"), node("MatMul", ["x", "w"], "y")], [weight, f("s", S)]
    )
    assert "weights of a type that is not read are not shown: 'W'" in run.notes


def sparse(values: list[float], indices: np.ndarray, shape: Sequence[int]) -> bytes:
    """Return a SparseTensorProto."""
    parts = [(1, f("W", values)), (2, array("at", indices.astype("<i8"), kind=7)), *((3, size) for size in shape)]
    return b"".join(field(number, content) for number, content in parts)


def save_sparse(path: Path, saved: bytes) -> Path:
    parts = [(1, node("MatMul", ["x", "W"], "y")), (1, node("MatMul", ["y", "last"], "out")), (5, f("last", LAST))]
    graph = b"".join(field(number, content) for number, content in [*parts, (15, saved)])
    path.write_bytes(field(1, 8) + field(7, graph))
    return path


@pytest.mark.parametrize("indices", [np.array([0, 6, 19]), np.array([[0, 0], [1, 1], [3, 4]])])
def test_sparse_weight(tmp_path: Path, indices: np.ndarray) -> None:
    save_sparse(tmp_path / "m_1.onnx", sparse([1, 2, 3], indices, (4, 5)))
    run = open_run(tmp_path)
    wanted = np.zeros((4, 5))
    wanted[[0, 1, 3], [0, 1, 4]] = [1, 2, 3]
    assert np.array_equal(read(run, "W"), wanted)
    assert "sparse weights are shown as dense ones" in run.notes
    assert run.snapshots[0].contents.connections == (("W", "last"),)


@pytest.mark.parametrize(
    "indices", [np.array([0, 6, 20]), np.array([-1, 0, 1]), np.array([[0, 0], [4, 0], [1, 1]]), np.zeros(2)]
)
def test_sparse_numbers_outside(tmp_path: Path, indices: np.ndarray) -> None:
    save_sparse(tmp_path / "m_1.onnx", sparse([1, 2, 3], indices, (4, 5)))
    with pytest.raises(SnapshotError, match=r"'W' in snapshot .* is damaged"):
        read(open_run(tmp_path), "W")


@pytest.mark.parametrize("shape", [(2**14, 2**13), (2**30, 2**30)])
def test_few_numbers_do_not_make_a_large_weight(tmp_path: Path, shape: tuple[int, int]) -> None:
    save_sparse(tmp_path / "m_1.onnx", sparse([1, 2, 3], np.array([0, 1, 2]), shape))
    with pytest.raises(SnapshotError, match=r"unpacks from 12 to|takes .* bytes \(at most"):
        read(open_run(tmp_path), "W")
