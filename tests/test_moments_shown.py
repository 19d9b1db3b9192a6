"""At a moment the animation slows, a line says what happened, and what changed stands out; elsewhere nothing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from folders import jump_folder, result_folder

from nnanim import Animation, OptionError, open_run
from nnanim.cli import main
from nnanim.comparing.side_by_side import SideBySide
from nnanim.frames.timeline import MOMENT_S
from nnanim.panels.figure import Figure
from nnanim.panels.moment import MomentPanel

AT = 20  # the epoch of the jump
HERE = AT - 1  # its frame
SAYS = {
    "network": "epoch 20: accuracy 67.0 → 93.0 %, 92 % of all change in 3 edges of l3",
    "layers": "epoch 20: accuracy 67.0 → 93.0 %, 100 % of all squared change in l3",
    "map": "epoch 20: accuracy 67.0 → 93.0 %, 100 % of all squared change in l3",
    "matrix": "epoch 20: accuracy 67.0 → 93.0 %, 91 % of all change in 3 cells of l3",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jump_folder(tmp_path_factory.mktemp("run") / "jump", at=AT)


def of(folder: Path, **options: Any) -> Animation:
    return Animation(open_run(folder), **({"moments": True} | options))


@pytest.mark.parametrize("view", SAYS)
@pytest.mark.parametrize("since", ["first", "previous"])
def test_each_view_says_what_happened(folder: Path, view: str, since: str) -> None:
    animation = of(folder, view=view, since=since)
    told = {frame.index: frame.moment.says for frame in animation if frame.moment is not None}
    assert told == {HERE: SAYS[view]}
    assert SAYS[view] in animation.notes


@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_the_line_is_written_whole_and_inside_the_picture(folder: Path, figsize: tuple[float, float]) -> None:
    animation = of(folder, figsize=figsize, dpi=100)
    panel = line_of(animation._figure)
    assert " ".join(panel.look(animation[HERE])) == SAYS["network"]
    assert not any(panel.look(animation[HERE - 1]))
    with_line, without = (animation[index].image[: int(0.07 * figsize[1] * 100)] for index in (HERE, HERE - 1))
    written = np.argwhere((with_line != without).any(axis=2))
    assert len(written) > 300
    assert written[:, 1].max() < figsize[0] * 100 - 6


def line_of(figure: Figure) -> MomentPanel:
    (panel,) = (each for each in figure.panels if isinstance(each, MomentPanel))
    return panel


def test_the_edges_that_changed_keep_their_colour_and_lie_above_paler_ones(folder: Path) -> None:
    animation, plain = of(folder), of(folder, moments=False)
    assert np.array_equal(animation[HERE].edges.color, plain[HERE].edges.color)  # what they mean stays the same
    look = animation._figure.view.look(animation[HERE])
    edges = animation[HERE].edges
    changed = {(2, 0, 0), (2, 2, 1), (2, 4, 2)}  # layer, tail, head of the jump in jump_folder
    places = zip(edges.layer.tolist(), edges.tail.tolist(), edges.head.tolist(), strict=True)
    expected = np.array([place in changed for place in places])
    assert np.array_equal(look.stand_out, expected)
    assert np.array_equal(look.edge_color[expected], edges.color[expected])
    background = np.array(animation._figure.style.theme.background, dtype=float)
    near, far = (np.abs(color[~expected] - background).sum() for color in (look.edge_color, edges.color))
    assert near < 0.3 * far
    assert animation._figure.view.look(animation[HERE + 1]).stand_out is None


@pytest.mark.parametrize(("view", "ink"), [("layers", 900), ("map", 300), ("matrix", 60)])
def test_what_changed_is_framed_in_other_views(folder: Path, view: str, ink: int) -> None:
    animation, without = of(folder, view=view), of(folder, view=view)
    look = without._figure.view.look(without[HERE])
    assert look.stand_out
    object.__setattr__(look, "stand_out", ())
    sheet = without._figure.sheet(without[HERE])
    plain = [look if type(each) is type(look) else each for each in sheet.looks]
    framed = animation[HERE].image.astype(int)
    unframed = next(without._painter.paint([type(sheet)(HERE, plain)])).astype(int)
    darker = (framed.sum(axis=2) < unframed.sum(axis=2) - 150).sum()
    assert darker > ink


def test_the_animation_slows_there(folder: Path) -> None:
    slowed, plain = of(folder).durations_s, of(folder, moments=False).durations_s
    longer = [index for index in range(len(plain) - 1) if slowed[index] > 1.5 * plain[index]]
    assert longer == [HERE - 1, HERE]
    assert slowed[HERE] == pytest.approx(MOMENT_S + 3 * plain[HERE], abs=0.03)


def test_between_two_snapshots_the_line_stands_on_the_way_to_the_moment(folder: Path) -> None:
    animation = of(folder, tween=2)
    assert [frame.index for frame in animation if frame.moment] == [3 * HERE - 2, 3 * HERE - 1, 3 * HERE]


def test_a_given_duration_is_kept(folder: Path) -> None:
    animation = of(folder, duration_s=8, hold_s=1, fps=None)
    assert sum(animation.durations_s) == pytest.approx(8)
    assert animation.durations_s[HERE] > 2
    assert min(animation.durations_s) >= 0.02 - 1e-9


def test_frames_json_tells_the_moment(folder: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main, ["render", str(folder), "--moments", "-o", f"{tmp_path}/frames/", "--figsize", "3,2"]
    )
    assert told.exit_code == 0, told.output
    assert SAYS["network"] in told.stderr
    frames = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))["frames"]
    (frame,) = (each for each in frames if "moment" in each)
    assert frame["epoch"] == AT
    assert frame["moment"]["says"] == SAYS["network"]
    edges = frame["edges"]
    ends = {(edges["layer"][edge], edges["tail"][edge], edges["head"][edge]) for edge in frame["moment"]["edges"]}
    assert ends == {(2, 0, 0), (2, 2, 1), (2, 4, 2)}


@pytest.mark.parametrize(("view", "told"), [("layers", {"rows": [2]}), ("map", {"boxes": [2]})])
def test_frames_json_tells_tensors(folder: Path, tmp_path: Path, view: str, told: dict[str, list[int]]) -> None:
    of(folder, view=view, figsize=(6, 4)).write(f"{tmp_path}/frames/")
    frames = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))["frames"]
    assert told.items() <= frames[HERE]["moment"].items()


def test_frames_json_tells_cells(folder: Path, tmp_path: Path) -> None:
    of(folder, view="matrix", figsize=(4, 3)).write(f"{tmp_path}/frames/")
    frames = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))["frames"]
    matrix, row, column = frames[HERE]["moment"]["cells"][0]
    before, after = (frames[index]["cells"][matrix]["value"][row][column] for index in (HERE - 1, HERE))
    assert (matrix, row, column) in {(2, 0, 0), (2, 1, 2), (2, 2, 4)}
    assert abs(abs(after) - abs(before)) > 0.5


def test_a_log_alone_has_the_moments_of_its_metric(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes((folder / "log").read_bytes())
    animation = Animation(open_run(tmp_path, may_lack_snapshots=True), panels="curve", moments=True)
    told = {frame.index: frame.moment.says for frame in animation if frame.moment}
    assert told == {HERE: "epoch 20: accuracy 67.0 → 93.0 %"}


def test_without_moments_the_picture_is_the_same_as_ever(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "result")
    animation = of(folder)
    assert "no moment stands out from those before and after it" in animation.notes
    assert animation.durations_s == of(folder, moments=False).durations_s
    assert not any(isinstance(panel, MomentPanel) for panel in animation._figure.panels)


def test_runs_side_by_side_have_none(folder: Path) -> None:
    with pytest.raises(OptionError, match="moments: runs side by side"):
        SideBySide({"one": open_run(folder), "other": open_run(folder)}, moments=True)
