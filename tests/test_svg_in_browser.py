"""Animated SVG in a real browser: it plays, in an ``<img>`` too, and shows what the GIF shows."""

from __future__ import annotations

import io
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from pictures import IRIS, color_at, ends_px, run_with, thickness_px
from PIL import Image

from nnanim import Animation, open_run

CLOSE = 48  # of 255: what anti-aliasing leaves
SEEK = "time => document.getAnimations().forEach((each) => { each.pause(); each.currentTime = time; })"


class Page:
    """A file in a browser; nothing else may be asked for, and nothing may be said."""

    def __init__(self, browser: Any, file: Path, size_px: tuple[int, int], **context: Any) -> None:
        width, height = size_px
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on(
            "request", lambda request: self.wrong.append(request.url) if request.url != file.as_uri() else None
        )
        self.page.goto(file.as_uri())

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def image(self) -> np.ndarray:
        """Return what is seen, (H, W, 3) uint8."""
        picture = self.page.screenshot()
        assert self.wrong == []
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))

    def image_of(self, animation: Animation, index: int) -> np.ndarray:
        """Return what is seen in the middle of a frame."""
        ends = list(accumulate(animation.durations_s))
        self.page.evaluate(SEEK, 1000 * (ends[index] - animation.durations_s[index] / 2))
        return self.image()


def written(animation: Animation, folder: Path) -> Path:
    animation.write(folder / "out.svg")
    return folder / "out.svg"


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return by how much pixels differ, (H, W), in the channel where it is most."""
    return np.abs(one.astype(int) - other.astype(int)).max(axis=2)


def test_lines_are_as_thick_as_they_mean(browser: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    start, end = (random.uniform(0.2, 1.0, size=(1, 3)).astype(np.float32) for _ in range(2))
    run = run_with(tmp_path / "result", [[start + share * (end - start)] for share in np.linspace(0, 1, 9)])
    animation = Animation(run, ending="change", view="network")
    with Page(browser, written(animation, tmp_path), animation.size_px) as page:
        widths = []
        for index in (0, 2, 4, 6, 8):
            frame, image = animation[index], page.image_of(animation, index)
            for edge in range(3):
                start_px, end_px = ends_px(animation, frame, edge)
                color = color_at(image, start_px + 0.5 * (end_px - start_px)).round()
                assert np.abs(color - frame.edges.color[edge]).max() <= 6
                widths.append(thickness_px(image, color, start_px, end_px))
                assert widths[-1] == pytest.approx(frame.edges.width_px[edge], abs=0.5)
    assert max(widths) > 2 * min(widths)


@pytest.mark.parametrize(
    ("options", "least_same"),
    [
        ({}, 0.985),
        ({"theme": "dark", "color": "sign", "palette": "safe", "title": "Iris, 4-5-5-5-3"}, 0.985),
        ({"view": "layers"}, 0.98),  # of all views it writes most
        ({"view": "map"}, 0.985),
        ({"panels": "curve", "metric": ["main/accuracy", "main/loss"]}, 0.985),
    ],
)
def test_it_is_the_picture_of_the_gif_but_for_antialiasing(
    browser: Any, tmp_path: Path, options: dict[str, Any], least_same: float
) -> None:
    animation = Animation(open_run(IRIS), max_frames=12, **options)
    with Page(browser, written(animation, tmp_path), animation.size_px) as page:
        for index in (0, 3, 7, 11, len(animation) - 1):
            image, expected = page.image_of(animation, index), animation[index].image
            far = distance(image, expected) > CLOSE
            assert 1 - far.mean() >= least_same
            # Letters are set without hinting, so their rims differ; but ink is where ink is.
            blocks = far[: far.shape[0] // 12 * 12, : far.shape[1] // 12 * 12].reshape(far.shape[0] // 12, 12, -1, 12)
            assert blocks.mean(axis=(1, 3)).max() < 0.8
            assert np.abs(image.astype(float).mean(axis=(0, 1)) - expected.mean(axis=(0, 1))).max() < 0.6


def test_frames_follow_each_other_in_time(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(IRIS), max_frames=6, fps=5, hold_s=1)
    ends = list(accumulate(animation.durations_s))
    with Page(browser, written(animation, tmp_path), animation.size_px) as page:
        for index, end_s in enumerate(ends[:-1]):
            before, after = [], []
            for seen, time_s in ((before, end_s - 0.004), (after, end_s + 0.004)):
                page.page.evaluate(SEEK, 1000 * time_s)
                seen.append(page.image())
            ours, following = page.image_of(animation, index), page.image_of(animation, index + 1)
            # A browser paints anew only what changes, and rims then differ a little.
            assert distance(before[0], ours).mean() < distance(before[0], following).mean() / 4
            assert distance(after[0], following).mean() < distance(after[0], ours).mean() / 4


def test_paper_and_who_wants_no_motion_show_the_last_frame(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(IRIS), max_frames=6)
    file = written(animation, tmp_path)
    with Page(browser, file, animation.size_px) as page:
        last = page.image_of(animation, len(animation) - 1)
        assert page.page.evaluate("document.getAnimations().length") > 80
        page.page.emulate_media(media="print")
        assert page.page.evaluate("document.getAnimations().length") == 0
    with Page(browser, file, animation.size_px, reduced_motion="reduce") as page:
        assert page.page.evaluate("document.getAnimations().length") == 0
        # But for widths that wait for their key frame.
        assert (distance(page.image(), last) > CLOSE).mean() < 0.0005
        assert (distance(page.image(), animation[-1].image) > CLOSE).mean() < 0.015


def test_it_plays_in_an_img_of_a_strict_page(browser: Any, tmp_path: Path) -> None:
    animation = Animation(open_run(IRIS), max_frames=6, duration_s=2, hold_s=0.5)
    file = written(animation, tmp_path)
    html = tmp_path / "page.html"
    policy = "default-src 'none'; img-src file:"
    html.write_text(f'<meta http-equiv="Content-Security-Policy" content="{policy}"><img src="{file.name}" alt="">')
    context = browser.new_context(viewport={"width": 920, "height": 620})
    page = context.new_page()
    page.goto(html.as_uri())
    first = page.screenshot()
    for _ in range(200):
        if page.screenshot() != first:
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError("nothing moves")
    context.close()


def test_two_files_in_one_page_do_not_mix(browser: Any, tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    files = []
    for theme in ("light", "dark"):
        animation = Animation(run, theme=theme, figsize=(4.5, 3.0))
        files.append(tmp_path / f"{theme}.svg")
        animation.write(files[-1])
    width, height = animation.size_px
    page = tmp_path / "page.html"
    pictures = "".join(
        file.read_text(encoding="utf-8").replace("<svg ", '<svg style="display:block" ') for file in files
    )
    page.write_text(f'<meta charset="utf-8"><body style="margin:0">{pictures}', encoding="utf-8")
    with Page(browser, page, (width, 2 * height)) as both:
        image = both.image_of(animation, 0)
    for place, file in enumerate(files):
        with Page(browser, file, (width, height)) as alone:
            part = image[place * height : (place + 1) * height]
            assert (distance(part, alone.image_of(animation, 0)) > CLOSE).mean() < 0.0005
