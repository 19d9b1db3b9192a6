from __future__ import annotations

import random

import pytest
from shapes import Shapes, batch_norm, conv, dense, model_of, transposed

from nnanim.model.branches import sign_of_branches, words_of

EMBED: Shapes = {"embed.weight": (100, 8)}
ATTENTION = dense(("attn.q_proj", 8, 8), ("attn.k_proj", 8, 8), ("attn.v_proj", 8, 8), ("attn.o_proj", 8, 8))

# Plain sequences: all layers follow each other in the order in which they stand here, also in a file that sorts them.
SEQUENCES: dict[str, Shapes] = {
    "numbered dense layers": dense(("fc1", 4, 6), ("fc2", 6, 6), ("fc3", 6, 3)),
    "ten comes after nine": dense(*((f"l{number}", 5, 5) for number in range(1, 12))),
    "Sequential": dense(("0", 4, 6), ("2", 6, 6), ("4", 6, 3)),
    "LeNet": conv(("conv1", 1, 6), ("conv2", 6, 16), kernel=5) | dense(("fc1", 256, 120), ("fc2", 120, 84)),
    "norms between": conv(("conv1", 1, 8))
    | batch_norm("bn1", 8)
    | conv(("conv2", 8, 16))
    | batch_norm("bn2", 16)
    | dense(("fc", 784, 10)),
    "features and classifier": conv(("features.0", 3, 16), ("features.2", 16, 16), ("features.5", 16, 32))
    | dense(("classifier.0", 512, 64), ("classifier.3", 64, 10)),
    "VGG's blocks": conv(("block1.0", 3, 16), ("block1.3", 16, 16), ("block2.0", 16, 16)) | dense(("fc", 64, 10)),
    "encoder and decoder": dense(("encoder.0", 8, 6), ("encoder.2", 6, 2), ("decoder.0", 2, 6), ("decoder.2", 6, 8)),
    "convolutional autoencoder": conv(("encoder.0", 1, 16), ("encoder.2", 16, 4))
    | transposed(("decoder.0", 4, 16), ("decoder.2", 16, 1)),
    "generator": transposed(("main.0", 100, 64), ("main.3", 64, 32), ("main.6", 32, 3), bias=False),
    "discriminator": conv(("main.0", 3, 16), ("main.2", 16, 32), ("main.5", 32, 1), kernel=4, bias=False),
    "generator with a dense layer": dense(("l1", 10, 512)) | transposed(("l2", 32, 16), ("l3", 16, 1)),
    "input and output": dense(("input_layer", 4, 6), ("hidden1", 6, 6), ("hidden2", 6, 6), ("output_layer", 6, 3)),
    "policy alone": dense(("policy.0", 8, 16), ("policy.2", 16, 16), ("policy.4", 16, 4)),
    "mean alone": dense(("fc1", 8, 16), ("fc2", 16, 16), ("mu", 16, 4)),
    "values of actions": dense(("fc1", 8, 16), ("fc2", 16, 16), ("q", 16, 4)),
    "layers in modules": dense(("layers.0.linear", 4, 8), ("layers.1.linear", 8, 8), ("output", 8, 3)),
    "head of two layers": dense(("backbone.0", 4, 8), ("backbone.2", 8, 8), ("head.0", 8, 8), ("head.2", 8, 3)),
    "an MLP called mlp": dense(("mlp.fc1", 4, 8), ("mlp.fc2", 8, 2)),
    "hidden layers of one width": dense(("fc_in", 4, 8), ("hidden.0", 8, 8), ("hidden.1", 8, 8), ("fc_out", 8, 2)),
    "trunk and last layer": dense(("net.0", 4, 8), ("net.2", 8, 8), ("net.4", 8, 8), ("q", 8, 2)),
    "blocks of convolutions": conv(("conv1_1", 3, 8), ("conv1_2", 8, 8), ("conv2_1", 8, 16), ("conv2_2", 16, 16))
    | dense(("fc6", 64, 32), ("fc7", 32, 32), ("fc8", 32, 10)),
    "a narrow part of convolutions": conv(("first.0", 1, 16), ("mid.0", 16, 4), ("mid.2", 4, 16), ("last", 16, 1)),
    "one input and one output by number": dense(("input1", 4, 8), ("hidden1", 8, 6), ("output1", 6, 2)),
    "letters that are counted": dense(("W1", 4, 8), ("W2", 8, 6), ("W3", 6, 2)),
    "one layer": dense(("linear", 10, 1)),
    "a bare weight": {"weight": (3, 4), "bias": (3,)},
    "over one axis": {"conv1.weight": (16, 1, 5), "conv2.weight": (32, 16, 5)} | dense(("fc", 320, 4)),
    "weight norm": {"l1.weight_g": (8, 1), "l1.weight_v": (8, 4), "l2.weight_g": (2, 1), "l2.weight_v": (2, 8)},
    "pruned": {"l1.weight_orig": (8, 4), "l1.weight_mask": (8, 4), "l2.weight_orig": (2, 8), "l2.weight_mask": (2, 8)},
    "spectral norm": {
        "l1.weight_orig": (8, 4),
        "l1.weight_u": (8,),
        "l1.weight_v": (4,),
        "l2.weight_orig": (1, 8),
        "l2.weight_u": (1,),
        "l2.weight_v": (8,),
    },
}

BRANCHED: dict[str, Shapes] = {
    "VAE": dense(("fc1", 64, 24), ("fc21", 24, 4), ("fc22", 24, 4), ("fc3", 4, 24), ("fc4", 24, 64)),
    "VAE of equal sizes": dense(("fc1", 8, 8), ("fc21", 8, 8), ("fc22", 8, 8), ("fc3", 8, 8)),
    "mean and variance": dense(("fc1", 8, 8), ("fc_mu", 8, 8), ("fc_logvar", 8, 8), ("fc3", 8, 8)),
    "towers": dense(("user_tower.0", 8, 8), ("user_tower.2", 8, 8), ("item_tower.0", 8, 8), ("item_tower.2", 8, 8)),
    "twins": dense(("one.0", 8, 8), ("one.2", 8, 8), ("other.0", 8, 8), ("other.2", 8, 8), ("out", 8, 1)),
    "letters": dense(("dense_a", 8, 8), ("dense_b", 8, 8), ("joint", 8, 8)),
    "actor and critic": dense(("actor.0", 4, 4), ("actor.2", 4, 4), ("critic.0", 4, 4), ("critic.2", 4, 1)),
    "two critics": dense(("q1.0", 4, 4), ("q1.2", 4, 4), ("q2.0", 4, 4), ("q2.2", 4, 4)),
    "heads": dense(("trunk", 4, 4), ("heads.0", 4, 4), ("heads.1", 4, 4)),
    "trunk with heads": dense(("fc1", 4, 8), ("action_head", 8, 2), ("value_head", 8, 1)),
    "dueling": dense(("fc1", 4, 8), ("value.0", 8, 8), ("value.2", 8, 8), ("advantage.0", 8, 8)),
    "generator and discriminator": dense(("generator.0", 8, 8), ("discriminator.0", 8, 8)),
    "inception": conv(("stem", 3, 8), ("branch1x1", 8, 8), ("branch3x3_1", 8, 8)),
    "kernels beside each other": conv(("squeeze", 8, 8), ("expand1x1", 8, 8), ("expand3x3", 8, 8)),
    "texts": {f"convs.{at}.weight": (8, 8, size) for at, size in enumerate((3, 4, 5))} | dense(("fc", 24, 2)),
    "squeeze and excite": conv(("conv1", 3, 16)) | dense(("se.fc1", 16, 4), ("se.fc2", 4, 16), ("fc", 16, 10)),
    "ResNet of equal channels": conv(("conv1", 3, 8), ("layer1.0.conv1", 8, 8), ("layer1.0.conv2", 8, 8))
    | dense(("fc", 8, 2)),
    "residual words": conv(("conv", 3, 8), ("res1.0", 8, 8), ("res1.2", 8, 8)),
    "numbered blocks as wide as before": dense(
        ("inp", 4, 8), ("blocks.0.a", 8, 8), ("blocks.0.z", 8, 8), ("out", 8, 2)
    ),
    "shortcut": dense(("fc1", 4, 6), ("shortcut", 6, 6), ("fc2", 6, 6)),
    "down and up": conv(("down1", 3, 8), ("down2", 8, 16)) | transposed(("up1", 16, 8), ("up2", 8, 3)),
    "experts": dense(("experts.0", 8, 8), ("experts.1", 8, 8), ("out", 8, 2)),
    "time beside": dense(("time_mlp.1", 8, 8), ("time_mlp.3", 8, 8), ("inp", 8, 8), ("out", 8, 2)),
    "ensemble": dense(("models.0.0", 4, 4), ("models.0.2", 4, 4), ("models.1.0", 4, 4), ("models.1.2", 4, 4)),
    "gate": dense(("fc1", 8, 8), ("gate", 8, 8), ("out", 8, 2)),
    "embedding": EMBED | dense(("fc1", 8, 8), ("fc2", 8, 2)),
    "attention": dense(("inp", 4, 8)) | ATTENTION | dense(("out", 8, 3)),
    "recurrent": {"lstm.weight_ih_l0": (16, 4), "lstm.weight_hh_l0": (16, 4)} | dense(("fc1", 4, 8), ("fc2", 8, 2)),
    "depthwise": conv(("conv1", 3, 8)) | {"conv2.weight": (8, 1, 3, 3)} | conv(("conv3", 9, 4)),
    "no multiple": conv(("conv", 1, 8)) | dense(("fc1", 9, 5)),
    "critics one after the other": dense(
        ("l1", 6, 8), ("l2", 8, 8), ("l3", 8, 6), ("l4", 6, 8), ("l5", 8, 8), ("l6", 8, 6)
    ),
    "policy and value": dense(("fc1", 4, 8), ("pi", 8, 8), ("v", 8, 1)),
    "networks of one letter": dense(("G.0", 8, 16), ("G.2", 16, 8), ("D.0", 8, 16), ("D.2", 16, 1)),
    "networks by number": dense(("net1.0", 8, 8), ("net1.2", 8, 8), ("net2.0", 8, 8), ("net2.2", 8, 8)),
    "two networks": dense(("net_u.0", 2, 8), ("net_u.2", 8, 4), ("net_v.0", 4, 8), ("net_v.2", 8, 3)),
    "a differential equation": dense(("fc_in", 4, 8), ("odefunc.fc1", 8, 8), ("odefunc.fc2", 8, 8), ("fc_out", 8, 3)),
    "a copy of the model": dense(("model.0", 8, 8), ("ema_model.0", 8, 8)),
    "two inputs": dense(("user_fc", 8, 8), ("movie_fc", 8, 8), ("out", 8, 1)),
    "two numbered inputs": dense(("x1_layer", 8, 8), ("x2_layer", 8, 8), ("out", 8, 1)),
    "two outputs": dense(("fc1", 8, 8), ("age", 8, 8), ("gender", 8, 2)),
    "two numbered outputs": dense(("backbone", 8, 8), ("task1", 8, 8), ("task2", 8, 8)),
    "a recurrent layer of one's own": dense(("i2h", 8, 8), ("h2h", 8, 8), ("h2o", 8, 3)),
    "a recurrent layer in words": dense(
        ("input_to_hidden", 8, 8), ("hidden_to_hidden", 8, 8), ("hidden_to_output", 8, 3)
    ),
    "a recurrent layer in letters": dense(("Wxh", 8, 8), ("Whh", 8, 8), ("Why", 8, 3)),
    "two that lead to one": dense(("x2h", 8, 8), ("c2h", 8, 8), ("h2y", 8, 3)),
    "blocks of another name": conv(("c0", 3, 8), ("rb1.conv1", 8, 8), ("rb1.conv2", 8, 8)) | dense(("fc", 8, 10)),
    "residual lists": dense(
        ("inp", 4, 8), ("block1.0", 8, 8), ("block1.2", 8, 8), ("block2.0", 8, 8), ("block2.2", 8, 8), ("out", 8, 3)
    ),
    "attention over channels": conv(("conv1", 3, 16), ("conv2", 16, 16))
    | conv(("ca.fc.0", 16, 2), ("ca.fc.2", 2, 16), kernel=1)
    | dense(("fc", 16, 10)),
    "encoder and up again": conv(("enc1", 1, 4), ("enc2", 4, 8)) | transposed(("up1", 8, 4)) | conv(("last", 4, 1)),
    "two inputs of other sizes": dense(("text_proj", 5, 8), ("vis_proj", 8, 8), ("classifier", 8, 2)),
    "two inputs in words": dense(("short_term", 4, 8), ("long_term", 8, 8), ("out", 8, 2)),
    "additive attention": dense(("W1", 8, 8), ("W2", 8, 8), ("V", 8, 1)),
    "inputs by number": dense(("fc_input1", 4, 8), ("fc_input2", 8, 8), ("fc", 8, 2)),
    "inputs by a word for a number": dense(("first_input", 4, 8), ("second_input", 8, 8), ("fc", 8, 2)),
    "views by number": dense(("view_1_fc", 4, 8), ("view_2_fc", 8, 8), ("fc", 8, 2)),
    "outputs by number": dense(("fc1", 4, 8), ("fc2", 8, 8), ("out1", 8, 8), ("out2", 8, 2)),
    "a mask that is multiplied": dense(("encoder", 4, 8), ("mask_net", 8, 8), ("decoder", 8, 4)),
    "four equal layers in a list": dense(*((f"linears.{at}", 8, 8) for at in range(4))),
    "letters of a formula": dense(("W", 4, 8), ("U", 8, 8), ("fc", 8, 2)),
    "recurrent weights": dense(("fc_in", 4, 8), ("fc_rec", 8, 8), ("fc_out", 8, 2)),
    "codebook": conv(("encoder", 3, 4), kernel=1) | {"codebook.weight": (16, 4)} | transposed(("decoder", 4, 3)),
    "a last convolution of one pixel": conv(("c0", 3, 8), ("c1", 8, 8), ("c2", 8, 8)) | conv(("proj", 8, 8), kernel=1),
    "counted by kind": conv(("Conv_0", 3, 8), ("Conv_1", 8, 8)) | conv(("Conv_2", 8, 8), kernel=1),
    "what nobody knows": {"fc1.weight": (4, 4), "table": (4, 4)},
}


def sequence_of(shapes: Shapes, *, is_ordered: bool, convention: str = "pytorch") -> list[str]:
    model = model_of(shapes, convention=convention, is_ordered=is_ordered)
    assert all(each.known_from == "sequence" for each in model.connections) or not model.chain_keys
    return list(model.chain_keys)


@pytest.mark.parametrize("case", SEQUENCES)
def test_plain_sequences(case: str) -> None:
    shapes = SEQUENCES[case]
    weights = [tensor.key for tensor in model_of(shapes).weights]
    assert sequence_of(shapes, is_ordered=True) == weights
    in_file = dict(sorted(shapes.items()))
    assert sequence_of(in_file, is_ordered=False) == weights


@pytest.mark.parametrize("case", BRANCHED)
@pytest.mark.parametrize("is_ordered", [True, False])
def test_branches_are_no_sequence(case: str, is_ordered: bool) -> None:
    shapes = BRANCHED[case] if is_ordered else dict(sorted(BRANCHED[case].items()))
    model = model_of(shapes, is_ordered=is_ordered)
    assert model.chain_keys == ()
    assert model.reason.startswith("what follows what is not known: ")
    assert "sequence" not in {each.known_from for each in model.connections}


# What a file without an order says by names and sizes: shapes, convention, order
UNORDERED = {
    "sizes decide against names": ({"a.weight": (3, 5), "b.weight": (5, 4)}, "pytorch", "b.weight a.weight"),
    "numbers between other names": (
        {"first": (5, 4), "h2": (5, 5), "h1": (5, 5), "z": (3, 5)},
        "numpy",
        "first h1 h2 z",
    ),
    "first and last words": ({"fc_out": (5, 5), "fc_in": (5, 5), "mid": (5, 5)}, "numpy", "fc_in mid fc_out"),
    "equal sizes": ({"x": (5, 4), "p": (5, 5), "q": (5, 5)}, "numpy", ""),
    "two orders of unlike sizes": ({"a": (5, 4), "b": (4, 5), "c": (6, 4), "d": (4, 6)}, "numpy", ""),
    "list in order": ({"0/W": (5, 4), "1/W": (5, 5), "2/W": (5, 5), "3/W": (3, 5)}, "chainer", "0/W 1/W 2/W 3/W"),
    "Chainer's Sequential": (
        {"0/W": (5, 4), "1/W": (3, 5), "2/W": (5, 5), "3/W": (5, 5)},
        "chainer",
        "0/W 3/W 2/W 1/W",
    ),
    "Sequential that begins with a function": (
        {"0/W": (5, 4), "1/W": (5, 5), "2/W": (3, 5), "3/W": (5, 5), "4/W": (5, 5)},
        "chainer",
        "0/W 1/W 4/W 3/W 2/W",
    ),
    "list or Sequential": ({"0/W": (5, 5), "1/W": (5, 5), "2/W": (5, 5)}, "chainer", ""),
    "Sequential among other layers": (
        {"body/0/W": (5, 4), "body/1/W": (7, 5), "body/2/W": (5, 5), "a/W": (3, 7)},
        "chainer",
        "body/0/W body/2/W body/1/W a/W",
    ),
}


@pytest.mark.parametrize("case", UNORDERED)
def test_order_by_names_and_sizes(case: str) -> None:
    shapes, convention, order = UNORDERED[case]
    for seed in range(5):
        keys = sorted(shapes)
        random.Random(seed).shuffle(keys)
        found = sequence_of({key: shapes[key] for key in keys}, is_ordered=False, convention=convention)
        assert " ".join(found) == order


def test_sizes_put_in_order_what_was_defined_otherwise() -> None:
    assert sequence_of(dense(("out", 5, 3), ("hidden", 6, 5), ("inp", 4, 6)), is_ordered=True) == [
        "inp.weight",
        "hidden.weight",
        "out.weight",
    ]
    # One size twice, and several orders are possible.
    assert sequence_of(dense(("out", 5, 3), ("hidden", 5, 5), ("last", 5, 5), ("inp", 4, 5)), is_ordered=True) == []


def test_many_names_without_numbers_end_the_search() -> None:
    shapes = dense(*((f"layer_{chr(97 + at)}{chr(97 + at)}", 5, 5) for at in range(20)))
    assert sequence_of(dict(sorted(shapes.items())), is_ordered=False) == []
    # Here none of the many orders fits.
    assert sequence_of(dict(sorted((shapes | dense(("zz", 7, 9))).items())), is_ordered=False) == []


def test_names_and_file_that_tell_different_orders() -> None:
    model = model_of(dense(("fc2", 8, 8), ("fc1", 8, 8)))
    assert model.chain_keys == ()
    assert model.reason.endswith("the numbers in the names are in another order than the layers in the file")


def pairs_of(shapes: Shapes, known: list[tuple[str, str]] | None = None) -> dict[tuple[str, str], str]:
    model = model_of(shapes, known=known)
    return {(each.tail, each.head): each.known_from for each in model.connections}


def test_the_graph_of_the_file_is_all_that_counts() -> None:
    shapes = dense(("a", 4, 8), ("b", 4, 8), ("joint", 16, 8), ("out", 8, 3))
    known = [("a.weight", "joint.weight"), ("b.weight", "joint.weight"), ("joint.weight", "out.weight")]
    assert pairs_of(shapes, known) == dict.fromkeys(known, "file")
    assert model_of(shapes, known=known).chain_keys == ()
    plain = dense(("x", 4, 8), ("y", 8, 8), ("z", 8, 3))
    told = [("y.weight", "x.weight"), ("x.weight", "z.weight")]
    assert model_of(plain, known=told).chain_keys == ()  # 'x' does not take in what 'y' puts out
    told = [("x.weight", "y.weight"), ("y.weight", "z.weight")]
    assert model_of(plain, known=told).chain_keys == ("x.weight", "y.weight", "z.weight")
    assert pairs_of(plain, [("x.weight", "nowhere")]) == {}


def test_lists_of_layers_beside_each_other() -> None:
    shapes = dense(("actor.0", 4, 8), ("actor.2", 8, 2), ("critic.0", 4, 8), ("critic.2", 8, 1))
    assert pairs_of(shapes) == {
        ("actor.0.weight", "actor.2.weight"): "list",
        ("critic.0.weight", "critic.2.weight"): "list",
    }


def test_numbers_behind_words_make_no_list() -> None:
    assert pairs_of(dense(("fc1", 4, 8), ("fc2", 8, 2), ("shortcut", 4, 2))) == {}


def test_a_list_without_gaps_may_hold_branches() -> None:
    shapes = dense(("trunk", 4, 8), ("branches.0", 8, 8), ("branches.1", 8, 8), ("parts.0", 8, 8), ("parts.1", 8, 8))
    assert pairs_of(shapes | dense(("shortcut", 8, 3))) == {}
    assert pairs_of(dense(("trunk", 4, 8), ("heads.0", 8, 8), ("heads.2", 8, 8))) == {}
    growing = dense(("lins.0", 4, 8), ("lins.1", 8, 16), ("shortcut", 4, 16))
    assert pairs_of(growing) == {("lins.0.weight", "lins.1.weight"): "list"}


BLOCKS = {
    "LoRA": (
        {"q_proj.lora_A.weight": (2, 8), "q_proj.lora_B.weight": (8, 2), "v_proj.lora_A.weight": (2, 8)},
        [("q_proj.lora_A.weight", "q_proj.lora_B.weight")],
    ),
    "LoRA with the name of the adapter": (
        {"q_proj.lora_A.default.weight": (2, 8), "q_proj.lora_B.default.weight": (8, 2)},
        [("q_proj.lora_A.default.weight", "q_proj.lora_B.default.weight")],
    ),
    "MLP of a transformer": (
        ATTENTION | dense(("mlp.fc1", 8, 32), ("mlp.fc2", 32, 8)),
        [("mlp.fc1.weight", "mlp.fc2.weight")],
    ),
    "a gate is multiplied between": (
        dense(("mlp.gate", 8, 32), ("mlp.fc1", 8, 32), ("mlp.fc2", 32, 8)),
        [],
    ),
    "BERT": (
        dense(
            ("layer.0.attention.self.query", 8, 8),
            ("layer.0.attention.self.key", 8, 8),
            ("layer.0.attention.self.value", 8, 8),
            ("layer.0.attention.output.dense", 8, 8),
            ("layer.0.intermediate.dense", 8, 32),
            ("layer.0.output.dense", 32, 8),
        ),
        [("layer.0.intermediate.dense.weight", "layer.0.output.dense.weight")],
    ),
    "Stable-Baselines3": (
        dense(
            ("mlp_extractor.policy_net.0", 4, 8),
            ("mlp_extractor.policy_net.2", 8, 8),
            ("mlp_extractor.value_net.0", 4, 8),
            ("mlp_extractor.value_net.2", 8, 8),
            ("action_net", 8, 2),
            ("value_net", 8, 1),
        ),
        [
            ("mlp_extractor.policy_net.0.weight", "mlp_extractor.policy_net.2.weight"),
            ("mlp_extractor.policy_net.2.weight", "action_net.weight"),
            ("mlp_extractor.value_net.0.weight", "mlp_extractor.value_net.2.weight"),
            ("mlp_extractor.value_net.2.weight", "value_net.weight"),
        ],
    ),
    "ResNet": (
        conv(("conv1", 3, 8), ("layer1.0.conv1", 8, 8), ("layer1.0.conv2", 8, 8), ("layer2.0.conv1", 8, 16)),
        [("layer1.0.conv1.weight", "layer1.0.conv2.weight")],
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_blocks_whose_names_say_it(case: str) -> None:
    shapes, pairs = BLOCKS[case]
    assert list(pairs_of(shapes)) == pairs


def test_words_of_names() -> None:
    assert words_of("fc_logVar2") == ["fc", "log", "var", "fclog", "logvar"]


def test_signs_say_which_modules_they_are_of() -> None:
    weights = model_of(dense(("left.0", 8, 8), ("right.0", 8, 8))).weights
    assert sign_of_branches(weights) == "'left' and 'right' may stand beside each other, by their names"


def test_numbers_in_words_are_numbers() -> None:
    layers = dense(("first", 4, 8), ("second", 8, 8), ("third", 8, 8), ("fourth", 8, 2))
    assert len(sequence_of(layers, is_ordered=True)) == 4
    assert sequence_of(dense(("first", 4, 8), ("left", 8, 8), ("right", 8, 2)), is_ordered=True) == []
