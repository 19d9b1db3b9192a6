"""Runs side by side: one clock, one set of scales, and what each panel says."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from folders import log_rows, result_folder, save, trainer_arrays, weights
from pictures import crossing_texts, cut_off_texts, run_with, written_texts
from PIL import Image

from nnanim import Animation, OptionError, open_run
from nnanim.cli import main
from nnanim.comparing.comparison import compare
from nnanim.comparing.side_by_side import SideBySide
from nnanim.comparing.statistics import STATISTICS
from nnanim.design.layout import cells, spread
from nnanim.design.theme import MOST_RUNS, theme_of_runs
from nnanim.panels.dots import DOT_PT, DotsPart

EFFECTS = Path(__file__).resolve().parent.parent / "sample_results/effects"
MATRICES = [[[0.5, -1.0], [0.25, 0.75]], [[1.0, 0.5]]]


def ran(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def pair(
    tmp_path: Path, one: Sequence[int] = (1, 2, 3), other: Sequence[int] = (1, 2, 3), **options: Any
) -> SideBySide:
    folders = result_folder(tmp_path / "one", epochs=one), result_folder(tmp_path / "other", epochs=other)
    return SideBySide({folder.name: open_run(folder) for folder in folders}, **options)


def areas_px(picture: SideBySide) -> list[tuple[slice, slice]]:
    """Return for each run the pixels of its panel below its first line."""
    scale, height = picture.options.dpi / 72, picture.size_px[1]
    parts = [part for part in picture.figure.parts if type(part).__name__ == "RunHeaderPart"]
    found = []
    below = parts[1].row.bottom - parts[0].row.bottom or None
    for part in parts:
        top = height - round(part.row.bottom * scale)
        left, width = round(part.row.left * scale), round(part.row.width * scale)
        deep = round((-below if below else part.row.bottom) * scale * 0.75)
        found.append((slice(top, top + deep), slice(left - 3, left + width + 3)))
    return found


@pytest.mark.parametrize(
    ("view", "figsize"),
    [
        ("network", (9.0, 6.0)),
        ("network", (12.0, 4.0)),
        ("layers", (5.0, 8.0)),
        ("map", (9.0, 6.0)),
        ("matrix", (12.0, 4.0)),
    ],
    ids=str,
)
def test_the_same_run_twice_looks_the_same_to_the_pixel(tmp_path: Path, view: str, figsize: Any) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    picture = SideBySide({"one": run, "other": run}, view=view, figsize=figsize)
    for frame in picture:
        image = picture.paint_one(frame)
        one, other = (image[area] for area in areas_px(picture))
        assert one.shape == other.shape
        assert (one != 255).any()
        assert np.array_equal(one, other)


def test_twice_the_weights_are_twice_as_thick(tmp_path: Path) -> None:
    runs = {
        name: run_with(tmp_path / name, [[factor * np.array(matrix) for matrix in MATRICES]])
        for name, factor in (("a", 1.0), ("b", 2.0))
    }
    picture = SideBySide(runs)
    one, other = (frame.edges for frame in picture[-1].runs)
    unsaturated = np.abs(other.weight) < 0.95 * np.abs(other.weight).max()
    assert unsaturated.sum() >= 4
    assert np.abs(other.width_px - 2 * one.width_px)[unsaturated].max() <= 0.5
    assert (other.width_px > 1.5 * one.width_px)[unsaturated].all()


def test_a_weight_is_as_thick_in_a_larger_network(tmp_path: Path) -> None:
    small = run_with(tmp_path / "small", [MATRICES])
    large = run_with(tmp_path / "large", [[np.full((16, 16), 0.5), np.full((1, 16), 1.0)]])
    picture = SideBySide({"small": small, "large": large})
    one, other = (frame.edges for frame in picture[-1].runs)
    for weight in (0.5, 1.0):
        thick = {*one.width_px[one.weight == weight].tolist(), *other.width_px[other.weight == weight].tolist()}
        assert len(thick) == 1


def test_frames_are_the_union_of_the_epochs(tmp_path: Path) -> None:
    picture = pair(tmp_path, (1, 2, 4), (2, 3, 4, 6), ending="ink")
    assert [frame.at for frame in picture] == [1, 2, 3, 4, 6]
    assert [frame.title for frame in picture] == ["epoch 1", "epoch 2", "epoch 3", "epoch 4", "epoch 6"]
    one, other = zip(*(frame.runs for frame in picture), strict=True)
    assert [frame.epoch for frame in one] == [1, 2, 2, 4, 4]  # the newest snapshot up to then, nothing in between
    assert [frame.epoch for frame in other] == [2, 2, 3, 4, 6]


def test_a_run_that_ended_says_so_and_one_that_has_not_begun(tmp_path: Path) -> None:
    picture = pair(tmp_path, (1, 2), (2, 3), ending="ink")
    assert [[frame.title for frame in each.runs] for each in picture] == [
        ["epoch 1", "begins at epoch 2"],
        ["epoch 2", "epoch 2"],
        ["ended at epoch 2", "epoch 3"],
    ]
    texts = [each.text for each in written_texts(picture, picture[2])]
    assert "ended at epoch 2" in texts
    assert "epoch 3" in texts


def test_the_clock_counts_what_was_asked_for(tmp_path: Path) -> None:
    by_iteration = pair(tmp_path, (1, 2), (2, 4), by="iteration", ending="ink")
    assert [frame.at for frame in by_iteration] == [3, 6, 12]
    runs = by_iteration.runs
    by_share = SideBySide(runs, by="share", ending="ink")
    assert [frame.at for frame in by_share] == [0.5, 1.0]
    assert [[run.title for run in frame.runs] for frame in by_share] == [["epoch 1", "epoch 2"], ["epoch 2", "epoch 4"]]
    assert by_share[0].runs[1].curve_x == pytest.approx(0.5)
    assert SideBySide(runs)[0].runs[1].curve_x == 2


def test_a_clock_that_a_run_does_not_know_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "silent"
    folder.mkdir()
    for place in "ab":
        save(folder / f"model_{place}", trainer_arrays(weights(), epoch=None, iteration=None))
    runs = {"told": open_run(result_folder(tmp_path / "told")), "silent": open_run(folder)}
    with pytest.raises(OptionError, match="by is 'iteration', but the snapshots of 'silent' do not all say"):
        SideBySide(runs, by="iteration")
    assert SideBySide(runs)[-1].at == 1.0


def test_every_and_max_frames_count_the_moments_of_all(tmp_path: Path) -> None:
    picture = pair(tmp_path, (1, 3, 5), (2, 4, 6), max_frames=3, ending="ink")
    assert len(picture) == 3
    assert (picture[0].at, picture[-1].at) == (1, 6)
    assert [frame.at for frame in SideBySide(picture.runs, every=4, ending="ink")] == [1, 5, 6]


def test_a_run_without_a_log_has_no_curve(tmp_path: Path) -> None:
    runs = {
        "logged": open_run(result_folder(tmp_path / "logged")),
        "bare": open_run(result_folder(tmp_path / "bare", log=False)),
    }
    picture = SideBySide(runs)
    assert "no metric 'main/accuracy' in the log of 'bare', so it has no curve" in picture.notes
    frame = picture[-1]
    assert frame.runs[0].metrics == {"main/accuracy": pytest.approx(1 - 0.5 / 3)}
    assert frame.runs[1].metrics == {}
    neither = SideBySide({"one": runs["bare"], "other": runs["bare"]})
    assert "no run has a log with a metric, so there are no curves" in neither.notes
    assert neither.paint_one(neither[0]).shape == (600, 900, 3)


def test_runs_of_which_one_has_no_order_are_shown_as_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    folder = tmp_path / "odd"
    folder.mkdir()
    for epoch in (1, 2):
        arrays = {f"{name}/W": random.normal(size=(5, 7)).astype(np.float32) for name in ("q", "k", "v")}
        save(folder / f"model_{epoch}", trainer_arrays(arrays, epoch=epoch, iteration=epoch))
    odd, plain = open_run(folder), open_run(result_folder(tmp_path / "plain"))
    assert (odd.view, plain.view) == ("layers", "network")
    picture = SideBySide({"plain": plain, "odd": odd})
    rows = [frame.rows for frame in picture[-1].runs]
    assert [len(each.rows) for each in rows if each is not None] == [2, 3]
    assert any(note.startswith("all runs are shown as rows of weight tensors, for ") for note in picture.notes)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    two = {"a": run, "b": run}
    with pytest.raises(OptionError, match="2 to 8 runs or groups can be drawn side by side: got 1"):
        SideBySide({"a": run})
    with pytest.raises(OptionError, match="got 9"):
        SideBySide({str(number): run for number in range(9)})
    with pytest.raises(OptionError, match="scale is 'layer'"):
        SideBySide(two, scale="layer")
    with pytest.raises(OptionError, match="nothing between two of them"):
        SideBySide(two, tween=2)
    with pytest.raises(OptionError, match="2 metrics of several runs"):
        SideBySide(two, metric=["main/accuracy", "main/loss"])


def test_remarks_stay_in_their_panel(tmp_path: Path) -> None:
    runs = {str(seed): open_run(result_folder(tmp_path / str(seed), (20, 30, 3))) for seed in range(4)}
    picture = SideBySide(runs, max_edges=40, figsize=(6, 5))
    assert not list(crossing_texts(picture, picture[0]))
    left = min(part.row.left for part in picture.figure.parts if type(part).__name__ == "RunHeaderPart")
    remarks = [each for each in written_texts(picture, picture[0]) if " edges" in each.text]
    assert len(remarks) == 4
    assert all(each.left >= left for each in remarks)


def test_the_difference_of_a_run_from_itself_is_grey(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    picture = SideBySide({"a": run, "b": run}, difference=True)
    for frame in picture:
        for each in frame.runs:
            assert (each.edges.color == picture.figure.style.theme.unchanged).all()
            assert (each.nodes.color == picture.figure.style.theme.muted).all()


def test_the_difference_has_a_colour_for_each_sign(tmp_path: Path) -> None:
    start = [np.array(matrix) for matrix in MATRICES]
    end = [matrix.copy() for matrix in start]
    end[0][0, 0] += 3.0
    end[0][1, 1] -= 3.0
    one = run_with(tmp_path / "one", [start, start])
    other = run_with(tmp_path / "other", [start, end])
    picture = SideBySide({"one": one, "other": other}, difference=True)
    theme = picture.figure.style.theme
    first, last = picture[0].runs[1].edges, picture[-1].runs[1].edges
    assert (first.color == theme.unchanged).all()
    change = last.weight - picture[-1].runs[0].edges.weight
    assert (change > 0).sum() == (change < 0).sum() == 1
    assert (last.color[change > 0] == theme.positive).all()
    assert (last.color[change < 0] == theme.negative).all()
    assert (last.color[change == 0] == theme.unchanged).all()
    texts = [each.text for each in written_texts(picture, picture[0])]
    assert "than in one, by 3 or more" in texts
    assert {"weight smaller", "larger"} <= set(texts)


def test_the_legend_says_what_that_of_one_run_says(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    for color in ("change", "sign"):
        picture, alone = SideBySide({"one": run, "same": run}, color=color), Animation(run, color=color)
        words = {re.sub(r"[0-9.]+$", "", each.text) for each in written_texts(picture, picture[0])}
        legend = alone._figure.view.part.legend.legend
        for text in (legend.ramp_print, legend.samples_print, legend.samples[-1][0]):
            assert re.sub(r"[0-9.]+$", "", text.replace("|weight|", "|w|").replace("≥ ", "≥")) in words


@pytest.mark.parametrize("view", ["network", "layers", "map"])
def test_texts_in_the_panels_of_many_runs_can_be_read(tmp_path: Path, view: str) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    picture = SideBySide({str(number): run for number in range(8)}, view=view, figsize=(12, 8))
    around = picture.figure.style.scale
    assert all(each.part.style.scale >= 0.45 * around for each in picture.figure.views)
    assert list(crossing_texts(picture, picture[-1])) == []


def test_what_is_to_be_known_of_each_run_is_told_once(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        rows = None if name == "three" else [{"epoch": 2.0, "main/loss": 1.0}, {"epoch": 3.0, "main/loss": 0.5}]
        run_with(tmp_path / name, [MATRICES] * 3, rows)
    runs = {name: open_run(tmp_path / name) for name in ("one", "two")}
    (told,) = (note for note in SideBySide(runs).notes if "no row of its own" in note)
    assert told.startswith("each run: 1 of 3 snapshots has no row of its own in the log")
    runs["three"] = open_run(tmp_path / "three")
    (told,) = (note for note in SideBySide(runs).notes if "no row of its own" in note)
    assert told.startswith("one, two: 1 of 3 snapshots")


def test_a_difference_of_other_weights_is_refused(tmp_path: Path) -> None:
    runs = {str(seed): open_run(result_folder(tmp_path / str(seed), (4, 5 + seed, 3))) for seed in range(2)}
    for view in ("network", "layers", "map", "matrix"):
        with pytest.raises(OptionError, match="not the same weights are shown of '0' and '1'"):
            SideBySide(runs, difference=True, view=view)


def test_the_command_draws_the_difference_where_runs_began_alike(tmp_path: Path) -> None:
    def colors(*runs: str) -> set[str]:
        paths = [EFFECTS / run for run in runs]
        result = ran(*paths, "--difference", "-o", f"{tmp_path}/frames/", "--max-frames", 2, "--ending", "change")
        assert result.exit_code == 0, result.output
        told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
        return set(told["frames"][-1]["runs"][0]["edges"]["color"])

    assert len(colors("relu-2", "dropout-2")) == 1  # the first run is what the others are held against
    assert len(colors("relu-1", "relu-2")) > 1


@pytest.mark.parametrize(
    ("view", "count", "figsize"),
    [
        ("network", 2, (9, 6)),
        ("network", 3, (6, 9)),
        ("network", 8, (12, 8)),
        ("layers", 4, (9, 6)),
        ("layers", 8, (12, 8)),
        ("map", 3, (9, 6)),
        ("matrix", 3, (6, 9)),
        ("matrix", 8, (12, 8)),
    ],
)
def test_no_texts_overlap(tmp_path: Path, view: str, count: int, figsize: Any) -> None:
    runs = {
        f"dropout-{number}/quite a long name"[: 9 + 9 * (number % 2)]: open_run(
            result_folder(tmp_path / str(number), (4, 5, 5, 5, 3), epochs=(1, 100 + number))
        )
        for number in range(count)
    }
    picture = SideBySide(runs, view=view, figsize=figsize)
    for frame in (picture[0], picture[-1]):
        assert len(written_texts(picture, frame)) > 4 * count
        assert not cut_off_texts(picture, frame)
        assert not list(crossing_texts(picture, frame))


def test_each_run_has_its_colour_in_curve_and_panel(tmp_path: Path) -> None:
    lower = [row | {"main/accuracy": 0.3} for row in log_rows(3)]
    one = run_with(tmp_path / "one", [MATRICES] * 3, log_rows(3))
    other = run_with(tmp_path / "other", [MATRICES] * 3, lower)
    picture = SideBySide({"one": one, "other": other})
    image = picture.paint_one(picture[-1])
    left = image[:, : picture.size_px[0] // 3].reshape(-1, 3)
    image = image.reshape(-1, 3)
    for color in picture.figure.style.theme.curves[:2]:
        assert (left == color).all(axis=1).sum() > 20  # the curve's dot
        assert (image == color).all(axis=1).sum() - (left == color).all(axis=1).sum() > 50  # the panel's square
    for color in picture.figure.style.theme.curves[2:]:
        assert (left == color).all(axis=1).sum() < 5  # where a letter's edge happens to be grey


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_runs_stand_out_and_differ(theme: str) -> None:
    look = theme_of_runs(theme, "vivid")
    assert len(set(look.curves)) == MOST_RUNS
    for one, other in itertools.combinations([*look.curves, look.background], 2):
        assert np.linalg.norm(np.subtract(one, other)) > 60


def test_outputs_of_all_kinds(tmp_path: Path) -> None:
    one = result_folder(tmp_path / "one", epochs=(1, 2))
    other = result_folder(tmp_path / "other", epochs=(1, 2, 3))
    outputs = [tmp_path / name for name in ("out.gif", "out.webp", "out.png", "out.svg", "out.pdf")]
    result = ran(one, other, *(word for path in outputs for word in ("-o", path)), "-o", f"{tmp_path}/frames/", "-q")
    assert result.exit_code == 0, result.output
    assert "‖w‖" in result.stdout
    for path in outputs[:3]:
        with Image.open(path) as image:
            assert image.n_frames == 4  # the last snapshot with its changes, then in ink
            assert image.size == (900, 600)
    svg = outputs[3].read_text(encoding="utf-8")
    assert svg.count("@keyframes") > 10  # it moves
    assert outputs[4].read_bytes().startswith(b"%PDF")
    told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
    assert [[run["title"] for run in frame["runs"]] for frame in told["frames"]][-1] == ["ended at epoch 2", "epoch 3"]
    assert len(told["frames"][0]["runs"][0]["edges"]["weight"]) == 35


def test_one_moment_as_an_svg_is_a_still(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "run")
    result = ran(folder, folder, "--max-frames", 1, "--ending", "change", "-o", tmp_path / "out.svg")
    assert result.exit_code == 0, result.output
    assert "@keyframes" not in (tmp_path / "out.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("view", ["network", "layers", "map", "matrix"])
def test_other_processes_write_the_same_bytes(tmp_path: Path, view: str) -> None:
    picture = grouped(tmp_path, (2, 2), view=view, title="Two groups", figsize=(9, 7))
    picture.write(tmp_path / "one.gif")
    with ThreadPoolExecutor(2) as executor:  # what it is given goes through a pickle, as to another machine
        picture.write(tmp_path / "two.gif", jobs=2, executor=executor)
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "two.gif").read_bytes()


@pytest.mark.parametrize("panels", ["curve", "network"])
def test_curves_alone_and_networks_alone(tmp_path: Path, panels: str) -> None:
    picture = pair(tmp_path, panels=panels)
    texts = [each.text for each in written_texts(picture, picture[-1])]
    assert ("accuracy" in texts) == (panels == "curve")  # the unit stands at the ticks
    assert any(text.endswith(" %") for text in texts) == (panels == "curve")
    assert ("weakened" in texts) == (panels == "network")
    assert "epoch 3" in texts
    assert not list(crossing_texts(picture, picture[-1]))
    picture.write(tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as image:
        assert image.n_frames == (3 if panels == "curve" else 4)  # a network ends in ink too


def test_two_snapshots_are_a_still(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "run")
    result = ran(folder / "trainer_00001", folder / "trainer_00003", "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    assert "out.png: 1 frame, 900x600 px" in result.stderr
    with Image.open(tmp_path / "out.png") as image:
        assert getattr(image, "n_frames", 1) == 1


def test_of_each_group_the_first_run_is_drawn(tmp_path: Path) -> None:
    groups = [f"--group={name}={EFFECTS}/{name}-[0-3]" for name in ("relu", "decay")]
    result = ran(*groups, "-o", f"{tmp_path}/frames/", "--max-frames", 2)
    assert result.exit_code == 0, result.output
    assert "relu (4 runs)" in result.stdout
    told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
    first = SideBySide({"relu": open_run(EFFECTS / "relu-0"), "decay": open_run(EFFECTS / "decay-0")})
    weight = told["frames"][-1]["runs"][1]["edges"]["weight"]
    assert weight == pytest.approx(first[-1].runs[1].edges.weight.tolist())


def grouped(
    tmp_path: Path, counts: Sequence[int], names: Sequence[str] = ("a", "b", "c"), **options: Any
) -> SideBySide:
    groups = {
        name: [(f"{name}{seed}", result_folder(tmp_path / f"{name}{seed}", (4, 5 + seed, 3))) for seed in range(count)]
        for name, count in zip(names, counts, strict=False)
    }
    runs = {name: open_run(members[0][1]) for name, members in groups.items()}
    return SideBySide(runs, lines=compare(groups).lines, **options)


def test_each_run_is_a_dot_and_the_mean_a_bar(tmp_path: Path) -> None:
    picture = grouped(tmp_path, (2, 3), figsize=(9, 7.5))
    (part,) = (part for part in picture.figure.parts if isinstance(part, DotsPart))
    assert [spread.label for spread in part.spreads] == [statistic.label for statistic in STATISTICS]
    assert [len(values) for values in part.spreads[0].values] == [2, 3]
    image = picture.paint_one(picture[0])
    scale = 100 / 72
    for shown in part.spreads[:2]:
        area, axis = part.columns()[shown.term]
        for group, (values, mean) in enumerate(zip(shown.values, shown.means, strict=True)):
            y, color = part.middles()[group], part.style.theme.curves[group]
            places = area.left + area.width * axis.shares(np.array(sorted(values)))
            centers = part.centers(shown, group)
            np.testing.assert_allclose(centers[:, 0], places)
            for x, there in centers.tolist():
                row, column = image.shape[0] - round(there * scale), round(x * scale)
                near = image[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
                assert (near == color).all(axis=1).any(), shown.label
            x = round((area.left + area.width * float(axis.shares(np.array(mean)))) * scale)
            row = image.shape[0] - round(y * scale)
            bar = image[row - 8 : row - 5, x - 1 : x + 2].reshape(-1, 3).astype(float)
            assert bar.min() < 80


def test_dots_of_equal_values_do_not_cover_each_other(tmp_path: Path) -> None:
    picture = grouped(tmp_path, (2, 2), figsize=(9, 7.5))
    (part,) = (part for part in picture.figure.parts if isinstance(part, DotsPart))
    spread_out = replace(part.spreads[0], values=((0.0, 0.0, 0.0, 1.0, 1.0), (0.0,) * 40))
    own = replace(part, spreads=(spread_out,))
    few, many = own.centers(spread_out, 0), own.centers(spread_out, 1)
    for one, other in itertools.combinations(few.tolist(), 2):
        assert np.hypot(one[0] - other[0], one[1] - other[1]) >= 0.8 * DOT_PT
    height = own.middles()[0] - own.middles()[1]
    for centers, middle in ((few, own.middles()[0]), (many, own.middles()[1])):
        assert (np.abs(centers[:, 1] - middle) <= (height - DOT_PT) / 2 + 1e-9).all()
    assert len(many) == 40


def test_layers_have_rows_of_their_own_on_the_axis_of_all(tmp_path: Path) -> None:
    groups = {
        name: [(f"{name}{seed}", result_folder(tmp_path / f"{name}{seed}", (4, 5, 3))) for seed in range(2)]
        for name in ("a", "b")
    }
    runs = {name: open_run(members[0][1]) for name, members in groups.items()}
    picture = SideBySide(runs, lines=compare(groups, by_layer=True).lines, figsize=(9, 12))
    (part,) = (part for part in picture.figure.parts if isinstance(part, DotsPart))
    assert part.layers == [None, "l1", "l2"]
    tops = [part.top_of(layer) for layer in part.layers]
    assert tops == sorted(tops, reverse=True)
    assert part.middles("l2")[-1] > next(iter(part.columns().values()))[0].bottom
    texts = {each.text for each in written_texts(picture, picture[0])}
    assert {"whole network", "layer l1", "layer l2"} <= texts
    assert not list(crossing_texts(picture, picture[0]))


def test_the_picture_says_what_dots_are_and_which_runs_are_drawn(tmp_path: Path) -> None:
    picture = grouped(tmp_path, (2, 2), figsize=(9, 7.5))
    texts = [each.text for each in written_texts(picture, picture[0])]
    assert {"all runs, at their end:", "one run", "mean", "drawn above: the first run of each group"} <= set(texts)


def test_runs_alone_have_no_dots(tmp_path: Path) -> None:
    picture = grouped(tmp_path, (1, 1))
    assert not any(isinstance(part, DotsPart) for part in picture.figure.parts)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a very long name of a setting", "b", "another long name")])
def test_no_texts_overlap_with_groups(tmp_path: Path, names: Sequence[str]) -> None:
    picture = grouped(tmp_path, (2, 2, 1), names, figsize=(9, 7.5), title="What it does")
    assert not list(crossing_texts(picture, picture[-1]))
    told = {each.text for each in written_texts(picture, picture[-1])}
    assert {"straightness", "effective rank", "directions", "What it does"} <= told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "-", "--format", "gif"], "the table goes to standard output"),
        (["-o", "out.bmp"], "unknown suffix '.bmp'"),
        (["--theme", "dark"], "--theme says how a picture looks: give -o too"),
    ],
)
def test_outputs_that_cannot_be(tmp_path: Path, arguments: list[str], message: str) -> None:
    folder = result_folder(tmp_path / "run")
    result = ran(folder, folder, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_an_output_does_not_overwrite_what_is_compared(tmp_path: Path) -> None:
    one, other = (result_folder(tmp_path / name) for name in ("one", "other"))
    result = ran(one, other, "-o", other / "log", "--format", "gif")
    assert result.exit_code == 2
    assert json.loads((other / "log").read_text(encoding="utf-8")) == log_rows(3)


def test_cells_fill_the_box_side_by_side() -> None:
    from nnanim.design.layout import Box

    box = Box(10.0, 20.0, 400.0, 300.0)
    for count in range(1, MOST_RUNS + 1):
        placed = cells(box, count, 12.0, 1.4, 0.72)
        assert len(placed) == count
        for each in placed:
            assert each.left >= 10
            assert each.bottom >= 20 - 1e-9
            assert each.right <= 410 + 1e-9
            assert (each.left - 10) / 0.72 == pytest.approx(round((each.left - 10) / 0.72), abs=1e-6)
        for one, other in itertools.combinations(placed, 2):
            assert one.right + 12 <= other.left + 1e-9 or one.bottom >= other.top + 12 - 1e-9


def test_names_keep_apart_in_their_order() -> None:
    assert spread([5.0, 1.0], 0, 10, 2) == [5.0, 1.0]
    assert spread([9.5, 9.4, 9.3], 0, 10, 1) == [10, 9, 8]
    assert spread([5.0, 5.0, 5.0], 0, 10, 100) == [0, 5, 10]
    assert spread([], 0, 10, 1) == []
