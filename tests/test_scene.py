"""What the options of the picture do, seen in frames and in pixels."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from pictures import IRIS, color_at, run_with

from nnanim import Animation, OptionError, open_run
from nnanim.design.theme import pick_theme
from nnanim.options import Options
from nnanim.reading.run import Run

# Layer 1 is ten times as strong as layer 2.
UNEVEN = [[[[10.0], [5.0]], [[1.0, 0.5]]], [[[10.0], [5.0]], [[1.0, -0.25]]]]


@pytest.fixture(scope="module")
def iris() -> Run:
    return open_run(IRIS)


def test_scale_by_layer_and_by_network(tmp_path: Path):
    run = run_with(tmp_path / "result", UNEVEN)
    by_network, by_layer = (Animation(run, scale=scale)[0].edges.width_px for scale in ("network", "layer"))
    np.testing.assert_allclose(by_layer[:2], by_layer[2:])  # 10 and 5 of 10, 1 and 0.5 of 1
    assert by_network[2] < by_network[1] / 2


def test_sign_keeps_its_colours_to_the_end(tmp_path: Path):
    animation = Animation(run_with(tmp_path / "result", UNEVEN), color="sign", scale="layer")
    theme = pick_theme("light", "vivid")
    first, last = animation[0].edges.color[3].astype(int), animation[1].edges.color[3].astype(int)

    def nearer_to_positive(color: np.ndarray) -> bool:
        return bool(np.abs(color - theme.positive).sum() < np.abs(color - theme.negative).sum())

    assert nearer_to_positive(first)
    assert not nearer_to_positive(last)
    assert tuple(animation[1].edges.color[0]) == theme.positive


def test_dark_theme_paints_its_ground(iris: Run):
    image = Animation(iris, theme="dark", max_frames=2)[0].image
    assert tuple(image[0, 0]) == pick_theme("dark", "vivid").background


def test_rings_are_biases(iris: Run):
    animation = Animation(iris)
    frame = animation[20]
    biases = np.concatenate([layer.bias for layer in iris.snapshots[20].read()])
    assert np.isnan(frame.nodes.bias[:4]).all()
    np.testing.assert_array_equal(frame.nodes.bias[4:], biases)
    order = np.argsort(np.abs(biases))
    assert (np.diff(frame.nodes.ring_px[4:][order]) >= 0).all()
    assert frame.nodes.ring_px[:4].max() <= frame.nodes.ring_px[4:].min()
    plain = Animation(iris, bias=False)[20]
    assert np.isnan(plain.nodes.bias).all()
    assert np.ptp(plain.nodes.ring_px) == 0


def test_ring_is_seen_at_the_rim_of_its_node(iris: Run):
    animation = Animation(iris)
    frame = animation[40]
    node = int(np.nanargmax(np.abs(frame.nodes.bias)))
    center = np.concatenate(animation.node_centers_px)[node]
    radius = 12.0 * 100 / 72  # of the theme, at 100 dpi in a figure of the reference size
    rim = color_at(frame.image, center - [0, radius])
    assert np.abs(rim - frame.nodes.color[node]).max() < 30
    assert color_at(frame.image, center).min() == 255


def test_tween_is_linear_in_the_weights(iris: Run):
    plain, smooth = Animation(iris, ending="ink"), Animation(iris, tween=3, ending="ink")
    assert len(smooth) == 49 * 4 + 1
    for index in (0, 12, 48):
        before, after = plain[index].edges.weight, plain[index + 1].edges.weight
        np.testing.assert_array_equal(smooth[4 * index].edges.weight, before)
        np.testing.assert_allclose(
            smooth[4 * index + 1].edges.weight, before + (after - before) / 4, rtol=1e-5, atol=1e-7
        )
    between = smooth[4 * 12 + 2]
    assert between.epoch == 135
    assert between.curve_x == 135
    table = iris.metrics
    assert between.metrics["main/accuracy"] == pytest.approx(float(table[table.epoch == 135]["main/accuracy"].iloc[0]))


def test_tween_of_a_weight_that_crosses_zero_is_thin_in_the_middle(tmp_path: Path):
    animation = Animation(run_with(tmp_path / "result", [[[[1.0], [1.0]]], [[[-1.0], [1.0]]]]), tween=1)
    assert animation[1].edges.weight.tolist() == [0.0, 1.0]
    assert animation[1].edges.change.tolist() == [-1.0, 0.0]
    assert animation[1].edges.width_px[0] < animation[0].edges.width_px[0] / 5


def test_span_of_epochs_measures_since_its_own_beginning(iris: Run):
    animation = Animation(iris, start=100, stop=200, ending="ink")
    assert [frame.epoch for frame in animation] == list(range(100, 201, 10))
    assert not animation[0].edges.change.any()


def test_several_metrics_are_in_every_frame(iris: Run):
    names = ("main/accuracy", "validation/main/accuracy", "main/loss")
    frame = Animation(iris, metric=names)[9]
    row = iris.metrics[iris.metrics.epoch == 100].iloc[0]
    assert tuple(frame.metrics) == names
    for name in names:
        assert frame.metrics[name] == pytest.approx(float(row[name]))


def test_metrics_of_three_quantities_are_refused(tmp_path: Path):
    run = run_with(tmp_path / "result", UNEVEN, [{"epoch": e, "a": 1.0, "b": 2.0, "c": 3.0} for e in (1, 2)])
    with pytest.raises(OptionError) as error:
        Animation(run, metric=["a", "b", "c"])
    assert str(error.value) == "metrics of 3 quantities (a, b, c): at most 2 fit"


def test_curve_alone_and_network_alone(iris: Run):
    curve, network = (Animation(iris, panels=panels, max_frames=3) for panels in ("curve", "network"))
    assert curve.node_centers_px == []
    assert curve[1].image.shape == network[1].image.shape == (600, 900, 3)
    assert network[1].metrics == {}
    left_edge = network.node_centers_px[0][:, 0].max()
    assert left_edge < 100  # the network has the place of the curve


@pytest.mark.parametrize(("which", "column"), [("input_labels", 0), ("output_labels", -1)])
def test_labels_stand_beside_their_neurons(iris: Run, which, column):
    count = (4, 3)[column]
    named = Animation(iris, **{which: ["mmmm"] * count})
    for x, y in named.node_centers_px[column]:
        side = np.s_[round(y) - 8 : round(y) + 8, round(x) - 75 : round(x) - 20]
        if column == -1:
            side = np.s_[round(y) - 8 : round(y) + 8, round(x) + 20 : round(x) + 75]
        assert named[0].image[side].min() < 100


def test_wrong_number_of_labels_is_refused(iris: Run):
    with pytest.raises(OptionError) as error:
        Animation(iris, output_labels=["a", "b"])
    assert str(error.value) == "2 output labels for 3 output neurons (give one for each)"


def test_labels_of_left_out_neurons_are_left_out(tmp_path: Path):
    run = open_run(result_folder(tmp_path / "result", (30, 3)))
    animation = Animation(run, max_nodes=5, input_labels=[f"pixel {number}" for number in range(30)])
    shown = [int(neuron) for neuron in np.unique(animation[0].edges.tail)]
    assert animation._figure.view.part.names[0] == [f"pixel {number}" for number in shown]


def test_missing_glyph_is_a_note_and_no_error(iris: Run):
    animation = Animation(iris, output_labels=["猫", "b", "c"], max_frames=2)
    assert animation.notes == ("the font has no glyph for '猫': name a font file that has with --font",)
    animation[0].image  # noqa: B018 - painting must not raise


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"fps": 5, "duration_s": 3}, "fps and duration cannot be used together"),
        ({"every": 2, "max_frames": 3}, "every and max_frames cannot be used together"),
        ({"color": "sign", "since": "previous"}, "color 'sign' and since 'previous' cannot be used together"),
        ({"metric": "main/loss", "panels": "network"}, "metric and panels 'network' cannot be used together"),
        ({"spacing": "log"}, "spacing 'log' says how max_frames chooses: give max_frames too"),
        ({"start": 5, "stop": 4}, "the first epoch 5 comes after the last epoch 4"),
        ({"theme": "pink"}, "theme is 'pink': it must be one of light, dark"),
        ({"max_nodes": 0}, "max_nodes is 0: it must be from 1 to 1000"),
        (
            {"figsize": (0.5, 0.5)},
            "figsize 0.5,0.5 inches at 100 dpi makes 50x50 px: each side must have at least 100 px, the whole at most"
            " 32000000 px",
        ),
    ],
)
def test_choices_that_cannot_be(choices, message):
    with pytest.raises(OptionError) as error:
        Options(**choices)
    assert str(error.value) == message


@pytest.mark.parametrize("figsize", [(9, 6), (4.5, 7), (12, 3.5), (4, 3)], ids=str)
@pytest.mark.parametrize("shape", [(2, 1), (13, 8, 8, 3), (64, 20, 20, 10), (784, 100, 10), (20,) * 13], ids=str)
def test_nodes_and_thick_edges_keep_inside_and_apart(tmp_path: Path, shape, figsize):
    folder = result_folder(tmp_path / "result", shape, epochs=(1, 2))
    animation = Animation(open_run(folder), figsize=figsize, view="network", image="none")
    frame = animation[0]
    width, height = animation.size_px
    points = np.concatenate(animation.node_centers_px)
    reach = animation._figure.view.part.nodes.node_radius_pt * 100 / 72 + frame.nodes.ring_px.max() / 2
    assert points.min() - reach >= 0
    assert (points + reach <= [width, height]).all()
    assert frame.edges.width_px.max() / 2 <= reach + 1
    for column in animation.node_centers_px:
        if len(column) > 1:
            assert np.diff(column[:, 1]).min() > 2 * animation._figure.view.part.nodes.node_radius_pt * 100 / 72
    edge = np.s_[0:2, :]
    assert (frame.image[edge] == 255).all()  # nothing is clipped at the top
    assert len(frame.edges.weight) == min(100, sum(min(a, 16) * min(b, 16) for a, b in itertools.pairwise(shape)))


def test_log_spacing_keeps_both_ends_and_crowds_the_beginning(iris: Run):
    epochs = [frame.epoch for frame in Animation(iris, max_frames=8, spacing="log", ending="ink")]
    assert epochs[0] == 10
    assert epochs[-1] == 500
    assert (np.diff(np.diff(epochs)) >= 0).all()
    evenly = [frame.epoch for frame in Animation(iris, max_frames=8, ending="ink")]
    assert (evenly[0], evenly[-1]) == (10, 500)
    assert set(np.diff(evenly)) == {70}


def test_norms_have_no_sign(tmp_path: Path):
    convolutions = open_run(IRIS.parent / "convolutions")
    with pytest.raises(OptionError) as error:
        Animation(convolutions, color="sign", image="none")
    assert str(error.value) == "color is 'sign': the edges of this network are norms of kernels, which have no sign"


def test_norms_beside_weights_stay_grey_by_sign(tmp_path: Path):
    kernel = np.full((2, 1, 3, 3), 0.5)
    run = run_with(tmp_path / "result", [[kernel, [[1.0, -1.0]]], [kernel, [[1.0, -1.0]]]])
    frame = Animation(run, color="sign", scale="layer", image="none")[0]
    theme = pick_theme("light", "vivid")
    assert [tuple(color) for color in frame.edges.color.tolist()] == [
        theme.unchanged,
        theme.unchanged,
        theme.positive,
        theme.negative,
    ]
    np.testing.assert_allclose(frame.edges.weight, [1.5, 1.5, 1, -1])
