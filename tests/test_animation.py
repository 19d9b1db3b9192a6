from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from folders import SHAPE, log_rows, result_folder, save, trainer_arrays, weights
from gif_reader import read_gif
from pictures import IRIS, color_at, ends_px, ink_at, run_with, thickness_px
from timing import ONE_FRAME_EACH

from nnanim import Animation, OptionError, Run, ShapeError, SnapshotError, open_run, render
from nnanim.design.theme import pick_theme
from nnanim.options import Options

LIGHT = pick_theme("light", "vivid")

# A fan: behind the middle of the picture its edges are far from each other.
FAN = [[[[2.0], [0.5], [1.0]]], [[[2.0], [1.5], [0.2]]], [[[2.0], [1.0], [0.6]]]]
STAYS, GROWS, SHRINKS = 0, 1, 2


@pytest.fixture
def fan(tmp_path: Path) -> Animation:
    return Animation(run_with(tmp_path / "fan", FAN), bias=False, **ONE_FRAME_EACH)


@pytest.fixture(scope="module")
def iris() -> Animation:
    return Animation(open_run(IRIS), **ONE_FRAME_EACH)


def toward(animation: Animation, index: int, edge: int, share: float) -> np.ndarray:
    """Return the point (x, y) at a share of the way from an edge's tail to its head."""
    start, end = ends_px(animation, animation[index], edge)
    return start + share * (end - start)


# What a frame says


def test_frames_are_a_sequence(fan: Animation) -> None:
    assert isinstance(fan, Sequence)
    assert len(fan) == 3
    assert [frame.index for frame in fan] == [0, 1, 2]
    assert [frame.index for frame in fan[1:]] == [1, 2]
    assert [frame.index for frame in fan[::-1]] == [2, 1, 0]
    assert fan[-1].index == 2
    for index in (3, -4):
        with pytest.raises(IndexError):
            fan[index]


def test_frame_says_when_it_is(fan: Animation) -> None:
    assert [(frame.epoch, frame.iteration) for frame in fan] == [(1, 3), (2, 6), (3, 9)]
    assert fan.shape == (1, 3)


def test_weights_are_those_of_the_snapshots_in_their_order(iris: Animation) -> None:
    for index in (0, 30, 49):
        frame = iris[index]
        layers = iris.run.snapshots[index].read()
        assert frame.edges.weight.dtype == np.float32
        for edge in range(len(frame.edges.weight)):
            layer, tail, head = (int(part[edge]) for part in (frame.edges.layer, frame.edges.tail, frame.edges.head))
            assert frame.edges.weight[edge] == layers[layer].weight[head, tail]
    assert len(iris[0].edges.weight) == 4 * 5 + 5 * 5 + 5 * 5 + 5 * 3


def test_change_is_growth_of_the_size_since_the_first_snapshot(iris: Animation) -> None:
    first = np.abs(iris[0].edges.weight)
    for frame in iris[::7]:
        np.testing.assert_array_equal(frame.edges.change, np.abs(frame.edges.weight) - first)


def test_change_since_the_snapshot_before(tmp_path: Path) -> None:
    animation = Animation(run_with(tmp_path / "fan", FAN), since="previous")
    changes = [frame.edges.change for frame in animation]
    np.testing.assert_array_equal(changes[0], [0, 0, 0])
    np.testing.assert_allclose(changes[1], [0, 1.0, -0.8])
    np.testing.assert_allclose(changes[2], [0, -0.5, 0.4], rtol=1e-6)


def test_weight_that_crosses_zero_and_grows_is_strengthened(tmp_path: Path) -> None:
    animation = Animation(run_with(tmp_path / "run", [[[[0.1, 1]]], [[[-2.0, 1]]], [[[0, 1]]]]))
    frame = animation[1]
    assert frame.edges.change[0] == pytest.approx(1.9)
    assert frame.edges.color[0].tolist() == list(LIGHT.strengthened)


def test_widths_are_on_one_scale_for_the_whole_run(iris: Animation) -> None:
    weights_, widths = (np.concatenate([getattr(f.edges, name) for f in iris]) for name in ("weight", "width_px"))
    order = np.argsort(np.abs(weights_))
    assert (np.diff(widths[order]) >= 0).all()
    # Thrice from one end to the other and the same in between: no frame has a scale of its own.
    middle = np.abs(weights_) < np.quantile(np.abs(weights_), 0.95)
    slope, start = np.polyfit(np.abs(weights_[middle]), widths[middle], 1)
    np.testing.assert_allclose(widths[middle], start + slope * np.abs(weights_[middle]), atol=1e-3)
    assert widths.max() > 5 * widths.min() > 0


def test_weight_that_stays_looks_the_same_in_every_frame(fan: Animation) -> None:
    looks = [(frame.edges.width_px[STAYS], frame.edges.color[STAYS].tolist()) for frame in fan[:-1]]
    assert looks[0] == looks[1]
    assert fan[2].edges.width_px[STAYS] == looks[0][0]


def distance(color: np.ndarray, other: Sequence[int]) -> float:
    return float(np.linalg.norm(color.astype(float) - other))


def test_colours_tell_what_grew(fan: Animation) -> None:
    first, middle, last = fan
    np.testing.assert_array_equal(first.edges.color, [LIGHT.unchanged] * 3)
    grown, shrunk = middle.edges.color[GROWS], middle.edges.color[SHRINKS]
    assert distance(grown, LIGHT.strengthened) < distance(grown, LIGHT.unchanged) < distance(grown, LIGHT.weakened)
    assert distance(shrunk, LIGHT.weakened) < distance(shrunk, LIGHT.unchanged) < distance(shrunk, LIGHT.strengthened)
    assert middle.edges.color[STAYS].tolist() == list(LIGHT.unchanged)
    np.testing.assert_array_equal(last.edges.color, [LIGHT.ink] * 3)


def test_more_change_more_colour(iris: Animation) -> None:
    changes, colors = (np.concatenate([getattr(f.edges, name) for f in iris[:-1]]) for name in ("change", "color"))
    order = np.argsort(changes)
    redder = colors[order, 0].astype(int) - colors[order, 2].astype(int)
    assert (np.diff(redder) >= 0).all()
    assert redder[0] < -150
    assert redder[-1] > 150


def test_declared_shape_gives_the_same_as_the_one_that_is_found(iris: Animation) -> None:
    declared = Animation(open_run(IRIS), shape=[4, 5, 5, 5, 3], **ONE_FRAME_EACH)
    assert declared.shape == iris.shape == (4, 5, 5, 5, 3)
    for one, other in zip(declared[::25], iris[::25], strict=True):
        np.testing.assert_array_equal(one.edges.weight, other.edges.weight)


def test_wrong_shape(result: Path) -> None:
    with pytest.raises(ShapeError, match=r"^shape 4,5,4 does not fit snapshot 'result/trainer_00001': "):
        Animation(open_run(result_folder(result)), shape=(4, 5, 4))


def test_weights_that_are_no_numbers(result: Path) -> None:
    result_folder(result, epochs=[1])
    arrays = weights()
    arrays["l2/W"][0, 0] = np.nan
    save(result / "trainer_00002", trainer_arrays(arrays, epoch=2, iteration=6))
    with pytest.raises(SnapshotError, match=r"^layer 'l2' in snapshot 'result/trainer_00002' has 1 NaN or infinite"):
        Animation(open_run(result))


def test_options_are_those_of_the_library(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert Animation(run).options == Options()
    with pytest.raises(OptionError, match=r"^since is 'last': it must be one of first, previous$"):
        Animation(run, since="last")
    with pytest.raises(OptionError, match=r"^there is no option 'colour'"):
        Animation(run, colour="change")


# What can be seen


def test_picture_is_900_by_600_pixels(fan: Animation) -> None:
    assert fan.size_px == (900, 600)
    image = fan[0].image
    assert image.shape == (600, 900, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(
    ("figsize", "dpi", "size"), [((4.5, 3), 100, (450, 300)), ((9, 6), 50, (450, 300)), ((5, 8), 60, (300, 480))]
)
def test_size_follows_figsize_and_dpi(
    tmp_path: Path, figsize: tuple[float, float], dpi: float, size: tuple[int, int]
) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")), figsize=figsize, dpi=dpi)
    assert animation.size_px == size
    assert animation[1].image.shape == (size[1], size[0], 3)


def test_strong_edge_has_more_ink_than_a_weak_one(fan: Animation) -> None:
    image = fan[-1].image
    ink = [ink_at(image, toward(fan, 2, edge, 0.7)) for edge in (STAYS, GROWS, SHRINKS)]
    assert ink[STAYS] > 1.5 * ink[GROWS] > 1.5 * 1.2 * ink[SHRINKS] > 0


def test_strengthened_edge_is_red_and_weakened_one_blue_in_the_picture(fan: Animation) -> None:
    image = fan[1].image
    redder = {}
    for edge in (GROWS, SHRINKS, STAYS):
        red, _, blue = color_at(image, toward(fan, 1, edge, 0.7), 1)
        redder[edge] = red - blue
    assert redder[GROWS] > 60  # a thin line fills its pixels in part, but no grey one is red or blue
    assert redder[SHRINKS] < -60
    assert abs(redder[STAYS]) < 2


THICKNESS = {
    # weights of a fan, options
    "level and slanted": ([3.0, 1.5, 0.3], {}),
    "thin": ([1.0, 0.05, 0.0], {}),
    "twice as many pixels": ([2.0, 1.0, 0.5], {"dpi": 200}),
    "small": ([2.0, 1.0, 0.5], {"figsize": (6, 4), "dpi": 80}),
}


@pytest.mark.parametrize("case", THICKNESS)
def test_thickness_of_edges_is_what_the_frame_says(tmp_path: Path, case: str) -> None:
    sizes, options = THICKNESS[case]
    column = [[size] for size in sizes]
    animation = Animation(run_with(tmp_path / "run", [[column], [column]]), **options)
    for frame in animation:
        image = frame.image
        for edge in range(3):
            color = frame.edges.color[edge]
            seen = thickness_px(image, color, *ends_px(animation, frame, edge))
            assert seen == pytest.approx(frame.edges.width_px[edge], abs=0.5)


def test_nodes_are_filled_and_have_an_outline(fan: Animation) -> None:
    image = fan[0].image
    for centers in fan.node_centers_px:
        for center in centers:
            np.testing.assert_array_equal(color_at(image, center, 3), LIGHT.node)
            x, y = center.astype(int)
            outline = image[y, x : x + 40].min(axis=-1) if x < 500 else image[y, x - 40 : x].min(axis=-1)
            assert outline.min() < 150


def test_nodes_never_move(iris: Animation) -> None:
    height = iris.size_px[1]
    for centers in iris.node_centers_px:
        assert (centers[:, 1] > 0).all()
        assert (centers[:, 1] < height).all()
    rings = [ink_at(frame.image, iris.node_centers_px[0][0], 9) for frame in iris[::20]]
    assert rings == pytest.approx([rings[0]] * len(rings))


def red_dot(animation: Animation, image: np.ndarray) -> np.ndarray:
    """Return the centre (x, y) of the red pixels left of the network, NaN where there are none."""
    end = int(animation.node_centers_px[0][:, 0].min()) - 40
    near = np.abs(image[:, :end].astype(int) - LIGHT.dot).max(axis=-1) < 40
    y, x = np.nonzero(near)
    return np.array([x.mean(), y.mean()]) if len(x) else np.array([np.nan, np.nan])


def test_red_dot_moves_with_epoch_and_metric(tmp_path: Path) -> None:
    epochs = [1, 2, 4, 7, 8]
    animation = Animation(open_run(result_folder(tmp_path / "result", epochs=epochs)), **ONE_FRAME_EACH)
    dots = np.array([red_dot(animation, frame.image) for frame in animation])
    values = [frame.metrics["main/accuracy"] for frame in animation]
    assert (np.diff(dots[:, 0]) > 0).all()
    assert (np.diff(dots[:, 1]) < 0).all()
    # Both axes are straight scales, so the dots lie where epoch and value say.
    for places, numbers in ((dots[:, 0], epochs), (dots[:, 1], values)):
        slope, start = np.polyfit(numbers, places, 1)
        # Matplotlib puts markers on whole pixels: half a pixel for the place, half for the fit.
        np.testing.assert_allclose(places, start + slope * np.array(numbers), atol=1)
    assert dots[-1, 0] < animation.size_px[0] / 3


def test_dot_of_the_log_s_row_when_it_is_not_the_snapshot_s_own(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", FAN, [{"loss": 3.0, "epoch": 1}, {"loss": 1.0, "epoch": 3}])
    animation = Animation(run, ending="ink")
    assert [frame.curve_x for frame in animation] == [1, 1, 3]
    assert [frame.epoch for frame in animation] == [1, 2, 3]


def test_gap_in_the_log_has_no_dot(tmp_path: Path) -> None:
    rows = log_rows(3)
    rows[1]["main/accuracy"] = float("nan")
    animation = Animation(run_with(tmp_path / "run", FAN, rows), ending="ink")
    dots = [red_dot(animation, frame.image) for frame in animation]
    assert [bool(np.isnan(dot).any()) for dot in dots] == [False, True, False]


@pytest.mark.parametrize("rows", [[{"loss": float("nan"), "epoch": 1}], [{"loss": 1.0, "epoch": 1}]], ids=str)
def test_curve_of_one_row_can_be_drawn(tmp_path: Path, rows: list[dict[str, float]]) -> None:
    assert Animation(run_with(tmp_path / "run", FAN, rows), dpi=50)[0].image.shape == (300, 450, 3)


def test_without_a_log_the_network_has_the_whole_picture(fan: Animation) -> None:
    left = fan.node_centers_px[0][0, 0]
    assert left < fan.size_px[0] / 6
    assert fan[0].metrics == {}


def test_with_a_log_the_network_has_the_right_two_thirds(iris: Animation) -> None:
    x = [centers[0, 0] for centers in iris.node_centers_px]
    assert iris.size_px[0] / 3 < x[0] < x[-1] < iris.size_px[0]
    # The curve is painted whole in the first frame already.
    image = iris[0].image[:, : int(iris.size_px[0] / 3) - 20]
    assert (image.min(axis=-1) < 200).any(axis=0)[100:250].all()


def test_single_snapshot_is_one_frame_in_ink(tmp_path: Path) -> None:
    animation = Animation(run_with(tmp_path / "run", FAN[:1]))
    assert len(animation) == 1
    np.testing.assert_array_equal(animation[0].edges.color, [LIGHT.ink] * 3)
    assert animation[0].image.shape == (600, 900, 3)


def test_network_without_any_weight_can_be_drawn(tmp_path: Path) -> None:
    animation = Animation(run_with(tmp_path / "run", [[[[0.0, 0.0]]], [[[0.0, 0.0]]]]))
    np.testing.assert_array_equal(animation[0].edges.color, [LIGHT.unchanged] * 2)
    assert animation[0].image.shape == (600, 900, 3)


ODD_NAMES = ["$\\frac$", "a_{b", "100 %", "<b>&amp;"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_from_files_are_text_and_nothing_else(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "result"
    folder.mkdir()
    for epoch in (1, 2):
        arrays = trainer_arrays(weights((2, 3, 1), names=[name, "out"]), epoch=epoch, iteration=epoch)
        save(folder / f"trainer_{epoch}", arrays)
    (folder / "log").write_text(json.dumps([{name: 0.5, "epoch": epoch} for epoch in (1, 2)]))
    assert Animation(open_run(folder), dpi=50)[0].image.shape == (300, 450, 3)


@pytest.mark.parametrize("figsize", [(9, 1), (1, 6), (1, 1), (2, 1.2)])
def test_small_figure_is_drawn_or_refused(tmp_path: Path, figsize: tuple[float, float]) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    refused = ""
    try:
        assert Animation(run, figsize=figsize)[0].image.shape == (int(figsize[1] * 100), int(figsize[0] * 100), 3)
    except OptionError as error:
        refused = str(error)
    assert refused == "" or "is too small" in refused


@pytest.mark.parametrize("figsize", [(0.5, 6), (float("nan"), 6), (200, 200)])
def test_size_out_of_range(tmp_path: Path, figsize: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match=r"^figsize .* each side must have at least 100 px, the whole at most"):
        Animation(open_run(result_folder(tmp_path / "result")), figsize=figsize)


# The whole way


def test_sample_becomes_51_frames_of_900_by_600(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    animation = render(
        IRIS, tmp_path / "iris.gif", (4, 5, 5, 5, 3), progress=lambda count, total: done.append((count, total))
    )
    assert done == [(count, 51) for count in range(1, 52)]
    gif = read_gif(tmp_path / "iris.gif")
    assert gif.size == (900, 600) == animation.size_px
    assert gif.loop == 0
    assert gif.delays_ms == [100] * 49 + [1500, 1500]  # the last snapshot with its changes, then in ink
    for index in (0, 25, 49, 50):
        error = np.abs(gif.images[index].astype(int) - animation[index].image.astype(int))
        assert error.mean() < 1
    # Seen in the file itself: what grew most is red, what shrank most is blue.
    frame = animation[49]
    for edge, sign in ((int(np.argmax(frame.edges.change)), 1), (int(np.argmin(frame.edges.change)), -1)):
        start, end = ends_px(animation, frame, edge)
        points = [start + share * (end - start) for share in np.linspace(0.2, 0.8, 25)]
        redder = [float(color @ [1, 0, -1]) for color in (color_at(gif.images[49], point) for point in points)]
        assert sign * np.median(redder) > 40


def test_same_run_gives_the_same_bytes_and_hash_seeds_do_not_matter(tmp_path: Path) -> None:
    run = result_folder(tmp_path / "result")
    render(run, tmp_path / "one.gif", dpi=50)
    render(run, tmp_path / "two.gif", dpi=50)
    code = "import nnanim, sys; nnanim.render(sys.argv[1], sys.argv[2], dpi=50)"
    for seed in ("1", "77"):
        target = tmp_path / f"seed{seed}.gif"
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(run), str(target)], check=True, env=environment)
    files = {path.name: path.read_bytes() for path in tmp_path.glob("*.gif")}
    assert len(files) == 4
    assert len(set(files.values())) == 1


def test_frames_can_be_painted_in_any_order(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    forth = [frame.image for frame in Animation(run, dpi=50)]
    back = [frame.image for frame in Animation(run, dpi=50)[::-1]]
    np.testing.assert_array_equal(forth, back[::-1])


def test_more_frames_than_one_process_draws(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", (1, 1), epochs=range(1, 71)))
    animation = Animation(run, dpi=50, figsize=(4, 3), **ONE_FRAME_EACH)
    images = list(animation.paint(animation))
    assert len(images) == 70
    np.testing.assert_array_equal(images[-1], animation[-1].image)


STYLES = ["dark_background", "ggplot", "grayscale"]
SETTINGS = {
    "font.size": 30,
    "font.weight": "bold",
    "axes.grid": True,
    "axes.xmargin": 0.4,
    "lines.linestyle": "--",
    "lines.marker": "x",
    "lines.antialiased": False,
    "text.antialiased": False,
    "text.hinting": "none",
    "xtick.labelsize": 20,
    "axes.spines.left": False,
    "path.snap": False,
    "figure.dpi": 33,
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
}


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, np.ndarray]:
    run = open_run(result_folder(tmp_path_factory.mktemp("plain") / "result"))
    return run, Animation(run, dpi=50)[1].image


@pytest.mark.parametrize("name", [*STYLES, *SETTINGS])
def test_style_of_the_caller_has_no_influence(plain_run: tuple[Run, np.ndarray], name: str) -> None:
    run, plain = plain_run
    style = name if name in STYLES else {name: SETTINGS[name]}
    with plt.style.context(style):
        np.testing.assert_array_equal(Animation(run, dpi=50)[1].image, plain)


def test_style_of_the_caller_is_left_alone(tmp_path: Path) -> None:
    run = result_folder(tmp_path / "result")
    with plt.style.context("ggplot"):
        before = dict(matplotlib.rcParams)
        figures = plt.get_fignums()
        render(run, tmp_path / "out.gif", dpi=50)
        assert dict(matplotlib.rcParams) == before
        assert plt.get_fignums() == figures


def test_random_state_of_the_caller_is_left_alone(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    assert Animation(run, SHAPE, dpi=50)[0].image.any()
    assert np.random.random() == expected


def test_render_takes_the_article_s_example(tmp_path: Path) -> None:
    names = list(inspect.signature(render).parameters)
    assert names[:3] == ["result", "output", "shape"]
    render(str(result_folder(tmp_path / "result")), str(tmp_path / "out.gif"), shape=[4, 5, 3], dpi=50)
    assert len(read_gif(tmp_path / "out.gif").images) == 3 + 1  # the last snapshot in ink too
