"""Formats as those write them that they are from, where these are installed: ``make test-frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnanim
from nnanim.reading.snapshots import detect

pytestmark = pytest.mark.filterwarnings("default")


def read(path: Path, key: str) -> np.ndarray:
    contents = detect.scan(path)
    assert contents is not None
    with detect.open_arrays(contents) as arrays:
        return arrays.read(key)


def test_complex_numbers_of_32_bits(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    numbers = torch.complex(torch.randn(4, 5), torch.randn(4, 5)).to(torch.complex32)
    torch.save({"fc.weight": numbers, "turned.weight": numbers.t()}, tmp_path / "net_1.pt")
    wanted = numbers.to(torch.complex64).abs().numpy()
    np.testing.assert_allclose(read(tmp_path / "net_1.pt", "fc.weight"), wanted, rtol=1e-6)
    np.testing.assert_allclose(read(tmp_path / "net_1.pt", "turned.weight"), wanted.T, rtol=1e-6)


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrices_of_scipy(tmp_path: Path, layout: str, kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    chance = np.random.default_rng(1)
    dense = np.where(chance.random((6, 8)) < 0.3, chance.normal(size=(6, 8)), 0).astype(np.float32)
    sparse.save_npz(tmp_path / "W1_1.npz", getattr(sparse, f"csr_{kind}")(dense).asformat(layout))
    with nnanim.open_run(tmp_path).snapshots[0].open() as arrays:
        assert np.array_equal(arrays.read("W1"), dense)


@pytest.mark.parametrize("way", ["manager", "plain", "zarr3", "flax"])
def test_states_of_orbax_with_every_type(tmp_path: Path, way: str) -> None:
    ocp = pytest.importorskip("orbax.checkpoint")
    jnp = pytest.importorskip("jax.numpy")
    chance = np.random.default_rng(1)
    types = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64")
    params = {f"{name}/x.y": {"kernel": jnp.asarray(chance.normal(size=(40, 30)), name)} for name in types}
    state = {
        "params": params,
        "opt_state": {"mu": {"kernel": jnp.zeros((4, 5))}},
        "step": 30,
        "text": "a",
        "none": None,
    }
    if way == "manager":
        with ocp.CheckpointManager(tmp_path) as manager:
            manager.save(30, args=ocp.args.PyTreeSave(state))
    elif way == "flax":
        checkpoints = pytest.importorskip("flax.training.checkpoints")
        checkpoints.save_checkpoint(tmp_path, state, step=30)
    else:
        is_new = way == "zarr3"
        ocp.PyTreeCheckpointer(use_ocdbt=is_new, use_zarr3=is_new).save(tmp_path / "checkpoint_30", state)
    run = nnanim.open_run(tmp_path)
    assert run.snapshots[0].iteration == 30
    assert {header.key for header in run.tensors} == {f"{name}/kernel" for name in params}
    with run.snapshots[0].open() as arrays:
        for name, inside in params.items():
            wanted = np.asarray(inside["kernel"])
            wanted = np.abs(wanted) if wanted.dtype.kind == "c" else wanted.astype(np.float32)
            np.testing.assert_allclose(arrays.read(f"{name}/kernel"), wanted, rtol=1e-6 if "complex" in name else 0)


def test_branches_and_loops_that_onnx_checks(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto

    def array(name: str, *shape: int) -> Any:
        return onnx.numpy_helper.from_array(np.ones(shape, np.float32), name)

    def value(name: str, shape: list[int] | None = None, kind: int = kinds.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    then = helper.make_graph(
        [helper.make_node("MatMul", ["h", "w"], ["y"])], "then", [], [value("y")], [array("w", 5, 4)]
    )
    steps = [helper.make_node("MatMul", ["h", "w"], ["t"]), helper.make_node("Relu", ["t"], ["y"])]
    other = helper.make_graph(steps, "else", [], [value("y")], [array("w", 5, 4)])
    steps = [helper.make_node("MatMul", ["s", "rec"], ["s2"]), helper.make_node("Identity", ["go"], ["go2"])]
    inputs = [value("i", [], kinds.INT64), value("go", [], kinds.BOOL), value("s")]
    body = helper.make_graph(steps, "body", inputs, [value("go2", [], kinds.BOOL), value("s2")], [array("rec", 4, 4)])
    steps = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("If", ["c"], ["z"], then_branch=then, else_branch=other),
        helper.make_node("Loop", ["n", "", "z"], ["r"], body=body),
        helper.make_node("MatMul", ["r", "last"], ["out"]),
    ]
    inputs = [value("x", [1, 3]), value("c", [], kinds.BOOL), value("n", [], kinds.INT64)]
    graph = helper.make_graph(steps, "g", inputs, [value("out", [1, 2])], [array("first", 3, 5), array("last", 4, 2)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "m_1.onnx")
    contents = detect.scan(tmp_path / "m_1.onnx")
    assert contents is not None
    inside = {"w", "If/then_branch/w"}
    wanted = {("first", name) for name in inside} | {(name, "rec") for name in inside} | {("rec", "last")}
    assert set(contents.connections or ()) == wanted


@pytest.mark.parametrize(("axis", "shape"), [(None, ()), (0, (6,)), (1, (8,))])
def test_quantised_weights_as_onnx_itself_turns_them_back(
    tmp_path: Path, axis: int | None, shape: tuple[int, ...]
) -> None:
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    helper, kinds = onnx.helper, onnx.TensorProto
    chance = np.random.default_rng(1)
    arrays = {
        "W": chance.integers(-128, 128, (6, 8)).astype(np.int8),
        "s": chance.random(shape).astype(np.float32),
        "z": chance.integers(-9, 9, shape).astype(np.int8),
    }
    more = {} if axis is None else {"axis": axis}
    steps = [helper.make_node("DequantizeLinear", ["W", "s", "z"], ["w"], **more)]
    steps += [helper.make_node("MatMul", ["x", "w"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", kinds.FLOAT, [6, 6])]
    outputs = [helper.make_tensor_value_info("y", kinds.FLOAT, [6, 8])]
    kept = [onnx.numpy_helper.from_array(np.asarray(values), name) for name, values in arrays.items()]
    model = helper.make_model(helper.make_graph(steps, "g", inputs, outputs, kept), ir_version=8)
    onnx.save(model, tmp_path / "m_1.onnx")
    (wanted,) = reference.ReferenceEvaluator(model).run(None, {"x": np.eye(6, dtype=np.float32)})
    np.testing.assert_allclose(read(tmp_path / "m_1.onnx", "W"), wanted, rtol=1e-6)
