"""ONNX: which array is the weight of which step, what follows what, and files that say what is not so."""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_bytes import FLOAT16, INT64, array, field, node, outside, varint, write_onnx

from nnanim import NnanimError, Run, open_run
from nnanim.reading.containers.protobuf import ProtobufError, varints
from nnanim.reading.snapshots import onnx_graph

FIXTURES = Path(__file__).resolve().parent / "fixtures"


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, "<f4")


def opened(folder: Path, nodes: list[bytes], arrays: Any) -> Run:
    write_onnx(folder / "model_epoch1.onnx", nodes, arrays)
    return open_run(folder)


def pairs(run: Run) -> set[tuple[str, str]]:
    assert all(each.known_from == "file" for each in run.model.connections)
    return {(each.tail, each.head) for each in run.model.connections}


def roles(run: Run) -> dict[str, str]:
    return {key: role for key, _, role, _ in run.listed_tensors()}


def test_layers_of_a_shortcut_are_connected_through_sums() -> None:
    run = open_run(FIXTURES / "onnx-shortcut")
    stem, conv1, conv2, head = (f"{name}.weight" for name in ("stem", "conv1", "conv2", "head"))
    assert pairs(run) == {(stem, conv1), (conv1, conv2), (stem, head), (conv2, head)}
    assert roles(run) == {stem: "convolution", conv1: "convolution", conv2: "convolution", head: "dense"}
    assert run.layers == ()
    assert {path.name for path in run.files} == {f"model_epoch{n}.onnx{end}" for n in (1, 2) for end in ("", ".data")}
    with run.snapshots[0].open() as first, run.snapshots[1].open() as second:
        for key in (conv1, conv2, head):  # the norm was made part of the stem
            np.testing.assert_allclose(first.read(key) * 1.1, second.read(key), rtol=1e-6)


def test_recurrent_layers_of_an_export_without_names() -> None:
    run = open_run(FIXTURES / "onnx-lstm")
    found = roles(run)
    assert found.pop("embedding.weight") == "embedding"
    assert sorted(found.values()) == ["bias", "dense", "recurrent hidden", "recurrent input"]
    (given,) = [key for key, role in found.items() if role == "recurrent input"]
    (state,) = [key for key, role in found.items() if role == "recurrent hidden"]
    (dense,) = [key for key, role in found.items() if role == "dense"]
    assert pairs(run) == {("embedding.weight", given), (given, dense), (state, dense)}


W1, W2 = np.arange(20, dtype="<f4").reshape(5, 4), np.arange(15, dtype="<f4").reshape(3, 5)
B = np.arange(5, dtype="<f4")
FIRST = {
    "MatMul": ([node("MatMul", ["x", "w"], "y")], W1.T, None),
    "MatMul and Add": ([node("MatMul", ["x", "w"], "p"), node("Add", ["p", "b"], "y")], W1.T, B),
    "Add of a bias that stands first": ([node("MatMul", ["x", "w"], "p"), node("Add", ["b", "p"], "y")], W1.T, B),
    "Gemm": ([node("Gemm", ["x", "w", "b"], "y")], W1.T, B),
    "Gemm with transB": ([node("Gemm", ["x", "w", "b"], "y", transB=1)], W1, B),
    "weight on the left": ([node("MatMul", ["w", "x"], "y")], W1, None),
    "weight that is turned first": (
        [node("Transpose", ["w"], "t", perm=10), node("MatMul", ["x", "t"], "p"), node("Add", ["p", "b"], "y")],
        W1,
        B,
    ),
    "weight that passes an Identity": ([node("Identity", ["w"], "i"), node("MatMul", ["x", "i"], "y")], W1.T, None),
}


@pytest.mark.parametrize("what", FIRST)
def test_weights_are_out_in_however_they_are_multiplied(tmp_path: Path, what: str) -> None:
    nodes, weight, bias = FIRST[what]
    arrays = {"w": weight, "b": B, "v": W2}
    run = opened(tmp_path, [*nodes, node("Tanh", ["y"], "t2"), node("Gemm", ["t2", "v"], "z", transB=1)], arrays)
    assert run.shape == (4, 5, 3)
    first, second = run.snapshots[0].read()
    assert np.array_equal(first.weight, W1)
    assert np.array_equal(second.weight, W2)
    assert (first.bias is None) == (bias is None)
    assert bias is None or np.array_equal(first.bias, B)


THROUGH = ["Relu", "Gelu", "Softmax", "Flatten", "Dropout", "MaxPool", "ReduceMean", "Transpose", "Cast", "Abs"]


@pytest.mark.parametrize("kind", THROUGH)
def test_what_has_no_weights_is_gone_through(tmp_path: Path, kind: str) -> None:
    nodes = [node("MatMul", ["x", "a"], "1"), node(kind, ["1"], "2"), node("MatMul", ["2", "b"], "3")]
    assert pairs(opened(tmp_path, nodes, {"a": zeros(4, 5), "b": zeros(5, 3)})) == {("a", "b")}


@pytest.mark.parametrize("kind", ["ArgMax", "If", "TopK", "SomethingNew"])
def test_behind_an_unknown_step_nothing_is_known(tmp_path: Path, kind: str) -> None:
    nodes = [node("MatMul", ["x", "a"], "1"), node(kind, ["1"], "2"), node("MatMul", ["2", "b"], "3")]
    assert pairs(opened(tmp_path, nodes, {"a": zeros(4, 5), "b": zeros(5, 3)})) == set()


@pytest.mark.parametrize("kind", ["Add", "Mul", "Concat", "MatMul"])
def test_both_sides_of_a_join_lead_on(tmp_path: Path, kind: str) -> None:
    nodes = [node("MatMul", ["x", "a"], "1"), node("MatMul", ["x", "b"], "2"), node(kind, ["1", "2"], "3")]
    run = opened(tmp_path, [*nodes, node("MatMul", ["3", "c"], "4")], {name: zeros(4, 4) for name in "abc"})
    assert pairs(run) == {("a", "c"), ("b", "c")}


@pytest.mark.parametrize("kind", ["Mul", "MatMul"])
@pytest.mark.parametrize("weighs", ["Sigmoid", "Softmax"])
def test_what_only_weighs_another_does_not_lead_on(tmp_path: Path, kind: str, weighs: str) -> None:
    nodes = [node("MatMul", ["x", "a"], "1"), node("MatMul", ["x", "b"], "2")]
    nodes += [node(weighs, ["1"], "g"), node("Reshape", ["g", "s"], "r"), node(kind, ["r", "2"], "3")]
    run = opened(tmp_path, [*nodes, node("MatMul", ["3", "c"], "4")], {name: zeros(4, 4) for name in "abc"})
    assert pairs(run) == {("b", "c")}


def test_condition_does_not_lead_on(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "a"], "1"), node("MatMul", ["x", "b"], "2"), node("Where", ["1", "2", "2"], "3")]
    run = opened(tmp_path, [*nodes, node("MatMul", ["3", "c"], "4")], {name: zeros(4, 4) for name in "abc"})
    assert pairs(run) == {("b", "c")}


def test_roles_that_only_the_graph_tells(tmp_path: Path) -> None:
    arrays = {
        "table": zeros(9, 4),
        "wide": zeros(4, 1, 3, 3),
        "groups": zeros(4, 2, 3, 3),
        "up": zeros(4, 6, 2, 2),
        "shift": zeros(1, 4, 1),
        "lonely": zeros(2, 2),
    }
    nodes = [
        node("Gather", ["table", "x"], "1"),
        node("Add", ["1", "shift"], "2"),
        node("Conv", ["2", "wide"], "3", group=4),
        node("Conv", ["3", "groups"], "4", group=2),
        node("ConvTranspose", ["4", "up"], "5"),
    ]
    run = opened(tmp_path, nodes, arrays)
    assert roles(run) == {
        "table": "embedding",
        "shift": "parameter",
        "wide": "depthwise convolution",
        "groups": "grouped convolution",
        "up": "transposed convolution",
        "lonely": "parameter",
    }
    assert pairs(run) == {("table", "wide"), ("wide", "groups"), ("groups", "up")}


def test_names_tell_more_than_the_graph(tmp_path: Path) -> None:
    names = [f"h.0.attn.{name}_proj.weight" for name in "qkv"]
    nodes = [node("Gemm", ["x", name], str(place)) for place, name in enumerate(names)]
    run = opened(tmp_path, nodes, {name: zeros(4, 4) for name in names})
    assert list(roles(run).values()) == ["attention query", "attention key", "attention value"]


def test_layers_without_names_are_called_as_their_bias(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "onnx::MatMul_9"], "1"), node("Add", ["net.0.bias", "1"], "2")]
    run = opened(tmp_path, nodes, {"onnx::MatMul_9": zeros(4, 5), "net.0.bias": zeros(5)})
    assert [layer.name for layer in run.layers] == ["net.0"]


def test_order_is_that_of_the_steps(tmp_path: Path) -> None:
    names = ["c", "a", "b"]
    nodes = [node("MatMul", [tail, head], f"{head}_out") for tail, head in pairwise(["x", *names])]
    nodes = [
        node("MatMul", ["x" if not i else f"{names[i - 1]}_out", each], f"{each}_out") for i, each in enumerate(names)
    ]
    run = opened(tmp_path, nodes, {name: zeros(3, 3) for name in sorted(names)})
    assert [layer.key for layer in run.layers] == names


def test_weight_in_a_step_of_its_own(tmp_path: Path) -> None:
    constant = field(2, "w") + field(4, "Constant") + field(5, field(1, "value") + field(5, array("", W1)))
    run = opened(tmp_path, [constant, node("Gemm", ["x", "w"], "y", transB=1)], {})
    assert np.array_equal(run.snapshots[0].read()[0].weight, W1)


def test_counters_in_the_file(tmp_path: Path) -> None:
    said = {"epoch": "3", "step": "120", "author": "x"}
    write_onnx(tmp_path / "model.onnx", [node("Gemm", ["x", "w"], "y")], {"w": W1}, said)
    (snapshot,) = open_run(tmp_path).snapshots
    assert (snapshot.epoch, snapshot.iteration) == (3, 120)


HALF = W1.astype("<f2")
STORED = {
    "float_data": array("w", W1, numbers=field(4, W1.tobytes())),
    "double_data": array("w", W1, kind=11, numbers=field(10, W1.astype("<f8").tobytes())),
    "float16": array("w", HALF, kind=FLOAT16),
    "float16 as whole numbers": array(
        "w", HALF, kind=FLOAT16, numbers=field(5, b"".join(map(varint, HALF.view("<u2").ravel().tolist())))
    ),
    "bfloat16": array("w", (W1.view("<u4") >> 16).astype("<u2"), kind=16),
}


@pytest.mark.parametrize("what", STORED)
def test_numbers_are_stored_in_several_ways(tmp_path: Path, what: str) -> None:
    run = opened(tmp_path, [node("Gemm", ["x", "w"], "y", transB=1)], [STORED[what]])
    assert np.array_equal(run.snapshots[0].read()[0].weight, W1)


def test_whole_numbers_are_read_too(tmp_path: Path) -> None:
    indices = np.array([[1, -2]])
    packed = field(7, b"".join(varint(value & (2**64 - 1)) for value in (1, -2)))
    arrays = [array("w", W1), array("i", indices, kind=INT64, numbers=packed)]
    run = opened(tmp_path, [node("Gemm", ["x", "w"], "y", transB=1)], arrays)
    with run.snapshots[0].open() as opened_arrays:
        assert opened_arrays.read("i").tolist() == [[1, -2]]


def with_outside(folder: Path, location: str, **more: int) -> None:
    nodes = [node("Gemm", ["x", "w"], "y", transB=1)]
    write_onnx(folder / "model_epoch1.onnx", nodes, [outside("w", W1.shape, location, **more)])


@pytest.mark.parametrize("more", [{}, {"offset": 8}, {"offset": 8, "length": 80}])
@pytest.mark.parametrize("location", ["w.data", "below/w.data"])
def test_numbers_in_a_file_beside_the_model(tmp_path: Path, location: str, more: dict[str, int]) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / location).write_bytes(bytes(more.get("offset", 0)) + W1.tobytes())
    with_outside(tmp_path, location, **more)
    run = open_run(tmp_path)
    assert np.array_equal(run.snapshots[0].read()[0].weight, W1)
    assert tmp_path / location in run.files


@pytest.mark.parametrize(
    "location", ["../w.data", "/etc/passwd", "a/../../w.data", "c:w.data", "a\\w.data", "link", "a\0"]
)
def test_file_elsewhere_is_refused(tmp_path: Path, location: str) -> None:
    inside = tmp_path / "run"
    inside.mkdir()
    (tmp_path / "w.data").write_bytes(W1.tobytes())
    (inside / "link").symlink_to(tmp_path / "w.data")
    with_outside(inside, location)
    with pytest.raises(NnanimError, match="its weights lie beside it"):
        open_run(inside).snapshots[0].read()


@pytest.mark.parametrize(
    ("size", "more"),
    [(79, {}), (80, {"offset": 8}), (8, {"length": 8}), (80, {"offset": 2**60}), (80, {"offset": 10**20})],
)
def test_file_that_is_too_short(tmp_path: Path, size: int, more: dict[str, int]) -> None:
    (tmp_path / "w.data").write_bytes(bytes(size))
    with_outside(tmp_path, "w.data", **more)
    with pytest.raises(NnanimError, match=r"outside of its file|bytes for shape|not where it is"):
        open_run(tmp_path).snapshots[0].read()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with_outside(tmp_path, "w.data")
    with pytest.raises(NnanimError, match="cannot read 'w' in snapshot"):
        open_run(tmp_path).snapshots[0].read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.data")  # nobody ever writes into it
    with_outside(tmp_path, "w.data")
    with pytest.raises(NnanimError, match="cannot read 'w' in snapshot"):
        open_run(tmp_path).snapshots[0].read()


LIES = {
    "a shape of 2**40": (array("w", W1).replace(field(1, 5), field(1, 2**40), 1), "more than 1073741824 bytes"),
    "fewer numbers than its shape": (array("w", W1, numbers=field(9, W1.tobytes()[:-4])), "bytes for shape"),
    "fewer packed numbers": (array("w", HALF, kind=FLOAT16, numbers=field(5, b"\x01\x02")), "2 numbers for shape"),
    "a packed number that is cut off": (array("w", HALF, kind=FLOAT16, numbers=field(5, b"\x81")), "is damaged"),
    "sizes of 64 bits": (array("w", W1).replace(field(1, 5), field(1, 2**63), 1), "impossible shape"),
    "40 axes": (  # NumPy before 2.0 makes 32 at most
        array("w", np.ones((1,) * 32, "<f4")).replace(field(1, 1) * 32, field(1, 1) * 40, 1),
        "impossible shape",
    ),
    "no numbers": (array("w", W1, numbers=b""), "0 bytes for shape"),
}


@pytest.mark.parametrize("what", LIES)
def test_lies_are_one_sentence(tmp_path: Path, what: str) -> None:
    content, said = LIES[what]
    with pytest.raises(NnanimError, match=said):
        opened(tmp_path, [node("Gemm", ["x", "w"], "y", transB=1)], [content]).snapshots[0].read()


def test_truncated_anywhere(tmp_path: Path) -> None:
    data = (FIXTURES / "onnx" / "model_epoch2.onnx").read_bytes()
    for size in range(2, len(data), 13):
        (tmp_path / "model_epoch2.onnx").write_bytes(data[:size])
        with pytest.raises(NnanimError, match=r"model_epoch2\.onnx"):
            open_run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"\x0a\x00", b"<html>"])
def test_what_only_is_called_onnx(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model_1.onnx").write_bytes(content)
    with pytest.raises(NnanimError, match=r"model_1\.onnx.* is no ONNX model"):
        open_run(tmp_path)


def test_vector_in_the_place_of_a_weight_has_no_bias(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "v"], "1"), node("Add", ["1", "b"], "2"), node("Gemm", ["2", "w"], "3", transB=1)]
    run = opened(tmp_path, nodes, {"v": zeros(4), "b": zeros(4), "w": W1})
    assert [layer.key for layer in run.layers] == ["w"]


def test_array_that_is_of_another_type_in_a_later_snapshot(tmp_path: Path) -> None:
    nodes = [node("Gemm", ["x", "w"], "y", transB=1), node("Add", ["y", "b"], "z")]
    write_onnx(tmp_path / "model_epoch1.onnx", nodes, [array("w", W1), array("b", B)])
    write_onnx(tmp_path / "model_epoch2.onnx", nodes, [array("w", W1), array("b", B, kind=8)])
    with open_run(tmp_path).snapshots[1].open() as arrays, pytest.raises(NnanimError, match="type that is not read"):
        arrays.read("b")


def test_model_without_weights_is_left_out_with_a_note(tmp_path: Path) -> None:
    write_onnx(tmp_path / "model_epoch1.onnx", [node("Gemm", ["x", "w"], "y")], {"w": W1})
    write_onnx(tmp_path / "resize.onnx", [node("Relu", ["x"], "y")], {})
    run = open_run(tmp_path)
    assert [snapshot.path.name for snapshot in run.snapshots] == ["model_epoch1.onnx"]
    assert any(note.endswith("resize.onnx' holds no weights and is not drawn") for note in run.notes)


@pytest.mark.parametrize("data", [b"\x80", b"\xff" * 11])
def test_numbers_without_an_end(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        varints(data)


def test_varints() -> None:
    assert varints(b"\x01\xac\x02\x7f") == [1, 300, 127]


def test_graph_that_joins_everything_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "MAX_STEPS", 2000)
    nodes, arrays = [], {}
    for place in range(60):
        arrays[f"w{place}"] = zeros(2, 2)
        nodes.append(node("MatMul", ["sum" if place else "x", f"w{place}"], f"p{place}"))
        nodes.append(node("Concat", [f"p{each}" for each in range(place + 1)], "sum"))
    run = opened(tmp_path, nodes, arrays)
    assert run.model.is_told is False
    assert len(list(run.listed_tensors())) == 60


def test_length_that_is_a_lie_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "model_1.onnx").write_bytes(field(1, 8) + b"\x3a" + varint(2**40) + struct.pack("<Q", 0))
    with pytest.raises(NnanimError, match="it is damaged"):
        open_run(tmp_path)
