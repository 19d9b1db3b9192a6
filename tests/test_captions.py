"""Captions below columns: none meets another, and what tells names apart is kept."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nnanim.design.fonts import drawn_width_pt, load_font
from nnanim.design.style import Style
from nnanim.design.theme import pick_theme
from nnanim.panels.captions import caption_line, fitting

STYLE = Style(pick_theme("light", "vivid"), load_font(None), "", 1.0, 100.0)


def sides(texts: list[str], columns: list[float], ends: tuple[float, float]) -> list[tuple[float, float]]:
    placed = caption_line(columns, texts, ends, STYLE)
    widths = [drawn_width_pt(text, size, STYLE.dpi, STYLE.families) for _, text, size in placed]
    return [(middle - width / 2, middle + width / 2) for (middle, _, _), width in zip(placed, widths, strict=True)]


@pytest.mark.parametrize("apart", [15, 30, 45, 60, 120])
def test_none_meets_another_or_leaves_the_panel(apart: int) -> None:
    names = ["input", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "fc"]
    columns = [10.0 + apart * index for index in range(5)]
    found = sides(names, columns, (5.0, columns[-1] + 5.0))
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert found[0][0] >= 4.5
    assert found[-1][1] <= columns[-1] + 5.5


def test_ends_that_the_panel_pushes_inwards_meet_no_neighbour() -> None:
    found = sides(["a long name of an input", "convolution", "b"], [5.0, 75.0, 145.0], (0.0, 150.0))
    assert found[0][0] >= -0.5
    assert found[0][1] <= found[1][0]


def test_names_that_begin_alike_keep_their_ends() -> None:
    placed = caption_line([20, 62, 104], ["encoder.layers.1", "encoder.layers.2", "out"], (0, 124), STYLE)
    assert [text for _, text, _ in placed][:2] != ["encoder.layers.1", "encoder.layers.2"]
    assert [text[-1] for _, text, _ in placed] == ["1", "2", "t"]


def test_counts_are_written_shorter_before_they_are_cut() -> None:
    placed = caption_line([10, 34, 58], ["16 of 24", "16 of 48", "10"], (0, 70), STYLE)
    assert [text for _, text, _ in placed] == ["16/24", "16/48", "10"]


def test_the_first_way_to_say_it_that_fits_is_taken() -> None:
    ways = ["160 of 3516 edges · conv1, conv2: Frobenius norms", "160 of 3516 edges · norms", "160 of 3516 edges"]
    assert fitting(ways, 400, STYLE)[0] == ways[0]
    assert fitting(ways, 200, STYLE)[0] == ways[1]
    assert fitting(ways, 130, STYLE) == (ways[2], 12.5)
    text, size = fitting(ways, 110, STYLE)
    assert (text, size < 12.5) == (ways[2], True)
