"""``nnanim draw``: one snapshot as a still."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from folders import result_folder
from pictures import IRIS, SAMPLES, written_texts
from PIL import Image

from nnanim import Animation, open_run
from nnanim.cli import main

SVG = "{http://www.w3.org/2000/svg}"


def draw(*arguments: str) -> str:
    answer = CliRunner().invoke(main, ["draw", str(IRIS), *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stderr


def test_a_still_has_no_legend_of_an_end_in_ink(tmp_path: Path):
    for view, words in (("matrix", "at the end"), ("network", "ink")):
        answer = CliRunner().invoke(
            main, ["draw", str(SAMPLES / "digits"), "--view", view, "-o", str(tmp_path / "still.svg")]
        )
        assert answer.exit_code == 0, answer.output
        comments = re.findall(r"<!-- (.*?) -->", (tmp_path / "still.svg").read_text())
        assert any("full from" in text for text in comments)
        assert not any(words in text for text in comments)


def test_svg_holds_every_edge_in_its_colour_and_width(tmp_path: Path):
    draw("--epoch", "300", "-o", str(tmp_path / "net.svg"))
    root = ET.parse(tmp_path / "net.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("648pt", "432pt")
    styles = [path.get("style", "") for path in root.iter(f"{SVG}path")]
    frame = Animation(open_run(IRIS), panels="network")[29]
    for color, width_px in zip(frame.edges.color, frame.edges.width_px, strict=True):
        name = "#{:02x}{:02x}{:02x}".format(*color)
        widths = [
            float(match[1])
            for style in styles
            if name in style and (match := re.search(r"stroke-width: ([\d.]+)", style))
        ]
        assert min(abs(width - width_px * 0.72) for width in widths) < 0.0051  # Graphviz has two decimals


def test_pdf_is_one_page_for_another_program(tmp_path: Path):
    if shutil.which("pdfinfo") is None:
        pytest.skip("needs pdfinfo (Debian: poppler-utils)")
    draw("-o", str(tmp_path / "net.pdf"))
    told = subprocess.run(["pdfinfo", tmp_path / "net.pdf"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Pages:\s+1\b", told)
    assert re.search(r"Page size:\s+648 x 432 pts", told)


def test_png_is_the_frame_of_the_animation(tmp_path: Path):
    draw("--iteration", "1200", "-o", str(tmp_path / "net.png"))
    picture = np.asarray(Image.open(tmp_path / "net.png").convert("RGB"))
    frame = Animation(open_run(IRIS), panels="network")[29]
    below_title = round(6.0 * 100 * (12 + 18 * 1.7) / 432)  # of the theme's sizes; letters may lie a pixel aside
    np.testing.assert_array_equal(picture[below_title:], frame.image[below_title:])


def test_last_still_shows_changes_where_the_animation_ends_in_ink(tmp_path: Path):
    draw("--last", "-o", str(tmp_path / "net.png"))
    picture = np.asarray(Image.open(tmp_path / "net.png").convert("RGB")).astype(int)
    red = (picture[:400, :, 0] - picture[:400, :, 2] > 120).sum()
    assert red > 1000


def test_transparent_leaves_the_ground_out_and_fills_the_nodes(tmp_path: Path):
    draw("--transparent", "-o", str(tmp_path / "net.png"))
    picture = np.asarray(Image.open(tmp_path / "net.png"))
    assert picture[0, 0, 3] == 0
    for x, y in Animation(open_run(IRIS), panels="network").node_centers_px[0]:
        assert tuple(picture[int(y), int(x)]) == (255, 255, 255, 255)


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_same_input_gives_the_same_bytes(tmp_path: Path, suffix):
    for name in ("a", "b"):
        draw("--metric", "main/loss", "-o", str(tmp_path / f"{name}.{suffix}"))
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--epoch", "305"], 1, f"nnanim: error: no snapshot of epoch 305 in {str(IRIS)!r} (nearest: 300, 310)"),
        (["--epoch", "5", "--last"], 2, "nnanim: error: --epoch, --iteration and --last cannot be used together"),
        (
            ["-o", "net.gif"],
            2,
            "nnanim: error: Invalid value for '-o' / '--output': unknown suffix '.gif' of 'net.gif' (must be one",
        ),
    ],
)
def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch, arguments, exit_code, message):
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(main, ["draw", str(IRIS), *arguments])
    assert answer.exit_code == exit_code
    assert message in " ".join(answer.stderr.split())
    assert not list(tmp_path.iterdir())


def test_any_snapshot_of_a_long_run_can_be_drawn(result: Path):
    result_folder(result, (1, 1), epochs=range(1, 603))
    left_out = set(range(1, 603)) - {frame.epoch for frame in Animation(open_run(result), panels="network")}
    assert len(left_out) == 2
    for epoch in left_out:
        answer = CliRunner().invoke(main, ["draw", "result", "--epoch", f"{epoch:g}", "-o", "net.svg"])
        assert answer.exit_code == 0
        assert f"net.svg: epoch {epoch:g}, " in answer.stderr


def test_what_some_layers_take_in_is_not_called_the_input(tmp_path):
    folder = result_folder(tmp_path / "result", shape=(4, 5, 6, 3))
    whole, some = Animation(open_run(folder)), Animation(open_run(folder, layers=["l2", "l3"]))
    first = Animation(open_run(folder, layers=["l1", "l2"]))
    texts = [{each.text for each in written_texts(animation, animation[0])} for animation in (whole, some, first)]
    assert "input" in texts[0]
    assert "into l2" in texts[1]
    assert "input" not in texts[1]
    assert "input" in texts[2]
    told = [any("2 of 3 layers" in text for text in each) for each in texts]
    assert told == [False, True, True]
