"""The hills of the player in a real browser: as high as in the picture, over the step they are held against."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import TEXTS_IN_THE_WAY, Player
from pictures import run_with

from nnanim import Animation, open_run
from nnanim.design.row_scales import RowScales, percent
from nnanim.frames.rows import RowHistory
from nnanim.player.head_room import HeadRoom

SNAPSHOTS = 4


def matrices() -> list[list[np.ndarray]]:
    """Return weights of four layers of 60, that grow at other speeds, and of which one is pruned."""
    random = np.random.default_rng(3)
    first = [size * random.normal(size=(10, 6)) for size in (1.0, 0.1, 3.0, 0.02)]
    found = []
    for step in range(SNAPSHOTS):
        now = [up**step * each for up, each in zip((1.0, 2.0, 0.6, 1.2), first, strict=True)]
        now[2] = np.where(np.arange(60).reshape(10, 6) < 15 * step, 0.0, now[2])
        found.append(now)
    return found


def animation_of(folder: Path, **options: Any) -> Animation:
    run_with(folder, matrices(), [{"epoch": epoch, "main/loss": 1 / epoch} for epoch in range(1, SNAPSHOTS + 1)])
    return Animation(open_run(folder), **{"distributions": True} | options)


@pytest.fixture(scope="module")
def animation(tmp_path_factory: pytest.TempPathFactory) -> Animation:
    return animation_of(tmp_path_factory.mktemp("hills") / "result")


@pytest.fixture(scope="module")
def file(animation: Animation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "hills.html"
    animation.write(path)
    return path


def heights_in(player: Player, kind: str) -> list[np.ndarray]:
    """Return the y of all points of the hills or outlines of the page."""
    paths = player.page.eval_on_selector_all(f".tensor .{kind}", "all => all.map((each) => each.getAttribute('d'))")
    return [np.array([float(y) for y in re.findall(r"[ML][-0-9.]+ ([-0-9.]+)", path)]) for path in paths]


def test_each_hill_is_as_high_as_in_the_picture(player: Player, animation: Animation) -> None:
    for index in range(SNAPSHOTS):
        player.page.locator("#slider").fill(str(index))
        look = animation._figure.view.look(animation[index]).hills
        for row, points in enumerate(heights_in(player, "hill")):
            base, tops = points[0], points[2:-2]
            room = 19.0 * 0.84  # of a row of the page
            np.testing.assert_allclose((base - tops) / room, look.heights[row], atol=0.01)


def test_the_outline_is_the_first_step_or_the_one_that_is_held(player: Player) -> None:
    player.press("Home")
    first = [points.min() for points in heights_in(player, "hill")]
    player.press("End")
    last = [points.min() for points in heights_in(player, "hill")]
    np.testing.assert_allclose([points.min() for points in heights_in(player, "outline")], first, atol=0.01)
    player.press("x", "Home")
    np.testing.assert_allclose([points.min() for points in heights_in(player, "outline")], last, atol=0.01)
    assert "epoch 4" in player.text("#hills")


def test_zeros_are_a_bar_and_a_fact(player: Player, animation: Animation) -> None:
    player.press("End")
    bars = player.page.eval_on_selector_all(
        ".tensor .zero", "all => all.map((bar) => Number(bar.getAttribute('height')))"
    )
    np.testing.assert_allclose(bars, [0, 0, 0.75 * 19.0 * 0.84, 0], atol=0.01)
    player.page.locator(".tensor").nth(2).hover()
    assert player.facts()["exactly 0"] == percent(0.75) == "75 %"
    assert "exactly 0" in player.text("#hills")


def test_the_legend_says_what_the_picture_says(player: Player, animation: Animation) -> None:
    shown: RowHistory = animation._history.shown
    scale = RowScales.of_rows([shown]).hills
    assert scale is not None
    assert f"hill: how many weights of a row are that large, top = {percent(scale.full)}" in player.text("#hills")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_text_is_in_the_way(browser: Any, file: Path, width: int) -> None:
    player = Player(browser, file, viewport={"width": width, "height": 800})
    assert player.page.evaluate(TEXTS_IN_THE_WAY) == []
    player.context.close()


def test_a_page_without_distributions_has_no_script_for_them(animation: Animation) -> None:
    assert "hillAt" in animation.html()
    assert "hillAt" not in Animation(animation.run, view="layers").html()


def test_the_axis_of_a_page_that_grows_stays_until_the_run_leaves_it(tmp_path: Path) -> None:
    animation = animation_of(tmp_path / "result")
    room = HeadRoom()
    scales = RowScales.of_rows([animation._history.shown])
    first = room.over_rows(scales, has_changes=True).hills
    assert room.over_rows(scales, has_changes=True).hills == first
    assert room.times_enlarged == 0
    wider = animation_of(tmp_path / "wider", start=4)
    other = RowScales.of_rows([wider._history.shown])
    both = room.over_rows(other, has_changes=True).hills
    assert first is not None
    assert both is not None
    assert (both.low, both.high) == (min(first.low, other.hills.low), max(first.high, other.hills.high))
