"""Checkpoints of Orbax written byte by byte: arrays of Zarr, in folders of their own or in a database of OCDBT."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from onnx_bytes import varint

from nnanim.reading.containers.ocdbt import crc32c

MANIFEST_MAGIC, NODE_MAGIC = 0x0CDB3A2A, 0x0CDB20DE
Names = dict[str, bytes]


def zarr2(values: np.ndarray, chunks: Sequence[int] | None = None, **more: Any) -> Names:
    """Return the text and the chunks of an array of version 2, by their names within it."""
    chunks = list(values.shape if chunks is None else chunks)
    said = {"zarr_format": 2, "shape": list(values.shape), "chunks": chunks, "dtype": values.dtype.str, "order": "C"}
    said |= {"compressor": None, "filters": None, "fill_value": None, "dimension_separator": ".", **more}
    found = {".zarray": json.dumps(said).encode()}
    for at, chunk in pieces(values, chunks):
        found[said["dimension_separator"].join(map(str, at)) or "0"] = chunk.tobytes(order=said["order"])
    return found


def zarr3(values: np.ndarray, codecs: Sequence[Any], chunks: Mapping[str, bytes], shape: Sequence[int]) -> Names:
    """Return the text of an array of version 3 with chunks of a shape that are packed already, by their names."""
    said = {"zarr_format": 3, "node_type": "array", "shape": list(values.shape), "data_type": values.dtype.name}
    said |= {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shape)}}}
    said |= {"chunk_key_encoding": {"name": "default"}, "fill_value": 0.0, "codecs": codecs}
    return {"zarr.json": json.dumps(said).encode(), **chunks}


def shard(parts: Sequence[bytes | None], *, at_start: bool = False) -> bytes:
    """Return chunks one behind the other, with the index of where they lie and its checksum."""
    index, data = b"", b""
    first = len(parts) * 16 + 4 if at_start else 0
    for part in parts:
        index += struct.pack("<2Q", *((2**64 - 1,) * 2 if part is None else (first + len(data), len(part))))
        data += part or b""
    index += struct.pack("<I", crc32c(index))
    return index + data if at_start else data + index


def pieces(values: np.ndarray, chunks: Sequence[int]) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Return the chunks of an array, whole ones at its edges too, with their places in the grid."""
    grid = [range(-(-size // long)) for size, long in zip(values.shape, chunks, strict=True)]
    found = []
    for at in product(*grid):
        chunk = np.zeros(chunks, values.dtype)
        start = [place * long for place, long in zip(at, chunks, strict=True)]
        part = values[tuple(slice(begin, begin + long) for begin, long in zip(start, chunks, strict=True))]
        chunk[tuple(slice(0, size) for size in part.shape)] = part
        found.append((at, chunk))
    return found


def packed(magic: int, body: bytes, packing: int = 0) -> bytes:
    """Return a manifest or a node: head, body and checksum."""
    head = struct.pack(">I", magic) + struct.pack("<Q", len(body) + 18) + bytes([0, packing])
    return head + body + struct.pack("<I", crc32c(head + body))


def varints(numbers: Sequence[int]) -> bytes:
    return b"".join(map(varint, numbers))


def table(paths: Sequence[tuple[str, str]]) -> bytes:
    """Return the table of some files, each as what its own nodes' files begin with and the rest; nothing is shared."""
    whole = [(base + rest).encode() for base, rest in paths]
    lengths = varints([0] * (len(paths) - 1)) + varints([*map(len, whole)])
    return varint(len(paths)) + lengths + varints([len(base.encode()) for base, _ in paths]) + b"".join(whole)


def keys(names: Sequence[str], common: Sequence[int] | None = None) -> bytes:
    """Return the names of a node, each without what it shares with the one before."""
    shared, rest = [], []
    for before, name in zip(("", *names), names, strict=False):
        count = next(
            (at for at, (a, b) in enumerate(zip(before, name, strict=False)) if a != b), min(map(len, (before, name)))
        )
        shared.append(count)
        rest.append(name[count:].encode())
    found = varint(len(names)) + varints(shared[1:]) + varints([*map(len, rest)])
    return found + varints(common or ()) + b"".join(rest)


def leaf(values: Mapping[str, bytes | tuple[int, int, int]], paths: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return a leaf with names and values; a value may be number of a file, first byte and size."""
    outside = [value for value in values.values() if isinstance(value, tuple)]
    body = b"\0" + (table(paths) if paths else b"\0") + keys(list(values))
    body += varints([value[2] if isinstance(value, tuple) else len(value) for value in values.values()])
    body += varints([isinstance(value, tuple) for value in values.values()])
    body += varints([each[0] for each in outside]) + varints([each[1] for each in outside])
    return packed(NODE_MAGIC, body + b"".join(value for value in values.values() if isinstance(value, bytes)))


def branch(
    below: Sequence[tuple[str, int, tuple[int, int, int]]], paths: Sequence[tuple[str, str]], height: int = 1
) -> bytes:
    """Return a node above others: of each its first name, how much of it all its names have, and where it lies."""
    body = bytes([height]) + table(paths) + keys([name for name, _, _ in below], [count for _, count, _ in below])
    body += b"".join(varints([place[what] for _, _, place in below]) for what in range(3))
    return packed(NODE_MAGIC, body + varints([1] * 3 * len(below)))


def manifest(paths: Sequence[tuple[str, str]], places: Sequence[tuple[int, int, int]], height: int = 0) -> bytes:
    """Return a manifest with a root for each version, the newest last."""
    count = len(places)
    body = bytes(16) + varints([0, 1024, 10**6]) + b"\4" + varint(0) + table(paths) + varint(count)
    body += varints(range(1, count + 1)) + bytes([height]) * count
    body += b"".join(varints([place[what] for place in places]) for what in range(3))
    return packed(MANIFEST_MAGIC, body + varints([1] * 3 * count) + bytes(8 * count) + b"\0")


def metadata(names: Sequence[Sequence[str]], **more: Any) -> str:
    """Return the text of ``_METADATA``."""
    leaves = {
        str(tuple(name)): {
            "key_metadata": [{"key": part, "key_type": 2} for part in name],
            "value_metadata": {"value_type": "jax.Array", "skip_deserialize": False},
        }
        for name in names
    }
    return json.dumps({"tree_metadata": leaves, "store_array_data_equal_to_fill_value": True, **more})


def flat(tree: Mapping[str, Any], way: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return what lies in dicts within dicts; names of arrays of Zarr are not gone into."""
    found: dict[tuple[str, ...], Any] = {}
    for name, item in tree.items():
        is_dict = isinstance(item, dict) and not {".zarray", "zarr.json"} & set(item)
        found |= flat(item, (*way, name)) if is_dict else {(*way, name): item}
    return found


def as_zarr(item: np.ndarray | Names) -> Names:
    return item if isinstance(item, dict) else zarr2(np.asarray(item))


def write_plain(folder: Path, tree: Mapping[str, Any], **more: Any) -> Path:
    """Write a checkpoint with each array in a folder of its own; leaves are arrays or what `zarr2` returns."""
    arrays = {name: as_zarr(item) for name, item in flat(tree).items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_METADATA").write_text(metadata(list(arrays), use_ocdbt=False, **more))
    for name, files in arrays.items():
        for key, content in files.items():
            path = folder / ".".join(name) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def write_ocdbt(folder: Path, tree: Mapping[str, Any], **more: Any) -> Path:
    """Write a checkpoint with all arrays in a database: one leaf with all names, large values in another file."""
    arrays = {name: as_zarr(item) for name, item in flat(tree).items()}
    (folder / "d").mkdir(parents=True, exist_ok=True)
    (folder / "_METADATA").write_text(metadata(list(arrays), use_ocdbt=True, **more))
    values = {f"{'.'.join(name)}/{key}": content for name, files in arrays.items() for key, content in files.items()}
    data, kept = b"", {}
    for name, content in sorted(values.items()):
        is_large = len(content) > 50 and not name.endswith((".zarray", "zarr.json"))
        kept[name] = (0, len(data), len(content)) if is_large else content
        data += content if is_large else b""
    root = leaf(kept, [("", "d/values")])
    (folder / "d" / "values").write_bytes(data)
    (folder / "d" / "root").write_bytes(b"before" + root)
    (folder / "manifest.ocdbt").write_bytes(manifest([("", "d/root")], [(0, 6, len(root))]))
    return folder
