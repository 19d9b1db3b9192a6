"""Checkpoints of Orbax that are damaged at random: nothing but an error that says so may come out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orbax_bytes import (
    MANIFEST_MAGIC,
    NODE_MAGIC,
    branch,
    leaf,
    manifest,
    metadata,
    packed,
    write_plain,
    zarr2,
    zarr3,
)

from nnanim import NnanimError, open_run
from nnanim.reading.containers import zarr
from nnanim.reading.containers.ocdbt import OcdbtError, Place, read_names

BODY = slice(14, -4)  # of a manifest or a node, between head and checksum
VALUES = (None, 0, -1, 2**70, "x", "", [], {}, [1], [0], ["<f4"], {"name": "bytes"}, 1.5, float("nan"), "<M8[s]", "V8")
VALUES += ("<f4,<f4", "\0", [2, 2], "NaN", "object", [{"id": "zstd"}], float("inf"))  # type: ignore[assignment]
SHARDS = {"chunk_shape": [2, 3], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}, {"name": "crc32c"}]}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return bytes of which some are others, more or fewer."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found)) if found else 0
        match chance.randrange(4):
            case 0 if found:
                found[at] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
            case 1:
                found[at:at] = bytes([chance.choice([255, 128, 1])]) * chance.randint(1, 9)
            case 2:
                del found[at : at + chance.randint(1, 4)]
            case _:
                found = found[: max(1, at)]
    return bytes(found)


def ways(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each part of what was read from JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*way, key)
        yield from ways(item, (*way, key))


def changed(text: bytes | str, chance: random.Random) -> bytes:
    """Return JSON of which some parts are something else, or missing."""
    said = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        if not (found := list(ways(said))):
            break
        *way, last = chance.choice(found)
        inside = said
        for key in way:
            inside = inside[key]
        if chance.random() < 0.2:
            del inside[last]
        else:
            inside[last] = json.loads(json.dumps(chance.choice(VALUES)))
    return json.dumps(said).encode()


@pytest.mark.parametrize("seed", range(5))
def test_nodes(seed: int) -> None:
    chance = random.Random(seed)
    low = leaf({"a/.zarray": b"123", "a/0": (0, 3, 9), "ab": b"x"}, [("q", "d/x"), ("", "d/y")])[BODY]
    high = branch([("a", 1, (0, 0, 30)), ("b", 1, (0, 0, 30))], [("", "d/x")])[BODY]
    root = manifest([("", "d/x")], [(0, 0, 30)], 1)[BODY]
    were_read = 0
    for _ in range(3000):
        nodes = [damaged(node, chance) if chance.random() < 0.6 else node for node in (low, high, low)]

        def at(_: Place, nodes: list[bytes] = nodes) -> bytes:
            return packed(NODE_MAGIC, chance.choice(nodes))

        body = damaged(root, chance) if chance.random() < 0.4 else root
        try:
            were_read += bool(read_names(packed(MANIFEST_MAGIC, body), at))
        except OcdbtError:
            continue
    assert were_read  # else it would be no test of what comes after


@pytest.mark.parametrize("seed", range(5))
def test_texts_of_arrays(seed: int) -> None:
    chance = random.Random(seed)
    codecs = [{"name": "sharding_indexed", "configuration": SHARDS}]
    array = np.zeros((4, 5), "<f4")
    texts = [zarr2(array)[".zarray"], zarr3(array, codecs, {}, (4, 6))["zarr.json"]]
    were_read = 0
    for _ in range(2000):
        try:
            header = zarr.parse(changed(chance.choice(texts), chance))
            zarr.read(header, lambda _: chance.choice([None, b"", bytes(80), bytes(200)]), lambda *_: None)
            were_read += 1
        except zarr.ZarrError:
            continue
    assert were_read


def test_metadata(tmp_path: Path) -> None:
    chance = random.Random(1)
    array = np.zeros((4, 5), "<f4")
    folder = write_plain(tmp_path, {"params": {"a": array, "b": array}, "step": np.array(3, "<i4")})
    whole = metadata([["params", "a"], ["params", "b"], ["step"]], use_ocdbt=False)
    for _ in range(400):
        (folder / "_METADATA").write_bytes(changed(whole, chance))
        try:
            open_run(folder).snapshots[0].read()
        except NnanimError:
            continue
