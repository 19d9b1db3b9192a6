"""What the hills of rows look like: ink at computed places, zeros told apart, one axis, no text in the way."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save
from pictures import IRIS, crossing_texts, cut_off_texts, written_texts

from nnanim import Animation, OptionError, open_run
from nnanim.comparing.side_by_side import SideBySide
from nnanim.design.hill_scale import HillScale, decade_text
from nnanim.design.layout import Box
from nnanim.design.theme import pick_theme
from nnanim.frames.magnitudes import LOWEST, Histograms, count_magnitudes
from nnanim.panels.grid import NO_ROOM, GridPanel
from nnanim.panels.hills import Hills, share_text, ticks_within
from nnanim.panels.layers import LayersPanel

THEME = pick_theme("light", "vivid")
SIZES = [(9.0, 6.0), (6.0, 4.0), (4.5, 7.0)]


def animation_of(folder: Path, snapshots: list[dict[str, Any]], **options: Any) -> Animation:
    folder.mkdir()
    for epoch, arrays in enumerate(snapshots):
        save(folder / f"net_epoch{epoch}.npz", {key: np.asarray(value, "f4") for key, value in arrays.items()})
    return Animation(open_run(folder), **{"distributions": True, "ending": "change"} | options)


def spread_over(sizes: list[float], share_of_zeros: float = 0.0, count: int = 400) -> np.ndarray:
    """Return (20, count / 20) weights of these magnitudes, each as often, with both signs, and some zeros."""
    weights = np.resize(np.array(sizes), count) * np.resize([1.0, -1.0, -1.0], count)
    weights[: int(share_of_zeros * count)] = 0
    return weights.reshape(20, -1)


def moving(folder: Path, **options: Any) -> Animation:
    """One tensor moves from 0.01 … to 1 …, one stays, one is pruned by half."""
    low, high = [0.0104, 0.0167], [1.04, 1.67]
    first = {"a.weight": spread_over(low), "b.weight": spread_over(high), "c.weight": spread_over(low + high)}
    second = {**first, "a.weight": spread_over(high), "c.weight": spread_over(low + high, 0.5)}
    return animation_of(folder, [first, second], **options)


def hills_of(animation: Animation) -> Hills:
    view = animation._figure.view
    assert isinstance(view, LayersPanel | GridPanel)
    assert view.part.hills is not None
    return view.part.hills


def share_of(hills: Hills, size: float) -> float:
    """Return where a magnitude stands on the axis."""
    return float((10 * np.log10(size) - hills.scale.low) / (hills.scale.high - hills.scale.low))


def at(image: np.ndarray, x_pt: float, y_pt: float, dpi: float = 100.0) -> np.ndarray:
    return image[image.shape[0] - 1 - int(y_pt * dpi / 72), int(x_pt * dpi / 72)].astype(int)


def is_hill(animation: Animation, frame: int, row: int, size: float, up: float = 0.25) -> bool:
    """Tell whether the hill of a row is seen where a magnitude stands, at a share of its height."""
    hills = hills_of(animation)
    x = hills.box.left + share_of(hills, size) * hills.box.width
    seen = at(animation[frame].image, x, hills.bottoms[row] + up * hills.height)
    return bool(np.abs(seen - np.array(THEME.muted)).max() <= 12)


def test_a_hill_stands_where_its_weights_are_and_moves_with_them(tmp_path: Path) -> None:
    animation = moving(tmp_path / "run")
    low, high = 0.0132, 1.32
    assert is_hill(animation, 0, 0, low)
    assert not is_hill(animation, 0, 0, high)
    assert is_hill(animation, 1, 0, high)
    assert not is_hill(animation, 1, 0, low)
    for frame in (0, 1):
        assert is_hill(animation, frame, 1, high)
        assert not is_hill(animation, frame, 1, low)
        assert not is_hill(animation, frame, 0, 0.13)


@pytest.mark.parametrize(("since", "stays"), [("first", [0, 0, 0]), ("previous", [0, 0, 1])])
def test_the_outline_is_the_snapshot_that_changes_are_measured_against(
    tmp_path: Path, since: str, stays: list[int]
) -> None:
    snapshots = [{"a.weight": spread_over([0.01 * 30**step, 0.02 * 30**step])} for step in range(3)]
    animation = animation_of(tmp_path / "run", snapshots, since=since)
    looks = [animation._figure.view.look(frame).hills for frame in animation]
    for look, behind in zip(looks, stays, strict=True):
        np.testing.assert_array_equal(look.outlines, looks[behind].heights)
    hills, image = hills_of(animation), animation[2].image
    x = int((hills.box.left + share_of(hills, 0.0147 * 30 ** stays[2]) * hills.box.width) * 100 / 72)
    top, bottom = (image.shape[0] - int(y * 100 / 72) for y in (hills.bottoms[0] + hills.height, hills.bottoms[0]))
    darkest = image[top - 2 : bottom + 2, x - 3 : x + 4].min()
    assert darkest <= THEME.unchanged[0] + 25
    assert darkest > THEME.muted[0] + 40  # there is a line, and no hill


def test_zeros_are_a_bar_of_their_share_and_a_number(tmp_path: Path) -> None:
    animation = moving(tmp_path / "run")
    hills = hills_of(animation)
    assert hills.zeros is not None
    look = animation._figure.view.look(animation[1]).hills
    assert look.told == ("", "", "50 %")
    assert "50 %" in [each.text for each in written_texts(animation, animation[1])]
    middle = hills.zeros + 3.0 * hills.style.scale
    seen = [at(animation[1].image, middle, hills.bottoms[2] + up * hills.height) for up in (0.4, 0.6)]
    assert np.abs(seen[0] - np.array(THEME.muted)).max() <= 2
    assert np.abs(seen[1] - np.array(THEME.faint)).max() <= 2
    assert np.abs(at(animation[0].image, middle, hills.bottoms[2] + 0.4 * hills.height) - THEME.faint).max() <= 2


def test_shares_of_zeros_in_few_letters() -> None:
    shares = (0, 0.0001, 0.01, 0.574, 0.99, 0.9999, 1)
    assert [share_text(share) for share in shares] == ["", "< 1 %", "1 %", "57 %", "99 %", "> 99 %", "100 %"]


def test_without_a_zero_there_is_no_place_for_zeros(tmp_path: Path) -> None:
    animation = animation_of(tmp_path / "run", [{"a.weight": spread_over([0.1, 0.2])}] * 2)
    assert hills_of(animation).zeros is None
    assert "exactly 0" not in [each.text for each in written_texts(animation, animation[0])]


def test_the_zeros_of_a_row_are_among_the_weights_of_which_a_hill_is_a_share(tmp_path: Path) -> None:
    animation = moving(tmp_path / "run")
    before, after = (animation._figure.view.look(frame).hills.heights[2].sum() for frame in animation)
    assert after == pytest.approx(before / 2, rel=0.01)


def histogram_of(*rows: np.ndarray) -> Histograms:
    counts, zeros = np.zeros((1, len(rows), 766), np.int64), np.zeros((1, len(rows)), np.int64)
    for row, weights in enumerate(rows):
        zeros[0, row] = count_magnitudes(weights.astype("f4"), counts[0, row])
    return Histograms(0, counts, zeros, np.zeros(1, int)).cropped()


def test_the_axis_goes_from_where_one_percent_is_smaller_to_the_largest() -> None:
    random = np.random.default_rng(0)
    few = np.full(40, 1e-9)
    scale = HillScale.of([histogram_of(np.append(10 ** random.uniform(-3, 0, size=5000), few), np.full(5000, 12.0))])
    assert scale.step == 1
    assert scale.low == -30
    assert scale.high == 12  # 12 lies between 10^1.0 and 10^1.1; behind it is an empty bin
    small = histogram_of(np.array([1e-9, 0.1, 0.1, 0.1]))
    shown = scale.heights(small.counts[0], small.zeros[0], small.first) * scale.full
    assert shown[0, 0] == 0.25  # what is smaller than the axis stands at its low end
    assert shown.sum() == pytest.approx(1)


@pytest.mark.parametrize(("count", "step"), [(20, 5), (400, 2), (4000, 1)])
def test_few_weights_have_wide_bins(count: int, step: int) -> None:
    random = np.random.default_rng(0)
    scale = HillScale.of([histogram_of(random.normal(size=count), random.normal(size=count))])
    assert scale.step == step
    assert scale.low % step == scale.high % step == 0
    one = histogram_of(random.normal(size=count))
    heights = scale.heights(one.counts[0], one.zeros[0], one.first)
    assert heights.shape == (1, (scale.high - scale.low) // step)
    assert scale.low > LOWEST


def test_powers_of_ten_are_named_as_far_as_there_is_room() -> None:
    assert [decade_text(power) for power in (-5, -3, -1, 0, 1, 3, 4, -12)] == [
        "10⁻⁵", "0.001", "0.1", "1", "10", "1000", "10⁴", "10⁻¹²",
    ]  # fmt: skip
    scale = HillScale(-35, 12, 1, 0.2, has_zeros=False)
    assert [text for _, text in scale.decades] == ["0.001", "0.01", "0.1", "1", "10"]
    for width, named in ((400.0, 5), (90.0, 3), (60.0, 2), (8.0, 0)):
        ticks = ticks_within(scale, Box(50.0, 0.0, width, 1.0), 7.0, lambda text: 6.0 * len(text))
        assert len(ticks) == named
        ends = [(x - 3.0 * len(text), x + 3.0 * len(text)) for x, text in ticks]
        assert all(low >= 50.0 and high <= 50.0 + width for low, high in ends)
        assert all(after[0] - before[1] >= 7.0 for before, after in pairwise(ends))


def blocks(folder: Path, count: int, **options: Any) -> Animation:
    random = np.random.default_rng(0)
    parts = {
        "self_attn.q_proj": (8, 8),
        "self_attn.k_proj": (8, 8),
        "self_attn.v_proj": (8, 8),
        "self_attn.o_proj": (8, 8),
    }
    parts |= {"mlp.up_proj": (16, 8), "mlp.down_proj": (8, 16)}
    shapes = {f"model.layers.{block}.{name}.weight": shape for block in range(count) for name, shape in parts.items()}
    snapshots = [{key: step * random.normal(size=shape) for key, shape in shapes.items()} for step in (1.0, 1.5)]
    return animation_of(folder, snapshots, **options)


def test_a_grid_shows_a_hill_for_each_block_where_there_is_room(tmp_path: Path) -> None:
    animation = blocks(tmp_path / "run", 12)
    view = animation._figure.view
    assert isinstance(view, GridPanel)
    assert NO_ROOM not in animation.notes
    look = view.look(animation[1])
    frame = animation[1]
    assert look.hills.heights.shape[0] == 12
    magnitudes, lines = frame.folded_rows.magnitudes, len(view._grid.lines)
    np.testing.assert_array_equal(magnitudes.counts[-lines:].sum(axis=0), frame.rows.magnitudes.counts.sum(axis=0))


def test_a_grid_without_room_for_hills_says_so(tmp_path: Path) -> None:
    animation = blocks(tmp_path / "run", 60)
    assert isinstance(animation._figure.view, GridPanel)
    assert NO_ROOM in animation.notes
    assert animation._figure.view.part.hills is None
    assert animation[1].rows.magnitudes.counts.shape[0] == 360
    assert "now" not in [each.text for each in written_texts(animation, animation[1])]


def test_folded_rows_have_a_hill_for_all_their_weights(tmp_path: Path) -> None:
    shapes = {f"part{part}.{name}.weight": (4, 4) for part in range(40) for name in "ab"}
    random = np.random.default_rng(0)
    animation = animation_of(tmp_path / "run", [{key: random.normal(size=shape) for key, shape in shapes.items()}] * 2)
    view, frame = animation._figure.view, animation[0]
    assert isinstance(view, LayersPanel)
    assert view.is_folded
    assert view.look(frame).hills.heights.shape[0] == len(frame.folded_rows.rows) < len(frame.rows.rows) == 80
    assert (frame.folded_rows.magnitudes.counts.sum(axis=1) > 16).all()


def test_auto_takes_rows_where_distributions_are_asked_for() -> None:
    run = open_run(IRIS)
    assert isinstance(Animation(run, distributions=True, max_frames=2)._figure.view, LayersPanel)
    assert not isinstance(Animation(run, max_frames=2)._figure.view, LayersPanel)


@pytest.mark.parametrize(
    "other", [{"view": "network"}, {"view": "map"}, {"view": "matrix"}, {"panels": "curve"}], ids=lambda each: str(each)
)
def test_other_views_have_no_distributions(tmp_path: Path, other: dict[str, str]) -> None:
    (name, value), *_ = other.items()
    with pytest.raises(OptionError, match=f"^distributions and {name} '{value}' cannot be used together$"):
        moving(tmp_path / "run", **other)


def test_runs_side_by_side_have_no_distributions(tmp_path: Path) -> None:
    run = moving(tmp_path / "run").run
    with pytest.raises(OptionError, match=r"^distributions: rows of runs side by side have no room for histograms$"):
        SideBySide({"one": run, "other": run}, distributions=True)


@pytest.mark.parametrize("figsize", SIZES)
@pytest.mark.parametrize("panels", ["both", "network"])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_no_text_is_in_the_way_where_some_weights_are_zero(
    tmp_path: Path, figsize: tuple[float, float], panels: str, count: int
) -> None:
    animation = blocks(tmp_path / "run", count, figsize=figsize, panels=panels)
    assert list(crossing_texts(animation, animation[1])) == []
    assert cut_off_texts(animation, animation[1]) == []
    pruned = moving(tmp_path / "pruned", figsize=figsize, panels=panels)
    assert list(crossing_texts(pruned, pruned[1])) == []
    assert cut_off_texts(pruned, pruned[1]) == []
