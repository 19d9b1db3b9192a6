"""The page of a map and of matrices in a real browser: what is drawn and told, with the colours of the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from folders import jump_folder, save, weights

from nnanim import Animation, open_run
from nnanim.frames.cells import CellHistory
from nnanim.player.cells import MOST_NUMBERS, with_cells

AT = 20
SAMPLES = Path(__file__).parents[1] / "sample_results"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jump_folder(tmp_path_factory.mktemp("run") / "jump", at=AT)


def deep_folder(path: Path, blocks: int = 4) -> Path:
    """Make a run of equal blocks, which a map draws as one with a stripe for each."""
    path.mkdir()
    random = np.random.default_rng(0)
    shapes = {f"blocks.{block}.{name}.weight": (4, 4) for block in range(blocks) for name in ("attn", "mlp")}
    first = {key: random.normal(size=shape) for key, shape in ({"embed.weight": (4, 4)} | shapes).items()}
    for epoch in range(3):
        grown = {key: (value * (1 + 0.1 * epoch * (index + 1))) for index, (key, value) in enumerate(first.items())}
        save(path / f"net_epoch{epoch}.npz", {key: value.astype("f4") for key, value in grown.items()})
    return path


def open_player(browser: Any, animation: Animation, page: Path, width: int = 1280) -> Player:
    animation.write(page)
    return Player(browser, page, reduced_motion="reduce", viewport={"width": width, "height": 900})


def hex_of(player: Player, selector: str, attribute: str) -> list[str]:
    found: list[str] = player.page.evaluate(
        "([selector, name]) => [...document.querySelectorAll(selector)].map((each) => each.getAttribute(name))",
        [selector, attribute],
    )
    return found


# Maps


@pytest.mark.parametrize("width", [1280, 390])
def test_a_map_has_the_boxes_arrows_and_colours_of_the_picture(
    browser: Any, folder: Path, tmp_path: Path, width: int
) -> None:
    animation = Animation(open_run(folder), view="map", ending="change")
    player = open_player(browser, animation, tmp_path / "page.html", width)
    assert player.page.locator(".tensor").count() == 3
    assert player.page.locator(".arrow.head").count() == 2
    for epoch, index in (("epoch 40", 39), ("epoch 5", 4)):
        player.page.locator("#slider").fill(str(index))
        assert player.text("#time") == epoch
        boxes = animation[index].boxes
        assert boxes is not None
        assert hex_of(player, ".body", "fill") == ["#" + bytes(color).hex() for color in boxes.fill]
        assert_near(hex_of(player, ".body", "stroke"), boxes.line)
    assert any("l3" in text for text in player.page.locator(".tensor text").all_text_contents())
    assert player.texts_in_the_way() == []
    player.context.close()
    assert player.wrong == []


def assert_near(hexes: list[str], colors: np.ndarray) -> None:
    """The page has 257 colours for a scale, the picture any."""
    found = np.array([list(bytes.fromhex(each[1:])) for each in hexes])
    assert np.abs(found - colors.astype(int)).max() <= 2


def test_a_box_is_told_and_reached_by_keyboard(browser: Any, folder: Path, tmp_path: Path) -> None:
    animation = Animation(open_run(folder), view="map", ending="change", moments=True)
    player = open_player(browser, animation, tmp_path / "page.html")
    player.page.locator(".tensor").first.focus()
    player.press("ArrowDown", "ArrowDown")
    assert player.text("#what") == "l3"
    boxes = animation[39].boxes
    assert boxes is not None
    assert player.facts()["‖W‖"] == str(float(f"{boxes.norm[2]:.4g}"))
    player.press("m")
    (stands,) = player.page.locator(".tensor.stands").all()
    assert stands.get_attribute("aria-label") == "l3"
    player.context.close()


def test_equal_blocks_are_stripes_of_one_box(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(deep_folder(tmp_path / "deep", 110)), view="map", ending="change")
    player = open_player(browser, animation, tmp_path / "page.html", 390)
    told = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")["views"]["narrow"]
    assert any(told["striped"])
    box = told["striped"].index(True)
    stripes = player.page.locator(".tensor").nth(box).locator("rect:not(.halo, .body, .plate)")
    found = [each.get_attribute("fill") for each in stripes.all()]
    scales, theme = animation._figure.view._scales, animation._figure.style.theme
    changes = animation._history.shown.weights.relative_changes[-1, told["groups"][box]]
    assert len(found) == len(told["groups"][box]) > 2
    assert found == ["#" + bytes(color).hex() for color in scales.moved.colors(changes, theme)]
    assert player.wrong == []
    player.context.close()


def test_a_sum_is_as_plain_as_in_the_picture_and_the_page_counts_as_the_picture_does(
    browser: Any, tmp_path: Path
) -> None:
    animation = Animation(open_run(SAMPLES / "residual"))
    player = open_player(browser, animation, tmp_path / "page.html")
    joins = player.page.evaluate(
        """() => [...document.querySelectorAll("#boxes > g:has(.join)")].map((group) =>
          [...group.querySelectorAll("rect")].map((rect) => getComputedStyle(rect).fill))"""
    )
    assert joins == [["rgb(255, 255, 255)"]] * 2
    assert player.text("#remarks") == animation._figure.view.part.remarks == "7 weight tensors"
    player.context.close()
    assert player.wrong == []


# Matrices


@pytest.mark.parametrize("color", ["change", "sign"])
@pytest.mark.parametrize("width", [1280, 390])
def test_cells_have_the_colours_of_the_picture(
    browser: Any, folder: Path, tmp_path: Path, width: int, color: str
) -> None:
    animation = Animation(open_run(folder), view="matrix", ending="change", color=color)
    player = open_player(browser, animation, tmp_path / "page.html", width)
    view = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")["views"]
    told = view["wide" if width > 600 else "narrow"]["matrices"]
    for index in (39, 4):
        player.page.locator("#slider").fill(str(index))
        cells = animation[index].cells
        assert cells is not None
        for matrix, place in zip(cells.matrices, told, strict=True):
            ((plate),) = place["plates"]
            for row, (top, bottom) in enumerate(plate["down"]):
                for column, (left, right) in enumerate(plate["across"]):
                    wanted = cells.color[matrix.start + row * matrix.size[1] + column].astype(int)
                    found = player.color_at((left + right) / 2, (top + bottom) / 2)
                    assert np.abs(wanted - found).max() <= 6, (matrix.row.title, row, column)
    assert player.texts_in_the_way() == []
    player.context.close()
    assert player.wrong == []


def test_a_cell_is_told(browser: Any, folder: Path, tmp_path: Path) -> None:
    animation = Animation(open_run(folder), view="matrix", ending="change", color="sign")
    player = open_player(browser, animation, tmp_path / "page.html")
    view = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")["views"]["wide"]
    plate = view["matrices"][2]["plates"][0]
    (left, right), (top, bottom) = plate["across"][2], plate["down"][1]
    box = player.page.locator("#graph").bounding_box()
    scale = box["width"] / view["size"][0]
    player.page.mouse.move(box["x"] + scale * (left + right) / 2, box["y"] + scale * (top + bottom) / 2)
    assert player.text("#what") == "l3, row 1, column 2"
    cells = animation[39].cells
    assert cells is not None
    value = cells.value[cells.matrices[2].start + 1 * 5 + 2]
    assert np.float32(player.facts()["w"].replace("−", "-").replace("≈ ", "")) == value
    player.context.close()


def test_a_matrix_is_reached_by_keyboard(browser: Any, folder: Path, tmp_path: Path) -> None:
    animation = Animation(open_run(folder), view="matrix", ending="change")
    player = open_player(browser, animation, tmp_path / "page.html")
    player.page.locator(".tensor").first.focus()
    player.press("ArrowDown", "ArrowDown")
    assert player.text("#what") == "l3"
    cells = animation[39].cells
    assert cells is not None
    assert np.float32(player.facts()["largest w"].replace("−", "-")) == np.float32(cells.largest[2])
    assert player.facts()["in row, column"] == ", ".join(map(str, cells.largest_at[2]))
    player.context.close()


def test_kernels_stand_as_in_the_picture(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(SAMPLES / "convolutions"), view="matrix", ending="change")
    player = open_player(browser, animation, tmp_path / "page.html")
    told = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")
    place = told["views"]["wide"]["matrices"][1]
    plate = place["plates"][0]
    cells = animation[len(animation) - 1].cells
    assert cells is not None
    start = cells.matrices[1].start
    columns = len(plate["across"])
    for row, column in ((0, 0), (1, 4), (5, 7), (20, 16)):
        (left, right), (top, bottom) = plate["across"][column], plate["down"][row]
        # kernels of 3 x 3: out and in, then the place within
        out, into, within = row // 3, column // 3, (row % 3) * 3 + column % 3
        wanted = cells.color[start + (out * (columns // 3) + into) * 9 + within].astype(int)
        assert np.abs(wanted - player.color_at((left + right) / 2, (top + bottom) / 2)).max() <= 6
    player.context.close()
    assert player.wrong == []


@pytest.mark.parametrize("width", [1280, 390])
def test_hidden_matrices_have_their_spectral_radius_and_no_text_lies_on_cells(
    browser: Any, tmp_path: Path, width: int
) -> None:
    animation = Animation(open_run(SAMPLES / "lstm"), view="matrix", ending="change")
    player = open_player(browser, animation, tmp_path / "page.html", width)
    for index in (30, 3):
        player.page.locator("#slider").fill(str(index))
        cells = animation[index].cells
        assert cells is not None
        radii = [f"{radius:.3g}" for radius in cells.spectral_radius if np.isfinite(radius)]
        written = [text for text in player.page.locator("#graph text").all_text_contents() if "radius" in text]
        assert [text.split()[-1] for text in written] == radii
        assert len(radii) == 3
    told = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")["views"]
    boxes = [matrix["box"] for matrix in told["wide" if width > 600 else "narrow"]["matrices"]]
    texts = player.page.evaluate(
        """() => [...document.querySelectorAll("#graph text")].map((text) => {
          const { x, y, width, height } = text.getBBox();
          return [text.textContent, x, y + height / 6, x + width, y + 5 / 6 * height];
        })"""
    )
    for text, left, top, right, bottom in texts:
        for x, y, wide, high in boxes:
            assert right <= x or left >= x + wide or bottom <= y or top >= y + high, text
    assert len({x for x, _, _, _ in boxes}) <= (4 if width > 600 else 3)
    assert not any(text.startswith("…") for text, *_ in texts)  # a column is as wide as its names need
    player.page.locator(".tensor").nth(5).focus()
    assert player.facts()["spectral radius"] == radii[0]
    assert player.texts_in_the_way() == []
    player.context.close()
    assert player.wrong == []


def test_cells_that_stand_out_have_rings(browser: Any, folder: Path, tmp_path: Path) -> None:
    animation = Animation(open_run(folder), view="matrix", moments=True)
    player = open_player(browser, animation, tmp_path / "page.html")
    assert player.page.locator(".ring").count() == 0
    player.press("m")
    assert player.page.locator(".ring").count() == 3
    player.press("ArrowRight")
    assert player.page.locator(".ring").count() == 0
    player.context.close()


def large_run(path: Path) -> Path:
    path.mkdir()
    for epoch in range(3):
        arrays = weights((300, 200, 100), seed=epoch)
        save(path / f"net_epoch{epoch}.npz", arrays)
    return path


@pytest.mark.parametrize("color", ["change", "sign"])
def test_cells_are_taken_together_where_a_page_cannot_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color: str
) -> None:
    assert MOST_NUMBERS * 4 < 5_000_000
    monkeypatch.setattr("nnanim.player.cells.MOST_NUMBERS", 3 * 9000)
    run = open_run(large_run(tmp_path / "large"))
    animation = Animation(run, view="matrix", color=color, figsize=(20, 12))
    before: CellHistory = animation._history.shown
    assert before.cells.values.shape[1] > 9000
    page = with_cells(animation._history, animation.options).shown
    assert page.is_coarser
    assert page.cells.cells.values.shape[1] <= 9000
    matrix = page.cells.matrices[0]
    weight = run.snapshots[2].read()[0].weight
    value = page.cells.cells.values[2, matrix.start : matrix.stop].reshape(matrix.size)
    for row, column in ((0, 0), (matrix.size[0] - 1, matrix.size[1] - 1), (7, 3)):
        own = weight[matrix.rows[row] : matrix.rows[row + 1], matrix.columns[column] : matrix.columns[column + 1]]
        wanted = own.ravel()[np.abs(own).argmax()] if color == "sign" else np.sqrt(np.mean(own.astype(float) ** 2))
        assert value[row, column] == pytest.approx(wanted, rel=1e-5)
    assert "in larger cells than in a picture" in animation.html()
