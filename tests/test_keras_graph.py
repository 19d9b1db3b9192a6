"""What follows what, from configurations as Keras 3.15 and 2.15 write them, cut to what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnanim.reading.containers.hdf5 import Dataset, Group
from nnanim.reading.snapshots import keras
from nnanim.reading.snapshots.keras_graph import Place, read_graph
from nnanim.reading.snapshots.keras_names import GroupNames, OldNames


def tensor(name: str, node: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, node, 0]}}


def layer(kind: str, name: str, *nodes: list[Any], **more: Any) -> dict[str, Any]:
    """Return a layer of a functional model; each node is what one call of it takes in."""
    calls = [
        {"args": [item if isinstance(item, list) else tensor(item) for item in node], "kwargs": {}} for node in nodes
    ]
    for call in calls:
        call["args"] = [[tensor(name) for name in arg] if isinstance(arg, list) else arg for arg in call["args"]]
    return {"class_name": kind, "name": name, "config": {"name": name, **more}, "inbound_nodes": calls}


def functional(*layers: dict[str, Any], name: str = "net", output: str = "") -> dict[str, Any]:
    inputs = [[each["name"], 0, 0] for each in layers if each["class_name"] == "InputLayer"]
    outputs = [output or layers[-1]["name"], 0, 0]
    config = {"name": name, "layers": list(layers), "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "name": name, "config": config}


def sequential(*kinds: tuple[str, str], name: str = "row") -> dict[str, Any]:
    layers = [{"class_name": kind, "config": {"name": own}} for kind, own in kinds]
    return {"class_name": "Sequential", "name": name, "config": {"name": name, "layers": layers}}


def find(place: Place, part: str) -> str:
    """Stand for a file that has every tensor; it is called by the layer, and by its part where it has several."""
    return "/".join(place.names) + ("" if part == "kernel" else f".{part}")


I = layer("InputLayer", "i")  # noqa: E741
D = "Dense"

# a configuration, then what follows what
MODELS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a row": (
        sequential((D, "a"), ("Dropout", "x"), (D, "b"), ("Flatten", "y"), (D, "c")),
        [("a", "b"), ("b", "c")],
    ),
    "several inputs": (
        functional(
            I,
            layer("InputLayer", "j"),
            layer(D, "a", ["i"]),
            layer(D, "b", ["j"]),
            layer("Concatenate", "x", [["a", "b"]]),
            layer(D, "c", ["x"]),
        ),
        [("a", "c"), ("b", "c")],
    ),
    "a residual addition": (
        functional(
            I, layer(D, "a", ["i"]), layer(D, "b", ["a"]), layer("Add", "x", [["a", "b"]]), layer(D, "c", ["x"])
        ),
        [("a", "b"), ("a", "c"), ("b", "c")],
    ),
    "a model in a model": (
        functional(
            I,
            layer(D, "a", ["i"]),
            layer("Sequential", "n", ["a"], layers=sequential((D, "b"), (D, "c"))["config"]["layers"]),
            layer(D, "d", ["n"]),
        ),
        [("a", "n/b"), ("n/b", "n/c"), ("n/c", "d")],
    ),
    "a layer that is used twice": (
        functional(
            I,
            layer(D, "a", ["i"], ["i"]),
            layer(D, "b", ["a"]),
        ),
        [("a", "b")],
    ),
    "attention": (
        functional(
            I, layer("Embedding", "e", ["i"]), layer("MultiHeadAttention", "m", ["e", "e"]), layer(D, "d", ["m"])
        ),
        [("e", "m.query"), ("e", "m.value"), ("e", "m.key"), ("m.value", "m.output"), ("m.output", "d")],
    ),
    "cross-attention": (
        functional(
            I, layer(D, "a", ["i"]), layer(D, "b", ["i"]), layer("MultiHeadAttention", "m", ["a", "b"]), output="m"
        ),
        [("a", "m.query"), ("b", "m.value"), ("b", "m.key"), ("m.value", "m.output")],
    ),
    "separable": (
        sequential(("Conv2D", "a"), ("SeparableConv2D", "s"), (D, "d")),
        [("a", "s.depthwise"), ("s.depthwise", "s.pointwise"), ("s.pointwise", "d")],
    ),
    "recurrent": (
        sequential(("Embedding", "e"), ("LSTM", "l"), (D, "d")),
        [("e", "l.cell kernel"), ("l.cell kernel", "d"), ("l.cell recurrent", "d")],
    ),
    "a layer of an unknown kind": (sequential((D, "a"), ("Mine", "x"), (D, "b"), (D, "c")), [("b", "c")]),
    "a product": (
        functional(
            I,
            layer(D, "a", ["i"]),
            layer(D, "b", ["a"]),
            layer("Multiply", "x", [["a", "b"]]),
            layer(D, "c", ["x"]),
            layer(D, "d", ["c"]),
        ),
        [("a", "b"), ("c", "d")],
    ),
    "Keras 2": (
        {
            "class_name": "Functional",
            "config": {
                "name": "net",
                "layers": [
                    {"class_name": "InputLayer", "name": "i", "config": {}, "inbound_nodes": []},
                    {"class_name": D, "name": "a", "config": {}, "inbound_nodes": [[["i", 0, 0, {}]]]},
                    {"class_name": D, "name": "b", "config": {}, "inbound_nodes": [[["i", 0, 0, {}]]]},
                    {
                        "class_name": "Add",
                        "name": "x",
                        "config": {},
                        "inbound_nodes": [[["a", 0, 0, {}], ["b", 0, 0, {}]]],
                    },
                    {"class_name": D, "name": "c", "config": {}, "inbound_nodes": [[["x", 0, 0, {}]]]},
                ],
                "input_layers": [["i", 0, 0]],
                "output_layers": [["c", 0, 0]],
            },
        },
        [("a", "c"), ("b", "c")],
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_what_follows_what(case: str) -> None:
    config, pairs = MODELS[case]
    assert sorted(read_graph(config, find).connections or ()) == sorted(pairs)


def test_masks_are_no_inputs() -> None:
    attention = layer("MultiHeadAttention", "m", ["a", "a"])
    attention["inbound_nodes"][0]["kwargs"] = {"attention_mask": tensor("b")}
    model = functional(I, layer(D, "a", ["i"]), layer(D, "b", ["i"]), attention)
    assert all(tail != "b" for tail, _ in read_graph(model, find).connections or ())


@pytest.mark.parametrize("config", [None, [], {}, {"config": 5}, {"config": {"layers": [5, {}, {"config": []}]}}])
def test_what_is_no_configuration_tells_nothing(config: Any) -> None:
    assert read_graph(config, find).connections is None


def test_order_of_layers_that_stand_before_what_they_take_in() -> None:
    model = functional(I, layer(D, "b", ["a"]), layer(D, "a", ["i"]))
    assert read_graph(model, find).connections == (("a", "b"),)


def dataset(*shape: int) -> Dataset:
    return Dataset("<f4", shape, 0)


def test_groups_are_called_by_class_and_number() -> None:
    datasets = {
        "layers/dense/vars/0": dataset(4, 5),
        "layers/dense/vars/1": dataset(5),
        "layers/sequential/layers/dense/vars/0": dataset(5, 6),
        "layers/dense_1/vars/0": dataset(6, 3),
    }
    names = GroupNames(datasets)
    inner = {
        "class_name": "Sequential",
        "config": {"name": "n", "layers": [{"class_name": D, "config": {"name": "z"}}]},
    }
    rows = [{"class_name": D, "config": {"name": "first"}}, inner, {"class_name": D, "config": {"name": "last"}}]
    graph = read_graph({"class_name": "Sequential", "config": {"layers": rows}}, names.find)
    keys = ["layers/dense/vars/0", "layers/sequential/layers/dense/vars/0", "layers/dense_1/vars/0"]
    assert graph.connections == ((keys[0], keys[1]), (keys[1], keys[2]))
    assert sorted([*keys[::-1], "layers/dense/vars/1"], key=names.order(graph.places)) == [
        keys[0],
        "layers/dense/vars/1",
        *keys[1:],
    ]


def test_layers_of_a_nested_model_are_found_in_its_group() -> None:
    datasets = {"n/a/kernel:0": dataset(4, 5), "n/b/kernel:0": dataset(5, 6), "c/c/kernel:0": dataset(6, 3)}
    groups = {
        "": Group(attributes={"layer_names": ("n", "c")}),
        "n": Group(attributes={"weight_names": ("a/kernel:0", "b/kernel:0")}),
        "c": Group(attributes={"weight_names": ("c/kernel:0",)}),
    }
    inner = {
        "class_name": "Sequential",
        "config": {"name": "n", "layers": sequential((D, "a"), (D, "b"))["config"]["layers"]},
    }
    config = {"class_name": "Sequential", "config": {"layers": [inner, {"class_name": D, "config": {"name": "c"}}]}}
    graph = read_graph(config, OldNames("", groups, datasets).find)
    assert graph.connections == (("n/a/kernel:0", "n/b/kernel:0"), ("n/b/kernel:0", "c/c/kernel:0"))


def test_nested_model_without_a_configuration_keeps_every_layer() -> None:
    datasets = {"n/a/kernel:0": dataset(4, 5), "n/b/kernel:0": dataset(5, 6), "c/m/c/kernel:0": dataset(6, 3)}
    groups = {
        "": Group(attributes={"layer_names": ("n", "c")}),
        "n": Group(attributes={"weight_names": ("a/kernel:0", "b/kernel:0")}),
        "c": Group(attributes={"weight_names": ("m/c/kernel:0",)}),
    }
    contents = keras._describe(Path("a.h5"), keras._Found(groups, datasets), None)
    assert [(header.name, header.shape) for header in contents.weights] == [
        ("n/a", (5, 4)),
        ("n/b", (6, 5)),
        ("c", (3, 6)),
    ]
