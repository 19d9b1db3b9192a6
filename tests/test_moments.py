"""Jumps are planted into smooth runs and must be found with their edges; smooth runs have no moments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnanim import Animation, open_run
from nnanim.frames.moments import APART, MAX_MOMENTS, Changes, Measured, find_moments
from nnanim.frames.units import Unit

ROOT = Path(__file__).parent.parent
LAYER_OF = np.repeat([0, 1, 2], [20, 25, 15])
NAMES = ("l1", "l2", "l3")


def smooth(seed, kind="exponential", snapshots=40):
    random = np.random.default_rng(seed)
    at = np.arange(snapshots)
    gone = {"exponential": 1 - np.exp(-at / 8), "1/t": 1 - 1 / (1 + at), "fast": 1 - np.exp(-at / 1.5)}[kind]
    start, aim = random.normal(size=(2, len(LAYER_OF)))
    return start + gone[:, None] * aim + random.normal(size=(snapshots, len(LAYER_OF))) * 0.004


def moments(edges, metric=None, values=None):
    at = np.arange(1, len(edges) + 1)
    changes = Changes.of_values(edges, LAYER_OF, NAMES, "edge")
    measured = None if metric is None else Measured(metric, values, Unit(100.0, "%"))
    return find_moments([f"epoch {each}" for each in at], at, changes, measured)


@pytest.mark.parametrize("seed", range(20))
def test_planted_jump_is_found_with_its_edges(seed):
    random = np.random.default_rng(1000 + seed)
    edges = smooth(seed)
    at = int(random.integers(8, 36))
    layer = int(random.integers(3))
    picked = random.choice(np.flatnonzero(layer == LAYER_OF), size=int(random.integers(2, 8)), replace=False)
    edges[at:, picked] += random.uniform(1, 2, len(picked)) * random.choice([-1, 1], len(picked))
    (found,) = moments(edges)
    assert found.snapshot == at
    assert set(found.things) == set(picked)
    assert found.layer == layer
    changes = np.abs(edges[at] - edges[at - 1])
    assert found.share == pytest.approx(changes[picked].sum() / changes.sum())
    share = f"{found.share:.0%}".replace("%", " %")
    assert found.says == f"epoch {at + 1}: {share} of all change in {len(picked)} edges of {NAMES[layer]}"


@pytest.mark.parametrize("kind", ["exponential", "1/t", "fast"])
@pytest.mark.parametrize("seed", range(10))
def test_smooth_decay_has_no_moments(kind, seed):
    at = np.arange(40)
    accuracy = 1 - {"exponential": np.exp(-at / 8), "1/t": 1 / (1 + at), "fast": np.exp(-at / 1.5)}[kind]
    noise = np.random.default_rng(seed).normal(size=40) * 0.01
    assert moments(smooth(seed, kind), "main/accuracy", accuracy + noise) == ()


def test_jump_of_the_metric_is_told_in_its_unit():
    accuracy = np.where(np.arange(40) < 20, 0.67, 0.93)
    (found,) = moments(smooth(0), "main/accuracy", accuracy)
    assert found.says == "epoch 21: accuracy 67.0 → 93.0 %"
    assert found.things == ()


def test_single_bad_value_of_the_metric_is_no_moment():
    accuracy = np.full(40, 0.9)
    accuracy[20] = 0.1
    assert moments(smooth(0), "main/accuracy", accuracy) == ()


def test_there_are_at_most_five_and_they_keep_apart():
    edges = smooth(0, snapshots=80)
    for at in range(8, 76, 8):
        edges[at:, at % 60] += at / 10
        edges[at + 1 :, (at + 1) % 60] += at / 10
    found = moments(edges)
    assert len(found) == MAX_MOMENTS
    assert min(np.diff([each.snapshot for each in found])) >= APART


def test_gap_between_snapshots_is_no_moment():
    at = np.array([*range(20), *range(40, 60)])
    edges = np.cumsum(np.full((60, len(LAYER_OF)), 0.1), axis=0)[at]
    changes = Changes.of_values(edges, LAYER_OF, NAMES, "edge")
    assert find_moments([f"epoch {each}" for each in at], at, changes) == ()


@pytest.mark.parametrize("view", ["network", "layers", "map", "matrix"])
@pytest.mark.parametrize("sample", ["digits", "convolutions"])
def test_smooth_samples_have_no_moments(sample, view):
    animation = Animation(open_run(ROOT / "sample_results" / sample), view=view, moments=True)
    assert {frame.moment for frame in animation} == {None}
    assert "no moment stands out from those before and after it" in animation.notes


def test_run_of_few_snapshots_has_no_moments():
    assert moments(smooth(0)[:3]) == ()


def test_smaller_steps_from_some_snapshot_on_are_no_moment():
    sizes = np.where(np.arange(40) < 20, 0.1, 0.01)
    random = np.random.default_rng(0)
    directions = random.choice([-1, 1], size=(40, len(LAYER_OF)))
    assert moments(np.cumsum(sizes[:, None] * directions, axis=0)) == ()
