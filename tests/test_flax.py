"""Flax's msgpack, written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnanim import NnanimError, RunError, open_run

FIXTURES = Path(__file__).resolve().parent / "fixtures"
W1, B1 = np.arange(20, dtype="<f4").reshape(4, 5), np.arange(5, dtype="<f4")
W2 = np.arange(15, dtype="<f4").reshape(5, 3)


def pack(value: Any) -> bytes:
    """Return a plain value, a dict, a list or an array in msgpack; bytes are msgpack already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return bytes([value]) if 0 <= value < 128 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, str):
        return b"\xd9" + bytes([len(value)]) + value.encode()
    if isinstance(value, np.ndarray):
        return tensor(value.shape, value.dtype.name, value.tobytes())
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
    assert isinstance(value, dict)
    return b"\xde" + struct.pack(">H", len(value)) + b"".join(pack(key) + pack(item) for key, item in value.items())


def tensor(shape: tuple[int, ...], dtype: str, data: bytes, code: int = 1) -> bytes:
    inside = bytes([0x93]) + pack(list(shape)) + pack(dtype) + b"\xc6" + struct.pack(">I", len(data)) + data
    return b"\xc9" + struct.pack(">IB", len(inside), code) + inside


def network(**beside: Any) -> bytes:
    dense = {"Dense_0": {"kernel": W1, "bias": B1}, "Dense_1": {"kernel": W2}}
    return pack({**beside, "params": dense} if beside else dense)


def save(folder: Path, content: bytes, name: str = "model_1.msgpack") -> Path:
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["model_1.msgpack", "flax_model.msgpack", "net_1.flax", "checkpoint_7", "vit_7"])
@pytest.mark.parametrize("content", [network(), network(step=7, opt_state={"0": {"mu": {"kernel": W1}}})])
def test_weights_of_what_was_saved(tmp_path: Path, name: str, content: bytes) -> None:
    run = open_run(save(tmp_path, content, name))
    first, second = run.snapshots[0].read()
    assert np.array_equal(first.weight, W1.T)
    assert np.array_equal(second.weight, W2.T)
    assert first.bias is not None
    assert np.array_equal(first.bias, B1)
    assert {header.key for header in run.tensors} == {"Dense_0/kernel", "Dense_0/bias", "Dense_1/kernel"}


@pytest.mark.parametrize("step", [300, np.array(300, "<i4"), tensor((), "int64", struct.pack("<q", 300), code=3)])
def test_step_of_a_train_state(tmp_path: Path, step: Any) -> None:
    (snapshot,) = open_run(save(tmp_path, network(step=step))).snapshots
    assert snapshot.iteration == 300


def test_types_of_numbers(tmp_path: Path) -> None:
    bits = (W1.view("<u4") >> 16).astype("<u2")
    layers = {
        "a": {"kernel": tensor(W1.shape, "bfloat16", bits.tobytes())},
        "b": {"kernel": W2.astype("<f2")},
        "c": {"kernel": (W2.T * (3 + 4j)).astype("<c8")},
        "d": {"kernel": tensor((5, 2), "float8_e4m3fn", bytes([0x38] * 10))},
    }
    run = open_run(save(tmp_path, pack(layers)))
    assert "complex weights (complex64) are shown as their moduli" in run.notes
    with run.snapshots[0].open() as arrays:
        assert np.array_equal(arrays.read("a/kernel"), W1)
        assert np.array_equal(arrays.read("b/kernel"), W2)
        np.testing.assert_allclose(arrays.read("c/kernel"), W2.T * 5, rtol=1e-6)
        assert (arrays.read("d/kernel") == 1).all()


def test_gates_of_recurrent_cells_and_transposed_convolutions(tmp_path: Path) -> None:
    cell = {f"{way}{gate}": {"kernel": np.zeros((5, 5), "<f4")} for way in "ih" for gate in "ifgo"}
    layers = {"LSTMCell_0": cell, "ConvTranspose_0": {"kernel": np.zeros((2, 2, 4, 6), "<f4")}}
    run = open_run(save(tmp_path, pack(layers)))
    roles = {key: role for key, _, role, _ in run.listed_tensors()}
    assert roles["LSTMCell_0/if/kernel"] == "recurrent input"
    assert roles["LSTMCell_0/hf/kernel"] == "recurrent hidden"
    header = next(header for header in run.snapshots[0].contents.weights if header.key == "ConvTranspose_0/kernel")
    assert (header.size_in, header.size_out) == (4, 6)


def test_truncated_anywhere(tmp_path: Path) -> None:
    data = (FIXTURES / "flax" / "model_10.msgpack").read_bytes()
    for size in range(1, len(data), 11):
        with pytest.raises(NnanimError, match=r"model_1\.msgpack"):
            open_run(save(tmp_path, data[:size]))


def kernel(shape: tuple[int, ...], data: bytes) -> bytes:
    return pack({"a": {"kernel": tensor(shape, "float32", data)}})


WRONG = {
    "an array of 2**40 numbers": (kernel((4, 2**40), bytes(80)), "1073741824 bytes"),
    "sizes below 0": (kernel((4, -5), bytes(80)), "impossible shape"),
    "fewer numbers than its shape": (kernel((4, 5), bytes(76)), "76 bytes for shape"),
    "a list of 2**32 items": (pack({"a": b"\xdd\xff\xff\xff\xff"}), "is truncated"),
    "a dict of 2**32 items": (pack({"a": b"\xdf\xff\xff\xff\xff"}), "is truncated"),
    "bytes of 4 GB": (pack({"a": b"\xc6\xff\xff\xff\xff"}), "is truncated"),
    "lists in lists in lists": (pack({"a": b"\x91" * 100_000 + b"\x01"}), "of them in each other"),
    "more behind its end": (network() + b"\x00", "goes on behind its end"),
    "a type that is none": (pack({"a": b"\xc1"}), "is damaged"),
    "no weights": (pack({"a": 1}), "no snapshots in"),
    "text": (b"{}", "holds no weights of Flax"),
}


@pytest.mark.parametrize("what", WRONG)
def test_damage_is_one_sentence(tmp_path: Path, what: str) -> None:
    content, said = WRONG[what]
    with pytest.raises(NnanimError, match=said):
        open_run(save(tmp_path, content)).snapshots[0].read()


@pytest.mark.parametrize("content", [b"\x83abc", b"\x80", b"# notes"])
def test_other_files_called_checkpoint(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RunError, match=r"found: 'checkpoint_3', 'data_3'"):
        open_run(save(save(tmp_path, content, "checkpoint_3"), content, "data_3"))


def test_several_states_are_several_models(tmp_path: Path) -> None:
    dense = {"Dense_0": {"kernel": W1, "bias": B1}, "Dense_1": {"kernel": W2}}
    states = {name: {"params": dense, "opt_state": {"0": {"mu": dense}}, "step": 7} for name in ("gen", "dis")}
    run = open_run(save(tmp_path, pack({**states, "epoch": 3})))
    assert run.models == ("gen", "dis")
    assert (run.snapshots[0].epoch, run.snapshots[0].iteration) == (3, 7)
    assert not any("opt_state" in header.key for header in run.tensors)
    other = open_run(tmp_path, model="dis").snapshots[0].read()
    assert [layer.key for layer in other] == ["dis/Dense_0/kernel", "dis/Dense_1/kernel"]


def test_a_state_alone_is_one_model_without_a_name(tmp_path: Path) -> None:
    state = {"params": {"Dense_0": {"kernel": W1}}, "opt_state": {"mu": {"kernel": W1}}, "step": 7}
    run = open_run(save(tmp_path, pack({"agent": state})))
    assert run.models == ()
    assert [header.key for header in run.tensors] == ["Dense_0/kernel"]
