"""Small files that unpack to large ones: refused before they take memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from archives import PROTO, STOP, plain, tensor
from click.testing import CliRunner
from hdf5_bytes import GZIP, write_hdf5

from nnanim import NnanimError, SnapshotError, open_run
from nnanim.cli import main
from nnanim.frames.rows import read_rows
from nnanim.options import Options
from nnanim.reading.containers import npz_archive, unpacking
from nnanim.reading.containers.hdf5_chunks import ChunkError, Chunks, read_chunks
from nnanim.reading.containers.unpacking import BEST_RATIO, FREE_BYTES, check_unpacked
from nnanim.reading.containers.zip_file import ZipError, open_zip

ROWS, COLUMNS = 2**13, 2**12  # of float32: 128 MiB, of which deflate leaves 130 kB


def header(rows: int, columns: int) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)})
    return file.getvalue()


def archive(path: Path, sizes: dict[str, int], starts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, size in sizes.items():
            with file.open(name, "w") as member:
                member.write(starts.get(name, b""))
                for _ in range(size >> 20):
                    member.write(bytes(1 << 20))
        for name in starts.keys() - sizes.keys():
            file.writestr(name, starts[name])


def numpy(folder: Path) -> None:
    archive(folder / "weights_1.npz", {"W1.npy": 4 * ROWS * COLUMNS}, {"W1.npy": header(ROWS, COLUMNS)})


def chainer(folder: Path) -> None:
    names = [f"predictor/l{layer}/W.npy" for layer in (1, 2, 3)]  # each by itself would be allowed
    start = header(4096, 4096)
    archive(folder / "model_1.npz", dict.fromkeys(names, 4 * 4096 * 4096), dict.fromkeys(names, start))


def pytorch(folder: Path) -> None:
    pickled = PROTO + plain({"fc.weight": tensor("0", (ROWS, COLUMNS))}) + STOP
    archive(folder / "model_1.pt", {"a/data/0": 4 * ROWS * COLUMNS}, {"a/data.pkl": pickled, "a/version": b"3\n"})


def hdf5(folder: Path) -> None:
    weight = np.broadcast_to(np.zeros((1, 1), "<f4"), (ROWS, COLUMNS))
    write_hdf5(folder / "model_1.h5", {"l1": {"W": weight}}, (1024, 1024), (GZIP,))


BOMBS: dict[str, Callable[[Path], None]] = {"numpy": numpy, "chainer": chainer, "pytorch": pytorch, "hdf5": hdf5}


@pytest.mark.parametrize("form", BOMBS)
def test_small_file_never_becomes_a_large_one(result: Path, form: str) -> None:
    """It is drawn, for weights may be zero, and never whole in memory."""
    result.mkdir()
    BOMBS[form](result)
    assert sum(path.stat().st_size for path in result.iterdir()) < 1e6
    tracemalloc.start()
    commands = [["inspect"], *(["draw", "--view", view, "-o", "a.png"] for view in ("network", "layers", "matrix"))]
    found = [CliRunner().invoke(main, [*command, "result"]) for command in commands]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [each.exit_code for each in found] == [0] * 4, [each.output for each in found]
    assert peak_bytes < FREE_BYTES


def test_what_must_be_whole_is_refused(result: Path) -> None:
    result.mkdir()
    numpy(result)
    (snapshot,) = open_run(result).snapshots
    with snapshot.open() as arrays, pytest.raises(SnapshotError, match=r"'W1.npy' in .* unpacks from \d+ to \d+ by"):
        arrays.read("W1")
    with pytest.raises(SnapshotError, match=r"the network in .* unpacks from \d+ to \d+ bytes"):
        snapshot.read()


@pytest.mark.parametrize(
    ("unpacked_bytes", "packed_bytes", "is_refused"),
    [
        (FREE_BYTES, 1, False),
        (FREE_BYTES + 1, 1, True),
        (FREE_BYTES * 4, FREE_BYTES // 25 + 1, False),
        (FREE_BYTES * 4, FREE_BYTES // 26, True),
    ],
)
def test_bound(unpacked_bytes: int, packed_bytes: int, is_refused: bool) -> None:
    assert BEST_RATIO == 100
    if is_refused:
        with pytest.raises(NnanimError, match="'W' unpacks from"):
            check_unpacked("'W'", unpacked_bytes, packed_bytes)
    else:
        check_unpacked("'W'", unpacked_bytes, packed_bytes)


def test_pruned_weights_are_read(result: Path) -> None:
    """Of which 98 in 100 are zero, in an archive that is packed."""
    result.mkdir()
    dice = np.random.default_rng(0)
    weight = dice.normal(size=(6000, 3000)).astype(np.float32)
    weight[dice.random(weight.shape) < 0.98] = 0
    np.savez_compressed(result / "weights_1.npz", W1=weight)
    assert weight.nbytes > FREE_BYTES
    assert np.array_equal(open_run(result).snapshots[0].read()[0].weight, weight)


def test_chunks_are_not_unpacked_for_ever() -> None:
    chunk, node = zlib.compress(bytes(16)), b"TREE\x01\x00" + struct.pack("<H2Q", 9, 2**64 - 1, 2**64 - 1)
    at = 24 + 9 * 40
    file = node + struct.pack("<2I3QQ", len(chunk), 0, 0, 0, 0, at) * 9 + chunk
    with pytest.raises(ChunkError, match="more chunks than an array of shape"):
        read_chunks(Chunks(0, (2, 2), 4, (1,)), (4, 4), "<f4", lambda place, size: file[place : place + size])


FORMS = [form for form in BOMBS if form != "chainer"]


@pytest.mark.parametrize("form", FORMS)
def test_weights_of_zeros_are_read_some_at_a_time(result: Path, form: str) -> None:
    """As at the start of a training: a thousand times smaller in their file, and they take no memory."""
    result.mkdir()
    BOMBS[form](result)
    run = open_run(result)
    tracemalloc.start()
    found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.norms.tolist() == [[0.0]]
    assert peak_bytes < 3 * 2**24  # a strip of chunks twice


@pytest.mark.parametrize("form", FORMS)
def test_hours_of_unpacking_are_refused_at_once(result: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(unpacking, "STREAMED_BYTES", 4 * ROWS * COLUMNS - 1)
    result.mkdir()
    BOMBS[form](result)
    run = open_run(result)
    with pytest.raises(SnapshotError) as caught:
        read_rows(run.snapshots, Options(), rows=run.weight_rows)
    path, most = run.snapshots[0].path, 4 * ROWS * COLUMNS - 1
    assert str(caught.value).startswith(f"snapshot {str(path)!r} of {path.stat().st_size} bytes unpacks to ")
    assert str(caught.value).endswith(
        f" (at most {most} are unpacked, 100 times as many as in the file or {most}; save it without compression)"
    )


def test_the_same_bytes_in_many_members_are_not_unpacked(tmp_path: Path) -> None:
    """A small archive that would unpack to terabytes: its directory lists one member again and again."""
    path = tmp_path / "weights_1.npz"
    archive(path, {"W1.npy": 2**20}, {})
    data = path.read_bytes()
    begin, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries, tail = data[begin:end] * 8, bytearray(data[end:])
    struct.pack_into("<2H2I", tail, 8, 8, 8, len(entries), begin)
    path.write_bytes(data[:begin] + entries + tail)
    with open_zip(path) as file:
        assert len(file.names) == 8
        with pytest.raises(ZipError, match="damaged"):
            file.open(file["W1.npy"])


def test_chunks_that_lie_over_each_other_are_not_unpacked(result: Path) -> None:
    result.mkdir()
    path = result / "model_1.h5"
    dice = np.random.default_rng(0)
    write_hdf5(path, {"l1": {"W": dice.normal(size=(8, 4)).astype("<f4")}}, (2, 4), (GZIP,))
    data = bytearray(path.read_bytes())
    node = data.index(b"TREE\x01")
    (size,) = struct.unpack_from("<I", data, node + 24)
    places = range(node + 24, node + 24 + 4 * 40, 40)
    for place in places:  # the bytes of the first chunk, and of what follows it
        struct.pack_into("<I", data, place, size + len(data) // 2)
        data[place + 32 : place + 40] = data[places[0] + 32 : places[0] + 40]
    path.write_bytes(data + bytes(len(data)))
    run = open_run(result)
    with pytest.raises(SnapshotError, match="has chunks that lie over each other"):
        read_rows(run.snapshots, Options(), rows=run.weight_rows)


def test_an_array_that_is_too_large_to_be_read_at_once(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_archive, "MAX_MEMBER_BYTES", 100_000)
    result.mkdir()
    np.savez(result / "weights_1.npz", W1=np.full((200, 200), 0.5, np.float32))
    run = open_run(result)
    assert read_rows(run.snapshots, Options(), rows=run.weight_rows).norms.tolist() == [[100.0]]
    with run.snapshots[0].open() as arrays, pytest.raises(SnapshotError) as caught:
        arrays.read("W1")
    assert str(caught.value) == (
        f"'W1' in snapshot {str(run.snapshots[0].path)!r} claims 160128 bytes (an array of at most 100000 bytes is read"
        " at once; --view layers reads some at a time)"
    )
