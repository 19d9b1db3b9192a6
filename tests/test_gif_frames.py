from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from gif_reader import read_gif
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import IRIS
from PIL import Image, ImageSequence
from timing import ONE_FRAME_EACH

from nnanim import Animation, open_run
from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import pick_theme
from nnanim.encoders.gif import FixedPaletteGif, write_gif
from nnanim.encoders.gif_frames import EXACT_EVERY, TOLERANCE, FramePacker, is_exact
from nnanim.options import COLORS, PALETTES, THEMES

GREYS = np.stack([np.arange(0, 256, 16)] * 3, axis=1).astype(np.uint8)
IDENTICAL_FRAME_BYTES = 30


def frames_of(values: list[int], height: int = 6, width: int = 9) -> list[np.ndarray]:
    return [np.full((height, width, 3), value, dtype=np.uint8) for value in values]


def nearest(image: np.ndarray, palette: np.ndarray) -> np.ndarray:
    distances = ((image[..., None, :].astype(int) - palette.astype(int)) ** 2).sum(axis=-1)
    return palette[distances.argmin(axis=-1)]


def with_pillow(path: Path) -> list[np.ndarray]:
    with Image.open(path) as file:
        return [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]


def with_ffmpeg(path: Path, height: int, width: int) -> list[np.ndarray]:
    command = ["ffmpeg", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    raw = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    return list(np.frombuffer(raw, dtype=np.uint8).reshape(-1, height, width, 3))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    """The first frames of the sample run, across an exact one, in a file and as they were drawn."""
    animation = Animation(open_run(IRIS), max_frames=EXACT_EVERY + 3, figsize=(4.5, 3), **ONE_FRAME_EACH)
    path = tmp_path_factory.mktemp("gif") / "sample.gif"
    animation.write(path)
    return path, list(animation.paint(animation))


def errors(seen: list[np.ndarray], drawn: list[np.ndarray]) -> np.ndarray:
    assert len(seen) == len(drawn)
    return np.abs(np.stack(seen).astype(int) - np.stack(drawn))


def test_the_file_shows_what_was_drawn(sample):
    path, drawn = sample
    wrong = errors(read_gif(path).images, drawn)
    # The largest is where two lines cross at an angle that the palette has no blend for.
    assert wrong.max() <= 30
    assert wrong.mean() < 0.8


def test_pillow_sees_the_same(sample):
    path, _ = sample
    assert np.array_equal(with_pillow(path), read_gif(path).images)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_ffmpeg_sees_the_same(sample):
    path, drawn = sample
    assert np.array_equal(with_ffmpeg(path, *drawn[0].shape[:2]), read_gif(path).images)


@pytest.mark.skipif(shutil.which("gifsicle") is None, reason="needs gifsicle")
def test_gifsicle_finds_nothing_wrong(sample):
    path, drawn = sample
    told = subprocess.run(["gifsicle", "--info", path], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert told.stdout.count("+ image #") == len(drawn)


@pytest.mark.skipif(shutil.which("identify") is None, reason="needs ImageMagick")
def test_imagemagick_finds_nothing_wrong(sample):
    path, drawn = sample
    told = subprocess.run(["identify", "-format", "%W %H\n", path], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert told.stdout.splitlines() == ["450 300"] * len(drawn)


def test_exact_frames_have_the_nearest_colours(sample):
    path, drawn = sample
    theme = pick_theme("light", "vivid")
    palette = theme.gif_palette(COLORINGS["change"].ramp(theme))
    seen = read_gif(path).images
    exact = [index for index in range(len(drawn)) if index == 0 or is_exact(index, len(drawn))]
    assert exact == [0, EXACT_EVERY - 1, EXACT_EVERY + 2]
    for index in exact:
        distance = ((seen[index].astype(int) - drawn[index]) ** 2).sum(axis=-1)
        best = ((nearest(drawn[index], palette).astype(int) - drawn[index]) ** 2).sum(axis=-1)
        assert np.array_equal(distance, best)


def test_slow_change_is_followed(tmp_path):
    values = list(range(0, 240, 2))
    write_gif(tmp_path / "slow.gif", frames_of(values), [0.1] * len(values), GREYS)
    seen = np.array([image[0, 0, 0] for image in read_gif(tmp_path / "slow.gif").images])
    assert np.abs(seen - values).max() <= TOLERANCE
    assert len(set(seen.tolist())) == 16


def test_a_change_within_the_tolerance_is_not_stored():
    packer = FramePacker(GREYS)
    packer.pack(frames_of([64])[0], 10, exact=False)
    unchanged = packer.pack(frames_of([64 + TOLERANCE])[0], 10, exact=False)
    assert len(unchanged) < IDENTICAL_FRAME_BYTES
    assert len(packer.pack(frames_of([64 + TOLERANCE + 1])[0], 10, exact=False)) > len(unchanged)


def test_identical_frames_cost_a_few_bytes(tmp_path):
    random = np.random.default_rng(0)
    image = random.choice(GREYS, size=(200, 300))
    for count in (1, 11):
        write_gif(tmp_path / f"{count}.gif", [image] * count, [0.1] * count, GREYS)
    growth = (tmp_path / "11.gif").stat().st_size - (tmp_path / "1.gif").stat().st_size
    assert growth == 10 * (growth // 10)
    assert growth // 10 < IDENTICAL_FRAME_BYTES
    assert len(read_gif(tmp_path / "11.gif").images) == 11


def test_a_frame_stores_only_the_box_that_changed(tmp_path):
    images = frames_of([240, 240], 100, 200)
    images[1][30:40, 50:70] = 0
    write_gif(tmp_path / "box.gif", images, [0.1, 0.2], GREYS)
    with Image.open(tmp_path / "box.gif") as file:
        file.seek(1)
        assert tuple(file.tile[0])[1] == (50, 30, 70, 40)
        assert file.info["duration"] == 200


def test_a_packer_that_begins_behind_an_exact_frame_goes_on_alike():
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, (8, 9, 3), dtype=np.uint8) for _ in range(4)]
    through, later = FramePacker(GREYS), FramePacker(GREYS)
    for image in images[:2]:
        through.pack(image, 10, exact=True)
    later.begin_behind(images[1])
    for image in images[2:]:
        assert later.pack(image, 10, exact=False) == through.pack(image, 10, exact=False)


def test_views_and_plain_arrays_give_the_same_bytes():
    random = np.random.default_rng(2)
    rgba = random.integers(0, 256, (8, 9, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    views = (rgba[..., :3], rgba[..., :3].copy(), np.asfortranarray(rgba[..., :3]), rgba[..., 2::-1].copy()[..., ::-1])
    assert len({FramePacker(GREYS).pack(view, 10, exact=True) for view in views}) == 1


@given(st.lists(st.lists(st.integers(0, 255), min_size=6, max_size=6), min_size=1, max_size=5), st.booleans())
@settings(max_examples=40)
def test_any_frames_come_back(tmp_path_factory, pixels, loop):
    path = tmp_path_factory.getbasetemp() / "any.gif"
    images = [np.repeat(np.array(frame, dtype=np.uint8).reshape(2, 3, 1), 3, axis=2) for frame in pixels]
    write_gif(path, images, [0.03] * len(images), GREYS, loop=loop)
    gif = read_gif(path)
    assert gif.loop == (0 if loop else None)
    assert gif.delays_ms == [30] * len(images)
    assert errors(gif.images, images).max() <= 15  # 240 is the nearest grey to 255
    assert np.array_equal(gif.images[-1], nearest(images[-1], GREYS))


def test_a_palette_of_256_colours_leaves_no_room(tmp_path):
    with pytest.raises(OSError, match="initializing plugin") as caught:
        write_gif(tmp_path / "x.gif", [], [], np.zeros((256, 3), dtype=np.uint8))
    assert str(caught.value.__cause__) == "256 colours are too many: a palette has 255 at most"


def test_the_plugin_only_writes(tmp_path):
    write_gif(tmp_path / "x.gif", frames_of([0]), [0.1], GREYS)
    with pytest.raises(OSError, match="can not handle the given uri"):
        iio.imopen(tmp_path / "x.gif", "r", plugin=FixedPaletteGif, palette=GREYS)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", THEMES)
def test_every_edge_colour_is_close_to_one_of_the_palette(theme, palette, color):
    colors = pick_theme(theme, palette)
    ends = COLORINGS[color].ramp(colors)
    table = colors.gif_palette(ends)
    intensity = np.linspace(-1, 1, 201)
    for ramp in (colors.edge_colors(intensity, ends), colors.ring_colors(intensity, ends)):
        for share in (0.25, 0.5, 0.75, 1.0):
            blend = np.rint(share * ramp + (1 - share) * np.array(colors.background))
            assert np.abs(blend - nearest(blend, table)).max() <= 16
