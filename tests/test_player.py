"""The player's page: what is in it, and that nothing in it can do harm."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st
from pictures import IRIS, run_with

from nnanim import Animation, open_run
from nnanim.options import THEMES
from nnanim.player import in_script
from nnanim.player.data import thinned
from nnanim.player.looks import LEVELS
from nnanim.player.packing import LIMIT_BYTES, pack

HOSTILE = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """All elements of a page with their attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("/" + tag, {}, ""))

    def handle_data(self, data: str) -> None:
        tag, attributes, text = self.found[-1] if self.found else ("", {}, "")
        if self.found:
            self.found[-1] = (tag, attributes, text + data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        return [(own, text) for name, own, text in self.found if name == tag and attributes.items() <= own.items()]


def told(page: str) -> dict[str, Any]:
    ((_, text),) = Elements(page).all("script", id="data")
    return json.loads(text)


def unpack(text: str, planes: int, snapshots: int) -> np.ndarray:
    """Return (S, …) float32, as the page's script does."""
    flat = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
    steps = np.zeros((flat.size // planes, 4), dtype=np.uint8)
    steps[:, 4 - planes :] = flat.reshape(planes, -1).T
    bits = np.cumsum(steps.view("<u4").reshape(-1, snapshots), axis=1, dtype=np.uint32)
    return bits.view(np.float32).T


# Numbers


@given(
    st.integers(1, 7).flatmap(
        lambda count: st.lists(st.lists(st.floats(width=32), min_size=count, max_size=count), min_size=1, max_size=5)
    )
)
def test_packed_numbers_are_exact(rows: list[list[float]]) -> None:
    values = np.array(rows, dtype=np.float32)
    packed = pack(values, values[:, :1])
    assert packed.planes == 4
    np.testing.assert_array_equal(unpack(packed.edges, 4, len(values)), values)
    np.testing.assert_array_equal(unpack(packed.biases, 4, len(values)), values[:, :1])


def test_two_thousand_snapshots_of_five_hundred_edges_are_exact_and_small() -> None:
    random = np.random.default_rng(0)
    for edges in (random.normal(size=(2000, 500)), random.normal(size=(2000, 500)).cumsum(axis=0) / 100):
        edges = edges.astype(np.float32)
        packed = pack(edges, np.zeros((2000, 30), np.float32))
        assert packed.planes == 4
        assert len(packed.edges) + len(packed.biases) < LIMIT_BYTES < 5_000_000
        np.testing.assert_array_equal(unpack(packed.edges, 4, 2000), edges)


def test_a_longer_run_is_rounded_far_below_what_the_eye_sees() -> None:
    edges = np.random.default_rng(0).normal(size=(2400, 500)).astype(np.float32)
    edges[0, 0], edges[1, 0] = np.nan, 0
    packed = pack(edges, np.full((2400, 4), np.nan, np.float32))
    assert packed.planes == 3
    assert len(packed.edges) + len(packed.biases) < LIMIT_BYTES
    found = unpack(packed.edges, 3, 2400)
    assert np.isnan(found[0, 0])
    assert found[1, 0] == 0
    np.testing.assert_allclose(found[2:], edges[2:], rtol=2.0**-16)
    assert np.isnan(unpack(packed.biases, 3, 2400)).all()


def test_thinned_curve_keeps_what_can_be_seen() -> None:
    x = np.arange(50_000.0)
    y = np.sin(x / 3000)
    y[31_234], y[17] = 5, -5
    y[40_000:40_010] = np.nan
    few_x, few_y = thinned(x, y, 1000)
    assert len(few_x) < 2100
    assert (few_x[0], few_x[-1]) == (0, 49_999)
    assert (np.nanmin(few_y), np.nanmax(few_y)) == (-5, 5)
    assert np.isnan(few_y).any()
    assert thinned(x[:2000], y[:2000], 1000)[0] is not None
    np.testing.assert_array_equal(thinned(x[:2000], y[:2000], 1000)[1], y[:2000])


# The page


def test_page_is_small_and_asks_for_nothing() -> None:
    page = Animation(open_run(IRIS)).html()
    data = told(page)
    ((_, weights),) = Elements(page).all("script", id="weights")
    still = page.partition('<figure id="still">')[2].partition("</figure>")[0]
    assert len(still) < 50_000
    assert len(page.encode()) - len(weights) - len(json.dumps(data)) - len(still) < 60_000
    assert len(page.encode()) < 160_000
    # What is asked for lies in the page itself: parts of a drawing, or a picture written as data.
    assert (
        re.findall(
            r"(?:src=(?!\"data:)|href=(?!\"#)|url\((?!#)|@import|fetch\(|XMLHttpRequest|WebSocket|import\()", page
        )
        == []
    )
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, not an address that is asked


def test_only_the_scripts_and_styles_of_the_page_may_run() -> None:
    page = Elements(Animation(open_run(IRIS)).html())
    ((policy, _),) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in (policy["content"] or "").split(";"))
    assert rules["default-src"] == "'none'"
    for rule, elements in (
        ("script-src", page.all("script", type="module")),
        ("style-src", page.all("style")),
    ):
        ((_, text),) = elements
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not [name for _, own, _ in page.found for name in own if name.startswith("on") or name == "style"]


def test_names_from_files_stay_text(tmp_path: Path) -> None:
    rows = [{"epoch": 1, HOSTILE: 0.5}, {"epoch": 2, HOSTILE: 0.7}]
    run = run_with(tmp_path / "<script>alert(1)<", [[[[1.0]]], [[[2.0]]]], rows)
    page = Animation(run, input_labels=[HOSTILE], output_labels=["\u2028{{data}}"], figsize=(40, 6)).html()
    elements = Elements(page)
    assert elements.all("img") == []
    assert len(elements.all("script")) == 4
    data = told(page)
    assert data["nodes"]["name"] == [HOSTILE, "\u2028{{data}}"]
    assert data["name"] == "<script>alert(1)<"
    ((_, title),) = elements.all("title")
    assert html.unescape(title) == "<script>alert(1)<"


@given(st.recursive(st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_in_a_script_ends_nothing(data: Any) -> None:
    text = in_script(data)
    assert json.loads(text) == data
    assert not set("<>&\u2028\u2029") & set(text)


def test_looks_are_those_of_the_pictures(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", epochs=[1, 2, 3, 4]))
    for options in (
        {"color": "change"},
        {"color": "sign"},
        {"color": "change", "since": "previous", "scale": "layer", "theme": "dark", "palette": "safe"},
    ):
        animation = Animation(run, **options)
        data = told(animation.html())
        frame = animation[1]
        mode = data["modes"][options["color"]]
        theme = options.get("theme", "light")
        assert set(mode["themes"]) == set(THEMES)
        table = np.frombuffer(bytes.fromhex(mode["themes"][theme]["edge"]), dtype=np.uint8).reshape(-1, 3)
        value = frame.edges.weight if options["color"] == "sign" else frame.edges.change
        level = np.rint(LEVELS * np.clip(value / np.array(mode["domain"]), -1, 1)).astype(int) + LEVELS
        # One level more or less is less than anybody sees; at the dead band the ramp is steepest.
        assert np.abs(table[level].astype(int) - frame.edges.color).max() <= 12
        # Widths differ by the size of the drawing only.
        widths = np.array(data["views"]["wide"]["widths"])
        share = np.minimum(np.abs(frame.edges.weight) / np.array(data["width_domain"]), 1)
        drawn = widths[np.rint(LEVELS * share).astype(int)]
        assert np.corrcoef(drawn, frame.edges.width_px)[0, 1] > 0.9999


def test_drawing_is_graphvizs(tmp_path: Path) -> None:
    data = told(Animation(open_run(result_folder(tmp_path / "result"))).html())
    assert set(data["views"]) == {"wide", "narrow"}
    for view in data["views"].values():
        circles, segments = np.array(view["circles"]), np.array(view["segments"])
        width, height = view["size"]
        assert circles.shape == (12, 3)
        assert segments.shape == (35, 4)
        assert (circles[:, :2] > 0).all()
        assert (circles[:, :2] < [width, height]).all()
        np.testing.assert_allclose(segments[:, :2], circles[data["edges"]["tail"], :2], atol=0.1)
        np.testing.assert_allclose(segments[:, 2:], circles[data["edges"]["head"], :2], atol=0.1)


def test_between_snapshots_the_page_has_the_snapshots(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    plain, smooth = told(Animation(run, fps=10).html()), told(Animation(run, tween=4, fps=50).html())
    assert (plain["smooth"], smooth["smooth"]) == (False, True)
    assert plain["titles"] == smooth["titles"] == ["epoch 1", "epoch 2", "epoch 3"]
    assert plain["durations_ms"] == [100, 100, 3000]
    assert smooth["durations_ms"] == [100, 100, 3000]


def test_panels(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert told(Animation(run, panels="curve").html())["views"] == {}
    assert told(Animation(run, panels="network").html())["curves"] == []


def test_notebook_shows_the_page_in_a_sandbox(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")))
    shown = Elements(animation._repr_html_()).all("iframe")
    ((attributes, _),) = shown
    assert attributes["sandbox"] == "allow-scripts allow-downloads"
    assert attributes["srcdoc"] == animation.html()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_same_run_same_page(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert Animation(run).html() == Animation(run).html()


@pytest.mark.parametrize("label", ["a name that is much too long for the side of any network", "花びらの長さ"])
def test_long_and_foreign_names_leave_room_for_the_network(tmp_path: Path, label: str) -> None:
    run = run_with(tmp_path / "result", [[[[1.0]]], [[[2.0]]]])
    for view in told(Animation(run, input_labels=[label]).html())["views"].values():
        (shown,) = view["labels"][0]
        assert shown == label or (shown.endswith("…") and label.startswith(shown[:-1]))
        assert view["circles"][0][0] < 0.4 * view["size"][0]


def test_a_name_of_any_length_is_cut_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnanim.player import looks

    measured: list[str] = []

    def width_pt(text: str, size: float) -> float:
        measured.append(text)
        return len(text) * size / 2

    monkeypatch.setattr(looks, "width_pt", width_pt)
    assert looks.cut("W" * 100_000, 10, 50) == "W" * 9 + "…"
    assert looks.cut("short", 10, 50) == "short"
    assert looks.cut("short", 10, 3) == "…"
    assert len(measured) < 40
