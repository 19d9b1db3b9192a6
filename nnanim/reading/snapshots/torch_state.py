"""Where in a saved object the weights of its models are, and what it says of the moment of the training.

A state dict alone (``torch.save(model.state_dict())``), a module (``torch.save(model)``, ``torch.jit.save``), or a dict
or object that holds several of these beside epoch, loss and the optimizer's state.

Source: ``torch/nn/modules/module.py`` (``_parameters``, ``_buffers``, ``_modules`` in the order of ``state_dict``) and
``torch/csrc/jit/serialization/pickler.cpp`` (``__torch__.`` before the names of classes) of PyTorch 2.13.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnanim.reading.containers.pickles import Unknown
from nnanim.reading.containers.torch_tensors import Tensor

# In the order in which one of several is chosen.
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
_RANKS = (*_MODELS, "encoder")
_STATE_DICT = re.compile(r"_?(?:state_?dict|state|sd|weights)$", re.IGNORECASE)
_NOT_MODELS = re.compile(
    r"optim|sched|scaler|rng|random|callbacks|loops|hyper_param|hparams|amp$|grad|loss|metric|config|args|history"
    r"|replay|buffer$",
    re.IGNORECASE,
)
# Of a model that stands under another name in the file: averaged over time, or a target to learn from.
_COPIES = re.compile(r"(?:^|[_.])(?:ema|swa|averaged?|avg|shadow|target|teacher|best)(?:[_.]|$)", re.IGNORECASE)
_EPOCHS = ("epoch", "epochs", "current_epoch", "epoch_num", "n_epoch", "last_epoch")
_ITERATIONS = ("global_step", "step", "iteration", "iter", "it", "steps", "n_iter", "num_updates", "iterations")
COUNTERS = (*_EPOCHS, *_ITERATIONS)
_MODULE_GROUPS = ("_parameters", "_buffers", "_modules")
_SCRIPT = "__torch__."
# A quantised layer keeps (weight, bias) in one: torch/ao/nn/quantized/modules/linear.py.
_PACKED = re.compile(r"_packed_params\._packed_params\.([01])$")
_MAX_DEPTH = 50
_MAX_VISITS = 1_000_000
_MAX_KEY_LENGTH = 1000
_MAX_NESTED = 4  # dicts of dicts of state dicts


@dataclass(frozen=True)
class FoundModel:
    """One model in a saved object.

    Attributes:
        path: names on the way to it, joined by dots; empty where it is the whole file.
        tensors: by key, in the order in which the model defines them.
        is_copy: whether its name says that it is an average or a target of another.
    """

    path: str
    tensors: dict[str, Tensor]
    is_copy: bool = False


@dataclass(frozen=True)
class State:
    """What was found in a saved object.

    Attributes:
        models: the models in it, the one that is drawn first.
        epoch: as the file says, or None.
        iteration: as the file says, or None.
        is_lightning: whether Lightning wrote it.
    """

    models: tuple[FoundModel, ...]
    epoch: int | float | None
    iteration: int | None
    is_lightning: bool


def find_state(saved: Any) -> State:
    """Look into a saved object for models' tensors and for counters."""
    root = _opened(saved)
    iteration = _counter(root, _ITERATIONS)
    found = _without_parts(_find(saved, "", set()))
    return State(
        models=tuple(sorted(found, key=_rank)),
        epoch=_counter(root, _EPOCHS),
        iteration=int(iteration) if iteration is not None else None,
        is_lightning="pytorch-lightning_version" in root,
    )


def _rank(model: FoundModel) -> tuple[bool, int]:
    """Return what decides which of several models is drawn; those of equal rank stay as in the file."""
    names = [_STATE_DICT.sub("", name) or name for name in model.path.split(".")]
    known = [_RANKS.index(name) for name in (*names, model.path) if name in _RANKS]
    return model.is_copy, min(known, default=len(_RANKS))


def _find(value: Any, path: str, seen: set[int]) -> list[FoundModel]:
    # What a file shares it may share a million times: each container is looked into once.
    if id(value) in seen:
        return []
    seen.add(id(value))
    if _is_module(value):
        return _model(path, _flatten(_opened(value)))
    root = _opened(value)
    if {"state", "param_groups"} <= set(root):  # an optimizer's own file: its arrays look like weights
        return []
    own = any(_is_weight(item) for item in root.values())
    inner = {}
    if path.count(".") < _MAX_NESTED:
        for key, item in root.items():
            is_looked_into = not isinstance(item, Tensor) and not _NOT_MODELS.search(key) and not _is_optimizer(item)
            found = _find(item, f"{path}.{key}" if path else key, seen) if is_looked_into else []
            if found:
                inner[key] = found
    if own and not any(_is_module(root[key]) or key in _MODELS or _STATE_DICT.search(key) for key in inner):
        return _model(path, _flatten(_models_own(root)))
    found = [model for models in inner.values() for model in models]
    if len(inner) > 1 and not any(
        key in _MODELS or _STATE_DICT.search(key) or _is_module(root[key]) or _has_dots(inner[key]) for key in inner
    ):
        return _model(path, _flatten(_models_own(root)))  # a dict of layers, each a dict of arrays
    return found


def _models_own(root: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in root.items() if isinstance(item, Tensor) or not _NOT_MODELS.search(key)}


def _model(path: str, tensors: dict[str, Tensor]) -> list[FoundModel]:
    if not any(map(_is_weight, tensors.values())):
        return []
    return [FoundModel(path, tensors, bool(_COPIES.search(path)))]


def _has_dots(models: list[FoundModel]) -> bool:
    return any("." in key for model in models for key in model.tensors)


def _without_parts(models: list[FoundModel]) -> list[FoundModel]:
    """Leave out models all of whose tensors are tensors of another, which holds more or stands before."""
    places = [{(t.storage.key, t.offset, t.shape) for t in model.tensors.values()} for model in models]
    kept = []
    for index, (model, own) in enumerate(zip(models, places, strict=True)):
        if not any(
            own < other or (own == other and place < index) for place, other in enumerate(places) if place != index
        ):
            kept.append(model)
    return kept


def _is_weight(value: Any) -> bool:
    return isinstance(value, Tensor) and len(value.shape) > 1


def _is_module(value: Any) -> bool:
    if not isinstance(value, Unknown) or not isinstance(value.state, dict):
        return False
    return "_modules" in value.state or value.name.startswith(_SCRIPT)


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, Unknown) and value.name.startswith("torch.optim.")


def _opened(value: Any) -> dict[str, Any]:
    """Return what an object holds by name: a dict's items, a module's parameters, buffers and children."""
    if isinstance(value, Unknown):
        state = value.state if isinstance(value.state, dict) else {}
        if "_modules" in state:
            passing = state.get("_non_persistent_buffers_set")
            left_out = frozenset(name for name in _names(passing))
            inside: dict[str, Any] = {}
            for group in _MODULE_GROUPS:
                if isinstance(state.get(group), dict):
                    inside |= {key: item for key, item in state[group].items() if key not in left_out}
            state = inside
        value = state
    if isinstance(value, list | tuple):
        return {str(place): item for place, item in enumerate(value)}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _names(value: Any) -> Iterator[str]:
    """Yield the texts in what stands for a set."""
    if isinstance(value, Unknown):
        value = next((argument for argument in value.arguments if isinstance(argument, list)), ())
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, str))


def _flatten(root: dict[str, Any]) -> dict[str, Tensor]:
    return dict(_walk(root))


def _walk(root: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting and len(seen) < _MAX_VISITS:
        path, value, depth = waiting.pop()
        if isinstance(value, Tensor):
            yield _PACKED.sub(lambda match: ("weight", "bias")[int(match[1])], path), value
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
