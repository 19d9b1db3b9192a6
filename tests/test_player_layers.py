"""The player of layers: every row in a real browser, with the numbers, words and colours of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from pictures import run_with

from nnanim import Animation, open_run
from nnanim.design.row_scales import RowScales, moved_ramp, percent
from nnanim.design.theme import pick_theme
from nnanim.design.wording import short
from nnanim.panels.layers_legend import LayersLegend

SNAPSHOTS = 5
SIZES = (0.0, 3e-7, 4.6e-5, 3e-4, 0.0996, 1.0, 9.96, 99.7, 1234.5, 3e8)  # of the layers' weights
STEPS = (0.1, 1e-9, 3e-4, 0.02, 0.3, 0.0, 0.007, 25.0, 1e-6, 4e-5)  # relative, of each snapshot


def matrices() -> list[list[np.ndarray]]:
    random = np.random.default_rng(7)
    start = [size * random.normal(size=(2, 2)) for size in SIZES]
    away = [size * step * random.normal(size=(2, 2)) for size, step in zip(SIZES, STEPS, strict=True)]
    return [
        [(first + index * step).astype(np.float32) for first, step in zip(start, away, strict=True)]
        for index in range(SNAPSHOTS)
    ]


@pytest.fixture(scope="module")
def animation(tmp_path_factory: pytest.TempPathFactory) -> Animation:
    rows = [{"epoch": epoch, "main/loss": 1 / epoch} for epoch in range(1, SNAPSHOTS + 1)]
    run_with(folder := tmp_path_factory.mktemp("layers") / "result", matrices(), rows)
    return Animation(open_run(folder), view="layers")


@pytest.fixture(scope="module")
def file(animation: Animation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "layers.html"
    animation.write(path)
    return path


def row_texts(player: Player) -> list[list[str]]:
    return [row.locator("text").all_text_contents() for row in player.page.locator(".tensor").all()]


def test_each_row_says_what_the_picture_says(player: Player, animation: Animation) -> None:
    for index in range(SNAPSHOTS):
        player.page.locator("#slider").fill(str(index))
        rows = animation[index].rows
        assert rows is not None
        moved, norms = map(percent, rows.relative_change.tolist()), map(short, rows.norm.tolist())
        assert [texts[1:] for texts in row_texts(player)] == [
            [one, other.replace("-", "−")] for one, other in zip(moved, norms, strict=True)
        ]
    assert [texts[0] for texts in row_texts(player)] == [row.title for row in animation[0].rows.rows]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_strips_and_bars_look_as_in_the_picture(browser: Any, file: Path, animation: Animation, theme: str) -> None:
    player = Player(browser, file, color_scheme=theme)
    scales, colors = RowScales.of_runs([animation._history], animation.options), pick_theme(theme, "vivid")
    cells = scales.moved.colors(animation._history.shown.relative_changes, colors)
    ramp = moved_ramp(colors).astype(int)
    for row, strip in enumerate(player.page.locator(".strip").all()):
        fills = [cell.get_attribute("fill") for cell in strip.locator("rect").all()]
        for fill, cell in zip(fills, cells[:, row], strict=True):
            if fill == "var(--background)":
                np.testing.assert_array_equal(cell, colors.background)
                continue
            # Half way between two colours float32 may take the other one.
            apart = np.abs(np.array(list(bytes.fromhex(fill[1:]))) - cell).max()
            assert apart <= np.abs(np.diff(ramp, axis=0)).max()
    player.page.locator("#slider").fill("3")
    rows = animation[3].rows
    bars = player.page.locator(".bar").all()
    drawn = np.array([list(bytes.fromhex(bar.get_attribute("fill")[1:])) for bar in bars])
    expected = colors.edge_colors(
        scales.growth(np.nan_to_num(rows.growth)), (colors.weakened, colors.unchanged, colors.strengthened)
    )
    assert np.abs(drawn - expected.astype(int)).max() <= 12  # see the test of the tables
    lengths = np.array([float(bar.get_attribute("width")) for bar in bars])
    share = scales.moved.share(rows.relative_change)
    np.testing.assert_allclose(lengths / lengths.max(), share / share.max(), atol=1e-3)
    assert player.wrong == []
    player.context.close()


def test_strips_are_uncovered_as_time_goes(player: Player) -> None:
    come, whole = player.page.locator("#come rect"), player.page.locator(".empty >> nth=0")
    for index in (0, 2, SNAPSHOTS - 1):
        player.page.locator("#slider").fill(str(index))
        share = float(come.get_attribute("width")) / float(whole.get_attribute("width"))
        assert share == pytest.approx((index + 1) / SNAPSHOTS)


def test_legend_is_the_pictures(player: Player, animation: Animation) -> None:
    scales = RowScales.of_runs([animation._history], animation.options)
    low, high, moved, shrank, grew, size = LayersLegend.texts(scales, animation._history.since)
    assert player.page.locator("#legend span, #legend p").all_inner_texts() == [low, high, moved, shrank, grew, size]
    assert player.text("#remarks") == f"{len(SIZES)} weight tensors"


def test_pointing_at_a_row_tells_its_numbers(player: Player, animation: Animation) -> None:
    player.page.locator(".tensor >> nth=6").hover()
    row = animation[-1].rows
    assert player.text("#what") == row.rows[6].title
    facts = player.facts()
    assert float(facts["‖W‖"]) == pytest.approx(row.norm[6], rel=1e-3)
    assert facts["moved since epoch 1"] == percent(row.relative_change[6])
    assert facts["in the file"] == ", ".join(row.rows[6].keys)
    assert player.page.locator("#history").is_visible()
    player.page.mouse.move(2, 2)
    assert player.page.locator("#details").get_attribute("data-thing") == ""


def test_rows_by_keyboard(player: Player, animation: Animation) -> None:
    focused = "document.activeElement.dataset.index"
    player.page.locator("#speed").focus()
    for _ in range(20):
        player.press("Shift+Tab")
        if player.page.evaluate("document.activeElement.dataset.kind") == "row":
            break
    assert player.page.evaluate(focused) == "0"
    player.press("ArrowDown", "ArrowDown", "ArrowDown")
    title = animation[0].rows.rows[3].title
    assert (player.page.evaluate(focused), player.text("#what")) == ("3", title)
    spoken = player.page.locator("#spoken").inner_text()
    assert title in spoken
    assert f"‖W‖ {player.facts()['‖W‖']}" in spoken
    assert f"moved since epoch 1 {percent(animation[-1].rows.relative_change[3])}" in spoken
    player.press("ArrowLeft")
    assert (player.text("#time"), player.page.evaluate(focused)) == ("epoch 4", "3")
    player.press("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "Enter", "Tab")
    assert player.page.locator("#details").get_attribute("data-thing") == f"row{len(SIZES) - 1}"
    player.press("Escape")
    assert player.page.locator("#details").get_attribute("data-thing") == ""


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_no_text_is_cut_off_or_lies_on_another(player: Player, width: int) -> None:
    player.resize(width)
    player.page.locator(".tensor >> nth=4").click()
    for index in range(SNAPSHOTS):
        player.page.locator("#slider").fill(str(index))
        assert player.texts_in_the_way() == []
    assert player.page.evaluate("document.documentElement.scrollWidth") == width
    # What is told and the controls leave each other alone, wherever the page is scrolled.
    player.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    told, controls = (player.page.locator(place).bounding_box() for place in ("#details", "#controls"))
    assert told["y"] + told["height"] <= controls["y"] + 1 or width > 980
    assert controls["y"] + controls["height"] <= 801


def test_long_names_and_many_snapshots_stay_in_their_place(browser: Any, tmp_path: Path) -> None:
    from nnanim.frames.history import History
    from nnanim.frames.rows import RowHistory
    from nnanim.frames.timeline import Clock
    from nnanim.model.weight_rows import Row
    from nnanim.options import Options
    from nnanim.player import page as write_page

    count, random = 700, np.random.default_rng(2)
    hostile = "<script>document.title='pwned'</script>"
    rows = tuple(
        Row(f"{hostile}.{'attention_' * 4}{index}", f"{'encoder.' * 30}{index // 3}", "weight", (f"key{index}",))
        for index in range(60)
    )
    epochs = tuple(map(float, range(count)))
    walk = np.abs(random.normal(size=(count, len(rows)))).cumsum(axis=0)
    shown = RowHistory(rows, 1 + walk, (0.01 * walk) ** 2, np.ones_like(walk))
    history = History(
        name="long",
        clock=Clock("epoch", epochs),
        epochs=epochs,
        iterations=(None,) * count,
        titles=tuple(f"epoch {epoch:.0f}" for epoch in epochs),
        curves=(),
        curve_x=np.full(count, np.nan),
        since="epoch 0",
        shown=shown,
    )
    (tmp_path / "long.html").write_text(write_page(history, [0.1] * count, Options()), encoding="utf-8")
    player = Player(browser, tmp_path / "long.html")
    assert player.page.locator(".tensor").count() == 60
    assert player.page.locator(".strip rect").count() < 60 * 100
    for width in (1280, 800, 390):
        player.resize(width)
        assert player.texts_in_the_way() == []
        assert player.page.evaluate("document.documentElement.scrollWidth") == width
    assert player.page.title() == "long"
    assert player.wrong == []
    player.context.close()
