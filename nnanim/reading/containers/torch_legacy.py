"""What ``torch.save`` wrote before PyTorch 1.6: pickles one behind the other, then the storages.

The pickles are a magic number, a version, sizes and order of bytes of the machine, what was saved, and the keys of the
storages; each storage is a count (8 bytes) and its numbers. PyTorch still writes it on request.

Source: ``_legacy_save`` in ``torch/serialization.py`` of PyTorch 2.13.
"""

from __future__ import annotations

from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import MAX_MEMBER_BYTES
from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES, PickleError, load
from nnanim.reading.containers.torch_tensors import (
    Maker,
    Storage,
    Tensor,
    check_size,
    decoder_of,
    lies_in_a_row,
    read_tensor,
    view_of,
)
from nnanim.reading.streams import FileStream, Stream

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the number 0x1950a86a20f9469cfc6c as a pickle
HINT = "torch.save wrote five pickles and the storages before 1.6"
_COUNT_BYTES = 8


class LegacyFile:
    """A file of the old format, whose pickles were not read yet."""

    def __init__(self, path: Path, file: BufferedIOBase) -> None:
        self.path = path
        self._file = file
        self._order = "<"
        self._places: dict[str, tuple[int, int]] | None = None

    def contents(self) -> Any:
        """Return what was saved, with a `Tensor` for each tensor.

        Raises:
            SnapshotError: the file is damaged or too large.
        """
        maker = Maker()
        try:
            size = self._file.seek(0, 2)
            self._file.seek(0)
            stream = BytesIO(self._file.read(min(size, MAX_PICKLE_BYTES)))
            _, _, machine, saved, keys = (load(stream, maker.reduce, maker.storage) for _ in range(5))
            if isinstance(machine, dict) and machine.get("little_endian") is False:
                self._order = ">"
            self._places = self._find_storages(keys, maker.storages, stream.tell(), size)
        except PickleError as error:
            raise SnapshotError(f"cannot read snapshot {str(self.path)!r}: {error} ({HINT})") from error
        except OSError as error:
            raise SnapshotError(f"cannot read snapshot {str(self.path)!r}: {error.strerror} ({HINT})") from error
        return saved

    def array(self, tensor: Tensor) -> np.ndarray:
        """Read a tensor as `read_tensor` gives it. What is writeable is the caller's own.

        Raises:
            SnapshotError: its storage is missing, too small or too large.
        """
        if self._places is None:
            self.contents()
        return read_tensor(tensor, self._numbers, str(self.path))

    def stream(self, tensor: Tensor, *, is_checked: bool = True) -> Stream | None:
        """Return the numbers of a tensor some at a time; None where they do not lie one behind the other.

        Raises:
            SnapshotError: its storage is missing or too small.
        """
        if self._places is None:
            self.contents()
        if not lies_in_a_row(tensor) or tensor.quantum is not None:
            return None
        start, size = self._place(tensor)
        check_size(size, tensor, str(self.path))
        dtype = np.dtype(self._order + tensor.code)
        return FileStream(
            self._file,
            start + tensor.offset * dtype.itemsize,
            dtype,
            tensor.shape,
            lambda _: self._damaged(tensor.storage.key),
            decoder_of(tensor),
        )

    def _place(self, tensor: Tensor) -> tuple[int, int]:
        """Return first byte and length of the storage of a tensor."""
        places = self._places or {}
        if tensor.storage.key not in places:
            raise self._damaged(tensor.storage.key)
        return places[tensor.storage.key]

    def _numbers(self, tensor: Tensor) -> np.ndarray:
        start, size = self._place(tensor)
        needed = check_size(size, tensor, str(self.path))
        if needed > MAX_MEMBER_BYTES:
            raise SnapshotError(
                f"a tensor in snapshot {str(self.path)!r} takes {needed} bytes (at most {MAX_MEMBER_BYTES} are read at"
                " once; --view layers reads some at a time)"
            )
        data = np.empty(needed, np.uint8)
        try:
            self._file.seek(start)
            count = self._file.readinto(data.data)
        except OSError as error:
            raise self._damaged(tensor.storage.key) from error
        if count != len(data):
            raise self._damaged(tensor.storage.key)
        return view_of(data, tensor, self._order, str(self.path))

    def _find_storages(
        self, keys: Any, storages: dict[str, Storage], start: int, size: int
    ) -> dict[str, tuple[int, int]]:
        """Return first byte and length of each storage by its key."""
        places: dict[str, tuple[int, int]] = {}
        for key in keys if isinstance(keys, list) else ():
            storage = storages.get(key) if isinstance(key, str) else None
            if storage is None or not storage.dtype:
                raise PickleError(f"storage {key!r} is of an unknown type")
            self._file.seek(start)
            count = int.from_bytes(self._file.read(_COUNT_BYTES), "little" if self._order == "<" else "big")
            length = count * np.dtype(storage.code).itemsize
            start += _COUNT_BYTES
            if length > size - start:
                raise PickleError("it is truncated")
            places[key] = (start, length)
            start += length
        return places

    def _damaged(self, key: str) -> SnapshotError:
        return SnapshotError(f"snapshot {str(self.path)!r} is truncated or damaged at storage {key!r} ({HINT})")
