"""The panel of the curve, by the pixels at computed places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import run_with

from nnanim import Animation


def animation(result: Path, values: list[float], metric: str = "main/accuracy", **options: object) -> Animation:
    rows = [{"epoch": epoch, "iteration": 3 * epoch, metric: value} for epoch, value in enumerate(values, start=1)]
    return Animation(
        run_with(result, [[np.ones((2, 2)) * epoch] for epoch in range(1, len(values) + 1)], rows), **options
    )


def pixel(picture: Animation, place: int, share_x: float, share_y: float) -> list[int]:
    """Return the colour at a place of the data area, its shares from the lower left corner."""
    box = picture._figure.panels[0].part.box
    scale = picture.options.dpi / 72
    x, y = (box.left + share_x * box.width) * scale, (box.bottom + share_y * box.height) * scale
    return picture[place].image[int(picture.size_px[1] - y), int(x)].tolist()


def shares(low: float, high: float, *values: float) -> list[float]:
    margin = 0.05 * (high - low)
    return [(value - low + margin) / (high - low + 2 * margin) for value in values]


@pytest.mark.parametrize("place", [0, 1, 4])
def test_the_dot_stands_at_epoch_and_value(result: Path, place: int):
    values = [0.2, 0.9, 0.4, 0.6, 0.8]
    picture = animation(result, values)
    x, y = shares(1, 5, place + 1)[0], shares(0.2, 0.9, values[place])[0]
    assert pixel(picture, place, x, y) == list(picture._figure.style.theme.dot)


def test_what_has_passed_is_stronger_than_what_comes(result: Path):
    picture = animation(result, [0.5] * 4 + [0.6])
    theme = picture._figure.style.theme
    (y,) = shares(0.5, 0.6, 0.5)
    passed, coming = (pixel(picture, 1, x, y) for x in shares(1, 5, 1.3, 3.5))
    assert passed == list(theme.curves[0])
    ends = zip(theme.curves[0], theme.background, strict=True)
    assert coming == [pytest.approx(0.35 * c + 0.65 * b, abs=1) for c, b in ends]


def test_a_constant_curve_lies_in_the_middle(result: Path):
    picture = animation(result, [0.25] * 5)
    assert pixel(picture, 2, 0.5, 0.5) == list(picture._figure.style.theme.dot)


def test_a_curve_without_numbers_has_no_dot(result: Path):
    picture = animation(result, [float("nan")] * 3)
    box, scale = picture._figure.panels[0].part.box, picture.options.dpi / 72
    rows = slice(round(picture.size_px[1] - box.top * scale), round(picture.size_px[1] - box.bottom * scale) - 3)
    columns = slice(round(box.left * scale) + 3, round(box.right * scale))
    assert (picture[1].image[rows, columns] == 255).all()


def test_the_factor_of_small_values_stands_above_the_axis(result: Path):
    """Without it, 1 and 2 at the axis would be a lie."""

    def above(picture: Animation) -> np.ndarray:
        box, scale = picture._figure.panels[0].part.box, picture.options.dpi / 72
        bottom = round(picture.size_px[1] - box.top * scale) - 2
        return picture[0].image[bottom - 15 : bottom, round(box.left * scale) : round(box.right * scale)]

    assert (above(animation(result, [1e-8, 2e-8], "main/loss")) < 200).any()
    assert not (above(animation(result.with_name("other"), [0.1, 0.2], "main/loss")) < 200).any()


def test_a_line_break_in_a_name_is_a_space(result: Path, recwarn: pytest.WarningsRecorder):
    broken = animation(result, [0.1, 0.2], "loss\nof all")
    whole = animation(result.with_name("whole"), [0.1, 0.2], "loss of all")
    np.testing.assert_array_equal(broken[1].image, whole[1].image)
    assert not recwarn.list
