"""Runs in another order of their hidden units, and the run that stands for a group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from folders import save, trainer_arrays, weights

from nnanim import open_run
from nnanim.cli import main
from nnanim.comparing.comparison import compare
from nnanim.comparing.groups import medoid
from nnanim.comparing.matching import largest_difference, make_net, reorder
from nnanim.comparing.measuring import vectors_of
from nnanim.comparing.reordered import reordered
from nnanim.comparing.side_by_side import SideBySide
from nnanim.reading.run import Run

SAMPLES = Path(__file__).resolve().parent.parent / "sample_results"
VIEWS = ["network", "layers", "map", "matrix"]


def net_of(run: Run, place: int, *, through_arrays: bool) -> Any:
    """Read a net of a snapshot: its layers in one go, or array by array."""
    snapshot, keys = run.snapshots[place], vectors_of(run)
    with snapshot.open() as arrays:
        beside = [[arrays.read(key) for key in each] for each in keys]
        layers = snapshot.read()
        if through_arrays:
            for layer, header in zip(layers, run.layers, strict=True):
                np.testing.assert_array_equal(arrays.read(header.key), layer.weight)
                if header.bias_key is not None:
                    np.testing.assert_array_equal(arrays.read(header.bias_key), layer.bias)
    return make_net(layers, beside)


@pytest.mark.parametrize("sample", ["iris", "convolutions"])
def test_a_run_is_read_in_another_order(sample: str) -> None:
    run = open_run(SAMPLES / sample)
    random = np.random.default_rng(0)
    for place in (0, -1):
        plain = net_of(run, place, through_arrays=False)
        order = [random.permutation(size) for size in plain.shape[1:-1]]
        exchanged = net_of(reordered(run, order), place, through_arrays=True)
        assert largest_difference(plain, exchanged) > 0
        assert largest_difference(reorder(plain, order), exchanged) == 0


def folder_of(path: Path, steps: list[dict[str, np.ndarray]]) -> Path:
    path.mkdir()
    for place, arrays in enumerate(steps):
        save(path / f"model_{place:03}", trainer_arrays(arrays, epoch=place, iteration=place))
    return path


def twin(step: dict[str, np.ndarray], units: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "l1/W": step["l1/W"][units],
        "l1/b": step["l1/b"][units],
        "l2/W": step["l2/W"][:, units],
        "l2/b": step["l2/b"],
    }


@pytest.mark.parametrize("view", VIEWS)
def test_a_permuted_copy_looks_like_its_twin_once_it_is_matched(tmp_path: Path, view: str) -> None:
    pytest.importorskip("scipy")
    steps, units = [weights((4, 6, 3), seed=seed) for seed in range(3)], np.array([3, 0, 5, 1, 2, 4])
    one = folder_of(tmp_path / "a", steps)
    other = folder_of(tmp_path / "b", [twin(step, units) for step in steps])
    found = compare({"a": [("a", one)], "b": [("b", other)]}, matching=True)
    assert found.largest == 0
    runs = {"a": open_run(one), "b": reordered(open_run(other), found.orders["b"])}
    picture = SideBySide(runs, view=view, difference=True, ending="change")
    for frame in picture:
        a, b = frame.runs
        np.testing.assert_array_equal(a.edges.weight, b.edges.weight)
        assert (b.edges.color == picture.figure.style.theme.unchanged).all()
        for rows in (b.rows, b.boxes):
            assert rows is None or (rows.relative_change == 0).all()
        assert b.cells is None or (b.cells.change == 0).all()
    plain = SideBySide({"a": open_run(one), "b": open_run(other)}, view=view, difference=True)[-1].runs[1]
    shown = [each.relative_change for each in (plain.rows, plain.boxes) if each is not None]
    shown += [plain.cells.change] if plain.cells is not None else []
    assert all((each != 0).any() for each in shown)


def test_the_command_draws_what_was_matched(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    steps, units = [weights((4, 6, 3), seed=seed) for seed in range(2)], np.array([3, 0, 5, 1, 2, 4])
    one = folder_of(tmp_path / "a", steps)
    other = folder_of(tmp_path / "b", [twin(step, units) for step in steps])
    arguments = ["compare", str(one), str(other), "--match", "--difference", "-o", f"{tmp_path}/out/"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "hidden units were put in the order of the first run's by weight matching" in result.stderr
    told = json.loads((tmp_path / "out/frames.json").read_text(encoding="utf-8"))["frames"][-1]["runs"]
    assert told[0]["edges"]["weight"] == told[1]["edges"]["weight"]
    assert told[0]["edges"]["color"] == told[1]["edges"]["color"]


def test_the_medoid_is_nearest_to_all_others() -> None:
    values = np.array([[0.0, 9.0, 1.0], [10.0, 9.0, np.nan], [4.0, 9.0, 2.0], [5.0, 9.0, 3.0], [40.0, 9.0, 4.0]])
    assert medoid(values) == 3  # the constant and the unknown statistic do not count
    assert medoid(values[:2]) == 0
    assert medoid(values[:1]) == 0
    scaled = np.column_stack([values[:, 0], 1e6 * np.array([0.0, 1.0, 5.0, 1.1, 1.2])])
    apart = scaled / scaled.std(axis=0)
    sums = [sum(np.linalg.norm(one - other) for other in apart) for one in apart]
    assert medoid(scaled) == int(np.argmin(sums))


def test_the_medoid_of_a_group_is_drawn(tmp_path: Path) -> None:
    near = {1: 1.0, 2: 9.0, 3: 5.0, 4: 5.5, 5: 4.0}
    for seed, factor in near.items():
        for name in ("a", "b"):
            folder = tmp_path / f"{name}{seed}"
            folder_of(folder, [{key: factor * value for key, value in weights(seed=0).items()}])
    groups = [f"--group={name}={tmp_path}/{name}*" for name in ("a", "b")]
    arguments = ["compare", *groups, "--medoid", "--difference", "-o", f"{tmp_path}/out/"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "'a3' stands for 'a': it is nearest to the others by the statistics" in result.stderr
    told = json.loads((tmp_path / "out/frames.json").read_text(encoding="utf-8"))["frames"][-1]["runs"]
    expected = SideBySide({name: open_run(tmp_path / f"{name}3") for name in ("a", "b")})[-1]
    assert told[0]["edges"]["weight"] == pytest.approx(expected.runs[0].edges.weight.tolist())
