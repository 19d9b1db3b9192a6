"""Animated AVIF: what another reader finds in it, and what is said where it cannot be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from PIL import Image, features

from nnanim import Animation, OutputError, open_run
from nnanim.encoders import avif
from nnanim.encoders.seal import sealable
from nnanim.if_changed import PREFIX

pytestmark = pytest.mark.skipif("avif" not in features.modules, reason="this Pillow knows no AVIF")
SMALL = {"figsize": (3.0, 2.0), "fps": 8.0, "hold_s": 0.7}


@pytest.fixture
def animation(result: Path) -> Animation:
    if not features.check_module("avif"):
        pytest.skip("this Pillow has no codec for AVIF")
    return Animation(open_run(result_folder(result)), **SMALL)


def test_frames_are_close_and_last_as_long_as_in_a_gif(animation: Animation) -> None:
    animation.write("out.avif")
    with Image.open("out.avif") as picture:
        assert picture.n_frames == len(animation)
        for index, frame in enumerate(animation):
            picture.seek(index)
            shown = np.asarray(picture.convert("RGB")).astype(int)
            assert picture.info["duration"] == round(1000 * frame.duration_s)
            assert np.abs(shown - frame.image).mean() < 1
            assert np.abs(shown - frame.image).max() < 60


def test_equal_input_gives_equal_bytes(animation: Animation, monkeypatch: pytest.MonkeyPatch) -> None:
    animation.write("a.avif")
    animation.write("c.gif", "b.avif", jobs=2)
    assert Path("a.avif").read_bytes() == Path("b.avif").read_bytes()
    monkeypatch.setattr(avif, "forget_time", lambda path: None)
    animation.write("timed.avif")
    timed, plain = Path("timed.avif").read_bytes(), Path("a.avif").read_bytes()
    places = [place for place, (one, other) in enumerate(zip(timed, plain, strict=True)) if one != other]
    assert places  # the codec tells the time, so there was something to forget
    assert all(plain[place] == 0 for place in places)


def test_a_single_frame(animation: Animation) -> None:
    Animation(animation.run, figsize=(3.0, 2.0), panels="curve", max_frames=1).write("out.avif")
    with Image.open("out.avif") as picture:
        assert getattr(picture, "n_frames", 1) == 1
        assert picture.size == (300, 200)


def test_what_it_was_made_from_is_kept(animation: Animation) -> None:
    comment = sealable(PREFIX + "5" * 64)
    animation.write("out.avif", comment=comment)
    assert Path("out.avif").read_bytes().count((PREFIX + "5" * 64).encode()) >= 1
    with Image.open("out.avif") as picture:
        assert PREFIX in str(picture.info["xmp"])


def test_once_only_is_refused(animation: Animation, result: Path) -> None:
    with pytest.raises(OutputError) as caught:
        Animation(animation.run, loop=False, **SMALL).write("out.avif")
    assert str(caught.value) == (
        "an .avif plays again and again, as Pillow writes it (without --loop, take a .gif, .webp or .mp4)"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["result"]


def test_where_the_codec_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for change in ({"modules": {}}, {"check_module": lambda name: False}):
        with monkeypatch.context() as patch:
            for name, value in change.items():
                patch.setattr(features, name, value)
            with pytest.raises(OutputError) as caught:
                avif.check_avif()
            assert str(caught.value) == (
                "writing .avif needs Pillow 11.3 or later with its AVIF codec, which this Pillow lacks:"
                " pip install --upgrade pillow"
            )


def test_a_codec_that_fails_is_told(animation: Animation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ValueError("no")

    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(OutputError, match=r"^the \.avif cannot be written: no$"):
        animation.write("out.avif")
    assert sorted(path.name for path in Path().iterdir()) == ["result"]


def test_an_error_between_frames_ends_the_codec_too(animation: Animation) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animation.write("out.avif", progress=stop)
    assert sorted(path.name for path in Path().iterdir()) == ["result"]
