"""Weights as they act: of several tensors together, or a part of one; statistics of these, against plain NumPy."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nnanim.comparing.measuring import Task, measure
from nnanim.comparing.weights import each_weight, weights_of
from nnanim.reading.opening import open_run


def torch_run(folder: Path, steps: list[dict[str, np.ndarray]]) -> Path:
    """Write states as PyTorch names them; NumPy's archive keeps names and order."""
    folder.mkdir()
    for place, step in enumerate(steps):
        np.savez(folder / f"model_{place:02}.npz", **{key: value.astype(np.float32) for key, value in step.items()})
    return folder


def normal(random: np.random.Generator, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {key: random.normal(size=shape) for key, shape in shapes.items()}


def effective_rank(matrix: np.ndarray) -> float:
    values = np.linalg.svd(matrix, compute_uv=False)
    share = values / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def test_statistics_are_of_the_weights_that_act(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    shapes = {
        "fc1.bias": (6,),
        "fc1.weight_g": (6, 1),
        "fc1.weight_v": (6, 4),
        "fc2.bias": (3,),
        "fc2.weight_orig": (3, 6),
        "fc2.weight_mask": (3, 6),
    }
    steps = [normal(random, shapes) for _ in range(3)]
    for step in steps:
        step["fc2.weight_mask"] = (step["fc2.weight_mask"] > 0).astype(float)
    steps = [{key: value.astype(np.float32).astype(float) for key, value in step.items()} for step in steps]
    measured = measure(Task(torch_run(tmp_path / "run", steps), by_layer=True, keep=True))

    def acting(step: dict[str, np.ndarray]) -> list[np.ndarray]:
        v = step["fc1.weight_v"]
        first = step["fc1.weight_g"] * v / np.linalg.norm(v, axis=1, keepdims=True)
        return [first, step["fc2.weight_orig"] * step["fc2.weight_mask"]]

    one, two = acting(steps[-1])
    flat = [np.concatenate([each.ravel() for each in acting(step)]) for step in steps]
    assert measured.shape == (4, 6, 3)
    assert set(measured.values) == {(name, layer) for name, _ in measured.values for layer in (None, "fc1", "fc2")}
    assert measured.values["norm", None] == pytest.approx(np.linalg.norm(flat[-1]), rel=1e-6)
    path = sum(np.linalg.norm(after - before) for before, after in pairwise(flat))
    straight = np.linalg.norm(flat[-1] - flat[0]) / path
    assert measured.values["straightness", None] == pytest.approx(straight, rel=1e-6)
    assert measured.values["effective_rank", "fc1"] == pytest.approx(effective_rank(one), rel=1e-6)
    assert measured.values["effective_rank", "fc2"] == pytest.approx(effective_rank(two), rel=1e-6)
    strongest = np.cumsum(np.sort(two.ravel() ** 2)[::-1])
    share = (1 + np.searchsorted(strongest, 0.9 * strongest[-1])) / two.size
    assert measured.values["share_of_90_percent", "fc2"] == pytest.approx(share, rel=1e-6)
    strengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=0)
    assert measured.values["unused_units", None] == np.sum(strengths <= 0.01 * strengths.max())
    assert measured.nets is not None
    np.testing.assert_allclose(measured.nets[1].weights[0][..., 0], one, rtol=1e-6)


def test_an_adapter_is_the_product_of_its_matrices_and_a_fused_weight_is_its_parts(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    shapes = {
        "attn.in_proj_weight": (12, 4),
        "attn.out_proj.weight": (4, 4),
        "attn.out_proj.lora_A.weight": (2, 4),
        "attn.out_proj.lora_B.weight": (4, 2),
    }
    step = normal(random, shapes)
    run = open_run(torch_run(tmp_path / "run", [step, step]))
    weights = weights_of(run)
    with run.snapshots[0].open() as arrays:
        read = [layer.weight for layer in each_weight(run.snapshots[0], weights, arrays)]
    expected = [
        *np.split(step["attn.in_proj_weight"], 3),
        step["attn.out_proj.weight"],
        step["attn.out_proj.lora_B.weight"] @ step["attn.out_proj.lora_A.weight"],
    ]
    assert len(weights) == len(expected)
    assert len({weight.name for weight in weights}) == len(weights)
    for one, other in zip(read, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert [weight.name.rsplit(" ", 1)[-1] for weight in weights[:3]] == ["(query)", "(key)", "(value)"]


def test_a_weight_that_is_stored_otherwise_is_the_same_weight(tmp_path: Path) -> None:
    """The same network plain, and with its first layer as a direction and lengths: nothing differs."""
    random = np.random.default_rng(5)
    plain = normal(random, {"fc1.weight": (5, 4), "fc1.bias": (5,), "fc2.weight": (3, 5), "fc2.bias": (3,)})
    made = {
        "fc1.bias": plain["fc1.bias"],
        "fc1.weight_g": np.linalg.norm(plain["fc1.weight"], axis=1, keepdims=True),
        "fc1.weight_v": 7.5 * plain["fc1.weight"],
        "fc2.weight": plain["fc2.weight"],
        "fc2.bias": plain["fc2.bias"],
    }
    one = measure(Task(torch_run(tmp_path / "plain", [plain] * 2)))
    other = measure(Task(torch_run(tmp_path / "made", [made] * 2)))
    for name in ("norm", "effective_rank", "share_of_90_percent", "unused_units"):
        assert one.values[name, None] == pytest.approx(other.values[name, None], rel=1e-6)
