"""A short run of ``make fuzz``: whatever is damaged in a folder, the answer is a sentence."""

from __future__ import annotations

import io
import json
import random
import struct

import pytest
from damages import STRUCTURES, damage, mutate, pack, unpack
from fuzzing import attempt, reduced, seeds

from nnanim.reading.containers.protobuf import ProtobufFile

MUTATIONS = 5000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_but_our_own_errors_comes_out_of_damaged_folders(part: int) -> None:
    each = MUTATIONS // PARTS
    told = list(filter(None, map(attempt, range(part * each, (part + 1) * each))))
    assert not told, told[0]


CONTENTS = {
    "bytes": bytes(range(256)) * 4,
    "zip": pack([("a.npy", b"x" * 99), ("b.json", b'{"a": [1, 2]}')]),
    "safetensors": struct.pack("<Q", 9) + b'{"a": 1} ' + bytes(40),
    "lines": b'{"a": 1}\n{"a": 2}',
    "json": b'[{"epoch": 1, "loss": 0.5}, {"epoch": 2}]',
    "pickle": b"\x80\x02}(K\x01K\x02K\x03K\x04u.",
    "protobuf": b"\x08\x08\x3a\x08\x0a\x04\x0a\x02ab\x12\x00\x12\x02xy",
    "table": b"epoch,loss\n1,0.5\n2,0.25\n",
}


@pytest.mark.parametrize("form", CONTENTS)
def test_damages_change_files_and_are_the_same_each_time(form: str) -> None:
    content = CONTENTS[form]
    for change in (mutate, damage):
        made = [change(content, random.Random(number)) for number in range(50)]
        assert made == [change(content, random.Random(number)) for number in range(50)]
        assert sum(each != content for each in made) >= 40


def test_damages_of_structures_keep_what_holds_them_together() -> None:
    changes = [change for _, change in STRUCTURES]
    for number in range(30):
        assert unpack(changes[0](CONTENTS["zip"], random.Random(number))) is not None
        json.loads(changes[3](CONTENTS["json"], random.Random(number)).decode("utf-8", "surrogatepass"))
        made = changes[1](CONTENTS["safetensors"], random.Random(number))
        (length,) = struct.unpack_from("<Q", made)
        json.loads(made[8 : 8 + length].decode("utf-8", "surrogatepass"))


def test_damages_of_protocol_buffers_keep_all_lengths() -> None:
    change = next(change for is_one, change in STRUCTURES if is_one(CONTENTS["protobuf"]))
    made = {change(CONTENTS["protobuf"], random.Random(number)) for number in range(60)}
    assert len(made) > 20
    for content in made:
        parts = ProtobufFile(io.BytesIO(content))
        assert all(part.number > 0 for part in parts.fields(0, parts.size))


def test_what_is_found_is_made_short() -> None:
    assert reduced(b"abcdefgh" * 50 + b"!" + b"x" * 99, lambda content: b"!" in content) == b"!"


def test_all_formats_are_among_the_seeds() -> None:
    names = {seed.name for seed in seeds()}
    assert names >= {
        "flax",
        "hdf5-new",
        "keras",
        "keras-h5",
        "keras-weights",
        "onnx",
        "onnx-lstm",
        "onnx-shortcut",
        "pytorch",
        "safetensors",
        "torch-dcp",
        "transformers-sharded",
        "relu-0",
    }
    assert names >= {"made-numpy", "made-npy", "made-legacy", "made-sharded-bin", "made-chainer-hdf5", "made-mlflow"}
