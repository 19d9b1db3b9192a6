"""Where in a saved object the weights of the model are, and what it says of the moment of the training."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnanim.reading.containers.pickles import Unknown
from nnanim.reading.containers.torch_archive import Tensor

_MODELS = (
    "model_state_dict",
    "state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "parameters",
    "policy",
    "actor",
    "generator",
)
_NOT_MODELS = re.compile(
    r"optim|sched|scaler|rng|random|callbacks|loops|hyper_param|hparams|amp$|(?:^|_)ema|averag|grad|loss|metric"
    r"|config|args|history",
    re.IGNORECASE,
)
_EPOCHS = ("epoch", "epochs", "current_epoch", "epoch_num", "n_epoch", "last_epoch")
_ITERATIONS = ("global_step", "step", "iteration", "iter", "it", "steps", "n_iter", "num_updates", "iterations")
_MAX_DEPTH = 50
_MAX_VISITS = 1_000_000
_MAX_KEY_LENGTH = 1000


@dataclass(frozen=True)
class State:
    """What was found in a saved object.

    Attributes:
        tensors: the model's tensors by key, in the order of the file.
        model: what the model is called; empty for a bare state dict.
        other_models: what else looks like a model.
        epoch: as the file says, or None.
        iteration: as the file says, or None.
        is_lightning: whether Lightning wrote it.
    """

    tensors: dict[str, Tensor]
    model: str
    other_models: tuple[str, ...]
    epoch: int | float | None
    iteration: int | None
    is_lightning: bool


def find_state(saved: Any) -> State:
    """Look into a saved object for a model's tensors and for counters."""
    root = _opened(saved)
    if {"state", "param_groups"} <= set(root):  # an optimizer's own file: its arrays look like weights
        root = {}
    model, others, tensors = _find(root, 0)
    iteration = _counter(root, _ITERATIONS)
    return State(
        tensors=tensors,
        model=model,
        other_models=others,
        epoch=_counter(root, _EPOCHS),
        iteration=int(iteration) if iteration is not None else None,
        is_lightning="pytorch-lightning_version" in root,
    )


def _find(root: dict[str, Any], depth: int) -> tuple[str, tuple[str, ...], dict[str, Tensor]]:
    if any(isinstance(value, Tensor) and len(value.shape) > 1 for value in root.values()):
        return "", (), _flatten(root)
    inner = {}
    for key, value in root.items():
        if not _NOT_MODELS.search(key):
            tensors = _flatten(_opened(value))
            if any(len(tensor.shape) > 1 for tensor in tensors.values()):
                inner[key] = tensors
    if not inner:
        return "", (), {}
    by_rank = sorted(inner, key=lambda key: _MODELS.index(key) if key in _MODELS else len(_MODELS))
    chosen = by_rank[0]
    if (
        chosen not in _MODELS
        and len(inner) > 1
        and not any("." in key for tensors in inner.values() for key in tensors)
    ):
        return "", (), _flatten(root)  # a dict of layers, each a dict of arrays
    name, others, tensors = _find(_opened(root[chosen]), depth + 1) if depth < 4 else ("", (), inner[chosen])
    others = tuple(other for other in by_rank[1:] if set(inner[other]) != set(inner[chosen])) + others
    return ".".join(filter(None, (chosen, name))), others, tensors


def _opened(value: Any) -> dict[str, Any]:
    """Return what an object holds by name: a dict's items, a module's parameters and children."""
    if isinstance(value, Unknown):
        state = value.state if isinstance(value.state, dict) else {}
        inside: dict[str, Any] = {}
        for group in ("_parameters", "_buffers", "_modules"):
            if isinstance(state.get(group), dict):
                inside |= state[group]
        value = inside or state
    if isinstance(value, list | tuple):
        return {str(place): item for place, item in enumerate(value)}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _flatten(root: dict[str, Any]) -> dict[str, Tensor]:
    return dict(_walk(root))


def _walk(root: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    # What a file shares it may share a million times: each container is looked into once.
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting and len(seen) < _MAX_VISITS:
        path, value, depth = waiting.pop()
        if isinstance(value, Tensor):
            yield path, value
            continue
        if not isinstance(value, dict | list | tuple | Unknown) or id(value) in seen or depth > _MAX_DEPTH:
            continue
        if len(path) > _MAX_KEY_LENGTH:
            continue
        seen.add(id(value))
        children = [(f"{path}.{key}" if path else key, item, depth + 1) for key, item in _opened(value).items()]
        waiting.extend(reversed(children))


def _counter(root: dict[str, Any], names: tuple[str, ...]) -> int | float | None:
    for name in names:
        value = root.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53:
            return value
    return None
