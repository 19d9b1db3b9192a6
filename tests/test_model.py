from __future__ import annotations

import pytest
from shapes import Shapes, conv, dense, model_of


def test_a_plain_sequence_is_a_chain_of_layers() -> None:
    model = model_of(conv(("conv1", 1, 6), ("conv2", 6, 16)) | dense(("fc1", 64, 12), ("fc2", 12, 3)))
    assert model.reason == "the layers follow each other, in the order of the file"
    assert [(layer.name, layer.shape, layer.bias_key) for layer in model.chain()] == [
        ("conv1", (6, 1, 3, 3), "conv1.bias"),
        ("conv2", (16, 6, 3, 3), "conv2.bias"),
        ("fc1", (12, 64), "fc1.bias"),
        ("fc2", (3, 12), "fc2.bias"),
    ]
    assert [model.why_not_drawn(tensor.key) for tensor in model.weights] == [""] * 4


def test_kernels_of_keras_are_turned() -> None:
    shapes: Shapes = {
        "layers/conv2d/vars/0": (3, 3, 1, 6),
        "layers/conv2d/vars/1": (6,),
        "layers/conv2d_transpose/vars/0": (3, 3, 2, 6),
        "layers/conv2d_transpose/vars/1": (2,),
    }
    model = model_of(shapes, convention="keras")
    assert [(layer.shape, layer.transposed) for layer in model.chain()] == [((6, 1, 3, 3), False), ((6, 2, 3, 3), True)]
    assert [(layer.size_in, layer.size_out) for layer in model.chain()] == [(1, 6), (6, 2)]


def test_kernels_of_tensorflow_are_weights() -> None:
    shapes: Shapes = {"a/dense_1/kernel:0": (4, 6), "a/dense_1/bias:0": (6,), "b/out/kernel:0": (6, 3)}
    assert model_of(shapes, convention="keras").chain_keys == ("a/dense_1/kernel:0", "b/out/kernel:0")


def test_weights_of_pytorch_are_turned_by_their_biases_alone() -> None:
    model = model_of({"a.weight": (4, 8), "b.weight": (8, 6)})  # as (in, out) they would follow each other too
    assert [(layer.name, layer.size_in, layer.size_out) for layer in model.chain()] == [("b", 6, 8), ("a", 8, 4)]


def test_what_no_edge_can_show_is_no_chain_of_layers() -> None:
    shapes: Shapes = {"l1.weight": (512, 10), "l1.bias": (512,), "l2.weight": (32, 16, 4, 4), "l2.bias": (16,)}
    model = model_of(shapes)  # a generator: its first layer is dense, and what it puts out reshaped to a picture
    assert model.chain_keys == ("l1.weight", "l2.weight")
    assert model.chain() == ()


def test_channels_in_groups_are_no_plain_sequence() -> None:
    model = model_of(conv(("conv1", 3, 8)) | {"conv2.weight": (8, 1, 3, 3)} | conv(("conv3", 8, 4), kernel=1))
    assert model.chain_keys == ()
    assert model.why_not_drawn("conv2.weight") == "each of its channels is connected to one channel only"


def test_a_name_for_a_tensor_twice_is_one_layer() -> None:
    shapes = dense(("fc1", 4, 8), ("fc2", 8, 8))
    assert model_of(shapes | dense(("again", 8, 8)), tied=["again.weight"]).chain_keys == ("fc1.weight", "fc2.weight")


def test_names_without_what_all_have_in_common() -> None:
    model = model_of(dense(("module.net.body.fc1", 4, 5), ("module.net.body.fc2", 5, 3)))
    assert [tensor.full_name for tensor in model.weights] == ["fc1", "fc2"]
    model = model_of({f"base.layers.{at}.q_proj.lora_A.weight": (2, 4) for at in (0, 1)})
    assert [tensor.full_name for tensor in model.weights] == ["layers.0.q_proj.lora_A", "layers.1.q_proj.lora_A"]


QKV = {f"attn.{name}_proj.weight": (4, 4) for name in "qkv"}
MLP = {f"mlp.{name}_proj.weight": (4, 4) for name in ("gate", "up", "down")}
REASONS: dict[str, tuple[Shapes, str]] = {
    "embed.weight": ({"embed.weight": (9, 4)}, "an embedding is a table, no layer of neurons"),
    "lstm.weight_hh_l0": ({"lstm.weight_hh_l0": (16, 4)}, "a recurrent layer leads back to itself"),
    "attn.q_proj.weight": (QKV, "a query weighs values, it is not passed on"),
    "attn.qkv.weight": ({"attn.qkv.weight": (12, 4)}, "three projections of an attention in one"),
    "mlp.gate_proj.weight": (MLP, "a gate weighs another signal"),
    "q.lora_A.weight": ({"q.lora_A.weight": (2, 4)}, "an adapter beside a layer"),
    "conv_dw.weight": ({"conv_dw.weight": (4, 1, 3, 3)}, "each of its channels is connected to one channel only"),
    "fc.weight_mask": (
        {"fc.weight_orig": (4, 4), "fc.weight_mask": (4, 4)},
        "a mask is part of the weight that it prunes",
    ),
    "cls_token": ({"cls_token": (1, 1, 4)}, "a token is put before the others, it is no layer"),
    "something": ({"something": (4, 4, 4)}, "its name does not say what it does"),
}


@pytest.mark.parametrize("key", REASONS)
def test_each_tensor_has_its_own_reason(key: str) -> None:
    shapes, reason = REASONS[key]
    assert model_of(shapes).why_not_drawn(key) == reason


def test_layers_that_the_user_names() -> None:
    model = model_of(dense(("fc1", 4, 8), ("mu", 8, 2), ("logvar", 8, 2)))
    by_key = {tensor.key: tensor.weight for tensor in model.tensors}
    layers = [by_key[key] for key in ("fc1.weight", "logvar.weight")]
    asked = model.with_chain([layer for layer in layers if layer is not None])
    assert asked.chain_keys == ("fc1.weight", "logvar.weight")
    assert [(each.tail, each.head, each.known_from) for each in asked.connections] == [
        ("fc1.weight", "logvar.weight", "user")
    ]
    assert asked.why_not_drawn("mu.weight") == "not asked for"


def test_layers_that_keras_counts_follow_each_other() -> None:
    """``dense``, ``dense_1``: the first of a kind has no number, and sizes that come again leave names to tell."""
    shapes = {"dense.kernel": (5, 5), "dense.bias": (5,), "dense_1.kernel": (5, 5), "dense_1.bias": (5,)}
    model = model_of(shapes, convention="numpy")
    assert list(model.chain_keys) == ["dense.kernel", "dense_1.kernel"]
