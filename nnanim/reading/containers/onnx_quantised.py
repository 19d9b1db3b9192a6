"""Quantised weights in ONNX: which step says their scale and zero point, and which step on plain numbers it stands for.

Three ways are read: ``DequantizeLinear`` before a plain step (QDQ), steps on whole numbers (``QLinearConv``), and
``MatMulInteger`` and ``ConvInteger`` behind ``DynamicQuantizeLinear``, whose products a ``Mul`` scales.

Source: https://onnx.ai/onnx/operators/, and ContribOperators.md of ONNX Runtime for ``com.microsoft``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.onnx_file import HINT, Array, Graph, Node

_NO_SIGNAL = "ConstantOfShape"


@dataclass(frozen=True)
class Quantum:
    """How whole numbers are turned into those that they stand for: (numbers - zero) * scale.

    Attributes:
        scales: their product is the scale: one number, one for each place on an axis, or one for each block on it.
        zero: of the scale's shape; None where it is 0.
        axis: of scales that are more than one number.
        block: numbers on the axis that have a scale together; 0 without blocks.
    """

    scales: tuple[Array, ...]
    zero: Array | None = None
    axis: int = 0
    block: int = 0


@dataclass(frozen=True)
class _Step:
    """A step on whole numbers.

    Attributes:
        kind: the step on plain numbers that it stands for.
        inputs: places of the inputs that this one has.
        weight, scale, zero: places of a weight, its scale and its zero point.
        axis: of a scale for each of what is put out.
        other_scale: place of the scale of what is taken in, of which with `scale` that of the bias is made.
    """

    kind: str
    inputs: tuple[int, ...]
    weight: int
    scale: int | None
    zero: int
    axis: int = -1
    other_scale: int | None = None


_STEPS = {
    "QLinearConv": _Step("Conv", (0, 3, 8), 3, 4, 5, axis=0, other_scale=1),
    "QLinearMatMul": _Step("MatMul", (0, 3), 3, 4, 5),
    "QGemm": _Step("Gemm", (0, 3, 6), 3, 4, 5, other_scale=1),
    "MatMulInteger": _Step("MatMul", (0, 1), 1, None, 3),
    "ConvInteger": _Step("Conv", (0, 1), 1, None, 3, axis=0),
    "DynamicQuantizeMatMul": _Step("Gemm", (0, 1, 4), 1, 2, 3),
    "MatMulIntegerToFloat": _Step("Gemm", (0, 1, 6), 1, 3, 5),
}
# Steps without weights on whole numbers: the plain step, and the places of what is no scale and no zero point.
_OTHERS = {
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    **{
        f"QLinear{kind}": (kind, (0,))
        for kind in ("Sigmoid", "LeakyRelu", "AveragePool", "GlobalAveragePool", "Softmax", "ReduceMean")
    },
}
PACKED = ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "QMoE", "GatherBlockQuantized")  # more than one number in a byte


def unquantise(graph: Graph) -> tuple[Graph, dict[str, Quantum]]:
    """Return a graph of plain steps, and how each array of whole numbers that is a weight or a bias is turned back."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    users: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            users.setdefault(name, []).append(node)
    found: dict[str, Quantum] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        for name, quantum in _quanta(node, graph.arrays, makers, users):
            found.setdefault(name, quantum)
        nodes += _plain(node)
    return replace(graph, nodes=nodes), found


def packed_weights(graph: Graph) -> tuple[str, ...]:
    """Return which steps hold weights that are packed in a way that is not read, each once."""
    return tuple(dict.fromkeys(node.kind for node in graph.nodes if node.kind in PACKED))


def read_quantised(
    numbers: np.ndarray, quantum: Quantum, read: Callable[[Array], np.ndarray], where: str
) -> np.ndarray:
    """Return the float32 numbers that whole ones stand for.

    Args:
        numbers: as they are in the file.
        quantum: how they are turned.
        read: reads scales and zero point.
        where: names the array, for the message.

    Raises:
        SnapshotError: scale or zero point are of a shape that does not belong to the array.
    """
    scale = np.ones((), np.float64)
    for each in quantum.scales:
        scale = scale * _spread(read(each).astype(np.float64), numbers.shape, quantum, where)
    zero = (
        0.0 if quantum.zero is None else _spread(read(quantum.zero).astype(np.float64), numbers.shape, quantum, where)
    )
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is told as infinite
        found: np.ndarray = ((numbers.astype(np.float64) - zero) * scale).astype(np.float32)
    return found


def _spread(part: np.ndarray, shape: tuple[int, ...], quantum: Quantum, where: str) -> np.ndarray:
    """Return a scale or zero point so that it belongs to numbers of a shape, place by place."""
    if part.size == 1:
        return part.reshape(())
    axis = quantum.axis + len(shape) if quantum.axis < 0 else quantum.axis
    if 0 <= axis < len(shape) and part.shape == shape[axis : axis + 1]:
        return part.reshape([-1 if at == axis else 1 for at in range(len(shape))])
    if quantum.block > 0 and part.ndim == len(shape) and 0 <= axis < len(shape):
        blocks = tuple(-(-size // quantum.block) if at == axis else size for at, size in enumerate(shape))
        if part.shape == blocks:
            whole = np.repeat(part, quantum.block, axis)
            return whole[tuple(slice(0, size) for size in shape)]
    raise SnapshotError(f"{where} is damaged (a scale of shape {part.shape} for shape {shape}; {HINT})")


def _quanta(
    node: Node, arrays: dict[str, Array], makers: dict[str, Node], users: dict[str, list[Node]]
) -> Iterator[tuple[str, Quantum]]:
    """Yield the arrays that a step takes in as whole numbers, and how each is turned back."""

    def array(place: int | None) -> Array | None:
        return arrays.get(node.inputs[place]) if place is not None and place < len(node.inputs) else None

    if node.kind == "DequantizeLinear":
        weight, scale = array(0), array(1)
        if weight is not None and scale is not None:
            axis = _signed(node.numbers.get("axis", 1))
            yield node.inputs[0], Quantum((scale,), array(2), axis, node.numbers.get("block_size", 0))
        return
    step = _STEPS.get(node.kind)
    if step is None:
        return
    weight, scale = array(step.weight), array(step.scale)
    if step.scale is None:
        scale = _scale_behind(node, arrays, makers, users)
    if weight is None or scale is None:
        return
    axis = 0 if node.kind == "QGemm" and node.numbers.get("transB") else step.axis
    yield node.inputs[step.weight], Quantum((scale,), array(step.zero), axis)
    other, bias = array(step.other_scale), array(step.inputs[-1])
    if other is not None and bias is not None and "int" in bias.dtype and len(step.inputs) > 2:
        yield node.inputs[step.inputs[-1]], Quantum((other, scale))


def _scale_behind(
    node: Node, arrays: dict[str, Array], makers: dict[str, Node], users: dict[str, list[Node]]
) -> Array | None:
    """Return the scale of a weight that a ``Mul`` behind the step makes part of one with that of what is taken in."""
    name = node.outputs[0] if node.outputs else ""
    for cast in users.get(name, []):
        for scaling in users.get(cast.outputs[0], []) if cast.kind == "Cast" and cast.outputs else []:
            for both in scaling.inputs if scaling.kind == "Mul" else []:
                maker = makers.get(both)
                if maker is not None and maker.kind == "Mul":
                    return next((arrays[each] for each in maker.inputs if each in arrays), None)
    return None


def _plain(node: Node) -> list[Node]:
    """Return the steps on plain numbers that a step stands for."""
    if node.kind == "DynamicQuantizeLinear":
        scales = Node(_NO_SIGNAL, outputs=node.outputs[1:])
        return [replace(node, kind="Identity", outputs=node.outputs[:1]), scales]
    if node.kind == "QLinearConcat":
        return [replace(node, kind="Concat", inputs=node.inputs[2::3])]
    kind, places = _OTHERS.get(node.kind, ("", ()))
    if step := _STEPS.get(node.kind):
        kind, places = step.kind, step.inputs
    if not kind:
        return [node]
    inputs = [node.inputs[place] if place < len(node.inputs) else "" for place in places]
    return [replace(node, kind=kind, inputs=inputs)]


def _signed(number: int) -> int:
    """Return a whole number of a protocol buffer, which has 64 bits without a sign."""
    return number - 2**64 if number >= 2**63 else number
