"""How things on the picture stand to each other, probed in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import IRIS, color_at, ends_px, run_with

from nnanim import Animation, open_run
from nnanim.design import theme as looks
from nnanim.design.coloring import COLORINGS
from nnanim.design.fonts import text_width_pt
from nnanim.design.layout import Box
from nnanim.design.theme import pick_theme
from nnanim.panels.network import NetworkPanel

LIGHT = pick_theme("light", "vivid")
# Two edges cross: 0 -> 1 and 1 -> 0; the strong one grows, the weak one shrinks.
BEFORE, AFTER = [[[0.0, 0.5], [3.0, 0.0]]], [[[0.0, 0.25], [4.0, 0.0]]]


@pytest.fixture
def crossing(tmp_path: Path) -> Animation:
    return Animation(run_with(tmp_path / "result", [BEFORE, AFTER, AFTER]))


@pytest.mark.parametrize("turned", [False, True])
def test_strong_edges_lie_on_top_where_they_cross(tmp_path: Path, turned: bool) -> None:
    before, after = (np.array(each[0])[:, ::-1] if turned else np.array(each[0]) for each in (BEFORE, AFTER))
    animation = Animation(run_with(tmp_path / "result", [[before], [after], [after]]))
    frame = animation[1]
    strong = int(np.argmax(frame.edges.width_px))
    crossing = np.mean([point for point in ends_px(animation, frame, strong)], axis=0)
    assert np.abs(color_at(frame.image, crossing) - frame.edges.color[strong]).max() <= 3


@pytest.mark.parametrize("color", COLORINGS)
@pytest.mark.parametrize("palette", ["vivid", "safe"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_legends_words_have_the_colours_that_they_name(theme: str, palette: str, color: str) -> None:
    animation = Animation(open_run(IRIS), theme=theme, palette=palette, color=color, panels="network")
    view = animation._figure.view
    assert isinstance(view, NetworkPanel)
    blocks = view.part.legend
    told = {"weakened": "weakened", "strengthened": "strengthened", "negative": "negative", "positive": "positive"}
    colors = pick_theme(theme, palette)
    low, high = blocks.legend.ramp or ("", "")
    assert (low, high) == COLORINGS[color].ends
    image = animation[0].image.astype(int)
    box, scale = blocks.boxes[0], 100 / 72
    style = view.part.style
    text_pt = looks.TEXT_PT * style.scale
    width = text_width_pt(low, text_pt, style.families)
    spans = {
        low: (box.left, box.left + width),
        high: (box.left + width + 64 * style.scale, box.left + width + 64 * style.scale + 40 * style.scale),
    }
    y = image.shape[0] - (box.bottom + 0.75 * box.height) * scale
    for word, (left, right) in spans.items():
        wanted = np.array(getattr(colors, told[word]))
        patch = image[int(y - 7) : int(y + 7), int(left * scale) : int(right * scale)].reshape(-1, 3)
        assert np.abs(patch - wanted).max(axis=1).min() <= 8, word
        other = np.array(getattr(colors, told[high if word == low else low]))
        assert np.abs(patch - other).max(axis=1).min() > 60, word


def test_the_ramp_ends_in_the_colours_of_edges_that_changed_most(crossing: Animation) -> None:
    view = crossing._figure.view
    assert isinstance(view, NetworkPanel)
    assert tuple(view.part.legend.bar[-1]) == LIGHT.strengthened
    assert tuple(view.part.legend.bar[0]) == LIGHT.weakened
    assert tuple(view.part.legend.bar[len(view.part.legend.bar) // 2]) == LIGHT.unchanged


def test_the_dot_has_its_size() -> None:
    animation = Animation(open_run(IRIS), max_frames=3)
    image = animation[1].image[:, : 900 // 3].astype(int)
    red = np.abs(image - LIGHT.dot).max(axis=2) < 40
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    diameter = 9.0 * 100 / 72  # of 10 pt; half of the pale rim of 1 pt lies inside
    assert len(rows) == pytest.approx(diameter, abs=1.6)
    assert len(columns) == pytest.approx(diameter, abs=1.6)


@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_no_text_lies_on_a_node(figsize: tuple[float, float]) -> None:
    labels = ["sepal length", "sepal width", "petal length", "petal width"]
    animation = Animation(open_run(IRIS), figsize=figsize, input_labels=labels, output_labels=["a", "b", "c"])
    view = animation._figure.view
    assert isinstance(view, NetworkPanel)
    part, style = view.part, view.part.style
    reach = part.nodes.node_radius_pt + part.nodes.ring_range_pt[1] / 2
    size = looks.TEXT_PT * style.scale
    below = min(float(centers[:, 1].min()) for centers in part.nodes.centers_pt) - reach
    assert part.captions_y + size / 2 <= below
    above = max(float(centers[:, 1].max()) for centers in part.nodes.centers_pt) + reach
    assert above <= part.row.top - looks.TITLE_PT * style.scale
    for side, names in ((0, part.names[0]), (-1, part.names[1])):
        x = float(part.nodes.centers_pt[side][0, 0])
        widest = max(text_width_pt(name, size, style.families) for name in names)
        if side == 0:
            assert part.row.left <= x - reach - widest
        else:
            assert x + reach + widest <= part.row.right


@pytest.mark.parametrize("figsize", [(9, 6), (4.5, 7)])
def test_a_title_stands_above_all_and_what_is_too_long_is_cut(figsize: tuple[float, float]) -> None:
    run = open_run(IRIS)
    plain = Animation(run, figsize=figsize, max_frames=2)
    titled = Animation(run, figsize=figsize, max_frames=2, title="Iris, without dropout " * 9)
    image = titled[0].image.astype(int)
    ink = (np.abs(image - LIGHT.background).max(axis=2) > 60).nonzero()
    assert ink[0].min() < 40
    assert ink[1][ink[0] < 30].max() < image.shape[1] - 12  # the margin is kept
    for before, after in zip(plain.node_centers_px, titled.node_centers_px, strict=True):
        assert after[:, 1].min() > before[:, 1].min()  # the network makes room


def test_names_keep_clear_of_their_nodes() -> None:
    animation = Animation(open_run(IRIS), input_labels=["sepal length", "b", "c", "d"], panels="network")
    view = animation._figure.view
    assert isinstance(view, NetworkPanel)
    nodes, image = view.part.nodes, animation[0].image.astype(int)
    x, y = nodes.centers_pt[0][0]
    rim = x - nodes.node_radius_pt - nodes.ring_range_pt[1] / 2
    between = image[:, int((rim - 3) * 100 / 72) : int((rim - 1) * 100 / 72)]
    row = image.shape[0] - int(y * 100 / 72)
    assert (between[row - 8 : row + 8] == 255).all()
    assert (image[row - 8 : row + 8, int((rim - 40) * 100 / 72) : int((rim - 5) * 100 / 72)] < 100).any()


def test_the_dot_of_a_held_out_metric_is_a_smaller_ring() -> None:
    animation = Animation(open_run(IRIS), max_frames=3, metric="validation/main/accuracy")
    image = animation[1].image[:, : 900 // 3].astype(int)
    red = np.abs(image - LIGHT.dot).max(axis=2) < 60
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    diameter = (8.0 + 1.8) * 100 / 72  # of 8 pt, with half of its rim of 1.8 pt at both sides
    assert len(rows) == pytest.approx(diameter, abs=2)
    assert len(columns) == pytest.approx(diameter, abs=2)
    assert not red[int(rows.mean()), int(columns.mean())]


@pytest.mark.parametrize("view", ["network", "layers", "map", "matrix"])
def test_no_seam_shows_between_the_colours_of_a_legend(view: str) -> None:
    """Each part of a bar reaches below the next: a browser that scales an SVG blends both edges with the ground."""
    bars: list[np.ndarray] = []
    single: list[tuple[float, float]] = []

    class Areas:
        def area(self, box: Box, _color: Any) -> None:
            single.append((box.left, box.width))

        def areas(self, boxes: np.ndarray, _colors: np.ndarray) -> None:
            bars.append(boxes[:, [0, 2]])

        def __getattr__(self, _name: str) -> Any:
            return lambda *_things, **_looks: None

    animation = Animation(open_run(IRIS), view=view, max_frames=2)
    part = animation._figure.view.part
    for legend in part.legends if view == "layers" else [part.legend]:
        legend.paint(Areas())
    for bar in [*bars, *([np.array(single)] if single else [])]:
        assert len(bar) > 20
        assert (bar[:-1].sum(axis=1) > bar[1:, 0] + 0.2).all()
    assert bars or single
