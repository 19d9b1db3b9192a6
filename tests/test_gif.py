from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from folders import result_folder
from gif_decoders import DECODERS, Decoder, by_own_reader, run_program
from gif_reader import read_gif
from pictures import SAMPLES, run_with
from timing import ONE_FRAME_EACH

from nnanim import Animation, OutputError, open_run
from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import pick_theme
from nnanim.encoders.gif import FixedPaletteGif, write_gif
from nnanim.encoders.whole_file import SUFFIXES, check_target, whole_file
from nnanim.options import COLORS, PALETTES, THEMES

LIGHT = pick_theme("light", "vivid")
PALETTE = LIGHT.gif_palette(COLORINGS["change"].ramp(LIGHT))
SIZE = (41, 30)  # width, height: odd, and not square
# Of 255 in a channel, in the default size. The README states them: measured were 24, 0.76 and 13 over all frames.
LARGEST_COLOUR_ERROR, MEAN_COLOUR_ERROR, LARGEST_EXACT_COLOUR_ERROR = 26, 0.8, 14
COLOUR_ERROR_FRAMES = 16
DURATIONS_S = [0.1, 0.03, 0.02, 1.5, 0.1, 600.0]


def drawings(count: int = len(DURATIONS_S), seed: int = 0) -> list[np.ndarray]:
    """Return pictures in colours of the palette: a noisy box moves over a ground that changes rarely."""
    random = np.random.default_rng(seed)
    width, height = SIZE
    images = []
    ground = np.zeros((height, width), dtype=int)
    for number in range(count):
        if number % 3 == 2:
            ground[number::4, ::3] = number
        picture = ground.copy()
        picture[number : number + 9, 3 * number : 3 * number + 14] = random.integers(0, len(PALETTE), (9, 14))
        images.append(PALETTE[picture])
    return images


def write_animation(path: Path, images: Iterable[np.ndarray], *rest: Any, **options: Any) -> None:
    with whole_file(path) as temporary:
        write_gif(temporary, images, *rest, **options)


def written(path: Path, images: list[np.ndarray], durations_s: list[float] | None = None) -> Path:
    write_animation(path, iter(images), durations_s or [0.1] * len(images), PALETTE)
    return path


@pytest.fixture(params=DECODERS)
def decode(request: pytest.FixtureRequest) -> Decoder:
    return DECODERS[request.param]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample run with all its snapshots, in half the size."""
    path = tmp_path_factory.mktemp("gif") / "iris.gif"
    Animation(open_run(SAMPLES / "iris"), figsize=(4.5, 3), **ONE_FRAME_EACH).write(path)
    return path


def test_pixels_and_delays_come_back(tmp_path: Path, decode: Decoder) -> None:
    images = drawings()
    found, delays_ms = decode(written(tmp_path / "out.gif", images, DURATIONS_S))
    assert delays_ms == [100, 30, 20, 1500, 100, 600_000]
    assert len(found) == len(images)
    for one, other in zip(found, images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_single_frame(tmp_path: Path, decode: Decoder) -> None:
    images = drawings(1)
    found, delays_ms = decode(written(tmp_path / "out.gif", images, [2.0]))
    assert delays_ms == [2000]
    np.testing.assert_array_equal(found, images)


def test_identical_frames_come_back_and_cost_few_bytes(tmp_path: Path, decode: Decoder) -> None:
    image = drawings(1)[0]
    one = written(tmp_path / "one.gif", [image]).stat().st_size
    path = written(tmp_path / "ten.gif", [image] * 10)
    assert path.stat().st_size - one < 10 * 30
    found, delays_ms = decode(path)
    assert delays_ms[0] == 100
    # Some viewers merge what is the same; the time and the picture stay.
    assert sum(delays_ms) == 1000
    for picture in found:
        np.testing.assert_array_equal(picture, image)


def test_a_rendered_run_comes_back_alike_everywhere(rendered: Path, decode: Decoder) -> None:
    expected, _ = by_own_reader(rendered)
    found, delays_ms = decode(rendered)
    assert delays_ms == [100] * 49 + [2000]
    assert len(found) == 50
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_small_change_costs_few_bytes(tmp_path: Path) -> None:
    ground = PALETTE[np.random.default_rng(0).integers(0, len(PALETTE), (300, 300))]
    moved = ground.copy()
    moved[100:110, 50:60] = PALETTE[1]
    one = written(tmp_path / "one.gif", [ground]).stat().st_size
    assert written(tmp_path / "two.gif", [ground, moved]).stat().st_size - one < 300


@pytest.mark.skipif(shutil.which("gifsicle") is None, reason="gifsicle is not on PATH")
def test_gifsicle_finds_nothing_wrong(tmp_path: Path) -> None:
    path = written(tmp_path / "out.gif", drawings(), DURATIONS_S)
    text = run_program("gifsicle", "--info", str(path)).decode()
    assert "* " + str(path) + " 6 images" in text
    assert "logical screen 41x30" in text
    assert "loop forever" in text
    assert [line.split("delay ")[1] for line in text.splitlines() if "delay" in line] == [
        "0.10s",
        "0.03s",
        "0.02s",
        "1.50s",
        "0.10s",
        "600.00s",
    ]


def test_it_loops_for_ever(tmp_path: Path) -> None:
    assert read_gif(written(tmp_path / "out.gif", drawings())).loop == 0


def test_it_plays_once_where_that_was_asked_for(tmp_path: Path) -> None:
    write_animation(tmp_path / "out.gif", drawings(2), [0.1] * 2, PALETTE, loop=False)
    assert read_gif(tmp_path / "out.gif").loop is None


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_every_theme_fit_into_a_file(tmp_path: Path, theme: str, palette: str, color: str) -> None:
    look = pick_theme(theme, palette)
    colors = look.gif_palette(COLORINGS[color].ramp(look))
    assert len(np.unique(colors, axis=0)) == len(colors) <= 255
    assert tuple(colors[0]) == pick_theme(theme, palette).background
    write_animation(tmp_path / "out.gif", [colors[None]], [0.1], colors)
    np.testing.assert_array_equal(read_gif(tmp_path / "out.gif").images, [colors[None]])


def test_other_colours_become_the_nearest_of_the_palette(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, (30, 41, 3), dtype=np.uint8) for _ in range(2)]
    for found, image in zip(read_gif(written(tmp_path / "out.gif", images)).images, images, strict=True):
        assert_nearest(found, image, PALETTE)


def assert_nearest(found: np.ndarray, image: np.ndarray, palette: np.ndarray) -> None:
    colors, where = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)
    distances = ((colors[:, None].astype(int) - palette.astype(int)) ** 2).sum(axis=-1).min(axis=1)
    errors = ((found.astype(int) - image.astype(int)) ** 2).sum(axis=-1).ravel()
    np.testing.assert_array_equal(errors, distances[where.ravel()])


def test_animation_comes_back_as_it_was_drawn(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")), figsize=(4.5, 3), **ONE_FRAME_EACH)
    animation.write(tmp_path / "out.gif")
    gif = read_gif(tmp_path / "out.gif")
    assert gif.size == (450, 300)
    assert gif.delays_ms == [100, 100, 2000]
    for found, frame in zip(gif.images, animation, strict=True):
        error = np.abs(found.astype(int) - frame.image.astype(int))
        assert error.max() <= 64  # blends of two colours over one another are not in the palette
        assert error.mean() < 0.5
        exact = (frame.image == LIGHT.background).all(axis=-1)
        np.testing.assert_array_equal(found[exact], frame.image[exact])


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("sample", ["iris", "digits"])
def test_colour_error_is_what_the_readme_says(
    tmp_path: Path, sample: str, theme: str, palette: str, color: str
) -> None:
    animation = Animation(
        open_run(SAMPLES / sample), theme=theme, palette=palette, color=color, max_frames=COLOUR_ERROR_FRAMES
    )
    painted = list(animation.paint(animation))
    look = pick_theme(theme, palette)
    table = look.gif_palette(COLORINGS[color].ramp(look))
    write_animation(tmp_path / "out.gif", painted, animation.durations_s, table)
    seen, _ = by_own_reader(tmp_path / "out.gif")
    errors = np.abs(np.stack(seen).astype(np.int16) - np.stack(painted))
    assert errors.max() <= LARGEST_COLOUR_ERROR
    assert errors.mean() <= MEAN_COLOUR_ERROR
    assert errors[-1].max() <= LARGEST_EXACT_COLOUR_ERROR


def test_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (written(tmp_path / name, drawings(), DURATIONS_S).read_bytes() for name in ("a.gif", "b.gif"))
    assert one == other


def test_palette_may_have_255_colours_and_no_more(tmp_path: Path) -> None:
    palette = np.stack([np.arange(256)] * 3, axis=-1).astype(np.uint8)
    image = np.repeat(palette[:255].reshape(15, 17, 3), 2, axis=0)
    write_animation(tmp_path / "out.gif", [image], [0.1], palette[:255])
    np.testing.assert_array_equal(read_gif(tmp_path / "out.gif").images, [image])
    with pytest.raises(OSError) as caught:  # noqa: PT011 (imageio's own words; ours are the cause)
        iio.imopen(tmp_path / "none.gif", "w", plugin=FixedPaletteGif, palette=palette)
    assert str(caught.value.__cause__) == "256 colours are too many: a palette has 255 at most"


def test_it_is_a_plugin_of_imageio(tmp_path: Path) -> None:
    images = drawings(3)
    with iio.imopen(tmp_path / "out.gif", "w", plugin=FixedPaletteGif, palette=PALETTE) as file:
        for image in images:
            file.write(image)
    np.testing.assert_array_equal(read_gif(tmp_path / "out.gif").images, images)


def test_frames_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive = []

    def pictures() -> Iterator[np.ndarray]:
        for image in drawings(5):
            alive.append((tmp_path / "out.gif").exists())
            yield image

    write_animation(tmp_path / "out.gif", pictures(), [0.1] * 5, PALETTE)
    assert alive == [False] * 5
    assert (tmp_path / "out.gif").exists()


# The file appears whole or not at all


def failing(error: BaseException) -> Iterator[np.ndarray]:
    yield from drawings(2)
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), RuntimeError("bug"), MemoryError()], ids=repr)
def test_interrupted_write_leaves_the_older_file_and_no_litter(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "out.gif").write_bytes(b"older")
    with pytest.raises(type(error)):
        write_animation(tmp_path / "out.gif", failing(error), [0.1] * 3, PALETTE)
    assert (tmp_path / "out.gif").read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["out.gif"]


def test_full_disk_is_told_with_the_name_of_the_file(result: Path) -> None:
    Path("out.gif").write_bytes(b"older")
    with pytest.raises(OutputError) as caught:
        write_animation(Path("out.gif"), failing(OSError(28, "No space left on device")), [0.1] * 3, PALETTE)
    assert str(caught.value) == "'out.gif' cannot be written: No space left on device"
    assert [path.name for path in Path().iterdir()] == ["out.gif"]
    assert Path("out.gif").read_bytes() == b"older"


def test_missing_frame_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="argument 2"):
        write_animation(tmp_path / "out.gif", drawings(2), [0.1] * 3, PALETTE)
    assert list(tmp_path.iterdir()) == []


def test_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.gif").write_bytes(b"older")
    written(tmp_path / "out.gif", drawings(2))
    assert len(read_gif(tmp_path / "out.gif").images) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.gif"]


def test_link_keeps_pointing_to_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.gif").write_bytes(b"older")
    (tmp_path / "out.gif").symlink_to(Path("far", "real.gif"))
    written(tmp_path / "out.gif", drawings(2))
    assert (tmp_path / "out.gif").is_symlink()
    assert len(read_gif(tmp_path / "far" / "real.gif").images) == 2
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["real.gif"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        written(tmp_path / "out.gif", drawings(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.gif").stat().st_mode) == mode


def test_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    written(tmp_path / ("x" * 251 + ".gif"), drawings(1))
    assert len(list(tmp_path.iterdir())) == 1


# Targets that are refused before anything is drawn


def make_folder() -> None:
    Path("out.gif").mkdir()


def make_pipe() -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo("out.gif")


def make_link_to_itself() -> None:
    Path("out.gif").symlink_to("out.gif")


def make_file_for_folder() -> None:
    Path("folder").write_text("")


def nothing() -> None:
    pass


REFUSED = {
    "suffix": (
        nothing,
        "out.mp5",
        "unknown suffix '.mp5' of 'out.mp5' (must be one of .gif, .html, .svg, .mp4, .webm, .webp, .avif, .apng, .png)",
    ),
    "no suffix": (
        nothing,
        "out",
        "unknown suffix '' of 'out' (must be one of .gif, .html, .svg, .mp4, .webm, .webp, .avif, .apng, .png)",
    ),
    "a device": (
        nothing,
        "/dev/null",
        "unknown suffix '' of '/dev/null' (must be one of .gif, .html, .svg, .mp4, .webm, .webp, .avif, .apng, .png)",
    ),
    "no folder": (nothing, "no/where/out.gif", "the folder 'no/where' of the output 'out.gif' does not exist"),
    "no folder but a file": (
        make_file_for_folder,
        "folder/out.gif",
        "'folder' is not a folder, so 'out.gif' cannot be written into it",
    ),
    "a folder": (make_folder, "out.gif", "the output 'out.gif' exists and is not a file"),
    "a pipe": (make_pipe, "out.gif", "the output 'out.gif' exists and is not a file"),
    "a link to itself": (
        make_link_to_itself,
        "out.gif",
        "'out.gif' cannot be written: Too many levels of symbolic links",
    ),
    "a name too long": (
        nothing,
        "x" * 300 + ".gif",
        "'" + "x" * 300 + ".gif' cannot be written: File name too long",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_target(result: Path, case: str) -> None:
    make, target, message = REFUSED[case]
    make()
    before = sorted(Path().iterdir())
    run = run_with(result, [[[[1.0]]]])
    with pytest.raises(OutputError) as caught:
        Animation(run).write(target)
    assert str(caught.value) == message
    assert sorted(Path().iterdir()) == sorted([*before, result])


def test_folder_without_permission(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result.mkdir()
    result.chmod(0o500)
    if os.access(result, os.W_OK):  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError) as caught:
        check_target(result / "out.gif")
    assert str(caught.value) == "the folder 'result' of the output 'out.gif' is not writable"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder here refuses even root")
def test_folder_that_refuses_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        Animation(run_with(tmp_path / "result", [[[[1.0]]]]), dpi=50).write("/proc/out.gif")
    assert str(caught.value) in {
        "'/proc/out.gif' cannot be written: No such file or directory",  # said to root
        "the folder '/proc' of the output 'out.gif' is not writable",
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffix_may_be_in_capitals(tmp_path: Path, suffix: str) -> None:
    assert check_target(tmp_path / f"out{suffix.upper()}") == tmp_path / f"out{suffix.upper()}"
