"""Which format a file is of. A format is a module with ``look`` and ``read``, imported with the first file of it.

None knows the others. A file is opened once to be looked at, whatever it turns out to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from io import BufferedIOBase, BufferedReader, FileIO
from pathlib import Path
from types import ModuleType

from nnanim.errors import SnapshotError
from nnanim.model.layers import Layer, LayerHeader
from nnanim.reading.containers.npz_archive import SNAPSHOT_HINT, check_magic
from nnanim.reading.containers.zip_file import MAGICS, ZipError, ZipFile
from nnanim.reading.snapshots.contents import Arrays, Contents

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
INDEX_SUFFIX = ".safetensors.index.json"
_HEAD_BYTES = 32  # longer than what a pickle of PyTorch's old format begins with
_KERAS_SUFFIXES = (".h5", ".hdf5")
_MODULES = {"numpy": "npz", "lightning": "pytorch"}  # of formats that are called otherwise than their module


def scan(path: Path, file: FileIO | None = None, head: bytes = b"") -> Contents | None:
    """Read what a snapshot says of itself, or return None where the file is none, or cannot be opened.

    Args:
        path: the file.
        file: the same, where it is open already, at any place.
        head: its first bytes in this case, 32 or more where there are so many.

    Raises:
        SnapshotError: it begins as a snapshot and is damaged.
    """
    if file is not None:
        return _look(path, file, head)
    try:
        opened = path.open("rb", buffering=0)
    except OSError:
        return None
    with opened:
        try:
            head = opened.read(_HEAD_BYTES)
        except OSError:
            return None
        return _look(path, opened, head)


def read(contents: Contents, layers: Sequence[LayerHeader], shape: Sequence[int] | None = None) -> list[Layer]:
    """Read the weights of a snapshot with the reader of its format."""
    layers_of: list[Layer] = _module(contents.format).read(contents, layers, shape)
    return layers_of


def open_arrays(contents: Contents) -> AbstractContextManager[Arrays]:
    """Open a snapshot to read its arrays one at a time, in the order of the file where that is to be fast.

    Raises:
        SnapshotError: the file cannot be read.
    """
    opened: AbstractContextManager[Arrays] = _module(contents.format).open_arrays(contents)
    return opened


def explain(path: Path) -> None:
    """Say why a file that is named like a snapshot is none.

    Raises:
        SnapshotError: it is broken; nothing is raised where it is whole and holds no weights.
    """
    from nnanim.reading.snapshots.unreadable import what_it_is

    head = _head(path)
    # Arrays of objects may well be a data set beside the snapshots.
    if path.suffix != ".npz" and (told := what_it_is(path)) is not None:
        raise SnapshotError(f"{str(path)!r} {told}")
    if head and path.name.endswith((".safetensors", INDEX_SUFFIX)):
        from nnanim.reading.snapshots import safetensors

        safetensors.scan(path)
    elif head and path.suffix in _KERAS_SUFFIXES and head[:8] != HDF5_MAGIC:
        from nnanim.reading.snapshots import keras

        keras.scan(path)
    elif head[:8] != HDF5_MAGIC:
        check_magic(path)


def _look(path: Path, raw: FileIO, head: bytes) -> Contents | None:
    """Tell the format by the first bytes and, in a zip archive, by its names."""
    is_zip, is_hdf5 = head[:4] in MAGICS, head[:8] == HDF5_MAGIC
    if not (is_zip or is_hdf5 or head[8:9] == b"{" or path.name.endswith(INDEX_SUFFIX)):
        return None
    with BufferedReader(raw) as file:
        if is_zip:
            return _look_inside(path, file)
        if is_hdf5:
            from nnanim.reading.snapshots import keras

            contents = keras.look(path, file)
            if contents is None:
                from nnanim.reading.snapshots import chainer_hdf5

                file.seek(0)
                contents = chainer_hdf5.look(path, file)
            return contents
        from nnanim.reading.snapshots import safetensors

        return safetensors.look(path, file)


def _look_inside(path: Path, file: BufferedIOBase) -> Contents | None:
    try:
        archive = ZipFile(path, file)
    except (ZipError, OSError) as error:
        raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({SNAPSHOT_HINT})") from error
    if any(name.endswith("/data.pkl") for name in archive.names):
        from nnanim.reading.snapshots import pytorch

        return pytorch.look(archive)
    from nnanim.reading.snapshots import chainer

    if chainer.has_weights(archive):
        return chainer.scan(archive)
    if "config.json" in archive:
        from nnanim.reading.snapshots import keras

        return keras.look(path, archive)
    from nnanim.reading.snapshots import npz

    return npz.look(archive)


def _module(form: str) -> ModuleType:
    """Return the module of a format."""
    return import_module(f"nnanim.reading.snapshots.{_MODULES.get(form, form)}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
