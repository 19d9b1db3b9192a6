"""Every format, opened by another program than the one that wrote it."""

from __future__ import annotations

import builtins
import json
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from gif_reader import read_gif
from pictures import IRIS
from PIL import Image
from timing import ONE_FRAME_EACH

import nnanim
from nnanim import Animation, OutputError, open_run
from nnanim.encoders.movie import changed_box
from nnanim.encoders.targets import Target, find_target
from nnanim.encoders.whole_file import EXACT_EVERY
from nnanim.extras import how_to_install
from nnanim.options import FORMATS, SUFFIXES
from nnanim.painting.canvas import Canvas

SMALL = {"figsize": (3.01, 2.01), "dpi": 100.0, **ONE_FRAME_EACH}  # odd sides
DURATIONS_S = [0.1, 0.1, 2.0]

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


@pytest.fixture
def animation(tmp_path: Path) -> Animation:
    return Animation(open_run(result_folder(tmp_path / "result")), **SMALL)


def probe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-of", "json", "-show_streams", "-show_format"]
    return json.loads(subprocess.run([*command, str(path)], check=True, capture_output=True).stdout)


def frame_times(path: Path) -> list[tuple[float, float]]:
    """Return when each packet is shown and for how long, in seconds."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_packets", str(path)]
    packets = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packets"]
    return sorted((float(packet["pts_time"]), float(packet["duration_time"])) for packet in packets)


def decoded(path: Path, size: tuple[int, int]) -> np.ndarray:
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
    ]
    raw = subprocess.run([*command, "-"], check=True, capture_output=True).stdout
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size[1], size[0], 3)


def shown_by_pillow(path: Path) -> tuple[list[np.ndarray], list[float], int]:
    images, durations = [], []
    with Image.open(path) as file:
        for index in range(file.n_frames):  # type: ignore[attr-defined]
            file.seek(index)
            images.append(np.array(file.convert("RGB")))
            durations.append(file.info["duration"])
        return images, durations, file.info.get("loop", 1)  # a GIF that plays once says nothing


# Animated PNG and WebP: the very pixels


@pytest.mark.parametrize("name", ["out.png", "out.apng", "out.webp"])
@pytest.mark.parametrize("loop", [True, False])
def test_full_colour_formats_hold_the_very_pixels(tmp_path: Path, name: str, loop: bool) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")), **SMALL, loop=loop, full_color=True)
    animation.write(tmp_path / name)
    images, durations_ms, repeats = shown_by_pillow(tmp_path / name)
    assert durations_ms == [100, 100, 2000]
    assert repeats == (0 if loop else 1)
    for image, expected in zip(images, animation.paint(animation), strict=True):
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("loop", [True, False])
def test_webp_holds_the_pixels_of_the_gif(tmp_path: Path, loop: bool) -> None:
    folder = result_folder(tmp_path / "result", epochs=list(range(1, 6)))
    animation = Animation(open_run(folder), **SMALL, tween=9, loop=loop)
    animation.write(tmp_path / "out.gif", tmp_path / "out.webp")
    images, durations_ms, repeats = shown_by_pillow(tmp_path / "out.webp")
    expected, in_gif_ms, _ = shown_by_pillow(tmp_path / "out.gif")
    assert len(images) == len(animation) > EXACT_EVERY
    assert durations_ms == in_gif_ms
    assert repeats == (0 if loop else 1)
    np.testing.assert_array_equal(images, expected)
    assert (tmp_path / "out.webp").stat().st_size < (tmp_path / "out.gif").stat().st_size


@needs_ffmpeg
def test_ffmpeg_reads_the_animated_png(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "out.apng")
    (stream,) = probe(tmp_path / "out.apng")["streams"]
    assert (stream["codec_name"], stream["nb_read_frames"]) == ("apng", "3")
    images = decoded(tmp_path / "out.apng", animation.size_px)
    np.testing.assert_array_equal(images, list(animation.paint(animation)))


def test_png_chunks_have_their_sums_and_sequence(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "out.png")
    data, position, names, sequence = (tmp_path / "out.png").read_bytes(), 8, [], []
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        chunk = data[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length) == (zlib.crc32(chunk),)
        names.append(chunk[:4].decode())
        if names[-1] in ("fcTL", "fdAT"):
            sequence += struct.unpack_from(">I", chunk, 4)
        position += 12 + length
    assert names == ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT", "IEND"]
    assert sequence == [0, 1, 2, 3, 4]


def test_webp_is_as_long_as_it_says(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "out.webp")
    data = (tmp_path / "out.webp").read_bytes()
    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)


def test_too_large_for_webp(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result", epochs=[1])), figsize=(164, 1.5), dpi=100.0)
    with pytest.raises(
        OutputError, match=r"^a frame of 16400x150 px is too large for WebP: its sides have 16383 at most$"
    ):
        animation.write(tmp_path / "out.webp")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_frames_that_do_not_differ(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "result", epochs=[1, 2], log=False)
    (folder / "trainer_00002").write_bytes((folder / "trainer_00001").read_bytes())
    animation = Animation(open_run(folder), **SMALL, since="previous", color="change", full_color=True)
    for name in ("out.png", "out.webp"):
        animation.write(tmp_path / name)
        images, durations_ms, _ = shown_by_pillow(tmp_path / name)
        assert durations_ms == [100, 2000]
        np.testing.assert_array_equal(images, list(animation.paint(animation)))


def test_changed_box() -> None:
    before = np.zeros((10, 12, 3), dtype=np.uint8)
    after = before.copy()
    assert changed_box(before, after) == (0, 0, 1, 1)
    after[3:5, 5:8, 1] = 9
    assert changed_box(before, after) == (5, 3, 8, 5)
    assert changed_box(before, after, grid_px=2) == (4, 2, 8, 5)


# Video


@needs_ffmpeg
@pytest.mark.parametrize(("name", "codec"), [("out.mp4", "h264"), ("out.webm", "vp9")])
def test_video_is_as_long_as_the_gif(animation: Animation, tmp_path: Path, name: str, codec: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    animation.write(tmp_path / name, tmp_path / "out.gif")
    told = probe(tmp_path / name)
    (stream,) = told["streams"]
    assert (stream["codec_name"], stream["pix_fmt"], stream["nb_read_frames"]) == (codec, "yuv420p", "3")
    assert (stream["width"], stream["height"]) == (302, 202)  # 301x201 would be odd
    gif_s = [delay / 1000 for delay in read_gif(tmp_path / "out.gif").delays_ms]
    assert float(told["format"]["duration"]) == pytest.approx(sum(gif_s))
    starts = np.cumsum([0, *gif_s[:-1]])
    np.testing.assert_allclose(frame_times(tmp_path / name), list(zip(starts, gif_s, strict=True)), atol=1e-6)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_video_keeps_thin_lines_and_colours(tmp_path: Path, name: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    animation = Animation(open_run(IRIS), max_frames=3)
    animation.write(tmp_path / name)
    images = decoded(tmp_path / name, (900, 600)).astype(float)
    for image, expected in zip(images, animation.paint(animation), strict=True):
        difference = image - expected
        # Of halved colours 30 dB are left at worst; in brightness, which shows the lines, little may be lost.
        assert 10 * np.log10(255**2 / np.square(difference).mean()) > 30
        brightness = difference @ [0.2126, 0.7152, 0.0722]
        assert np.sqrt(np.square(brightness).mean()) < 2.5
        assert np.abs(image[2:5, 2:5] - expected[2:5, 2:5]).max() <= 2  # the background is just that


@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_video_twice_gives_the_same_bytes(animation: Animation, tmp_path: Path, name: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    animation.write(tmp_path / name)
    first = (tmp_path / name).read_bytes()
    animation.write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_video_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "av":
            raise ModuleNotFoundError("No module named 'av'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OutputError) as caught:
        nnanim.render(tmp_path / "nothing", tmp_path / "out.mp4")  # said before the folder is looked at
    assert str(caught.value) == (
        "writing .mp4 or .webm needs the package 'av', which is not installed: " + how_to_install("video")
    )


# A folder of frames


def test_frames_folder(animation: Animation, tmp_path: Path) -> None:
    animation.write(f"{tmp_path}/frames/")
    folder = tmp_path / "frames"
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png", "frames.json"]
    told = json.loads((folder / "frames.json").read_text())
    assert (told["version"], told["size_px"], told["loop"]) == (1, list(animation.size_px), True)
    for frame, image, record in zip(animation, animation.paint(animation), told["frames"], strict=True):
        with Image.open(folder / record["file"]) as picture:
            np.testing.assert_array_equal(np.array(picture), image)
        assert (record["epoch"], record["iteration"]) == (frame.epoch, frame.iteration)
        assert record["duration_s"] == frame.duration_s
        assert record["metrics"] == frame.metrics
        for name in ("layer", "tail", "head"):
            assert record["edges"][name] == getattr(frame.edges, name).tolist()
        for name in ("weight", "change"):
            np.testing.assert_array_equal(np.float32(record["edges"][name]), getattr(frame.edges, name))
        np.testing.assert_allclose(record["edges"]["width_px"], frame.edges.width_px, rtol=1e-6)
        assert record["edges"]["color"] == ["#" + bytes(color).hex() for color in frame.edges.color]
        inputs = [
            bias for bias, layer in zip(record["nodes"]["bias"], record["nodes"]["layer"], strict=True) if not layer
        ]
        assert inputs == [None] * 4  # NaN is no JSON


def test_frames_replace_frames_only(animation: Animation, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    animation.write(folder)  # a folder that is there needs no slash
    (folder / "00099.png").write_bytes(b"of a longer run")
    animation.write(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png", "frames.json"]
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError) as caught:
        animation.write(folder)
    assert str(caught.value) == (
        f"the folder '{folder}' holds 'thesis.tex', which is no frame: frames are written into a new folder, an"
        " empty one, or one that holds frames only"
    )
    assert (folder / "thesis.tex").read_text() == "mine"


def test_frames_appear_whole_or_not_at_all(animation: Animation, tmp_path: Path) -> None:
    animation.write(f"{tmp_path}/frames/")
    before = {path.name: path.read_bytes() for path in (tmp_path / "frames").iterdir()}

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animation.write(f"{tmp_path}/frames/", f"{tmp_path}/new/", tmp_path / "new.webp", progress=stop)
    assert {path.name: path.read_bytes() for path in (tmp_path / "frames").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "result"]


def test_a_file_in_the_place_of_the_folder(animation: Animation, tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("mine")
    with pytest.raises(OutputError, match=r"frames' exists and is not a folder, as frames need$"):
        animation.write(f"{tmp_path}/frames/")


# Several outputs in one call


def test_several_outputs_are_what_one_alone_would_be_and_each_frame_is_painted_once(
    animation: Animation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted = []
    paint = Canvas.paint

    def counting(self: Canvas, *what: Any) -> Any:
        painted.append(what)
        return paint(self, *what)

    names = ["out.gif", "out.png", "out.webp", "out.html"]
    for name in names:
        animation.write(tmp_path / name)
    alone = {name: (tmp_path / name).read_bytes() for name in names}
    monkeypatch.setattr(Canvas, "paint", counting)
    animation.write(*(tmp_path / name for name in names), f"{tmp_path}/frames/")
    assert len(painted) == len(animation)
    assert {name: (tmp_path / name).read_bytes() for name in names} == alone


def test_progress_tells_each_frame_once(animation: Animation, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    animation.write(tmp_path / "out.gif", tmp_path / "out.png", progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_has_a_format(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnanim.encoders.video.check_video", lambda: None)
    monkeypatch.setattr("nnanim.encoders.avif.check_avif", lambda: None)
    found = find_target(tmp_path / f"out{suffix.upper()}")
    assert found.format in FORMATS
    assert found == Target(tmp_path / f"out{suffix.upper()}", found.format)


def test_format_whatever_the_name(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "picture", file_format="gif")
    assert (tmp_path / "picture").read_bytes()[:6] == b"GIF89a"
    with pytest.raises(
        OutputError, match=r"^unknown format 'avi' of 'out' \(must be one of gif, html, svg, mp4, webm, webp, "
    ):
        animation.write("out", file_format="avi")


@pytest.mark.skipif(shutil.which("identify") is None, reason="ImageMagick is not installed")
def test_imagemagick_reads_the_webp(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "out.webp")
    command = ["identify", "-format", "%n %T %g\n", str(tmp_path / "out.webp")]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["3", "10"], ["3", "10"], ["3", "200"]]
    width, height = animation.size_px
    assert all(line.split()[2].startswith(f"{width}x{height}+") for line in lines)
