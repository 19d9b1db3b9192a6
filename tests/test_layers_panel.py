"""What the rows of the layers view look like: colours at computed places, bars, and texts that keep apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save
from pictures import SAMPLES, written_texts

from nnanim import Animation, open_run
from nnanim.design.row_scales import LogScale, moved_ramp, percent
from nnanim.design.theme import pick_theme
from nnanim.model.weight_rows import Row
from nnanim.panels.layers import LayersPanel
from nnanim.panels.row_folding import fold_rows

THEME = pick_theme("light", "vivid")


def animation_of(folder: Path, snapshots: list[dict[str, np.ndarray]], **options: Any) -> Animation:
    folder.mkdir()
    for epoch, arrays in enumerate(snapshots):
        save(folder / f"net_epoch{epoch}.npz", {key: value.astype(np.float32) for key, value in arrays.items()})
    return Animation(open_run(folder), view="layers", **options)


@pytest.fixture
def grown(tmp_path: Path) -> Animation:
    """One tensor grows, one shrinks, one stays; each step is a snapshot."""
    unit = np.ones((4, 4))
    return animation_of(
        tmp_path / "run",
        [{"a.weight": unit * up, "b.weight": unit * (2 - up), "c.weight": unit} for up in (1.0, 1.2, 1.5)],
    )


def part_of(animation: Animation) -> Any:
    view = animation._figure.view
    assert isinstance(view, LayersPanel)
    return view.part


def at(image: np.ndarray, x_pt: float, y_pt: float, dpi: float = 100.0) -> np.ndarray:
    return image[image.shape[0] - 1 - int(y_pt * dpi / 72), int(x_pt * dpi / 72)].astype(int)


def test_a_cell_has_the_colour_of_its_change(grown: Animation) -> None:
    part, image = part_of(grown), grown[2].image
    places, columns = part.places, len(part.cells)
    for row, y in enumerate(places.middles):
        for column in range(columns):
            x = places.strips.left + places.strips.width * (column + 0.4) / columns
            assert np.abs(at(image, x, y) - part.cells[column, row].astype(int)).max() <= 2
    names = [name for _, name in part.names]
    still, moving = names.index("c"), names.index("a")
    assert tuple(part.cells[2, still]) == THEME.unmoved
    assert tuple(part.cells[2, moving]) == THEME.moved


def test_strips_come_only_as_far_as_the_frame(grown: Animation) -> None:
    part = part_of(grown)
    x = part.places.strips.left + part.places.strips.width * 2.4 / 3
    row = [name for _, name in part.names].index("a")
    y = part.places.middles[row]
    assert np.abs(at(grown[1].image, x, y) - np.array(THEME.moved)).max() > 60
    assert np.abs(at(grown[2].image, x, y) - np.array(THEME.moved)).max() <= 2


def test_bars_are_thick_and_red_where_the_norm_grew_and_thin_and_blue_where_it_shrank(grown: Animation) -> None:
    frame = grown._frame(2, still=True)
    look = grown._figure.view.look(frame)
    names = [name for _, name in part_of(grown).names]
    a, b, c = (names.index(name) for name in "abc")
    assert look.thickness[a] > look.thickness[c] > look.thickness[b]
    assert tuple(look.color[a]) == THEME.strengthened
    assert tuple(look.color[b]) == THEME.weakened
    assert tuple(look.color[c]) == THEME.unchanged
    assert look.lengths[c] == 0
    assert look.moved[a] == "50 %"
    assert look.norms[c] == "4"


def test_last_frame_is_in_ink(grown: Animation) -> None:
    assert {tuple(color) for color in grown[-1].rows.color} == {THEME.ink}
    assert {tuple(color) for color in grown[-2].rows.color} != {THEME.ink}


def test_a_tensor_that_does_not_move_looks_the_same_in_every_frame(grown: Animation) -> None:
    part = part_of(grown)
    row = [name for _, name in part.names].index("c")
    assert len({tuple(color) for color in part.cells[:, row]}) == 1


@pytest.mark.parametrize(("figsize", "theme"), [((9, 6), "light"), ((6, 4), "dark"), ((4.5, 7), "light")])
def test_names_keep_clear_of_each_other_and_of_the_strips(tmp_path: Path, figsize: Any, theme: str) -> None:
    names = [f"encoder.block.{i}.layer.{j}.SelfAttention.{n}.weight" for i in range(3) for j in range(2) for n in "qkv"]
    names.append("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
    random = np.random.default_rng(0)
    animation = animation_of(
        tmp_path / "run", [{n: random.normal(size=(8, 8)) for n in names} for _ in "ab"], figsize=figsize, theme=theme
    )
    part = part_of(animation)
    from nnanim.panels.layers_legend import wide_pt

    gap = 3.0 * part.style.scale
    for block, name in part.names:
        left = part.row.left + wide_pt(block, part.name_size_pt, part.style)
        right = part.places.strips.left - wide_pt(name, part.name_size_pt, part.style)
        assert left + (gap if block else 0) <= right
    assert part.places.strips.width > 20 * part.style.scale
    drawn = {key for row in animation[0].folded_rows.rows for key in row.keys}
    assert drawn == set(names)


def test_rows_fold_by_their_blocks() -> None:
    rows = [
        Row(name, f"layer{block}.{part}", "dense", (f"{block}{part}{name}",))
        for block in range(3)
        for part in range(2)
        for name in "ab"
    ]
    assert fold_rows(rows, 12) is None
    assert fold_rows(rows, 6) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
    assert fold_rows(rows, 4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    folded = fold_rows(rows, 2)
    assert folded is not None
    assert [index for group in folded for index in group] == list(range(12))
    assert len(folded) <= 2


def test_changes_lie_on_one_logarithmic_scale() -> None:
    scale = LogScale(0.01, 1.0)
    np.testing.assert_allclose(
        scale.share(np.array([0.0, 0.001, 0.01, 0.1, 1.0, 5.0, np.nan])), [0, 0, 0, 0.5, 1, 1, 0]
    )
    ramp = moved_ramp(THEME)
    assert tuple(ramp[0]) == THEME.unmoved
    assert tuple(ramp[-1]) == THEME.moved
    assert LogScale.of(np.array([np.nan, 0.0])).share(np.array([0.0])) == [0.0]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.00567, "0.57 %"), (0.5, "50 %"), (5.72, "570 %"), (np.nan, "–"), (1e-9, "< 0.0001 %")],
)
def test_shares_in_two_digits(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize("count", [4, 17, 21, 25, 60])
@pytest.mark.parametrize("dpi", [72, 80, 100])
def test_cells_are_parted_alike(tmp_path: Path, count: int, dpi: int) -> None:
    snapshots = [{"a.weight": np.full((3, 2), 1.0 + 0.1 * step)} for step in range(count)]
    animation = animation_of(tmp_path / "run", snapshots, dpi=dpi, ending="change", max_frames=None)
    strips, scale = part_of(animation).places.strips, dpi / 72
    row = animation.size_px[1] - round((strips.bottom + strips.height / 2) * scale)
    left, right = round(strips.left * scale), round(strips.right * scale)
    is_free = (animation[-1].image[row, left:right] == 255).all(axis=-1)
    ends = np.flatnonzero(np.diff(is_free.astype(int)))
    widths = np.diff(ends)[is_free[ends[:-1] + 1]]
    assert len(set(widths.tolist())) <= 1
    assert len(widths) in (0, count - 1)


def test_gates_are_no_tensors_of_their_own() -> None:
    animation = Animation(open_run(SAMPLES / "lstm"))
    assert len(animation[0].rows.rows) == 10
    assert animation._figure.view.part.remarks == "4 weight tensors in 10 rows"
    assert animation.tell_player().data["remarks"] == "4 weight tensors in 10 rows"


@pytest.mark.parametrize("sample", ["lstm", "transformer", "residual", "iris"])
def test_headings_do_not_read_as_one(sample: str) -> None:
    animation = Animation(open_run(SAMPLES / sample), view="layers", max_frames=2)
    texts = {each.text: each for each in written_texts(animation, animation[0])}
    (moved,) = (each for text, each in texts.items() if text.startswith(("moved over", "how far")) or text == "moved")
    assert texts["now"].left - moved.right >= 6.0
