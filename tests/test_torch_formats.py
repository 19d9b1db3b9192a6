"""PyTorch's other ways to store tensors, written byte by byte."""

from __future__ import annotations

import json
import os
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import PROTO, STOP, call, name, network, plain, storage, tensor, write

from nnanim import NnanimError, open_run
from nnanim.reading.containers.float8 import from_float8
from nnanim.reading.snapshots import detect

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
FIRST = np.arange(20, dtype="<f4").reshape(5, 4)
SECOND = np.arange(15, dtype="<f4").reshape(3, 5)


def legacy_tensor(key: str, shape: tuple[int, ...]) -> bytes:
    count = int(np.prod(shape))
    kept = plain(("storage", name("torch", "FloatStorage"), key, "cpu", count, None)) + b"Q"
    return call(name("torch._utils", "_rebuild_tensor_v2"), kept, 0, shape, (shape[1], 1), False, {})


def legacy(path: Path, byteorder: str = "<") -> Path:
    """Write what ``torch.save`` wrote before 1.6; the storages are in another order than the tensors."""
    saved = {
        "epoch": 4,
        "state_dict": {"a.weight": legacy_tensor("94", (5, 4)), "b.weight": legacy_tensor("93", (3, 5))},
    }
    data = MAGIC
    for value in (1001, {"little_endian": byteorder == "<"}, saved, ["93", "94"]):
        data += PROTO + plain(value) + STOP
    for array in (SECOND, FIRST):
        data += struct.pack(f"{byteorder}q", array.size) + array.astype(f"{byteorder}f4").tobytes()
    path.write_bytes(data)
    return path


def read(path: Path) -> list[np.ndarray]:
    contents = detect.scan(path)
    assert contents is not None
    with detect.open_arrays(contents) as arrays:
        return [arrays.read(header.key) for header in contents.tensors]


@pytest.mark.parametrize("byteorder", "<>")
def test_file_from_before_1_6(tmp_path: Path, byteorder: str) -> None:
    legacy(tmp_path / "net_4.pth.tar", byteorder)
    run = open_run(tmp_path)
    assert run.shape == (4, 5, 3)
    assert run.snapshots[0].epoch == 4
    assert any("legacy" in note and "1.6" in note for note in run.notes)
    first, second = run.snapshots[0].read()
    assert np.array_equal(first.weight, FIRST)
    assert np.array_equal(second.weight, SECOND)


def test_truncated_file_from_before_1_6(tmp_path: Path) -> None:
    data = legacy(tmp_path / "net_4.pth").read_bytes()
    for size in range(len(MAGIC), len(data)):
        (tmp_path / "net_4.pth").write_bytes(data[:size])
        with pytest.raises(NnanimError, match=r"net_4\.pth"):
            open_run(tmp_path)


# bits and value; of each the least and the largest, a power of two, and what is no number
FLOAT8 = {
    "float8_e4m3fn": {0x00: 0.0, 0x01: 2.0**-9, 0x38: 1.0, 0x7E: 448.0, 0xC0: -2.0, 0x7F: np.nan},
    "float8_e5m2": {0x00: 0.0, 0x01: 2.0**-16, 0x3C: 1.0, 0x7B: 57344.0, 0xC0: -2.0, 0x7C: np.inf, 0x7F: np.nan},
    "float8_e4m3fnuz": {0x01: 2.0**-10, 0x40: 1.0, 0x7F: 240.0, 0xC8: -2.0, 0x80: np.nan},
    "float8_e5m2fnuz": {0x01: 2.0**-17, 0x40: 1.0, 0x7F: 57344.0, 0xC4: -2.0, 0x80: np.nan},
}


@pytest.mark.parametrize("dtype", FLOAT8)
def test_float8(dtype: str) -> None:
    bits = np.array(list(FLOAT8[dtype]), np.uint8)
    assert np.array_equal(from_float8(bits, dtype), list(FLOAT8[dtype].values()), equal_nan=True)


def test_float8_in_pytorch(tmp_path: Path) -> None:
    kept = plain(("storage", name("torch.storage", "UntypedStorage"), "0", "cpu", 6)) + b"Q"
    rebuild = name("torch._utils", "_rebuild_tensor_v3")
    weight = call(rebuild, kept, 0, (2, 3), (3, 1), False, {}, name("torch", "float8_e4m3fn"))
    write(tmp_path / "net_1.pt", {"fc.weight": weight}, {"0": bytes([0x38, 0xC0, 0, 1, 0x7E, 0x38])})
    run = open_run(tmp_path)
    assert any("float8_e4m3fn" in note for note in run.notes)
    assert run.snapshots[0].read()[0].weight.tolist() == [[1, -2, 0], [2**-9, 448, 1]]


def test_float8_in_safetensors(tmp_path: Path) -> None:
    header = json.dumps({"fc.weight": {"dtype": "F8_E5M2", "shape": [1, 3], "data_offsets": [0, 3]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes([0x3C, 0xC0, 0x7B])
    (tmp_path / "net_1.safetensors").write_bytes(data)
    run = open_run(tmp_path)
    assert any("float8_e5m2" in note for note in run.notes)
    assert run.snapshots[0].read()[0].weight.tolist() == [[1, -2, 57344]]


def quantised(parameters: Any, kind: str = "QInt8Storage") -> bytes:
    rebuild = name("torch._utils", "_rebuild_qtensor")
    return call(rebuild, storage("0", 6, kind), 0, (2, 3), (3, 1), parameters, False, {})


BITS = {"0": np.array([[1, -2, 3], [4, 5, -128]], np.int8)}
PER_TENSOR = (name("torch", "per_tensor_affine"), 0.5, 1)
PER_CHANNEL = (name("torch", "per_channel_affine"), tensor("1", (2,)), tensor("2", (2,), kind="LongStorage"), 0)


def test_packed_parameters_are_the_numbers_they_stand_for(tmp_path: Path) -> None:
    packed = (quantised(PER_TENSOR), tensor("1", (2,)))
    state = {"0.scale": 1.0, "0._packed_params._packed_params": packed}
    write(tmp_path / "net_1.pt", state, BITS | {"1": np.array([7, 8], "<f4")})
    run = open_run(tmp_path)
    assert run.shape == (3, 2)
    assert any("quantised" in note and "qint8" in note for note in run.notes)
    layer = run.snapshots[0].read()[0]
    assert layer.name == "0"
    assert layer.weight.tolist() == [[0, -1.5, 1], [1.5, 2, -64.5]]
    assert layer.bias is not None
    assert layer.bias.tolist() == [7, 8]


def test_one_scale_for_each_channel(tmp_path: Path) -> None:
    scales = {"1": np.array([1, 10], "<f4"), "2": np.array([0, 1], "<i8")}
    write(tmp_path / "net_1.pt", {"fc.weight": quantised(PER_CHANNEL)}, BITS | scales)
    assert read(tmp_path / "net_1.pt")[0].tolist() == [[1, -2, 3], [30, 40, -1290]]


@pytest.mark.parametrize("parameters", [(), (name("torch", "per_tensor_symmetric"), 1.0), (*PER_CHANNEL[:3], 1)])
def test_unknown_quantisation_is_one_sentence(tmp_path: Path, parameters: tuple[Any, ...]) -> None:
    write(tmp_path / "net_1.pt", {"fc.weight": quantised(parameters)}, BITS)
    with pytest.raises(NnanimError, match="quantised tensor of an unknown kind"):
        open_run(tmp_path)


def shards(folder: Path) -> None:
    for place, (key, array) in enumerate({"a.weight": FIRST, "b.weight": SECOND}.items()):
        write(folder / f"pytorch_model-{place}.bin", {key: tensor("0", array.shape)}, {"0": array})
    named = {"a.weight": "pytorch_model-0.bin", "b.weight": "pytorch_model-1.bin"}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": named}))


def test_shards(tmp_path: Path) -> None:
    shards(tmp_path)
    run = open_run(tmp_path)
    assert [snapshot.path.name for snapshot in run.snapshots] == ["pytorch_model.bin.index.json"]
    assert run.shape == (4, 5, 3)
    first, second = run.snapshots[0].read()
    assert np.array_equal(first.weight, FIRST)
    assert np.array_equal(second.weight, SECOND)


def test_missing_shard_is_named(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / "pytorch_model-1.bin").unlink()
    with pytest.raises(NnanimError, match=r"pytorch_model-1\.bin"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("shard", "said"),
    [("a\0b", "lie beside"), ("../a", "lie beside"), ("\ud800", "no file can have"), ("pipe", "no regular file")],
)
@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_shard_that_is_no_file_beside_the_index(tmp_path: Path, index: str, shard: str, said: str) -> None:
    if shard == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no pipes in folders here")
        os.mkfifo(tmp_path / "pipe")  # nobody ever writes into it
    (tmp_path / index).write_text(json.dumps({"weight_map": {"a.weight": shard}}))
    with pytest.raises(NnanimError, match=said):
        open_run(tmp_path)


def cache_of_models(folder: Path) -> Path:
    """Lay shards as the cache of the Hugging Face hub does, and return the folder of the revision."""
    revision, blobs = folder / "models--x--y" / "snapshots" / "1a2b", folder / "models--x--y" / "blobs"
    revision.mkdir(parents=True)
    blobs.mkdir()
    shards(revision)
    for place, file in enumerate(sorted(revision.iterdir())):
        file.rename(blobs / f"{place:064x}")
        file.symlink_to(f"../../blobs/{place:064x}")
    return revision


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("index_is_link", [True, False])
def test_shards_in_a_cache_of_models_are_read(tmp_path: Path, index_is_link: bool) -> None:
    revision = cache_of_models(tmp_path)
    index = revision / "pytorch_model.bin.index.json"
    if not index_is_link:
        text = index.read_bytes()
        index.unlink()
        index.write_bytes(text)
    assert np.array_equal(open_run(revision).snapshots[0].read()[0].weight, FIRST)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_single_file_in_a_cache_of_models_is_read(tmp_path: Path) -> None:
    revision = cache_of_models(tmp_path)
    for file in revision.iterdir():
        file.unlink()
    network(tmp_path / "models--x--y" / "blobs" / "abc")
    (revision / "model.pt").symlink_to("../../blobs/abc")
    assert open_run(revision).shape == (4, 5, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_linked_folder_of_shards_is_read(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "result").mkdir()
    shards(tmp_path / "disk")
    (tmp_path / "result" / "checkpoint-1").symlink_to(tmp_path / "disk")
    assert open_run(tmp_path / "result").shape == (4, 5, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("target", ["{outside}/secret.bin", "/etc/passwd", "{outside}/pipe", "/dev/zero", "nowhere/x"])
@pytest.mark.parametrize("way", ["link", "link to a link", "blobs elsewhere"])
def test_a_shard_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str, way: str) -> None:
    outside, result = tmp_path / "outside", tmp_path / "snapshots" / "result"
    outside.mkdir()
    result.mkdir(parents=True)
    shards(result)
    network(outside / "secret.bin")
    os.mkfifo(outside / "pipe")  # nobody ever writes into it
    shard = result / "pytorch_model-1.bin"
    shard.unlink()
    place = Path(target.format(outside=outside))
    if way == "link to a link":
        (result / "between").symlink_to(place)
        place = Path("between")
    elif way == "blobs elsewhere":
        (tmp_path / "blobs").symlink_to(place.parent)
        place = Path("../../blobs") / place.name
    shard.symlink_to(place)
    said = "leads out of its folder|no regular file|cannot read|truncated or damaged|No such file"
    with pytest.raises(NnanimError, match=said) as caught:
        open_run(result)
    assert "pytorch_model-1.bin" in str(caught.value)
    if target.startswith(("{", "/")) and way != "blobs elsewhere":
        assert "leads out of its folder" in str(caught.value)


def test_archive_of_stable_baselines(tmp_path: Path) -> None:
    policy = network(tmp_path / "policy.pth").read_bytes()
    (tmp_path / "policy.pth").unlink()
    with zipfile.ZipFile(tmp_path / "rl_model.zip", "w") as file:
        file.writestr("data", json.dumps({"num_timesteps": 3000}))
        file.writestr("policy.pth", policy)
        file.writestr("_stable_baselines3_version", "2.9.0")
    run = open_run(tmp_path)
    assert run.shape == (4, 5, 3)
    assert run.snapshots[0].iteration == 3000
    assert run.snapshots[0].read()[0].weight.shape == (5, 4)


@pytest.mark.parametrize(("shape", "strides"), [((5, True), (1, 1)), ((5, 4), (-4, 1)), ((5, 4), (4, True))])
def test_strange_shape_or_strides(tmp_path: Path, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    write(tmp_path / "net_1.pt", {"fc.weight": tensor("0", shape, strides)}, {"0": FIRST})
    with pytest.raises(NnanimError, match="impossible shape"):
        open_run(tmp_path)


def test_array_of_71_axes(tmp_path: Path) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({', '.join(71 * '1')}), }}\n".encode()
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(4)
    with zipfile.ZipFile(tmp_path / "weights_2.npz", "w") as file:
        file.writestr("W1.npy", data)
    with pytest.raises(NnanimError, match=r"'W1' in snapshot .* has 71 axes"):
        open_run(tmp_path)
    (tmp_path / "weights_2.npz").unlink()
    (tmp_path / "W1_epoch1.npy").write_bytes(data)
    with pytest.raises(NnanimError, match="has 71 axes"):
        open_run(tmp_path)
