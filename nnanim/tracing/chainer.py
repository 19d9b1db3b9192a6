"""Follow an example through a Chainer link, along the graph that Chainer keeps for its gradients."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnanim.tracing.flow import INPUT, Flow, Sources, union

# Functions by the beginning of their class's name: products with weights, and norms.
_PRODUCTS = ("Linear", "Convolution", "Deconvolution", "DilatedConvolution", "EmbedID", "MatMul", "Bilinear")
_NORMS = ("BatchNormalization", "FixedBatchNormalization", "LayerNormalization", "GroupNormalization", "PReLU")


def key_of(path: str) -> str:
    """Return the key under which a parameter is recorded: ``l1.weight`` for ``/predictor/l1/W``."""
    name = path.strip("/").removeprefix("predictor/").replace("/", ".")
    return re.sub(r"\bb$", "bias", re.sub(r"\bW$", "weight", name))


def follow(model: Any, example: Any) -> Flow:
    """Call a link with an example; see `nnanim.tracing.trace`. A classifier's predictor is called in its place."""
    from nnanim.reading.snapshots.chainer_model import import_chainer

    chainer: Any = import_chainer()
    called = getattr(model, "predictor", model)
    args, kwargs = _arguments(chainer, example)
    with chainer.using_config("train", False), chainer.using_config("enable_backprop", True):
        result = called(*args, **kwargs)
    keys = {id(parameter.node): key_of(path) for path, parameter in model.namedparams() if _is_matrix(parameter)}
    known: dict[int, Sources] = {
        id(variable.node): (INPUT,) for variable in _variables(chainer, (args, list(kwargs.values())))
    }
    flow = Flow()
    outputs = [variable.node for variable in _variables(chainer, result)]
    for function in _in_order(outputs):
        sources = _through(function, known, keys, flow)
        for output in function.outputs:
            if output() is not None:
                known[id(output())] = sources
    for node in outputs:
        flow.end(known.get(id(node), ()))
    return flow


def _arguments(chainer: Any, example: Any) -> tuple[list[Any], dict[str, Any]]:
    def variable(value: Any) -> Any:
        is_real = getattr(getattr(value, "dtype", None), "kind", "") == "f"
        return chainer.Variable(value) if is_real and not isinstance(value, chainer.Variable) else value

    if isinstance(example, Mapping):
        return [], {name: variable(value) for name, value in example.items()}
    return [variable(value) for value in (example if isinstance(example, tuple | list) else (example,))], {}


def _is_matrix(parameter: Any) -> bool:
    return parameter.array is not None and parameter.array.ndim > 1


def _variables(chainer: Any, value: Any) -> Iterator[Any]:
    if isinstance(value, chainer.Variable):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _variables(chainer, each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _variables(chainer, each)


def _in_order(outputs: list[Any]) -> list[Any]:
    """Return the functions behind some variables, each behind those that it needs."""
    found: dict[int, Any] = {}
    waiting = [node.creator_node for node in outputs]
    while waiting:
        function = waiting.pop()
        if function is not None and id(function) not in found:
            found[id(function)] = function
            waiting += [node.creator_node for node in function.inputs]
    return sorted(found.values(), key=lambda function: function.rank)


def _through(function: Any, known: Mapping[int, Sources], keys: Mapping[int, str], flow: Flow) -> Sources:
    label = type(function).__name__
    if hasattr(function, "function"):  # one of the old style, in a wrapper
        label = type(function.function).__name__
    weights = tuple(keys[id(node)] for node in function.inputs if id(node) in keys)
    given = [known[id(node)] for node in function.inputs if id(node) in known]
    if label.startswith(_NORMS):
        return given[0] if given else ()
    if weights and label.startswith(_PRODUCTS):
        flow.into(weights, union(given))
        return weights
    return flow.join([*given, *((key,) for key in weights)], label)
