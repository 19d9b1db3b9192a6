"""Moments in the player: marks on the slider, reached by keyboard, and what changed stands out while one is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import Player
from folders import jump_folder, result_folder

from nnanim import Animation, open_run

SAYS = "epoch 20: accuracy 67.0 → 93.0 %, 92 % of all change in 3 edges of l3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jump_folder(tmp_path_factory.mktemp("run") / "jump", at=20)


def player_of(browser: Any, folder: Path, page: Path, **options: Any) -> Player:
    Animation(open_run(folder), moments=True, **options).write(page)
    return Player(browser, page, reduced_motion="reduce")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_mark_stands_where_the_moment_is_and_leads_there(
    browser: Any, folder: Path, tmp_path: Path, width: int
) -> None:
    player = player_of(browser, folder, tmp_path / "page.html")
    player.page.set_viewport_size({"width": width, "height": 800})
    (mark,) = player.page.locator("#marks button").all()
    assert mark.get_attribute("title") == mark.get_attribute("aria-label") == SAYS
    player.page.locator("#slider").fill("19")
    player.press("Home", "End")
    mark.focus()
    player.press("Enter")
    assert player.text("#time") == "epoch 20"
    assert player.text("#moment") == SAYS
    slider, place = player.page.locator("#slider").bounding_box(), mark.bounding_box()
    middle = place["x"] + place["width"] / 2
    assert middle == pytest.approx(slider["x"] + 8 + (slider["width"] - 16) * 19 / 39, abs=1)
    player.press("ArrowRight")
    assert player.text("#moment") == ""
    player.context.close()
    assert player.wrong == []


def test_a_key_leads_to_the_next_moment_and_it_is_said(browser: Any, folder: Path, tmp_path: Path) -> None:
    player = player_of(browser, folder, tmp_path / "page.html")
    player.press("m")
    assert player.text("#time") == "epoch 20"
    assert player.text("#spoken").startswith(SAYS)
    player.context.close()


def test_edges_that_changed_stand_out(browser: Any, folder: Path, tmp_path: Path) -> None:
    player = player_of(browser, folder, tmp_path / "page.html")
    opacities = "() => [...document.querySelectorAll('#edges line')].map((line) => getComputedStyle(line).opacity)"
    assert set(player.page.evaluate(opacities)) == {"1"}
    player.press("m")
    found = player.page.evaluate(opacities)
    assert (found.count("1"), set(found)) == (3, {"1", "0.2"})
    player.press("ArrowLeft")
    assert set(player.page.evaluate(opacities)) == {"1"}
    player.context.close()


def test_rows_that_changed_stand_out(browser: Any, folder: Path, tmp_path: Path) -> None:
    player = player_of(browser, folder, tmp_path / "page.html", view="layers")
    player.press("m")
    (row,) = player.page.locator(".tensor.stands").all()
    assert row.get_attribute("aria-label") == "l3"
    player.context.close()


def test_a_run_without_moments_has_no_marks(browser: Any, tmp_path: Path) -> None:
    player = player_of(browser, result_folder(tmp_path / "result"), tmp_path / "page.html")
    assert player.page.locator("#marks button").count() == 0
    assert player.page.locator("#moment").is_hidden()
    player.press("m")
    assert player.text("#time") == "epoch 3"
    player.context.close()
    assert player.wrong == []
