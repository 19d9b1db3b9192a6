"""A run that grows is read once, and shown as if it were read anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_row_sums import FORMATS
from test_streamed_weights import CONVOLUTIONS, DENSE, UPWARDS, check_same

from nnanim import SnapshotError, open_run
from nnanim.frames import streamed_weights, weight_memory
from nnanim.frames.tiles import plan_tiles
from nnanim.frames.weight_memory import WeightMemory
from nnanim.frames.weights import read_weights
from nnanim.options import Options
from nnanim.reading.run import Run

WIDE = {"fc1.weight": (120, 300), "fc1.bias": (120,), "fc2.weight": (90, 120)}


def stamp_of(path: Path) -> Hashable:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def write(folder: Path, shapes: dict[str, tuple[int, ...]], epoch: int, form: str, strong: int | None = None) -> Path:
    """Write a snapshot of a training that moves a little; one unit of each layer may be by far the strongest."""
    folder.mkdir(exist_ok=True)
    name, save = FORMATS[form]
    first, dice = np.random.default_rng(0), np.random.default_rng(epoch)
    arrays = {key: (first.normal(size=at) + 0.01 * dice.normal(size=at)).astype("<f4") for key, at in shapes.items()}
    if strong is not None:
        for array in arrays.values():
            array[strong % len(array)] += np.float32(20 + epoch)
    return save(folder / name.format(epoch), arrays)


def grow(folder: Path, form: str, shapes: dict[str, tuple[int, ...]], options: Options, **more: Any) -> WeightMemory:
    memory = WeightMemory(stamp_of)
    for epoch in range(1, 9):
        write(folder, shapes, epoch, form, strong=17 * epoch if epoch > 2 else None)
        run = open_run(folder, **more)
        check_same(read_weights(run.snapshots, options, memory=memory), read_weights(run.snapshots, options))
        assert memory._known is not None
    return memory


@pytest.mark.parametrize("room", [64 << 20, 100_000, 1000])
@pytest.mark.parametrize("form", ["safetensors", "packed npz", "pytorch", "npy"])
def test_others_become_the_strongest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, room: int) -> None:
    monkeypatch.setattr(streamed_weights, "_BLOCK", 1000)
    monkeypatch.setattr(weight_memory, "REMEMBERED_BYTES", room)
    memory = WeightMemory(stamp_of)
    options = Options(max_nodes=4, max_edges=12)
    shown = []
    for epoch in range(1, 9):
        write(tmp_path / "run", WIDE, epoch, form, strong=17 * epoch if epoch > 2 else None)
        run = open_run(tmp_path / "run")
        found = read_weights(run.snapshots, options, memory=memory)
        shown.append(found.selection.nodes[1].tolist())
        check_same(found, read_weights(run.snapshots, options))
    assert len(set(map(tuple, shown))) > 3
    assert (memory._known is None) == (room == 1000)


@pytest.mark.parametrize("nodes", ["strongest", "even"])
@pytest.mark.parametrize("network", [DENSE, CONVOLUTIONS, UPWARDS, {"W1": (50, 30), "b1": (30,), "W2": (30, 9)}])
def test_every_kind_of_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: dict[str, tuple[int, ...]], nodes: str
) -> None:
    monkeypatch.setattr(streamed_weights, "_BLOCK", 500)
    grow(tmp_path / "run", "packed npz", network, Options(max_nodes=2, max_edges=9, nodes=nodes))


def test_a_small_network_with_a_declared_shape(tmp_path: Path) -> None:
    shapes = {"predictor/l1/W": (5, 4), "predictor/l1/b": (5,), "predictor/l2/W": (3, 5), "predictor/l2/b": (3,)}
    memory = grow(tmp_path / "run", "npz", shapes, Options(max_edges=7), shape=(4, 5, 3))
    assert memory._known is not None
    assert memory._known.is_whole


@pytest.mark.parametrize("form", ["safetensors", "pytorch", "npz", "npy"])
def test_only_what_is_new_is_read(tmp_path: Path, bytes_read: Counter[str], form: str) -> None:
    memory, options = WeightMemory(stamp_of), Options(max_nodes=4, max_edges=12)
    of_snapshot = 4 * sum(int(np.prod(shape)) for shape in WIDE.values())

    def read_after(epoch: int, strong: int | None) -> int:
        write(tmp_path / "run", WIDE, epoch, form, strong)
        run = open_run(tmp_path / "run")
        bytes_read.clear()
        read_weights(run.snapshots, options, memory=memory)
        return bytes_read.total()

    read_after(1, None)
    read_after(2, None)
    assert read_after(3, None) <= 1.02 * of_snapshot  # and no more, though others are the strongest
    jump = read_after(4, 77)  # a unit that was no candidate: the rows of candidates are read
    assert 1.02 * of_snapshot < jump < 2 * of_snapshot
    assert read_after(5, 77) <= 1.02 * of_snapshot


def test_snapshots_that_are_gone_or_changed(tmp_path: Path) -> None:
    for shapes in (DENSE, {"fc1.weight": (4, 3), "fc2.weight": (5, 4)}):
        folder = tmp_path / str(len(shapes))
        memory, options = WeightMemory(stamp_of), Options(max_nodes=6, max_edges=9)

        def check(run: Run, memory: WeightMemory = memory, options: Options = options) -> None:
            check_same(read_weights(run.snapshots, options, memory=memory), read_weights(run.snapshots, options))

        paths = [write(folder, shapes, epoch, "safetensors", strong=epoch) for epoch in range(1, 6)]
        check(open_run(folder))
        paths[4].unlink()
        check(open_run(folder))
        paths[0].unlink()
        check(open_run(folder))
        write(folder, shapes, 3, "safetensors", strong=1)
        check(open_run(folder))
        write(folder, shapes, 9, "safetensors", strong=0)
        check(open_run(folder))


def test_what_is_broken_half_way_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_weights, "_BLOCK", 1000)
    memory, options = WeightMemory(stamp_of), Options(max_nodes=6, max_edges=9)
    for epoch in (1, 2):
        write(tmp_path / "run", WIDE, epoch, "pytorch")
    run = open_run(tmp_path / "run")
    read_weights(run.snapshots, options, memory=memory)
    path = write(tmp_path / "run", WIDE, 3, "pytorch", strong=5)
    whole = path.read_bytes()
    weight = np.frombuffer(whole, "<f4", 300, whole.index(b"data/0") + 500)  # of the first layer, past any padding
    place = whole.index(weight.tobytes())
    path.write_bytes(whole[:place] + np.full(300, 1e30, "<f4").tobytes() + whole[place + 1200 :])
    run = open_run(tmp_path / "run")
    with pytest.raises(SnapshotError):
        read_weights(run.snapshots, options, memory=memory)
    path.write_bytes(whole)
    run = open_run(tmp_path / "run")
    check_same(read_weights(run.snapshots, options, memory=memory), read_weights(run.snapshots, options))


@pytest.mark.parametrize("form", ["safetensors", "packed npz"])
@pytest.mark.parametrize("shapes", [{"fc1.weight": (40, 64), "fc2.weight": (9, 40)}, CONVOLUTIONS])
def test_tiles_grow_and_edges_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_read: Counter[str], shapes: dict[str, Any], form: str
) -> None:
    monkeypatch.setattr(streamed_weights, "_BLOCK", 500)
    memory = WeightMemory(stamp_of)
    options = Options(max_nodes=3, max_edges=9, image="8x8" if len(shapes) == 2 else "32x32x3")
    of_snapshot = 4 * sum(int(np.prod(shape)) for shape in shapes.values())
    for epoch in range(1, 9):
        write(tmp_path / "run", shapes, epoch, form, strong=17 * epoch if epoch > 4 else None)
        run = open_run(tmp_path / "run")
        plan = plan_tiles(run.snapshots, run.layers[0], options, run.convention)
        assert plan is not None
        plan = replace(plan, most=2)
        for each in (plan, None):
            bytes_read.clear()
            found = read_weights(run.snapshots, options, each, memory=memory)
            if form == "safetensors" and 1 < epoch < 5:
                assert bytes_read.total() < (2 if each else 0.1) * of_snapshot
            check_same(found, read_weights(run.snapshots, options, each))
