"""What tensors are: names and shapes as frameworks write them."""

from __future__ import annotations

import pytest

from nnanim.model.role_table import TABLE
from nnanim.model.roles import Part, Role, roles_of

Table = dict[str, tuple[tuple[int, ...], str]]  # key: shape, role


def block(before: str, rows: Table) -> Table:
    return {before + key: row for key, row in rows.items()}


GATES = ("input gate", "forget gate", "cell", "output gate")
PYTORCH: dict[str, Table] = {
    "ResNet": {
        "conv1.weight": ((64, 3, 7, 7), "convolution"),
        "bn1.weight": ((64,), "normalisation"),
        "bn1.running_mean": ((64,), "running statistics"),
        "layer1.0.conv1.weight": ((64, 64, 3, 3), "convolution"),
        "layer1.0.bn1.weight": ((64,), "normalisation"),
        "layer2.0.conv1.weight": ((128, 64, 3, 3), "convolution"),
        "layer2.0.bn1.weight": ((128,), "normalisation"),
        "layer2.0.conv2.weight": ((128, 128, 3, 3), "convolution"),
        "layer2.0.bn2.weight": ((128,), "normalisation"),
        "layer2.0.downsample.0.weight": ((128, 64, 1, 1), "shortcut"),
        "layer2.0.downsample.1.weight": ((128,), "vector"),
        "fc.weight": ((10, 128), "dense"),
        "fc.bias": ((10,), "bias"),
    },
    "ResNeXt": {
        "layer1.0.conv1.weight": ((128, 64, 1, 1), "convolution"),
        "layer1.0.bn1.weight": ((128,), "normalisation"),
        "layer1.0.conv2.weight": ((128, 4, 3, 3), "grouped convolution"),
        "layer1.0.bn2.weight": ((128,), "normalisation"),
        "layer1.0.conv3.weight": ((256, 128, 1, 1), "convolution"),
    },
    "MobileNet": {
        "features.0.0.weight": ((32, 3, 3, 3), "convolution"),
        "features.1.conv.0.0.weight": ((32, 1, 3, 3), "depthwise convolution"),
        "features.1.conv.1.weight": ((16, 32, 1, 1), "convolution"),
    },
    "ConvNeXt, with a patch merging that is no shortcut": {
        "stages.0.blocks.0.conv_dw.weight": ((96, 1, 7, 7), "depthwise convolution"),
        "stages.0.blocks.0.mlp.fc1.weight": ((384, 96), "MLP up"),
        "stages.0.blocks.0.mlp.fc2.weight": ((96, 384), "MLP down"),
        "stages.1.downsample.1.weight": ((192, 96, 2, 2), "convolution"),
    },
    "PVT: keys and values are taken of fewer places": block(
        "block1.0.attn.",
        {
            "q.weight": ((64, 64), "attention query"),
            "kv.weight": ((128, 64), "attention key and value"),
            "proj.weight": ((64, 64), "attention output"),
            "sr.weight": ((64, 64, 8, 8), "convolution"),
        },
    ),
    "CaiT of vit-pytorch": block(
        "cls_transformer.layers.0.0.fn.",
        {
            "to_q.weight": ((64, 32), "attention query"),
            "to_kv.weight": ((128, 32), "attention key and value"),
            "to_out.0.weight": ((32, 64), "attention output"),
        },
    ),
    "DeBERTa": block(
        "encoder.layer.0.attention.self.",
        {
            "q_bias": ((16,), "bias"),
            "v_bias": ((16,), "bias"),
            "in_proj.weight": ((48, 16), "attention query, key and value"),
            "pos_proj.weight": ((16, 16), "dense"),
        },
    ),
    "Mamba, whose in_proj is no attention": block(
        "layers.0.mixer.",
        {
            "in_proj.weight": ((64, 16), "dense"),
            "x_proj.weight": ((33, 32), "dense"),
            "out_proj.weight": ((16, 32), "dense"),
        },
    ),
    "Mixtral of Transformers 5": block(
        "model.layers.0.mlp.experts.",
        {
            "gate_up_proj": ((8, 28, 16), "MLP gate and up"),
            "down_proj": ((8, 16, 14), "MLP down"),
        },
    ),
    "pictures with one channel": {
        "conv1.weight": ((8, 1, 3, 3), "convolution"),
        "conv1.bias": ((8,), "bias"),
        "conv2.weight": ((16, 8, 3, 3), "convolution"),
    },
    "inception: the branches take in what the stem puts out": {
        "stem.weight": ((16, 3, 3, 3), "convolution"),
        "branch1.weight": ((64, 16, 1, 1), "convolution"),
        "branch2.weight": ((8, 16, 1, 1), "convolution"),
    },
    "a residual function of two layers is no shortcut": {
        "residual.0.weight": ((8, 8, 3, 3), "convolution"),
        "residual.2.weight": ((8, 8, 3, 3), "convolution"),
        "shortcut.0.weight": ((8, 8, 1, 1), "shortcut"),
    },
    "U-Net, DCGAN": {
        "up1.up.weight": ((32, 16, 2, 2), "transposed convolution"),
        "up1.up.bias": ((16,), "bias"),
        "main.0.weight": ((100, 64, 4, 4), "transposed convolution"),
        "main.1.weight": ((64,), "vector"),
    },
    "DenseNet, sorted: what comes behind in the file need not in the model": {
        "denselayer3.conv1.weight": ((128, 128, 1, 1), "convolution"),
        "denselayer3.conv2.weight": ((32, 128, 3, 3), "convolution"),
        "denselayer3.norm1.bias": ((128,), "bias"),
        "denselayer3.norm1.weight": ((128,), "normalisation"),
    },
    "names of deconvolutions and their norm": {
        "up1.weight": ((64, 32, 4, 4), "transposed convolution"),
        "up2.weight": ((32, 16, 4, 4), "convolution"),
        "bn1.weight": ((32,), "normalisation"),
    },
    "GPT-2": {
        "transformer.wte.weight": ((100, 8), "embedding"),
        "transformer.wpe.weight": ((16, 8), "positional embedding"),
        **block(
            "transformer.h.0.",
            {
                "ln_1.weight": ((8,), "normalisation"),
                "attn.bias": ((1, 1, 16, 16), "not a weight"),
                "attn.c_attn.weight": ((8, 24), "attention query, key and value"),
                "attn.c_attn.bias": ((24,), "bias"),
                "attn.c_proj.weight": ((8, 8), "attention output"),
                "mlp.c_fc.weight": ((8, 32), "MLP up"),
                "mlp.c_proj.weight": ((32, 8), "MLP down"),
            },
        ),
        "lm_head.weight": ((100, 8), "dense"),
    },
    "LLaMA with grouped queries": {
        "model.embed_tokens.weight": ((100, 16), "embedding"),
        **block(
            "model.layers.0.",
            {
                "self_attn.q_proj.weight": ((16, 16), "attention query"),
                "self_attn.k_proj.weight": ((4, 16), "attention key"),
                "self_attn.v_proj.weight": ((4, 16), "attention value"),
                "self_attn.o_proj.weight": ((16, 16), "attention output"),
                "mlp.gate_proj.weight": ((32, 16), "MLP gate"),
                "mlp.up_proj.weight": ((32, 16), "MLP up"),
                "mlp.down_proj.weight": ((16, 32), "MLP down"),
                "input_layernorm.weight": ((16,), "normalisation"),
                "self_attn.rotary_emb.inv_freq": ((2,), "vector"),
            },
        ),
    },
    "LLaMA, as Meta writes it": {
        "tok_embeddings.weight": ((100, 16), "embedding"),
        "layers.0.attention.wq.weight": ((16, 16), "attention query"),
        "layers.0.attention.wk.weight": ((4, 16), "attention key"),
        "layers.0.attention.wv.weight": ((4, 16), "attention value"),
        "layers.0.attention.wo.weight": ((16, 16), "attention output"),
        "layers.0.feed_forward.w1.weight": ((32, 16), "MLP gate"),
        "layers.0.feed_forward.w2.weight": ((16, 32), "MLP down"),
        "layers.0.feed_forward.w3.weight": ((32, 16), "MLP up"),
    },
    "BERT": {
        "bert.embeddings.word_embeddings.weight": ((100, 8), "embedding"),
        "bert.embeddings.position_embeddings.weight": ((16, 8), "positional embedding"),
        "bert.embeddings.token_type_embeddings.weight": ((2, 8), "embedding"),
        **block(
            "bert.encoder.layer.0.",
            {
                "attention.self.query.weight": ((8, 8), "attention query"),
                "attention.self.key.weight": ((8, 8), "attention key"),
                "attention.self.value.weight": ((8, 8), "attention value"),
                "attention.output.dense.weight": ((8, 8), "attention output"),
                "intermediate.dense.weight": ((32, 8), "MLP up"),
                "output.dense.weight": ((8, 32), "MLP down"),
                "output.LayerNorm.weight": ((8,), "normalisation"),
            },
        ),
        "bert.pooler.dense.weight": ((8, 8), "dense"),
    },
    "ViT": {
        "cls_token": ((1, 1, 16), "token"),
        "reg_token": ((1, 4, 16), "token"),
        "pos_embed": ((1, 17, 16), "positional embedding"),
        "patch_embed.proj.weight": ((16, 3, 4, 4), "convolution"),
        "blocks.0.attn.qkv.weight": ((48, 16), "attention query, key and value"),
        "blocks.0.attn.proj.weight": ((16, 16), "attention output"),
        "blocks.0.mlp.fc1.weight": ((64, 16), "MLP up"),
        "blocks.0.mlp.fc2.weight": ((16, 64), "MLP down"),
        "latents": ((1, 32, 16), "parameter"),
        "head.weight": ((10, 16), "dense"),
    },
    "T5": {
        "shared.weight": ((100, 8), "embedding"),
        "encoder.block.0.layer.0.SelfAttention.q.weight": ((8, 8), "attention query"),
        "encoder.block.0.layer.0.SelfAttention.k.weight": ((8, 8), "attention key"),
        "encoder.block.0.layer.0.SelfAttention.v.weight": ((8, 8), "attention value"),
        "encoder.block.0.layer.0.SelfAttention.o.weight": ((8, 8), "attention output"),
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": ((32, 2), "positional embedding"),
        "encoder.block.0.layer.1.DenseReluDense.wi_0.weight": ((16, 8), "MLP gate"),
        "encoder.block.0.layer.1.DenseReluDense.wi_1.weight": ((16, 8), "MLP up"),
        "encoder.block.0.layer.1.DenseReluDense.wo.weight": ((8, 16), "MLP down"),
    },
    "torch.nn.TransformerEncoderLayer": {
        "self_attn.in_proj_weight": ((24, 8), "attention query, key and value"),
        "self_attn.in_proj_bias": ((24,), "bias"),
        "self_attn.bias_k": ((1, 1, 8), "bias"),
        "self_attn.out_proj.weight": ((8, 8), "attention output"),
        "linear1.weight": ((32, 8), "MLP up"),
        "linear2.weight": ((8, 32), "MLP down"),
    },
    "torch.nn.MultiheadAttention with kdim": {
        "q_proj_weight": ((8, 8), "attention query"),
        "k_proj_weight": ((8, 6), "attention key"),
        "v_proj_weight": ((8, 4), "attention value"),
        "out_proj.weight": ((8, 8), "attention output"),
    },
    "fused projections of other families": {
        "phi3.qkv_proj.weight": ((24, 16), "attention query, key and value"),
        "phi3.o_proj.weight": ((16, 16), "attention output"),
        "mpt.Wqkv.weight": ((24, 8), "attention query, key and value"),
        "mpt.out_proj.weight": ((8, 8), "attention output"),
        "lucid.to_qkv.weight": ((24, 8), "attention query, key and value"),
        "lucid.to_out.0.weight": ((8, 8), "attention output"),
        "neox.attention.query_key_value.weight": ((24, 8), "attention query, key and value"),
        "neox.attention.dense.weight": ((8, 8), "attention output"),
        "neox.mlp.dense_h_to_4h.weight": ((32, 8), "MLP up"),
        "neox.mlp.dense_4h_to_h.weight": ((8, 32), "MLP down"),
        "pvt.q.weight": ((8, 8), "attention query"),
        "pvt.kv.weight": ((16, 8), "attention key and value"),
    },
    "MLPs of other families": {
        "phi3.gate_up_proj.weight": ((32, 8), "MLP gate and up"),
        "phi3.down_proj.weight": ((8, 16), "MLP down"),
        "t5.wi.weight": ((32, 8), "MLP up"),
        "t5.wo.weight": ((8, 32), "MLP down"),
        "bart.self_attn.q_proj.weight": ((8, 8), "dense"),
        "bart.fc1.weight": ((32, 8), "MLP up"),
        "bart.fc2.weight": ((8, 32), "MLP down"),
        "gptj.fc_in.weight": ((32, 8), "MLP up"),
        "gptj.fc_out.weight": ((8, 32), "MLP down"),
        "distil.ffn.lin1.weight": ((32, 8), "MLP up"),
        "distil.ffn.lin2.weight": ((8, 32), "MLP down"),
    },
    "two dense layers without an attention": {
        "fc1.weight": ((32, 8), "dense"),
        "fc2.weight": ((8, 32), "dense"),
    },
    **{
        f"attention of {query}": {
            f"a.{query}.weight": ((8, 8), "attention query"),
            f"a.{key}.weight": ((8, 8), "attention key"),
            f"a.{value}.weight": ((8, 8), "attention value"),
            f"a.{output}.weight": ((8, 8), "attention output" if output != "none" else "dense"),
        }
        for query, key, value, output in (
            ("w_q", "w_k", "w_v", "w_o"),
            ("to_q", "to_k", "to_v", "to_out.0"),
            ("q_lin", "k_lin", "v_lin", "out_lin"),
            ("linear_q", "linear_k", "linear_v", "linear_out"),
            ("query_proj", "key_proj", "value_proj", "none"),
        )
    },
    "positions of other families": {
        "swin.attn.relative_position_bias_table": ((169, 3), "positional embedding"),
        "sam.attn.rel_pos_h": ((27, 64), "positional embedding"),
        "pos_encoder.pe": ((100, 1, 8), "positional embedding"),
    },
    "recurrent without its other half": {
        "weight_ih_l0": ((8, 4), "recurrent input"),
        "weight_hh_l0": ((8, 8), "recurrent hidden"),
    },
    "names of an attention alone tell nothing": {
        "q.weight": ((8, 8), "dense"),
        "key.weight": ((8, 8), "dense"),
        "proj.weight": ((8, 8), "dense"),
    },
    "scripts that save w1, w2 and w3": {
        "w1": ((8, 4), "dense"),
        "w2": ((8, 8), "dense"),
        "w3": ((2, 8), "dense"),
    },
    "spectral norm, old and new": {
        "a.weight_orig": ((8, 4), "dense"),
        "a.weight_u": ((8,), "spectral-norm vector"),
        "a.weight_v": ((4,), "spectral-norm vector"),
        "b.parametrizations.weight.original": ((8, 3, 3, 3), "convolution"),
        "b.parametrizations.weight.0._u": ((8,), "spectral-norm vector"),
        "b.parametrizations.weight.0._v": ((27,), "spectral-norm vector"),
    },
    "batch norm's statistics, and embeddings that are none": {
        "time_embed.0.weight": ((8, 4), "dense"),
        "time_embed.0.bias": ((8,), "bias"),
        "embed_proj.weight": ((8, 4), "dense"),
        "user_emb.weight": ((9, 4), "embedding"),
        "embeds.1.weight": ((9, 4), "embedding"),
    },
}
KERAS: dict[str, Table] = {
    "LSTM and GRU": {
        "layers/lstm/cell/vars/0": ((5, 32), "recurrent input"),
        "layers/lstm/cell/vars/1": ((8, 32), "recurrent hidden"),
        "layers/lstm/cell/vars/2": ((32,), "bias"),
        "layers/bidirectional/forward_layer/cell/vars/0": ((8, 24), "recurrent input"),
        "layers/bidirectional/forward_layer/cell/vars/1": ((8, 24), "recurrent hidden"),
        "layers/bidirectional/forward_layer/cell/vars/2": ((2, 24), "bias"),
    },
    "LSTM in the older HDF5 format": {
        "lstm/lstm/lstm_cell/kernel:0": ((5, 32), "recurrent input"),
        "lstm/lstm/lstm_cell/recurrent_kernel:0": ((8, 32), "recurrent hidden"),
        "lstm/lstm/lstm_cell/bias:0": ((32,), "bias"),
        "dense/dense/kernel:0": ((8, 3), "dense"),
    },
    "MultiHeadAttention": {
        "layers/embedding/vars/0": ((30, 8), "embedding"),
        "layers/multi_head_attention/query_dense/vars/0": ((8, 2, 4), "attention query"),
        "layers/multi_head_attention/query_dense/vars/1": ((2, 4), "bias"),
        "layers/multi_head_attention/key_dense/vars/0": ((8, 2, 4), "attention key"),
        "layers/multi_head_attention/value_dense/vars/0": ((8, 2, 4), "attention value"),
        "layers/multi_head_attention/output_dense/vars/0": ((2, 4, 8), "attention output"),
        "layers/layer_normalization/vars/0": ((8,), "normalisation"),
        "layers/dense/vars/1": ((8,), "bias"),
    },
    "MultiHeadAttention in the older HDF5 format": {
        "mha/mha/query/kernel:0": ((8, 2, 4), "attention query"),
        "mha/mha/query/bias:0": ((2, 4), "bias"),
        "mha/mha/key/kernel:0": ((8, 2, 4), "attention key"),
        "mha/mha/value/kernel:0": ((8, 2, 4), "attention value"),
        "mha/mha/attention_output/kernel:0": ((2, 4, 8), "attention output"),
    },
    "convolutions": {
        "layers/conv2d/vars/0": ((3, 3, 3, 8), "convolution"),
        "layers/separable_conv2d/vars/0": ((3, 3, 8, 1), "depthwise convolution"),
        "layers/separable_conv2d/vars/1": ((1, 1, 8, 8), "convolution"),
        "layers/depthwise_conv2d_1/vars/0": ((3, 3, 8, 1), "depthwise convolution"),
        "layers/conv2d_transpose/vars/0": ((3, 3, 4, 8), "transposed convolution"),
        "layers/batch_normalization/vars/2": ((8,), "running statistics"),
        "layers/layer_normalization/vars/0": ((4, 8), "normalisation"),
        "layers/layer_normalization/vars/1": ((8,), "normalisation"),
        "sep/sep/depthwise_kernel:0": ((3, 3, 8, 1), "depthwise convolution"),
        "sep/sep/pointwise_kernel:0": ((1, 1, 8, 8), "convolution"),
        "layers/einsum_dense/vars/0": ((4, 2, 8), "dense"),
        "layers/spectral_normalization/vector_u": ((1, 8), "spectral-norm vector"),
    },
}
CHAINER: dict[str, Table] = {
    "NStepLSTM, NStepGRU and NStepRNN": {
        **{f"lstm/0/w{n}": ((6, 4), "recurrent input" if n < 4 else "recurrent hidden") for n in range(8)},
        **{f"lstm/0/b{n}": ((6,), "bias") for n in range(8)},
        **{f"gru/0/w{n}": ((6, 4), "recurrent input" if n < 3 else "recurrent hidden") for n in range(6)},
        **{f"gru/0/b{n}": ((6,), "bias") for n in range(6)},
        "rnn/0/w0": ((6, 4), "recurrent input"),
        "rnn/0/w1": ((6, 6), "recurrent hidden"),
        "rnn/0/b1": ((6,), "bias"),
        "embed/W": ((9, 4), "embedding"),
    },
    "LSTM and GRU": {
        "lstm/upward/W": ((24, 4), "recurrent input"),
        "lstm/lateral/W": ((24, 6), "recurrent hidden"),
        **{f"gru/W{gate}/W": ((6, 4), "recurrent input") for gate in ("", "_r", "_z")},
        "mgu/W_f/W": ((6, 10), "recurrent input"),
        "mgu/W_h/W": ((6, 10), "recurrent input"),
        **{f"gru/U{gate}/W": ((6, 6), "recurrent hidden") for gate in ("", "_r", "_z")},
    },
    "a Classifier": {
        "predictor/l1/W": ((5, 4), "dense"),
        "predictor/l1/b": ((5,), "bias"),
        "predictor/deconv/W": ((5, 4, 3, 3), "transposed convolution"),
        "predictor/conv/W": ((2, 8, 3, 3), "grouped convolution"),
        "predictor/conv/b": ((16,), "bias"),
        "predictor/pairs/W": ((3, 4, 5), "parameter"),
        "predictor/pairs/V1": ((3, 5), "dense"),
        "predictor/pairs/V2": ((4, 5), "dense"),
        "predictor/bn/gamma": ((5,), "normalisation"),
        "predictor/bn/beta": ((5,), "normalisation"),
        "predictor/bn/avg_mean": ((5,), "running statistics"),
    },
}
CASES = [
    pytest.param(convention, table, id=f"{convention}: {name}")
    for convention, tables in (("pytorch", PYTORCH), ("keras", KERAS), ("chainer", CHAINER))
    for name, table in tables.items()
]


@pytest.mark.parametrize(("convention", "table"), CASES)
def test_roles(convention: str, table: Table):
    roles = roles_of([(key, shape, "float32") for key, (shape, _) in table.items()], convention)
    assert {key: role.name for key, role in zip(table, roles, strict=True)} == {
        key: role for key, (_, role) in table.items()
    }


def roles(convention: str = "pytorch", dtype: str = "float32", **shapes: tuple[int, ...]) -> dict[str, Role]:
    headers = [(key.replace("__", "."), shape, dtype) for key, shape in shapes.items()]
    return {key: role for (key, _, _), role in zip(headers, roles_of(headers, convention), strict=True)}


def test_fused_projection_of_in_out_is_split_along_its_second_axis():
    found = roles(attn__c_attn__weight=(8, 24), attn__c_attn__bias=(24,), attn__c_proj__weight=(8, 8))
    assert found["attn.c_attn.weight"].parts == (
        Part("query", 1, 0, 8),
        Part("key", 1, 8, 16),
        Part("value", 1, 16, 24),
    )


def test_fused_projection_with_grouped_queries_has_smaller_keys_and_values():
    found = roles(self_attn__qkv_proj__weight=(24, 16), self_attn__o_proj__weight=(16, 16))
    parts = [(part.name, part.start, part.stop) for part in found["self_attn.qkv_proj.weight"].parts]
    assert parts == [("query", 0, 16), ("key", 16, 20), ("value", 20, 24)]


def test_fused_projection_that_is_interleaved_by_heads_is_not_split():
    assert roles(attention__query_key_value__weight=(24, 8))["attention.query_key_value.weight"].parts == ()


def test_gate_and_up_in_one_are_halves():
    found = roles(mlp__gate_up_proj__weight=(32, 8), mlp__down_proj__weight=(8, 16))
    assert [tuple(part) for part in found["mlp.gate_up_proj.weight"].parts] == [("gate", 0, 0, 16), ("up", 0, 16, 32)]


@pytest.mark.parametrize(
    ("convention", "shapes", "axis", "names"),
    [
        ("pytorch", {"weight_ih_l0": (32, 5), "weight_hh_l0": (32, 8)}, 0, GATES),
        ("pytorch", {"weight_ih_l1_reverse": (32, 16), "weight_hh_l1_reverse": (32, 8)}, 0, GATES),
        ("pytorch", {"weight_ih": (24, 5), "weight_hh": (24, 8)}, 0, ("reset gate", "update gate", "candidate")),
        ("keras", {"cell.vars.0": (5, 32), "cell.vars.1": (8, 32)}, 1, GATES),
        (
            "keras",
            {"gru.kernel": (5, 24), "gru.recurrent_kernel": (8, 24)},
            1,
            ("update gate", "reset gate", "candidate"),
        ),
        ("keras", {"cell.vars.0": (3, 3, 5, 32), "cell.vars.1": (3, 3, 8, 32)}, 3, GATES),
    ],
)
def test_gates_are_in_the_order_of_their_framework(convention, shapes, axis, names):
    expected = tuple(Part(name, axis, 8 * place, 8 * place + 8) for place, name in enumerate(names))
    for role in roles_of([(key, shape, "float32") for key, shape in shapes.items()], convention):
        assert role.parts == expected


def test_gates_of_an_lstm_with_a_projection_are_as_many_as_its_units():
    found = roles(weight_ih_l0=(32, 5), weight_hh_l0=(32, 3), weight_hr_l0=(3, 8))
    assert found["weight_hr_l0"].name == "recurrent projection"
    assert [part.stop for part in found["weight_hh_l0"].parts] == [8, 16, 24, 32]


@pytest.mark.parametrize(
    "shapes", [{"weight_ih_l0": (8, 5), "weight_hh_l0": (8, 8)}, {"cell.vars.0": (5, 8), "cell.vars.1": (8, 8)}]
)
def test_a_plain_recurrent_layer_has_no_gates(shapes):
    found = roles_of(
        [(key, shape, "float32") for key, shape in shapes.items()], "keras" if "cell.vars.0" in shapes else "pytorch"
    )
    assert [(role.name, role.parts) for role in found] == [("recurrent input", ()), ("recurrent hidden", ())]


def test_each_tensor_of_an_n_step_lstm_is_a_gate():
    shapes = {f"0.w{n}": (6, 4) for n in range(8)} | {f"0.b{n}": (6,) for n in range(8)}
    found = roles_of([(key, shape, "float32") for key, shape in shapes.items()], "chainer")
    assert [role.parts[0].name for role in found[:8]] == [*GATES, *GATES]
    assert found[0].parts == (Part("input gate", 0, 0, 6),)


def test_gates_of_chainers_lstm_are_interleaved_and_not_split():
    assert roles("chainer", lstm__upward__W=(24, 4), lstm__lateral__W=(24, 6))["lstm.upward.W"].parts == ()


@pytest.mark.parametrize(
    "pair",
    [("a.weight_g", "a.weight_v"), ("a.parametrizations.weight.original0", "a.parametrizations.weight.original1")],
)
def test_weight_norm_is_a_gain_and_a_direction(pair):
    gain, direction = roles_of([(pair[0], (8, 1), "float32"), (pair[1], (8, 4), "float32")])
    assert (gain.name, direction.name) == ("weight-norm gain", "weight-norm direction")
    assert (gain.of, direction.of) == ("dense", "dense")
    assert gain.members == direction.members == pair
    assert direction.formula == "g·v/‖v‖"


def test_weight_norm_of_a_recurrent_layer_keeps_its_gates():
    found = roles(weight_hh_l0_g=(32, 1), weight_hh_l0_v=(32, 8), weight_ih_l0=(32, 5))
    assert found["weight_hh_l0_v"].of == "recurrent hidden"
    assert [part.name for part in found["weight_hh_l0_v"].parts] == list(GATES)


def test_a_parametrization_that_is_no_weight_norm_is_none():
    found = roles(a__parametrizations__weight__original0=(8, 4), a__parametrizations__weight__original1=(8, 4))
    assert [role.formula for role in found.values()] == [None, None]


def test_pruning_has_a_mask():
    found = roles(a__weight_orig=(8, 4), a__weight_mask=(8, 4), a__bias_orig=(8,), a__bias_mask=(8,))
    assert [role.name for role in found.values()] == ["dense", "pruning mask", "bias", "pruning mask"]
    assert found["a.weight_orig"].members == ("a.weight_orig", "a.weight_mask")
    assert found["a.weight_orig"].formula == "orig·mask"


@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("q_proj.lora_A.weight", "q_proj.lora_B.weight"),
        ("q_proj.lora_A.default.weight", "q_proj.lora_B.default.weight"),
        ("qkv.lora_A", "qkv.lora_B"),
        ("embed.lora_embedding_A", "embed.lora_embedding_B"),
        ("unet_down_blocks_up_to_q.lora_down.weight", "unet_down_blocks_up_to_q.lora_up.weight"),
        ("to_q_lora.down.weight", "to_q_lora.up.weight"),
    ],
)
def test_lora_is_a_product(down, up):
    first, second = roles_of([(up, (16, 4), "float32"), (down, (4, 8), "float32")])
    assert (first.name, second.name) == ("LoRA B", "LoRA A")
    assert first.members == second.members == (down, up)
    assert first.formula == "B·A"


def test_lora_whose_sizes_do_not_fit_is_no_product():
    assert roles(lora_A=(8, 16), lora_B=(32, 4))["lora_A"].formula is None


def test_quantised_weights_and_their_scales():
    headers = [
        ("gptq.qweight", (2, 8), "int32"),
        ("gptq.scales", (1, 8), "float16"),
        ("gptq.qzeros", (1, 1), "int32"),
        ("eight.weight", (8, 8), "int8"),
        ("eight.SCB", (8,), "float32"),
        ("float8.weight", (8, 8), "float8_e4m3fn"),
        ("float8.weight_scale_inv", (1, 1), "float32"),
        ("other.index", (8, 8), "int64"),
        ("packed.weight_packed", (8, 2), "int32"),
        ("packed.weight_scale", (8, 4), "bfloat16"),
        ("packed.weight_global_scale", (1,), "float32"),
        ("packed.weight_zero_point", (8, 4), "int8"),
        ("other.scales", (8, 8), "float32"),
    ]
    assert [role.name for role in roles_of(headers)] == [
        "quantised weight",
        "quantised scale",
        "quantised scale",
        "quantised weight",
        "quantised scale",
        "dense",
        "quantised scale",
        "not a weight",
        "quantised weight",
        "quantised scale",
        "quantised scale",
        "quantised scale",
        "dense",
    ]


def test_names_beyond_all_measure_are_told_by_shape():
    names = ("embed_" * 20_000, "a." * 20_000 + "weight", "conv" * 20_000 + "_transpose")
    assert [role.name for role in roles_of([(name, (3, 3), "float32") for name in names])] == ["dense"] * 3


def test_each_row_of_the_table_has_a_source():
    assert all(row.source and row.role for row in TABLE)
