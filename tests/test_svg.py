"""Animated SVG: what moves, when, and that nothing from a folder gets into the file but as a picture."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from folders import log_rows, result_folder, save, trainer_arrays, weights
from svg_reader import NAME, Svg

from nnanim import Animation, OptionError, OutputError, open_run
from nnanim.cli import main
from nnanim.comparing.side_by_side import SideBySide
from nnanim.design.fonts import font_files, text_width_pt
from nnanim.encoders.movie import Movie
from nnanim.encoders.svg import in_one_order, open_svg
from nnanim.encoders.svg_motion import NEAR_COLOR, NEAR_PX, Motion
from nnanim.options import MOST_MOVING
from nnanim.painting.glyphs import EM, Glyphs

SHAPE = (3, 4, 2)
SNAPSHOTS = 7
METRICS = ["main/accuracy", "main/loss"]
HOSTILE = "</style><script>alert(1)</script>&amp;\"'--> ]]> \x1b[31m \ud800"


def make_run(folder: Path, shape: tuple[int, ...] = SHAPE, snapshots: int = SNAPSHOTS) -> Path:
    folder.mkdir()
    start, end = weights(shape, seed=1), weights(shape, seed=2)
    for epoch in range(1, snapshots + 1):
        share = (epoch - 1) / max(snapshots - 1, 1)
        arrays = {name: (1 - share) * start[name] + share * end[name] for name in start}
        save(folder / f"trainer_{epoch:05}", trainer_arrays(arrays, epoch=epoch, iteration=epoch * 3))
    (folder / "log").write_text(json.dumps(log_rows(snapshots)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def animation(tmp_path_factory: pytest.TempPathFactory) -> Animation:
    run = open_run(make_run(tmp_path_factory.mktemp("svg") / "result"))
    return Animation(run, metric=METRICS, fps=7, hold_s=1.3)


@pytest.fixture(scope="module")
def path(animation: Animation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "out.svg"
    animation.write(path)
    return path


@pytest.fixture
def svg(path: Path) -> Svg:
    return Svg(path)


def middles_s(animation: Animation) -> list[float]:
    ends = list(accumulate(animation.durations_s))
    return [end - length / 2 for end, length in zip(ends, animation.durations_s, strict=True)]


def edges_of(svg: Svg, animation: Animation) -> list[ET.Element]:
    """Return the lines between neurons, in the order of ``frame.edges``."""
    paths = [each for each in svg.root.iter(f"{NAME}path") if re.fullmatch(r"M[\d.]+( [\d.]+){3}", each.get("d", ""))]
    found = {each.attrib["d"]: each for each in paths if "fill" not in each.attrib}
    edges, centers = animation[0].edges, animation.node_centers_px
    lines = []
    for layer, tail, head in zip(edges.layer, edges.tail, edges.head, strict=True):
        ends = np.stack([centers[layer][tail], centers[layer + 1][head]])
        (near,) = [d for d in found if np.abs(points(d) - ends).max() < 0.02]
        lines.append(found[near])
    return lines


def points(data: str) -> np.ndarray:
    return np.array(list(map(float, re.findall(r"-?[\d.]+", data)))).reshape(-1, 2)


def hex_of(color: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(int)


def texts_at(svg: Svg, time_s: float) -> list[list[tuple[str, int]]]:
    """Return the letters of each text that changes, as they are seen at a time."""
    seen = []
    for mask in svg.root.iter(f"{NAME}mask"):
        column = mask.find(f"{NAME}g")
        assert column is not None
        (pen,) = column
        scale = float(re.findall(r"scale\(([\d.]+)", pen.attrib["transform"])[0])
        told = svg.at(column, time_s).get("transform", "")
        up = float((re.findall(r"-([\d.]+)(?:px|\))", told) or ["0"])[-1]) if told != "none" else 0.0
        rows = {round(-y * scale / 1): [] for _, _, y in svg.glyphs(mask)}
        for outline, x, y in svg.glyphs(mask):
            rows[round(-y * scale)].append((outline, x))
        seen.append(rows[min(rows, key=lambda row: abs(row - up))])
    return seen


def letters(text: str, anchor: str = "left") -> list[tuple[str, int]]:
    glyphs = Glyphs(("DejaVu Sans",))
    placed, width = glyphs.lay(text)
    begin = -width if anchor == "right" else 0.0
    return [(glyphs.outlines[number], round(begin + pen)) for number, pen in placed]


# What is shown, and when


def test_edges_are_as_every_frame_means_them(svg: Svg, animation: Animation) -> None:
    lines = edges_of(svg, animation)
    assert len(lines) == 3 * 4 + 4 * 2
    for frame, time_s in zip(animation, middles_s(animation), strict=True):
        for line, width, color in zip(lines, frame.edges.width_px, frame.edges.color, strict=True):
            now = svg.at(line, time_s)
            assert float(now["stroke-width"]) == pytest.approx(width, abs=NEAR_PX + 0.006)
            assert np.abs(hex_of(now["stroke"]) - color).max() <= NEAR_COLOR


def test_rings_are_as_every_frame_means_them(svg: Svg, animation: Animation) -> None:
    centers = np.concatenate(animation.node_centers_px)
    circles = {(float(c.attrib["cx"]), float(c.attrib["cy"])): c for c in svg.root.iter(f"{NAME}circle")}
    for frame, time_s in zip(animation, middles_s(animation), strict=True):
        for (x, y), ring, color in zip(centers, frame.nodes.ring_px, frame.nodes.color, strict=True):
            near = min(circles, key=lambda place: abs(place[0] - x) + abs(place[1] - y))
            now = svg.at(circles[near], time_s)
            assert float(now["stroke-width"]) == pytest.approx(ring, abs=NEAR_PX + 0.006)
            assert np.abs(hex_of(now["stroke"]) - color).max() <= NEAR_COLOR


def test_texts_are_those_of_every_frame(svg: Svg, animation: Animation) -> None:
    for frame, time_s in zip(animation, middles_s(animation), strict=True):
        accuracy, loss, title = texts_at(svg, time_s)
        assert title == letters(frame.title)
        assert accuracy == letters(f"{100 * frame.metrics['main/accuracy']:.1f} %", "right")
        assert loss == letters(f"{frame.metrics['main/loss']:.4g}", "right")


def test_frames_begin_to_the_centisecond_as_in_a_gif(svg: Svg, animation: Animation) -> None:
    ends = list(accumulate(animation.durations_s))
    starts = {round(100 * start) for start in [0.0, *ends[:-1]]}
    assert svg.length_s == pytest.approx(ends[-1])
    told = {100 * start for element in svg.moving for start in svg.starts_s(element)}
    assert {round(start) for start in told} == starts
    assert max(abs(start - round(start)) for start in told) < 0.1


def test_the_curve_is_seen_as_far_as_it_has_passed(svg: Svg, animation: Animation) -> None:
    (opening,) = {each[0] for each in svg.root.iter(f"{NAME}clipPath") if each[0].get("class")}
    moving = [dot for dot in svg.root.iter(f"{NAME}circle") if svg.at(dot, 0)["cx"] != dot.attrib["cx"]]
    assert len(moving) == 2
    for time_s in middles_s(animation):
        seen = svg.at(opening, time_s)
        right = float(seen["x"]) + float(seen["width"])
        assert [float(svg.at(dot, time_s)["cx"]) for dot in moving] == pytest.approx([right] * 2, abs=0.02)


def test_without_motion_it_is_the_last_frame(svg: Svg, animation: Animation) -> None:
    last = animation[-1]
    for line, width, color in zip(edges_of(svg, animation), last.edges.width_px, last.edges.color, strict=True):
        assert float(line.attrib["stroke-width"]) == pytest.approx(width, abs=0.013)  # two decimals of a point
        assert (hex_of(line.attrib["stroke"]) == color).all()
    times = middles_s(animation)
    for column in svg.root.iter(f"{NAME}mask"):
        (moved,) = column
        (shift,) = re.findall(r"translateY\((-\d+)px\)", svg.at(moved, times[-1])["transform"])
        assert moved.attrib["transform"] == f"translate(0 {shift})"


def test_paper_and_who_wants_no_motion_get_no_rule(svg: Svg) -> None:
    head = "@media screen and (prefers-reduced-motion:no-preference){"
    sheet = svg.sheet.strip()
    assert sheet.startswith(head)
    assert sheet.endswith("}\n}")
    depth = list(accumulate((each == "{") - (each == "}") for each in sheet))
    assert depth.index(0, len(head)) == len(sheet) - 1  # one block, and nothing behind it


def test_plays_once_where_that_is_asked(animation: Animation, svg: Svg, tmp_path: Path) -> None:
    assert svg.often == "infinite"
    Animation(animation.run, loop=False).write(tmp_path / "once.svg")
    assert Svg(tmp_path / "once.svg").often == "1 forwards"


def test_strong_edges_lie_on_top_at_the_end(animation: Animation, tmp_path: Path) -> None:
    animation = Animation(animation.run, ending="change")
    animation.write(tmp_path / "out.svg")
    svg = Svg(tmp_path / "out.svg")
    lines = {id(line) for line in edges_of(svg, animation)}
    widths = [float(each.attrib["stroke-width"]) for each in svg.root.iter() if id(each) in lines]
    assert widths == sorted(widths)
    assert len(set(widths)) > 10


def test_a_single_frame_does_not_move(animation: Animation, tmp_path: Path) -> None:
    Animation(animation.run, max_frames=1, ending="change").write(tmp_path / "out.svg")
    svg = Svg(tmp_path / "out.svg")
    assert svg.moving == []
    assert svg.sheet.strip() == ""


@pytest.mark.parametrize("view", ["layers", "map"])
def test_other_views(animation: Animation, tmp_path: Path, view: str) -> None:
    animation = Animation(animation.run, view=view, metric=METRICS)
    animation.write(tmp_path / "out.svg")
    svg = Svg(tmp_path / "out.svg")
    for frame, time_s in zip(animation, middles_s(animation), strict=True):
        fills = [svg.at(each, time_s).get("fill", "") for each in svg.moving]
        colors = frame.rows.color if frame.rows is not None else frame.boxes.fill
        # A bar that is shorter than half a pixel is not there.
        shown = frame.rows.relative_change > 0.3 if frame.rows is not None else np.ones(len(colors), bool)
        for color in colors[shown]:
            assert any(each[:1] == "#" and np.abs(hex_of(each) - color).max() <= NEAR_COLOR for each in fills)
    if view == "layers":
        *_, window = svg.root.iter(f"{NAME}clipPath")
        widths = [float(svg.at(window[0], time_s)["width"]) for time_s in middles_s(animation)]
        steps = np.diff(widths[:SNAPSHOTS])
        assert (steps > 0).all()
        assert steps.max() - steps.min() <= 1.5  # whole pixels


def test_who_knows_no_masks_reads_the_last_texts(svg: Svg, animation: Animation) -> None:
    last = animation[-1]
    texts = {
        tuple((outline, x) for outline, x, _ in svg.glyphs(each))
        for each in svg.root
        if each.get("class", "").endswith("-still")
    }
    assert texts == {
        tuple(letters(last.title)),
        tuple(letters(f"{100 * last.metrics['main/accuracy']:.1f} %", "right")),
        tuple(letters(f"{last.metrics['main/loss']:.4g}", "right")),
    }
    masked = [each for each in svg.root.iter(f"{NAME}rect") if each.get("mask")]
    assert len(masked) == 3
    assert {each.get("visibility") for each in masked} == {"hidden"}
    assert re.search(r"\.\S+-plays\{visibility:visible\}\n\.\S+-still\{visibility:hidden\}", svg.sheet)


def test_runs_side_by_side(animation: Animation, tmp_path: Path) -> None:
    other = open_run(make_run(tmp_path / "other", snapshots=4))
    together = SideBySide({"one": animation.run, "other": other}, metric="main/accuracy")
    together.write(tmp_path / "picture", file_format="svg")
    svg = Svg(tmp_path / "picture")
    lines = [each for each in svg.moving if re.fullmatch(r"M[\d.]+( [\d.]+){3}", each.get("d", ""))]
    assert len(lines) == 2 * (3 * 4 + 4 * 2)
    ends = list(accumulate(together.durations_s))
    for frame, end_s in zip(together, ends, strict=True):
        widths = [width for run in frame.runs for width in run.edges.width_px]
        shown = [float(svg.at(line, end_s - 0.005)["stroke-width"]) for line in lines]
        assert np.sort(shown) == pytest.approx(np.sort(widths), abs=2 * NEAR_PX)


# How it is written


def test_the_same_bytes_however_it_is_written(animation: Animation, path: Path, tmp_path: Path) -> None:
    animation.write(tmp_path / "a.svg", tmp_path / "b.gif")
    with ThreadPoolExecutor(2) as executor:
        animation.write(tmp_path / "c.svg", executor=executor, jobs=2)
    again = Animation(open_run(animation.run.path), **{"metric": METRICS, "fps": 7, "hold_s": 1.3})
    again.write(tmp_path / "picture", file_format="svg")
    for name in ("a.svg", "c.svg", "picture"):
        assert (tmp_path / name).read_bytes() == path.read_bytes()
    animation.write(tmp_path / "alone.gif")
    assert (tmp_path / "b.gif").read_bytes() == (tmp_path / "alone.gif").read_bytes()


def test_names_differ_from_file_to_file(animation: Animation, path: Path, tmp_path: Path) -> None:
    Animation(animation.run, theme="dark").write(tmp_path / "dark.svg")
    one, other = (
        {e.attrib["id"] for e in Svg(each).root.iter() if "id" in e.attrib} for each in (path, tmp_path / "dark.svg")
    )
    assert one
    assert not one & other
    assert len({name.split("-")[0] for name in one}) == 1


def test_the_command_writes_it(result: Path) -> None:
    make_run(result)
    answer = CliRunner().invoke(main, ["render", "result", "-o", "-", "--format", "svg", "-q"])
    assert answer.exit_code == 0, answer.output
    assert CliRunner().invoke(main, ["render", "result", "-o", "{run}.svg", "--if-changed"]).exit_code == 0
    assert ET.fromstring(answer.stdout).get("width") == Svg(Path("result.svg")).root.get("width") == "900"
    (told,) = Svg(Path("result.svg")).root.iter(f"{NAME}metadata")
    assert re.fullmatch(r"nnanim:sha256:[0-9a-f]{64}:[0-9a-f]{64}", told.text or "")


def test_a_still_is_for_another_command(result: Path) -> None:
    make_run(result)
    answer = CliRunner().invoke(main, ["render", "result", "-o", "out.pdf"])
    assert answer.exit_code == 2
    assert (
        "'out.pdf' would be a still, which nnanim draw writes: nnanim draw RESULT -o out.pdf (an animation is one of"
        in " ".join(answer.output.split())
    )
    with pytest.raises(OutputError, match=r"^'out\.pdf' would be a still, which nnanim draw writes"):
        Animation(open_run(result)).write("out.pdf")


# No more than a browser can move


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("deep") / "result", (16,) * 14, 3)


def test_as_many_edges_as_can_move_are_chosen(deep: Path, tmp_path: Path) -> None:
    animation = Animation(open_run(deep), view="network")
    assert len(animation[0].edges.weight) == 100
    told: list[tuple[int, int]] = []
    animation.write(tmp_path / "out.svg", tmp_path / "out.gif", progress=lambda *done: told.append(done))
    svg = Svg(tmp_path / "out.svg")
    assert len(svg.moving) == MOST_MOVING
    count = len(animation)
    assert told == [(done, 2 * count) for done in range(1, 2 * count + 1)]
    rings, others = 13 * 16, 1 + 1 + 2  # the title, a value, a curve's dot and how far it is seen
    fewer = Animation(open_run(deep), view="network", max_edges=MOST_MOVING - rings - others)
    fewer.write(tmp_path / "fewer.svg")
    assert (tmp_path / "fewer.svg").read_bytes() == (tmp_path / "out.svg").read_bytes()
    assert svg.glyphs(svg.root) != []
    animation.write(tmp_path / "alone.gif")
    assert (tmp_path / "out.gif").read_bytes() == (tmp_path / "alone.gif").read_bytes()


def test_more_edges_than_can_move_are_refused(deep: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        Animation(open_run(deep), view="network", max_edges=160).write(tmp_path / "out.svg", tmp_path / "out.gif")
    assert str(caught.value) == (
        "max_edges is 160: beside 208 rings of neurons 88 edges can move in an SVG, where browsers are asked to move"
        " 300 shapes at most (take --max-edges 88, or write a .gif)"
    )
    assert list(tmp_path.iterdir()) == []


def test_more_neurons_than_can_move_are_refused(result: Path) -> None:
    make_run(result, (100, 100, 100, 100, 100), 2)
    with pytest.raises(OptionError) as caught:
        Animation(open_run(result), view="network", max_nodes=100).write("out.svg")
    assert str(caught.value) == (
        "beside 400 rings of neurons no edge can move in an SVG, where browsers are asked to move 300 shapes at most"
        " (take fewer --max-nodes, --no-bias, or write a .gif)"
    )


def test_matrices_are_refused(animation: Animation, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        Animation(animation.run, view="matrix").write(tmp_path / "out.svg")
    assert str(caught.value) == (
        "view is 'matrix', whose cells are too many to move in an SVG (write a .gif, or take --view layers)"
    )


def test_too_much_of_anything_is_refused(animation: Animation, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("nnanim.encoders.svg.MOST_MOVING", 5)
    with pytest.raises(
        OutputError, match=r"^in an animated SVG \d+ shapes would move, and browsers are asked to move 5 "
    ):
        Animation(animation.run, view="layers").write(tmp_path / "out.svg")
    assert list(tmp_path.iterdir()) == []


# Nothing from a folder gets in


def test_hostile_names_are_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    run = open_run(result_folder(folder))
    log = folder / "log"
    log.write_text(log.read_text().replace("main/loss", "<b>&loss\\u0000"), encoding="utf-8")
    run = open_run(folder)
    (metric,) = [name for name in run.log.metrics if "loss" in name and "<b>" in name]
    animation = Animation(
        run, metric=metric, title=HOSTILE, input_labels=[HOSTILE] * 4, output_labels=["a\nb", "<!--", "]]>"]
    )
    animation.write(tmp_path / "out.svg", comment='-->"<x>&')
    text = (tmp_path / "out.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)
    known = {"svg", "style", "defs", "path", "g", "use", "mask", "rect", "circle", "clipPath", "metadata"}
    assert {element.tag.removeprefix(NAME) for element in root.iter()} == known
    for wrong in ("script", "alert", "<b>", "31m", "<!--"):
        assert wrong not in text
    (told,) = root.iter(f"{NAME}metadata")
    assert told.text == '-->"<x>&'
    names = {"href", "clip-path", "mask"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name in names:
                assert re.fullmatch(r"#n[0-9a-f]{6}-\w+|url\(#n[0-9a-f]{6}-\w+\)", value)


def test_a_snapshot_with_a_hostile_name(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    folder.mkdir()
    for index in range(2):
        name = f'a"><script>x{index}&.npz'
        save(folder / name, {f"predictor/{key}": value for key, value in weights(seed=index).items()})
    animation = Animation(open_run(folder))
    animation.write(tmp_path / "out.svg")
    root = ET.parse(tmp_path / "out.svg").getroot()
    assert root.get("aria-label") == f"A network in training, from {animation[0].title} to {animation[-1].title}"
    assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_hostile_titles_and_comments(animation: Animation, tmp_path: Path) -> None:
    size, ground = animation.size_px, animation._painter.ground
    movie = Movie(size, (0.1,), np.zeros((1, 3), np.uint8), comment=HOSTILE, ground=ground)
    with open_svg(tmp_path / "out.svg", movie, [SimpleNamespace(title=HOSTILE)]) as append:
        append(0, [])
    root = ET.parse(tmp_path / "out.svg").getroot()
    assert HOSTILE[:-8] in root.attrib["aria-label"]
    (told,) = root.iter(f"{NAME}metadata")
    assert HOSTILE[:-8] in (told.text or "")
    assert not [element for element in root.iter() if element.tag.endswith("script")]


# Its pieces


def test_shapes_of_all_frames_stand_in_one_order() -> None:
    assert in_one_order([]) == []
    assert in_one_order([["a", "b"], ["b", "a"]]) == ["b", "a"]
    assert in_one_order([["x", "a", "b"], ["a", "y", "b"], ["b", "a"]]) == ["x", "b", "a", "y"]


def test_values_change_only_where_that_is_seen() -> None:
    motion = Motion([0.1] * 6, loop=True)
    widths = ["1", "1.04", "1.08", "1.12", "1.12", "3"]  # compared with what is shown, so errors do not add up
    name = motion.class_of({"stroke-width": widths})
    assert f"@keyframes {name}{{0%{{stroke-width:1}}33.333%{{stroke-width:1.08}}83.333%{{stroke-width:3}}}}" in (
        motion.style_sheet()
    )
    assert motion.class_of({"stroke-width": ["1", "1.04", "1.05", "1.05", "1", "1"]}) == ""
    assert motion.class_of({"stroke": ["#000000", "#040404", "#050000"] + ["#050000"] * 3}) != ""
    assert motion.class_of({"stroke": ["#000000", "#040404", "#030000"] + ["#030000"] * 3}) == ""


def test_equal_motions_are_written_once() -> None:
    motion = Motion([0.5, 0.25], loop=False)
    first = motion.class_of({"cx": ["1", "2"], "fill": ["#000000", "#000000"]})
    assert motion.class_of({"cx": ["1", "2"]}) == first
    assert motion.class_of({"cx": ["1", "3"]}) != first
    assert motion.style_sheet().count("@keyframes") == 2
    assert "0%{cx:1px}66.667%{cx:2px}" in motion.style_sheet()
    assert "0.75s step-end 1 forwards" in motion.style_sheet()


def test_what_is_not_there_is_hidden() -> None:
    motion = Motion([0.5, 0.5], loop=True)
    motion.class_of({"cx": [None, "2"], "visibility": ["hidden", "visible"]})
    assert "0%{visibility:hidden}50%{visibility:visible}" in motion.style_sheet()


def test_letters_are_as_wide_as_the_font_says() -> None:
    glyphs = Glyphs(("DejaVu Sans",))
    for text in ("AVATAR Ty", "epoch 210", "Wó±‖ 1.5"):
        placed, width = glyphs.lay(text)
        assert width == pytest.approx(text_width_pt(text, EM), abs=2)
        assert len(placed) == len(text.replace(" ", ""))
    first, again = glyphs.lay("oo")[0]
    assert first[0] == again[0]
    assert len(glyphs.outlines) == len({*"AVATARTyepoch210Wó±‖1.5"})


def test_letters_that_the_bundled_font_lacks_come_from_the_next() -> None:
    families = ("DejaVu Sans", "STIXGeneral")
    bundled, other = (set(font.get_charmap()) for font in font_files(families))
    lacking = chr(min(other - bundled))
    mixed, first, second = Glyphs(families), Glyphs(families[:1]), Glyphs(families[1:])
    width = mixed.lay("A" + lacking)[1]
    assert width == pytest.approx(first.lay("A")[1] + second.lay(lacking)[1])
    assert mixed.outlines == [*first.outlines, *second.outlines]
