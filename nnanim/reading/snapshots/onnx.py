"""ONNX snapshots: the arrays of a model, and in its graph what follows what.

Which array is a weight, how it lies in the file and which bias is its own, the step that takes it in tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.model import role_table as names
from nnanim.model.layers import LayerHeader
from nnanim.model.roles import is_float, roles_of
from nnanim.reading.containers.npz_archive import complex_notes
from nnanim.reading.containers.onnx_bodies import flatten
from nnanim.reading.containers.onnx_file import HINT, Array, Graph, beside, names_in, read_array, read_graph
from nnanim.reading.containers.onnx_quantised import Quantum, packed_weights, read_quantised, unquantise
from nnanim.reading.containers.protobuf import ProtobufError
from nnanim.reading.containers.regular_file import open_regular
from nnanim.reading.listing import some
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.onnx_graph import Flow, Use, follow
from nnanim.reading.snapshots.parameters import MAX_DIMENSIONS, turn_shape

FORMAT = "onnx"
SUFFIX = ".onnx"
MAX_KEY_LENGTH = 1000
_NAMELESS = re.compile(r"(?:onnx::.*|val_[0-9]+|[0-9]+|.*_output_[0-9]+)")
_TAIL = re.compile(r"[./](?:weight|kernel|W)(?:_Transposed)?(?:_quantized)?$")  # the last two of ONNX Runtime
# Roles that shapes alone tell, so that the graph knows better.
_BY_SHAPE = frozenset(
    [names.DENSE, names.CONVOLUTION, names.TRANSPOSED, names.DEPTHWISE, names.GROUPED, names.PARAMETER]
)


@dataclass(frozen=True)
class OnnxContents(Contents):
    """What an ONNX file says of itself, with the place of each array, and how quantised ones are turned back."""

    places: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)
    quanta: dict[str, Quantum] = field(default_factory=dict, repr=False, compare=False)


def look(path: Path, file: BufferedIOBase) -> OnnxContents | None:
    """Read names, shapes and the graph of a snapshot, but no weights; None where it holds none.

    Args:
        path: the file.
        file: the same, open for reading.

    Raises:
        SnapshotError: the file cannot be read.
    """
    graph = read_graph(path, file)
    try:
        graph, quanta = unquantise(flatten(graph))
    except ProtobufError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error} ({HINT})") from error
    flow = follow(graph)
    for quantum in quanta.values():
        flow.uses |= {each.name: Use(names.SCALE) for each in quantum.scales}
    # Constants, such as sizes and scales, are listed where they are the weight of a step.
    keys = [key for key in flow.order if key in flow.uses or key not in _made_by_nodes(graph)]
    keys = [key for key in dict.fromkeys([*keys, *_unused(graph, flow)]) if len(key) <= MAX_KEY_LENGTH]
    tensors = tuple(
        ArrayHeader(key, graph.arrays[key].shape, _dtype(graph.arrays[key], key in quanta))
        for key in keys
        if graph.arrays[key].dtype
    )
    weights = _weights(tensors, flow)
    if not weights:
        return None
    listed = {tensor.key for tensor in tensors}
    pairs = flow.connections
    return OnnxContents(
        path=path,
        format=FORMAT,
        weights=tuple(weights),
        tensors=tensors,
        convention=FORMAT,
        connections=None if pairs is None else tuple(pair for pair in pairs if listed.issuperset(pair)),
        roles=_roles(tensors, flow),
        epoch=_counter(graph.said, "epoch"),
        iteration=_counter(graph.said, "iteration", "step", "global_step"),
        is_ordered=True,
        turned=frozenset(key for key, use in flow.uses.items() if use.is_turned),
        notes=_notes(graph, tensors, [key for key in flow.uses if not graph.arrays[key].dtype]),
        parts=tuple(beside(path, name) for name in names_in(graph)),
        places=graph.arrays,
        quanta=quanta,
    )


def _dtype(array: Array, is_quantised: bool) -> str:
    return f"q{array.dtype}" if is_quantised and "int" in array.dtype else array.dtype


def _notes(graph: Graph, tensors: Sequence[ArrayHeader], unread: Sequence[str]) -> tuple[str, ...]:
    """Say what is not shown as it is in the file, or not at all."""
    kinds = dict.fromkeys(tensor.dtype for tensor in tensors)
    notes = list(complex_notes(kinds))
    notes += [
        f"quantised weights ({kind}) are shown as the numbers that they stand for"
        for kind in kinds
        if kind.startswith(("qint", "quint"))
    ]
    if any(graph.arrays[tensor.key].indices is not None for tensor in tensors):
        notes.append("sparse weights are shown as dense ones")
    if unread:
        notes.append(f"weights of a type that is not read are not shown: {some(unread)}")
    return (*notes, *(f"weights of {kind} are packed in a way that is not read" for kind in packed_weights(graph)))


def _made_by_nodes(graph: Graph) -> frozenset[str]:
    return frozenset(node.outputs[0] for node in graph.nodes if node.kind == "Constant" and node.outputs)


def _unused(graph: Graph, flow: Flow) -> list[str]:
    used, made = set(flow.order), _made_by_nodes(graph)
    return [key for key in graph.arrays if key not in used and key not in made]


def _weights(tensors: Sequence[ArrayHeader], flow: Flow) -> list[LayerHeader]:
    shapes = {tensor.key: tensor.shape for tensor in tensors}
    found = []
    for key, shape, dtype in tensors:
        if not 2 <= len(shape) <= MAX_DIMENSIONS or 0 in shape or not is_float(dtype):
            continue
        use = flow.uses.get(key) or Use("")
        if use.role == names.SCALE:
            continue
        out_in = turn_shape(shape) if use.is_turned else shape
        out = out_in[1:2] if use.transposed else out_in[:1]
        bias = use.bias if use.bias is not None and shapes.get(use.bias) == out else None
        found.append(
            LayerHeader(name=_name(key, use, bias), key=key, shape=out_in, bias_key=bias, transposed=use.transposed)
        )
    if len({header.name for header in found}) < len(found):
        return [
            LayerHeader(
                name=each.key, key=each.key, shape=each.shape, bias_key=each.bias_key, transposed=each.transposed
            )
            for each in found
        ]
    return found


def _name(key: str, use: Use, bias: str | None) -> str:
    """Return the name of a layer: that of its weight, of its bias, or of the step, without the word for a weight."""
    if not _NAMELESS.fullmatch(key):
        return _TAIL.sub("", key)
    if bias is not None and bias.endswith(".bias"):
        return bias.removesuffix(".bias")
    return use.node.strip("/").rpartition("/")[0] or key


def _roles(tensors: Sequence[ArrayHeader], flow: Flow) -> Mapping[str, str]:
    """Return what the graph says of tensors of which only the shape would tell."""
    told = {}
    for tensor, role in zip(tensors, roles_of(tensors, FORMAT), strict=True):
        if len(tensor.shape) > 1 and is_float(tensor.dtype) and role.name in _BY_SHAPE:
            use = flow.uses.get(tensor.key)
            told[tensor.key] = names.PARAMETER if use is None else use.role
    return told


def _counter(said: Mapping[str, str], *words: str) -> int | None:
    texts = [said.get(word, "") for word in words]
    return next((int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 16), None)


class _Open:
    """The arrays of a snapshot, whose files are opened when the first of theirs is read."""

    def __init__(self, contents: OnnxContents, stack: ExitStack) -> None:
        self._contents = contents
        self._stack = stack
        self._files: dict[Path, BufferedIOBase] = {}

    def read(self, key: str) -> np.ndarray:
        """Read one array, as `nnanim.reading.snapshots.contents.Arrays` says."""
        path = self._contents.path
        array, quantum = self._contents.places[key], self._contents.quanta.get(key)
        try:
            numbers = read_array(path, array, self._open)
            if quantum is None:
                return numbers
            where = f"{key!r} in snapshot {str(path)!r}"
            return read_quantised(numbers, quantum, lambda each: read_array(path, each, self._open), where)
        except OSError as error:
            raise SnapshotError(f"cannot read {key!r} in snapshot {str(path)!r}: {error.strerror} ({HINT})") from error

    def _open(self, path: Path) -> BufferedIOBase:
        if path not in self._files:
            self._files[path] = self._stack.enter_context(open_regular(path))
        return self._files[path]


@contextmanager
def open_arrays(contents: Contents) -> Iterator[Arrays]:
    """Open a snapshot to read its arrays one at a time."""
    assert isinstance(contents, OnnxContents)
    with ExitStack() as stack:
        yield _Open(contents, stack)
