"""Numbers of weight tensors over a run, against NumPy in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from folders import save

from nnanim import Animation, OptionError, open_run
from nnanim.frames import rows as rows_module
from nnanim.frames.row_sums import squares, take
from nnanim.frames.rows import read_rows
from nnanim.options import Options
from nnanim.reading.run import Run

EPOCHS = 5


def tensors(epoch: int) -> dict[str, np.ndarray]:
    """Two towers whose order nobody knows, one tensor that never moves, and one that begins at zero."""
    random = np.random.default_rng(epoch)
    still = np.random.default_rng(99).normal(size=(6, 4))
    return {
        "left.weight": random.normal(size=(7, 4)) * (1 + epoch),
        "right.weight": random.normal(size=(5, 4)) / (1 + epoch),
        "frozen.weight": still,
        "zero.weight": np.zeros((3, 4)) if epoch == 0 else random.normal(size=(3, 4)),
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run").mkdir()
    for epoch in range(EPOCHS):
        save(tmp_path / "run" / f"net_epoch{epoch}.npz", {k: v.astype(np.float32) for k, v in tensors(epoch).items()})
    return open_run(tmp_path / "run")


def expected(since: str) -> dict[str, tuple[list[float], list[float]]]:
    """Return norms and relative changes of each tensor, in float64."""
    told = {}
    for key in tensors(0):
        values = [tensors(epoch)[key].astype(np.float32).astype(np.float64) for epoch in range(EPOCHS)]
        references = [values[0]] * EPOCHS if since == "first" else [values[0], *values[:-1]]
        norms = [float(np.sqrt((value**2).sum())) for value in values]
        with np.errstate(divide="ignore", invalid="ignore"):
            changes = [
                float(np.linalg.norm(value - reference) / np.linalg.norm(reference)) if reference.any() else np.nan
                for value, reference in zip(values, references, strict=True)
            ]
        told[key] = norms, changes
    return told


@pytest.mark.parametrize("at_once", [2, 3, 32])
@pytest.mark.parametrize("since", ["first", "previous"])
def test_norms_and_changes_are_those_of_numpy(run: Run, monkeypatch, since: str, at_once: int) -> None:
    monkeypatch.setattr(rows_module, "AT_ONCE", at_once)
    history = read_rows(run.snapshots, Options(since=since), rows=run.weight_rows)
    assert sorted(row.keys[0] for row in history.rows) == sorted(tensors(0))
    for column, row in enumerate(history.rows):
        norms, changes = expected(since)[row.keys[0]]
        np.testing.assert_allclose(history.norms[:, column], norms, rtol=1e-6)
        np.testing.assert_allclose(history.relative_changes[:, column], changes, rtol=1e-6)


def test_frames_say_the_numbers_of_their_snapshot(run: Run) -> None:
    animation = Animation(run, view="layers", ending="change")
    for index, frame in enumerate(animation):
        assert frame.rows is not None
        for row, norm, change in zip(frame.rows.rows, frame.rows.norm, frame.rows.relative_change, strict=True):
            norms, changes = expected("first")[row.keys[0]]
            assert norm == pytest.approx(norms[index], rel=1e-6)
            assert change == pytest.approx(changes[index], rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("size", [1, 2047, 2048, 300_001])
def test_squares_of_large_and_small_tensors(size: int) -> None:
    random = np.random.default_rng(size)
    one = (random.normal(size=size) * 100).astype(np.float32)
    other = (one + random.normal(size=size) * 0.01).astype(np.float32)
    wide = one.astype(np.float64), other.astype(np.float64)
    norm, distance = squares(one, other)
    assert norm == pytest.approx((wide[0] ** 2).sum(), rel=1e-6)
    assert distance == pytest.approx(((wide[0] - wide[1]) ** 2).sum(), rel=1e-5)
    assert squares(one, one) == (norm, 0.0)


@pytest.mark.parametrize("magnitude", [1e-30, 1e30])
def test_squares_that_float32_cannot_hold(magnitude: float) -> None:
    values = np.full(5000, magnitude, np.float32)
    norm, distance = squares(values, np.zeros(5000, np.float32))
    assert norm == pytest.approx(5000 * float(np.float32(magnitude)) ** 2, rel=1e-6)
    assert distance == pytest.approx(norm)


def test_a_tensor_that_is_not_finite_has_no_norm() -> None:
    assert not np.isfinite(squares(np.array([1, np.inf], np.float32), np.ones(2, np.float32))[0])


def test_a_part_of_a_tensor() -> None:
    fused = np.arange(24).reshape(6, 4)
    np.testing.assert_array_equal(take(fused, (0, 2, 4)), fused[2:4])
    np.testing.assert_array_equal(take(fused, (1, 1, 3)), fused[:, 1:3])


def test_rows_together_have_the_norm_of_all_their_weights(run: Run) -> None:
    history = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    folded = history.fold([[0, 1], [2], [3]])
    keys = [row.keys[0] for row in history.rows[:2]]
    for epoch in range(EPOCHS):
        both = np.concatenate([tensors(epoch)[key].astype(np.float32).ravel() for key in keys]).astype(float)
        first = np.concatenate([tensors(0)[key].astype(np.float32).ravel() for key in keys]).astype(float)
        assert folded.norms[epoch, 0] == pytest.approx(np.linalg.norm(both), rel=1e-6)
        moved = np.linalg.norm(both - first) / np.linalg.norm(first)
        assert folded.relative_changes[epoch, 0] == pytest.approx(moved, rel=1e-6)
    assert folded.rows[0].keys == tuple(keys)
    assert folded.rows[0].formula == "√Σ‖W‖²"


def test_neurons_are_not_drawn_where_no_order_is_known(run: Run) -> None:
    with pytest.raises(OptionError) as caught:
        Animation(run, view="network")
    assert str(caught.value).startswith("view is 'network', but ")
    assert str(caught.value).endswith("(name the layers with --layers, or take --view layers)")
