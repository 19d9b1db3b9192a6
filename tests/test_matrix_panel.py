"""What matrices look like: a cell's pixels have its value's colour, the largest weight is marked, texts keep apart."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save
from PIL import Image

from nnanim import Animation, open_run
from nnanim.design.cell_scales import INK_STEPS, STEPS, cell_ramp
from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import pick_theme
from nnanim.painting.brush import Place
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.matrix import FEW, MatrixPanel
from nnanim.panels.matrix_places import Plan

THEME = pick_theme("light", "vivid")


def animation_of(folder: Path, snapshots: list[dict[str, np.ndarray]], **options: Any) -> Animation:
    folder.mkdir()
    for epoch, arrays in enumerate(snapshots):
        save(folder / f"net_epoch{epoch}.npz", {key: value.astype(np.float32) for key, value in arrays.items()})
    return Animation(open_run(folder), view="matrix", **options)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(params=["sign", "change"])
def mixed(tmp_path: Path, request: pytest.FixtureRequest) -> Animation:
    """Few cells, an image of many, kernels in stacks; one tensor stays as it is, another is zero."""
    return animation_of(
        tmp_path / "run",
        [
            {
                "few.weight": noise(5, 4, seed=step),
                "many.weight": noise(60, 90, seed=step),
                "kernels.weight": noise(12, 2, 3, 2, seed=step),
                "still.weight": noise(6, 6),
                "zero.weight": np.zeros((4, 4)),
            }
            for step in range(3)
        ],
        color=request.param,
    )


def part_of(animation: Animation) -> Any:
    view = animation._figure.view
    assert isinstance(view, MatrixPanel)
    return view.part


def pixel(image: np.ndarray, x_pt: float, y_pt: float, dpi: float = 100.0) -> tuple[int, ...]:
    return tuple(image[image.shape[0] - 1 - int(y_pt * dpi / 72), int(x_pt * dpi / 72)].tolist())


def region(image: np.ndarray, plan: Plan, dpi: float = 100.0) -> np.ndarray:
    left, right = (round(x * dpi / 72) for x in (plan.box.left, plan.box.right))
    top, bottom = (image.shape[0] - round(y * dpi / 72) for y in (plan.box.top, plan.box.bottom))
    return image[top:bottom, left:right]


def unmarked(plan: Plan, largest: Any) -> list[tuple[int, int]]:
    """Return the cells that are not near the marked one."""
    marked = plan.box_of(tuple(largest))
    cells = []
    for cell in np.ndindex(*plan.matrix.size):
        box = plan.box_of(cell)
        if max(abs(box.left - marked.left), abs(box.bottom - marked.bottom)) > 8 + max(box.width, box.height):
            cells.append(cell)
    return cells


def plan_named(animation: Animation, name: str) -> Plan:
    return next(plan for plan in part_of(animation).plans if plan.matrix.row.keys[0].startswith(name))


@pytest.mark.parametrize("index", [0, 1, -1])
def test_a_cell_has_the_colour_of_its_value(mixed: Animation, index: int) -> None:
    frame = mixed[index]
    image, ways = frame.image, set()
    for number, plan in enumerate(part_of(mixed).plans):
        colors = frame.cells.color[plan.matrix.start : plan.matrix.stop].reshape(*plan.matrix.size, 3)
        cells = unmarked(plan, frame.cells.largest_cell[number])
        assert cells
        for cell in cells if np.prod(plan.matrix.size) <= FEW else []:
            box = plan.box_of(cell)
            x, y = box.left + 0.4 * box.width, box.bottom + 0.5 * box.height
            assert pixel(image, x, y) == tuple(colors[cell].tolist())
        ways.add((plan.kernel is not None, np.prod(plan.matrix.size) > FEW))
    assert ways == {(False, False), (False, True), (True, False)}


def test_an_image_of_many_cells_has_their_colours_in_their_places(mixed: Animation) -> None:
    frame, plan = mixed[1], plan_named(mixed, "many")
    number = part_of(mixed).plans.index(plan)
    colors = frame.cells.color[plan.matrix.start : plan.matrix.stop].reshape(*plan.matrix.size, 3)
    image = frame.image
    for cell in unmarked(plan, frame.cells.largest_cell[number]):
        box = plan.box_of(cell)
        # The pixel that holds the cell's middle, by the same rounding of its ends.
        left, right = (round(x * 100 / 72) for x in (box.left, box.right))
        bottom, top = (round(y * 100 / 72) for y in (box.bottom, box.top))
        assert image[image.shape[0] - (bottom + top + 1) // 2, (left + right) // 2].tolist() == colors[cell].tolist()


def test_the_colour_says_the_number(mixed: Animation) -> None:
    coloring = COLORINGS[mixed.options.color]
    scale, cells = mixed._figure.view._scales.colors, mixed[1].cells
    intensity = scale(coloring.number(cells.value, cells.change))
    ramp = coloring.ramp(THEME)
    expected = np.array([np.interp(intensity, (-1, 0, 1), [stop[each] for stop in ramp]) for each in range(3)]).T
    widest = max(abs(a - b) for end in (0, 2) for a, b in zip(ramp[end], ramp[1], strict=True))
    assert np.abs(cells.color - expected).max() <= widest / STEPS / 2 + 0.5


def test_zero_stays_at_the_colour_of_zero(mixed: Animation) -> None:
    plan = plan_named(mixed, "zero")
    for index in range(3):
        frame = mixed._frame(index, still=True)
        assert {tuple(each) for each in frame.cells.color[plan.matrix.start : plan.matrix.stop]} == {THEME.unchanged}


def test_an_unchanged_tensor_looks_the_same_in_every_frame(mixed: Animation) -> None:
    plan = plan_named(mixed, "still")
    shown = [region(mixed.paint_one(mixed._frame(index, still=True)), plan) for index in range(3)]
    assert len(np.unique(shown[0].reshape(-1, 3), axis=0)) > 2
    np.testing.assert_array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown[0], shown[2])
    moving = plan_named(mixed, "few")
    assert (region(mixed[0].image, moving) != region(mixed[1].image, moving)).any()


def test_changes_end_in_shades_of_the_weights(mixed: Animation) -> None:
    colors = mixed[-1].cells.color
    is_grey = (np.ptp(colors.astype(int), axis=1) == 0).all()
    assert is_grey == (mixed.options.color == "change")
    if is_grey:
        values = np.abs(np.stack([frame.cells.value for frame in mixed]))
        share = np.minimum(values[-1] / np.quantile(values, 0.99), 1)
        expected = THEME.unmoved[0] + share * (THEME.ink[0] - THEME.unmoved[0])
        assert np.abs(colors[:, 0] - expected).max() <= (THEME.unmoved[0] - THEME.ink[0]) / INK_STEPS / 2 + 1


@pytest.mark.parametrize("color", ["sign", "change"])
def test_a_planted_weight_among_a_million_is_marked_and_seen(tmp_path: Path, color: str) -> None:
    small = noise(1000, 1000) * 0.01
    planted = small.copy()
    planted[700, 300] = -4.0
    animation = animation_of(tmp_path / "run", [{"a.weight": small}, {"a.weight": planted}], color=color)
    frame = animation._frame(1, still=True)
    (plan,), image = part_of(animation).plans, animation.paint_one(frame)
    cell = plan.matrix.cell_of((700, 300))
    assert tuple(frame.cells.largest_cell[0]) == cell
    assert tuple(frame.cells.largest_at[0]) == (700, 300)
    box = plan.box_of(cell)
    full = THEME.negative if color == "sign" else THEME.strengthened
    middle = box.left + box.width / 2, box.bottom + box.height / 2
    assert pixel(image, *middle) == full
    around = image[
        image.shape[0] - int((middle[1] + 6) * 100 / 72) : image.shape[0] - int((middle[1] - 6) * 100 / 72),
        int((middle[0] - 6) * 100 / 72) : int((middle[0] + 6) * 100 / 72),
    ]
    is_dark = (np.abs(around.astype(int) - np.array(THEME.ink)) < 40).all(axis=2)
    assert is_dark.sum() > 12


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_gif_shows_the_colours_of_cells_as_they_are(tmp_path: Path, theme: str) -> None:
    arrays = [{"a.weight": noise(9, 11, seed=step)} for step in range(3)]
    animation = animation_of(tmp_path / "run", arrays, theme=theme, color="sign")
    animation.write(tmp_path / "a.gif")
    (plan,) = part_of(animation).plans
    with Image.open(tmp_path / "a.gif") as gif:
        gif.seek(0)
        image = np.asarray(gif.convert("RGB"))
    frame = animation[0]
    colors = frame.cells.color.reshape(9, 11, 3)
    for cell in unmarked(plan, frame.cells.largest_cell[0]):
        box = plan.box_of(cell)
        assert pixel(image, box.left + 0.4 * box.width, box.bottom + 0.5 * box.height) == tuple(colors[cell].tolist())


def test_all_colours_of_cells_fit_a_gif() -> None:
    for theme in ("light", "dark"):
        for coloring in COLORINGS.values():
            looks = pick_theme(theme, "vivid")
            ramp = coloring.ramp(looks)
            wanted = cell_ramp(looks, ramp)
            there = {tuple(each) for each in looks.gif_palette(ramp, wanted).tolist()}
            assert {tuple(each) for each in wanted.tolist()} <= there


class Texts:
    """A brush that keeps texts."""

    def __init__(self) -> None:
        self.kept: list[tuple[Place, str]] = []

    def text(self, place: Place, content: str) -> None:
        self.kept.append((place, content))

    def nothing(self, *_arguments: Any, **_more: Any) -> None:
        return

    line = area = areas = mosaic = nothing


def boxes_of(texts: list[tuple[Place, str]], style: Any) -> list[tuple[str, float, float, float, float]]:
    boxes = []
    for place, text in texts:
        if not text:
            continue
        wide, high = wide_pt(text, place.size_pt, style), 0.95 * place.size_pt
        left = place.x - {"left": 0.0, "center": wide / 2, "right": wide}[place.ha]
        bottom = place.y - {"baseline": 0.22 * high, "center": high / 2, "top": high}[place.va]
        boxes.append((text, left, bottom, left + wide, bottom + high))
    return boxes


@pytest.mark.parametrize("color", ["change", "sign"])
@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_texts_keep_clear_of_each_other_and_of_the_matrices(tmp_path: Path, figsize: Any, color: str) -> None:
    arrays = {
        f"encoder.block.{i}.layer.{j}.attention.{n}.weight": noise(8, 8) for i in range(3) for j in "01" for n in "qkv"
    }
    arrays |= {"rnn.weight_ih_l0": noise(32, 6), "rnn.weight_hh_l0": noise(32, 8), "conv.weight": noise(64, 32, 3, 3)}
    animation = animation_of(tmp_path / "run", [arrays, arrays], figsize=figsize, color=color)
    part, look = part_of(animation), animation._figure.view.look(animation[0])
    brush: Any = Texts()
    part.paint_ground(brush)
    moving = list(zip(part.text_places, part.texts(look), strict=True))
    texts = boxes_of([*brush.kept, *moving], part.style)
    width, height = (inches * 72 for inches in figsize)
    for text, left, bottom, right, top in texts:
        assert 0 <= left < right <= width, text
        assert 0 <= bottom < top <= height, text
    for one, other in combinations(texts, 2):
        apart = one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2]
        assert apart, (one, other)
    for plan in part.plans:
        box = plan.box
        for text, left, bottom, right, top in texts:
            assert right <= box.left or box.right <= left or top <= box.bottom or box.top <= bottom, text
    names = [name for name, _ in part.captions]
    assert all(names)
    assert part.remarks == f"{len(names)} of {18 + 8 + 1} matrices"


def test_the_spectral_radius_stands_in_every_frame(tmp_path: Path) -> None:
    steps = [
        {"rnn.weight_ih_l0": noise(5, 3), "rnn.weight_hh_l0": np.eye(5) * size, "rnn.bias_hh_l0": noise(5)}
        for size in (0.5, 1.25)
    ]
    animation = animation_of(tmp_path / "run", steps)
    part = part_of(animation)
    for index, radius in enumerate(("0.5", "1.25")):
        assert part.texts(animation._figure.view.look(animation[index]))[1:] == (f"spectral radius {radius}",)


def test_one_snapshot_shows_how_large_its_weights_are(tmp_path: Path) -> None:
    animation = animation_of(tmp_path / "run", [{"a.weight": noise(4, 4)}])
    colors = animation._frame(0, still=True).cells.color
    assert len(np.unique(colors, axis=0)) > 4
    assert animation._figure.view.part.legend.blocks[0].small_print == "size |w|"


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_stills_hold_the_matrices(mixed: Animation, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still.{suffix}"
    mixed.write_still(path, 1)
    content = path.read_bytes()
    if suffix == "png":
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")).shape, mixed[1].image.shape)
    elif suffix == "svg":
        assert content.count(b"<image") == 1  # the many cells of one matrix
        assert content.count(b"<use") > 100
    else:
        assert b"/Image" in content


@pytest.mark.parametrize("figsize", [(9, 6), (6, 4), (4.5, 7)])
def test_names_that_are_cut_still_differ(tmp_path: Path, figsize: Any) -> None:
    names = [f"encoder.blocks.{i}.attention.{n}_projection.weight" for i in range(4) for n in "qkv"]
    animation = animation_of(tmp_path / "run", [{name: noise(8, 8) for name in names}], figsize=figsize)
    shown = [name for name, _ in part_of(animation).captions]
    assert len(set(shown)) == len(shown) >= 6
