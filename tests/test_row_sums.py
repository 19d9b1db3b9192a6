"""What is read of a run whose rows are measured: every byte once, in pieces, whatever the format and who reads."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import tensor, write
from hdf5_bytes import write_hdf5

from nnanim import NnanimError, SnapshotError, open_run
from nnanim.frames import row_sums
from nnanim.frames import rows as rows_module
from nnanim.frames.readers import shares
from nnanim.frames.row_sums import Stretch, measure
from nnanim.frames.rows import read_rows
from nnanim.model.weight_rows import Row
from nnanim.options import Options
from nnanim.processes.reading import readers_for
from nnanim.reading.run import Run
from nnanim.reading.streams import Streaming

SHAPES = {"a.weight": (300, 700), "b.weight": (250, 300), "c.weight": (30, 250)}
SNAPSHOTS = 4


def numbers(snapshot: int, kind: str = "<f4") -> dict[str, np.ndarray]:
    random = np.random.default_rng(snapshot)
    return {key: random.normal(size=shape).astype(kind) for key, shape in SHAPES.items()}


def safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    header, data = {}, b""
    names = {"f4": "F32", "f2": "F16", "f8": "F64"}
    for key, array in arrays.items():
        begin, data = len(data), data + array.tobytes()
        header[key] = {"dtype": names[array.dtype.str[1:]], "shape": array.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def pytorch(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    saved = {key: tensor(str(place), array.shape) for place, (key, array) in enumerate(arrays.items())}
    return write(path, saved, {str(place): array for place, array in enumerate(arrays.values())})


def npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    np.savez(path, **{key: array for key, array in arrays.items()})
    return path


def packed(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    np.savez_compressed(path, **{key: array for key, array in arrays.items()})
    return path


def npy(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    path.mkdir()
    for key, array in arrays.items():
        np.save(path / f"{key}.npy", array)
    return path


FORMATS: dict[str, tuple[str, Callable[[Path, Mapping[str, np.ndarray]], Path]]] = {
    "safetensors": ("model_{}.safetensors", safetensors),
    "pytorch": ("model_epoch_{}.pt", pytorch),
    "npz": ("model_{}.npz", npz),
    "packed npz": ("model_{}.npz", packed),
    "npy": ("epoch_{}", npy),
}


def make_run(folder: Path, form: str, snapshots: int = SNAPSHOTS) -> Run:
    folder.mkdir(exist_ok=True)
    name, save = FORMATS[form]
    for snapshot in range(snapshots):
        save(folder / name.format(snapshot + 1), numbers(snapshot))
    return open_run(folder)


def expected(since: str, key: str, snapshots: int = SNAPSHOTS) -> tuple[list[float], list[float]]:
    wide = [numbers(snapshot)[key].astype(np.float64) for snapshot in range(snapshots)]
    behind = [wide[0]] * snapshots if since == "first" else [wide[0], *wide[:-1]]
    norms = [float(np.linalg.norm(each)) for each in wide]
    return norms, [float(np.linalg.norm(each - other)) for each, other in zip(wide, behind, strict=True)]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("since", ["first", "previous"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_numbers_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, since: str, jobs: int
) -> None:
    monkeypatch.setattr(rows_module, "LEAST_BYTES", 1000)  # a group for each tensor
    run = make_run(tmp_path / "run", form)
    found = read_rows(run.snapshots, Options(since=since), rows=run.weight_rows, readers=readers_for(jobs, None))
    assert {row.keys[0] for row in found.rows} == set(SHAPES)
    for column, row in enumerate(found.rows):
        norms, moved = expected(since, row.keys[0])
        np.testing.assert_allclose(found.norms[:, column], norms, rtol=1e-6)
        np.testing.assert_allclose(np.sqrt(found.moved[:, column]), moved, rtol=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_no_tensor_is_whole_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    run = make_run(tmp_path / "run", form)
    seen: list[int] = []
    real = row_sums._of_block

    def look(block: np.ndarray, reference: np.ndarray | None) -> tuple[float, float]:
        seen.append(len(block))
        return real(block, reference)

    def refuse(*_: Any) -> None:
        raise AssertionError("read whole")

    monkeypatch.setattr(row_sums, "_of_block", look)
    monkeypatch.setattr(row_sums, "_add_whole", refuse)
    read_rows(run.snapshots, Options(), rows=run.weight_rows)
    assert max(seen) == row_sums._BLOCK < 300 * 700
    assert sum(seen) == SNAPSHOTS * sum(int(np.prod(shape)) for shape in SHAPES.values())


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("since", ["first", "previous"])
@pytest.mark.parametrize("form", ["safetensors", "npy", "npz", "pytorch"])
def test_each_byte_is_read_once_and_the_reference_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_read: Counter[str], form: str, since: str, jobs: int
) -> None:
    monkeypatch.setattr(rows_module, "LEAST_BYTES", 1000)
    monkeypatch.setattr(rows_module, "AT_ONCE", 12)
    count = 23  # 12 together, then the reference and 11 more
    run = make_run(tmp_path / "run", form, count)
    read_rows(run.snapshots, Options(since=since), rows=run.weight_rows, readers=readers_for(jobs, None))
    of_run = count * 4 * sum(int(np.prod(shape)) for shape in SHAPES.values())
    assert of_run * (count + 1) // count <= bytes_read.total() <= 1.1 * of_run
    if form in ("safetensors", "npy"):
        assert bytes_read.total() == of_run * (count + 1) // count


def test_files_are_read_once_by_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what is asked of the files themselves, from opening the folder to the last frame's numbers."""
    asked: Counter[str] = Counter()

    class Counted(BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            asked[Path(str(self.name)).name] += len(data)
            return data

        def readinto(self, place: Any, /) -> int:
            done = super().readinto(place)
            asked[Path(str(self.name)).name] += done
            return done

    from nnanim.reading.snapshots import safetensors as module

    monkeypatch.setattr(module, "open_regular", lambda path: Counted(path.open("rb", buffering=0)))
    run = make_run(tmp_path / "run", "safetensors", 8)
    read_rows(run.snapshots, Options(), rows=run.weight_rows)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "run").iterdir()}
    assert asked.keys() == sizes.keys()
    assert sum(asked.values()) <= 1.1 * sum(sizes.values())


def test_parts_of_a_tensor_are_measured_as_they_pass(tmp_path: Path) -> None:
    fused = {epoch: np.random.default_rng(epoch).normal(size=(6, 300, 120)).astype("<f4") for epoch in range(2)}
    for epoch, array in fused.items():
        safetensors(tmp_path / f"m_{epoch}.safetensors", {"w.weight": array, "v.weight": np.ones((2, 6), "<f4")})
    run = open_run(tmp_path)
    slices = [(0, 0, 2), (0, 2, 6), (1, 0, 100), (1, 100, 300), (2, 10, 50)]
    rows = tuple(Row(str(part), "", "dense", ("w.weight",), slice=part) for part in slices)
    contents = tuple(snapshot.contents for snapshot in run.snapshots)
    sums = measure(Stretch(contents, rows, "first"))
    for column, part in enumerate(slices):
        one, other = (row_sums.take(fused[epoch], part).astype(float) for epoch in range(2))
        np.testing.assert_allclose(sums[0, :, column], [(one**2).sum(), (other**2).sum()], rtol=1e-6)
        np.testing.assert_allclose(sums[1, :, column], [0, ((other - one) ** 2).sum()], rtol=1e-6)


def test_what_lies_column_by_column_is_read_whole(tmp_path: Path) -> None:
    for epoch in range(2):
        arrays = {key: np.asfortranarray(array) for key, array in numbers(epoch).items()}
        npz(tmp_path / f"m_{epoch}.npz", arrays if epoch else numbers(epoch))
    run = open_run(tmp_path)
    found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    for column, row in enumerate(found.rows):
        norms, moved = expected("first", row.keys[0], 2)
        np.testing.assert_allclose(found.norms[:, column], norms, rtol=1e-6)
        np.testing.assert_allclose(np.sqrt(found.moved[:, column]), moved, rtol=1e-6)


@pytest.mark.parametrize("kind", ["<f2", "<f8"])
def test_numbers_of_other_sizes(tmp_path: Path, kind: str) -> None:
    for epoch in range(2):
        safetensors(tmp_path / f"m_{epoch}.safetensors", numbers(epoch, kind))
    run = open_run(tmp_path)
    found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    for column, row in enumerate(found.rows):
        one, other = (numbers(epoch, kind)[row.keys[0]].astype(float) for epoch in range(2))
        np.testing.assert_allclose(found.norms[:, column], [np.linalg.norm(one), np.linalg.norm(other)], rtol=1e-6)
        assert found.moved[1, column] == pytest.approx(((other - one) ** 2).sum(), rel=1e-6)


def in_one_storage(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write views of one storage, as PyTorch saves the weights of an LSTM that was on a GPU."""
    flat = np.concatenate([array.ravel() for array in arrays.values()])
    saved, place = {}, 0
    for key, array in arrays.items():
        saved[key] = tensor("0", array.shape, offset=place, count=len(flat))
        place += array.size
    return write(path, saved, {"0": flat})


def test_tensors_of_one_storage_are_not_read_once_for_each(tmp_path: Path, bytes_read: Counter[str]) -> None:
    from nnanim.reading.containers.zip_file import ZipFile

    checked: list[int] = []
    real = ZipFile.check
    ZipFile.check = lambda self, member: (checked.append(member.size), real(self, member))[1]  # type: ignore[method-assign]
    try:
        for epoch in range(2):
            in_one_storage(tmp_path / f"m_{epoch}.pt", numbers(epoch))
        run = open_run(tmp_path)
        found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    finally:
        ZipFile.check = real  # type: ignore[method-assign]
    for column, row in enumerate(found.rows):
        np.testing.assert_allclose(found.norms[:, column], expected("first", row.keys[0], 2)[0], rtol=1e-6)
    of_snapshot = 4 * sum(int(np.prod(shape)) for shape in SHAPES.values())
    assert checked == [of_snapshot, of_snapshot]
    assert bytes_read == {"files": 2 * of_snapshot}


def test_the_sum_of_a_storage_of_several_tensors_is_checked(tmp_path: Path) -> None:
    for epoch in range(2):
        in_one_storage(tmp_path / f"m_{epoch}.pt", numbers(epoch))
    run = open_run(tmp_path)
    change_a_byte(tmp_path / "m_1.pt")
    with pytest.raises(SnapshotError, match=r"m_1\.pt' is truncated or damaged at 'data/0'"):
        read_rows(run.snapshots, Options(), rows=run.weight_rows)


def test_hdf5_is_read_in_pieces(tmp_path: Path) -> None:
    for epoch in range(2):
        layers = {f"dense_{place}": {"W": array} for place, array in enumerate(numbers(epoch).values())}
        write_hdf5(tmp_path / f"model_{epoch}.h5", layers)
    run = open_run(tmp_path)
    with run.snapshots[0].open() as arrays:
        assert isinstance(arrays, Streaming)
        stream = arrays.stream("dense_0/W")
    assert stream is None or stream.shape == SHAPES["a.weight"]
    found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    assert found.norms[1, 0] == pytest.approx(np.linalg.norm(numbers(1)["a.weight"].astype(float)), rel=1e-6)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("form", "damage", "told"),
    [
        ("safetensors", cut_short, "model_2.safetensors' is truncated at 'c.weight'"),
        ("pytorch", change_a_byte, "model_epoch_2.pt' is truncated or damaged at 'data/0'"),
        ("npz", change_a_byte, "model_2.npz' is truncated or damaged at 'a.weight'"),
        ("packed npz", change_a_byte, "model_2.npz' is truncated or damaged at 'a.weight'"),
    ],
)
def test_damage_that_came_after_the_headers_were_read(
    tmp_path: Path, form: str, damage: Callable[[Path], None], told: str, jobs: int
) -> None:
    """As where a training writes the file anew: an error and no signal of the system, and sums of zip are checked."""
    run = make_run(tmp_path / "run", form)
    damage(run.snapshots[1].path)
    with pytest.raises(SnapshotError) as caught:
        read_rows(run.snapshots, Options(), rows=run.weight_rows, readers=readers_for(jobs, None))
    assert told in str(caught.value)


def test_a_later_snapshot_lacks_a_tensor_or_has_it_otherwise(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "safetensors", 2)
    contents = [snapshot.contents for snapshot in run.snapshots]
    row = next(row for row in run.weight_rows if row.keys == ("a.weight",))
    with pytest.raises(SnapshotError, match=r"has no tensor 'a\.weight', which the first one has"):
        measure(Stretch((contents[0], contents[1].only(["b.weight"])), (row,), "first"))
    other = safetensors(tmp_path / "other.safetensors", {"a.weight": np.ones((2, 700), "<f4")})
    from nnanim.reading.snapshots import detect

    found = detect.scan(other)
    assert found is not None
    with pytest.raises(SnapshotError, match=r"'a\.weight' in snapshot .* has shape \(2, 700\), and \(300, 700\) in"):
        measure(Stretch((contents[0], found), (row,), "first"))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_sent_away_can_be_read_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:

    monkeypatch.chdir(tmp_path)
    run = make_run(Path("run"), form)
    row = next(row for row in run.weight_rows if row.keys == ("b.weight",))
    contents = tuple(snapshot.contents.only(row.keys) for snapshot in run.snapshots)
    sent = pickle.dumps(Stretch(contents, (row,), "first"))
    assert b"c.weight" not in sent
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    sums = measure(pickle.loads(sent))
    np.testing.assert_allclose(np.sqrt(sums[0, :, 0]), expected("first", "b.weight")[0], rtol=1e-6)


def test_a_worker_that_does_not_see_the_files_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "safetensors")
    run.snapshots[2].path.unlink()
    with ThreadPoolExecutor(1) as executor, pytest.raises(SnapshotError) as caught:
        read_rows(run.snapshots, Options(), rows=run.weight_rows, readers=readers_for(1, executor))
    told = str(caught.value)
    assert told.startswith(f"cannot read snapshot {str(tmp_path / 'run' / 'model_3.safetensors')!r}: No such file")
    assert told.endswith(": so a worker of the cluster says, which must see it at this place")


def test_files_are_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 snapshots in shards would be too many to be open at a time, if those that were read stayed open."""
    opened: list[Any] = []
    real = row_sums.open_arrays

    @contextmanager
    def watch(contents: Any) -> Iterator[Any]:
        with real(contents) as arrays:
            opened.append(contents)
            yield arrays
            opened.remove(contents)

    def look(contents: Any) -> AbstractContextManager[Any]:
        assert len(opened) < 3
        return watch(contents)

    monkeypatch.setattr(row_sums, "open_arrays", look)
    monkeypatch.setattr(rows_module, "AT_ONCE", 3)
    run = make_run(tmp_path / "run", "safetensors", 7)
    read_rows(run.snapshots, Options(), rows=run.weight_rows)
    assert not opened


def test_a_tensor_that_is_too_large_to_be_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the embedding of a large model is: the sums over it take no memory."""
    from nnanim.reading.snapshots import safetensors as module

    monkeypatch.setattr(module, "MAX_MEMBER_BYTES", 100_000)
    run = make_run(tmp_path / "run", "safetensors", 2)
    found = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    for column, row in enumerate(found.rows):
        np.testing.assert_allclose(found.norms[:, column], expected("first", row.keys[0], 2)[0], rtol=1e-6)
    with run.snapshots[0].open() as arrays, pytest.raises(SnapshotError) as caught:
        arrays.read("a.weight")
    assert str(caught.value) == (
        f"'a.weight' in snapshot {str(run.snapshots[0].path)!r} has 840000 bytes (at most 100000 are read at once;"
        " the layers view reads any number)"
    )


def test_a_bomb_is_read_in_pieces(tmp_path: Path) -> None:
    """A megabyte that unpacks to a gigabyte costs time alone."""
    import tracemalloc

    for epoch in range(2):
        packed(tmp_path / f"m_{epoch}.npz", {"w.weight": np.zeros((2000, 4000), "<f4"), "v.weight": np.ones((3, 2000))})
    run = open_run(tmp_path)
    assert zipfile.is_zipfile(tmp_path / "m_0.npz")
    tracemalloc.start()
    try:
        read_rows(run.snapshots, Options(), rows=run.weight_rows)
        assert tracemalloc.get_traced_memory()[1] < 8e6  # of 32 for the tensor
    finally:
        tracemalloc.stop()


def test_shares_are_full_and_no_larger() -> None:
    assert list(shares([3, 3, 3, 9, 1, 1], 6)) == [(0, 2), (2, 3), (3, 4), (4, 6)]
    assert list(shares([], 6)) == []


def test_a_file_inside_an_archive_is_read_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A .keras file is a zip archive of an HDF5 file, which is checked when it is found and not unpacked again."""
    from nnanim.reading.containers.zip_file import ZipFile

    run = open_run(Path(__file__).resolve().parent / "fixtures" / "keras")
    whole = read_rows(run.snapshots, Options(), rows=run.weight_rows)

    def refuse(*_: Any) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(ZipFile, "read", refuse)
    again = read_rows(run.snapshots, Options(), rows=run.weight_rows)
    np.testing.assert_array_equal(again.norms, whole.norms)
    with run.snapshots[-1].open() as arrays:
        for column, row in enumerate(run.weight_rows):
            norm = np.linalg.norm(row_sums.take(arrays.read(row.keys[0]), row.slice).astype(float))
            assert again.norms[-1, column] == pytest.approx(norm, rel=1e-6)


def fixtures() -> list[Path]:
    return sorted(path for path in (Path(__file__).resolve().parent / "fixtures").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", fixtures(), ids=lambda path: path.name)
def test_what_is_sent_away_is_enough_in_every_format(folder: Path) -> None:
    try:
        run = open_run(folder)
    except NnanimError as error:
        pytest.skip(str(error))
    if not run.weight_rows:
        pytest.skip("no rows")
    keys = {key for row in run.weight_rows for key in row.keys}
    whole = tuple(snapshot.contents for snapshot in run.snapshots)
    less = pickle.loads(pickle.dumps(tuple(each.only(keys) for each in whole)))
    found, again = (measure(Stretch(contents, run.weight_rows, "first")) for contents in (whole, less))
    np.testing.assert_array_equal(again, found)
    with run.snapshots[-1].open() as arrays:
        for column, row in enumerate(run.weight_rows):
            if row.formula is None:
                values = row_sums.take(arrays.read(row.keys[0]), row.slice).astype(float)
                assert found[0, -1, column] == pytest.approx(np.square(values).sum(), rel=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-25, 1e-15, 1e25])
def test_squares_that_float32_cannot_hold(size: float) -> None:
    values = np.full(3000, size, np.float32)
    norm, distance = row_sums.squares(values, np.zeros(3000, np.float32))
    wide = values.astype(np.float64)
    assert norm == pytest.approx(float(wide @ wide), rel=1e-6, abs=0)
    assert row_sums.squares(values, values)[1] == 0
    assert distance == pytest.approx(float(wide @ wide), rel=1e-6, abs=0)
