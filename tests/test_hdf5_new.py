"""HDF5 of 2016 and later, as h5py writes it with libver='v110' and 'latest' (tests/training/write_hdf5.py)."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest

from nnanim import NnanimError, open_run
from nnanim.reading.containers.hdf5 import Dataset, Group, Hdf5Error, Hdf5File
from nnanim.reading.containers.hdf5_heap import Heap, HeapError, records
from nnanim.reading.containers.hdf5_index import ListError, index_of, places

FOLDER = Path(__file__).resolve().parent / "fixtures" / "hdf5-new"
FILES = {1: FOLDER / "model_epoch1.h5", 2: FOLDER / "model_epoch2.h5"}


def bytes_from(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).astype("u1").reshape(shape)


EXPECTED = {
    "predictor/l1/b": np.arange(7, dtype="f4"),
    "predictor/l2/W": np.arange(21, dtype="f8").reshape(3, 7),
    "predictor/l2/b": np.ones(3, "f4"),
    "more/single": bytes_from(3, 4),
    "more/single_gzip": bytes_from(3, 4),
    "more/paged": bytes_from(1100),
    "more/grows": bytes_from(300),
    "more/grows_second": bytes_from(6, 10),
    "more/grows_a_little": bytes_from(6, 10),
    "more/tree": bytes_from(20, 20),
    "more/empty": np.zeros((4, 5), "u1"),
    "more/scalar": np.float32(3),
    "more/implicit": bytes_from(7, 5),
} | {f"many/array_{number}": np.uint8([number]) for number in range(60)}


@pytest.mark.parametrize("epoch", FILES)
def test_every_dataset_is_as_it_was_written(epoch: int) -> None:
    with FILES[epoch].open("rb") as file:
        hdf5 = Hdf5File(file)
        found = {name: item for name, item in hdf5.walk() if isinstance(item, Dataset)}
        read = {name: hdf5.read(item) for name, item in found.items()}
    for name, array in EXPECTED.items():
        assert read[name].shape == np.shape(array), name
        assert np.array_equal(read[name], array), name
    assert np.array_equal(read["predictor/l1/W"], np.arange(35).reshape(7, 5) * epoch)
    assert len(read) == len(EXPECTED) + 1 + 20  # and those that are kept in order


@pytest.mark.parametrize("epoch", FILES)
def test_names_and_attributes_of_a_group_in_a_heap(epoch: int) -> None:
    with FILES[epoch].open("rb") as file:
        groups = {name: item for name, item in Hdf5File(file).walk() if isinstance(item, Group)}
    attributes = groups["many"].attributes
    assert {attributes[f"attribute_{number}"] for number in range(60)} == {(f"text {n}",) for n in range(60)}
    assert attributes["huge"] == ("h" * 66_000,)
    assert "soft" not in groups["many"].members
    assert list(groups["ordered"].members) == [f"array_{number:02}" for number in range(1, 21)]


def test_a_folder_of_such_files_is_a_run() -> None:
    run = open_run(FOLDER)
    assert run.shape == (5, 7, 3)
    first, second = (snapshot.read()[0].weight for snapshot in run.snapshots)
    assert np.array_equal(first * 2, second)


@pytest.mark.parametrize("epoch", FILES)
def test_damage_is_a_sentence(tmp_path: Path, epoch: int) -> None:
    data = bytearray(FILES[epoch].read_bytes())
    for place in range(8, 60_000, 997):
        data[place] ^= 0xFF
        (tmp_path / "model_1.h5").write_bytes(data)
        data[place] ^= 0xFF
        with contextlib.suppress(NnanimError):
            run = open_run(tmp_path)
            with run.snapshots[0].open() as arrays:
                for header in run.tensors:
                    with contextlib.suppress(NnanimError):
                        arrays.read(header.key)


def test_newer_superblock_is_named(tmp_path: Path) -> None:
    data = bytearray(FILES[1].read_bytes())
    data[8] = 4
    (tmp_path / "model_1.h5").write_bytes(data)
    with pytest.raises(NnanimError, match=r"superblock of version 4 \(0 to 3 are read\)"):
        open_run(tmp_path)


class Bytes:
    """A file in memory, whose blocks stand at given addresses."""

    def __init__(self, blocks: dict[int, bytes]) -> None:
        self._data = bytearray(max(at + len(block) for at, block in blocks.items()))
        for at, block in blocks.items():
            self._data[at : at + len(block)] = block

    def __call__(self, address: int, size: int) -> bytes:
        if address + size > len(self._data):
            raise Hdf5Error("is truncated")
        return bytes(self._data[address : address + size])


def tree(kind: int, record_bytes: int, depth: int, root: int, count: int) -> bytes:
    return b"BTHD\x00" + struct.pack("<BIHHBBQHQ", kind, 512, record_bytes, depth, 100, 40, root, count, 0) + bytes(4)


def test_tree_that_leads_back_to_itself() -> None:
    node = b"BTIN\x00\x05" + bytes(11) + 2 * (struct.pack("<Q", 100) + b"\x01" + b"\x01")
    file = Bytes({0: tree(5, 11, 2, 100, 1), 100: node + bytes(100)})
    with pytest.raises(HeapError, match="is damaged"):
        list(records(0, file))


@pytest.mark.parametrize("change", [(110, 0), (110, 3), (112, 5), (128, 65), (128, 0), (7, 1)])
def test_heap_of_impossible_sizes(change: tuple[int, int]) -> None:
    head = bytearray(146)
    head[:7] = b"FRHP\x00" + struct.pack("<H", 7)
    struct.pack_into("<HQQHHQH", head, 110, 4, 512, 65536, 40, 1, 200, 0)
    Heap(0, Bytes({0: bytes(head)}))
    struct.pack_into("<H", head, *change)
    with pytest.raises(HeapError):
        Heap(0, Bytes({0: bytes(head)}))


def test_object_outside_of_its_heap() -> None:
    head = bytearray(146)
    head[:7] = b"FRHP\x00" + struct.pack("<H", 7)
    struct.pack_into("<I", head, 10, 4096)
    struct.pack_into("<HQQHHQH", head, 110, 4, 512, 65536, 40, 1, 200, 2)
    heap = Heap(0, Bytes({0: bytes(head), 200: b"FHIB" + bytes(100)}))
    with pytest.raises(HeapError, match="is damaged"):
        heap.get(b"\x00" + (2**39).to_bytes(5, "little") + b"\x01")


def layout(kind: int, address: int, sizes: tuple[int, ...] = (1, 1)) -> bytes:
    inside = {3: bytes(1), 4: bytes(5), 5: bytes(6)}.get(kind, b"")
    return (
        bytes([4, 2, 0, len(sizes), 4])
        + struct.pack(f"<{len(sizes)}I", *sizes)
        + bytes([kind])
        + inside
        + (struct.pack("<Q", address))
    )


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_millions_of_chunks_are_refused(kind: int) -> None:
    found = index_of(layout(kind, 0))
    assert found is not None
    with pytest.raises(ListError, match="more than 100000 chunks"):
        places(found[0], (2**40,), (1,), 1, Bytes({0: bytes(10)}))


def test_unknown_list_of_chunks_is_named() -> None:
    found = index_of(layout(9, 0))
    assert found is not None
    with pytest.raises(ListError, match=r"in a way \(9\) that is not read"):
        places(found[0], (3,), (1,), 1, Bytes({0: bytes(10)}))


def test_small_file_is_not_read_for_ever(tmp_path: Path) -> None:
    # A header of version 1 that goes on in the same block of 1 MB 3000 times.
    data = bytearray(FILES[1].read_bytes()[:48])
    messages = 3000 * (struct.pack("<2H4x", 0x10, 16) + struct.pack("<2Q", 100_000, 2**20))
    header = struct.pack("<BxH2I4x", 1, 65_535, 1, len(messages)) + messages
    content = bytearray(100_000 + 2**20)
    struct.pack_into("<Q", data, 36, 48)
    struct.pack_into("<Q", data, 28, len(content))
    content[: len(data)] = data
    content[48 : 48 + len(header)] = header
    for place in range(100_000, len(content), 65_536):
        struct.pack_into("<2H", content, place, 0, 65_528)
    (tmp_path / "model_1.h5").write_bytes(content)
    with pytest.raises(NnanimError, match="says the same again and again"):
        open_run(tmp_path)
