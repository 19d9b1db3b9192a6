"""Files that were made to do harm, and files that are broken by chance: an answer or an error of ours, nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from archives import PROTO, STOP, call, name, network, plain, storage, tensor, write
from folders import save, weights
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnanim.errors import NnanimError
from nnanim.reading.containers import pickles
from nnanim.reading.logs import tensorboard
from nnanim.reading.logs.detect import read as read_log
from nnanim.reading.opening import open_run
from nnanim.reading.snapshots import detect, npy
from nnanim.reading.snapshots.torch_state import find_state

FIXTURES = Path(__file__).resolve().parent / "fixtures"
TOUCH = "import pathlib; pathlib.Path('harmed').touch()"


class Harm:
    """An object whose standard unpickling runs a command."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def unpickled_by(harm: object, protocol: int) -> bytes:
    return pickle.dumps({"epoch": 1, "harm": harm}, protocol=protocol)


def raw(operations: bytes) -> bytes:
    return PROTO + operations + STOP


def laugh(number: int) -> bytes:
    """Return operations that push a list with ten times the list before."""
    items = (b"h" + bytes([number - 1])) * 10 if number else b"N"
    return b"](" + items + b"eq" + bytes([number])


GETATTR = name("builtins", "getattr")
IMPORT = call(name("builtins", "__import__"), "os")
HOSTILE = {
    "os.system": unpickled_by(Harm(os.system, "touch harmed"), 2),
    "os.system with STACK_GLOBAL": unpickled_by(Harm(os.system, "touch harmed"), 4),
    "eval": unpickled_by(Harm(eval, f"exec({TOUCH!r})"), 2),
    "exec": unpickled_by(Harm(exec, TOUCH), 5),
    "getattr chain": raw(call(call(GETATTR, IMPORT, "system"), "touch harmed")),
    "a class's method": raw(call(GETATTR, name("builtins", "dict"), "__subclasses__")),
    "INST": raw(b"(" + plain("touch harmed") + b"ios\nsystem\n"),
    "OBJ": raw(b"(" + name("os", "system") + plain("touch harmed") + b"o"),
    "NEWOBJ": raw(name("subprocess", "Popen") + plain((["touch", "harmed"],)) + b"\x81"),
    "NEWOBJ_EX": raw(name("subprocess", "Popen") + plain((["touch", "harmed"],)) + plain({}) + b"\x92"),
    "BUILD with __setstate__": raw(
        call(name("torch.nn", "Module")) + plain({"__setstate__": name("os", "system")}) + b"b" + plain("x") + b"b"
    ),
    "BUILD of a dict's class": raw(plain({}) + plain({"__class__": name("os", "system")}) + b"b"),
    "EXT1": raw(b"\x82\x01"),
    "EXT4": raw(b"\x84\x01\x00\x00\x00"),
    "persistent id of another kind": raw(plain(("module", name("os", "system"), "0", "cpu", 1)) + b"Q"),
    "persistent id of a text": raw(b"Ptouch harmed\n"),
    "rebuild with a function instead of a storage": raw(
        call(name("torch._utils", "_rebuild_tensor_v2"), name("os", "system"), 0, (1,), (1,), False, {})
    ),
    "numpy's object array": raw(
        call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), (0,), "b")
    ),
    "torch.load in itself": raw(call(name("torch.serialization", "load"), "harmed.pt")),
    "runpy": raw(call(name("runpy", "run_path"), "harm.py")),
    "deep recursion": raw(b"]" * 40_000 + b"a" * 39_999),
    "deep tuples": raw(b")" + b"\x85" * 40_000),
    "deep tuple as a key": raw(b"})" + b"\x85" * 40_000 + b"Ns"),
    "a list in itself": raw(b"]q\x00h\x00a"),
    "billion laughs": raw(b"".join(map(laugh, range(60)))),
    "memo at a huge place": raw(b"Nr\xff\xff\xff\xff"),
    "memo that was not put": raw(b"h\x05"),
    "BINUNICODE8 of 2**62 bytes": raw(b"\x8d" + struct.pack("<Q", 2**62) + b"x"),
    "BINBYTES8 of 2**40 bytes": raw(b"\x8e" + struct.pack("<Q", 2**40) + b"x"),
    "BYTEARRAY8 of 2**40 bytes": raw(b"\x96" + struct.pack("<Q", 2**40) + b"x"),
    "LONG4 of 2**31 bytes": raw(b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x"),
    "LONG of many digits": raw(b"L" + b"9" * 100_000 + b"L\n"),
    "FRAME of 2**60 bytes": raw(b"\x95" + struct.pack("<Q", 2**60) + b"N"),
    "marks alone": raw(b"(" * 1000 + b"t" * 2000),
    "nothing on the stack": raw(b"a"),
    "no end": PROTO + b"N",
    "no pickle": b"PK\x03\x04",
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickle_does_nothing(result: Path, case: str) -> None:
    result.mkdir()
    path = write(result / "model_1.pt", b"")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", HOSTILE[case])
    Path("harm.py").write_text(TOUCH)
    tracemalloc.start()
    with suppress(NnanimError):
        open_run(result)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not Path("harmed").exists()
    assert not (result / "harmed").exists()
    assert peak_bytes < 100e6


@pytest.mark.parametrize("protocol", [2, 4])
def test_standard_unpickling_would_do_harm(result: Path, protocol: int) -> None:
    pickle.loads(unpickled_by(Harm(os.system, "touch harmed"), protocol))
    assert Path("harmed").exists()  # so the test above does test something


def test_weights_beside_something_unknown_are_read(result: Path) -> None:
    """Lightning keeps hyperparameters of any class beside the state dict."""
    result.mkdir()
    unknown = call(name("my.package", "Config"), 3) + plain({"size": 5}) + b"b"
    numpy_scalar = call(
        name("numpy._core.multiarray", "scalar"),
        call(name("numpy", "dtype"), "i8", False, True),
        call(name("_codecs", "encode"), "\x07\x00\x00\x00\x00\x00\x00\x00", "latin1"),
    )
    network(result / "a.ckpt", hyper_parameters=unknown, epoch=numpy_scalar)
    run = open_run(result)
    assert run.shape == (4, 5, 3)
    assert run.snapshots[0].epoch == 7
    assert run.snapshots[0].read()[0].weight.shape == (5, 4)


BOMBS = {
    "stride 0": tensor("0", (2**14, 2**15), (0, 0), count=1),
    "a shape of many axes": tensor("0", (1,) * 100, (1,) * 100, count=1),
    "a shape below 0": tensor("0", (-1, 2), (1, 1), count=1),
    "a shape that is no number": tensor("0", (1, 1), (1, 1), count=1).replace(plain((1, 1)), plain(("a", 1)), 1),
    "an offset behind the end": tensor("0", (1, 1), (1, 1), offset=2**40, count=1),
    "a storage that is too small": tensor("0", (100, 100)),
    "no storage": tensor("7", (2, 2)),
}


@pytest.mark.parametrize("case", BOMBS)
def test_tensor_that_is_not_in_the_archive(result: Path, case: str) -> None:
    result.mkdir()
    write(result / "model_1.pt", {"fc.weight": BOMBS[case]}, {"0": np.ones(1, dtype="<f4")})
    tracemalloc.start()
    with pytest.raises(NnanimError, match=r"model_1\.pt"):
        open_run(result).snapshots[0].read()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 50e6


# Files that are broken by chance


def small_files() -> dict[str, bytes]:
    """Return a small file of every format, by the name that it would have."""
    folder = FIXTURES
    made = {
        "checkpoint_2.pt": folder / "pytorch-bare/model_0005.pth",
        "a.ckpt": folder / "lightning/lightning_logs/version_0/checkpoints/epoch=0-step=4.ckpt",
        "a.safetensors": folder / "safetensors/model-epoch2.safetensors",
        "a.safetensors.index.json": folder / "transformers-sharded/checkpoint-12/model.safetensors.index.json",
        "a.weights.h5": folder / "keras-weights/epoch-01.weights.h5",
        "a.keras": folder / "keras/model.01.keras",
        "a.h5": folder / "keras-h5/model-01.h5",
    }
    return {name: path.read_bytes() for name, path in made.items()} | {"a.npz": npz(), "W1.npy": npy_bytes()}


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, W1=np.ones((2, 2)), b1=np.ones(2))
    return file.getvalue()


def npy_bytes() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((2, 2), np.float32))
    return file.getvalue()


def logs() -> dict[str, bytes]:
    folder = FIXTURES
    events = next((folder / "lightning-tensorboard").glob("**/events*"))
    return {
        "metrics.csv": (folder / "lightning/lightning_logs/version_0/metrics.csv").read_bytes(),
        "log.jsonl": (folder / "pytorch-bare/log.jsonl").read_bytes(),
        "trainer_state.json": (folder / "transformers/checkpoint-4/trainer_state.json").read_bytes(),
        "log": json.dumps([{"epoch": 1, "loss": 0.5}]).encode(),
        "events.out.tfevents.1": events.read_bytes(),
    }


SNAPSHOTS = small_files()
LOGS = logs()


def try_snapshot(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with suppress(NnanimError):
        if path.suffix == ".npy":
            single = npy.scan({"W1": path})
            if single is not None:
                detect.read(single, single.weights)
        contents = detect.scan(path)
        if contents is not None:
            detect.read(contents, [header for header in contents.weights if header.can_be_drawn])


def try_log(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with suppress(NnanimError):
        read_log(path)


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_snapshot_cut_off_anywhere(result: Path, name: str) -> None:
    result.mkdir()
    data = SNAPSHOTS[name]
    steps = range(0, len(data), max(1, len(data) // 300))
    for length in {*steps, *range(min(200, len(data))), *range(max(0, len(data) - 200), len(data))}:
        try_snapshot(result / name, data[:length])


@pytest.mark.parametrize("name", LOGS)
def test_log_cut_off_anywhere(result: Path, name: str) -> None:
    result.mkdir()
    for length in range(0, len(LOGS[name]), 3):
        try_log(result / name, LOGS[name][:length])


fuzz = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", SNAPSHOTS)
@fuzz
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_snapshot_with_other_bytes(tmp_path: Path, name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(SNAPSHOTS[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    try_snapshot(tmp_path / name, bytes(data))


@pytest.mark.parametrize("name", LOGS)
@fuzz
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_log_with_other_bytes(tmp_path: Path, name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(LOGS[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    try_log(tmp_path / name, bytes(data))


@pytest.mark.parametrize("name", [*SNAPSHOTS, *LOGS])
@fuzz
@given(data=st.binary(max_size=300))
def test_random_bytes_behind_the_magic(tmp_path: Path, name: str, data: bytes) -> None:
    start = (SNAPSHOTS | LOGS)[name][:8]
    for whole in (data, start + data):
        try_snapshot(tmp_path / name, whole)
        try_log(tmp_path / name, whole)


@fuzz
@given(operations=st.lists(st.sampled_from([
    b"N", b"(", b"t", b"]", b"}", b")", b"a", b"e", b"s", b"u", b"0", b"1", b"2", b"q\x00", b"h\x00", b"\x94", b"\x85",
    b"\x86", b"\x87", b"R", b"b", b"Q", b"\x81", b"\x8f", b"\x90", b"\x91", b"o", b"l", b"d", b"\x93",
    plain("fc.weight"), plain("storage"), plain(2), plain(1.5), name("torch", "FloatStorage"), storage("0", 4),
    name("torch._utils", "_rebuild_tensor_v2"), name("collections", "OrderedDict"), tensor("0", (2, 2)),
]), max_size=60))  # fmt: skip
def test_any_operations_of_a_pickle(operations: list[bytes]) -> None:
    with suppress(pickles.PickleError):
        data = PROTO + b"".join(operations) + STOP
        saved = pickles.load(data, lambda name, arguments: pickles.Unknown(name, arguments), lambda identity: identity)
        find_state(saved)


@fuzz
@given(st.binary(max_size=200))
def test_any_pickle(data: bytes) -> None:
    with suppress(pickles.PickleError):
        pickles.load(data, lambda name, arguments: pickles.Unknown(name, arguments), lambda identity: identity)


def test_event_file_that_is_still_written(tmp_path: Path) -> None:
    whole = LOGS["events.out.tfevents.1"]
    (tmp_path / "events.out.tfevents.1").write_bytes(whole[:-10])
    log = tensorboard.read(tmp_path / "events.out.tfevents.1")
    assert list(log.table["iteration"]) == [3, 7, 11]
    assert log.metrics == ("val_acc", "train_loss")


def test_lengths_are_checked_before_anything_is_allocated(result: Path) -> None:
    result.mkdir()
    header = json.dumps({"fc.weight": {"dtype": "F32", "shape": [2**30, 2**30], "data_offsets": [0, 2**62]}}).encode()
    (result / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(NnanimError, match="lies outside of the file"):
        open_run(result)


def test_every_truncation_among_good_snapshots_is_told_or_skipped(result: Path) -> None:
    result.mkdir()
    save(result / "model_1.npz", weights())
    save(result / "model_2.npz", weights(seed=1))
    data = (result / "model_2.npz").read_bytes()
    (result / "model_3.npz").write_bytes(data[: len(data) // 2])
    (result / "model_4.npz").write_bytes(b"")
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert "'result/model_3.npz' is truncated or damaged" in str(caught.value)
    assert str(caught.value).endswith("; also broken: 'result/model_4.npz'")
    run = open_run(result, skip_bad=True)
    assert [snapshot.path.name for snapshot in run.snapshots] == ["model_1.npz", "model_2.npz"]
    assert [name for name, _ in run.skipped] == ["model_3.npz", "model_4.npz"]
    assert [note[:44] for note in run.notes if note.startswith("skipped")] == [
        "skipped: snapshot 'result/model_3.npz' is tr",
        "skipped: snapshot 'result/model_4.npz' is em",
    ]


@pytest.mark.parametrize("number", ["²", "𝟙²", "٣", "9" * 400, "1_0", "-1"])
@pytest.mark.parametrize("convention", ["safetensors", "chainer"])
def test_numbers_in_names_that_int_does_not_take(result: Path, number: str, convention: str) -> None:
    result.mkdir()
    keys = [f"{parent}.{own}.weight" for parent in ("layers", "a.blocks") for own in ("0", number, "2")]
    if convention == "chainer":
        arrays = {key.replace(".", "/").replace("weight", "W"): np.ones((3, 3), np.float32) for key in keys}
        save(result / "model_1.npz", arrays)
    else:
        shards = {key: {"dtype": "F32", "shape": [3, 3], "data_offsets": [0, 36]} for key in keys}
        header = json.dumps(shards).encode()
        (result / "model_1.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(36))
    run = open_run(result)
    assert len(run.weight_rows) == 6
    assert [number in row.title for row in run.weight_rows].count(True) == 2


def test_archive_whose_directory_puts_the_weights_before_its_start(result: Path) -> None:
    path = FIXTURES / "keras/model.01.keras"
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info.header_offset for info in archive.infolist()}
    end = data.rindex(b"PK\x05\x06")
    (begin,) = struct.unpack_from("<I", data, end + 16)
    far = members["model.weights.h5"] + 10  # all begins so much earlier than the directory says …
    struct.pack_into("<I", data, end + 16, begin + far)
    place = begin
    while data[place : place + 4] == b"PK\x01\x02":
        lengths = struct.unpack_from("<3H", data, place + 28)
        name = data[place + 46 : place + 46 + lengths[0]].decode()
        if name != "model.weights.h5":  # … but for the other members
            struct.pack_into("<I", data, place + 42, members[name] + far)
        place += 46 + sum(lengths)
    result.mkdir()
    (result / path.name).write_bytes(data)
    with pytest.raises(NnanimError, match="damaged"):
        open_run(result)
