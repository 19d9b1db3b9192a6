"""Runs held against each other, from folders to numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import network
from click.testing import CliRunner, Result
from folders import result_folder, save, trainer_arrays, weights

from nnanim.cli import main
from nnanim.comparing.comparison import compare as compare_runs
from nnanim.comparing.measuring import Task, measure
from nnanim.reading.run import Snapshot
from nnanim.reading.snapshots import detect

EFFECTS = Path(__file__).resolve().parent.parent / "sample_results/effects"
STATISTICS = ["norm", "straightness", "effective_rank", "share_of_90_percent", "unused_units"]


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def answer(*arguments: Any) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def group_of(setting: str, seeds: str = "*") -> tuple[str, str]:
    return "--group", f"{setting}={EFFECTS}/{setting}-{seeds}"


def folder_of(path: Path, snapshots: list[dict[str, np.ndarray]]) -> Path:
    path.mkdir()
    for place, arrays in enumerate(snapshots):
        save(path / f"model_{place:03}", trainer_arrays(arrays, epoch=place, iteration=place))
    return path


def exchanged(arrays: dict[str, np.ndarray], units: np.ndarray) -> dict[str, np.ndarray]:
    return {
        **arrays,
        "l1/W": arrays["l1/W"][units],
        "l1/b": arrays["l1/b"][units],
        "l2/W": arrays["l2/W"][:, units],
    }


def test_values_of_a_run_are_what_plain_numpy_says(tmp_path: Path) -> None:
    steps = [weights(seed=seed) for seed in range(4)]
    measured = measure(Task(folder_of(tmp_path / "a", steps), by_layer=True))

    def flat(step: dict[str, np.ndarray], layers: tuple[str, ...]) -> np.ndarray:
        return np.concatenate([step[f"{layer}/W"].ravel().astype(float) for layer in layers])

    for layer, names in ((None, ("l1", "l2")), ("l1", ("l1",)), ("l2", ("l2",))):
        path = [flat(step, names) for step in steps]
        length = sum(np.linalg.norm(after - before) for before, after in pairwise(path))
        assert measured.values["norm", layer] == pytest.approx(np.linalg.norm(path[-1]), rel=1e-6)
        expected = np.linalg.norm(path[-1] - path[0]) / length
        assert measured.values["straightness", layer] == pytest.approx(expected, rel=1e-6)
    last = steps[-1]
    strength = np.linalg.norm(last["l1/W"], axis=1) * np.linalg.norm(last["l2/W"], axis=0)
    assert measured.values["unused_units", "l1"] == np.sum(strength <= 0.01 * strength.max())
    assert isnan(measured.values["unused_units", "l2"])
    assert (measured.snapshots, measured.shape) == (4, (4, 5, 3))


def test_each_snapshot_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    plain = detect.open_arrays

    @contextmanager
    def counting(contents: Any) -> Iterator[Any]:
        opened.append(contents.path.name)
        with plain(contents) as arrays:
            yield arrays

    monkeypatch.setattr(detect, "open_arrays", counting)
    monkeypatch.setattr(Snapshot, "read", lambda *_: pytest.fail("the layers are read a second time"))
    folder = folder_of(tmp_path / "a", [weights(seed=seed) for seed in range(3)])
    measure(Task(folder, by_layer=True, keep=True))
    assert opened == ["model_000", "model_001", "model_002"]


def test_json_has_just_the_promised_keys() -> None:
    told = answer(*group_of("relu"), *group_of("decay"), "--by-layer")
    assert list(told) == ["runs", "same_start", "matched", "difference", "statistics"]
    assert list(told["runs"][0]) == ["name", "path", "group", "shape", "snapshots"]
    assert told["runs"][0] == {
        "name": "relu-0",
        "path": f"{EFFECTS}/relu-0",
        "group": "relu",
        "shape": [4, 5, 5, 5, 3],
        "snapshots": 11,
    }
    assert len(told["runs"]) == 10
    (first, *_) = told["statistics"]
    assert list(first) == ["statistic", "layer", "values", "means", "comparisons"]
    assert list(first["comparisons"][0]) == ["groups", "effect_size", "p", "differs"]
    assert [each["statistic"] for each in told["statistics"] if each["layer"] is None] == STATISTICS
    assert {each["layer"] for each in told["statistics"]} == {None, "l1", "l2", "l3", "l4"}
    assert first["means"]["relu"] == pytest.approx(np.mean(first["values"]["relu"]))


def test_weight_decay_makes_weights_smaller_beyond_the_seeds() -> None:
    told = answer(*group_of("relu"), *group_of("decay"))
    (size,) = (each for each in told["statistics"] if each["statistic"] == "norm")
    assert size["comparisons"][0]["differs"] is True
    assert size["comparisons"][0]["effect_size"] < -2
    said = run(*group_of("relu"), *group_of("decay")).stdout
    assert "‖w‖: differs beyond the seeds (g = -3.25, p = 0.008)" in said
    assert "straightness: no difference beyond the seeds" in said
    assert "because" not in said


def test_too_few_runs_have_an_effect_size_and_no_verdict() -> None:
    said = run(*group_of("relu", "[0-2]"), *group_of("decay", "[0-2]"))
    assert "too few runs to tell among 2 groups" in said.stdout
    assert "g = -" in said.stdout
    assert "the seeds" not in said.stdout
    two = run(*group_of("relu", "[01]"), *group_of("decay", "[01]")).stdout
    assert "fewer than 3 runs: no effect size" in two
    among = run(*(part for name in ("relu", "decay", "dropout") for part in group_of(name, "[0-3]"))).stdout
    assert among.count("too few runs to tell among 3 groups") == 2


def test_a_constant_statistic_says_so() -> None:
    said = run(*group_of("relu"), *group_of("sigmoid")).stdout
    assert "unused units: the same in every run, so it is not in the test" in said


def test_one_run_each_has_no_spread() -> None:
    said = run(EFFECTS / "relu-2", EFFECTS / "dropout-2", "--difference").stdout
    assert said.splitlines()[-1] == "1 run each: the spread is not known"
    assert "the runs began from the same weights" in said
    told = answer(EFFECTS / "relu-2", EFFECTS / "dropout-2", "--difference")
    ends = [EFFECTS / name / "model_epoch_00500" for name in ("relu-2", "dropout-2")]
    with np.load(ends[0]) as first, np.load(ends[1]) as second:
        largest = max(np.abs(first[key].astype(float) - second[key]).max() for key in first.files)
    assert told["difference"]["largest"] == pytest.approx(largest)
    assert [each["name"] for each in told["runs"]] == ["relu-2", "dropout-2"]


def test_a_run_held_against_itself_has_no_difference() -> None:
    told = answer(EFFECTS / "relu-2", EFFECTS / "relu-2", "--difference")
    assert (told["same_start"], told["difference"]) == (True, {"largest": 0.0})


def test_runs_of_other_starts_are_not_comparable_one_by_one() -> None:
    said = run(EFFECTS / "relu-1", EFFECTS / "relu-2", "--difference")
    assert "their neurons are not comparable one by one" in said.stderr
    assert answer(EFFECTS / "relu-1", EFFECTS / "relu-2", "--difference")["difference"] is None


def test_a_permuted_copy_has_no_difference_after_matching(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    steps, units = [weights(seed=seed) for seed in range(3)], np.array([3, 0, 4, 1, 2])
    one = folder_of(tmp_path / "a", steps)
    other = folder_of(tmp_path / "b", [exchanged(step, units) for step in steps])
    without = run(one, other, "--difference")
    assert "not comparable one by one" in without.stderr
    told = answer(one, other, "--match")
    assert (told["matched"], told["difference"], told["same_start"]) == (True, {"largest": 0.0}, False)
    assert "by weight matching" in run(one, other, "--match").stderr


def test_where_the_order_is_not_known_only_equal_starts_have_a_difference(tmp_path: Path) -> None:
    def branched(seed: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng(seed)
        shapes = {"left/W": (5, 4), "right/W": (5, 4), "join/W": (3, 7)}
        return {key: random.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}

    last = branched(1)
    last["right/W"] = last["right/W"] + np.float32(0.5)
    one, other = (
        folder_of(tmp_path / name, steps)
        for name, steps in (("a", [branched(0), branched(1)]), ("b", [branched(0), last]))
    )
    apart = folder_of(tmp_path / "c", [branched(5), branched(6)])
    told = answer(one, other, "--difference")
    assert told["difference"]["largest"] == pytest.approx(0.5, abs=1e-6)
    assert told["runs"][0]["shape"] == []
    asked = [(one, apart, "--difference")]
    if find_spec("scipy") is not None:  # which matches
        asked.append((one, other, "--match"))
    for options in asked:
        assert answer(*options)["difference"] is None
        assert "no difference: hidden units of" in run(*options).stderr


def test_snapshots_are_compared_too() -> None:
    told = answer(EFFECTS / "relu-2/model_epoch_00000", EFFECTS / "relu-2/model_epoch_00500", "--difference")
    assert [each["snapshots"] for each in told["runs"]] == [1, 1]
    straight = next(each for each in told["statistics"] if each["statistic"] == "straightness")
    assert straight["values"] == {"model_epoch_00000": [None], "model_epoch_00500": [None]}


def test_other_shapes_and_frameworks_have_numbers_and_a_sentence(tmp_path: Path) -> None:
    chainer = result_folder(tmp_path / "chainer", (4, 5, 3), log=False)
    (tmp_path / "torch").mkdir()
    for epoch in (1, 2, 3):
        network(tmp_path / f"torch/model_{epoch}.pt", (4, 8, 3), seed=epoch)
    said = run(chainer, tmp_path / "torch", "--difference")
    assert said.exit_code == 0
    assert "networks of different shapes are compared (4,5,3, 4,8,3)" in said.stderr
    assert "no difference: " in said.stderr
    assert "have different shapes, 4,5,3 and 4,8,3" in said.stderr
    assert len(said.stdout.splitlines()[1].split()) == 6


def test_names_stand_for_the_paths() -> None:
    told = answer(EFFECTS / "relu-2", EFFECTS / "decay-2", "--name", "plain", "--name", "decayed")
    assert [each["name"] for each in told["runs"]] == ["plain", "decayed"]
    assert list(told["statistics"][0]["values"]) == ["plain", "decayed"]


def test_the_same_numbers_for_any_number_of_jobs() -> None:
    arguments = [*group_of("relu"), *group_of("decay"), "--by-layer"]
    assert answer(*arguments, "--jobs", 1) == answer(*arguments, "--jobs", 2)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give runs, or groups of runs with --group"),
        (["a", "--group", "x=a", "--group", "y=b"], 2, "not both"),
        (["--group", "x=nothing-*", "--group", "y=a"], 2, "nothing is called like 'nothing-*'"),
        (["--group", "x", "--group", "y=a"], 2, "'x' is no name and pattern of a group"),
        (["--group", "x=a"], 2, "one group alone has nothing to be held against"),
        (["--group", "x=a", "--group", "x=b"], 2, "two groups are called 'x'"),
        (["--group", "x=a", "--group", "y=[ab]"], 2, "'a' is in two groups"),
        (["a", "b", "--name", "one"], 2, "1 name for 2 runs"),
        (["a", "--difference"], 2, "a difference is taken of 2 to 8 runs or groups: got 1"),
        (["a", "missing"], 1, "missing"),
        (["a", "a/log"], 1, "log"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result_folder(Path("a"))
    result_folder(Path("b"))
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    broken = weights()
    broken["l2/W"][0, 0] = np.nan
    result = run(folder_of(tmp_path / "a", [weights(), broken]), EFFECTS / "relu-0")
    assert result.exit_code == 1
    assert "1 NaN or infinite weight of 15" in result.stderr


def test_names_from_files_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    evil = {"a\x1b[2J/W": np.ones((3, 4), np.float32), "a\x1b[2J/b": np.ones(3, np.float32)}
    result = run(folder_of(tmp_path / "a", [evil]), EFFECTS / "relu-0", "--by-layer")
    assert "\x1b" not in result.output


def test_each_snapshot_of_a_sweep_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {
        name: [
            (f"{name}{seed}", folder_of(tmp_path / f"{name}{seed}", [weights(seed=seed + step) for step in range(3)]))
            for seed in range(6)
        ]
        for name in ("a", "b")
    }
    opened: list[Path] = []
    plain = detect.open_arrays

    @contextmanager
    def counting(contents: Any) -> Iterator[Any]:
        opened.append(contents.path)
        with plain(contents) as arrays:
            yield arrays

    monkeypatch.setattr(detect, "open_arrays", counting)
    monkeypatch.setattr(Snapshot, "read", lambda *_: pytest.fail("the layers are read a second time"))
    done: list[tuple[int, int]] = []
    compare_runs(groups, by_layer=True, difference=True, progress=lambda *told: done.append(told))
    assert done == [(number, 12) for number in range(1, 13)]
    assert sorted(opened) == sorted(tmp_path.glob("*/model_*"))


def test_no_more_runs_are_at_work_than_twice_the_workers(tmp_path: Path) -> None:
    """What waits for a place holds no weights, and what is measured drops them, whatever the number of runs."""
    runs = [(str(seed), folder_of(tmp_path / str(seed), [weights(seed=seed)])) for seed in range(20)]
    at_work, most = 0, 0

    class Counting(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            return super().submit(*args, **kwargs)

    def progress(*_told: int) -> None:
        nonlocal at_work
        at_work -= 1

    with Counting(1) as executor:
        found = compare_runs({"a": runs[:10], "b": runs[10:]}, executor=executor, jobs=2, progress=progress)
    assert most <= 2 * 2 + 1
    nets = [run.nets is not None for group in found.groups.values() for run in group]
    assert sum(nets) == 2  # of the first run of each group alone


@pytest.mark.filterwarnings("default")  # Dask and what it imports warn about each other
def test_a_cluster_says_the_same(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, local_directory=str(tmp_path)
    ) as local:
        arguments = [*group_of("relu"), *group_of("decay")]
        assert answer(*arguments, "--scheduler", local.scheduler_address) == answer(*arguments)


def test_a_bias_that_one_snapshot_lacks_is_named(tmp_path: Path) -> None:
    arrays = {"w1": np.ones((4, 5)), "b1": np.ones(5), "w2": np.ones((5, 3)), "b2": np.ones(3)}
    np.savez(tmp_path / "weights_1.npz", **arrays)
    del arrays["b1"]
    np.savez(tmp_path / "weights_2.npz", **arrays)
    found = run(tmp_path, tmp_path)
    assert found.exit_code == 1
    assert "weights_2.npz' has no tensor 'b1', which the first one has" in found.output


def test_a_vector_of_another_shape_in_one_snapshot_is_named(tmp_path: Path) -> None:
    arrays = {"w1": np.ones((4, 5)), "w2": np.ones((5, 3)), "gain": np.ones(5)}
    np.savez(tmp_path / "weights_1.npz", **arrays)
    np.savez(tmp_path / "weights_2.npz", **{**arrays, "gain": np.float64(1)})
    found = run(tmp_path, tmp_path)
    assert found.exit_code == 1
    assert f"'gain' in snapshot '{tmp_path / 'weights_2.npz'}' has shape (), and (5,) in the first" in found.output
