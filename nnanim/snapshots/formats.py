"""Which format a file is of. A format is a module with ``sniff``, ``scan`` and ``read``; none knows the others."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnanim.errors import SnapshotError
from nnanim.layers import Layer, LayerHeader
from nnanim.snapshots import Contents, chainer, keras, npy_files, numpy_files, pytorch, safetensors
from nnanim.snapshots.archive import DAMAGE, SNAPSHOT_HINT, check_magic
from nnanim.snapshots.hdf5 import MAGIC as HDF5_MAGIC

HEAD_BYTES = 16
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_KERAS_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Format:
    """How the files of one format are read."""

    sniff: Callable[[Path], bool]
    scan: Callable[[Path], Contents]
    read: Callable[[Contents, Sequence[LayerHeader], Sequence[int] | None], list[Layer]]

    def look(self, path: Path) -> Contents | None:
        """Read what a snapshot of this format says of itself, or return None where the file is none."""
        return self.scan(path) if self.sniff(path) else None


CHAINER = Format(chainer.sniff, chainer.scan, chainer.read)
NUMPY = Format(numpy_files.sniff, numpy_files.scan, numpy_files.read)
PYTORCH = Format(pytorch.sniff, pytorch.scan, pytorch.read)
SAFETENSORS = Format(safetensors.sniff, safetensors.scan, safetensors.read)
KERAS = Format(keras.sniff, keras.scan, keras.read)
_READERS = {
    chainer.FORMAT: CHAINER,
    numpy_files.FORMAT: NUMPY,
    pytorch.FORMAT: PYTORCH,
    pytorch.LIGHTNING: PYTORCH,
    safetensors.FORMAT: SAFETENSORS,
    keras.FORMAT: KERAS,
}


def scan(path: Path, head: bytes | None = None) -> Contents | None:
    """Read what a snapshot says of itself, or return None where the file is none.

    Args:
        path: the file.
        head: its first bytes, where they are known already.

    Raises:
        SnapshotError: it begins as a snapshot and is damaged.
    """
    for look in _candidates(path, _head(path) if head is None else head):
        contents = look(path)
        if contents is not None:
            return contents
    return None


def read(contents: Contents, layers: Sequence[LayerHeader], shape: Sequence[int] | None = None) -> list[Layer]:
    """Read the weights of a snapshot with the reader of its format."""
    if contents.format == npy_files.FORMAT:
        return npy_files.read(contents, layers, shape)
    return _READERS[contents.format].read(contents, layers, shape)


def explain(path: Path) -> None:
    """Say why a file that is named like a snapshot is none.

    Raises:
        SnapshotError: it is broken; nothing is raised where it is whole and holds no weights.
    """
    head = _head(path)
    if head and path.name.endswith((".safetensors", safetensors.INDEX_SUFFIX)):
        safetensors.scan(path)
    elif head and path.suffix in _KERAS_SUFFIXES and head[:8] != HDF5_MAGIC:
        keras.scan(path)
    elif head[:2] == b"\x80\x02":
        raise SnapshotError(f"snapshot {str(path)!r} {pytorch.problem_of(head)} ({SNAPSHOT_HINT})")
    elif head[:8] != HDF5_MAGIC:
        check_magic(path)


def _candidates(path: Path, head: bytes) -> tuple[Callable[[Path], Contents | None], ...]:
    """Return what to try with a file, by its first bytes and, in a zip archive, its names."""
    if head[:4] in _ZIP_MAGICS:
        names = _zip_names(path)
        if any(name.endswith("/data.pkl") for name in names):
            return (pytorch.look,)
        if any(chainer.is_weight(name.removesuffix(".npy")) for name in names):
            return (chainer.scan,)
        return (KERAS.look,) if "config.json" in names else (NUMPY.look,)
    if head[:8] == HDF5_MAGIC:
        return (KERAS.look,)
    if head[8:9] == b"{" or path.name.endswith(safetensors.INDEX_SUFFIX):
        return (SAFETENSORS.look,)
    return ()


def _zip_names(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except DAMAGE as error:
        raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({SNAPSHOT_HINT})") from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Longer than what a pickle of PyTorch's old format begins with.
            return file.read(2 * HEAD_BYTES)
    except OSError:
        return b""
