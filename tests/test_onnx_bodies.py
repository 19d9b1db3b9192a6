"""Graphs within the steps of ONNX models, and functions of a model's own, written byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx_bytes import array, field, graph, node, write_onnx

from nnanim import NnanimError, open_run
from nnanim.reading.containers.onnx_file import MAX_DEPTH

FIRST, LAST = np.ones((3, 5), "<f4"), np.ones((4, 2), "<f4")


def w(*shape: int, value: float = 1.0, name: str = "w") -> bytes:
    return array(name, np.full(shape, value, "<f4"))


def pairs(path: Path) -> set[tuple[str, str]]:
    return set(open_run(path.parent).snapshots[0].contents.connections or ())


def test_both_branches_stand_between_what_is_before_and_behind(tmp_path: Path) -> None:
    then = graph([node("MatMul", ["h", "w"], "y")], [w(5, 4)], [], ["y"])
    other = graph([node("MatMul", ["h", "w"], "t"), node("Relu", ["t"], "y")], [w(5, 4, value=2)], [], ["y"])
    steps = [
        node("MatMul", ["x", "first"], "h"),
        node("If", ["c"], "z", then_branch=then, else_branch=other),
        node("MatMul", ["z", "last"], "out"),
    ]
    path = write_onnx(tmp_path / "m_1.onnx", steps, {"first": FIRST, "last": LAST})
    inside = {"w", "If/else_branch/w"}
    assert pairs(path) == {("first", name) for name in inside} | {(name, "last") for name in inside}
    run = open_run(tmp_path)
    assert [header.key for header in run.tensors] == ["first", "w", "If/else_branch/w", "last"]
    with run.snapshots[0].open() as arrays:
        assert (arrays.read("w") == 1).all()
        assert (arrays.read("If/else_branch/w") == 2).all()


def test_a_loop_goes_through_its_body_once(tmp_path: Path) -> None:
    steps = [node("MatMul", ["s", "rec"], "a"), node("Tanh", ["a"], "s2"), node("Identity", ["go"], "go2")]
    body = graph(steps, [w(4, 4, name="rec")], ["i", "go", "s"], ["go2", "s2"])
    steps = [
        node("MatMul", ["x", "first"], "h"),
        node("Loop", ["n", "", "h"], "z", body=body),
        node("MatMul", ["z", "last"], "out"),
    ]
    path = write_onnx(tmp_path / "m_1.onnx", steps, {"first": np.ones((3, 4)), "last": LAST})
    assert pairs(path) == {("first", "rec"), ("rec", "last")}


def test_a_scan_takes_a_state_and_a_row_at_a_time(tmp_path: Path) -> None:
    steps = [node("MatMul", ["row", "wi"], "a"), node("MatMul", ["s", "wh"], "b"), node("Add", ["a", "b"], "s2")]
    steps += [node("Identity", ["s2"], "y")]
    body = graph(steps, [w(5, 4, name="wi"), w(4, 4, name="wh")], ["s", "row"], ["s2", "y"])
    steps = [
        node("MatMul", ["x", "first"], "h"),
        node("Scan", ["s0", "h"], ["end", "all"], body=body, num_scan_inputs=1),
        node("MatMul", ["all", "last"], "out"),
    ]
    path = write_onnx(tmp_path / "m_1.onnx", steps, {"first": FIRST, "last": LAST})
    assert pairs(path) == {("first", "wi"), ("wi", "last"), ("wh", "last")}


def test_names_of_bodies_in_bodies_are_their_own(tmp_path: Path) -> None:
    """Twice the same step, with the same names in it, and in each an inner one that takes in a name from around it."""
    inner = graph([node("MatMul", ["t", "w"], "y")], [w(4, 4)], [], ["y"])
    outer = graph(
        [node("MatMul", ["z", "v"], "t"), node("If", ["c"], "y", then_branch=inner)], [w(4, 4, name="v")], [], ["y"]
    )
    steps = [
        node("Identity", ["x"], "z"),
        node("If", ["c"], "y", then_branch=outer),
        node(
            "Loop",
            ["n", "", "y"],
            "t",
            body=graph([node("MatMul", ["z", "v"], "q")], [w(4, 4, name="v")], ["i", "go", "z"], ["go", "q"]),
        ),
        node("MatMul", ["t", "last"], "out"),
    ]
    path = write_onnx(tmp_path / "m_1.onnx", steps, {"last": LAST})
    assert pairs(path) == {("v", "w"), ("w", "Loop/body/v"), ("Loop/body/v", "last")}


def test_long_names_of_steps_do_not_stand_before_each_name(tmp_path: Path) -> None:
    """Else a file of a megabyte would become gigabytes of names."""
    arrays = [w(2, 2, name=f"w{place}") for place in range(50)]
    then = graph([node("MatMul", ["x", "w0"], "y")], arrays, [], ["y"])
    named = node("If", ["c"], "y", then_branch=then, else_branch=then)
    path = write_onnx(tmp_path / "m_1.onnx", [named + field(3, "n" * 60_000)], {"last": LAST})
    found = open_run(path.parent).snapshots[0].contents.places
    assert len(found) == 101
    assert max(map(len, found)) < 200


def test_graphs_in_graphs_have_an_end(tmp_path: Path) -> None:
    body = graph([node("MatMul", ["x", "w"], "y")], [w(4, 4)], [], ["y"])
    for _ in range(MAX_DEPTH + 1):
        body = graph([node("If", ["c"], "y", then_branch=body)], [], [], ["y"])
    write_onnx(tmp_path / "m_1.onnx", [node("If", ["c"], "y", then_branch=body)], {"last": LAST})
    with pytest.raises(NnanimError, match=f"more than {MAX_DEPTH} graphs in each other"):
        open_run(tmp_path)


def function(name: str, nodes: Sequence[bytes], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Return the field of a model that holds a FunctionProto."""
    parts = [
        (1, name),
        *((4, each) for each in inputs),
        *((5, each) for each in outputs),
        *((7, each) for each in nodes),
    ]
    return field(25, b"".join(field(number, content) for number, content in [*parts, (10, "own")]))


def call(kind: str, inputs: Sequence[str], output: str) -> bytes:
    return node(kind, inputs, output) + field(7, "own")


def test_functions_are_gone_through_each_time_they_are_called(tmp_path: Path) -> None:
    steps = [
        call("Dense", ["x", "first", "b"], "h"),
        node("Relu", ["h"], "r"),
        call("Dense", ["r", "last", "c"], "out"),
    ]
    path = write_onnx(
        tmp_path / "m_1.onnx", steps, {"first": FIRST, "last": np.ones((5, 2)), "b": np.ones(5), "c": np.ones(2)}
    )
    dense = function("Dense", [node("MatMul", ["x", "w"], "t"), node("Add", ["t", "b"], "y")], ["x", "w", "b"], ["y"])
    path.write_bytes(path.read_bytes() + dense)
    assert pairs(path) == {("first", "last")}
    assert open_run(tmp_path).shape == (3, 5, 2)


def test_a_function_of_another_domain_is_none(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m_1.onnx", [node("MatMul", ["x", "first"], "y")], {"first": FIRST})
    path.write_bytes(path.read_bytes() + function("MatMul", [node("Relu", ["x"], "y")], ["x", "w"], ["y"]))
    assert {key: role for key, _, role, _ in open_run(tmp_path).listed_tensors()} == {"first": "dense"}


@pytest.mark.parametrize(
    ("calls", "said"), [(1, "graphs in each other"), (40, "more than .* nodes or arrays|in each other")]
)
def test_functions_that_call_themselves_have_an_end(tmp_path: Path, calls: int, said: str) -> None:
    path = write_onnx(tmp_path / "m_1.onnx", [call("f", ["x"], "y")], {"first": FIRST})
    steps = [call("f", ["x"], f"y{place}") for place in range(calls)]
    path.write_bytes(path.read_bytes() + function("f", steps, ["x"], ["y0"]))
    with pytest.raises(NnanimError, match=said):
        open_run(tmp_path)
