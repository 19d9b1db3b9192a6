from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from nnanim.reading.containers.pickles import Unknown
from nnanim.reading.containers.torch_tensors import Storage, Tensor
from nnanim.reading.snapshots.torch_state import find_state

NUMBERS = count()


def tensor(*shape: int) -> Tensor:
    return Tensor(Storage(str(next(NUMBERS)), "f4", 99), "f4", 0, shape, tuple(1 for _ in shape))


def module(parameters: Mapping[str, Any] = {}, modules: Mapping[str, Any] = {}, **more: Any) -> Unknown:
    """Return what a pickled ``nn.Module`` is read as."""
    return Unknown(
        "net.Any", state={"_parameters": parameters, "_buffers": {}, "_modules": modules, "training": True} | more
    )


def linear(size_out: int = 3, size_in: int = 4) -> Unknown:
    return module({"weight": tensor(size_out, size_in), "bias": tensor(size_out)})


def script(**attributes: Any) -> Unknown:
    """Return what a TorchScript module is read as."""
    return Unknown("__torch__.net.Any", state={"training": True, **attributes})


def state(*names: str) -> dict[str, Tensor]:
    return {f"{name}.weight": tensor(3, 3) for name in names}


A, B = state("0", "2"), state("0", "2")
FULL = state("a", "b")
NESTED = {"fc1": linear(), "body": module(modules={"0": linear(), "1": module(), "2": linear()}), "out": linear()}
NESTED_KEYS = [f"{name}.{what}" for name in ("fc1", "body.0", "body.2", "out") for what in ("weight", "bias")]

# what is saved, then the models found, the drawn one first, and the keys of the drawn one
SAVED: dict[str, tuple[Any, list[str], list[str]]] = {
    "a state dict": (A, [""], ["0.weight", "2.weight"]),
    "a state dict beside counters": ({"state_dict": A, "epoch": 3}, ["state_dict"], ["0.weight", "2.weight"]),
    "a whole module": (module(modules=NESTED), [""], NESTED_KEYS),
    "a whole module in a dict": ({"model": module(modules=NESTED), "epoch": 1}, ["model"], NESTED_KEYS),
    "a script": (script(fc=script(weight=tensor(3, 4), bias=tensor(3))), [""], ["fc.weight", "fc.bias"]),
    "two models with equal keys": ({"critic": A, "actor": B}, ["actor", "critic"], ["0.weight", "2.weight"]),
    "two states": (
        {"decoder_state_dict": A, "encoder_state_dict": B},
        ["encoder_state_dict", "decoder_state_dict"],
        ["0.weight", "2.weight"],
    ),
    "two modules": ({"D": linear(), "G": linear()}, ["D", "G"], ["weight", "bias"]),
    "an average comes after what it averages": ({"ema": A, "model": B}, ["model", "ema"], ["0.weight", "2.weight"]),
    "a target comes last": ({"target_net": A, "x": B}, ["x", "target_net"], ["0.weight", "2.weight"]),
    "models in a dict": ({"nets": {"actor": A, "critic": B}}, ["nets.actor", "nets.critic"], ["0.weight", "2.weight"]),
    "a list of models": ([A, B], ["0", "1"], ["0.weight", "2.weight"]),
    "a part of another": (
        {"head": {"b.weight": FULL["b.weight"]}, "whole": FULL},
        ["whole"],
        ["a.weight", "b.weight"],
    ),
    "the same twice": ({"model": FULL, "module": dict(FULL)}, ["model"], ["a.weight", "b.weight"]),
    "no optimizer": (
        {"model": A, "optimizer": {"state": {0: {"exp_avg": tensor(3, 3)}}, "param_groups": []}},
        ["model"],
        ["0.weight", "2.weight"],
    ),
    "an optimizer alone": ({"state": {"0": {"m": tensor(3, 3)}}, "param_groups": []}, [], []),
    "layers in a dict each": (
        {"fc1": {"w": tensor(3, 4), "b": tensor(3)}, "fc2": {"w": tensor(2, 3), "b": tensor(2)}},
        [""],
        ["fc1.w", "fc1.b", "fc2.w", "fc2.b"],
    ),
    "a table beside a state dict": (
        {"state_dict": A, "confusion": tensor(9, 9)},
        ["state_dict"],
        ["0.weight", "2.weight"],
    ),
    "no replay": ({"policy": A, "replay_buffer": {"seen": tensor(9, 9)}}, ["policy"], ["0.weight", "2.weight"]),
    "buffers that are not kept": (
        module({"weight": tensor(2, 2)}, _buffers={"seen": tensor(9, 9)}, _non_persistent_buffers_set=["seen"]),
        [""],
        ["weight"],
    ),
}


@pytest.mark.parametrize("case", SAVED)
def test_models_in_what_was_saved(case: str) -> None:
    saved, models, keys = SAVED[case]
    found = find_state(saved)
    assert [model.path for model in found.models] == models
    assert [key for model in found.models[:1] for key in model.tensors] == keys


def test_counters() -> None:
    found = find_state({"state_dict": A, "epoch": 3, "global_step": 40, "pytorch-lightning_version": "2.5"})
    assert (found.epoch, found.iteration, found.is_lightning) == (3, 40, True)


def test_what_is_shared_is_looked_into_once() -> None:
    level: Any = {"0.weight": tensor(2, 2)}
    for _ in range(4):
        level = {str(place): level for place in range(1000)}
    assert len(find_state(level).models) == 1
