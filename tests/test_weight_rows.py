"""Rows of weights: names, blocks, parts, and that none is left out or told twice."""

from __future__ import annotations

import numpy as np
import pytest

from nnanim.frames.row_sums import take
from nnanim.model.formulas import make
from nnanim.model.weight_rows import Row, rows_of

Shapes = dict[str, tuple[int, ...]]

MODELS: dict[str, tuple[str, Shapes, list[str]]] = {
    "sequential": ("pytorch", {"0.weight": (8, 4), "0.bias": (8,), "2.weight": (3, 8)}, ["|0", "|2"]),
    "ResNet": (
        "pytorch",
        {
            "conv1.weight": (8, 3, 7, 7),
            "layer1.0.conv1.weight": (8, 8, 3, 3),
            "layer1.0.conv2.weight": (8, 8, 3, 3),
            "layer1.0.downsample.0.weight": (8, 8, 1, 1),
            "fc.weight": (10, 8),
        },
        ["|conv1", "layer1.0|conv1", "layer1.0|conv2", "layer1.0|downsample.0", "|fc"],
    ),
    "T5": (
        "pytorch",
        {
            "module.encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8),
            "module.encoder.block.0.layer.0.SelfAttention.k.weight": (8, 8),
            "module.encoder.block.0.layer.0.SelfAttention.v.weight": (8, 8),
            "module.encoder.block.0.layer.1.DenseReluDense.wi.weight": (16, 8),
            "module.encoder.block.0.layer.1.DenseReluDense.wo.weight": (8, 16),
        },
        [
            "encoder.block.0.layer.0|SelfAttention.q",
            "encoder.block.0.layer.0|SelfAttention.k",
            "encoder.block.0.layer.0|SelfAttention.v",
            "encoder.block.0.layer.1|DenseReluDense.wi",
            "encoder.block.0.layer.1|DenseReluDense.wo",
        ],
    ),
    "a nested part of one layer is no block": (
        "pytorch",
        {"features.1.conv.0.0.weight": (8, 1, 3, 3), "features.1.conv.1.weight": (4, 8, 1, 1)},
        ["features.1|conv.0.0", "features.1|conv.1"],
    ),
    "fused": (
        "pytorch",
        {"h.0.attn.c_attn.weight": (8, 24), "h.0.attn.c_attn.bias": (24,), "h.0.attn.c_proj.weight": (8, 8)},
        ["h.0|attn.c_attn|query", "h.0|attn.c_attn|key", "h.0|attn.c_attn|value", "h.0|attn.c_proj"],
    ),
    "Keras": (
        "keras",
        {
            "layers/separable_conv2d/vars/0": (3, 3, 8, 1),
            "layers/separable_conv2d/vars/1": (1, 1, 8, 8),
            "layers/gru/cell/vars/0": (5, 24),
            "layers/gru/cell/vars/1": (8, 24),
            "layers/gru/cell/vars/2": (2, 24),
            "layers/dense/vars/0": (8, 3),
        },
        [
            "separable_conv2d|depthwise",
            "separable_conv2d|pointwise",
            *(f"gru.cell|input|{gate}" for gate in ("update gate", "reset gate", "candidate")),
            *(f"gru.cell|recurrent|{gate}" for gate in ("update gate", "reset gate", "candidate")),
            "gru.cell|bias",
            "|dense",
        ],
    ),
    "Chainer": (
        "chainer",
        {
            "updater/model:main/predictor/l10/W": (3, 5),
            "updater/model:main/predictor/l10/b": (3,),
            "updater/model:main/predictor/l2/W": (5, 4),
        },
        ["|l2", "|l10"],
    ),
}


def headers_of(shapes: Shapes, dtype: str = "float32") -> list[tuple[str, tuple[int, ...], str]]:
    return [(key, shape, dtype) for key, shape in shapes.items()]


def told(row: Row) -> str:
    return "|".join(filter(None, (f"{row.block}|{row.name}", row.part)))


@pytest.mark.parametrize(("convention", "shapes", "expected"), MODELS.values(), ids=list(MODELS))
def test_names_and_blocks(convention: str, shapes: Shapes, expected: list[str]):
    assert [told(row) for row in rows_of(headers_of(shapes), convention)] == expected


@pytest.mark.parametrize(("convention", "shapes"), [model[:2] for model in MODELS.values()], ids=list(MODELS))
def test_every_number_of_two_axes_or_more_is_in_one_row(convention: str, shapes: Shapes):
    counts = {key: np.zeros(shape, int) for key, shape in shapes.items() if len(shape) > 1}
    for row in rows_of(headers_of(shapes), convention):
        for key in row.keys:
            part = take(counts[key], row.slice)
            part += 1
    assert all((count == 1).all() for count in counts.values())


def test_gains_masks_and_adapters_are_in_the_row_of_what_they_make():
    shapes = {
        "a.parametrizations.weight.original0": (8, 1),
        "a.parametrizations.weight.original1": (8, 4),
        "b.weight_orig": (8, 8),
        "b.weight_mask": (8, 8),
        "c.lora_A.weight": (2, 8),
        "c.lora_B.weight": (5, 2),
    }
    rows = rows_of(headers_of(shapes))
    keys = list(shapes)
    assert rows == (
        Row("a", "", "dense", tuple(keys[:2]), formula="g·v/‖v‖"),
        Row("b", "", "dense", tuple(keys[2:4]), formula="orig·mask"),
        Row("c.lora", "", "LoRA adapter", tuple(keys[4:]), formula="B·A"),
    )
    arrays = {key: np.ones(shape, np.float32) for key, shape in shapes.items()}
    assert [make(row.formula, [arrays[key] for key in row.keys]).shape for row in rows] == [(8, 4), (8, 8), (5, 8)]


def test_parts_have_their_own_roles_and_lie_along_the_axes_of_the_file():
    rows = rows_of(headers_of({"attn.qkv.weight": (24, 8), "attn.proj.weight": (8, 8)}))
    assert [(row.role, row.slice) for row in rows] == [
        ("attention query", (0, 0, 8)),
        ("attention key", (0, 8, 16)),
        ("attention value", (0, 16, 24)),
        ("attention output", None),
    ]


def test_a_gate_that_is_a_whole_tensor_has_no_slice():
    shapes = {f"0/w{n}": (6, 4) for n in range(8)} | {f"0/b{n}": (6,) for n in range(8)}
    rows = rows_of(headers_of(shapes), "chainer")
    assert [row.part for row in rows[:4]] == ["input gate", "forget gate", "cell", "output gate"]
    assert {row.slice for row in rows} == {None}


def test_whole_numbers_and_scales_have_no_row():
    headers = [
        ("a.qweight", (2, 8), "int32"),
        ("a.scales", (1, 8), "float16"),
        ("mask", (4, 4), "bool"),
        ("b.weight", (8, 8), "bfloat16"),
    ]
    assert [row.keys for row in rows_of(headers)] == [("b.weight",)]


def test_where_the_file_has_no_order_blocks_and_roles_have_one():
    names = [
        "decoder.layers.0.self_attn.k_proj",
        "decoder.layers.0.self_attn.q_proj",
        "decoder.layers.0.self_attn.v_proj",
        "encoder.layers.10.fc",
        "encoder.layers.10.other",
        "encoder.layers.2.fc",
        "encoder.layers.2.shortcut",
        "encoder.layers.2.zoom",
        "lm_head",
        "zeta_embedding",
    ]
    rows = rows_of(headers_of({f"{name}.weight": (8, 8) for name in names}), is_ordered=False)
    assert [row.title for row in rows] == [
        "zeta_embedding",
        "encoder.layers.2.fc",
        "encoder.layers.2.zoom",
        "encoder.layers.2.shortcut",
        "encoder.layers.10.fc",
        "encoder.layers.10.other",
        "decoder.layers.0.self_attn.q_proj",
        "decoder.layers.0.self_attn.k_proj",
        "decoder.layers.0.self_attn.v_proj",
        "lm_head",
    ]


def test_rows_that_would_have_the_same_name_are_called_as_in_the_file():
    rows = rows_of(headers_of({"a.weight": (8, 4), "a.kernel": (4, 8), "b.weight": (3, 8)}))
    assert [row.title for row in rows] == ["a.weight", "a.kernel", "b"]
