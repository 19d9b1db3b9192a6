"""No text of any picture overlaps another or is cut off, and every weight can be found, whatever the network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from folders import log_rows, save
from pictures import crossing_texts, cut_off_texts, written_texts

from nnanim import Animation, OptionError, Run, open_run
from nnanim.options import VIEWS
from nnanim.panels.grid import GridPanel

SIZES = [(9.0, 6.0), (6.0, 4.0), (4.5, 7.0)]
Shapes = dict[str, tuple[int, ...]]


def numbered(blocks: int, parts: Shapes, prefix: str) -> Shapes:
    return {f"{prefix}.{block}.{name}.weight": shape for block in range(blocks) for name, shape in parts.items()}


ATTENTION: Shapes = {f"SelfAttention.{name}": (16, 16) for name in "qkvo"}
FEED: Shapes = {"DenseReluDense.wi": (32, 16), "DenseReluDense.wo": (16, 32)}
LAYERS = {f"layer.0.{name}": shape for name, shape in ATTENTION.items()}
LAYERS |= {f"layer.1.{name}": shape for name, shape in FEED.items()}
NAMES = ["user", "item"]

ARCHITECTURES: dict[str, Shapes] = {
    "dense": {"fc1.weight": (20, 64), "fc2.weight": (10, 20)},
    "convolutions": {
        "conv1.weight": (6, 3, 5, 5),
        "conv2.weight": (16, 6, 5, 5),
        "fc1.weight": (120, 400),
        "fc2.weight": (84, 120),
        "fc3.weight": (10, 84),
    },
    "long names": {
        f"conv{n}.op.weight": (24 if n < 5 else 48, 1 if n == 1 else 24 if n < 6 else 48, 3, 3) for n in range(1, 7)
    }
    | {"fc.op.weight": (10, 48)},
    "encoder and decoder": {
        "shared.weight": (50, 16),
        **numbered(2, LAYERS, "encoder.block"),
        **numbered(2, LAYERS | {"layer.1.EncDecAttention.q": (16, 16)}, "decoder.block"),
    },
    "24 blocks": {
        "transformer.wte.weight": (60, 8),
        **numbered(24, {"attn.c_attn": (24, 8), "attn.c_proj": (8, 8), "mlp.c_fc": (32, 8)}, "transformer.h"),
    },
    "adapter": {
        f"base_model.model.model.layers.{block}.self_attn.{part}_proj.lora_{side}.weight": shape
        for block in range(2)
        for part in "qv"
        for side, shape in (("A", (4, 32)), ("B", (32, 4)))
    },
    "recurrent": {
        "weight_ih_l0": (64, 10),
        "weight_hh_l0": (64, 16),
        "bias_ih_l0": (64,),
        "bias_hh_l0": (64,),
    },
    "towers": {f"{side}_tower.{place}.weight": shape for side in NAMES for place, shape in ((0, (8, 16)), (2, (4, 8)))},
    "down and up": {
        "inc.double_conv.0.weight": (8, 3, 3, 3),
        "inc.double_conv.3.weight": (8, 8, 3, 3),
        "down1.maxpool_conv.1.double_conv.0.weight": (16, 8, 3, 3),
        "down1.maxpool_conv.1.double_conv.3.weight": (16, 16, 3, 3),
        "up1.up.weight": (16, 8, 2, 2),
        "up1.conv.double_conv.0.weight": (8, 16, 3, 3),
        "up1.conv.double_conv.3.weight": (8, 8, 3, 3),
        "outc.conv.weight": (2, 8, 1, 1),
    },
}


def run_of(folder: Path, shapes: Shapes) -> Run:
    """Write three snapshots and a log."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for epoch in range(1, 4):
        arrays = {key: random.normal(size=shape).astype("f4") for key, shape in shapes.items()}
        save(folder / f"net_epoch{epoch}.npz", arrays)
    (folder / "log").write_text(json.dumps(log_rows(3)))
    return open_run(folder)


@pytest.mark.parametrize("view", [*VIEWS, "layers with distributions"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_text_overlaps_another(name: str, view: str, tmp_path: Path) -> None:
    view, distributions = view.partition(" with ")[::2]
    run = run_of(tmp_path / "run", ARCHITECTURES[name])
    for figsize in SIZES:
        if view == "network" and not run.layers:
            with pytest.raises(OptionError, match="view is 'network', but"):
                Animation(run, view=view)
            return
        animation = Animation(run, view=view, figsize=figsize, distributions=bool(distributions))
        frame = animation[1]
        assert len(written_texts(animation, frame)) > 10
        assert list(crossing_texts(animation, frame)) == []
        assert cut_off_texts(animation, frame) == []


@pytest.mark.parametrize("figsize", SIZES)
@pytest.mark.parametrize("view", ["network", "layers", "map", "matrix"])
def test_the_words_of_a_legend_keep_from_its_bar_and_within_its_panel(
    view: str, figsize: tuple[float, float], tmp_path: Path
) -> None:
    animation = Animation(run_of(tmp_path / "run", ARCHITECTURES["dense"]), view=view, figsize=figsize, image="none")
    frame, pixel = animation[1], 0.72
    texts = {each.text: each for each in written_texts(animation, frame)}
    first = texts["weakened" if view in ("network", "matrix") else "shrank"]
    middle = round(len(frame.image) - (first.bottom + first.top) / 2 / pixel)
    right = round(first.right / pixel)
    beside = frame.image[middle - 1 : middle + 2, right + 1 : right + 3]
    assert (beside == 255).all()
    panel = animation._figure.view.part.row
    assert max(each.right for each in texts.values() if "full from" in each.text or "line" in each.text) <= panel.right


@pytest.mark.parametrize("figsize", [*SIZES, (5.0, 6.0)])
def test_blocks_of_rows_are_told_apart_however_short_their_names_get(
    figsize: tuple[float, float], tmp_path: Path
) -> None:
    shapes = {
        f"{side}.block.{block}.layer.0.{name}.weight": (8, 8)
        for side in ("encoder", "decoder")
        for block in range(2)
        for name in ("attention_of_all_heads_beside_each_other.bias", "attention_of_all_heads_beside_each_other.table")
    }
    part = Animation(run_of(tmp_path / "run", shapes), view="layers", figsize=figsize)._figure.view.part
    blocks = [block for block, _ in part.names if block]
    assert len(set(blocks)) == len(blocks) == 4


@pytest.mark.parametrize("distributions", [False, True])
@pytest.mark.parametrize("figsize", SIZES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_weight_can_be_found(
    name: str, figsize: tuple[float, float], distributions: bool, tmp_path: Path
) -> None:
    shapes = ARCHITECTURES[name]
    run = run_of(tmp_path / "run", shapes)
    animation = Animation(run, figsize=figsize, distributions=distributions)
    frame = animation[1]
    texts = [each.text.removeprefix("…") for each in written_texts(animation, frame)]
    weights = {key for key, shape in shapes.items() if len(shape) > 1}
    shown = frame.folded_rows or frame.boxes
    if shown is None:
        assert {layer.key for layer in run.layers} == weights
        named = [layer.name for layer in run.layers]
        assert all(any(text.rstrip("…") and text.rstrip("…") in name for text in texts) for name in named)
        return
    assert {key for row in shown.rows for key in row.keys} == weights
    every = frame.rows.rows if frame.rows is not None else ()
    if isinstance(grid := animation._figure.view, GridPanel):
        told = (f"{len(weights)} weight tensors", f"{len(weights)} tensors")
        assert any(text.startswith(told) for text in texts)
        assert all(any(text and text in column for text in texts) for column in grid._grid.columns)
        return
    for row in shown.rows:
        several = sum(other.keys[0] in row.keys for other in every)
        told = f"{several} tensors" if several > 1 and row.part is None and not row.name else row.name
        assert any(text and (text in f"{told} {row.part or ''}" or told in text) for text in texts), row.title
