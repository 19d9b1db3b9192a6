"""Large networks: the same picture as of small ones, of which little is in memory and little is read twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_row_sums import FORMATS, fixtures, safetensors

from nnanim import NnanimError, SnapshotError, open_run
from nnanim.frames import streamed_weights, weights
from nnanim.frames.tiles import TilePlan, plan_tiles
from nnanim.frames.weights import Weights, read_weights
from nnanim.options import Options
from nnanim.reading.containers import npz_archive
from nnanim.reading.run import Run
from nnanim.reading.snapshots import layer_rows

DENSE = {"fc1.weight": (90, 300), "fc1.bias": (90,), "fc2.weight": (40, 90), "fc3.weight": (7, 40), "fc3.bias": (7,)}
CONVOLUTIONS = {
    "conv1.weight": (6, 3, 3, 3),
    "conv1.bias": (6,),
    "conv2.weight": (9, 6, 5, 5),
    "fc1.weight": (20, 9 * 16),
    "fc2.weight": (10, 20),
}
UPWARDS = {"up1.weight": (8, 12, 4, 4), "up1.bias": (12,), "up2.weight": (12, 3, 4, 4), "up2.bias": (3,)}
NETWORKS = {"dense": DENSE, "convolutions": CONVOLUTIONS, "upwards": UPWARDS}


def arrays_of(shapes: dict[str, tuple[int, ...]], snapshot: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(snapshot)
    return {key: dice.normal(size=shape).astype("<f4") for key, shape in shapes.items()}


def make_run(folder: Path, shapes: dict[str, tuple[int, ...]], form: str = "safetensors", count: int = 4) -> Run:
    folder.mkdir()
    name, save = FORMATS[form]
    for snapshot in range(count):
        save(folder / name.format(snapshot + 1), arrays_of(shapes, snapshot))
    return open_run(folder)


def read(run: Run, options: Options, plan: TilePlan | None = None) -> Weights:
    return read_weights(run.snapshots, options, plan)


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every network for a large one, and read a few numbers at a time."""
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    monkeypatch.setattr(streamed_weights, "_BLOCK", 500)
    return monkeypatch


def check_same(found: Weights, expected: Weights) -> None:
    for name in ("layer", "tail", "head"):
        np.testing.assert_array_equal(getattr(found.selection, name), getattr(expected.selection, name))
    for one, other in zip(found.selection.nodes, expected.selection.nodes, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.selection.sizes == expected.selection.sizes
    np.testing.assert_array_equal(found.edges.values, expected.edges.values)
    np.testing.assert_array_equal(found.biases.values, expected.biases.values)
    assert (found.names, found.norms) == (expected.names, expected.norms)
    assert (found.tiles is None) == (expected.tiles is None)
    if found.tiles is not None and expected.tiles is not None:
        np.testing.assert_array_equal(found.tiles.cells.values, expected.tiles.cells.values)
        assert found.tiles.count == expected.tiles.count


@pytest.mark.parametrize("at_once", [1, 3, 32])
@pytest.mark.parametrize("edges", ["weight", "change"])
@pytest.mark.parametrize("most", [1, 4, 100])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, most: int, edges: str, at_once: int
) -> None:
    run = make_run(tmp_path / "run", NETWORKS[network])
    assert len(run.layers) == sum(key.endswith("weight") for key in NETWORKS[network])
    options = Options(max_nodes=most, max_edges=20, edges=edges)
    expected = read(run, options)
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    monkeypatch.setattr(streamed_weights, "_BLOCK", 500)
    monkeypatch.setattr(streamed_weights, "AT_ONCE", at_once)
    check_same(read(run, options), expected)
    monkeypatch.setattr(streamed_weights, "SHOWN_BYTES", 0)  # what is shown is read again for each use
    check_same(read(run, options), expected)


@pytest.mark.parametrize("folder", fixtures(), ids=lambda path: path.name)
def test_the_same_is_shown_in_every_format(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        run = open_run(folder)
    except NnanimError as error:
        pytest.skip(str(error))
    if not run.layers:
        pytest.skip("no layers that follow each other")
    options = Options(max_nodes=5, max_edges=30)
    expected = read(run, options)
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    monkeypatch.setattr(streamed_weights, "_BLOCK", 50)
    check_same(read(run, options), expected)


@pytest.mark.parametrize("form", ["safetensors", "npz"])
@pytest.mark.parametrize("first", [{"fc1.weight": (12, 64), "fc1.bias": (12,)}, {"conv1.weight": (12, 3, 5, 5)}])
def test_tiles_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, tuple[int, ...]], form: str
) -> None:
    behind = {"fc2.weight": (5, 12)} if "fc1.weight" in first else {"conv2.weight": (5, 12, 3, 3)}
    run = make_run(tmp_path / "run", first | behind, form)
    options = Options(max_nodes=4, image="8x8" if "fc1.weight" in first else "32x32x3")
    plan = plan_tiles(run.snapshots, run.layers[0], options, run.convention)
    assert plan is not None
    plan = TilePlan(plan.size, plan.image, plan.channels_last, most=3)
    expected = read(run, options, plan)
    assert expected.tiles is not None
    monkeypatch.setattr(weights, "KEPT_BYTES", 0)
    check_same(read(run, options, plan), expected)


def test_weights_of_inputs_in_rows_are_turned(tmp_path: Path, streamed: pytest.MonkeyPatch) -> None:
    """As in Keras and NumPy, where a file's rows are what a layer takes in; of two of them columns are read."""
    streamed.setattr(npz_archive, "SMALL_MEMBER_BYTES", 0)
    shapes = {"W1": (300, 90), "b1": (90,), "W2": (90, 40), "b2": (40,)}
    run = make_run(tmp_path / "run", shapes, "npz")
    assert run.shape == (300, 90, 40)
    with run.snapshots[0].open_layers() as layers:
        assert [layers.rows(place).axis for place in (0, 1)] == [1, 1]
    options = Options(max_nodes=6, max_edges=20)
    found = read(run, options)
    streamed.setattr(weights, "KEPT_BYTES", 1 << 30)
    check_same(found, read(run, options))
    plan = TilePlan((10, 30, 1), (10, 30, 1), channels_last=False, most=5)
    expected = read(run, options, plan)
    streamed.setattr(weights, "KEPT_BYTES", 0)
    check_same(read(run, options, plan), expected)


@pytest.mark.parametrize("form", ["safetensors", "npy", "npz", "pytorch"])
def test_little_is_read_twice(
    tmp_path: Path, streamed: pytest.MonkeyPatch, bytes_read: Counter[str], form: str
) -> None:
    shapes = {"a.weight": (900, 700), "b.weight": (250, 900), "c.weight": (30, 250)}
    run = make_run(tmp_path / "run", shapes, form)
    read(run, Options(max_nodes=8, max_edges=50))
    of_run = 4 * len(run.snapshots) * sum(int(np.prod(shape)) for shape in shapes.values())
    assert of_run < bytes_read.total() < 1.1 * of_run


@pytest.mark.parametrize("at_once", [2, 32])
@pytest.mark.parametrize("form", ["safetensors", "packed npz", "pytorch"])
def test_damage_is_found(tmp_path: Path, streamed: pytest.MonkeyPatch, form: str, at_once: int) -> None:
    streamed.setattr(streamed_weights, "AT_ONCE", at_once)
    run = make_run(tmp_path / "run", DENSE, form)
    path = run.snapshots[2].path
    if form == "safetensors":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(SnapshotError, match=r"3.* is truncated"):
        read(run, Options())


def test_what_is_no_number_is_counted(tmp_path: Path, streamed: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", DENSE)
    arrays = arrays_of(DENSE, 1)
    arrays["fc2.weight"][[0, 20, 39], 5] = np.nan, np.inf, np.nan
    safetensors(run.snapshots[1].path, arrays)
    with pytest.raises(SnapshotError) as caught:
        read(run, Options())
    assert str(caught.value) == (
        f"layer 'fc2' in snapshot {str(run.snapshots[1].path)!r} has 3 NaN or infinite weights of 3600"
        " (every one must be a finite number; did the training diverge?)"
    )
    arrays = arrays_of(DENSE, 1)
    arrays["fc3.bias"][2] = np.inf
    safetensors(run.snapshots[1].path, arrays)
    with pytest.raises(SnapshotError, match="has 1 NaN or infinite bias of 7"):
        read(run, Options())


def test_rows_that_are_too_long_are_read_whole(tmp_path: Path, streamed: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", DENSE)
    found = read(run, Options(max_nodes=3))
    streamed.setattr(layer_rows, "MOST_ROW_NUMBERS", 100)
    with run.snapshots[0].open_layers() as layers:
        assert [layers.rows(place).whole is not None for place in range(3)] == [True, False, False]
    check_same(read(run, Options(max_nodes=3)), found)


def test_too_many_neurons_are_told(tmp_path: Path, streamed: pytest.MonkeyPatch) -> None:
    streamed.setattr(streamed_weights, "MOST_NEURONS", 299)
    run = make_run(tmp_path / "run", DENSE)
    with pytest.raises(SnapshotError) as caught:
        read(run, Options())
    assert str(caught.value) == (
        f"layer 'fc1' in snapshot {str(run.snapshots[0].path)!r} has 300 neurons on one side"
        " (of at most 299 those to show are chosen; take --view layers)"
    )
