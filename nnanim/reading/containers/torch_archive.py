"""The zip archives that ``torch.save`` writes: a pickle that names storages, and one member for each storage.

Source: ``torch/serialization.py`` and ``torch/_utils.py`` of PyTorch 2.13.
"""

from __future__ import annotations

from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES
from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES, PickleError, load
from nnanim.reading.containers.torch_tensors import (
    Maker,
    Tensor,
    check_size,
    decoder_of,
    lies_in_a_row,
    read_tensor,
    view_of,
)
from nnanim.reading.containers.zip_file import Member, ZipError, ZipFile
from nnanim.reading.streams import FileStream, MemberStream, Stream

HINT = "a PyTorch snapshot is a zip archive written by torch.save"


class TorchArchive:
    """An archive whose zip directory was read."""

    def __init__(self, file: ZipFile) -> None:
        self.path: Path = file.path
        self._file = file
        self._prefix = next((name for name in file.names if name.endswith("/data.pkl")), "").removesuffix("data.pkl")
        self.is_torch: bool = bool(self._prefix)
        self._storages: dict[str, BufferedReader | None] = {}

    def contents(self) -> Any:
        """Return what was saved, with a `Tensor` for each tensor.

        Raises:
            SnapshotError: the archive is damaged or too large.
        """
        maker = Maker()
        try:
            return load(self._bytes("data.pkl", MAX_PICKLE_BYTES), maker.reduce, maker.storage)
        except PickleError as error:
            raise SnapshotError(f"cannot read the pickle in snapshot {str(self.path)!r}: {error} ({HINT})") from error

    def array(self, tensor: Tensor) -> np.ndarray:
        """Read a tensor as `read_tensor` gives it. What is writeable is the caller's own.

        Raises:
            SnapshotError: its storage is missing, too small or too large.
        """
        return read_tensor(tensor, self._numbers, str(self.path))

    def stream(self, tensor: Tensor, *, is_checked: bool = True) -> Stream | None:
        """Return the numbers of a tensor some at a time; None where they do not lie one behind the other.

        Of a storage that holds several tensors, as the flattened weights of an LSTM, the sum is checked once.

        Args:
            tensor: of the archive.
            is_checked: whether the sum of its storage is checked.

        Raises:
            SnapshotError: its storage is missing, too small or too large.
        """
        if not lies_in_a_row(tensor) or tensor.quantum is not None:
            return None
        name = f"data/{tensor.storage.key}"
        member = self._member(name)
        needed = check_size(member.size, tensor, str(self.path))
        dtype, decode = np.dtype(self._order + tensor.code), decoder_of(tensor)
        skip = tensor.offset * dtype.itemsize

        def damaged(_: OSError | None = None) -> SnapshotError:
            return self._damaged(name)

        try:
            is_alone = needed == member.size and not skip
            shared = self._file.window(member) if not is_checked else None if is_alone else self._shared(member)
            if shared is not None:
                return FileStream(shared, skip, dtype, tensor.shape, damaged, decode)
            file = self._file.open(member)
        except (ZipError, OSError) as error:
            raise damaged() from error
        return MemberStream(file, skip, dtype, tensor.shape, member.size, damaged, decode)

    def _shared(self, member: Member) -> BufferedReader | None:
        """Return a storage of several tensors, whose sum is right, to be read at any place; None where it is packed."""
        name = member.info.filename
        if name not in self._storages:
            self._storages[name] = self._file.window(member)
            if self._storages[name] is not None:
                self._file.check(member)
        return self._storages[name]

    def _numbers(self, tensor: Tensor) -> np.ndarray:
        name = f"data/{tensor.storage.key}"
        member = self._member(name, MAX_MEMBER_BYTES)
        check_size(member.size, tensor, str(self.path))  # before its bytes are read
        try:
            data = self._file.read_numbers(member)
        except (ZipError, OSError) as error:
            raise self._damaged(name) from error
        return view_of(data, tensor, self._order, str(self.path))

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

    def _member(self, name: str, limit: int | None = None) -> Member:
        try:
            member = self._file[self._prefix + name]
        except KeyError:
            raise SnapshotError(
                f"snapshot {str(self.path)!r} has no member {name!r} (the archive is damaged)"
            ) from None
        if limit is not None and member.size > limit:
            raise SnapshotError(
                f"{name!r} in snapshot {str(self.path)!r} claims {member.size} bytes (at most {limit} are read at once)"
            )
        return member

    def _damaged(self, name: str) -> SnapshotError:
        return SnapshotError(f"snapshot {str(self.path)!r} is truncated or damaged at {name!r} ({HINT})")
