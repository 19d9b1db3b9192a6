"""Weights by magnitude: the counts are those of NumPy over whole tensors, of the one reading that sums the norms."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from archives import tensor, write
from folders import save

from nnanim import Animation, OptionError, open_run
from nnanim.frames import magnitudes as magnitudes_module
from nnanim.frames import rows as rows_module
from nnanim.frames.magnitudes import BINS, EDGES, Histograms, count_magnitudes, counts_over
from nnanim.frames.row_sums import Stretch, measure, measure_and_count
from nnanim.frames.rows import RowHistory, read_rows
from nnanim.options import Options
from nnanim.processes.reading import readers_for
from nnanim.reading.run import Run
from nnanim.reading.streams import FileStream

SHAPES = {"a.weight": (400, 700), "b.weight": (250, 30), "c.weight": (3, 2)}  # the first in more than one piece


def expected(weights: np.ndarray, edges: np.ndarray = EDGES) -> tuple[int, np.ndarray]:
    """Count as NumPy does: exact zeros, and the others by log₁₀|w|."""
    sizes = np.abs(np.asarray(weights, np.float64)).ravel()
    return int((sizes == 0).sum()), np.histogram(np.log10(sizes[sizes > 0]), bins=np.log10(edges))[0]


def weights_of(snapshot: int, kind: str = "<f4") -> dict[str, np.ndarray]:
    random = np.random.default_rng(snapshot)
    arrays = {key: (0.3**snapshot * random.normal(size=shape)).astype(kind) for key, shape in SHAPES.items()}
    arrays["b.weight"][: 10 * snapshot] = 0  # rows that are pruned, more and more
    return arrays


def run_of(folder: Path, snapshots: int, kind: str = "<f4") -> Run:
    folder.mkdir()
    for snapshot in range(snapshots):
        np.savez(folder / f"model_epoch{snapshot}.npz", **weights_of(snapshot, kind))
    return open_run(folder)


def check(found: RowHistory, snapshots: int, kind: str = "<f4") -> None:
    histograms = found.histograms
    assert histograms is not None
    assert histograms.counts.any(axis=(0, 1))[[0, -1]].all()  # only what occurs, and all of it
    for snapshot in range(snapshots):
        for column, row in enumerate(found.rows):
            zeros, counts = expected(weights_of(snapshot, kind)[row.keys[0]], histograms.edges)
            assert histograms.zeros[snapshot, column] == zeros
            np.testing.assert_array_equal(histograms.counts[snapshot, column], counts)
            assert histograms.totals[snapshot, column] == np.prod(SHAPES[row.keys[0]])


def test_edges_are_tenths_of_decades() -> None:
    assert len(EDGES) == BINS + 1
    np.testing.assert_allclose(EDGES, 10.0 ** (np.arange(-380, 387) / 10), rtol=0.004)
    assert EDGES[0] < np.finfo(np.float32).tiny < EDGES[3]
    assert EDGES[-1] > np.finfo(np.float32).max


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", "<f8"])
def test_counts_are_those_of_numpy(kind: str) -> None:
    random = np.random.default_rng(0)
    begins = EDGES[np.flatnonzero((EDGES > 1e-4) & (EDGES < 1e4))]
    just_below = np.nextafter(begins.astype(np.float32), np.float32(0))
    values = np.concatenate([random.normal(size=5000), begins, -just_below, [0.0, -0.0, 0.0]]).astype(kind)
    counts = np.zeros(BINS, np.int64)
    zeros = count_magnitudes(values, counts)
    told, histogram = expected(values)
    assert zeros == told >= 3
    np.testing.assert_array_equal(counts, histogram)


def test_what_lies_beyond_the_grid_counts_with_its_ends_and_what_is_no_number_nowhere() -> None:
    for kind in ("f4", "f8"):
        counts = np.zeros(BINS, np.int64)
        assert count_magnitudes(np.array([1e-44, -3.3e38, 0.0, np.nan, np.inf, -np.inf], kind), counts) == 1
        assert np.flatnonzero(counts).tolist() == [0, BINS - 1]
        assert counts.sum() == 2


@pytest.mark.parametrize("kind", ["<f4", "<f2", "<f8"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_row_of_every_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, kind: str) -> None:
    monkeypatch.setattr(rows_module, "LEAST_BYTES", 1000)  # a group for each tensor
    monkeypatch.setattr(rows_module, "AT_ONCE", 3)  # several stretches, whose reference is read again
    run = run_of(tmp_path / "run", 6, kind)
    readers = readers_for(jobs, None)
    check(read_rows(run.snapshots, Options(distributions=True), rows=run.weight_rows, readers=readers), 6, kind)


def test_workers_elsewhere_count_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "LEAST_BYTES", 1000)
    monkeypatch.setattr(rows_module, "AT_ONCE", 3)
    run = run_of(tmp_path / "run", 5)
    with ThreadPoolExecutor(2) as executor:
        readers = readers_for(2, executor)
        assert readers.are_elsewhere
        check(read_rows(run.snapshots, Options(distributions=True), rows=run.weight_rows, readers=readers), 5)


def test_counting_reads_no_byte_twice_and_leaves_the_norms_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(tmp_path / "run", 3)
    read: list[int] = []
    real = FileStream.read
    monkeypatch.setattr(FileStream, "read", lambda *args: (read.append(args[1]), real(*args))[1])
    plain = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    once = list(read)
    read.clear()
    counted = read_rows(run.snapshots, Options(distributions=True), rows=run.weight_rows)
    assert read == once
    assert plain.histograms is None
    np.testing.assert_array_equal(counted.norms, plain.norms)
    np.testing.assert_array_equal(counted.moved, plain.moved)


def test_a_worker_returns_counts_that_can_be_sent(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 2)
    stretch = Stretch(tuple(each.contents for each in run.snapshots), run.weight_rows, "first")
    sums, histograms = pickle.loads(pickle.dumps(measure_and_count(stretch)))
    np.testing.assert_array_equal(sums, measure(stretch))
    check(RowHistory(run.weight_rows, sums[0], sums[1], sums[0], None, histograms), 2)


def test_parts_of_a_tensor_and_what_is_made_of_several(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    arrays = {
        "h.0.attn.in_proj_weight": random.normal(size=(24, 8)).astype("f4"),
        "h.0.fc.weight_g": random.normal(size=(4, 1)).astype("f4"),
        "h.0.fc.weight_v": random.normal(size=(4, 8)).astype("f4"),
    }
    saved = {key: tensor(str(place), array.shape) for place, (key, array) in enumerate(arrays.items())}
    write(tmp_path / "model_epoch_1.pt", saved, {str(place): array for place, array in enumerate(arrays.values())})
    run = open_run(tmp_path)
    found = read_rows(run.snapshots, Options(distributions=True), rows=run.weight_rows)
    assert found.histograms is not None
    whole = {row.part or row.name: column for column, row in enumerate(found.rows)}
    made = arrays["h.0.fc.weight_g"] * arrays["h.0.fc.weight_v"].astype("f8")
    made /= np.linalg.norm(arrays["h.0.fc.weight_v"].astype("f8"), axis=1, keepdims=True)
    parts = dict(zip(("query", "key", "value"), np.split(arrays["h.0.attn.in_proj_weight"], 3), strict=True))
    assert set(whole) == {"query", "key", "value", "fc"}
    for name, column in whole.items():
        _, counts = expected(parts.get(name, made), found.histograms.edges)
        np.testing.assert_array_equal(found.histograms.counts[0, column], counts)


def test_rows_that_stand_together_are_counted_together(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 3)
    found = read_rows(run.snapshots, Options(distributions=True), rows=run.weight_rows)
    folded = found.fold([[0, 2], [1]]).histograms
    assert folded is not None
    both = np.concatenate([weights_of(1)["a.weight"].ravel(), weights_of(1)["c.weight"].ravel()])
    zeros, counts = expected(both, folded.edges)
    assert folded.zeros[1].tolist() == [zeros, 300]
    np.testing.assert_array_equal(folded.counts[1, 0], counts)


def test_weights_that_are_all_zero(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save(tmp_path / f"net_epoch{epoch}.npz", {"a.weight": np.zeros((4, 4), "f4")})
    animation = Animation(open_run(tmp_path), distributions=True)
    magnitudes = animation[-1].rows.magnitudes
    assert magnitudes.counts.shape == (1, 0)
    assert magnitudes.zeros.tolist() == [16]
    assert animation[-1].image.std() > 0


def test_bins_beyond_an_axis_count_with_its_ends() -> None:
    counts = np.array([[1, 2, 3, 4]])
    assert counts_over(counts, 10, 11, 13).tolist() == [[3, 7]]
    assert counts_over(counts, 10, 8, 15).tolist() == [[0, 0, 1, 2, 3, 4, 0]]
    assert counts_over(counts, 10, 20, 22).tolist() == [[10, 0]]


def test_counts_of_other_bins_are_put_together() -> None:
    def of(first: int, *counts: int) -> Histograms:
        return Histograms(first, np.array([[counts]]), np.zeros((1, 1), int), np.zeros(1, int))

    joined = Histograms.joined([of(5, 1, 2), of(0), of(3, 4)], axis=1)
    assert joined.first == 3
    assert joined.counts[0].tolist() == [[0, 0, 1, 2], [0, 0, 0, 0], [4, 0, 0, 0]]


def test_counts_that_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path / "run", 4)
    options = Options(distributions=True)
    kept = read_rows(run.snapshots, options, rows=run.weight_rows).histograms
    assert kept is not None
    monkeypatch.setattr(magnitudes_module, "MOST_BYTES", kept.counts.nbytes)
    read_rows(run.snapshots, options, rows=run.weight_rows)
    monkeypatch.setattr(magnitudes_module, "MOST_BYTES", kept.counts.nbytes // 3)  # one row alone fits
    with pytest.raises(OptionError, match=r"^distributions: counts of 3 weights at 4 snapshots take more than 0 MB \("):
        read_rows(run.snapshots, options, rows=run.weight_rows)


@pytest.mark.parametrize("since", ["first", "previous"])
def test_frames_and_their_json_hold_the_counts(tmp_path: Path, since: str) -> None:
    run = run_of(tmp_path / "run", 3)
    animation = Animation(run, distributions=True, since=since, ending="change")
    animation.write(f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
    edges = np.array(told["bin_edges"])
    for index, frame in enumerate(animation):
        magnitudes = frame.rows.magnitudes
        np.testing.assert_array_equal(magnitudes.bin_edges, edges)
        behind = 0 if since == "first" else max(index - 1, 0)
        for column, row in enumerate(told["frames"][index]["rows"]):
            zeros, counts = expected(weights_of(index)[row["keys"][0]], edges)
            assert (row["zeros"], row["counts"]) == (zeros, counts.tolist())
            np.testing.assert_array_equal(magnitudes.counts[column], counts)
            earlier_zeros, earlier = expected(weights_of(behind)[row["keys"][0]], edges)
            np.testing.assert_array_equal(magnitudes.reference_counts[column], earlier)
            assert magnitudes.reference_zeros[column] == earlier_zeros


def test_without_the_option_frames_tell_no_counts(tmp_path: Path) -> None:
    animation = Animation(run_of(tmp_path / "run", 2), view="layers")
    animation.write(f"{tmp_path}/frames/")
    told = json.loads((tmp_path / "frames/frames.json").read_text(encoding="utf-8"))
    assert "bin_edges" not in told
    assert "counts" not in told["frames"][0]["rows"][0]
    assert animation[0].rows.magnitudes is None


@pytest.mark.parametrize("since", ["first", "previous"])
def test_between_two_snapshots_counts_lie_on_the_straight_line(tmp_path: Path, since: str) -> None:
    frames = Animation(run_of(tmp_path / "run", 3), distributions=True, since=since, tween=1, ending="change")
    told = [frame.rows.magnitudes for frame in frames]
    for before, between, after in (told[0:3], told[2:5]):
        for name in ("counts", "zeros", "reference_counts", "reference_zeros"):
            low, middle, high = (getattr(each, name) for each in (before, between, after))
            np.testing.assert_allclose(middle, (low + high) / 2)
