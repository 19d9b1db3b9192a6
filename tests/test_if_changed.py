"""An output is left alone only when nothing that it shows has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from folders import log_rows, result_folder, save, trainer_arrays, weights
from PIL import Image, features

from nnanim import Animation, open_run
from nnanim.encoders.targets import find_target
from nnanim.if_changed import PREFIX, fingerprint, is_current
from nnanim.one_run import draw_run
from nnanim.options import Options, Reading, Writing

SMALL = {"figsize": (3.0, 2.0)}
OUTPUTS = ["out.gif", "out.png", "out.webp", "out.html", "out.svg", "frames/"]


def render_if_changed(result: str, output: str | list[str], **options: Any) -> Animation | None:
    outputs = [output] if isinstance(output, str) else output
    return draw_run(result, outputs, Options(**options), Reading(), Writing(), if_changed=True)


def state(path: Path) -> tuple[int, int]:
    path = path / "frames.json" if path.is_dir() else path
    return path.stat().st_mtime_ns, path.stat().st_ino


@pytest.mark.parametrize("output", [*OUTPUTS, "out.avif", "out.mp4", "out.webm"])
def test_second_call_touches_nothing_and_a_changed_run_is_drawn(result: Path, output: str) -> None:
    if output in ("out.mp4", "out.webm"):
        pytest.importorskip("av", reason="PyAV is not installed")
    if output == "out.avif" and not ("avif" in features.modules and features.check_module("avif")):
        pytest.skip("this Pillow has no codec for AVIF")
    result_folder(result)
    assert render_if_changed("result", output, **SMALL) is not None
    written = state(Path(output))
    assert render_if_changed("result", output, **SMALL) is None
    assert state(Path(output)) == written
    save(result / "trainer_00003", trainer_arrays(weights(seed=99), epoch=3, iteration=9))
    assert render_if_changed("result", output, **SMALL) is not None
    assert state(Path(output)) != written
    assert render_if_changed("result", output, **SMALL) is None


def test_only_what_is_stale_is_written(result: Path) -> None:
    result_folder(result)
    assert render_if_changed("result", ["a.gif", "b.gif"], **SMALL) is not None
    kept = state(Path("a.gif"))
    os.remove("b.gif")
    assert render_if_changed("result", ["a.gif", "b.gif"], **SMALL) is not None
    assert state(Path("a.gif")) == kept
    assert Path("b.gif").read_bytes() == Path("a.gif").read_bytes()


def test_an_output_without_a_fingerprint_is_stale(result: Path) -> None:
    result_folder(result)
    for content in (b"", b"GIF89a", (PREFIX + "0" * 64).encode()):
        Path("out.gif").write_bytes(content)
        assert render_if_changed("result", "out.gif", **SMALL) is not None


def test_a_folder_that_lost_a_frame_is_stale(result: Path) -> None:
    result_folder(result)
    render_if_changed("result", "frames/", **SMALL)
    os.remove("frames/00001.png")
    assert render_if_changed("result", "frames/", **SMALL) is not None
    assert Path("frames/00001.png").exists()


def test_what_changes_the_fingerprint(result: Path) -> None:
    run = open_run(result_folder(result))
    seen = [fingerprint(run, Options())]
    assert fingerprint(open_run(result), Options(engine="wheel")) == seen[0]  # the picture is the same
    seen.append(fingerprint(run.of_shape((4, 5, 3)), Options()))
    seen.append(fingerprint(run, Options(dpi=50)))
    seen.append(fingerprint(run, Options(input_labels=("a", "b", "c", "d"))))
    (result / "log").write_text(json.dumps(log_rows(3, iterations_per_epoch=4)))
    seen.append(fingerprint(open_run(result), Options()))
    os.rename(result / "trainer_00002", result / "trainer_00002b")
    seen.append(fingerprint(open_run(result), Options()))
    shutil.copytree(result, "other")
    seen.append(fingerprint(open_run("other"), Options()))  # its name is the title of the page
    assert len(set(seen)) == len(seen)
    assert all(len(text) == len(PREFIX) + 64 for text in seen)


@pytest.mark.skipif(shutil.which("gifsicle") is None, reason="gifsicle is not installed")
def test_the_gif_keeps_it_as_a_comment(result: Path) -> None:
    result_folder(result)
    render_if_changed("result", "out.gif", **SMALL)
    expected = fingerprint(open_run("result"), Options(**SMALL))
    info = subprocess.run(["gifsicle", "--info", "out.gif"], check=True, capture_output=True, text=True).stdout
    assert f"end comment {expected}" in info or f"comment {expected}" in info
    optimised = subprocess.run(["gifsicle", "-O3", "out.gif", "-o", "small.gif"], check=True)
    assert optimised.returncode == 0
    assert is_current(find_target("small.gif"), expected)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("output", ["out.mp4", "out.webm"])
def test_the_video_keeps_it_as_its_comment(result: Path, output: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    result_folder(result)
    render_if_changed("result", output, **SMALL)
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", output]
    tags = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["format"]["tags"]
    assert tags.get("comment", tags.get("COMMENT")) == fingerprint(open_run("result"), Options(**SMALL))


def test_nothing_is_kept_without_the_wish(result: Path) -> None:
    from nnanim import render

    result_folder(result)
    for output in OUTPUTS:
        render("result", output, **SMALL)
        path = Path(output, "frames.json") if output.endswith("/") else Path(output)
        assert PREFIX.encode() not in path.read_bytes()


def empty_gif(whole: bytes, made_from: str) -> bytes:
    """Return a GIF of a header, the fingerprint and no picture."""
    return whole[: 13 + 768] + b"!\xfe" + bytes([len(made_from)]) + made_from.encode() + b"\0;"


@pytest.mark.parametrize("output", ["out.gif", "out.png", "out.webp", "out.html", "out.mp4", "out.webm"])
def test_a_file_that_is_not_whole_is_stale(result: Path, output: str) -> None:
    if output in ("out.mp4", "out.webm"):
        pytest.importorskip("av", reason="PyAV is not installed")
    result_folder(result)
    render_if_changed("result", output, **SMALL)
    made_from = fingerprint(open_run("result"), Options(**SMALL))
    target, path = find_target(output), Path(output)
    whole = path.read_bytes()
    assert is_current(target, made_from)
    damaged = [whole[:-1], whole[: len(whole) // 2], whole + b"\0", made_from.encode(), whole[:9], b""]
    if output == "out.gif":
        damaged.append(empty_gif(whole, made_from))
    for content in damaged:
        path.write_bytes(content)
        assert not is_current(target, made_from), content[-80:]


@pytest.mark.parametrize("output", ["out.png", "out.webp", "out.html"])
def test_a_sealed_file_with_another_byte_is_stale(result: Path, output: str) -> None:
    result_folder(result)
    render_if_changed("result", output, **SMALL)
    made_from = fingerprint(open_run("result"), Options(**SMALL))
    whole = Path(output).read_bytes()
    for place in (5, len(whole) // 3, len(whole) // 2, len(whole) - 2):
        Path(output).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not is_current(find_target(output), made_from)


def test_the_checksums_of_a_sealed_picture_hold(result: Path) -> None:
    result_folder(result)
    render_if_changed("result", "out.png", **SMALL)
    with Image.open("out.png") as picture:
        picture.verify()
        comment = picture.info["Comment"]
    assert comment.startswith(fingerprint(open_run("result"), Options(**SMALL)) + ":")
    assert not comment.endswith("0" * 64)


DAMAGES = ["", "{", '{"comment": "%s"}', "[]", '"%s"', '{"comment": "%s", "frames": 3}', "\xff"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_of_frames_is_stale(result: Path, damage: str) -> None:
    result_folder(result)
    render_if_changed("result", "frames/", **SMALL)
    made_from = fingerprint(open_run("result"), Options(**SMALL))
    assert is_current(find_target("frames/"), made_from)
    Path("frames/frames.json").write_text(damage.replace("%s", made_from), encoding="latin-1")
    assert not is_current(find_target("frames/"), made_from)


def test_a_frame_that_was_written_over_is_stale(result: Path) -> None:
    result_folder(result)
    render_if_changed("result", "frames/", **SMALL)
    Path("frames/00001.png").write_bytes(Path("frames/00000.png").read_bytes())
    assert render_if_changed("result", "frames/", **SMALL) is not None
