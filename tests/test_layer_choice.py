from __future__ import annotations

from pathlib import Path

import pytest

from nnanim.errors import OptionError
from nnanim.model.layer_choice import choose_layers, order_layers
from nnanim.model.layers import LayerHeader
from nnanim.reading.snapshots.contents import Contents
from nnanim.reading.snapshots.parameters import find_weights

Shapes = dict[str, tuple[int, ...]]


def contents(shapes: Shapes, *, is_ordered: bool = True, form: str = "pytorch") -> Contents:
    found = find_weights(shapes)
    return Contents(Path("model.pt"), found.weights, is_ordered=is_ordered, format=form, turned=found.turned)


def dense(*names_and_sizes: tuple[str, int, int]) -> Shapes:
    shapes: Shapes = {}
    for name, size_in, size_out in names_and_sizes:
        shapes |= {f"{name}.weight": (size_out, size_in), f"{name}.bias": (size_out,)}
    return shapes


ATTENTION = (("q_proj", 8, 8), ("k_proj", 8, 8), ("v_proj", 8, 8), ("o_proj", 8, 8))
BERT = {
    "embeddings.word_embeddings.weight": (100, 8),
    "embeddings.position_embeddings.weight": (16, 8),
    "embeddings.LayerNorm.weight": (8,),
} | dense(
    ("encoder.layer.0.attention.self.query", 8, 8),
    ("encoder.layer.0.attention.self.key", 8, 8),
    ("encoder.layer.0.attention.self.value", 8, 8),
    ("encoder.layer.0.attention.output.dense", 8, 8),
    ("encoder.layer.0.intermediate.dense", 8, 32),
    ("encoder.layer.0.output.dense", 32, 8),
    ("pooler.dense", 8, 8),
    ("classifier", 8, 2),
)

# shapes, whether the order means something, drawn, left out with the reason
MODELS = {
    "as defined": (dense(("b", 4, 5), ("a", 5, 5), ("c", 5, 3)), True, "b a c", {}),
    "defined in another order": (dense(("out", 5, 3), ("hidden", 5, 5), ("inp", 4, 5)), True, "inp hidden out", {}),
    "sorted by the file": (
        dense(("classifier", 5, 3), ("encoder.0", 4, 5), ("encoder.1", 5, 5)),
        False,
        "encoder.0 encoder.1 classifier",
        {},
    ),
    "two towers": (
        dense(
            ("actor.0", 4, 64),
            ("actor.2", 64, 64),
            ("actor.4", 64, 2),
            ("critic.0", 4, 64),
            ("critic.2", 64, 64),
            ("critic.4", 64, 1),
        ),
        True,
        "actor.0 actor.2 actor.4",
        dict.fromkeys(["critic.0", "critic.2", "critic.4"], "only layers that follow each other are drawn"),
    ),
    "two towers, sorted": (
        dense(
            ("actor.0", 4, 64),
            ("actor.2", 64, 64),
            ("actor.4", 64, 2),
            ("critic.0", 4, 64),
            ("critic.2", 64, 64),
            ("critic.4", 64, 1),
        ),
        False,
        "actor.0 actor.2 actor.4",
        dict.fromkeys(["critic.0", "critic.2", "critic.4"], "only layers that follow each other are drawn"),
    ),
    "a trunk with two heads": (
        dense(
            ("trunk.0", 4, 8),
            ("trunk.1", 8, 8),
            ("policy.0", 8, 8),
            ("policy.1", 8, 2),
            ("value.0", 8, 8),
            ("value.1", 8, 1),
        ),
        True,
        "trunk.0 trunk.1 policy.0 policy.1",
        dict.fromkeys(["value.0", "value.1"], "only layers that follow each other are drawn"),
    ),
    "encoder and decoder": (
        dense(("encoder.0", 8, 4), ("encoder.2", 4, 2), ("decoder.0", 2, 4), ("decoder.2", 4, 8)),
        True,
        "encoder.0 encoder.2 decoder.0 decoder.2",
        {},
    ),
    "a shortcut": (
        dense(("fc1", 4, 6), ("shortcut", 4, 6), ("fc2", 6, 6), ("fc3", 6, 3)),
        True,
        "fc1 fc2 fc3",
        {"shortcut": "a shortcut around other layers"},
    ),
    "attention": (
        dense(("inp", 4, 8), *ATTENTION, ("out", 8, 3)),
        True,
        "inp v_proj o_proj out",
        dict.fromkeys(["q_proj", "k_proj"], "works beside the layer that is drawn, not after it"),
    ),
    "a transformer": (
        BERT,
        True,
        "encoder.layer.0.attention.self.value encoder.layer.0.attention.output.dense encoder.layer.0.intermediate.dense"
        " encoder.layer.0.output.dense pooler.dense classifier",
        {
            "embeddings.word_embeddings": "an embedding is a table, no layer of neurons",
            "embeddings.position_embeddings": "an embedding is a table, no layer of neurons",
            "encoder.layer.0.attention.self.query": "works beside the layer that is drawn, not after it",
            "encoder.layer.0.attention.self.key": "works beside the layer that is drawn, not after it",
        },
    ),
    "a gate": (
        dense(("gate_proj", 4, 8), ("up_proj", 4, 8), ("down_proj", 8, 4)),
        True,
        "up_proj down_proj",
        {"gate_proj": "works beside the layer that is drawn, not after it"},
    ),
    "recurrent": (
        {"lstm.weight_ih_l0": (16, 4), "lstm.weight_hh_l0": (16, 4)} | dense(("fc1", 4, 8), ("fc2", 8, 2)),
        True,
        "fc1 fc2",
        dict.fromkeys(["lstm.weight_ih_l0", "lstm.weight_hh_l0"], "recurrent layers form no chain"),
    ),
    "convolutions": (
        {"conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,), "conv2.weight": (8, 6, 5, 5), "conv2.bias": (8,)}
        | dense(("fc", 128, 10)),
        True,
        "conv1 conv2 fc",
        {},
    ),
    "transposed convolutions": (
        {"up1.weight": (6, 4, 3, 3), "up1.bias": (4,), "up2.weight": (4, 1, 3, 3), "up2.bias": (1,)},
        True,
        "up1 up2",
        {},
    ),
    "fifty layers": (dense(*((f"l{n}", 5, 5) for n in range(50))), True, " ".join(f"l{n}" for n in range(50)), {}),
    "fifty layers, sorted": (
        dense(*((f"l{n}", 5, 5) for n in sorted(range(50), key=str))),
        False,
        " ".join(f"l{n}" for n in range(50)),
        {},
    ),
    "one layer": (dense(("fc", 4, 3)), True, "fc", {}),
}


@pytest.mark.parametrize("case", MODELS)
def test_order(case: str) -> None:
    shapes, is_ordered, drawn, left_out = MODELS[case]
    chain = order_layers(contents(shapes, is_ordered=is_ordered))
    assert " ".join(layer.name for layer in chain.layers) == drawn
    assert {layer.name: layer.skipped for layer in chain.left_out} == left_out
    assert all(after.follows(before) for before, after in zip(chain.layers[:-1], chain.layers[1:], strict=True))


def test_layers_that_are_asked_for() -> None:
    shapes = dense(("actor.0", 4, 8), ("actor.1", 8, 2), ("critic.0", 4, 8), ("critic.1", 8, 1))
    chain = choose_layers(contents(shapes), ["critic.0", "critic.1.weight"])
    assert [layer.name for layer in chain.layers] == ["critic.0", "critic.1"]
    assert {layer.name: layer.skipped for layer in chain.left_out} == {
        "actor.0": "not asked for",
        "actor.1": "not asked for",
    }


WRONG = {
    "no such layer": (
        ["a", "x"],
        "no layer 'x' in 'model.pt' (layers there: 'a', 'b', 'c')",
    ),
    "one that does not follow": (
        ["a", "c"],
        "layer 'c' takes in 6, 'a' before it puts out 5 (layers are drawn that follow each other)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_layers_that_cannot_be_drawn(case: str) -> None:
    names, message = WRONG[case]
    with pytest.raises(OptionError) as caught:
        choose_layers(contents(dense(("a", 4, 5), ("b", 5, 6), ("c", 6, 3))), names)
    assert str(caught.value) == message


# What is a weight, whose bias is which, what is turned


def test_wrappers_and_common_parts_are_left_out_of_names() -> None:
    shapes = dense(("module._orig_mod.net.fc1", 4, 5), ("module._orig_mod.net.fc2", 5, 3))
    assert [(header.name, header.bias_key) for header in find_weights(shapes).weights] == [
        ("fc1", "module._orig_mod.net.fc1.bias"),
        ("fc2", "module._orig_mod.net.fc2.bias"),
    ]


def test_gpt2_keeps_its_weights_turned() -> None:
    shapes = {
        "h.0.attn.c_attn.weight": (8, 24),
        "h.0.attn.c_attn.bias": (24,),
        "h.0.attn.c_proj.weight": (8, 8),
        "h.0.attn.c_proj.bias": (8,),
        "lm_head.weight": (100, 8),
    }
    found = find_weights(shapes)
    assert found.turned == {"h.0.attn.c_attn.weight", "h.0.attn.c_proj.weight"}
    assert [header.shape for header in found.weights] == [(24, 8), (8, 8), (100, 8)]


def test_normalization_behind_a_layer_is_not_its_bias() -> None:
    shapes = {"fc.weight": (5, 4), "norm.weight": (5,), "norm.bias": (5,), "out.weight": (3, 5)}
    assert [header.bias_key for header in find_weights(shapes).weights] == [None, None]


def test_kernels_that_are_not_called_weights_are_layers_and_tokens_are_none():
    shapes = {"conv1_filters": (6, 3, 5, 5), "conv2_filters": (8, 6, 5, 5), "latents": (1, 4, 8)}
    weights = tuple(LayerHeader(key, key, shape, None, False) for key, shape in shapes.items())
    chain = order_layers(Contents(Path("model.pt"), weights, is_ordered=True, format="pytorch"))
    assert [layer.name for layer in chain.layers] == ["conv1_filters", "conv2_filters"]
    assert [layer.skipped for layer in chain.left_out] == ["a table or a value of its own, no layer of neurons"]
