"""Cells of weight matrices over a run, against NumPy in float64."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save

from nnanim import Animation, OptionError, SnapshotError, open_run
from nnanim.frames import cells as cells_module
from nnanim.frames import matrix_rows
from nnanim.frames.cells import blocks, reduce_to_cells, spectral_radius
from nnanim.frames.matrix_choice import turned_weights
from nnanim.frames.matrix_rows import Rows
from nnanim.options import Options
from nnanim.panels.matrix import read_matrices
from nnanim.reading.containers import npz_archive
from nnanim.reading.run import Run

EPOCHS = 4
GATES = ("input gate", "forget gate", "cell", "output gate")


def tensors(epoch: int) -> dict[str, np.ndarray]:
    """A recurrent layer, a convolution, a large dense layer, and one that never moves."""
    random = np.random.default_rng(epoch)
    arrays = {
        "conv.weight": random.normal(size=(4, 3, 3, 2)),
        "rnn.weight_ih_l0": random.normal(size=(20, 6)),
        "rnn.weight_hh_l0": random.normal(size=(20, 5)),
        "wide.weight": random.normal(size=(97, 509)) * (1 + epoch),
        "still.weight": np.random.default_rng(99).normal(size=(6, 7)),
    }
    return {key: values.astype(np.float32) for key, values in arrays.items()}


def run_of(folder: Path, snapshots: list[dict[str, np.ndarray]], **options: Any) -> Run:
    folder.mkdir()
    for epoch, arrays in enumerate(snapshots):
        save(folder / f"net_epoch{epoch}.npz", arrays)
    return open_run(folder, must_follow=False, **options)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return run_of(tmp_path / "run", [tensors(epoch) for epoch in range(EPOCHS)])


def block_of(values: np.ndarray, matrix: Any, row: int, column: int) -> np.ndarray:
    flat = values.astype(np.float64).reshape(len(values), -1)
    rows, columns = matrix.rows, matrix.columns
    return flat[rows[row] : rows[row + 1], columns[column] : columns[column + 1]]


@pytest.mark.parametrize(("color", "since"), [("change", "first"), ("change", "previous"), ("sign", "first")])
def test_cells_are_those_of_numpy(run: Run, color: str, since: str) -> None:
    animation = Animation(run, view="matrix", color=color, since=since, figsize=(9, 6))
    seen = set()
    for index in range(EPOCHS):
        cells = animation[index].cells
        assert cells is not None
        for number, matrix in enumerate(cells.matrices):
            key = matrix.row.keys[0]
            values, before = (tensors(epoch)[key] for epoch in (index, 0 if since == "first" else max(index - 1, 0)))
            if matrix.row.slice is not None:
                _, start, stop = matrix.row.slice
                values, before = values[start:stop], before[start:stop]
            own = slice(matrix.start, matrix.stop)
            value, change = (each[own].reshape(matrix.size) for each in (cells.value, cells.change))
            for row, column in np.ndindex(*matrix.size):
                now, then = (block_of(each, matrix, row, column) for each in (values, before))
                if color == "sign":
                    assert value[row, column] == now.flat[np.abs(now).argmax()]
                else:
                    size, earlier = (float(np.sqrt(np.square(each).mean())) for each in (now, then))
                    shown = abs(value[row, column])
                    assert shown == pytest.approx(size, rel=1e-6)
                    assert change[row, column] == pytest.approx(size - earlier, abs=2e-6 * max(size, earlier))
            flat = values.reshape(len(values), -1)
            assert tuple(cells.largest_at[number]) == np.unravel_index(np.abs(flat).argmax(), flat.shape)
            assert cells.largest[number] == flat[tuple(cells.largest_at[number])]
            seen.add((key, matrix.row.part))
    gates = {(f"rnn.weight_{which}_l0", gate) for which in ("ih", "hh") for gate in GATES}
    assert seen == gates | {("conv.weight", None), ("wide.weight", None), ("still.weight", None)}


def test_bounds_cover_each_weight_once(run: Run) -> None:
    for matrix in Animation(run, view="matrix")[0].cells.matrices:
        assert matrix.rows[0] == matrix.columns[0] == 0
        assert (np.diff(matrix.rows) > 0).all()
        assert (np.diff(matrix.columns) > 0).all()
        assert matrix.rows[-1] == matrix.shape[0]
        assert matrix.columns[-1] == np.prod(matrix.shape[1:])


def test_there_are_no_more_cells_than_a_quarter_of_the_pixels(run: Run) -> None:
    animation = Animation(run, view="matrix", figsize=(4, 3))
    for matrix in animation[0].cells.matrices:
        assert 4 * np.prod(matrix.size) <= 400 * 300


def test_the_hidden_matrix_has_its_spectral_radius_in_every_frame(run: Run) -> None:
    animation = Animation(run, view="matrix")
    for index in range(EPOCHS):
        cells = animation[index].cells
        for matrix, radius in zip(cells.matrices, cells.spectral_radius, strict=True):
            if matrix.row.keys != ("rnn.weight_hh_l0",):
                assert np.isnan(radius)
                continue
            _, start, stop = matrix.row.slice
            hidden = tensors(index)["rnn.weight_hh_l0"][start:stop].astype(np.float64)
            assert radius == pytest.approx(np.abs(np.linalg.eigvals(hidden)).max(), rel=1e-6)


def test_spectral_radius_is_that_of_the_whole_circle() -> None:
    assert spectral_radius(np.array([[0.0, -2.0], [2.0, 0.0]])) == pytest.approx(2.0)
    assert np.isnan(spectral_radius(np.array([[np.nan, 0.0], [0.0, 1.0]])))


@pytest.mark.parametrize("signed", [True, False])
def test_a_planted_weight_among_a_million_is_found(signed: bool) -> None:
    weights = np.random.default_rng(3).normal(size=(1000, 1000)).astype(np.float32) * 0.01
    weights[777, 333] = -5.0
    cells, at, largest = reduce_to_cells(Rows.of(weights), blocks(1000, 90), blocks(1000, 70), signed=signed)
    assert (at, largest) == ((777, 333), -5.0)
    place = np.unravel_index(np.abs(cells).argmax(), cells.shape)
    assert blocks(1000, 90)[place[0]] <= 777 < blocks(1000, 90)[place[0] + 1]
    assert blocks(1000, 70)[place[1]] <= 333 < blocks(1000, 70)[place[1] + 1]
    assert cells[place] == -5.0 if signed else cells[place] > 0.3


def test_a_block_with_a_weight_that_is_no_number_has_no_value() -> None:
    weights = np.ones((4, 4), np.float32)
    weights[3, 0] = np.nan
    weights[0, 3] = np.inf
    for signed in (True, False):
        cells, at, largest = reduce_to_cells(Rows.of(weights), blocks(4, 2), blocks(4, 2), signed=signed)
        np.testing.assert_array_equal(np.isnan(cells), [[False, True], [True, False]])
        assert not np.isfinite(weights[at])
        assert not np.isfinite(largest)


def test_weights_that_float32_cannot_square_have_a_root_mean_square() -> None:
    weights = np.full((6, 6), 1e30, np.float32)
    cells, _, _ = reduce_to_cells(Rows.of(weights), blocks(6, 2), blocks(6, 2), signed=False)
    np.testing.assert_allclose(cells, float(np.float32(1e30)), rtol=1e-6)


def test_layers_need_not_follow_each_other(tmp_path: Path) -> None:
    snapshots = [tensors(epoch) for epoch in range(2)]
    run = run_of(tmp_path / "run", snapshots, layers=["still.weight", "rnn.weight_hh_l0", "conv"])
    cells = Animation(run, view="matrix")[0].cells
    shown = [(matrix.row.keys[0], matrix.row.part) for matrix in cells.matrices]
    assert shown == [("still.weight", None), *(("rnn.weight_hh_l0", gate) for gate in GATES), ("conv.weight", None)]


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [tensors(0)], layers=["nothing"])
    with pytest.raises(OptionError, match=r"no weight 'nothing' in .* \(weights there: 'conv', "):
        Animation(run, view="matrix")


def test_positions_are_a_table_and_kernels_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shapes = {"pos_embed": (1, 17, 8), "conv.weight": (5, 3, 2, 2), "fc.weight": (3, 8)}
    header, place = {}, 0
    for key, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(place))
    found = {each.row.keys[0]: each.shape for each in turned_weights(open_run(folder))}
    assert found == {"pos_embed": (17, 8), "conv.weight": (5, 3, 2, 2), "fc.weight": (3, 8)}


def test_frames_json_has_the_cells_as_drawn(run: Run, tmp_path: Path) -> None:
    animation = Animation(run, view="matrix", figsize=(4, 3))
    animation.write(f"{tmp_path / 'out'}/")
    told = json.loads((tmp_path / "out" / "frames.json").read_text())["frames"][1]
    assert len(told["cells"]) == len(animation[1].cells.matrices)
    assert "edges" not in told
    for each, matrix in zip(told["cells"], animation[1].cells.matrices, strict=True):
        values = np.array(each["value"])
        assert values.shape == (len(each["rows"]) - 1, len(each["columns"]) - 1) == matrix.size
        own = slice(matrix.start, matrix.stop)
        np.testing.assert_allclose(values.ravel(), animation[1].cells.value[own], rtol=1e-6)
        assert each["keys"] == list(matrix.row.keys)
        assert (each["spectral_radius"] is not None) == (each["keys"] == ["rnn.weight_hh_l0"])
        assert each["cells_show"] == "root mean square"


def test_the_command_takes_layers_in_any_order_for_matrices_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from nnanim.cli import main

    folder = tmp_path / "run"
    run_of(folder, [tensors(0), tensors(1)])
    output = tmp_path / "a.gif"
    asked = ["render", str(folder), "--layers", "still,wide", "-o", str(output)]
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code != 0
    assert "takes in" in refused.output
    for command in (
        [*asked, "--view", "matrix"],
        ["draw", str(folder), *asked[2:4], "--view", "matrix", "-o", "a.svg"],
    ):
        with monkeypatch.context() as here:
            here.chdir(tmp_path)
            done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
    assert output.exists()


def test_a_file_is_made_again_when_other_weights_are_asked_for(tmp_path: Path) -> None:
    from nnanim.if_changed import fingerprint
    from nnanim.options import Options

    run_of(tmp_path / "run", [tensors(0)])
    one, other = (open_run(tmp_path / "run", layers=[name], must_follow=False) for name in ("still", "wide"))
    assert fingerprint(one, Options(view="matrix")) != fingerprint(other, Options(view="matrix"))
    assert fingerprint(one, Options()) == fingerprint(other, Options())


def test_parts_as_they_pass_are_those_of_whole_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates lie one behind the other in their tensor, the hidden matrix is read whole for its spectral radius."""
    monkeypatch.setattr(npz_archive, "SMALL_MEMBER_BYTES", 0)
    monkeypatch.setattr(npz_archive, "SMALL_SNAPSHOT_BYTES", 0)
    run = run_of(tmp_path / "run", [tensors(epoch) for epoch in range(EPOCHS)])
    streamed: list[str] = []
    stream_of = npz_archive.Archive.stream

    def stream(self: npz_archive.Archive, key: str, *, is_checked: bool = True) -> Any:
        streamed.append(key)
        return stream_of(self, key, is_checked=is_checked)

    monkeypatch.setattr(npz_archive.Archive, "stream", stream)
    found = read_matrices(run, run.snapshots, Options(view="matrix"))
    assert set(streamed) == {"conv.weight", "rnn.weight_ih_l0", "wide.weight", "still.weight"}
    monkeypatch.setattr(matrix_rows, "_stream", lambda *_: None)
    expected = read_matrices(run, run.snapshots, Options(view="matrix"))
    np.testing.assert_array_equal(found.cells.values, expected.cells.values)
    np.testing.assert_array_equal(found.largest, expected.largest)
    np.testing.assert_array_equal(found.largest_at, expected.largest_at)
    np.testing.assert_array_equal(found.radius, expected.radius)


@pytest.mark.parametrize("color", ["change", "sign"])
def test_no_matrix_is_whole_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color: str) -> None:
    monkeypatch.setattr(cells_module, "AT_ONCE", 1 << 16)
    weight = np.random.default_rng(0).normal(size=(2000, 1000)).astype(np.float32)
    run = run_of(
        tmp_path / "run", [{"fc1.weight": weight, "fc2.weight": weight[:500, :500], "fc2.bias": weight[0, :500]}]
    )
    options = Options(view="matrix", color=color)
    read_matrices(run, run.snapshots, options)  # what is imported and remembered once
    tracemalloc.start()
    read_matrices(run, run.snapshots, options)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < weight.nbytes / 3


def test_damage_behind_the_parts_that_are_shown_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [tensors(epoch) for epoch in range(2)], layers=["wide.weight"])
    path = run.snapshots[1].path
    np.savez(path, **tensors(1))
    data = bytearray(path.read_bytes())
    data[data.index(tensors(1)["wide.weight"].tobytes()) + 97 * 509 * 4 - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match=r"damaged at 'wide.weight'"):
        read_matrices(run, run.snapshots, Options(view="matrix"))


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_matrix_that_has_another_shape_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_whole: bool
) -> None:
    run = run_of(tmp_path / "run", [tensors(epoch) for epoch in range(2)], layers=["wide.weight"])
    path = run.snapshots[1].path
    np.savez(path, **tensors(1) | {"wide.weight": np.zeros((97, 500), np.float32)})
    if is_whole:
        monkeypatch.setattr(matrix_rows, "_stream", lambda *_: None)
    with pytest.raises(SnapshotError) as caught:
        read_matrices(run, run.snapshots, Options(view="matrix"))
    assert str(caught.value) == (
        f"'wide.weight' in snapshot {str(path)!r} has shape (97, 500), and (97, 509) in the first"
    )


def test_a_table_with_an_axis_before_its_rows_is_a_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the positions of a vision transformer, (1, positions, width)."""
    monkeypatch.setattr(npz_archive, "SMALL_MEMBER_BYTES", 0)
    monkeypatch.setattr(npz_archive, "SMALL_SNAPSHOT_BYTES", 0)
    table = np.random.default_rng(5).normal(size=(1, 9, 4)).astype(np.float32)
    snapshot = {"vit.pos_embed.weight": table, "head.weight": np.ones((3, 4), np.float32)}
    run = run_of(tmp_path / "run", [snapshot, snapshot])
    found = read_matrices(run, run.snapshots, Options(view="matrix", color="sign"))
    (matrix,) = [each for each in found.matrices if each.row.keys == ("vit.pos_embed.weight",)]
    assert matrix.shape == (9, 4)
    np.testing.assert_array_equal(found.cells.values[0, matrix.start : matrix.stop], table.ravel())
    np.savez(run.snapshots[1].path, **snapshot | {"vit.pos_embed.weight": table[:, :8]})
    with pytest.raises(SnapshotError, match=r"has shape \(1, 8, 4\), and \(9, 4\) in the first"):
        read_matrices(run, run.snapshots, Options(view="matrix"))


def test_damage_behind_the_part_that_is_taken_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [tensors(0)])
    path = run.snapshots[0].path
    np.savez(path, **tensors(0))
    data = bytearray(path.read_bytes())
    data[data.index(tensors(0)["wide.weight"].tobytes()) + 97 * 509 * 4 - 1] ^= 1
    path.write_bytes(data)
    row = next(row for row in run.weight_rows if row.keys == ("wide.weight",))
    part = matrix_rows.Planned(replace(row, slice=(0, 3, 10)), (0, 1), (7, 509), is_whole=False)
    with run.snapshots[0].open() as arrays:
        found = matrix_rows.each_matrix(arrays, [part], path)
        _, rows = next(found)
        np.testing.assert_array_equal(rows.take(0, 7), tensors(0)["wide.weight"][3:10])
        with pytest.raises(SnapshotError, match=r"damaged at 'wide.weight'"):
            next(found)
