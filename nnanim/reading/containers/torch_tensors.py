"""What a pickle of ``torch.save`` says of tensors, and the numbers of one in the bytes of its storage.

Source: ``torch/_utils.py`` of PyTorch 2.13.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.float8 import FLOAT8, from_float8
from nnanim.reading.containers.npz_archive import MAX_AXES, MAX_MEMBER_BYTES, modulus
from nnanim.reading.containers.pickles import Named, PickleError, Unknown
from nnanim.reading.containers.torch_sparse import Sparse, dense_of, sparse_of
from nnanim.reading.snapshots.to_layers import from_bfloat16

_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
    "UntypedStorage": "u1",
    "QInt8Storage": "i1",
    "QUInt8Storage": "u1",
    "QInt32Storage": "i4",
    "ComplexHalfStorage": "c4",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}
_DTYPES = {
    "float64": "f8",
    "double": "f8",
    "float32": "f4",
    "float": "f4",
    "float16": "f2",
    "half": "f2",
    "bfloat16": "bf2",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint8": "u1",
    "bool": "b1",
    "complex32": "c4",
    "chalf": "c4",
    "complex64": "c8",
    "cfloat": "c8",
    "complex128": "c16",
    "cdouble": "c16",
    **{name: name for name in FLOAT8},
}
COMPLEX = ("c8", "c16")
COMPLEX32 = "c4"  # two of 16 bits, which NumPy has no type for
_PLAIN = {"collections.OrderedDict": dict, "builtins.dict": dict, "__builtin__.dict": dict}
_SCALARS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the archive.

    Attributes:
        key: name of the member behind ``data/``.
        dtype: ``"f4"``, ``"bf2"``, …; empty where the type is unknown.
        count: how many numbers it holds, as the pickle says.
    """

    key: str
    dtype: str
    count: int

    @property
    def code(self) -> str:
        """NumPy's code of a number's bits in the file, without the order of bytes."""
        return code_of(self.dtype)


@dataclass(frozen=True)
class Quantum:
    """What the whole numbers of a quantised tensor stand for: (number - zero) * scale, one of each or one a channel.

    Attributes:
        scale: of all, or a tensor of one scale for each channel.
        zero: the number that stands for 0, likewise.
        axis: of the channels; None where there is one scale.
    """

    scale: float | Tensor
    zero: int | Tensor
    axis: int | None = None


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, sizes and strides in numbers; storage and type of a sparse tensor are its values'."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    quantum: Quantum | None = None
    sparse: Sparse | None = None

    @property
    def code(self) -> str:
        """NumPy's code of the bits in the file, without the order of bytes."""
        return code_of(self.dtype)

    @property
    def is_real(self) -> bool:
        """Whether it can be read as real numbers that are no whole ones."""
        return self.dtype in ("f2", "f4", "f8", "bf2", COMPLEX32, *COMPLEX, *FLOAT8) or self.quantum is not None


def code_of(dtype: str) -> str:
    """Return NumPy's code of the bits of a number, without the order of bytes: ``"u2"`` for ``"bf2"``."""
    return "u2" if dtype == "bf2" else "u4" if dtype == COMPLEX32 else "u1" if dtype in FLOAT8 else dtype


def dtype_of(name: str) -> str:
    """Return the type that PyTorch calls ``"torch.float32"``; empty where it is not known."""
    return _DTYPES.get(name.rsplit(".", 1)[-1], "")


def view_of(data: np.ndarray, tensor: Tensor, order: str, where: str) -> np.ndarray:
    """Return the numbers of a tensor, bfloat16 and float8 as float32, quantised and most complex ones as they are.

    Args:
        data: the bytes of its storage, uint8.
        tensor: the tensor.
        order: ``"<"`` or ``">"``.
        where: the file's name, for the message.

    Raises:
        SnapshotError: the storage is too small.
    """
    kind = np.dtype(order + tensor.code)
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, dtype=np.float32)
    numbers = data[: check_size(len(data), tensor, where)].view(kind)[tensor.offset :]
    if len(numbers) == math.prod(tensor.shape) and tensor.strides == _in_a_row(tensor.shape):
        view = numbers.reshape(tensor.shape)
    else:
        strides = tuple(stride * kind.itemsize for stride in tensor.strides)
        view = np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides, writeable=False)
    if tensor.dtype in FLOAT8:
        return from_float8(view, tensor.dtype)
    if tensor.dtype == COMPLEX32:
        return from_complex32(view)
    return from_bfloat16(view) if tensor.dtype == "bf2" else view


def from_complex32(bits: np.ndarray) -> np.ndarray:
    """Return the complex64 numbers whose two halves of 16 bits, the real one first, are given as unsigned integers."""
    half = np.dtype("f2").newbyteorder(bits.dtype.byteorder)
    halves = np.ascontiguousarray(bits).view(half).reshape(*bits.shape, 2).astype(np.float32)
    numbers: np.ndarray = halves.view(np.complex64).reshape(bits.shape)
    return numbers


def bytes_needed(tensor: Tensor) -> int:
    """Return how many bytes of its storage a tensor reaches into."""
    if 0 in tensor.shape:
        return 0
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    return (last + 1) * np.dtype(tensor.code).itemsize


def check_size(size: int, tensor: Tensor, where: str) -> int:
    """Return how many bytes of its storage a tensor reaches into.

    Raises:
        SnapshotError: the storage has only `size` of them.
    """
    needed = bytes_needed(tensor)
    if needed > size:
        raise SnapshotError(
            f"storage {tensor.storage.key!r} in snapshot {where!r} has {size} bytes, a tensor of"
            f" shape {tensor.shape} needs {needed} (the archive is damaged)"
        )
    return needed


def read_tensor(tensor: Tensor, read: Callable[[Tensor], np.ndarray], where: str) -> np.ndarray:
    """Read a tensor: quantised as the float32 numbers that it stands for, sparse as dense, complex as its modulus.

    Args:
        tensor: the tensor.
        read: reads the numbers of a dense one as they are in the file.
        where: the file's name, for the message.

    Raises:
        SnapshotError: the file is damaged.
    """
    if tensor.sparse is not None:
        parts = [read(each) for each in (tensor.sparse.values, *tensor.sparse.places)]
        numbers = dense_of(tensor.sparse.layout, tensor.shape, parts, where)
    else:
        numbers = read(tensor)
    quantum = tensor.quantum
    if quantum is None:
        return modulus(numbers)
    scale, zero = (read(each) if isinstance(each, Tensor) else each for each in (quantum.scale, quantum.zero))
    if quantum.axis is not None:
        sizes = [-1 if axis == quantum.axis else 1 for axis in range(numbers.ndim)]
        scale, zero = np.reshape(scale, sizes), np.reshape(zero, sizes)
    return ((numbers.astype(np.float64) - zero) * scale).astype(np.float32)


def decoder_of(tensor: Tensor) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what makes real numbers of the bits in the file; None where these are such already."""
    if tensor.dtype in FLOAT8:
        return partial(from_float8, name=tensor.dtype)
    if tensor.dtype == COMPLEX32:
        return lambda bits: modulus(from_complex32(bits))
    if tensor.dtype in COMPLEX:
        return modulus
    return from_bfloat16 if tensor.dtype == "bf2" else None


def lies_in_a_row(tensor: Tensor) -> bool:
    """Tell whether the numbers of a tensor lie one behind the other, row by row."""
    return tensor.sparse is None and tensor.strides == _in_a_row(tensor.shape)


def _in_a_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of numbers that lie one behind the other, row by row."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


class Maker:
    """What the names in a pickle stand for."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}

    def storage(self, identity: Any) -> Any:
        """Return the storage of a persistent id ``("storage", type, key, location, count)``.

        Before 1.6 a sixth item was there, of views of storages, and ``("module", class, file, source)`` for classes.
        """
        match identity:
            case ("storage", Named(name=name), str(key), str(), int(count)) | (
                "storage",
                Named(name=name),
                str(key),
                str(),
                int(count),
                None,
            ) if name.startswith("torch."):
                return self.storages.setdefault(key, Storage(key, _STORAGES.get(name.rsplit(".", 1)[-1], ""), count))
            case ("module", Named() as named, *_):
                return named
        raise PickleError("it holds a persistent id that names no storage")

    def reduce(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return what stands for the result of a call; nothing is called."""
        match name, arguments:
            case "torch._utils._rebuild_tensor_v2", (
                Storage() as storage,
                int(offset),
                tuple(shape),
                tuple(strides),
                *_,
            ):
                return self._tensor(storage, storage.dtype, offset, shape, strides)
            case (
                "torch._utils._rebuild_tensor_v3",
                (Storage() as storage, int(offset), tuple(shape), tuple(strides), _, _, Named(name=dtype), *_),
            ):
                return self._tensor(storage, dtype_of(dtype), offset, shape, strides)
            case "torch._utils._rebuild_qtensor", (
                Storage() as storage,
                int(offset),
                tuple(shape),
                tuple(strides),
                tuple(parameters),
                *_,
            ):
                tensor = self._tensor(storage, storage.dtype, offset, shape, strides)
                return replace(tensor, quantum=_quantum(tensor.shape, parameters))
            case (
                ("torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state"),
                (Tensor() as data, *_),
            ):
                return data
            case "torch._utils._rebuild_sparse_tensor", (str(layout), tuple(parts)):
                sparse, sizes = sparse_of(layout, parts, lambda part: isinstance(part, Tensor) and not part.sparse)
                values = sparse.values
                return Tensor(values.storage, values.dtype, values.offset, sizes, (), None, sparse)
            case "torch.serialization._get_layout", (str(layout),):
                return layout.removeprefix("torch.")
            case "torch.Size", (list() | tuple() as sizes,):
                return tuple(sizes)
            case "_codecs.encode", (str(text), "latin1"):
                return text.encode("latin-1", "replace")
            case _ if name in _PLAIN and not arguments:
                return {}
            case _ if name in _SCALARS:
                return _number(arguments)
        return Unknown(name, arguments)

    def _tensor(
        self, storage: Storage, dtype: str, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]
    ) -> Tensor:
        whole = all(type(number) is int and 0 <= number < 2**48 for number in (offset, *shape, *strides))
        if not whole or len(shape) != len(strides) or len(shape) > MAX_AXES:
            raise PickleError("it holds a tensor of an impossible shape")
        if math.prod(shape) * 4 > MAX_MEMBER_BYTES:
            raise PickleError(f"it holds a tensor of shape {shape} (at most {MAX_MEMBER_BYTES} bytes are read)")
        return Tensor(storage, dtype, offset, shape, strides)


def _quantum(shape: tuple[int, ...], parameters: tuple[Any, ...]) -> Quantum:
    match parameters:
        case (Named(name="torch.per_tensor_affine"), float(scale), int(zero)) if abs(zero) < 2**31:
            return Quantum(scale, zero)
        case (
            Named(name="torch.per_channel_affine" | "torch.per_channel_affine_float_qparams"),
            Tensor(dtype="f4" | "f8", shape=(count,)) as scale,
            Tensor(dtype="i4" | "i8" | "f4" | "f8", shape=(same,)) as zero,
            int(axis),
        ) if count == same and 0 <= axis < len(shape) and shape[axis] == count:
            return Quantum(scale, zero, axis)
    raise PickleError("it holds a quantised tensor of an unknown kind")


def _number(arguments: tuple[Any, ...]) -> Any:
    """Return the value of a NumPy scalar that was given as its type and its bytes, else an `Unknown`."""
    match arguments:
        case (Unknown(name="numpy.dtype", arguments=(str(code), *_)), bytes(data)) if code in ("i8", "i4", "f8", "f4"):
            letter = {"i8": "q", "i4": "i", "f8": "d", "f4": "f"}[code]
            if len(data) == struct.calcsize(letter):
                return struct.unpack(f"<{letter}", data)[0]
    return Unknown("numpy.scalar")
