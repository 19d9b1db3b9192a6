"""A short run of ``make fuzz``: whatever is damaged in a folder, the answer is a sentence."""

from __future__ import annotations

import random

import pytest
from fuzzing import attempt, mutate, seeds

MUTATIONS = 5000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_but_our_own_errors_comes_out_of_damaged_folders(part: int) -> None:
    each = MUTATIONS // PARTS
    told = list(filter(None, map(attempt, range(part * each, (part + 1) * each))))
    assert not told, told[0]


def test_mutations_change_files_and_are_the_same_each_time() -> None:
    content = bytes(range(256)) * 4
    made = [mutate(content, random.Random(number)) for number in range(50)]
    assert made == [mutate(content, random.Random(number)) for number in range(50)]
    assert sum(each != content for each in made) >= 45


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
