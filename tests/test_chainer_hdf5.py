"""Snapshots of Chainer's save_hdf5, and datasets in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hdf5_bytes import FLETCHER32, GZIP, SHUFFLE, write_hdf5

from nnanim import NnanimError, open_run
from nnanim.errors import SnapshotError

RANDOM = np.random.default_rng(0)
FIRST, SECOND = (RANDOM.normal(size=shape).astype("<f4") for shape in ((5, 4), (3, 5)))
BIAS = np.arange(5, dtype="<f4")
LINKS = {"predictor": {"l1": {"W": FIRST, "b": BIAS}, "l2": {"W": SECOND}}}


@pytest.mark.parametrize("filters", [(), (GZIP,), (SHUFFLE, GZIP), (SHUFFLE, FLETCHER32), (SHUFFLE, GZIP, FLETCHER32)])
@pytest.mark.parametrize("chunk", [(5, 4), (2, 3), (7, 1)])
def test_model(tmp_path: Path, chunk: Sequence[int], filters: Sequence[int]) -> None:
    write_hdf5(tmp_path / "model_00001.h5", LINKS, chunk, filters)
    run = open_run(tmp_path)
    assert run.format == "chainer"
    assert run.shape == (4, 5, 3)
    first, second = run.snapshots[0].read()
    assert [first.name, second.name] == ["l1", "l2"]
    assert np.array_equal(first.weight, FIRST)
    assert first.bias is not None
    assert np.array_equal(first.bias, BIAS)
    assert np.array_equal(second.weight, SECOND)
    with run.snapshots[0].open() as arrays:
        assert np.array_equal(arrays.read("predictor/l2/W"), SECOND)


def test_names_without_a_suffix_as_flax_has_them(tmp_path: Path) -> None:
    """The first byte of HDF5 is also that of a dict in msgpack."""
    write_hdf5(tmp_path / "model_00001", LINKS)
    assert open_run(tmp_path).format == "chainer"


def test_other_filter_is_named(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "model_00001.h5", LINKS, filters=(32000,))
    with pytest.raises(SnapshotError, match="filter 32000"):
        open_run(tmp_path).snapshots[0].read()


def test_every_damaged_byte_is_one_sentence_or_read(tmp_path: Path) -> None:
    data = write_hdf5(tmp_path / "model_00001.h5", {"l1": {"W": FIRST}}).read_bytes()
    for place in range(8, len(data)):
        (tmp_path / "model_00001.h5").write_bytes(data[:place] + b"\xff" + data[place + 1 :])
        with suppress(NnanimError):
            layer = open_run(tmp_path).snapshots[0].read()[0]
            assert layer.weight.dtype == np.float32


def test_claimed_size_is_not_believed(tmp_path: Path) -> None:
    data = write_hdf5(tmp_path / "model_00001.h5", {"l1": {"W": FIRST}}).read_bytes()
    old, new = np.array([5, 4], "<u8").tobytes(), np.array([2**14, 2**13], "<u8").tobytes()
    assert data.count(old) == 1
    (tmp_path / "model_00001.h5").write_bytes(data.replace(old, new))
    with pytest.raises(SnapshotError, match="unpacks from"):
        open_run(tmp_path).snapshots[0].read()


def test_data_that_are_no_weights_are_no_snapshot(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "data.h5", {"images": FIRST})
    with pytest.raises(NnanimError, match="no snapshots"):
        open_run(tmp_path)


HAND = {
    "PyTorch's": ({"fc1": {"weight": FIRST, "bias": BIAS}, "fc2": {"weight": SECOND}}, ["fc1", "fc2"]),
    "Keras's": ({"a": {"kernel:0": FIRST.T, "bias:0": BIAS}, "b": {"kernel:0": SECOND.T}}, ["a", "b"]),
    "a script's": ({"W1": FIRST, "b1": BIAS, "W2": SECOND}, ["W1", "W2"]),
}


@pytest.mark.parametrize("whose", HAND)
def test_datasets_of_any_naming(tmp_path: Path, whose: str) -> None:
    groups, names = HAND[whose]
    write_hdf5(tmp_path / "weights_00001.h5", groups)
    run = open_run(tmp_path)
    assert run.format == "hdf5"
    assert [layer.name for layer in run.layers] == names
    first, second = run.snapshots[0].read()
    assert np.array_equal(first.weight, FIRST)
    assert np.array_equal(second.weight, SECOND)
    assert first.bias is not None
    assert np.array_equal(first.bias, BIAS)


def test_data_in_hdf5_is_no_snapshot(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "train.h5", {"images": FIRST, "labels": BIAS})
    with pytest.raises(NnanimError, match="no snapshots"):
        open_run(tmp_path)
