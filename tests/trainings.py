"""Small trainings made with NumPy alone: real ones that are healthy, and smooth ones into which a fault is planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from folders import save, trainer_arrays

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a multilayer perceptron is trained on blobs of points."""

    seed: int
    optimizer: str = "sgd"  # "sgd", "momentum" or "adam"
    activation: str = "tanh"  # or "relu"
    weight_decay: float = 0.0
    dropout: float = 0.0
    shape: tuple[int, ...] = (6, 16, 12, 4)
    epochs: int = 14


def train(recipe: Recipe) -> tuple[list[Weights], list[float]]:
    """Return the weights after each epoch and the mean loss of each."""
    random = np.random.default_rng(recipe.seed)
    points, classes = _blobs(recipe, random)
    model: Weights = {}
    for number, (size_in, size_out) in enumerate(pairwise(recipe.shape), 1):
        scale = np.sqrt((2 if recipe.activation == "relu" else 1) / size_in)
        model[f"l{number}/W"] = (random.normal(size=(size_out, size_in)) * scale).astype(np.float32)
        model[f"l{number}/b"] = np.zeros(size_out, dtype=np.float32)
    state = {key: (np.zeros_like(array), np.zeros_like(array)) for key, array in model.items()}
    snapshots, losses, step = [], [], 0
    for _ in range(recipe.epochs):
        order = random.permutation(240)
        sums = []
        for start in range(0, 240, 24):
            batch = order[start : start + 24]
            loss, slopes = _slopes(model, points[batch], classes[batch], recipe, random)
            sums.append(loss)
            step += 1
            for key, slope in slopes.items():
                _update(model, key, slope, state, step, recipe)
        snapshots.append({key: array.copy() for key, array in model.items()})
        losses.append(float(np.mean(sums)))
    return snapshots, losses


def silent_units(recipe: Recipe, snapshots: Sequence[Weights]) -> set[tuple[str, int]]:
    """Return layer and index of the hidden ReLU units that are at zero for every point in every snapshot."""
    if recipe.activation != "relu":
        return set()
    points, _ = _blobs(recipe, np.random.default_rng(recipe.seed))
    reached: dict[str, np.ndarray] = {}
    for model in snapshots:
        value = points
        for number in range(1, len(recipe.shape) - 1):
            value = np.maximum(value @ model[f"l{number}/W"].T + model[f"l{number}/b"], 0)
            reached[f"l{number}"] = reached.get(f"l{number}", False) | (value > 0).any(axis=0)
    return {(layer, int(unit)) for layer, units in reached.items() for unit in np.flatnonzero(~units)}


def _blobs(recipe: Recipe, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    centres = random.normal(size=(recipe.shape[-1], recipe.shape[0])) * 1.5
    classes = random.integers(recipe.shape[-1], size=240)
    return centres[classes] + random.normal(size=(240, recipe.shape[0])), classes


def _slopes(
    model: Weights, points: np.ndarray, classes: np.ndarray, recipe: Recipe, random: np.random.Generator
) -> tuple[float, Weights]:
    depth = len(recipe.shape) - 1
    inputs, masks, value = [], [], points
    for number in range(1, depth + 1):
        inputs.append(value)
        value = value @ model[f"l{number}/W"].T + model[f"l{number}/b"]
        if number < depth:
            if recipe.activation == "relu":
                slope = (value > 0).astype(float)
                value = value * slope
            else:
                value = np.tanh(value)
                slope = 1 - value**2
            kept = (random.random(value.shape) >= recipe.dropout) / (1 - recipe.dropout)
            masks.append(slope * kept)
            value = value * kept
    shares = np.exp(value - value.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(classes))
    loss = float(-np.log(shares[rows, classes] + 1e-12).mean())
    shares[rows, classes] -= 1
    back = shares / len(classes)
    slopes: Weights = {}
    for number in range(depth, 0, -1):
        slopes[f"l{number}/W"] = back.T @ inputs[number - 1]
        slopes[f"l{number}/b"] = back.sum(axis=0)
        if number > 1:
            back = (back @ model[f"l{number}/W"]) * masks[number - 2]
    return loss, slopes


def _update(model: Weights, key: str, slope: np.ndarray, state: dict[str, tuple], step: int, recipe: Recipe) -> None:
    first, second = state[key]
    if recipe.optimizer == "adam":
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        change = 0.01 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    elif recipe.optimizer == "momentum":
        first = 0.9 * first + slope
        change = 0.02 * first
    else:
        change = 0.1 * slope
    state[key] = (first, second)
    decay = recipe.weight_decay if key.endswith("W") else 0.0
    model[key] = (model[key] * (1 - decay) - change).astype(np.float32)


def smooth_run(seed: int, epochs: int = 12, shape: Sequence[int] = (8, 16, 12, 5)) -> tuple[list[Weights], list[float]]:
    """Return weights that go a way of their own and never stand still, and a loss that falls."""
    random = np.random.default_rng(seed)
    start: Weights = {}
    aim: Weights = {}
    for number, (size_in, size_out) in enumerate(pairwise(shape), 1):
        start[f"l{number}/W"] = random.normal(size=(size_out, size_in)) / np.sqrt(size_in)
        start[f"l{number}/b"] = random.normal(size=size_out) * 0.1
    for key, array in start.items():
        aim[key] = random.normal(size=array.shape) * 0.5 * np.abs(array).mean()
    snapshots = []
    for epoch in range(epochs):
        share = 1 - np.exp(-epoch / 4)
        noise = {key: random.normal(size=array.shape) * 0.002 for key, array in start.items()}
        snapshots.append({key: (start[key] + share * aim[key] + noise[key]).astype(np.float32) for key in start})
    losses = [float(0.1 + 2.0 * np.exp(-epoch / 4) + random.normal() * 0.01) for epoch in range(epochs)]
    return snapshots, losses


def write(folder: Path, snapshots: Sequence[Weights], losses: Sequence[float]) -> Path:
    """Write a result folder as Chainer does; epochs count from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for epoch, model in enumerate(snapshots, 1):
        save(folder / f"trainer_{epoch:05}", trainer_arrays(model, epoch=epoch, iteration=epoch * 10))
    rows = [{"main/loss": loss, "epoch": epoch, "iteration": 10 * epoch} for epoch, loss in enumerate(losses, 1)]
    (folder / "log").write_text(json.dumps(rows), encoding="utf-8")
    return folder


Plant = Callable[[list[Weights], list[float]], "set[tuple[str, str | None, int | None, float | None]]"]


def plants() -> dict[str, Plant]:
    """Return 30 faults by name; each changes a run in place and returns its findings: rule, layer, unit, epoch."""
    made: dict[str, Plant] = {}
    for number, (layer, since) in enumerate([("l1", 4), ("l2", 5), ("l3", 6), ("l1", 9)]):
        made[f"not_finite {number}"] = _not_finite(layer, since, [np.nan, np.inf, -np.inf, np.nan][number])
    for layer, since in (("l1", 3), ("l2", 6), ("l3", 10)):
        made[f"unchanged_tensor {layer}"] = _unchanged(f"{layer}/W", since)
    made["unchanged_tensor bias"] = _unchanged("l2/b", 1)
    for layer, unit, since in (("l1", 3, 2), ("l1", 15, 7), ("l2", 0, 5), ("l2", 11, 9)):
        made[f"dead_unit {layer} {unit}"] = _dead(layer, unit, since, 1.0)
        if since < 7:
            made[f"dead_unit {layer} {unit} shrinks"] = _dead(layer, unit, since, 0.98)
    for layer, unit, since in (("l1", 5, 3), ("l2", 2, 8), ("l2", 7, 12)):
        made[f"unused_unit {layer} {unit}"] = _unused(layer, unit, since)
    for layer in ("l1", "l2", "l3"):
        made[f"exploding {layer}"] = _exploding(layer)
    made["exploding spike"] = _spike("l2", 6, 150, ("exploding", "update_size"))
    made["update_size l1"] = _spike("l1", 5, 20, ("update_size",))
    made["update_size l3"] = _spike("l3", 8, 30, ("update_size",))
    made["rank_collapse l1"] = _collapse("l1", 6)
    made["rank_collapse l2"] = _collapse("l2", 10)
    made["not_learning flat"] = _losses(lambda epoch: 2.3 + 0.004 * (-1) ** epoch, ("not_learning", 1.0))
    made["not_learning exactly flat"] = _losses(lambda _epoch: 2.3, ("not_learning", 1.0))
    made["diverging"] = _losses(lambda epoch: 2.0 / epoch if epoch < 7 else 0.3 * 2 ** (epoch - 7), ("diverging", 9.0))
    made["diverging to a plateau"] = _losses(lambda epoch: 2.0 / epoch if epoch < 5 else 1.6, ("diverging", 5.0))
    made["loss is NaN"] = _losses(lambda epoch: 2.0 / epoch if epoch < 8 else float("nan"), ("not_finite", 8.0))
    return made


def _not_finite(layer: str, since: int, value: float) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for model in run[since - 1 :]:
            model[f"{layer}/W"][1, 2] = value
        return {("not_finite", layer, None, since)}

    return plant


def _unchanged(key: str, since: int) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for model in run[since:]:
            model[key] = run[since - 1][key].copy()
        return {("unchanged_tensor", key.split("/")[0], None, since)}

    return plant


def _dead(layer: str, unit: int, since: int, factor: float) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for before, model in zip(run[since - 1 :], run[since:], strict=False):
            model[f"{layer}/W"][unit] = before[f"{layer}/W"][unit] * np.float32(factor)
            model[f"{layer}/b"][unit] = before[f"{layer}/b"][unit]
        return {("dead_unit", layer, unit, since)}

    return plant


def _unused(layer: str, unit: int, since: int) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for model in run[since - 1 :]:
            model[f"l{int(layer[1:]) + 1}/W"][:, unit] = 0
        return {("unused_unit", layer, unit, since)}

    return plant


def _exploding(layer: str) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for place, model in enumerate(run):
            model[f"{layer}/W"] = run[0][f"{layer}/W"] * np.float32(1.5**place)
            model[f"{layer}/W"][0, 0] += np.float32(0.01 * place)
        return {("exploding", layer, None, 7)}  # 1.5 to the sixth power is 11.4

    return plant


def _spike(layer: str, at: int, factor: float, rules: Sequence[str]) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        run[at - 1][f"{layer}/W"] = run[at - 1][f"{layer}/W"] * np.float32(factor)
        return {(rule, layer, None, at) for rule in rules}

    return plant


def _collapse(layer: str, since: int) -> Plant:
    def plant(run: list[Weights], _losses: list[float]) -> set:
        for model in run[since - 1 :]:
            matrix = model[f"{layer}/W"]
            left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
            sizes[0] = np.linalg.norm(sizes)
            sizes[1:] *= 0.001
            model[f"{layer}/W"] = (left * sizes @ right).astype(np.float32)
        return {("rank_collapse", layer, None, since)}

    return plant


def _losses(of: Callable[[int], float], answer: tuple[str, float]) -> Plant:
    def plant(_run: list[Weights], losses: list[float]) -> set:
        losses[:] = [of(epoch) for epoch in range(1, len(losses) + 1)]
        return {(answer[0], None, None, answer[1])}

    return plant
