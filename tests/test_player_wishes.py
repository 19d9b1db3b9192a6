"""What a reader of the player can do with a moment: send it, save it, compare it, print it; and read it without
scripts.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from folders import jump_folder
from PIL import Image

from nnanim import Animation, open_run

VIEWS = ("network", "layers", "map", "matrix")
STRICT = "sandbox; default-src 'none'"  # as servers of build artefacts have it


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("run")
    jump_folder(folder / "jump", at=20)
    for view in VIEWS:
        Animation(open_run(folder / "jump"), view=view, ending="change", fps=10, hold_s=0.3).write(
            folder / f"{view}.html"
        )
    return {view: folder / f"{view}.html" for view in VIEWS}


@pytest.fixture(scope="module")
def animation(pages: dict[str, Path]) -> Animation:
    return Animation(open_run(pages["network"].parent / "jump"), ending="change")


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    players: list[Player] = []

    def open_page(view: str = "network", **context: Any) -> Player:
        players.append(Player(browser, pages[view], **context))
        return players[-1]

    yield open_page
    for player in players:
        player.context.close()
        assert player.wrong == []


def go_to(player: Player, fragment: str) -> None:
    player.page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
    player.page.wait_for_timeout(50)


def edge_of(player: Player, layer: int, tail: int, head: int) -> int:
    told = player.page.evaluate("() => JSON.parse(document.getElementById('data').textContent)")
    edges, neuron = told["edges"], told["nodes"]["neuron"]
    places = zip(edges["layer"], edges["tail"], edges["head"], strict=True)
    return next(edge for edge, (each, a, b) in enumerate(places) if (each, neuron[a], neuron[b]) == (layer, tail, head))


# The address


def test_the_address_leads_to_a_step_and_an_edge(opened: Any, animation: Animation) -> None:
    player = opened()
    go_to(player, "#epoch=34&edge=l2:3-1")
    assert player.text("#time") == "epoch 34"
    assert player.text("#what") == "l1 #3 → l2 #1"
    edges = animation[33].edges
    (index,) = np.flatnonzero((edges.layer == 1) & (edges.tail == 3) & (edges.head == 1))
    assert np.float32(player.facts()["weight"].replace("−", "-")) == edges.weight[index]


@pytest.mark.parametrize(
    ("view", "thing", "title"),
    [
        ("network", "neuron=l2:3", "l2 #3"),
        ("network", "neuron=input:0", "input #0"),
        ("layers", "row=l2", "l2"),
        ("map", "box=l2", "l2"),
        ("matrix", "matrix=l2", "l2"),
        ("matrix", "cell=l2:3-1", "l2, row 3, column 1"),
    ],
)
def test_each_thing_has_an_address_that_leads_back(opened: Any, view: str, thing: str, title: str) -> None:
    player = opened(view)
    go_to(player, f"#epoch=5&{thing}")
    assert (player.text("#time"), player.text("#what")) == ("epoch 5", title)
    player.press("ArrowRight")
    player.page.wait_for_timeout(500)
    assert player.page.evaluate("location.hash") == f"#epoch=6&{thing}"


def test_the_address_follows_and_another_page_opens_there(browser: Any, pages: dict[str, Path], opened: Any) -> None:
    player = opened()
    player.press("Home", "ArrowRight", "x", "ArrowRight")
    player.page.wait_for_timeout(500)
    address = player.page.evaluate("location.href")
    assert address.endswith("#epoch=3&against=epoch+2")
    other = opened(reduced_motion="no-preference")
    other.page.goto("about:blank")
    other.page.goto(address)
    other.page.wait_for_selector("html[data-ready]")
    assert other.text("#time") == "epoch 3"
    assert other.text("#pin") == "Against epoch 2"
    assert other.page.locator("#play").get_attribute("aria-label") == "Play"  # who came for a place finds it still


def test_an_address_that_says_nothing_is_no_trouble(opened: Any) -> None:
    player = opened()
    go_to(player, "#epoch=999&edge=none:1-2&x=%")
    assert player.text("#time") == "epoch 40"
    assert player.page.locator("#hint").is_visible()


# Files


@pytest.mark.parametrize("view", VIEWS)
def test_a_moment_is_saved_as_svg_that_looks_like_the_page(browser: Any, opened: Any, view: str) -> None:
    player = opened(view)
    go_to(player, "#epoch=20")
    with player.page.expect_download() as download:
        player.page.click("#svg")
    assert download.value.suggested_filename == "jump epoch 20.svg"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    picture = ElementTree.fromstring(text)
    written = ["".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"jump", "epoch 20", "93.0 %"} <= set(written)
    assert "var(" not in text and "class=" not in text  # noqa: PT018 - both say that it needs no style sheet
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_content(text)
    alone = image_of(page.locator("svg").first.screenshot())
    page.close()
    box = player.page.locator("main").bounding_box()
    shown = image_of(player.page.screenshot())
    section = player.page.locator("#stage").bounding_box()
    left, top = (int(section[name]) for name in ("x", "y"))
    wide, high = (int(section[name]) for name in ("width", "height"))
    seen = shown[top : top + high, left : left + wide]
    # Where the picture's own edge lies on the page: 12 pixels left of and above what it holds.
    offset_x = int(min(box["x"], player.page.locator("h1").bounding_box()["x"]) - 12)
    offset_y = int(player.page.locator("h1").bounding_box()["y"] - 12)
    kept = alone[top - offset_y : top - offset_y + high, left - offset_x : left - offset_x + wide]
    assert kept.shape == seen.shape
    strong = (np.abs(kept.astype(int) - seen).max(axis=2) > 90).mean()
    assert strong < 0.04  # letters and edges may lie half a pixel beside
    assert (seen.astype(int).std(axis=(0, 1)) > 5).any()  # there is something to be seen


def image_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_moment_is_saved_as_sharp_png(opened: Any) -> None:
    player = opened("matrix")
    with player.page.expect_download() as download:
        player.page.click("#png")
    with Image.open(download.value.path()) as picture:
        assert picture.format == "PNG"
        assert picture.width > 2000
        colors = picture.convert("RGB").getcolors(1 << 24)
    assert colors is not None
    assert len(colors) > 100


# Numbers


def test_values_are_rounded_as_the_legend_rounds_and_told_in_full(opened: Any, animation: Animation) -> None:
    player = opened()
    player.hover_edge(3)
    shown = player.page.locator("#facts dd").first
    weight = animation[39].edges.weight[3]
    assert shown.inner_text() == f"{weight:.2g}".replace("-", "−")
    assert np.float32(shown.get_attribute("title").replace("−", "-")) == weight


def test_the_curve_is_read_at_the_pointer_without_going_there(opened: Any) -> None:
    player = opened()
    box = player.page.locator("#plot").bounding_box()
    player.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    told = player.page.locator("#readout text").all_text_contents()
    assert told[1] == "accuracy 67.0 %"
    assert told[0].startswith("epoch ")
    assert player.text("#time") == "epoch 40"
    player.page.mouse.move(5, 5)
    assert player.page.locator("#readout").get_attribute("visibility") == "hidden"


def test_the_strongest_path_through_a_neuron(opened: Any, animation: Animation) -> None:
    player = opened()
    go_to(player, "#epoch=40&neuron=l2:3")
    edges = animation[39].edges
    sizes = {
        (int(layer), int(tail), int(head)): abs(float(weight))
        for layer, tail, head, weight in zip(edges.layer, edges.tail, edges.head, edges.weight, strict=True)
    }
    best = max(
        ((a, b, 3, d) for a in range(4) for b in range(5) for d in range(3)),
        key=lambda path: sizes[0, path[0], path[1]] * sizes[1, path[1], 3] * sizes[2, 3, path[3]],
    )
    names = ("input", "l1", "l2", "l3")
    told = " → ".join(f"{name} #{neuron}" for name, neuron in zip(names, best, strict=True))
    assert player.facts()["strongest path"] == told
    for layer in range(3):
        edge = edge_of(player, layer, best[layer], best[layer + 1])
        assert player.page.locator(f"#edges line[data-index='{edge}']").get_attribute("class") == "hot"


def test_the_distribution_of_a_layer_counts_its_weights(opened: Any, animation: Animation) -> None:
    player = opened()
    edge = edge_of(player, 2, 2, 1)
    player.hover_edge(edge)
    assert player.page.locator("#spread text").text_content().startswith("|w| of 15 edges of l3, 0 … ")
    heights = np.array(
        [float(each.get_attribute("height")) for each in player.page.locator("#spread rect").all()], dtype=float
    )
    edges = animation[39].edges
    sizes = np.abs(edges.weight[edges.layer == 2])
    most = max(np.abs(animation[place].edges.weight[edges.layer == 2]).max() for place in range(40))
    counts = np.histogram(sizes, bins=24, range=(0, most))[0]
    np.testing.assert_allclose(heights, 62 * counts / counts.max(), atol=0.01)
    own = [
        place
        for place, each in enumerate(player.page.locator("#spread rect").all())
        if "own" in each.get_attribute("class")
    ]
    assert own == [min(int(24 * abs(edges.weight[edge]) / most), 23)]


# Two steps


def test_two_steps_are_compared(opened: Any, animation: Animation) -> None:
    player = opened()
    go_to(player, "#epoch=19")
    player.press("x")
    go_to(player, "#epoch=20&edge=l3:2-1")
    first, second = animation[18].edges, animation[19].edges
    edge = int(np.flatnonzero((first.layer == 2) & (first.tail == 2) & (first.head == 1))[0])
    facts = player.facts()
    grown = np.abs(second.weight[edge]) - np.abs(first.weight[edge])
    assert float(facts["|weight| since epoch 19"].replace("−", "-")) == pytest.approx(float(grown), rel=1e-5)
    assert np.float32(facts["weight at epoch 19"].replace("−", "-")) == first.weight[edge]
    assert player.page.locator("#metrics dd").inner_text() == "67.0 % → 93.0 %"
    assert "since epoch 19" in player.text("#ramp")
    strokes = player.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('#edges line')]"
        ".map((line) => [line.dataset.index, line.getAttribute('stroke')]))"
    )
    grey = [edge for edge, color in strokes.items() if len({color[1:3], color[3:5], color[5:7]}) == 1]
    assert len(grey) > 40  # but for three edges hardly anything happened between the two
    player.press("x")
    assert player.page.locator("#metrics dd").inner_text() == "93.0 %"
    assert "since epoch 1" in player.text("#ramp")


@pytest.mark.parametrize("view", ["layers", "map"])
def test_norms_of_two_steps_are_compared(opened: Any, pages: dict[str, Path], view: str) -> None:
    norms = Animation(open_run(pages[view].parent / "jump"), view="layers")._history.shown.norms[:, 2]
    player = opened(view)
    go_to(player, "#epoch=19")
    player.press("x")
    go_to(player, f"#epoch=20&{'row' if view == 'layers' else 'box'}=l3")
    grown = float(player.facts()["‖W‖ since epoch 19"].removesuffix(" %").removeprefix("+").replace("−", "-"))
    assert grown == pytest.approx(100 * (norms[19] / norms[18] - 1), rel=0.05)


# Motion and print


def test_it_opens_playing_unless_motion_is_reduced(opened: Any) -> None:
    player = opened(reduced_motion="no-preference")
    assert player.page.locator("#play").get_attribute("aria-label") == "Pause"
    player.page.wait_for_function("() => document.getElementById('time').textContent !== 'epoch 1'")
    player.press(" ")
    assert player.page.locator("#play").get_attribute("aria-label") == "Play"
    still = opened()
    assert still.page.locator("#play").get_attribute("aria-label") == "Play"
    assert still.text("#time") == "epoch 40"


def test_print_has_no_controls(opened: Any) -> None:
    player = opened()
    player.page.emulate_media(media="print")
    for gone in ("#controls", ".choices", "footer", "#hint"):
        assert player.page.locator(gone).is_hidden()
    for there in ("#graph", "#plot", "#legend", "h1"):
        assert player.page.locator(there).is_visible()


# Without scripts


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("how", ["no scripts", "strict policy"])
def test_the_end_is_seen_without_scripts(browser: Any, pages: dict[str, Path], view: str, how: str) -> None:
    context = browser.new_context(java_script_enabled=how != "no scripts", viewport={"width": 1000, "height": 800})
    page = context.new_page()
    strict = {"content-type": "text/html", "content-security-policy": STRICT} if how == "strict policy" else {}
    page.route(
        "http://artefacts.example/*",
        lambda route: route.fulfill(body=pages[view].read_bytes(), headers={"content-type": "text/html"} | strict),
    )
    page.goto("http://artefacts.example/page.html")
    still = page.locator("#still > *").first
    if view == "matrix" and how == "strict policy":
        assert still.get_attribute("alt") == "epoch 40"  # pixels are pictures, which such a policy forbids
        context.close()
        return
    assert still.is_visible()
    seen = image_of(still.screenshot())
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 50
    red = (seen[..., 0] > 150) & (seen[..., 1] < 110) & (seen[..., 2] < 110)
    assert red.sum() > 200
    if how == "no scripts":
        assert page.locator("#slider").is_hidden()
        assert "needs JavaScript" in page.locator("noscript").inner_text()
    context.close()


def test_with_scripts_there_is_no_still(opened: Any) -> None:
    assert opened().page.locator("#still").count() == 0


def test_the_code_of_a_page_is_small(pages: dict[str, Path]) -> None:
    for view in VIEWS:
        text = pages[view].read_text(encoding="utf-8")
        script = text.rpartition('<script type="module">')[2]
        style = text.partition("<style>")[2].partition("</style>")[0]
        assert len((script + style).encode()) < 60_000
        others = {"network": "drawLayers", "layers": "drawNetwork", "map": "drawMatrix", "matrix": "drawMap"}
        assert f"function {others[view]}" not in script
