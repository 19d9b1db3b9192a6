"""Rows of many blocks as a grid: each weight in one cell, numbers of the weights, colours where they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import log_rows, save
from pictures import color_at, crossing_texts, cut_off_texts, written_texts

from nnanim import Animation, open_run
from nnanim.design.theme import pick_theme
from nnanim.frames.block_grid import BlockGrid, make_grid
from nnanim.model.weight_rows import Row
from nnanim.panels.grid import GridPanel

THEME = pick_theme("light", "vivid")
PARTS = {
    "self_attn.q_proj": (8, 8),
    "self_attn.k_proj": (4, 8),
    "self_attn.v_proj": (4, 8),
    "self_attn.o_proj": (8, 8),
    "mlp.gate_proj": (16, 8),
    "mlp.up_proj": (16, 8),
    "mlp.down_proj": (8, 16),
}


FUSED = {"attn.c_attn": (24, 8), "attn.c_proj": (8, 8), "mlp.c_fc": (8, 32), "mlp.c_proj": (32, 8)}


def run_of(folder: Path, blocks: int, parts: dict[str, tuple[int, int]] = PARTS) -> Path:
    """Write three snapshots of a transformer in which block b grows by b / 100 a snapshot, and nothing else moves."""
    folder.mkdir()
    random = np.random.default_rng(0)
    shapes = {"model.embed_tokens.weight": (20, 8)}
    shapes |= {f"model.layers.{b}.{name}.weight": shape for b in range(blocks) for name, shape in parts.items()}
    shapes |= {"lm_head.weight": (20, 8)}
    first = {key: random.normal(size=shape).astype("f4") for key, shape in shapes.items()}
    for epoch in range(3):
        grown = {
            key: value * (1 + int(key.split(".")[2]) / 100 * epoch if "layers" in key else 1.0)
            for key, value in first.items()
        }
        save(folder / f"net_epoch{epoch + 1}.npz", {key: value.astype("f4") for key, value in grown.items()})
    (folder / "log").write_text(json.dumps(log_rows(3)))
    return folder


def grid_of(animation: Animation) -> tuple[GridPanel, BlockGrid]:
    panel = animation._figure.view
    assert isinstance(panel, GridPanel)
    return panel, panel._grid


def row(name: str, block: str = "", role: str = "dense", part: str | None = None) -> Row:
    return Row(name, block, role, (f"{block}.{name}.{part}",), part)


@pytest.mark.parametrize("blocks", [12, 32, 80])
def test_each_weight_is_in_one_cell(blocks: int, tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "run", blocks))
    _, grid = grid_of(Animation(run, view="layers"))
    assert grid.columns == ("q", "k", "v", "out", "gate", "up", "down")
    assert grid.blocks == blocks
    assert [line.name for line in grid.lines] == ["model.embed_tokens", *map(str, range(blocks)), "lm_head"]
    inside = sorted(index for line in grid.lines for cell in line.cells for index in cell)
    assert inside == list(range(len(run.weight_rows)))


def test_numbers_are_those_of_the_weights(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", 12)
    frame = Animation(open_run(folder), view="layers")[2]
    assert frame.folded_rows is not None
    first, last = (dict(np.load(folder / f"net_epoch{epoch}.npz")) for epoch in (1, 3))
    shown = frame.folded_rows
    for each, norm, moved in zip(shown.rows, shown.norm, shown.relative_change, strict=True):
        old, new = (
            np.concatenate([arrays[key].ravel().astype(float) for key in each.keys]) for arrays in (first, last)
        )
        assert norm == pytest.approx(np.linalg.norm(new), rel=1e-6)
        assert moved == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-6, abs=1e-12)
    assert len(shown.rows) == 12 * 7 + 2 + 14  # the cells, then the lines
    assert {key for each in shown.rows for key in each.keys} == set(first)


def test_a_cell_has_the_colour_of_its_change(tmp_path: Path) -> None:
    animation = Animation(open_run(run_of(tmp_path / "run", 32)), view="layers")
    panel, grid = grid_of(animation)
    frame, image = animation[2], animation[2].image
    look = panel.look(frame)
    for (left, bottom, width, height), color in zip(panel.part.cells_pt, look.cells, strict=True):
        middle = np.array([left + width / 2, 432 - bottom - height / 2]) / 0.72
        assert (color_at(image, middle) == color).all()
    assert tuple(look.cells[0]) == tuple(look.cells[-1]) == tuple(look.cells[1]) == THEME.unmoved
    assert tuple(look.cells[-2]) == THEME.moved
    assert look.thickness[-2] > look.thickness[1]
    assert (panel.look(animation[0]).cells == THEME.unmoved).all()
    assert len(grid.lines) == len(look.thickness)


@pytest.mark.parametrize("blocks", [12, 40, 80])
@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_texts_keep_apart_and_tell_blocks_and_kinds(blocks: int, figsize: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(run_of(tmp_path / "run", blocks)), view="layers", figsize=figsize)
    _, grid = grid_of(animation)
    texts = [each.text for each in written_texts(animation, animation[1])]
    assert list(crossing_texts(animation, animation[1])) == []
    assert cut_off_texts(animation, animation[1]) == []
    assert {"q", "k", "v"} <= set(texts)
    assert any(f"{2 + 7 * blocks} weight tensors" in text or f"{2 + 7 * blocks} tensors" in text for text in texts)
    assert any(text.startswith("model.layers ") for text in texts)
    assert len(grid.lines) == blocks + 2


def test_parts_of_a_fused_weight_are_no_tensors(tmp_path: Path) -> None:
    animation = Animation(open_run(run_of(tmp_path / "run", 12, FUSED)), view="layers")
    panel, grid = grid_of(animation)
    assert {"q", "k", "v"} <= set(grid.columns)
    assert panel.part.remarks[0].startswith(f"{2 + 4 * 12} weight tensors ·")


def test_all_lines_are_as_high(tmp_path: Path) -> None:
    panel, _ = grid_of(Animation(open_run(run_of(tmp_path / "run", 80)), view="layers", figsize=(4.5, 7)))
    bottoms_px = panel.part.cells_pt[:, 1] / 0.72
    np.testing.assert_allclose(bottoms_px, bottoms_px.round(), atol=1e-6)
    assert len(set(panel.part.cells_pt[:, 3].round(6).tolist())) == 1


def test_experts_share_a_cell_and_parts_have_their_own() -> None:
    rows = [
        each
        for block in range(4)
        for each in (
            row("attn.c_attn", f"h.{block}", "attention query", "query"),
            row("attn.c_attn", f"h.{block}", "attention key", "key"),
            row("moe.gate", f"h.{block}", "MLP gate"),
            row("w1", f"h.{block}.moe.experts.0", "MLP gate"),
            row("w1", f"h.{block}.moe.experts.1", "MLP gate"),
        )
    ]
    grid = make_grid(rows)
    assert grid is not None
    assert grid.columns == ("q", "k", "gate", "w1")
    assert [line.cells for line in grid.lines][1] == ((5,), (6,), (7,), (8, 9))


def test_what_has_no_blocks_or_too_many_kinds_is_no_grid() -> None:
    assert make_grid([row(f"fc{n}") for n in range(60)]) is None
    assert make_grid([row(f"part{n}", f"h.{block}") for block in range(8) for n in range(17)]) is None
    assert make_grid([row("fc", f"h.{block}") for block in range(3)]) is None


def test_few_rows_stay_rows_over_time(tmp_path: Path) -> None:
    assert not isinstance(Animation(open_run(run_of(tmp_path / "run", 4)), view="layers")._figure.view, GridPanel)


def test_a_strip_below_a_cell_is_thick_and_red_where_the_norm_grew_and_thin_and_blue_where_it_shrank(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    first = {f"layers.{b}.{name}.weight": random.normal(size=(8, 8)) for b in range(12) for name in "abcdefgh"}
    up = {"a": 1.5, "b": 0.5, "c": 1.0}
    (folder := tmp_path / "run").mkdir()
    for epoch in (0, 1):
        grown = {key: value * up.get(key.split(".")[2], 1.1) ** epoch for key, value in first.items()}
        save(folder / f"net_epoch{epoch}.npz", {key: value.astype("f4") for key, value in grown.items()})
    animation = Animation(open_run(folder), view="layers", ending="change")
    panel, grid = grid_of(animation)
    assert grid.columns[:3] == ("a", "b", "c")
    part, image = panel.part, animation[1].image
    assert part.strips_pt is not None
    look = panel.look(animation[1])
    assert look.norms[0] == pytest.approx(1.0)
    assert 0 < look.norms[1] < 0.2
    assert look.norms[2] == 0  # what has not moved has none
    assert (panel.look(animation[0]).norms == 0).all()
    colors = [THEME.strengthened, THEME.weakened]
    height_pt = 72 * image.shape[0] / 100
    for cell, color in enumerate(colors):
        left, bottom, width, height = part.strips_pt[cell]
        assert bottom + height == pytest.approx(part.cells_pt[cell, 1])
        x = int((left + width / 2) / 0.72)
        thick = round(look.norms[cell] * height / 0.72)
        top = round((height_pt - bottom - height) / 0.72)
        column = image[top : top + round(height / 0.72) + 1, x]
        assert (column == color).all(axis=-1).sum() == max(thick, 1)


@pytest.mark.parametrize("blocks", [32, 80])
def test_low_lines_have_no_strips(blocks: int, tmp_path: Path) -> None:
    panel, _ = grid_of(Animation(open_run(run_of(tmp_path / "run", blocks)), view="layers"))
    assert panel.part.strips_pt is None


def test_an_svg_can_move_a_grid_with_strips_and_hills(tmp_path: Path) -> None:
    animation = Animation(open_run(run_of(tmp_path / "run", 12)), distributions=True)
    panel, _ = grid_of(animation)
    assert panel.part.strips_pt is not None
    assert panel.part.hills is not None
    animation.write(tmp_path / "grid.svg")
    assert (tmp_path / "grid.svg").stat().st_size > 10_000
