"""Graphs within the steps of an ONNX graph, written into it: branches of ``If``, bodies of loops, functions.

Names within a body are kept where nothing else has them; else the step and the attribute stand before them. What a body
gives back to itself from round to round is not followed.

Source: https://onnx.ai/onnx/operators/, If, Loop and Scan (which input of a body is which input of the step);
https://github.com/onnx/onnx/blob/main/docs/IR.md, Functions.
"""

from __future__ import annotations

from dataclasses import replace

from nnanim.reading.containers.onnx_file import MAX_ARRAYS, MAX_DEPTH, MAX_NODES, Graph, Node
from nnanim.reading.containers.protobuf import ProtobufError

# How many inputs of the step, and outputs of its body, come before those that belong together.
_OFFSETS = {"If": (0, 0), "Loop": (0, 1), "Scan": (0, 0)}
_LONGEST = 100  # characters of the name of a step, or of an attribute, that stand before names
_INSIDE, _JOIN = "Identity", "Max"  # as what passes on, and what two branches come together in


def flatten(graph: Graph) -> Graph:
    """Return a graph whose steps have no bodies.

    Raises:
        ProtobufError: it would have too many steps or arrays.
    """
    if not graph.functions and not any(node.bodies for node in graph.nodes):
        return graph
    flat = Graph(arrays=dict(graph.arrays), said=graph.said, functions=graph.functions)
    names = [*graph.arrays, *graph.inputs, *(name for node in graph.nodes for name in node.outputs)]
    taken = dict.fromkeys(names, 0)  # and how many names were made of each
    for node in graph.nodes:
        _add(flat, node, taken)
    return flat


def _add(flat: Graph, node: Node, taken: dict[str, int], depth: int = 0) -> None:
    if len(flat.nodes) > MAX_NODES or len(flat.arrays) > MAX_ARRAYS:
        raise ProtobufError(f"it has more than {MAX_NODES} nodes or arrays")
    if depth > MAX_DEPTH:
        raise ProtobufError(f"it has more than {MAX_DEPTH} graphs in each other")
    bodies = node.bodies if node.kind in _OFFSETS else []
    if (function := flat.functions.get((node.domain, node.kind))) is not None:
        bodies = [(node.kind, function)]
    if not bodies:
        flat.nodes.append(node)
        return
    before_inputs, before_outputs = _OFFSETS.get(node.kind, (0, 0))
    given: list[list[str]] = [[] for _ in node.outputs]
    for attribute, body in bodies:
        own = dict.fromkeys([*body.arrays, *body.inputs, *(name for each in body.nodes for name in each.outputs)])
        names = {
            name: _free(f"{node.name[:_LONGEST] or node.kind}/{attribute[:_LONGEST]}/", name, taken) for name in own
        }
        flat.arrays |= {names[name]: replace(array, name=names[name]) for name, array in body.arrays.items()}
        for name, outer in zip(body.inputs, node.inputs[before_inputs:], strict=False):
            flat.nodes.append(Node(_INSIDE, inputs=[outer] if outer else [], outputs=[names[name]]))
        for inner in body.nodes:
            renamed = replace(
                inner,
                inputs=[names.get(name, name) for name in inner.inputs],
                outputs=[names.get(name, name) for name in inner.outputs],
            )
            _add(flat, _with_outer_names(renamed, names), taken, depth + 1)
        for place, name in enumerate(body.outputs[before_outputs:]):
            if place < len(given):
                given[place].append(names.get(name, name))
    for output, inner_names in zip(node.outputs, given, strict=True):
        flat.nodes.append(Node(_JOIN if len(inner_names) > 1 else _INSIDE, inputs=inner_names, outputs=[output]))


def _free(start: str, name: str, taken: dict[str, int]) -> str:
    """Return a name of its own for what is called so in a body, and note it; none stays none."""
    if not name:
        return name
    whole = f"{start}{name}"
    tried = whole if name in taken else name
    while tried in taken:
        taken[whole] += 1
        tried = f"{start}{taken[whole]}/{name}"
    taken[tried] = 0
    return tried


def _with_outer_names(node: Node, names: dict[str, str]) -> Node:
    """Return a step whose own bodies know the names around them as they are called now."""
    if not node.bodies:
        return node
    return replace(node, bodies=[(attribute, _renamed(body, names)) for attribute, body in node.bodies])


def _renamed(body: Graph, names: dict[str, str]) -> Graph:
    own = {*body.arrays, *body.inputs, *(name for each in body.nodes for name in each.outputs)}
    outer = {name: new for name, new in names.items() if name not in own}
    nodes = [
        _with_outer_names(replace(each, inputs=[outer.get(name, name) for name in each.inputs]), outer)
        for each in body.nodes
    ]
    return replace(body, nodes=nodes, outputs=[outer.get(name, name) for name in body.outputs])
