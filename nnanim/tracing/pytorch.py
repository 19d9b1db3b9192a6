"""Follow an example through a PyTorch module, call by call of PyTorch's functions.

Functions are watched instead of modules, so that sums, concatenations, shared weights and what a ``forward`` computes
with its own parameters are seen as they are: https://pytorch.org/docs/stable/torch.overrides.html
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from nnanim.tracing.flow import INPUT, Flow, Sources, union

# Where the weight stands among the arguments; what stands before it flows into it.
WEIGHT_AT = {
    **dict.fromkeys(("linear", "embedding", "embedding_bag"), 1),
    **{f"conv{kind}{axes}d": 1 for kind in ("", "_transpose") for axes in (1, 2, 3)},
    "bilinear": 2,
}
# Products in which any side may be the weight.
PRODUCTS = frozenset(
    (
        *("matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "addmm", "addmv", "addbmm", "baddbmm", "einsum"),
        *("tensordot", "inner", "dot", "chain_matmul", "linalg_matmul"),
    )
)
NORMS = frozenset(("layer_norm", "batch_norm", "group_norm", "instance_norm", "rms_norm", "prelu"))
RECURRENT = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
CELLS = frozenset(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"))
# Their results depend on shapes and types only.
SHAPES = re.compile(r"(?:zeros|ones|empty|full|rand|randn|randint)_like|new_\w+|size|dim|numel|shape")
_IN_PLACE = re.compile(r"__setitem__|__i\w+__|[a-z]\w*_")
_LAYER = re.compile(r"weight_(ih|hh|hr)_l(\d+)(_reverse)?$")


def follow(model: Any, example: Any) -> Flow:
    """Call a module with an example; see `nnanim.tracing.trace`."""
    traced = _Tracer(model)
    args, kwargs = _arguments(example)

    def call(_watch: Any, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return traced.call(func, args, kwargs or {})

    # Made in this way because a class whose base has no types where PyTorch is not installed does not pass mypy.
    watch = type("Watch", (TorchFunctionMode,), {"__torch_function__": call})()
    with _as_in_evaluation(model):
        traced.see((args, kwargs))
        with watch:
            result = model(*args, **kwargs)
    traced.flow.end(traced.sources(result))
    return traced.flow


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example, Mapping):
        return (), dict(example)
    return (tuple(example) if isinstance(example, tuple | list) else (example,)), {}


@contextmanager
def _as_in_evaluation(model: Any) -> Iterator[None]:
    """Leave the model, its buffers and the random numbers as they were."""
    training = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        model.eval()
        with torch.random.fork_rng():
            yield
    finally:
        for module, was_training in training:
            module.training = was_training
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


class _Tracer:
    def __init__(self, model: Any) -> None:
        self.flow = Flow()
        self._made_of: dict[int, Sources] = {}  # tensors computed from parameters alone, by identity
        self._carried: dict[int, Sources] = {}  # what flows
        self._alive: list[Any] = []  # so that no identity is given twice
        self._vectors: set[str] = set()  # such as the lengths that a weight is normalized to
        for name, parameter in model.named_parameters(remove_duplicate=False):
            if parameter.ndim > 1:
                self._made_of.setdefault(id(parameter), (name,))
                if parameter.numel() == max(parameter.shape):
                    self._vectors.add(name)

    def see(self, given: Any) -> None:
        """Take tensors for what the model is given."""
        for tensor in _tensors(given):
            self._carry(tensor, (INPUT,))

    def sources(self, value: Any) -> Sources:
        """Return where the tensors in a value come from."""
        return union(self._carried.get(id(tensor), ()) for tensor in _tensors(value))

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of PyTorch and note what flows through it."""
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if SHAPES.fullmatch(name) is None:
            changed = args[:1] if _IN_PLACE.fullmatch(name) else ()
            self._note(name, func, args, kwargs, list(_tensors((result, changed))))
        return result

    def _note(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: list[Any]) -> None:
        if name == "multi_head_attention_forward":
            flowing = self._attention(inspect.signature(func).bind(*args, **kwargs).arguments)
        elif name in RECURRENT:
            flowing = self._recurrent(args)
        elif name in CELLS:
            flowing = self._cell(*args[:4])
        elif name in WEIGHT_AT:
            place = WEIGHT_AT[name]
            weight = args[place] if len(args) > place else kwargs.get("weight")
            given = [args[:place], [kwargs[key] for key in ("input", "input1", "input2") if key in kwargs]]
            flowing = self._into(self._weights(weight), given)
        else:
            tensors = list(_tensors((args, kwargs)))
            weights = () if name in NORMS else self._weights(tensors)
            others = [tensor for tensor in tensors if id(tensor) not in self._made_of]
            if weights and name in PRODUCTS and others:
                flowing = self._into(weights, others)
            elif weights and not any(id(tensor) in self._carried for tensor in others):
                for result in results:  # still a weight: transposed, a part of it, a product of two
                    self._made_of[id(result)] = self._matrices(weights)
                    self._alive.append(result)
                return
            else:
                groups = [self._any(tensor) for tensor in tensors] if name not in NORMS else [self.sources(others)]
                flowing = self.flow.join(groups, name)
        for result in results:
            self._carry(result, flowing)

    def _into(self, weights: Sources, given: Any) -> Sources:
        """Note that what is given flows into weights; they are where it comes from now."""
        if not weights:
            return self.flow.join([self._any(tensor) for tensor in _tensors(given)], "matmul")
        self.flow.into(weights, union(self._any(tensor) for tensor in _tensors(given)))
        return weights

    def _attention(self, given: Mapping[str, Any]) -> Sources:
        last: list[Sources] = []
        for name in ("query", "key", "value"):
            weight = given.get(f"{name[0]}_proj_weight") if given.get("use_separate_proj_weight") else None
            last.append(self._into(self._weights(given["in_proj_weight"] if weight is None else weight), given[name]))
        out = self._weights(given["out_proj_weight"])
        self.flow.into(out, self.flow.join(last, "matmul"))
        return out

    def _recurrent(self, args: tuple[Any, ...]) -> Sources:
        """Note each layer of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``: from the layer below, and from its own outputs."""
        keys = self._weights(next(each for each in args[1:] if _are_weights(each, self._made_of)))
        layers: dict[int, dict[str, list[str]]] = {}
        for key in keys:
            found = _LAYER.search(key)
            layers.setdefault(int(found[2]) if found else 0, {}).setdefault(found[1] if found else "ih", []).append(key)
        sources = self.sources(args[0])
        for _, kinds in sorted(layers.items()):
            into, again, reduced = (kinds.get(kind, []) for kind in ("ih", "hh", "hr"))
            self.flow.into(into, sources)
            for first, second in zip(into, again, strict=False):
                self.flow.into([second], [first])
            sources = tuple(reduced or [*into, *again])
            if reduced:
                self.flow.into(reduced, [*into, *again])
        return sources

    def _cell(self, given: Any, before: Any, into: Any, again: Any) -> Sources:
        first, second = self._weights(into), self._weights(again)
        self.flow.into(first, self.sources(given))
        self.flow.into(second, self.sources(before))
        return (*first, *second)

    def _weights(self, value: Any) -> Sources:
        """Return the keys of the parameters that a value is made of."""
        return union(self._made_of.get(id(tensor), ()) for tensor in _tensors(value))

    def _matrices(self, keys: Sources) -> Sources:
        return tuple(key for key in keys if key not in self._vectors) or keys

    def _any(self, tensor: Any) -> Sources:
        return self._carried.get(id(tensor), ()) or self._made_of.get(id(tensor), ())

    def _carry(self, tensor: Any, sources: Sources) -> None:
        self._made_of.pop(id(tensor), None)
        self._carried[id(tensor)] = sources
        self._alive.append(tensor)


def _are_weights(value: Any, known: Mapping[int, Sources]) -> bool:
    return isinstance(value, list | tuple) and any(id(each) in known for each in value)


def _tensors(value: Any) -> Iterator[Any]:
    """Yield the tensors in lists, tuples and dicts, however deep."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)
