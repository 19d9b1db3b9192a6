"""The player in a real browser: every control, what it tells of edges and neurons, and that it asks for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Player
from pictures import run_with

from nnanim import Animation, open_run

HOSTILE = "<script>document.title='pwned'</script>"
SHAPE = (3, 4, 2)
SNAPSHOTS = 12
SAMPLES = Path(__file__).parents[1] / "sample_results"
WIDTHS = (1280, 800, 390)
LABELS = ("sepal", HOSTILE, "petal")


def matrices() -> list[list[np.ndarray]]:
    random = np.random.default_rng(5)
    start = [random.normal(size=(SHAPE[i + 1], SHAPE[i])).astype(np.float32) for i in range(2)]
    steps = [[random.normal(scale=0.1, size=m.shape).astype(np.float32) for m in start] for _ in range(SNAPSHOTS)]
    walks = [np.cumsum([m, *(step[i] for step in steps[1:])], axis=0, dtype=np.float32) for i, m in enumerate(start)]
    return [[walk[index] for walk in walks] for index in range(SNAPSHOTS)]


@pytest.fixture(scope="module")
def animation(tmp_path_factory: pytest.TempPathFactory) -> Animation:
    folder = tmp_path_factory.mktemp("player") / "<b>run"
    rows = [{"epoch": epoch, "main/accuracy": epoch / 20, "main/loss": 1 / epoch} for epoch in range(1, SNAPSHOTS + 1)]
    run_with(folder, matrices(), rows)
    return Animation(
        open_run(folder),
        metric=["main/accuracy", "main/loss"],
        input_labels=LABELS,
        figsize=(40, 6),
        fps=10,
        hold_s=0.3,
        ending="ink",
    )


@pytest.fixture(scope="module")
def file(animation: Animation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "player.html"
    animation.write(path)
    return path


def as_number(text: str) -> np.float32:
    return np.float32(text.replace("−", "-").replace("+", ""))


# Time


def test_opens_at_the_last_snapshot_and_steps(player: Player) -> None:
    assert player.text("#time") == "epoch 12"
    player.page.click("#first")
    assert player.text("#time") == "epoch 1"
    player.page.click("#next")
    player.page.click("#next")
    player.page.click("#back")
    assert player.text("#time") == "epoch 2"
    player.page.click("#last")
    assert player.text("#time") == "epoch 12"
    player.page.click("#next")
    assert player.text("#time") == "epoch 12"


def test_keys_step(player: Player) -> None:
    player.press("Home")
    assert player.text("#time") == "epoch 1"
    player.press("ArrowLeft", "ArrowRight", "ArrowRight")
    assert player.text("#time") == "epoch 3"
    player.press("End", "ArrowLeft")
    assert player.text("#time") == "epoch 11"
    player.press("Shift+ArrowLeft")
    assert player.text("#time") == "epoch 1"


def test_slider(player: Player) -> None:
    slider = player.page.locator("#slider")
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("0", "11")
    slider.fill("4")
    assert player.text("#time") == "epoch 5"
    assert slider.get_attribute("aria-valuetext") == "epoch 5, accuracy 25.0 %, loss 0.2"
    slider.focus()
    player.press("ArrowRight")
    assert player.text("#time") == "epoch 6"
    assert player.page.locator("#metrics dd").all_inner_texts() == ["30.0 %", "0.1667"]


def test_plays_to_the_end_and_again(player: Player) -> None:
    play = player.page.locator("#play")
    assert play.get_attribute("aria-label") == "Play"
    play.click()  # at the end: from the beginning
    assert play.get_attribute("aria-label") == "Pause"
    seen = player.page.evaluate(
        """() => new Promise((resolve) => {
          const seen = [];
          const look = () => {
            const now = document.getElementById("time").textContent;
            if (seen[seen.length - 1] !== now) seen.push(now);
            if (seen.length > 13) resolve(seen); else requestAnimationFrame(look);
          };
          look();
        })"""
    )
    numbers = [int(text.removeprefix("epoch ")) for text in seen]
    assert 12 in numbers  # the last was held
    after = numbers[numbers.index(12) + 1 :]
    assert after[0] == 1  # and then it began again
    assert numbers[: numbers.index(12) + 1] == sorted(numbers[: numbers.index(12) + 1])
    play.click()
    stopped = player.text("#time")
    player.page.wait_for_timeout(400)
    assert player.text("#time") == stopped


def test_space_plays_and_pauses_once(player: Player) -> None:
    player.press(" ")
    assert player.page.locator("#play").get_attribute("aria-label") == "Pause"
    player.press(" ")
    assert player.page.locator("#play").get_attribute("aria-label") == "Play"
    player.page.locator("#play").focus()
    player.press(" ")  # the button's own doing; not twice
    assert player.page.locator("#play").get_attribute("aria-label") == "Pause"


def test_stepping_pauses(player: Player) -> None:
    player.press(" ", "Home")
    assert player.page.locator("#play").get_attribute("aria-label") == "Play"
    assert player.text("#time") == "epoch 1"


def test_speed(player: Player) -> None:
    speed = player.page.locator("#speed")
    assert speed.input_value() == "1"
    player.press("+")
    assert speed.input_value() == "2"
    player.press("-", "-", "-", "-", "-")
    assert speed.input_value() == "0.25"


@pytest.mark.parametrize(("speed", "epoch"), [("1", 6), ("2", 11), ("0.5", 3)])
def test_speed_is_that_of_the_clock(browser: Any, file: Path, speed: str, epoch: int) -> None:
    player = Player(browser, file, clock=True)
    player.page.locator("#speed").select_option(speed)
    player.page.click("#first")
    player.page.click("#play")
    player.page.clock.run_for(530)  # at 10 frames per second, and not just when one begins
    assert player.text("#time") == f"epoch {epoch}"
    assert player.wrong == []
    player.context.close()


def test_click_on_the_curve_jumps_there(player: Player) -> None:
    dot = "#plot circle.dot >> nth=0"
    player.press("Home")
    first = player.page.locator(dot).bounding_box()
    player.press("ArrowRight", "ArrowRight", "ArrowRight")
    fourth = player.page.locator(dot).bounding_box()
    player.press("End")
    player.page.mouse.click(fourth["x"] + fourth["width"] / 2, fourth["y"] - 20)
    assert player.text("#time") == "epoch 4"
    assert player.page.locator(dot).bounding_box() == fourth
    # Pulling moves through time.
    player.page.mouse.down()
    player.page.mouse.move(first["x"] + first["width"] / 2, first["y"])
    player.page.mouse.up()
    assert player.text("#time") == "epoch 1"


# Edges and neurons


@pytest.mark.parametrize("epoch", [1, 5, 12])
def test_pointing_at_an_edge_tells_the_very_weight(player: Player, animation: Animation, epoch: int) -> None:
    player.press("Home", *["ArrowRight"] * (epoch - 1))
    layers = animation.run.snapshots[epoch - 1].read()
    first = animation.run.snapshots[0].read()
    edges = animation[0].edges
    for index in range(len(edges.layer)):
        layer, tail, head = (int(ends[index]) for ends in (edges.layer, edges.tail, edges.head))
        weight, before = (each[layer].weight[head, tail] for each in (layers, first))
        player.hover_edge(index)
        facts = player.facts()
        assert as_number(facts["weight"]) == weight
        assert as_number(facts["|weight| since epoch 1"]) == np.float32(abs(weight) - abs(before))
        tail_name = f"{LABELS[tail]} (input #{tail})" if layer == 0 else f"l{layer} #{tail}"
        assert player.text("#what") == f"{tail_name} → l{layer + 1} #{head}"
        assert player.page.locator("#history").is_visible()


def test_pointing_at_a_neuron_tells_its_strongest_edges(player: Player, animation: Animation) -> None:
    player.hover_node(SHAPE[0] + 1)  # the second of the hidden layer
    assert player.text("#what") == "l1 #1"
    assert player.facts()["bias"] == "none"
    assert player.page.locator("#history").is_hidden()
    layers = animation.run.snapshots[-1].read()
    near = {f"← {name} (input #{tail})": layers[0].weight[1, tail] for tail, name in enumerate(LABELS)}
    near |= {f"→ l2 #{head}": layers[1].weight[head, 1] for head in range(2)}
    expected = sorted(near.items(), key=lambda item: -abs(item[1]))
    rows = player.page.locator("#strongest li").all()[1:]
    found = [row.locator("span").all() for row in rows]
    assert [(name.inner_text(), as_number(value.get_attribute("title"))) for name, value in found] == expected


def test_details_follow_time_and_are_kept_by_a_click(player: Player, animation: Animation) -> None:
    player.hover_edge(7)
    player.page.mouse.down()
    player.page.mouse.up()
    player.page.mouse.move(5, 5)
    assert player.page.locator("#details").get_attribute("data-thing") == "edge7"
    player.press("Home")
    edges = animation[0].edges
    assert as_number(player.facts()["weight"]) == edges.weight[7]
    player.press("Escape")
    assert player.page.locator("#details").get_attribute("data-thing") == ""
    assert player.page.locator("#hint").is_visible()


def test_network_by_keyboard(player: Player, animation: Animation) -> None:
    player.page.locator("#speed").focus()
    for _ in range(20):
        player.press("Shift+Tab")
        if player.page.evaluate("document.activeElement.dataset.kind") == "edge":
            break
    assert player.page.evaluate("document.activeElement.dataset.index") == "0"
    player.press("ArrowDown", "ArrowDown")
    focused = "document.activeElement.dataset.index"
    assert player.page.evaluate(focused) == "2"
    weight = animation[-1].edges.weight[2]
    assert as_number(player.facts()["weight"]) == weight
    assert player.page.evaluate("document.activeElement.getAttribute('aria-label')").endswith(" → l1 #0")
    assert (
        f"weight {player.page.locator('#facts dd').first.inner_text()}" in player.page.locator("#spoken").inner_text()
    )
    player.press("ArrowLeft")  # time goes on, the focus stays
    assert player.text("#time") == "epoch 11"
    assert player.page.evaluate(focused) == "2"
    assert as_number(player.facts()["weight"]) == animation[-2].edges.weight[2]
    player.press("ArrowUp", "ArrowUp", "ArrowUp")
    assert player.page.evaluate(focused) == str(len(animation[0].edges.layer) - 1)
    player.press("Enter", "Tab")
    assert player.page.evaluate("document.activeElement.dataset.kind") == "neuron"
    player.press("Tab", "Tab")
    kept = player.page.locator("#details").get_attribute("data-thing")
    assert kept == f"edge{len(animation[0].edges.layer) - 1}"


def test_everything_has_a_name_for_screen_readers(player: Player) -> None:
    nameless = player.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, section, svg[role]")]
          .filter((element) => !element.getAttribute("aria-label") && !element.labels?.length && !element.title)
          .filter((element) => element.id !== "history")
          .map((element) => element.id || element.outerHTML)"""
    )
    assert nameless == []


# Looks


def stroke(player: Player, index: int) -> tuple[str, float]:
    line = player.page.locator(f'#graph line[data-index="{index}"]')
    return line.get_attribute("stroke"), float(line.get_attribute("stroke-width"))


def test_edges_look_as_in_the_picture(player: Player, animation: Animation) -> None:
    player.press("Home", *["ArrowRight"] * 6)
    edges = animation[6].edges
    looks = [stroke(player, index) for index in range(len(edges.layer))]
    colors = np.array([list(bytes.fromhex(color[1:])) for color, _ in looks])
    assert np.abs(colors - edges.color).max() <= 12  # see the test of the tables
    assert np.corrcoef([width for _, width in looks], edges.width_px)[0, 1] > 0.999


def test_strong_edges_lie_on_top(player: Player) -> None:
    player.press("Home", "ArrowRight")
    widths = player.page.evaluate(
        "() => [...document.querySelectorAll('#graph line')].map((line) => Number(line.getAttribute('stroke-width')))"
    )
    assert widths == sorted(widths)


def test_colour_mode(player: Player, animation: Animation) -> None:
    by_change = stroke(player, 0)
    assert "strengthened" in player.text("#legend")
    player.page.locator("#modes span", has_text="sign").click()
    assert "positive" in player.text("#legend")
    assert stroke(player, 0) != by_change
    player.press("Home")
    sign = Animation(animation.run, color="sign", input_labels=LABELS, figsize=(40, 6))
    colors = np.array([list(bytes.fromhex(stroke(player, index)[0][1:])) for index in range(20)])
    assert np.abs(colors - sign[0].edges.color).max() <= 12
    player.press("End", "c")
    assert stroke(player, 0) == by_change


@pytest.mark.parametrize("wish", ["light", "dark"])
def test_light_and_dark_follow_the_system_and_the_button(browser: Any, file: Path, wish: str) -> None:
    player = Player(browser, file, color_scheme=wish)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    colors = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}
    other = "dark" if wish == "light" else "light"
    assert player.page.evaluate(ground) == colors[wish]
    drawn = stroke(player, 3)
    player.page.emulate_media(color_scheme=other)
    assert player.page.evaluate(ground) == colors[other]
    player.page.locator(f'#graph line[data-index="3"]:not([stroke="{drawn[0]}"])').wait_for()
    player.page.emulate_media(color_scheme=wish)
    player.page.locator(f'#graph line[data-index="3"][stroke="{drawn[0]}"]').wait_for()
    player.page.click("#theme")
    assert player.page.evaluate(ground) == colors[other]
    assert stroke(player, 3) != drawn
    player.press("t")
    assert stroke(player, 3) == drawn
    assert player.wrong == []
    player.context.close()


@pytest.mark.parametrize(("width", "view"), [(1280, "wide"), (800, "wide"), (390, "narrow")])
def test_fits_the_screen(browser: Any, file: Path, width: int, view: str) -> None:
    player = Player(browser, file, viewport={"width": width, "height": 800})
    assert player.page.evaluate("document.documentElement.scrollWidth") == width
    assert player.page.locator("#graph").get_attribute("data-view") == view
    sizes = player.page.evaluate(
        """() => [...document.querySelectorAll("#graph text, #plot text, p, dt, dd, h2, span")]
          .filter((element) => element.getBoundingClientRect().width && !element.closest("#spoken"))
          .map((element) => parseFloat(getComputedStyle(element).fontSize)
            * (element.ownerSVGElement ? element.getScreenCTM().a : 1))"""
    )
    assert min(sizes) >= 9.5
    assert player.wrong == []
    player.context.close()


@pytest.mark.parametrize("sample", sorted(path.parent for path in SAMPLES.glob("**/log")), ids=lambda path: path.name)
def test_no_text_is_cut_off_or_lies_on_another(browser: Any, tmp_path: Path, sample: Path) -> None:
    animation = Animation(open_run(sample))
    (tmp_path / "page.html").write_text(animation.html(), encoding="utf-8")
    player = Player(browser, tmp_path / "page.html")
    for width in WIDTHS:
        player.resize(width)
        assert player.texts_in_the_way() == []
        assert not any("…" in text for text in player.page.locator("#graph text").all_text_contents())
    assert player.wrong == []
    player.context.close()


def test_turning_the_phone_keeps_what_is_shown(player: Player) -> None:
    player.press("Home", "ArrowRight")
    before = stroke(player, 2)[0]
    player.page.set_viewport_size({"width": 390, "height": 800})
    player.page.wait_for_selector("#graph[data-view=narrow]")
    assert player.text("#time") == "epoch 2"
    assert stroke(player, 2)[0] == before


# Safety


def test_names_from_files_stay_text(player: Player) -> None:
    assert player.text("#name") == "<b>run"
    assert player.page.title() == "<b>run"
    assert player.page.locator("#graph text.label").all_inner_texts() != []
    player.hover_node(1)
    assert player.text("#what") == f"{HOSTILE} (input #1)"
    assert player.page.locator("script").count() == 4


def test_in_a_notebook_it_runs_in_its_sandbox(browser: Any, animation: Animation, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text("<!DOCTYPE html><title>notebook</title>" + animation._repr_html_(), encoding="utf-8")
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(notebook.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for(state="attached")
    frame.locator("#first").click()
    assert frame.locator("#time").inner_text() == "epoch 1"
    assert wrong == []
    page.close()


# Size


def test_long_run_plays_through(browser: Any, tmp_path: Path) -> None:
    from nnanim.frames.history import History, Series
    from nnanim.frames.selection import select
    from nnanim.frames.timeline import Clock
    from nnanim.frames.weights import Weights
    from nnanim.options import Options
    from nnanim.player import page as write_page

    random = np.random.default_rng(1)
    sizes, count = (20, 15, 13), 2000
    shapes = [(15, 20), (13, 15)]
    selection = select(
        [np.ones(shape) for shape in shapes], [np.ones(shape) for shape in shapes], Options(max_nodes=24, max_edges=500)
    )
    edges = random.normal(size=(count, len(selection.layer))).cumsum(axis=0).astype(np.float32)
    assert edges.shape[1] == 495
    biases = random.normal(size=(count, sum(sizes))).astype(np.float32)
    weights = Weights(
        selection=selection,
        edges=Series.of(edges, "first"),
        biases=Series.of(biases, "first"),
        names=("l1", "l2"),
        norms=(),
    )
    epochs = tuple(map(float, range(count)))
    history = History(
        name="long",
        clock=Clock("epoch", epochs),
        epochs=epochs,
        iterations=(None,) * count,
        titles=tuple(f"epoch {epoch:.0f}" for epoch in epochs),
        curves=(),
        curve_x=np.full(count, np.nan),
        since="epoch 0",
        shown=weights,
    )
    text = write_page(history, [1 / 30] * count, Options())
    assert len(text.encode()) < 5_000_000
    (tmp_path / "long.html").write_text(text, encoding="utf-8")
    player = Player(browser, tmp_path / "long.html")
    player.press("Home")
    player.hover_edge(3)
    assert as_number(player.facts()["weight"]) == edges[0, 3]
    player.press(*["Shift+ArrowRight"] * 7)
    assert as_number(player.facts()["weight"]) == edges[70, 3]
    assert player.wrong == []
    player.context.close()
