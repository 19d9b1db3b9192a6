from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from pictures import run_with
from PIL import Image

from nnanim import Animation, open_run
from nnanim.design.fonts import font_of
from nnanim.design.theme import FONT_FAMILY
from nnanim.painting.brush import Brush
from nnanim.painting.moving_text import MovingText

INK_TOLERANCE = 40  # of 255


@pytest.mark.parametrize("choices", [{}, {"theme": "dark", "dpi": 150}, {"figsize": (4, 3)}, {"figsize": (4, 7)}])
def test_frames_look_as_the_still_that_is_saved(result: Path, choices: dict) -> None:
    animation = Animation(open_run(result_folder(result)), metric=("main/accuracy", "main/loss"), **choices)
    animation.write_still("still.png", 1)
    with Image.open("still.png") as file:
        still = np.array(file.convert("RGB")).astype(int)
    differ = np.abs(animation[1].image - still).max(axis=-1) > INK_TOLERANCE
    # Letters stand on whole pixels, dots on the curves do not: both are elsewhere by about half of one.
    assert differ.mean() < 0.004


def test_level_lines_have_their_width() -> None:
    renderer = RendererAgg(40, 40, 72)
    image = np.asarray(renderer.buffer_rgba())
    image[:] = 255
    line = np.array([[[0.0, 20.3], [40.0, 20.3]]])
    Brush(renderer, 72, (FONT_FAMILY,)).lines(line, np.array([3.5]), np.array([[0, 0, 0]], dtype=np.uint8))
    assert (255 - image[:, 20, 0].astype(float)).sum() / 255 == pytest.approx(3.5, abs=0.03)


def test_later_lines_lie_on_top(result: Path) -> None:
    renderer = RendererAgg(40, 40, 72)
    np.asarray(renderer.buffer_rgba())[:] = 255
    lines = np.array([[[0.0, 20.0], [40.0, 20.0]], [[20.0, 0.0], [20.0, 40.0]]])
    colors = np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    Brush(renderer, 72, (FONT_FAMILY,)).lines(lines, np.array([6.0, 6.0]), colors)
    assert np.asarray(renderer.buffer_rgba())[20, 20, :3].tolist() == [0, 0, 255]


@pytest.mark.parametrize("text", ["epoch 26", "95.3 %", "iteration 120", "0.03704"])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("va", ["top", "center"])
@pytest.mark.parametrize("size_pt", [9.0, 18.0])
def test_text_stands_where_matplotlib_puts_it(text: str, right: bool, va: str, size_pt: float) -> None:
    figure = Figure(figsize=(3, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    place = (280.0, 60.0) if right else (20.0, 60.0)
    look = {"fontsize": size_pt, "va": va, "ha": "right" if right else "left"}
    figure.add_artist(Text(*place, text, transform=Affine2D(), parse_math=False, **look))
    canvas.draw()
    theirs = np.array(canvas.buffer_rgba())
    ours = np.full_like(theirs, 255)
    MovingText(font_of((FONT_FAMILY,)), size_pt, 100, (0, 0, 0)).paint(ours, text, place[0], 40, right=right, va=va)
    for axis in (0, 1):
        inked = [np.flatnonzero((image[..., 0] < 128).any(axis=axis)) for image in (theirs, ours)]
        assert abs(inked[0][0] - inked[1][0]) <= 2
        assert abs(inked[0][-1] - inked[1][-1]) <= 2
    ink = [(255 - image[..., 0].astype(float)).sum() for image in (theirs, ours)]
    assert ink[1] == pytest.approx(ink[0], rel=0.05)


def test_text_beyond_the_rim_is_cut_off() -> None:
    image = np.full((20, 30, 4), 255, dtype=np.uint8)
    moving = MovingText(font_of((FONT_FAMILY,)), 18, 100, (0, 0, 0))
    moving.paint(image, "epoch 26", -20, -3, right=False, va="top")
    moving.paint(image, "epoch 26", 200, 50, right=False, va="top")
    assert (image[:, 0] < 255).any()


def test_a_curve_has_gaps_and_keeps_inside_its_panel(result: Path) -> None:
    rows = [
        {"epoch": epoch, "iteration": 3 * epoch, "main/accuracy": value}
        for epoch, value in enumerate([0.5, 0.5, float("nan"), 0.5, 0.5], start=1)
    ]
    animation = Animation(run_with(result, [[np.ones((2, 2)) * epoch] for epoch in range(1, 6)], rows))
    image = animation[4].image.astype(int)
    dark = np.array(animation._figure.style.theme.curves[0])
    box = animation._figure.panels[0].part.box
    scale = animation.options.dpi / 72
    left, right = round(box.left * scale) + 3, round(box.right * scale)
    columns = (np.abs(image[:, left:right] - dark).max(axis=-1) < 30).any(axis=0)
    width = len(columns)
    assert columns[int(0.1 * width) : int(0.2 * width)].all()
    assert not columns[int(0.35 * width) : int(0.65 * width)].any()
    assert columns[int(0.8 * width) : int(0.9 * width)].all()
