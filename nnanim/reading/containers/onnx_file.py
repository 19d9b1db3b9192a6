"""ONNX files: arrays and the graph of what takes in what, in protocol buffers.

Read without the ``onnx`` package, which reads all weights at once with a parser for files that are trusted: here names
and shapes are read, and numbers when they are asked for. Large models keep numbers in files beside the model.

Source: ``onnx/onnx.proto`` of ONNX 1.23 (numbers of the fields), its docs/ExternalData.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from pathlib import Path, PurePosixPath

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.float8 import from_float8
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES, modulus
from nnanim.reading.containers.protobuf import LENGTH, VARINT, Field, ProtobufError, ProtobufFile, varints
from nnanim.reading.containers.regular_file import lies_with
from nnanim.reading.containers.unpacking import check_unpacked
from nnanim.reading.snapshots.to_layers import from_bfloat16

HINT = "an ONNX file is what torch.onnx.export or tf2onnx writes"
MAX_NODES = 200_000
MAX_ARRAYS = 200_000
MAX_DEPTH = 16  # of graphs in the steps of graphs
_MAX_PACKED_BYTES = 2**24  # of numbers that are written in few bytes each
# TensorProto.DataType: name, NumPy's code of the bits.
_TYPES = {
    1: ("float32", "<f4"),
    2: ("uint8", "|u1"),
    3: ("int8", "|i1"),
    4: ("uint16", "<u2"),
    5: ("int16", "<i2"),
    6: ("int32", "<i4"),
    7: ("int64", "<i8"),
    9: ("bool", "|b1"),
    10: ("float16", "<f2"),
    11: ("float64", "<f8"),
    12: ("uint32", "<u4"),
    13: ("uint64", "<u8"),
    14: ("complex64", "<c8"),
    15: ("complex128", "<c16"),
    16: ("bfloat16", "<u2"),
    17: ("float8_e4m3fn", "|u1"),
    18: ("float8_e4m3fnuz", "|u1"),
    19: ("float8_e5m2", "|u1"),
    20: ("float8_e5m2fnuz", "|u1"),
    21: ("uint4", "|u1"),
    22: ("int4", "|i1"),
}
_NIBBLES = ("uint4", "int4")  # two in a byte, the lower first
_RAW, _FLOATS, _DOUBLES = 9, 4, 10  # fields of TensorProto that hold numbers as they are
_PACKED = (5, 7, 11)  # and those that hold whole numbers in few bytes


@dataclass(frozen=True)
class Array:
    """Where an array lies.

    Attributes:
        name: in the graph.
        dtype: ``"float32"``, ``"bfloat16"``, …; empty where it is none that is read.
        shape: sizes of its axes.
        start: first byte of its numbers in the file, or in the file beside it.
        size: of them, in bytes.
        file: name of the file beside the model; empty where they are in the model.
        is_packed: whether they are whole numbers of few bytes each.
        indices: of a sparse array, where its numbers stand: one index for each, or one for each axis.
        count: of the numbers that a sparse array has.
    """

    name: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    start: int = 0
    size: int = 0
    file: str = ""
    is_packed: bool = False
    indices: Array | None = None
    count: int = 0


@dataclass
class Node:
    """One step of the graph: what it does, what it takes in and gives."""

    kind: str = ""
    domain: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    axes: tuple[int, ...] = ()
    bodies: list[tuple[str, Graph]] = field(default_factory=list)


@dataclass
class Graph:
    """What an ONNX file holds.

    Attributes:
        arrays: by name, in the order of the file; those of constants behind.
        nodes: in the order in which they are done.
        said: texts that the file says of itself.
        inputs, outputs: of the graph.
        functions: graphs that steps of that domain and kind stand for.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    functions: dict[tuple[str, str], Graph] = field(default_factory=dict)


def read_graph(path: Path, file: BufferedIOBase) -> Graph:
    """Read names, shapes and the graph, but no weights.

    Raises:
        SnapshotError: the file cannot be read, or is damaged.
    """
    graph = Graph()
    try:
        opened = ProtobufFile(file)
        for part in opened.fields(0, opened.size):
            if part.number == 7 and part.kind == LENGTH:
                _read_graph(opened, part, graph)
            elif part.number == 14 and part.kind == LENGTH:
                key, value = _pair(opened, part)
                graph.said[key] = value
            elif part.number == 25 and part.kind == LENGTH:
                name, function = _function(opened, part)
                graph.functions[name] = function
    except ProtobufError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error} ({HINT})") from error
    except OSError as error:
        raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
    return graph


def read_array(path: Path, array: Array, open_file: Callable[[Path], BufferedIOBase]) -> np.ndarray:
    """Read an array: bfloat16 and float8 as float32, complex numbers as their moduli.

    Args:
        path: the model.
        array: one of its arrays.
        open_file: opens the model, or a file beside it.

    Raises:
        SnapshotError: it is damaged, too large, or lies in a file elsewhere.
        OSError: a file cannot be read.
    """
    where = f"{array.name!r} in snapshot {str(path)!r}"
    code = next((code for name, code in _TYPES.values() if name == array.dtype), None)
    if code is None:
        raise SnapshotError(f"{where} is of a type that is not read ({HINT})")
    kind = np.dtype(code)
    is_nibbles = array.dtype in _NIBBLES
    wanted = -(-math.prod(array.shape) // 2) if is_nibbles else math.prod(array.shape) * kind.itemsize
    if wanted > MAX_MEMBER_BYTES:
        raise SnapshotError(f"{where} takes {wanted} bytes (at most {MAX_MEMBER_BYTES} are read)")
    if array.indices is not None:
        return _dense(path, array, open_file, where)
    file = open_file(beside(path, array.file) if array.file else path)
    if array.start + array.size > file.seek(0, 2):
        raise SnapshotError(f"{where} lies outside of its file (it is truncated or damaged)")
    file.seek(array.start)
    if array.is_packed:
        numbers = _unpacked(file.read(min(array.size, _MAX_PACKED_BYTES + 1)), kind, where)
    elif array.size != wanted:
        raise SnapshotError(f"{where} has {array.size} bytes for shape {array.shape}, which takes {wanted}")
    else:
        numbers = np.empty(wanted // kind.itemsize, kind)
        if file.readinto(numbers.view(np.uint8).data) != wanted:
            raise SnapshotError(f"{where} is truncated ({HINT})")
    if is_nibbles:
        numbers = _unpaired(numbers.view(np.uint8), array)
    if numbers.size != math.prod(array.shape):
        raise SnapshotError(f"{where} has {numbers.size} numbers for shape {array.shape} ({HINT})")
    numbers = numbers.reshape(array.shape)
    if array.dtype == "bfloat16":
        return from_bfloat16(numbers)
    return from_float8(numbers, array.dtype) if array.dtype.startswith("float8") else modulus(numbers)


def _unpaired(pairs: np.ndarray, array: Array) -> np.ndarray:
    """Return the numbers of 4 bits, of which each byte holds two."""
    numbers: np.ndarray = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(-1)[: math.prod(array.shape)]
    return ((numbers ^ 8).astype(np.int8) - np.int8(8)) if array.dtype == "int4" else numbers


def _dense(path: Path, array: Array, open_file: Callable[[Path], BufferedIOBase], where: str) -> np.ndarray:
    """Read a sparse array as a dense one."""
    assert array.indices is not None
    values = read_array(path, replace(array, shape=(array.count,), indices=None), open_file)
    indices = read_array(path, array.indices, open_file)
    total = math.prod(array.shape)
    check_unpacked(where, total * values.dtype.itemsize, values.nbytes)
    if indices.shape == (array.count, len(array.shape)):
        is_inside = bool(((indices >= 0) & (indices < np.array(array.shape))).all())
        places = (
            np.ravel_multi_index(tuple(indices.T), array.shape) if is_inside and array.count else np.empty(0, np.int64)
        )
    else:
        is_inside = indices.shape == (array.count,) and bool(((indices >= 0) & (indices < total)).all())
        places = indices
    if not is_inside:
        raise SnapshotError(f"{where} is damaged (a number stands outside of its shape {array.shape})")
    dense: np.ndarray = np.zeros(total, values.dtype)
    dense[places] = values
    return dense.reshape(array.shape)


def beside(path: Path, name: str) -> Path:
    """Return the file in the folder of a model, or below it, that the model names.

    Raises:
        SnapshotError: it is elsewhere.
    """
    there = PurePosixPath(name)
    is_plain = name not in ("", ".") and "\0" not in name and "\\" not in name and ":" not in name
    if is_plain and not there.is_absolute() and ".." not in there.parts:
        found = path.parent / name
        if lies_with(found, path):
            return found
    raise SnapshotError(f"snapshot {str(path)!r} names the file {name!r} (its weights lie beside it)")


def _unpacked(data: bytes, kind: np.dtype, where: str) -> np.ndarray:
    """Return whole numbers, or the bits of small ones, that were written in few bytes each."""
    if len(data) > _MAX_PACKED_BYTES:
        raise SnapshotError(f"{where} is packed in more than {_MAX_PACKED_BYTES} bytes, which are not read")
    try:
        wide = np.array(varints(data), np.uint64)
    except ProtobufError as error:
        raise SnapshotError(f"{where} is damaged ({HINT})") from error
    whole: np.ndarray = wide.astype(np.dtype(f"<u{kind.itemsize}")).view(kind)
    return whole


def _read_graph(file: ProtobufFile, graph_field: Field, graph: Graph, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ProtobufError(f"it has more than {MAX_DEPTH} graphs in each other")
    for part in file.fields(graph_field.start, graph_field.size):
        if part.kind != LENGTH:
            continue
        if part.number == 1:
            node, constant = _node(file, part, depth)
            graph.nodes.append(node)
            if constant is not None and node.outputs:
                graph.arrays[node.outputs[0]] = replace(constant, name=node.outputs[0])
        elif part.number == 5:
            array = _array(file, part)
            graph.arrays[array.name] = array
        elif part.number == 15:
            array = _sparse_array(file, part)
            graph.arrays[array.name] = array
        elif part.number in (11, 12):
            names = [file.text(each) for each in file.fields(part.start, part.size) if each.number == 1]
            (graph.inputs if part.number == 11 else graph.outputs).extend(names)
        if len(graph.nodes) > MAX_NODES or len(graph.arrays) > MAX_ARRAYS:
            raise ProtobufError(f"it has more than {MAX_NODES} nodes or arrays")


def _function(file: ProtobufFile, function: Field) -> tuple[tuple[str, str], Graph]:
    """Return domain and name of a function of the model's own, and its graph."""
    name, domain, graph = "", "", Graph()
    for part in file.fields(function.start, function.size):
        if part.kind != LENGTH:
            continue
        if part.number == 1:
            name = file.text(part)
        elif part.number == 10:
            domain = file.text(part)
        elif part.number == 4:
            graph.inputs.append(file.text(part))
        elif part.number == 5:
            graph.outputs.append(file.text(part))
        elif part.number == 7:
            node, constant = _node(file, part, 1)
            graph.nodes.append(node)
            if constant is not None and node.outputs:
                graph.arrays[node.outputs[0]] = replace(constant, name=node.outputs[0])
    return (domain, name), graph


def _node(file: ProtobufFile, node_field: Field, depth: int) -> tuple[Node, Array | None]:
    """Return a node, and the array of a constant."""
    node, constant = Node(), None
    for part in file.fields(node_field.start, node_field.size):
        if part.number == 1:
            node.inputs.append(file.text(part))
        elif part.number == 2:
            node.outputs.append(file.text(part))
        elif part.number == 3:
            node.name = file.text(part)
        elif part.number == 4:
            node.kind = file.text(part)
        elif part.number == 7:
            node.domain = file.text(part)
        elif part.number == 5 and part.kind == LENGTH:
            constant = _attribute(file, part, node, depth) or constant
    return node, constant if node.kind == "Constant" else None


def _attribute(file: ProtobufFile, attribute: Field, node: Node, depth: int) -> Array | None:
    """Note a whole number, the order of axes, or a graph; return an array."""
    name, number, axes, array, bodies = "", None, [], None, []
    for part in file.fields(attribute.start, attribute.size):
        if part.number == 1:
            name = file.text(part)
        elif part.number == 3 and part.kind == VARINT:
            number = part.value
        elif part.number == 5 and part.kind == LENGTH:
            array = _array(file, part)
        elif part.number == 6 and part.kind == LENGTH:
            bodies.append(Graph())
            _read_graph(file, part, bodies[-1], depth + 1)
        elif part.number == 8 and part.size <= 8 * MAX_AXES:
            axes += file.numbers(part)
    node.bodies += [(name, body) for body in bodies]
    if number is not None:
        node.numbers[name] = number
    if name == "perm":
        node.axes = tuple(axes)
    return array


def _array(file: ProtobufFile, array_field: Field) -> Array:
    shape: list[int] = []
    kind, name, is_outside = 0, "", False
    places: list[Field] = []
    outside: dict[str, str] = {}
    for part in file.fields(array_field.start, array_field.size):
        if part.number == 1:
            shape += file.numbers(part)
        elif part.number == 2:
            kind = part.value
        elif part.number == 8:
            name = file.text(part)
        elif part.number == 13 and part.kind == LENGTH:
            outside |= [_pair(file, part)]
        elif part.number == 14:
            is_outside = part.value == 1
        elif part.number in (_RAW, _FLOATS, _DOUBLES, *_PACKED) and part.size:
            places.append(part)
    dtype, _ = _TYPES.get(kind, ("", ""))
    if len(shape) > MAX_AXES or any(size >= 2**48 for size in shape):
        raise ProtobufError(f"{name!r} has an impossible shape")
    found = Array(name, dtype, tuple(shape))
    if is_outside:
        size = math.prod(shape) * np.dtype(_TYPES[kind][1]).itemsize if dtype else 0
        start, length = (
            _whole(outside.get(word, str(other)), name) for word, other in (("offset", 0), ("length", size))
        )
        return replace(found, file=outside.get("location", "") or "?", start=start, size=length)
    if len(places) > 1:  # numbers one by one, as nobody writes them
        return replace(found, dtype="")
    for place in places:
        return replace(found, start=place.start, size=place.size, is_packed=place.number in _PACKED)
    return found


def _sparse_array(file: ProtobufFile, sparse: Field) -> Array:
    """Return a SparseTensorProto: numbers, where they stand, and the sizes of all."""
    values, indices, shape = Array(""), Array(""), []
    for part in file.fields(sparse.start, sparse.size):
        if part.number == 1 and part.kind == LENGTH:
            values = _array(file, part)
        elif part.number == 2 and part.kind == LENGTH:
            indices = _array(file, part)
        elif part.number == 3:
            shape += file.numbers(part)
    if len(values.shape) != 1 or len(shape) > MAX_AXES or any(size >= 2**48 for size in shape):
        raise ProtobufError(f"{values.name!r} has an impossible shape")
    return replace(values, shape=tuple(shape), indices=indices, count=values.shape[0])


def _pair(file: ProtobufFile, pair: Field) -> tuple[str, str]:
    texts = {part.number: file.text(part) for part in file.fields(pair.start, pair.size)}
    return texts.get(1, ""), texts.get(2, "")


def _whole(text: str, name: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise ProtobufError(f"it says of {name!r} not where it is")


def names_in(graph: Graph) -> Iterator[str]:
    """Yield the files beside the model that hold arrays, each once."""
    yield from dict.fromkeys(array.file for array in graph.arrays.values() if array.file)
