"""The page of runs side by side: it shows what the frames show, asks for nothing, and runs nothing from a folder."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from click.testing import CliRunner
from folders import log_rows, result_folder
from pictures import run_with
from PIL import Image

from nnanim import OptionError, open_run
from nnanim.cli import main
from nnanim.comparing.side_by_side import SideBySide

HOSTILE = "</script><img src=x onerror=alert(1)>{{data}}"


def pair(tmp_path: Path, **options: Any) -> SideBySide:
    """Return two runs, of which one ends earlier."""
    folders = result_folder(tmp_path / "one", epochs=(1, 2)), result_folder(tmp_path / "other", epochs=(1, 2, 4))
    return SideBySide({folder.name: open_run(folder) for folder in folders}, **options)


def told(page: str) -> dict[str, Any]:
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    found: dict[str, Any] = json.loads(data)
    return found


def test_each_moment_of_the_clock_is_there_once(tmp_path: Path) -> None:
    picture = pair(tmp_path, fps=2, hold_s=3)
    data = told(picture.html())
    assert data["moments"] == ["epoch 1", "epoch 2", "epoch 4"]
    assert sum(data["durations_ms"]) == pytest.approx(1000 * sum(picture.durations_s))
    assert [run["shown"] for run in data["runs"]] == [
        ["epoch 1", "epoch 2", "ended at epoch 2"],
        ["epoch 1", "epoch 2", "epoch 4"],
    ]
    assert data["metric"] == "accuracy"
    assert data["runs"][0]["values"][-1] == data["runs"][0]["values"][-2] == "75.0 %"


def test_only_the_scripts_and_styles_of_the_page_may_run(tmp_path: Path) -> None:
    page = pair(tmp_path).html(comment="made by a test")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'")

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 2
    assert " ".join(map(digest, styles)) in policy
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    assert digest(script) in policy
    assert not re.findall(r"(?:src=|href=\"(?!#)|@import|fetch\(|XMLHttpRequest|WebSocket|import\()", page)
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert 'content="made by a test"' in page


def test_names_from_folders_stay_text(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", [[[[1.0]], [[2.0]]]] * 2, log_rows(2))
    page = SideBySide({HOSTILE: run, "b": run}, title=HOSTILE).html()
    assert "<img" not in page
    assert told(page)["runs"][0]["name"] == HOSTILE
    assert page.count("</script>") == 2


def test_the_same_runs_make_the_same_page(tmp_path: Path) -> None:
    assert pair(tmp_path).html() == SideBySide(pair(tmp_path).runs).html()


def test_matrices_of_pixels_are_refused(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "large", (60, 50, 3)))
    picture = SideBySide({"a": run, "b": run}, view="matrix")
    for name in ("out.html", "out.svg"):
        with pytest.raises(OptionError, match="cannot show matrices of more than 1024 cells"):
            picture.write(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_the_command_writes_a_page(tmp_path: Path) -> None:
    folders = [str(result_folder(tmp_path / name)) for name in ("one", "other")]
    result = CliRunner().invoke(main, ["compare", *folders, "-o", str(tmp_path / "out.html"), "-q"])
    assert result.exit_code == 0, result.output
    assert told((tmp_path / "out.html").read_text(encoding="utf-8"))["runs"][1]["name"] == "other"


def seen(player: Player, size_px: tuple[int, int]) -> np.ndarray:
    """Return the picture as the browser shows it, (H, W, 3)."""
    image = Image.open(io.BytesIO(player.page.locator("#picture > svg").screenshot()))
    return np.asarray(image.convert("RGB").resize(size_px), dtype=float)


@pytest.mark.parametrize("view", ["network", "layers", "map", "matrix"])
def test_the_slider_shows_what_the_frames_show(browser: Any, tmp_path: Path, view: str) -> None:
    picture = pair(tmp_path, view=view, ending="change", figsize=(9, 5), theme="dark")
    picture.write(tmp_path / "out.html")
    player = Player(browser, tmp_path / "out.html", viewport={"width": 940, "height": 700}, reduced_motion="reduce")
    expected = [picture.paint_one(frame).astype(float) for frame in picture]
    for place in (0, 1, 2, 1):  # forwards and back
        player.page.locator("#slider").fill(str(place))
        shown = seen(player, picture.size_px)
        apart = [float(np.abs(shown - image).mean()) for image in expected]
        assert min(range(3), key=apart.__getitem__) == place, apart
        assert apart[place] < 4, apart
        assert player.text("#time") == picture[place].title
    assert player.wrong == []
    assert len(player.requests) == 1


def test_it_plays_and_stops_by_keys(browser: Any, tmp_path: Path) -> None:
    picture = pair(tmp_path, loop=False, fps=10, hold_s=0.5)
    picture.write(tmp_path / "out.html")
    player = Player(browser, tmp_path / "out.html", clock=True)
    assert player.text("#time") == "epoch 4"
    player.press("Home")
    assert player.text("#time") == "epoch 1"
    assert player.page.locator("#runs tbody td").all_inner_texts()[:2] == ["epoch 1", "50.0 %"]
    player.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert player.text("#time") == "epoch 4"
    assert player.page.locator("#runs tbody td").first.inner_text() == "ended at epoch 2"
    player.press("Home", " ")
    assert player.page.locator("html.playing").count() == 1
    player.page.clock.run_for(10_000)
    assert player.text("#time") == "epoch 4"
    assert player.page.locator("html.playing").count() == 0
    assert player.wrong == []


def test_on_a_phone_texts_can_be_read_and_the_page_does_not_move_sideways(browser: Any, tmp_path: Path) -> None:
    pair(tmp_path).write(tmp_path / "out.html")
    player = Player(browser, tmp_path / "out.html", viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    wide, page, seen = player.page.evaluate(
        """() => [document.querySelector("#picture svg").getBoundingClientRect().width,
          document.documentElement.scrollWidth, document.getElementById("picture").clientWidth]"""
    )
    assert wide >= 700
    assert page <= 390
    assert seen < 390
    player.context.close()
    assert player.wrong == []
