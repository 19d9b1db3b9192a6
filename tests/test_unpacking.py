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

from nnanim import NnanimError, open_run
from nnanim.cli import main
from nnanim.reading.containers.hdf5_chunks import ChunkError, Chunks, read_chunks
from nnanim.reading.containers.unpacking import BEST_RATIO, FREE_BYTES, check_unpacked

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
    result.mkdir()
    BOMBS[form](result)
    assert sum(path.stat().st_size for path in result.iterdir()) < 1e6
    tracemalloc.start()
    found = [CliRunner().invoke(main, [*command, "result"]) for command in (["inspect"], ["draw", "-o", "a.png"])]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(isinstance(each.exception, (SystemExit, type(None))) for each in found)
    assert "unpack" in found[-1].stderr or "times as many" in found[-1].stderr
    assert found[-1].exit_code == 1
    assert peak_bytes < FREE_BYTES


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
