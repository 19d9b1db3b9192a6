"""The page of a network with tiles in a real browser: the cells of the picture, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from folders import save

from nnanim import Animation, open_run
from nnanim.player.head_room import HEAD_ROOM, HeadRoom

SAMPLES = Path(__file__).parents[1] / "sample_results"


def open_player(browser: Any, animation: Animation, page: Path, width: int = 1280, place: str = "") -> Player:
    animation.write(page)
    player = Player(browser, page, reduced_motion="reduce", viewport={"width": width, "height": 900})
    if place:
        player.page.evaluate("(hash) => { location.hash = hash; }", place)
    return player


def told_of(player: Player) -> Any:
    return player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")


def cell_middle(told: Any, view: str, unit: int, row: int, across: int) -> tuple[float, float]:
    """Return where the middle of a cell is, in the units of the view; channels stand side by side."""
    tiles = told["views"][view]["tiles"]
    x, y = tiles["begins"][unit]
    gaps = across // told["tiles"]["columns"]
    return x + (across + 0.5) * tiles["cell"] + gaps * tiles["gap"], y + (row + 0.5) * tiles["cell"]


def point_at(player: Player, x: float, y: float) -> None:
    box = player.page.locator("#graph").bounding_box()
    scale = box["width"] / player.page.evaluate("() => document.getElementById('graph').viewBox.baseVal.width")
    player.page.mouse.move(box["x"] + scale * x, box["y"] + scale * y)


def rgb_channels(path: Path) -> Path:
    """Write a run of a convolution that takes in three channels."""
    path.mkdir()
    random = np.random.default_rng(0)
    first = {"conv1.weight": random.normal(size=(4, 3, 3, 2)), "conv2.weight": random.normal(size=(3, 4, 3, 3))}
    for epoch in range(1, 4):
        arrays = {key: (value + 0.1 * epoch * random.normal(size=value.shape)) for key, value in first.items()}
        save(path / f"net_epoch{epoch}.npz", {key: value.astype("f4") for key, value in arrays.items()})
    return path


@pytest.mark.parametrize("color", ["change", "sign"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("sample", ["digits", "convolutions", "channels"])
def test_cells_have_the_colours_of_the_picture(
    browser: Any, tmp_path: Path, sample: str, width: int, color: str
) -> None:
    folder = rgb_channels(tmp_path / "run") if sample == "channels" else SAMPLES / sample
    animation = Animation(open_run(folder), ending="change", color=color)
    player = open_player(browser, animation, tmp_path / "page.html", width)
    told, view = told_of(player), "wide" if width > 600 else "narrow"
    for index in (len(animation) - 1, 1):
        player.page.locator("#slider").fill(str(index))
        tiles = animation[index].tiles
        assert tiles is not None
        assert len(tiles.units) == told["tiles"]["units"] == player.page.locator("rect.node").count()
        units, rows, across = tiles.value.shape
        for unit, row, column in ((0, 0, 0), (units - 1, rows - 1, across - 1), (1, rows - 1, across // 2)):
            found = player.color_at(*cell_middle(told, view, unit, row, column))
            assert np.abs(tiles.color[unit, row, column].astype(int) - found).max() <= 6, (unit, row, column)
    assert player.texts_in_the_way() == []
    player.context.close()
    assert player.wrong == []


def test_the_other_colouring_has_the_scale_of_its_picture(browser: Any, tmp_path: Path) -> None:
    run = open_run(SAMPLES / "digits")
    player = open_player(browser, Animation(run, ending="change"), tmp_path / "page.html")
    player.press("c")
    told, tiles = told_of(player), Animation(run, color="sign")[-1].tiles
    assert tiles is not None
    found = player.color_at(*cell_middle(told, "wide", 2, 3, 4))
    assert np.abs(tiles.color[2, 3, 4].astype(int) - found).max() <= 6
    player.context.close()


def test_a_cell_is_an_edge_from_the_image(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(SAMPLES / "digits"), ending="change")
    player = open_player(browser, animation, tmp_path / "page.html")
    told, tiles = told_of(player), animation[-1].tiles
    assert tiles is not None
    point_at(player, *cell_middle(told, "wide", 1, 2, 5))
    assert player.text("#what") == f"input (row 2, column 5) → l1 #{tiles.units[1]}"
    weight = np.float32(player.facts()["weight"].replace("−", "-"))
    assert weight == animation.run.snapshots[-1].read()[0].weight[tiles.units[1], 2 * 8 + 5] == tiles.value[1, 2, 5]
    assert "448 weights of l1" in player.page.locator("#spread").get_attribute("aria-label")
    player.page.mouse.down()
    player.page.mouse.up()
    player.page.wait_for_function(f"() => location.hash.endsWith('edge=l1:21-{tiles.units[1]}')")
    player.page.mouse.move(5, 5)
    ring = player.page.locator("rect.ring").first
    assert ring.get_attribute("visibility") == "visible"
    assert player.text("#what").startswith("input (row 2, column 5)")
    player.context.close()
    again = open_player(browser, animation, tmp_path / "page.html", place=f"#edge=l1:21-{tiles.units[1]}")
    assert again.text("#what").startswith("input (row 2, column 5)")
    again.context.close()


def test_a_weight_of_a_kernel_is_found_by_its_number_in_the_file(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(rgb_channels(tmp_path / "run")), ending="change")
    player = open_player(browser, animation, tmp_path / "page.html")
    tiles = animation[-1].tiles
    assert tiles is not None
    weight = animation.run.snapshots[-1].read()[0].weight[tiles.units[2]]
    channel, row, column = 1, 2, 1
    point_at(player, *cell_middle(told_of(player), "wide", 2, row, channel * 2 + column))
    assert player.text("#what") == f"kernel of conv1 #{tiles.units[2]}, row 2, column 1, channel 1"
    assert np.float32(player.facts()["weight"].replace("−", "-")) == weight[channel, row, column]
    player.page.mouse.down()
    player.page.mouse.up()
    flat = int(np.ravel_multi_index((channel, row, column), weight.shape))
    player.page.wait_for_function(f"() => location.hash.endsWith('edge=conv1:{flat}-{tiles.units[2]}')")
    player.context.close()


def test_a_tile_is_the_neuron_whose_border_is_its_bias(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(SAMPLES / "digits"), ending="change")
    player = open_player(browser, animation, tmp_path / "page.html")
    frame = animation[-1]
    player.page.locator("rect.node").nth(3).focus()
    assert frame.tiles is not None
    assert player.text("#what") == f"l1 #{frame.tiles.units[3]}"
    assert np.float32(player.facts()["bias"].replace("−", "-")) == frame.nodes.bias[3]
    assert player.page.locator("#edges line.hot").count() >= 5
    strokes = player.page.evaluate(
        "() => [...document.querySelectorAll('rect.node')].map((each) => Number(each.getAttribute('stroke-width')))"
    )
    biases = np.abs(frame.nodes.bias[: len(strokes)])
    assert np.argsort(strokes).tolist() == np.argsort(biases).tolist()
    player.press("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp")  # round to the last column
    assert player.text("#what") == "l2 #9"
    player.context.close()


def test_a_page_that_cannot_hold_the_cells_has_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    animation = Animation(open_run(SAMPLES / "digits"))
    monkeypatch.setattr("nnanim.player.tiles.MOST_NUMBERS", 28 * 448 - 1)
    told = animation.tell_player().data
    assert told["tiles"] is None
    assert told["remarks"].endswith("edges in place of tiles")
    assert told["nodes"]["column"].count(0) == 16


def test_the_scale_of_tiles_has_head_room_on_a_page_that_grows() -> None:
    animation, room = Animation(open_run(SAMPLES / "digits"), max_frames=5), HeadRoom()
    scales = animation._figure.view._scales.tiles
    first, again = (animation.tell_player(room).data["modes"] for _ in range(2))
    assert first["change"]["tile_domain"] == pytest.approx(HEAD_ROOM * float(scales.colors.domain))
    assert first["sign"]["tile_domain"] == pytest.approx(HEAD_ROOM * float(scales.magnitudes.domain))
    assert again["change"]["tile_domain"] == first["change"]["tile_domain"]
    assert room.times_enlarged == 0
