"""What a map shows: a box for each weight, arrows only where connections are known, texts that keep apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save
from pictures import SAMPLES, crossing_texts, cut_off_texts, require_engine, written_texts

from nnanim import Animation, Recorder, open_run
from nnanim.design.theme import pick_theme
from nnanim.painting.graphviz_engine import ENGINES, draw
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.map_labels import says
from nnanim.panels.map_panel import MapPanel

THEME = pick_theme("light", "vivid")
SIZES = [(9.0, 6.0), (6.0, 4.0), (4.5, 7.0)]
TOWERS = {
    "policy.0.weight": (6, 4),
    "policy.2.weight": (5, 6),
    "value.0.weight": (6, 4),
    "value.2.weight": (1, 6),
}


def run_of(folder: Path, shapes: dict[str, tuple[int, ...]], growth: dict[str, float] | None = None) -> Path:
    """Write three snapshots in which each weight is multiplied by its growth from one to the next."""
    folder.mkdir()
    random = np.random.default_rng(3)
    first = {key: random.normal(size=shape) for key, shape in shapes.items()}
    for epoch in range(3):
        arrays = {key: (value * (growth or {}).get(key, 1.1) ** epoch).astype("f4") for key, value in first.items()}
        save(folder / f"net_epoch{epoch}.npz", arrays)
    return folder


def map_of(folder: Path, **options: Any) -> Animation:
    return Animation(open_run(folder), view="map", **options)


def panel_of(animation: Animation) -> MapPanel:
    view = animation._figure.view
    assert isinstance(view, MapPanel)
    return view


def many(blocks: int) -> dict[str, tuple[int, ...]]:
    parts = {
        "attn.q_proj": (8, 8),
        "attn.k_proj": (8, 8),
        "attn.o_proj": (8, 8),
        "mlp.fc1": (16, 8),
        "mlp.fc2": (8, 16),
    }
    return {f"model.layers.{n}.{name}.weight": shape for n in range(blocks) for name, shape in parts.items()}


def pairs(animation: Animation) -> set[tuple[str, str]]:
    boxes = animation[0].boxes
    assert boxes is not None
    return {(boxes.rows[tail].keys[0], boxes.rows[head].keys[0]) for tail, head in boxes.arrows}


def test_arrows_are_the_known_connections(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "run", TOWERS))
    assert run.view == "map"
    assert pairs(Animation(run)) == {
        ("policy.0.weight", "policy.2.weight"),
        ("value.0.weight", "value.2.weight"),
    }
    assert pairs(Animation(run)) == {(tail, head) for tail, head, _ in run.connections}


def test_numbers_are_those_of_the_weights(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", TOWERS)
    boxes = map_of(folder)[2].boxes
    assert boxes is not None
    first, last = (dict(np.load(folder / f"net_epoch{epoch}.npz")) for epoch in (0, 2))
    assert sorted(row.keys for row in boxes.rows) == sorted((key,) for key in TOWERS)
    for row, norm, moved in zip(boxes.rows, boxes.norm, boxes.relative_change, strict=True):
        old, new = (arrays[row.keys[0]].astype(float) for arrays in (first, last))
        assert norm == pytest.approx(np.linalg.norm(new), rel=1e-6)
        assert moved == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-6)


def test_a_box_is_filled_by_its_change_and_its_border_tells_growth(tmp_path: Path) -> None:
    growth = {"policy.0.weight": 1.2, "policy.2.weight": 0.8, "value.0.weight": 1.0, "value.2.weight": 1.0}
    animation = map_of(run_of(tmp_path / "run", TOWERS, growth))
    frame = animation[1]
    assert frame.boxes is not None
    place = {row.keys[0]: index for index, row in enumerate(frame.boxes.rows)}
    look = panel_of(animation).look(frame)
    grown, shrunk, still = (look.line_pt[place[key]] for key in list(TOWERS)[:3])
    assert grown > still > shrunk
    assert look.line[place["policy.0.weight"]][0] > look.line[place["policy.0.weight"]][2]
    assert look.line[place["policy.2.weight"]][2] > look.line[place["policy.2.weight"]][0]
    assert tuple(look.line[place["value.0.weight"]]) == THEME.unchanged
    assert tuple(look.fill[place["value.0.weight"]]) == THEME.unmoved
    image, boxes = frame.image, panel_of(animation).part.places.boxes_pt
    for index, (x, y, width, _) in enumerate(boxes):
        column, row = int((x - 0.42 * width) * 100 / 72), image.shape[0] - 1 - int(y * 100 / 72)
        assert np.abs(image[row, column].astype(int) - look.fill[index]).max() <= 2


def test_without_known_connections_there_is_no_arrow_and_it_is_said(tmp_path: Path) -> None:
    shapes = {"left.a.weight": (4, 4), "left.b.weight": (4, 4), "right.a.weight": (4, 4), "right.b.weight": (4, 4)}
    animation = map_of(run_of(tmp_path / "run", shapes))
    assert animation.run.view != "map"
    assert pairs(animation) == set()
    assert "no arrows known" in panel_of(animation).part.remarks
    assert any("the map has no arrows" in note for note in animation.notes)
    assert [name for _, name in panel_of(animation).part.labels.clusters] == ["left", "right"]


def test_frames_json_holds_boxes_for_each_frame_and_arrows_once(tmp_path: Path) -> None:
    map_of(run_of(tmp_path / "run", TOWERS)).write(f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text())
    assert sorted(map(tuple, told["arrows"])) == [("policy.0", "policy.2"), ("value.0", "value.2")]
    names = {box["name"] for box in told["frames"][0]["boxes"]}
    assert {name for arrow in told["arrows"] for name in arrow} <= names
    for frame in told["frames"]:
        assert sorted(key for box in frame["boxes"] for key in box["keys"]) == sorted(TOWERS)
        assert {box["norm"] is not None and box["relative_change"] is not None for box in frame["boxes"]} == {True}


def test_equal_blocks_are_one_with_a_stripe_for_each(tmp_path: Path) -> None:
    shapes = {"embed.weight": (9, 8), **many(30), "head.weight": (9, 8)}
    growth = {key: 1 + 0.01 * int(key.split(".")[2]) for key in shapes if "layers" in key}
    animation = map_of(run_of(tmp_path / "run", shapes, growth), figsize=(6, 4))
    frame, panel = animation[1], panel_of(animation)
    assert frame.boxes is not None
    assert [name for _, name in panel.part.labels.clusters] == ["model.layers.0–29 × 30"]
    place = [row.name for row in frame.boxes.rows].index("mlp.fc1")
    group = frame.boxes.groups[place]
    assert [row.keys for row in group.rows] == [(f"model.layers.{n}.mlp.fc1.weight",) for n in range(30)]
    np.testing.assert_allclose(group.relative_change, [0.01 * n for n in range(30)], rtol=1e-4, atol=1e-7)
    assert pairs(animation) == {("model.layers.0.mlp.fc1.weight", "model.layers.0.mlp.fc2.weight")}
    stripes = panel.look(frame).stripes[place]
    assert tuple(stripes[0]) == THEME.unmoved
    assert len({tuple(stripe) for stripe in stripes}) > 5
    image = frame.image
    x, y, width, height = panel.part.places.boxes_pt[place]
    row = image.shape[0] - 1 - int((y + 0.38 * height) * 100 / 72)
    for index in (2, 15, 27):
        column = int((x - width / 2 + width * (index + 0.5) / 30) * 100 / 72)
        assert np.abs(image[row, column].astype(int) - stripes[index]).max() <= 2
    animation.write(f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text())["frames"][1]["boxes"][place]
    assert [block["relative_change"] for block in told["blocks"]] == group.relative_change.tolist()
    assert told["keys"] == [key for block in told["blocks"] for key in block["keys"]]


def test_every_weight_is_in_a_box_where_boxes_are_folded(tmp_path: Path) -> None:
    shapes = many(30)
    animation = map_of(run_of(tmp_path / "run", shapes), figsize=(6, 4))
    boxes = animation[0].boxes
    assert boxes is not None
    assert len(boxes.rows) < len(shapes)
    assert {key for row in boxes.rows for key in row.keys} == set(shapes)
    assert len({row.title for row in boxes.rows}) == len(boxes.rows)
    assert f"{len(boxes.rows)} boxes" in panel_of(animation).part.remarks


@pytest.mark.parametrize("figsize", SIZES)
@pytest.mark.parametrize("shapes", [TOWERS, many(3), many(14)], ids=["towers", "3 blocks", "14 blocks"])
def test_no_text_overlaps_another(
    figsize: tuple[float, float], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    animation = map_of(run_of(tmp_path / "run", shapes), figsize=figsize)
    boxes = animation[1].boxes
    assert boxes is not None
    texts = [each.text for each in written_texts(animation, animation[1])]
    assert "epoch 1" in texts
    assert len(texts) > len(boxes.rows)
    assert not list(crossing_texts(animation, animation[1]))
    assert not cut_off_texts(animation, animation[1])


@pytest.mark.parametrize("figsize", SIZES)
@pytest.mark.parametrize("shapes", [TOWERS, many(3), many(14)], ids=["towers", "3 blocks", "14 blocks"])
def test_boxes_keep_apart_and_names_keep_inside(
    figsize: tuple[float, float], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    part = panel_of(map_of(run_of(tmp_path / "run", shapes), figsize=figsize)).part
    boxes = part.places.boxes_pt
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    meet = ((low[:, None] < high) & (low < high[:, None])).all(axis=-1)
    assert meet.sum() == len(boxes)  # each meets itself alone
    for lines, (_, _, width, height), top in zip(part.labels.boxes, boxes, high[:, 1], strict=True):
        for _, y, size_pt, text in lines:
            assert wide_pt(text, size_pt, part.style) <= width
            assert top - height <= y - size_pt / 2
            assert y + size_pt / 2 <= top


@pytest.mark.parametrize("engine", ENGINES)
def test_boxes_stay_where_dot_put_them(engine: str, tmp_path: Path) -> None:
    require_engine(engine)
    animation = map_of(run_of(tmp_path / "run", TOWERS), engine=engine)
    part = panel_of(animation).part
    first, last = draw([animation.dot(animation[0]), animation.dot(animation[2])], engine)
    assert first.map is not None
    assert last.map is not None
    assert len(first.map.boxes) == len(TOWERS)
    assert len(first.map.curves) == len(first.map.heads) == 2
    for one, other, (x, y, width, height) in zip(first.map.boxes, last.map.boxes, part.places.boxes_pt, strict=True):
        np.testing.assert_array_equal(one.points_pt, other.points_pt)
        middle = (one.points_pt.min(axis=0) + one.points_pt.max(axis=0)) / 2
        np.testing.assert_allclose(middle, [x, y], atol=1.0)
        np.testing.assert_allclose(np.ptp(one.points_pt, axis=0), [width, height], atol=1.1)
    for curve, (tail, head) in zip(first.map.curves, part.places.arrows, strict=True):
        for end, box in ((curve.points_pt[0], tail), (curve.points_pt[-1], head)):
            reach = np.abs(end - part.places.boxes_pt[box, :2]) - part.places.boxes_pt[box, 2:] / 2
            assert reach.max() < 10


def test_a_page_shows_the_weights_as_rows(tmp_path: Path) -> None:
    page = map_of(run_of(tmp_path / "run", TOWERS)).html()
    assert all(key in page for key in TOWERS)


def test_a_chain_of_few_layers_stays_a_network(tmp_path: Path) -> None:
    shapes = {f"{2 * n}.weight": (5, 5 if n else 4) for n in range(10)}
    short = dict(list(shapes.items())[:8])
    assert open_run(run_of(tmp_path / "short", short)).view == "network"
    long = run_of(tmp_path / "long", shapes)
    assert open_run(long).view == "map"
    assert open_run(long, layers=list(shapes)).view == "network"


def test_joins_of_a_recording_are_drawn(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    random = np.random.default_rng(0)
    for epoch in (1, 2):
        arrays = {f"{name}.weight": random.normal(size=(4, 4)).astype("f4") for name in ("stem", "conv", "head")}
        recorder.record(arrays, epoch=epoch)
    arrows = [["stem", "conv"], ["stem", "~1"], ["conv", "~1"], ["~1", "head"], ["head", "~2"]]
    named = [[end if end.startswith("~") else f"{end}.weight" for end in arrow] for arrow in arrows]
    content = {"version": 1, "arrows": named, "joins": {"~1": "sum", "~2": "sum"}, "inputs": [], "outputs": []}
    (tmp_path / "run" / "connections.json").write_text(json.dumps(content))
    animation = map_of(tmp_path / "run")
    part = panel_of(animation).part
    assert [lines[0][3] for lines in part.labels.boxes] == ["stem", "conv", "head", "+"]
    assert set(part.places.arrows) == {(0, 1), (0, 3), (1, 3), (3, 2)}
    assert pairs(animation) == {
        ("stem.weight", "conv.weight"),
        ("stem.weight", "head.weight"),
        ("conv.weight", "head.weight"),
    }
    assert animation[0].image.shape == (600, 900, 3)


@pytest.mark.parametrize("count", [5, 8, 14])
def test_boxes_without_arrows_stand_in_the_models_order(count: int, tmp_path: Path) -> None:
    names = ["stem", "branch1x1", "branch3x3_1", "branch3x3_2", "branch5x5_1", "branch5x5_2", "branch_pool", "head"]
    names = [f"{name}_{'x' * (5 * index % 7)}" for index, name in enumerate([*names, *names])][:count]
    shapes = {f"{name}{index}.weight": (4, 4, 1, 1) for index, name in enumerate(names)}
    animation = map_of(run_of(tmp_path / "run", shapes))
    assert pairs(animation) == set()
    boxes = panel_of(animation).part.places.boxes_pt
    shown = animation[0].boxes
    assert shown is not None
    keys = [row.keys[0] for row in animation.run.weight_rows]
    order = [keys.index(row.keys[0]) for row in shown.rows]
    assert order == sorted(order)
    x, y = boxes[:, :2].round().T
    by_column = np.lexsort((-y, x)).tolist()
    by_row = np.lexsort((x, -y)).tolist()
    assert list(range(count)) in (by_column, by_row)


def test_a_map_is_the_default_only_where_nearly_all_is_known(tmp_path: Path) -> None:
    shapes = {f"left.{2 * n}.weight": (4, 4) for n in range(9)}
    apart = {"left_head.weight": (7, 3), "right_head.weight": (7, 3)}
    one = open_run(run_of(tmp_path / "one", shapes | dict([*apart.items()][:1])))
    both = open_run(run_of(tmp_path / "both", shapes | apart))
    assert (one.view, both.view) == ("map", "layers")


def test_modules_without_arrows_between_them_stand_in_the_models_order(tmp_path: Path) -> None:
    modules = [f"part{number}{'x' * (3 * number % 5)}" for number in range(7)]
    shapes = {f"{name}.{part}.weight": (5, 5) for name in modules for part in ("q_proj", "k_proj")}
    part = panel_of(map_of(run_of(tmp_path / "run", shapes))).part
    names = [name for _, name in part.labels.clusters]
    assert names == modules
    left, _, _, top = part.places.clusters_pt.round().T
    assert len(np.unique(top)) > 1  # in several lines, for larger texts
    assert np.lexsort((-top, left)).tolist() == list(range(len(modules)))
    x, y = part.places.boxes_pt[:, :2].round().T
    for first in range(0, len(shapes), 2):  # in a module from left to right, or from above to below
        assert (x[first + 1], -y[first + 1]) > (x[first], -y[first])


def test_a_role_is_not_written_below_a_name_that_says_it() -> None:
    animation = Animation(open_run(SAMPLES / "residual"), view="map")
    texts = [each.text for each in written_texts(animation, animation[0])]
    assert texts.count("shortcut") == 1
    assert texts.count("convolution") == 5
    assert [says(name, "dense") for name in ("dense", "dense_1", "Dense2", "fc", "dense_head")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("view", "told"), [("map", True), ("layers", True), ("matrix", False)])
def test_that_norms_have_no_sign_is_told(view: str, told: bool) -> None:
    run = open_run(SAMPLES / "residual")
    notes = Animation(run, view=view, color="sign", max_frames=2).notes
    assert any("norms changed, which have no sign" in note for note in notes) == told
    assert not any("no sign" in note for note in Animation(run, view=view, max_frames=2).notes)
