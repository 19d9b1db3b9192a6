"""The zip archives that ``torch.save`` writes: a pickle that names storages, and one member for each storage.

Source: ``torch/serialization.py`` and ``torch/_utils.py`` of PyTorch 2.13.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES
from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES, Named, PickleError, Unknown, load
from nnanim.reading.containers.zip_file import Member, ZipError, ZipFile, open_zip
from nnanim.reading.snapshots.to_layers import from_bfloat16

HINT = "a PyTorch snapshot is a zip archive written by torch.save"
MAX_DIMENSIONS = 64

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
    "float8_e4m3fn": "e4m3",
    "float8_e5m2": "e5m2",
    "bool": "b1",
}
_STORED = {"bf2": "u2", "e4m3": "u1", "e5m2": "u1"}  # as which bits are read that NumPy has no type for
_PLAIN = {"collections.OrderedDict": dict, "builtins.dict": dict, "__builtin__.dict": dict}
_SCALARS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}


def _float8_table(exponent_bits: int, bias: int, *, has_infinity: bool) -> np.ndarray:
    """Return the 256 float32 numbers of an 8-bit format (Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433)."""
    codes = np.arange(256)
    mantissa_bits = 7 - exponent_bits
    exponents, mantissas = (codes >> mantissa_bits) & (2**exponent_bits - 1), codes & (2**mantissa_bits - 1)
    fractions = mantissas / 2**mantissa_bits + (exponents > 0)
    values = fractions * 2.0 ** (np.maximum(exponents, 1) - bias)
    if has_infinity:  # as IEEE: the largest exponent is for infinity and NaN
        largest = exponents == 2**exponent_bits - 1
        values[largest] = np.where(mantissas[largest] == 0, np.inf, np.nan)
    else:
        values[codes & 0x7F == 0x7F] = np.nan
    signed: np.ndarray = np.where(codes & 0x80, -values, values).astype(np.float32)
    return signed


FLOAT8 = {"e4m3": _float8_table(4, 7, has_infinity=False), "e5m2": _float8_table(5, 15, has_infinity=True)}


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


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, sizes and strides in numbers."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def is_real(self) -> bool:
        """Whether it holds real numbers that can be read."""
        return self.dtype in ("f2", "f4", "f8", "bf2", *FLOAT8)


class TorchArchive:
    """An archive whose zip directory was read."""

    def __init__(self, file: ZipFile) -> None:
        self.path = file.path
        self._file = file
        self._prefix = next((name for name in file.names if name.endswith("/data.pkl")), "").removesuffix("data.pkl")
        self.is_torch = bool(self._prefix)
        self.is_quantised = False

    def contents(self) -> tuple[Any, bool]:
        """Return what was saved, with a `Tensor` for each tensor, and whether all of it is plain.

        Raises:
            SnapshotError: the archive is damaged or too large.
        """
        maker = _Maker()
        try:
            saved = load(self._bytes("data.pkl", MAX_PICKLE_BYTES), maker.reduce, maker.storage)
        except PickleError as error:
            raise SnapshotError(f"cannot read the pickle in snapshot {str(self.path)!r}: {error} ({HINT})") from error
        self.is_quantised = maker.is_quantised
        return saved, maker.is_plain

    def array(self, tensor: Tensor) -> np.ndarray:
        """Read a tensor of real numbers, bfloat16 as float32. What is writeable is the caller's own.

        Raises:
            SnapshotError: its storage is missing, too small or too large.
        """
        name = f"data/{tensor.storage.key}"
        member = self._member(name, MAX_MEMBER_BYTES)
        kind = np.dtype(self._order + _STORED.get(tensor.dtype, tensor.dtype))
        last = tensor.offset + sum(
            (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
        )
        if 0 in tensor.shape:
            return np.zeros(tensor.shape, dtype=np.float32)
        if (last + 1) * kind.itemsize > member.size:
            raise SnapshotError(
                f"storage {tensor.storage.key!r} in snapshot {str(self.path)!r} has {member.size} bytes, a tensor of"
                f" shape {tensor.shape} needs {(last + 1) * kind.itemsize} (the archive is damaged)"
            )
        try:
            data = self._file.read_numbers(member)
        except (ZipError, OSError) as error:
            raise self._damaged(name) from error
        numbers = data[: (last + 1) * kind.itemsize].view(kind)[tensor.offset :]
        if len(numbers) == math.prod(tensor.shape) and tensor.strides == _in_a_row(tensor.shape):
            view = numbers.reshape(tensor.shape)
        else:
            strides = tuple(stride * kind.itemsize for stride in tensor.strides)
            view = np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides, writeable=False)
        if tensor.dtype in FLOAT8:
            numbers8: np.ndarray = FLOAT8[tensor.dtype][view]
            return numbers8
        return from_bfloat16(view) if tensor.dtype == "bf2" else view

    @cached_property
    def _order(self) -> str:
        is_big_endian = f"{self._prefix}byteorder" in self._file and self._bytes("byteorder", 16).strip() == b"big"
        return ">" if is_big_endian else "<"

    def _bytes(self, name: str, limit: int) -> bytes:
        member = self._member(name, limit)
        try:
            return self._file.read(member)
        except (ZipError, OSError) as error:
            raise self._damaged(name) from error

    def _member(self, name: str, limit: int) -> Member:
        try:
            member = self._file[self._prefix + name]
        except KeyError:
            raise SnapshotError(
                f"snapshot {str(self.path)!r} has no member {name!r} (the archive is damaged)"
            ) from None
        if member.size > limit:
            raise SnapshotError(
                f"{name!r} in snapshot {str(self.path)!r} claims {member.size} bytes (at most {limit} are read)"
            )
        return member

    def _damaged(self, name: str) -> SnapshotError:
        return SnapshotError(f"snapshot {str(self.path)!r} is truncated or damaged at {name!r} ({HINT})")


@contextmanager
def open_torch(path: Path) -> Iterator[TorchArchive]:
    """Open an archive for as long as the context lasts.

    Raises:
        SnapshotError: the file cannot be opened, or is no zip archive.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_zip(path))
        except OSError as error:
            raise SnapshotError(f"cannot read snapshot {str(path)!r}: {error.strerror} ({HINT})") from error
        except ZipError as error:
            raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({HINT})") from error
        yield TorchArchive(file)


def _in_a_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of numbers that lie one behind the other, row by row."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


class _Maker:
    """What the names in a pickle stand for."""

    def __init__(self) -> None:
        self.is_plain = True
        self.is_quantised = False

    def storage(self, identity: Any) -> Any:
        """Return the storage of a persistent id ``("storage", type, key, location, count)``."""
        match identity:
            case ("storage", Named(name=name), str(key), str(), int(count)) if name.startswith("torch."):
                return Storage(key, _STORAGES.get(name.rsplit(".", 1)[-1], ""), count)
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
                return self._tensor(storage, _DTYPES.get(dtype.rsplit(".", 1)[-1], ""), offset, shape, strides)
            case (
                ("torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state"),
                (Tensor() as data, *_),
            ):
                return data
            case "torch.Size", (list() | tuple() as sizes,):
                return tuple(sizes)
            case "_codecs.encode", (str(text), "latin1"):
                return text.encode("latin-1", "replace")
            case _ if name in _PLAIN and not arguments:
                return {}
            case _ if name in _SCALARS:
                # torch's list of what is safe has no NumPy scalar of old files: such a file is read here alone.
                self.is_plain = False
                return _number(arguments)
        self.is_plain = False
        self.is_quantised = self.is_quantised or "quantized" in name or name.endswith("_rebuild_qtensor")
        return Unknown(name, arguments)

    def _tensor(
        self, storage: Storage, dtype: str, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]
    ) -> Tensor:
        whole = all(isinstance(number, int) and 0 <= number < 2**48 for number in (offset, *shape, *strides))
        if not whole or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
            raise PickleError("it holds a tensor of an impossible shape")
        if math.prod(shape) * 4 > MAX_MEMBER_BYTES:
            raise PickleError(f"it holds a tensor of shape {shape} (at most {MAX_MEMBER_BYTES} bytes are read)")
        return Tensor(storage, dtype, offset, shape, strides)


def _number(arguments: tuple[Any, ...]) -> Any:
    """Return the value of a NumPy scalar that was given as its type and its bytes, else an `Unknown`."""
    match arguments:
        case (Unknown(name="numpy.dtype", arguments=(str(code), *_)), bytes(data)) if code in ("i8", "i4", "f8", "f4"):
            letter = {"i8": "q", "i4": "i", "f8": "d", "f4": "f"}[code]
            if len(data) == struct.calcsize(letter):
                return struct.unpack(f"<{letter}", data)[0]
    return Unknown("numpy.scalar")
