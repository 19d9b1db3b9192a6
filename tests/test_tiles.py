"""Pictures of the weights from an image: which networks have them, which weight is where, what takes their place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import log_rows, save
from pictures import SAMPLES, color_at, crossing_texts, cut_off_texts, require_engine

from nnanim import Animation, OptionError, open_run
from nnanim.design.theme import pick_theme
from nnanim.encoders.places import noting
from nnanim.frames.frame import Tiles
from nnanim.frames.tiles import TilePlan, is_learned_as_image, plan_tiles
from nnanim.model.layers import LayerHeader
from nnanim.options import Options
from nnanim.painting.graphviz_engine import ENGINES, draw
from nnanim.panels.network import NetworkPanel
from nnanim.panels.tiles import TilePlaces

DIGITS = SAMPLES / "digits"
THEME = pick_theme("light", "vivid")
Arrays = dict[str, np.ndarray]


def folder_of(folder: Path, *snapshots: Arrays) -> Path:
    folder.mkdir()
    for epoch, arrays in enumerate(snapshots, start=1):
        save(folder / f"net_epoch{epoch}.npz", {key: np.asarray(value, "f4") for key, value in arrays.items()})
    (folder / "log").write_text(json.dumps(log_rows(len(snapshots))))
    return folder


def dense(inputs: int, hidden: int = 5, seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    return {
        "fc1.weight": random.normal(size=(hidden, inputs)),
        "fc1.bias": random.normal(size=hidden),
        "fc2.weight": random.normal(size=(3, hidden)),
    }


def animated(path: Path, **options: Any) -> Animation:
    return Animation(open_run(path), **options)


def tiles_of(animation: Animation, index: int = -2) -> Tiles:
    tiles = animation[index].tiles
    assert tiles is not None
    return tiles


def places_of(animation: Animation) -> tuple[TilePlaces, np.ndarray]:
    """Return the sizes of pictures, and the middles of all of them in pixels from the upper left corner."""
    panel = animation._figure.view
    assert isinstance(panel, NetworkPanel)
    assert panel.part.nodes.tiles is not None
    return panel.part.nodes.tiles, animation.node_centers_px[1]


def cell_px(animation: Animation, unit: int, row: int, column: int) -> np.ndarray:
    """Return the middle of a cell in pixels."""
    tiles, middles = places_of(animation)
    height_px = animation.size_px[1]
    x, y = middles[unit]
    left, bottom = (x * 0.72 - tiles.box_pt[0] / 2, (height_px - y) * 0.72 - tiles.box_pt[1] / 2)
    across, up = tiles.edges_pt(left, bottom, 100.0)
    up = up[::-1]
    return np.array([across[column].mean() / 0.72, height_px - up[row].mean() / 0.72])


def test_the_digits_have_a_picture_of_8_by_8_weights_for_each_unit() -> None:
    animation = animated(DIGITS)
    frame, tiles = animation[5], tiles_of(animation, 5)
    layers = open_run(DIGITS).snapshots[5].read()
    assert (tiles.layer, tiles.image, tiles.size) == ("l1", (8, 8, 1), (8, 8, 1))
    np.testing.assert_array_equal(tiles.value, layers[0].weight[tiles.units].reshape(-1, 8, 8))
    first = open_run(DIGITS).snapshots[0].read()[0].weight
    grown = (np.abs(layers[0].weight) - np.abs(first))[tiles.units].reshape(-1, 8, 8)
    np.testing.assert_allclose(tiles.change, grown, atol=1e-7)
    assert set(frame.edges.layer.tolist()) == {1}  # none is drawn from the image
    assert set(frame.nodes.layer.tolist()) == {1, 2}
    assert set(frame.edges.tail.tolist()) <= set(tiles.units.tolist())


def test_a_cell_has_the_colour_of_its_weight(tmp_path: Path) -> None:
    one, two = dense(64), dense(64)
    two["fc1.weight"] = one["fc1.weight"].copy()
    two["fc1.weight"][3, 2 * 8 + 6] *= 9  # row 2, column 6 of unit 3
    two["fc1.weight"][1, 7 * 8 + 0] *= 0.01
    animation = animated(folder_of(tmp_path / "run", one, two), image="8x8")
    tiles, image = tiles_of(animation, 1), animation[1].image
    for unit in range(5):
        for row in range(8):
            for column in range(8):
                seen = color_at(image, cell_px(animation, unit, row, column))
                assert np.abs(seen - tiles.color[unit, row, column]).max() <= 1
    assert tuple(tiles.color[3, 2, 6]) == THEME.strengthened
    assert tiles.color[1, 7, 0][2] > tiles.color[1, 7, 0][0]
    same = np.delete(tiles.color.reshape(-1, 3), [3 * 64 + 22, 64 + 56], axis=0)
    assert (same == THEME.unchanged).all()
    image = animation[0].image
    assert (color_at(image, cell_px(animation, 3, 2, 6)) == THEME.unchanged).all()


def test_the_end_is_in_ink_by_size_and_sign_has_two_colours(tmp_path: Path) -> None:
    one = dense(64)
    one["fc1.weight"][0, 0], one["fc1.weight"][0, 1], one["fc1.weight"][0, 2] = 0.0, 50.0, -50.0
    folder = folder_of(tmp_path / "run", one, one)
    ink = tiles_of(animated(folder, image="8x8"), -1).color[0, 0]
    assert tuple(ink[0]) == THEME.unmoved
    assert tuple(ink[1]) == tuple(ink[2]) == THEME.ink
    sign = tiles_of(animated(folder, image="8x8", color="sign"), -1).color[0, 0]
    assert [tuple(color) for color in sign[:3]] == [THEME.unchanged, THEME.positive, THEME.negative]


def test_channels_stand_side_by_side() -> None:
    weight = np.arange(2 * 12).reshape(2, 12)
    first = TilePlan((2, 2, 3), (2, 2, 3), channels_last=False).pictures(weight)
    last = TilePlan((2, 2, 3), (2, 2, 3), channels_last=True).pictures(weight)
    assert first[0].tolist() == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    assert last[0].tolist() == [[0, 3, 1, 4, 2, 5], [6, 9, 7, 10, 8, 11]]
    assert last[1, 0, 0] == 12


def test_the_channels_of_a_pixel_stand_together_where_the_framework_flattens_so() -> None:
    first = LayerHeader(name="fc", key="fc.weight", shape=(5, 12))
    for convention, is_last in (("keras", True), ("pytorch", False), ("chainer", False)):
        plan = plan_tiles([], first, Options(image="2x2x3"), convention)
        assert plan == TilePlan((2, 2, 3), (2, 2, 3), channels_last=is_last)


def test_a_first_convolution_shows_its_kernels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "conv1.weight": random.normal(size=(6, 3, 5, 4)),
        "conv2.weight": random.normal(size=(4, 6, 3, 3)),
    }
    animation = animated(folder_of(tmp_path / "run", arrays, arrays))
    tiles = tiles_of(animation)
    assert (tiles.size, tiles.image) == ((5, 4, 3), (0, 0, 3))
    wanted = arrays["conv1.weight"].astype("f4").transpose(0, 2, 1, 3).reshape(6, 5, 12)
    np.testing.assert_array_equal(tiles.value, wanted[tiles.units])
    many = {"conv1.weight": random.normal(size=(6, 5, 3, 3)), "conv2.weight": random.normal(size=(4, 6, 3, 3))}
    points = {"conv1.weight": random.normal(size=(6, 3, 1, 1)), "conv2.weight": random.normal(size=(4, 6, 3, 3))}
    for name, others in (("many", many), ("points", points)):
        assert animated(folder_of(tmp_path / name, others, others))[0].tiles is None


def test_what_is_no_image_has_edges(tmp_path: Path) -> None:
    for inputs in (64, 256, 100, 4, 16, 65):
        folder = folder_of(tmp_path / str(inputs), dense(inputs), dense(inputs, seed=1))
        frame = animated(folder)[0]
        assert frame.tiles is None
        assert 0 in frame.edges.layer
    assert animated(folder_of(tmp_path / "784", dense(784), dense(784)))[0].tiles is not None


def test_neighbouring_pixels_are_alike_along_rows_and_columns() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=(8, 10, 10))
    smooth = sum(np.roll(noise, shift, axis) for shift in range(3) for axis in (1, 2))
    assert is_learned_as_image(np.reshape(smooth, (8, 100)), 10)
    assert not is_learned_as_image(noise.reshape(8, 100), 10)
    only_rows = sum(np.roll(noise, shift, 2) for shift in range(3))
    assert not is_learned_as_image(np.reshape(only_rows, (8, 100)), 10)
    series = np.cumsum(random.normal(size=(8, 100)), axis=1)  # a smooth curve has no rows
    assert not is_learned_as_image(series, 10)
    assert not is_learned_as_image(np.zeros((8, 100)), 10)


def test_none_and_labels_turn_pictures_off() -> None:
    assert animated(DIGITS, image="none")[0].tiles is None
    assert animated(DIGITS, input_labels=[f"p{place}" for place in range(64)])[0].tiles is None


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("9x9", "image is '9x9', which has 81 values, but layer 'l1' takes in 64"),
        ("8", "image is '8': it must be height x width"),
        ("0x64", "image is '0x64': it must be height x width"),
    ],
)
def test_other_sizes_are_refused(image: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        animated(DIGITS, image=image)


def test_labels_and_an_image_contradict_each_other() -> None:
    with pytest.raises(OptionError, match="image and input_labels"):
        Options(image="8x8", input_labels=["a"])


def test_frames_json_holds_the_pictures(tmp_path: Path) -> None:
    animation = animated(DIGITS, max_frames=2)
    animation.write(f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text())["frames"][1]["tiles"]
    tiles = tiles_of(animation, 1)
    assert (told["layer"], told["image"], told["size"]) == ("l1", [8, 8, 1], [8, 8, 1])
    assert told["units"] == tiles.units.tolist()
    np.testing.assert_array_equal(np.array(told["value"], "f4"), tiles.value)
    np.testing.assert_array_equal(np.array(told["change"], "f4"), tiles.change)


def test_the_image_of_a_convolution_claims_no_number_of_pixels(tmp_path: Path) -> None:
    def shades(animation: Animation) -> int:
        """Count the colours within the input's image."""
        x, y = animation.node_centers_px[0][0].round().astype(int)
        return len(np.unique(animation[0].image[y - 30 : y + 30, x - 30 : x + 30].reshape(-1, 3), axis=0))

    random = np.random.default_rng(0)
    arrays = {"conv1.weight": random.normal(size=(6, 1, 3, 3)), "conv2.weight": random.normal(size=(4, 6, 3, 3))}
    folder = folder_of(tmp_path / "run", arrays, arrays)
    assert shades(animated(folder)) == 1
    assert shades(animated(folder, image="8x8x1")) > 1


def legend_of(animation: Animation) -> tuple[str, str]:
    panel = animation._figure.view
    assert isinstance(panel, NetworkPanel)
    assert panel.part.legend is not None
    return panel.part.legend.legend.ramp_print, panel.part.legend.legend.samples_print


def test_the_legend_tells_of_ink_where_there_is_some() -> None:
    assert "tile in ink: |weight| to 0.5" in legend_of(animated(DIGITS))[1]
    assert "ink" not in legend_of(animated(DIGITS, ending="change"))[1]
    assert "ink" not in legend_of(animated(DIGITS, color="sign"))[1]


def test_the_legend_of_signs_is_that_of_tiles_where_all_edges_are_norms() -> None:
    animation = animated(SAMPLES / "convolutions", color="sign")
    assert (animation[-1].edges.color == THEME.unchanged).all()
    assert re.fullmatch(r"tile, full from ±[0-9.]+ · norms are grey", legend_of(animation)[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_pictures_are_boxes_in_the_drawing(engine: str) -> None:
    require_engine(engine)
    animation = animated(DIGITS, engine=engine)
    tiles, middles = places_of(animation)
    (drawing,) = draw([animation.dot(animation[3])], engine)
    boxes = drawing.rectangles_pt
    assert len(boxes) == len(middles) + 1  # the image is the last
    np.testing.assert_allclose(boxes[:-1, 2:], np.tile(tiles.box_pt, (len(middles), 1)), atol=0.02)
    np.testing.assert_allclose(boxes[:-1, 0] + boxes[:-1, 2] / 2, middles[:, 0] * 0.72, atol=0.02)
    starts = drawing.segments_pt[:, 0, 0]
    np.testing.assert_allclose(starts, boxes[0, 0] + boxes[0, 2], atol=0.02)  # edges begin at their right sides


@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_texts_keep_apart_and_pictures_too(figsize: Any, tmp_path: Path) -> None:
    linear = {"out.weight": np.random.default_rng(0).normal(size=(10, 64))}
    chain = {f"fc{n}.weight": np.ones((24, 784 if n == 1 else 24)) for n in range(1, 7)}
    for name, arrays, image in (("linear", linear, "8x8"), ("chain", chain, "28x28")):
        animation = animated(folder_of(tmp_path / name, arrays, arrays), figsize=figsize, image=image)
        assert list(crossing_texts(animation, animation[0])) == []
        assert cut_off_texts(animation, animation[0]) == []
        tiles, middles = places_of(animation)
        apart = np.abs(middles[:, None] - middles) * 0.72 >= np.array(tiles.box_pt) - 0.01
        assert (apart.any(axis=-1) | np.eye(len(middles), dtype=bool)).all()


def test_stills_a_page_and_a_moving_svg_are_written(tmp_path: Path) -> None:
    animation = animated(DIGITS, max_frames=2)
    for name in ("still.svg", "still.pdf"):
        animation.write_still(tmp_path / name, 1)
    assert "<image" in (tmp_path / "still.svg").read_text()
    told = animation.tell_player()
    assert told.data["remarks"] == "70 of 320 edges · l1 as tiles"
    assert told.data["tiles"]["units"] == 7
    animation.write(tmp_path / "out.svg", tmp_path / "out.html")
    assert (tmp_path / "out.svg").stat().st_size > 1000


def test_that_an_svg_has_edges_in_place_of_tiles_is_told(tmp_path: Path) -> None:
    animation = animated(DIGITS, max_frames=2)
    with noting() as notes:
        animation.write(tmp_path / "out.svg")
    assert [note for note in notes if "an SVG cannot move tiles" in note] == notes != []
    with noting() as notes:
        animation.write(tmp_path / "out.gif", tmp_path / "out.html")
    assert notes == []
