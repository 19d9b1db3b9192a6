"""What a notebook shows of the objects that it is given."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from PIL import Image
from timing import ONE_FRAME_EACH

from nnanim import Animation, OptionError, Run, open_run, render

SMALL = {"figsize": (4, 3), "dpi": 50, **ONE_FRAME_EACH}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    result_folder(tmp_path / "result", epochs=[1, 2, 3])
    return open_run("result")


def test_objects_say_in_a_line_what_they_are(run: Run) -> None:
    animation = Animation(run, **SMALL)
    assert repr(run) == "<Run 'result': chainer, 3 snapshots, layers 4,5,3, a log of 3 rows>"
    assert repr(animation) == "<Animation of 'result': 3 frames, 200x150 px, 2.2 s>"
    assert repr(animation[1]) == "<Frame 1: epoch 2, 35 edges, 12 nodes, 0.1 s>"
    assert repr(run.snapshots[0].read()[0]) == "<Layer 'l1': 5x4, with bias>"
    for each in (run, animation, *animation, *run.snapshots):
        assert len(repr(each)) < 200


def test_frame_shows_its_picture(run: Run) -> None:
    frame = Animation(run, **SMALL)[0]
    with Image.open(io.BytesIO(frame._repr_png_())) as picture:
        np.testing.assert_array_equal(np.array(picture), frame.image)


def test_animation_shows_its_end_where_no_page_is_shown(run: Run) -> None:
    animation = Animation(run, **SMALL)
    with Image.open(io.BytesIO(animation._repr_png_())) as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
    end = animation._frame(len(animation) - 1, still=True).image
    assert np.abs(shown - end).max(axis=2).mean() < 3
    page = animation._repr_html_()
    alone = base64.b64encode(animation._repr_png_()).decode()
    assert page.startswith(f'<div><img alt="nnanim" style="max-width:100%" src="data:image/png;base64,{alone}">')


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("colour", "there is no option 'colour' (did you mean 'color'?)"),
        ("max_node", "there is no option 'max_node' (did you mean 'max_nodes'?)"),
        ("zzz", "there is no option 'zzz' (known are metric, color, since, "),
    ],
)
def test_unknown_option_names_the_nearest(run: Run, name: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        Animation(run, **{name: 1})
    assert str(caught.value).startswith(words)
    with pytest.raises(OptionError):
        render("result", "out.gif", **{name: 1})
