"""Chunks of HDF5, as h5py and so Chainer's `save_hdf5` writes them (tests/training/write_chunks.py)."""

from __future__ import annotations

import contextlib
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from nnanim import NnanimError, open_run
from nnanim.reading.containers.hdf5 import Dataset, Hdf5Error, Hdf5File
from nnanim.reading.containers.hdf5_chunks import ChunkError, Chunks, filters_of, read_chunks

FILE = Path(__file__).resolve().parent / "fixtures" / "chunks.h5"
EXPECTED = {
    "predictor/l1/W": np.arange(35, dtype="f4").reshape(7, 5),
    "predictor/l1/b": np.arange(7, dtype="f4"),
    "predictor/l2/W": np.arange(21, dtype="f8").reshape(3, 7) - 10,
    "predictor/l2/b": np.ones(3, "f4"),
    "predictor/l2/empty": np.zeros(4, "f4"),
}


@pytest.mark.parametrize("key", EXPECTED)
def test_chunks_are_put_together(key: str) -> None:
    with FILE.open("rb") as file:
        hdf5 = Hdf5File(file)
        (dataset,) = [item for name, item in hdf5.walk() if name == key]
        assert isinstance(dataset, Dataset)
        np.testing.assert_array_equal(hdf5.read(dataset), EXPECTED[key])


def test_a_folder_of_chainer_s_hdf5_files_is_a_run(tmp_path: Path) -> None:
    for epoch in (1, 2):
        shutil.copy(FILE, tmp_path / f"model_epoch{epoch}.h5")
    run = open_run(tmp_path)
    assert run.format == "chainer"
    assert [layer.key for layer in run.layers] == ["predictor/l1/W", "predictor/l2/W"]
    first, second = run.snapshots[0].read()
    np.testing.assert_array_equal(first.weight, EXPECTED["predictor/l1/W"])
    np.testing.assert_array_equal(second.weight, EXPECTED["predictor/l2/W"].astype("f4"))
    np.testing.assert_array_equal(first.bias, EXPECTED["predictor/l1/b"])
    assert run.shape == (5, 7, 3)


def tree_of(packed: bytes, start: tuple[int, ...]) -> bytes:
    """Return a B-tree of one leaf with one chunk, which lies at 1000."""
    key = struct.pack(f"<2I{len(start) + 1}Q", len(packed), 0, *start, 0)
    return b"TREE\x01\x00" + struct.pack("<H2Q", 1, 0, 0) + key + struct.pack("<Q", 1000)


def reading(packed: bytes, chunks: Chunks, shape: tuple[int, ...], start: tuple[int, ...] = (0, 0)) -> np.ndarray:
    file = bytearray(1000)
    tree = tree_of(packed, start)
    file[: len(tree)] = tree
    file += packed

    def read_at(address: int, size: int) -> bytes:
        if address + size > len(file):
            raise Hdf5Error("is truncated")
        return bytes(file[address : address + size])

    return read_chunks(chunks, shape, "<f4", read_at)


def test_a_bomb_is_unpacked_no_further_than_its_chunk() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    with pytest.raises(ChunkError) as caught:
        reading(bomb, Chunks(0, (2, 2), 4, (1,)), (2, 2))
    assert str(caught.value) == "is damaged"


def test_chunks_far_larger_than_their_array_are_refused() -> None:
    with pytest.raises(ChunkError) as caught:
        reading(b"", Chunks(0, (30_000, 30_000), 4, (1,)), (2, 2))
    assert str(caught.value) == "has chunks of 3600000000 bytes for an array of shape (2, 2)"


def test_a_packing_that_is_not_read_is_named() -> None:
    with pytest.raises(ChunkError) as caught:
        reading(b"", Chunks(0, (2, 2), 4, (32_015,)), (2, 2))
    assert str(caught.value) == "is packed by HDF5's filter 32015 (gzip and shuffle are read)"


def test_a_chunk_at_the_edge_is_cut() -> None:
    data = np.arange(4, dtype="<f4")
    read = reading(data.tobytes(), Chunks(0, (2, 2), 4), (3, 3), (2, 2))
    assert read[2, 2] == 0
    assert read.sum() == 0
    assert reading(data.tobytes(), Chunks(0, (2, 2), 4), (3, 3), (0, 1))[0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("version", [1, 2])
def test_filters_of_both_versions_of_the_message(version: int) -> None:
    if version == 1:
        body = struct.pack("<BB6x", 1, 2) + struct.pack("<4HI4x", 1, 0, 1, 1, 4) + struct.pack("<4HI4x", 2, 0, 0, 1, 4)
    else:
        body = struct.pack("<BB", 2, 2) + struct.pack("<3HI", 1, 1, 1, 4) + struct.pack("<3HI", 2, 0, 1, 4)
    assert filters_of(body) == (1, 2)


@pytest.mark.parametrize("place", range(0, 6000, 37))
def test_damage_is_a_sentence(tmp_path: Path, place: int) -> None:
    data = bytearray(FILE.read_bytes())
    data[place % len(data)] ^= 0xFF
    (tmp_path / "model_1.h5").write_bytes(data)
    with contextlib.suppress(NnanimError):
        run = open_run(tmp_path)
        with run.snapshots[0].open() as arrays:
            for header in run.tensors:
                arrays.read(header.key)
