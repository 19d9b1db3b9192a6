"""Read the connections of a Keras model from the graph of its layers. Keras itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnanim.errors import OptionError
from nnanim.tracing.flow import INPUT, Flow, Sources, union

# Beginnings of the names of weights in an attention layer, in the order of what it is called with.
_ATTENTION = ("query", "value", "key")
_ATTENTION_OUT = "attention_output"
_EMBEDDED = ("kernel", "embeddings")


def key_of(path: str, axes: int) -> str:
    """Return the key under which a variable is recorded: ``dense/weight`` for ``dense/kernel``."""
    layer, _, last = path.rpartition("/")
    return f"{layer}/weight" if last in _EMBEDDED and axes > 1 else path


def follow(model: Any) -> Flow:
    """Walk the layers of a functional or sequential model; see `nnanim.tracing.trace`.

    Raises:
        OptionError: the model is a subclass of ``keras.Model``, which does not tell how its layers are connected.
    """
    flow = Flow()
    graph = _graph_of(model)
    if graph is None:
        raise OptionError(
            f"the Keras model {getattr(model, 'name', '')!r} does not tell its connections: only functional and"
            " sequential models that are built do"
        )
    for outputs in _walk(graph, [(INPUT,)] * len(graph.inputs), flow):
        flow.end(outputs)
    return flow


def _graph_of(layer: Any) -> Any:
    """Return the functional model behind a layer, or None."""
    layer = getattr(layer, "_functional", None) or layer  # a sequential model
    return layer if hasattr(layer, "_nodes_by_depth") and getattr(layer, "outputs", None) is not None else None


def _walk(graph: Any, given: Sequence[Sources], flow: Flow) -> list[Sources]:
    """Return where each output of a functional model comes from."""
    known = {id(tensor): sources for tensor, sources in zip(graph.inputs, given, strict=False)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.input_tensors:  # an input
                continue
            taken = [known.get(id(tensor), ()) for tensor in node.input_tensors]
            layer = node.operation
            inner = _graph_of(layer)
            if inner is not None:
                left = _walk(inner, taken, flow)
            else:
                left = [_through(layer, taken, flow)] * len(node.output_tensors)
            known |= {id(tensor): sources for tensor, sources in zip(node.output_tensors, left, strict=False)}
    return [known.get(id(tensor), ()) for tensor in graph.outputs]


def _through(layer: Any, taken: Sequence[Sources], flow: Flow) -> Sources:
    """Return what a layer puts out, where it takes in some sources."""
    weights = [
        variable
        for variable in getattr(layer, "weights", ())
        if len(variable.shape) > 1 and not variable.path.endswith("bias")  # of attention: one for each head
    ]
    keys = {variable.path: key_of(variable.path, len(variable.shape)) for variable in weights}
    if not keys:
        return flow.join(taken, type(layer).__name__)
    out = [key for path, key in keys.items() if f"/{_ATTENTION_OUT}/" in path]
    if out:
        parts = []
        for place, name in enumerate(_ATTENTION):
            heads = [key for path, key in keys.items() if f"/{name}/" in path]
            flow.into(heads, taken[min(place, len(taken) - 1)])
            parts.append(tuple(heads))
        flow.into(out, flow.join([parts[0], parts[2], parts[1]], "matmul"))
        return tuple(out)
    everything = union(taken)
    again = [key for path, key in keys.items() if path.endswith("/recurrent_kernel")]
    second = [key for path, key in keys.items() if path.endswith("/pointwise_kernel")]
    first = [key for key in keys.values() if key not in again and key not in second]
    flow.into(first, everything)
    for one, other in zip(first, again or second, strict=False):
        flow.into([other], [one])
    return tuple(second or [*first, *again])
