"""ONNX files written byte by byte: fields of protocol buffers, and what ONNX makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FLOAT, UINT8, INT8, INT32, INT64, FLOAT16 = 1, 2, 3, 6, 7, 10


def varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def field(number: int, content: bytes | str | int) -> bytes:
    """Return a field: a whole number, or bytes with their length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def array(name: str, values: np.ndarray, *, kind: int = FLOAT, numbers: bytes | None = None) -> bytes:
    """Return a TensorProto; `numbers` are other fields than its raw bytes."""
    sizes = b"".join(field(1, size) for size in values.shape)
    return sizes + field(2, kind) + field(8, name) + (field(9, values.tobytes()) if numbers is None else numbers)


def outside(name: str, shape: Sequence[int], location: str, **more: int) -> bytes:
    """Return a TensorProto whose numbers lie in a file beside the model."""
    said = {"location": location, **{key: str(value) for key, value in more.items()}}
    pairs = b"".join(field(13, field(1, key) + field(2, value)) for key, value in said.items())
    return b"".join(field(1, size) for size in shape) + field(2, FLOAT) + field(8, name) + pairs + field(14, 1)


def graph(nodes: Sequence[bytes], arrays: Sequence[bytes], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Return a GraphProto."""
    parts = b"".join(field(1, each) for each in nodes) + b"".join(field(5, each) for each in arrays)
    named = [(11, name) for name in inputs] + [(12, name) for name in outputs]
    return parts + b"".join(field(number, field(1, name)) for number, name in named)


def node(kind: str, inputs: Sequence[str], output: str | Sequence[str], **numbers: int | bytes) -> bytes:
    """Return a NodeProto: numbers as attributes, graphs as bytes; ``perm`` is the order of axes, digit by digit."""
    attributes = b""
    outputs = [output] if isinstance(output, str) else output
    for key, value in numbers.items():
        if isinstance(value, bytes):
            attributes += field(5, field(1, key) + field(6, value))
            continue
        content = b"".join(field(8, int(axis)) for axis in f"{value:02}") if key == "perm" else field(3, value)
        attributes += field(5, field(1, key) + content)
    named = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
    return named + field(4, kind) + attributes


def write_onnx(
    path: Path, nodes: Sequence[bytes], arrays: Mapping[str, np.ndarray] | Sequence[bytes], said: Mapping[str, str] = {}
) -> Path:
    """Write a model."""
    if isinstance(arrays, Mapping):
        arrays = [array(name, values.astype("<f4")) for name, values in arrays.items()]
    graph = b"".join(field(1, each) for each in nodes) + b"".join(field(5, each) for each in arrays)
    texts = b"".join(field(14, field(1, key) + field(2, value)) for key, value in said.items())
    path.write_bytes(field(1, 8) + field(7, graph) + texts)
    return path
