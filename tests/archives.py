"""PyTorch archives written byte by byte, without PyTorch: what a test wants to be in them, and nothing else."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

PROTO = b"\x80\x02"
STOP = b"."


def name(module: str, attribute: str) -> bytes:
    """Return the operation that pushes something by its name."""
    return f"c{module}\n{attribute}\n".encode()


def plain(value: Any) -> bytes:
    """Return operations that push a plain value; bytes are operations already."""
    if isinstance(value, bytes):
        return value
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if abs(value) < 2**31 else b"\x8a\x08" + struct.pack("<q", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, tuple):
        return b"(" + b"".join(map(plain, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(plain, value)) + b"e"
    assert isinstance(value, dict)
    return b"}(" + b"".join(plain(key) + plain(item) for key, item in value.items()) + b"u"


def call(function: bytes, *arguments: Any) -> bytes:
    """Return operations that ask for a call."""
    return function + plain(tuple(arguments)) + b"R"


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    """Return operations that push a storage."""
    return plain(("storage", name("torch", kind), key, "cpu", count)) + b"Q"


def tensor(
    key: str,
    shape: Sequence[int],
    strides: Sequence[int] | None = None,
    offset: int = 0,
    kind: str = "FloatStorage",
    count: int | None = None,
) -> bytes:
    """Return operations that push a tensor."""
    if strides is None:
        strides = [int(np.prod(shape[place + 1 :], dtype=int)) for place in range(len(shape))]
    count = int(np.prod(shape, dtype=int)) if count is None else count
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return call(rebuild, storage(key, count, kind), offset, tuple(shape), tuple(strides), False, {})


def write(path: Path, saved: Any, storages: Mapping[str, np.ndarray | bytes] = {}, byteorder: str = "little") -> Path:
    """Write an archive as ``torch.save`` does."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", PROTO + plain(saved) + STOP)
        file.writestr("archive/byteorder", byteorder)
        for key, data in storages.items():
            file.writestr(f"archive/data/{key}", data if isinstance(data, bytes) else data.tobytes())
        file.writestr("archive/version", "3\n")
    return path


def network(path: Path, sizes: Sequence[int] = (4, 5, 3), seed: int = 0, **beside: Any) -> Path:
    """Write the state dict of a network of dense layers, beside other values where there are any."""
    random = np.random.default_rng(seed)
    state, storages = {}, {}
    for place, (size_in, size_out) in enumerate(pairwise(sizes)):
        for what, shape in (("weight", (size_out, size_in)), ("bias", (size_out,))):
            key = str(len(storages))
            state[f"fc{place + 1}.{what}"] = tensor(key, shape)
            storages[key] = random.normal(size=shape).astype("<f4")
    return write(path, {"state_dict": state, **beside} if beside else state, storages)
