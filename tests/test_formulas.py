"""Weights that several tensors make are drawn as what they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnanim import open_run
from nnanim.model.formulas import make
from nnanim.reading.snapshots.parameters import find_weights

RANDOM = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


GAIN, DIRECTION, ORIGINAL, MASK = (
    normal(5, 1),
    normal(5, 4),
    normal(3, 5),
    RANDOM.integers(0, 2, (3, 5)).astype(np.float32),
)
TENSORS = {
    "fc1.weight_g": GAIN,
    "fc1.weight_v": DIRECTION,
    "fc1.bias": normal(5),
    "fc2.weight_orig": ORIGINAL,
    "fc2.weight_mask": MASK,
    "fc2.bias": normal(3),
}


def test_the_weight_is_read_as_its_tensors_make_it(tmp_path: Path):
    for epoch in (1, 2):
        np.savez(tmp_path / f"model_epoch{epoch}.npz", **TENSORS)
    run = open_run(tmp_path)
    assert run.shape == (4, 5, 3)
    assert [layer.key for layer in run.layers] == ["fc1.weight_v", "fc2.weight_orig"]
    assert [layer.name for layer in run.layers] == ["fc1", "fc2"]
    first, second = run.snapshots[0].read()
    np.testing.assert_allclose(np.linalg.norm(first.weight, axis=1), abs(GAIN[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(
        first.weight, GAIN * DIRECTION / np.linalg.norm(DIRECTION, axis=1, keepdims=True), rtol=1e-6
    )
    np.testing.assert_array_equal(second.weight, ORIGINAL * MASK)
    assert first.bias is not None
    np.testing.assert_array_equal(first.bias, TENSORS["fc1.bias"])


def test_the_tensors_of_a_weight_that_is_drawn_are_all_shown(tmp_path: Path):
    np.savez(tmp_path / "model_epoch1.npz", **TENSORS)
    run = open_run(tmp_path)
    assert [(key, role, shown) for key, _, role, shown in run.listed_tensors()] == [
        ("fc1.weight_g", "weight-norm gain", True),
        ("fc1.weight_v", "weight-norm direction", True),
        ("fc2.weight_orig", "dense", True),
        ("fc2.weight_mask", "pruning mask", True),
    ]
    assert [row.title for row in run.weight_rows] == ["fc1", "fc2"]


@pytest.mark.parametrize("end", ["/original{}", ".original{}"])
def test_a_parametrization_has_the_name_and_the_bias_of_its_module(end: str):
    keys = [f"0{end[0]}parametrizations{end[0]}weight{end.format(n)}" for n in (0, 1)]
    found = find_weights({f"0{end[0]}bias": (5,), keys[0]: (5, 1), keys[1]: (5, 4)})
    (header,) = found.weights
    assert (header.name, header.key, header.bias_key) == ("0", keys[1], f"0{end[0]}bias")
    assert header.members == tuple(keys)


def test_the_product_of_an_adapter_is_that_of_its_matrices():
    down, up = normal(2, 8), normal(5, 2)
    np.testing.assert_allclose(make("B·A", [down, up]), up @ down, rtol=1e-5)
    assert make(None, [down]) is down
