"""Sparse matrices of SciPy: files of ``save_npz``, written without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnanim import NnanimError, RunError, SnapshotError, open_run

W = np.array([[0, 2, 0, 1], [0, 0, 3, 0], [4, 0, 0, 5]], "<f4")
I4 = "<i4"
LAYOUTS: dict[str, dict[str, Any]] = {
    "csr": {"data": [2, 1, 3, 4, 5], "indices": [1, 3, 2, 0, 3], "indptr": [0, 2, 3, 5]},
    "csc": {"data": [4, 2, 3, 1, 5], "indices": [2, 0, 1, 0, 2], "indptr": [0, 1, 2, 3, 5]},
    "bsr": {
        "data": [[[0, 2]], [[0, 1]], [[3, 0]], [[4, 0]], [[0, 5]]],
        "indices": [0, 1, 1, 0, 1],
        "indptr": [0, 2, 3, 5],
    },
    "coo": {"data": [2, 1, 3, 4, 4, 1], "row": [0, 0, 1, 2, 2, 2], "col": [1, 3, 2, 0, 3, 3]},
    "coo_array": {"data": [2, 1, 3, 4, 5], "coords": [[0, 0, 1, 2, 2], [1, 3, 2, 0, 3]]},
    "dia": {"data": [[4, 0, 0, 0], [0, 0, 0, 5], [0, 2, 3, 0], [0, 0, 0, 1]], "offsets": [-2, 1, 1, 3]},
}


def save(path: Path, layout: str, shape: tuple[int, ...] = (3, 4), kind: Any = I4, **other: Any) -> Path:
    """Write as ``save_npz`` does: the format as bytes, everything packed."""
    parts = {key: np.array(value, "<f4" if key == "data" else kind) for key, value in LAYOUTS[layout].items()}
    name = layout.removesuffix("_array").encode()
    np.savez_compressed(path, **{"format": np.array(name), "shape": np.array(shape), **parts, **other})
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_matrix_of_each_layout_is_dense(tmp_path: Path, layout: str) -> None:
    save(tmp_path / "W1_epoch2.npz", layout)
    run = open_run(tmp_path)
    assert "sparse weights are shown as dense ones" in run.notes
    assert [(header.key, header.shape, header.dtype) for header in run.tensors] == [("W1", (3, 4), "float32")]
    assert run.snapshots[0].epoch == 2
    with run.snapshots[0].open() as arrays:
        assert np.array_equal(arrays.read("W1"), W)


def test_several_files_are_one_network(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save(tmp_path / f"W1_{epoch}.npz", "csr")
        np.save(tmp_path / f"b1_{epoch}.npy", np.ones(3, "<f4"))
        np.save(tmp_path / f"W2_{epoch}.npy", np.ones((2, 3), "<f4"))
    run = open_run(tmp_path)
    assert run.shape == (4, 3, 2)
    first, _ = run.snapshots[1].read()
    assert np.array_equal(first.weight, W)
    assert first.bias is not None


@pytest.mark.parametrize("name", ["adjacency.npz", "train_matrix.npz", "X.npz", "tfidf_2.npz"])
def test_sparse_data_is_no_snapshot(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, "csr")
    with pytest.raises(RunError, match="no snapshots in"):
        open_run(tmp_path)
    np.savez(tmp_path / "model_1.npz", W1=W)
    assert [run.path.name for run in open_run(tmp_path).snapshots] == ["model_1.npz"]


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    save(tmp_path / "W1_1.npz", "csr", data=np.array([1, 2, 3, 4, 5]))
    with pytest.raises(RunError, match="no snapshots in"):
        open_run(tmp_path)


IMPOSSIBLE: dict[str, tuple[str, dict[str, Any]]] = {
    "too few rows": ("csr", {"shape": (4, 4)}),
    "an index without a number": ("csr", {"indices": np.zeros(9, I4)}),
    "blocks that do not fit": ("bsr", {"shape": (3, 5)}),
    "blocks of nothing": ("bsr", {"data": np.zeros((5, 1, 0), "<f4")}),
    "sizes below 0": ("coo", {"shape": (-3, 4)}),
    "fewer rows than columns": ("coo", {"row": np.zeros(2, I4)}),
    "three axes of coordinates": ("coo_array", {"coords": np.zeros((3, 5), I4)}),
    "diagonals without a place": ("dia", {"offsets": np.zeros(3, I4)}),
    "places between numbers": ("csr", {"indices": np.zeros(5, "<f4")}),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_parts_that_do_not_belong_together(tmp_path: Path, what: str) -> None:
    layout, other = IMPOSSIBLE[what]
    save(tmp_path / "W1_1.npz", layout, **other)
    with pytest.raises(SnapshotError, match="parts do not belong together"):
        open_run(tmp_path)


OUTSIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "a column": ("csr", {"indices": np.array([1, 3, 4, 0, 3])}),
    "a row below 0": ("coo", {"row": np.array([0, 0, -1, 2, 2, 2])}),
    "rows that end before they begin": ("csr", {"indptr": np.array([0, 5, 2, 5])}),
    "rows without a sign": ("csr", {"indptr": np.array([0, 5, 2, 5], "<u4")}),
    "rows of 2**64": ("csr", {"indptr": np.array([0, 2**63, 2**63, 5], "<u8")}),
    "rows that begin late": ("csr", {"indptr": np.array([1, 2, 3, 5])}),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_numbers_outside_of_the_matrix(tmp_path: Path, what: str) -> None:
    layout, other = OUTSIDE[what]
    save(tmp_path / "W1_1.npz", layout, **other)
    with pytest.raises(SnapshotError, match="has numbers outside of itself"):
        open_run(tmp_path).snapshots[0].read()


@pytest.mark.parametrize("shape", [(10_000, 10_000), (2**40, 2**40)])
def test_few_numbers_do_not_make_a_large_matrix(tmp_path: Path, shape: tuple[int, int]) -> None:
    save(tmp_path / "W1_1.npz", "coo", shape)
    with pytest.raises(NnanimError, match="too large as a dense one"):
        open_run(tmp_path)


@pytest.mark.parametrize("layout", [np.array("csr"), np.array(b"lil"), np.array([b"csr"]), np.array(3)])
def test_names_of_layouts(tmp_path: Path, layout: np.ndarray) -> None:
    save(tmp_path / "W1_1.npz", "csr", format=layout)
    if layout.dtype.kind == "U":
        assert len(open_run(tmp_path).snapshots) == 1
        return
    with pytest.raises(RunError, match="no snapshots in"):
        open_run(tmp_path)
