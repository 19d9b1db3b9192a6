"""Differences of runs side by side: what edges, rows, boxes and cells say of B − A, against plain NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import network
from click.testing import CliRunner
from folders import result_folder, save, trainer_arrays, weights

from nnanim import OutputError, open_run
from nnanim.cli import main
from nnanim.comparing.comparison import compare
from nnanim.comparing.side_by_side import OTHER_STARTS, SideBySide, remark_of
from nnanim.design.fonts import text_width_pt
from nnanim.options import DEFAULT_MAX_EDGES
from nnanim.painting.brush import Brush
from nnanim.painting.brush import Place as TextPlace
from nnanim.panels.multiples import LegendPart, RemarkBlock
from nnanim.reading.run import Run

VIEWS = ["network", "layers", "map", "matrix"]
Step = dict[str, np.ndarray]


def run_of(folder: Path, steps: dict[int, Step]) -> Run:
    """Write snapshots by their epochs."""
    folder.mkdir()
    for epoch, arrays in steps.items():
        save(folder / f"model_{epoch:03}", trainer_arrays(arrays, epoch=epoch, iteration=epoch))
    return open_run(folder)


def moved(step: Step, seed: int, by: float = 0.3) -> Step:
    random = np.random.default_rng(seed)
    return {key: (value + by * random.normal(size=value.shape)).astype(np.float32) for key, value in step.items()}


def two(tmp_path: Path, **options: Any) -> tuple[SideBySide, dict[float, tuple[Step, Step]]]:
    """Return a picture of two runs from one start, which were saved at different epochs, and what each moment shows."""
    start = weights((4, 6, 3), seed=1)
    one = {0: start, 1: moved(start, 1), 3: moved(start, 2)}
    other = {0: start, 2: moved(start, 3)}
    picture = SideBySide(
        {"a": run_of(tmp_path / "a", one), "b": run_of(tmp_path / "b", other)},
        difference=True,
        ending="change",
        **options,
    )
    return picture, {0: (start, start), 1: (one[1], start), 2: (one[1], other[2]), 3: (one[3], other[2])}


def layer(step: Step, name: str) -> np.ndarray:
    return step[f"{name}/W"].astype(float)


def test_rows_and_boxes_say_how_far_they_lie_from_the_first_run(tmp_path: Path) -> None:
    for view in ("layers", "map"):
        (tmp_path / view).mkdir()
        picture, shown = two(tmp_path / view, view=view)
        assert [frame.at for frame in picture] == [0, 1, 2, 3]
        for frame in picture:
            told = [each.rows if view == "layers" else each.boxes for each in frame.runs]
            a, b = shown[frame.at]
            assert told[0] is not None
            assert (told[0].relative_change == 0).all()
            assert told[1] is not None
            for place, name in enumerate(("l1", "l2")):
                one, other = layer(a, name), layer(b, name)
                apart = np.linalg.norm(other - one) / np.linalg.norm(one)
                assert told[1].relative_change[place] == pytest.approx(apart, rel=1e-6, abs=1e-12)
                assert told[1].norm[place] == pytest.approx(np.linalg.norm(other), rel=1e-6)
                grown = np.linalg.norm(other) / np.linalg.norm(one) - 1
                assert told[1].growth[place] == pytest.approx(grown, rel=1e-5, abs=1e-7)


def test_cells_say_what_they_differ_by(tmp_path: Path) -> None:
    picture, shown = two(tmp_path, view="matrix")
    theme = picture.figure.style.theme
    for frame in picture:
        first, second = (each.cells for each in frame.runs)
        assert first is not None
        assert second is not None
        a, b = shown[frame.at]
        expected = np.concatenate([(layer(b, name) - layer(a, name)).ravel() for name in ("l1", "l2")])
        np.testing.assert_allclose(second.change, expected, atol=1e-6)
        assert (first.change == 0).all()
        beyond = np.abs(expected) > 0.9 * np.abs(second.change).max()
        for value, color in zip(expected[beyond], second.color[beyond].astype(float), strict=True):
            wanted, unwanted = (theme.positive, theme.negative)[:: 1 if value > 0 else -1]
            assert np.linalg.norm(color - wanted) < np.linalg.norm(color - unwanted)
        assert (second.color[expected == 0] == theme.unchanged).all()
        assert (np.ptp(first.color.astype(int), axis=1) <= 1).all()  # the first run's sizes, in ink


def test_a_cell_of_many_weights_shows_the_largest_difference(tmp_path: Path) -> None:
    start = weights((400, 300, 3), seed=2)
    end = moved(start, 5)
    runs = {"a": run_of(tmp_path / "a", {0: start}), "b": run_of(tmp_path / "b", {0: end})}
    picture = SideBySide(runs, view="matrix", difference=True)
    cells = picture[-1].runs[1].cells
    assert cells is not None
    matrix = cells.matrices[0]
    assert not matrix.is_whole
    apart = end["l1/W"].astype(float) - start["l1/W"]
    block = apart[: matrix.rows[1], : matrix.columns[1]]
    largest = block.ravel()[np.abs(block).argmax()]
    assert cells.change[0] == pytest.approx(largest, rel=1e-5)


@pytest.mark.parametrize("view", VIEWS)
def test_a_run_held_against_itself_is_grey(tmp_path: Path, view: str) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    picture = SideBySide({"a": run, "b": run}, view=view, difference=True)
    theme = picture.figure.style.theme
    for frame in picture:
        other = frame.runs[1]
        assert (other.edges.color == theme.unchanged).all()
        for rows in (other.rows, other.boxes):
            assert rows is None or (rows.relative_change == 0).all()
        assert other.boxes is None or (other.boxes.fill == theme.unmoved).all()
        assert other.cells is None or (other.cells.color == theme.unchanged).all()


def test_the_same_weight_has_the_same_colour_in_every_run(tmp_path: Path) -> None:
    small, large = weights((4, 5, 3), seed=3), weights((4, 5, 3), seed=4)
    large = {key: 3 * value for key, value in large.items()}
    large["l1/W"][0, 0] = small["l1/W"][0, 0]
    runs = {"a": run_of(tmp_path / "a", {0: small, 1: small}), "b": run_of(tmp_path / "b", {0: large, 1: large})}
    picture = SideBySide(runs, view="matrix", color="sign")
    one, other = (each.cells for each in picture[-1].runs)
    assert one is not None
    assert other is not None
    assert one.value[0] == other.value[0]
    assert (one.color[0] == other.color[0]).all()
    assert (one.color[1:] != other.color[1:]).any()


def test_edges_of_a_large_network_are_those_of_the_first_run(tmp_path: Path) -> None:
    start = weights((40, 30, 3), seed=6)
    runs = {
        name: run_of(tmp_path / name, {0: start, 1: moved(start, seed)})
        for seed, name in enumerate(("a", "b"), start=7)
    }
    picture = SideBySide(runs, difference=True)
    one, other = (each.edges for each in picture[-1].runs)
    for which in ("layer", "tail", "head"):
        np.testing.assert_array_equal(getattr(one, which), getattr(other, which))
    assert len(one.weight) == DEFAULT_MAX_EDGES


def test_the_last_snapshot_stays_where_a_run_ended(tmp_path: Path) -> None:
    picture, _ = two(tmp_path, view="matrix")
    assert picture[-1].runs[1].title == "ended at epoch 2"
    assert picture[-1].runs[1].epoch == 2


def told(*arguments: Any) -> tuple[int, str]:
    """Return the exit code and what was said beside the table, on one line."""
    result = CliRunner().invoke(main, ["compare", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.stderr.split())


@pytest.mark.parametrize("view", ["auto", *VIEWS])
def test_other_shapes_frameworks_and_lengths_are_drawn_and_told(tmp_path: Path, view: str) -> None:
    chainer = result_folder(tmp_path / "chainer", (4, 5, 3), epochs=(1, 2, 3))
    (tmp_path / "torch").mkdir()
    for epoch in (1, 5):
        network(tmp_path / f"torch/model_{epoch}.pt", (4, 8, 6, 3), seed=epoch)
    code, said = told(chainer, tmp_path / "torch", "--difference", "--view", view, "-o", tmp_path / "out.gif")
    assert code == 0
    assert "no difference: " in said
    assert "have different shapes, 4,5,3 and 4,8,6,3" in said
    assert "no metric 'main/accuracy' in the log of 'torch', so it has no curve" in said
    assert (tmp_path / "out.gif").stat().st_size > 1000


def test_two_snapshots_of_different_networks_are_a_still(tmp_path: Path) -> None:
    one = result_folder(tmp_path / "one", (4, 5, 3), epochs=(1,)) / "trainer_00001"
    other = network(tmp_path / "other.pt", (4, 8, 3))
    code, said = told(one, other, "-o", tmp_path / "out.svg")
    assert code == 0
    assert "networks of different shapes are compared (4,5,3, 4,8,3)" in said
    assert "out.svg: 1 frame, 900x600 px" in said
    assert "@keyframes" not in (tmp_path / "out.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--view", "network"], "view is 'network', but "),
        (["--by", "epoch"], "by is 'epoch', but the snapshots of 'odd' do not all say their epoch"),
        (["--metric", "speed"], "no metric 'speed'"),
    ],
)
def test_what_cannot_be_drawn_together_is_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    random = np.random.default_rng(0)
    plain, odd = result_folder(tmp_path / "plain"), tmp_path / "odd"
    odd.mkdir()
    for name in ("a", "b"):
        arrays = {f"{key}/W": random.normal(size=(5, 7)).astype(np.float32) for key in ("q", "k", "v")}
        save(odd / f"model_{name}", trainer_arrays(arrays, epoch=None, iteration=None))
    code, said = told(plain, odd, *arguments, "-o", tmp_path / "out.gif")
    assert code != 0
    assert message in said
    assert not (tmp_path / "out.gif").exists()


def test_a_folder_without_snapshots_is_one_sentence(tmp_path: Path) -> None:
    plain, bare = result_folder(tmp_path / "plain"), tmp_path / "bare"
    bare.mkdir()
    (bare / "log").write_text((plain / "log").read_text(encoding="utf-8"), encoding="utf-8")
    code, said = told(plain, bare)
    assert code == 1
    assert "bare" in said


@pytest.mark.parametrize("view", VIEWS)
def test_the_picture_says_where_neurons_are_not_comparable(tmp_path: Path, view: str) -> None:
    one, other = (result_folder(tmp_path / name) for name in ("one", "other"))  # the same weights
    apart = run_of(tmp_path / "apart", {1: weights(seed=9), 2: weights(seed=10)}).path

    def remark(*paths: Path) -> set[str]:
        found = compare({path.name: [(path.name, path)] for path in paths})
        runs = {path.name: open_run(path) for path in paths}
        picture = SideBySide(runs, view=view, remark=remark_of(found))
        return {text for part in picture.figure.parts if isinstance(part, LegendPart) for text in lines_of(part)}

    said = set(OTHER_STARTS)
    assert not said & remark(one, other)
    assert (said & remark(one, apart) == said) == (view in ("network", "matrix"))


def lines_of(part: LegendPart) -> tuple[str, ...]:
    return part.legend.lines if isinstance(part.legend, RemarkBlock) else ()


@pytest.mark.parametrize("view", VIEWS)
def test_a_long_name_does_not_reach_out_of_the_legend(tmp_path: Path, view: str) -> None:
    run = open_run(result_folder(tmp_path / "run"))
    runs = {"a run with quite a long name, twice in a legend": run, "b": run}
    picture = SideBySide(runs, view=view, difference=True)
    places = [
        (place, text) for part in picture.figure.parts if isinstance(part, LegendPart) for place, text in painted(part)
    ]
    assert any("the first run" in text for _, text in places)
    style, right = picture.figure.style, 72 * picture.options.figsize[0]
    for place, text in places:
        assert place.x + text_width_pt(text, place.size_pt, style.families) <= right, text


def painted(part: LegendPart) -> list[tuple[TextPlace, str]]:
    """Return the texts of a legend."""
    found: list[tuple[TextPlace, str]] = []

    class Scribe(Brush):
        def __init__(self) -> None:
            pass

        def text(self, place: TextPlace, content: str) -> None:
            found.append((place, content))

        def line(self, *_: Any, **__: Any) -> None: ...
        def lines(self, *_: Any, **__: Any) -> None: ...
        def area(self, *_: Any, **__: Any) -> None: ...
        def areas(self, *_: Any, **__: Any) -> None: ...

    part.paint_ground(Scribe())
    return found


def test_an_svg_of_many_edges_shows_those_that_can_move(tmp_path: Path) -> None:
    runs = {str(seed): open_run(result_folder(tmp_path / str(seed), (6, 14, 4), epochs=(1, 2))) for seed in range(3)}
    picture = SideBySide(runs)
    assert sum(len(run.edges.weight) for run in picture[0].runs) == 3 * DEFAULT_MAX_EDGES
    picture.write(tmp_path / "out.svg", f"{tmp_path}/frames/")
    assert "@keyframes" in (tmp_path / "out.svg").read_text(encoding="utf-8")
    shown = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))["frames"][0]["runs"]
    assert [len(run["edges"]["weight"]) for run in shown] == [DEFAULT_MAX_EDGES] * 3
    movable = picture._movable()
    assert movable is not picture
    assert 30 < len(movable[0].runs[0].edges.weight) < DEFAULT_MAX_EDGES
    with pytest.raises(OutputError, match="browsers are asked to move 300 at most"):
        SideBySide(runs, max_edges=DEFAULT_MAX_EDGES).write(tmp_path / "asked.svg")


def test_layers_whose_dots_have_no_room_are_told(tmp_path: Path) -> None:
    shape = (3,) * 11
    groups = {
        name: [(f"{name}{seed}", result_folder(tmp_path / f"{name}{seed}", shape, epochs=(1,))) for seed in range(2)]
        for name in ("a", "b")
    }
    runs = {name: open_run(members[0][1]) for name, members in groups.items()}
    many = SideBySide(runs, lines=compare(groups, by_layer=True).lines, figsize=(9, 16))
    assert "dots of the first 8 of 10 layers are drawn: the table has all" in many.notes
    assert not [
        note
        for note in SideBySide(runs, lines=compare(groups).lines, figsize=(9, 8)).notes
        if note.startswith("dots of")
    ]
