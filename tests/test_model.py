from __future__ import annotations

import pytest
from shapes import Shapes, conv, dense, model_of

from nnanim.model.model import choose_view

BLOCK = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
LLAMA: Shapes = {"model.embed_tokens.weight": (50, 8), "model.norm.weight": (8,), "lm_head.weight": (50, 8)}
for number in (0, 1, 10, 2):
    LLAMA |= dense(*((f"model.layers.{number}.{name}", 8, 8) for name in BLOCK), bias=False)
    LLAMA |= dense(
        (f"model.layers.{number}.mlp.gate_proj", 8, 16), (f"model.layers.{number}.mlp.up_proj", 8, 16), bias=False
    )
    LLAMA |= dense((f"model.layers.{number}.mlp.down_proj", 16, 8), bias=False)


def test_a_sequence_of_few_layers_is_a_network() -> None:
    model = model_of(conv(("conv1", 1, 6), ("conv2", 6, 16)) | dense(("fc1", 64, 12), ("fc2", 12, 3)))
    assert choose_view(model) == ("network", "the layers follow each other, in the order of the file")
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


@pytest.mark.parametrize(("count", "view"), [(8, "network"), (9, "map"), (61, "layers")])
def test_long_sequences(count: int, view: str) -> None:
    model = model_of(dense(*((f"l{number}", 5, 5) for number in range(count))))
    assert choose_view(model)[0] == view
    assert len(model.chain()) == count


def test_a_sequence_whose_channels_are_in_groups_is_a_map() -> None:
    shapes = conv(("conv1", 3, 8)) | {"conv2.weight": (8, 1, 3, 3)} | conv(("conv3", 8, 4), kernel=1)
    model = model_of(shapes)
    assert model.chain_keys == ("conv1.weight", "conv2.weight", "conv3.weight")
    assert (model.chain(), choose_view(model)[0]) == ((), "map")


def test_connected_modules_are_a_map() -> None:
    shapes = dense(("a", 4, 8), ("b", 4, 8), ("joint", 16, 8))
    known = [("a.weight", "joint.weight"), ("b.weight", "joint.weight")]
    assert choose_view(model_of(shapes, known=known)) == ("map", "3 of 3 tensors are known to be connected")


def test_what_is_not_known_to_be_connected_is_rows() -> None:
    for shapes in ({"embed.weight": (9, 4)}, {"weight_ih_l0": (16, 4), "weight_hh_l0": (16, 4)}, LLAMA, {}):
        view, reason = choose_view(model_of(shapes, is_ordered=False))
        assert view == "layers"
        assert reason.startswith("what follows what is not known: ")


def test_order_of_a_file_that_sorts_its_names() -> None:
    model = model_of(dict(sorted(LLAMA.items())), is_ordered=False)
    names = [tensor.full_name for tensor in model.weights]
    block = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    assert names[0] == "model.embed_tokens"
    assert [name.rpartition(".")[2] for name in names[1:8]] == block
    assert [name.split(".")[2] for name in names[1:-1:7]] == ["0", "1", "2", "10"]
    assert names[-1] == "lm_head"


def test_encoder_comes_before_decoder() -> None:
    shapes: Shapes = {"shared.weight": (30, 8)}
    for part in ("decoder", "encoder"):
        for name in "koqv":
            shapes[f"{part}.block.0.layer.0.SelfAttention.{name}.weight"] = (8, 8)
    shapes["decoder.block.0.layer.1.EncDecAttention.q.weight"] = (8, 8)
    shapes["decoder.block.0.layer.1.EncDecAttention.k.weight"] = (8, 8)
    names = [tensor.full_name for tensor in model_of(shapes, is_ordered=False).weights]
    assert names[0] == "shared"
    assert [name.split(".")[0] for name in names[1:]] == ["encoder"] * 4 + ["decoder"] * 6
    assert [name.rpartition(".")[2] for name in names[1:5]] == ["q", "k", "v", "o"]


def test_the_order_of_the_file_stays_where_it_is_the_models() -> None:
    model = model_of(dense(("zeta", 4, 5), ("alpha", 7, 9), ("mid", 3, 2)))
    assert [tensor.name for tensor in model.weights] == ["zeta", "alpha", "mid"]


def test_names_without_what_all_have_in_common() -> None:
    model = model_of(dense(("module.net.body.fc1", 4, 5), ("module.net.body.fc2", 5, 3)))
    assert [tensor.full_name for tensor in model.weights] == ["fc1", "fc2"]
    model = model_of({f"base.layers.{at}.q_proj.lora_A.weight": (2, 4) for at in (0, 1)})
    assert [tensor.block for tensor in model.weights] == ["layers.0.q_proj", "layers.1.q_proj"]


REASONS = {
    "embed.weight": ((9, 4), "an embedding is a table, no layer of neurons"),
    "lstm.weight_hh_l0": ((16, 4), "a recurrent layer leads back to itself"),
    "attn.q_proj.weight": ((4, 4), "a query weighs values, it is not passed on"),
    "attn.qkv.weight": ((12, 4), "three projections of an attention in one"),
    "mlp.gate_proj.weight": ((4, 4), "a gate weighs another signal"),
    "layer1.0.downsample.0.weight": ((8, 4, 1, 1), "a shortcut leads around other layers"),
    "q.lora_A.weight": ((2, 4), "an adapter beside a layer"),
    "conv_dw.weight": ((4, 1, 3, 3), "each of its channels is connected to one channel only"),
    "fc.weight_mask": ((4, 4), "a mask is part of the weight that it prunes"),
    "cls_token": ((1, 1, 4), "a token is put before the others, it is no layer"),
    "something": ((4, 4, 4), "its name does not say what it does"),
}


@pytest.mark.parametrize("key", REASONS)
def test_each_tensor_has_its_own_reason(key: str) -> None:
    shape, reason = REASONS[key]
    assert model_of({key: shape}).why_not_drawn(key) == reason


def test_layers_that_the_user_names() -> None:
    shapes = dense(("fc1", 4, 8), ("mu", 8, 2), ("logvar", 8, 2))
    model = model_of(shapes).with_chain(["fc1.weight", "logvar.weight"])
    assert model.chain_keys == ("fc1.weight", "logvar.weight")
    assert [(each.tail, each.head, each.known_from) for each in model.connections] == [
        ("fc1.weight", "logvar.weight", "user")
    ]
    assert choose_view(model) == ("network", "as asked for")
    assert model.why_not_drawn("mu.weight") == "not asked for"
