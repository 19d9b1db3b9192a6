"""Which format a file is of. A format is a module with ``look`` and ``open_arrays``, imported with its first file.

None knows the others. A file is opened once to be looked at, whatever it turns out to be.
"""

from __future__ import annotations

import re
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
from nnanim.reading.snapshots.shards import PYTORCH_INDEX, SAFETENSORS_INDEX
from nnanim.reading.snapshots.to_layers import read_layers

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch before 1.6
DCP_NAME = ".metadata"  # of torch.distributed.checkpoint
ORBAX_NAME = "_METADATA"
SPARSE = "scipy_sparse"  # a matrix alone, which `npy` puts together with others
ONNX_SUFFIX, ONNX_START = ".onnx", b"\x08"  # the field ir_version, which stands first
FLAX_NAMES = re.compile(r".*\.(?:msgpack|flax)|[A-Za-z][\w-]*_[0-9]+(?:\.[0-9]+)?")  # save_checkpoint's end in the step
FLAX_DICTS = (*range(0x81, 0x90), 0xDE, 0xDF)
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
    """Read the weights of a snapshot, as `nnanim.reading.snapshots.to_layers.read_layers` says.

    With a shape they are loaded into a model of the format's framework, where the format has a ``load`` for that.
    """
    load = None if shape is None else getattr(_module(contents.format), "load", None)
    return read_layers(contents, layers, shape, open_arrays, load)


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
    from nnanim.reading.snapshots.unreadable import OBJECTS, what_it_is

    head = _head(path)
    is_known = (
        head.startswith(LEGACY_MAGIC)
        or path.name in (DCP_NAME, ORBAX_NAME)
        or _is_onnx(path, head)
        or _is_flax(path, head)
    )
    if is_known:  # it was looked into, and holds no weights
        return
    # Arrays of objects may well be a data set beside the snapshots.
    if (told := what_it_is(path)) not in (None, OBJECTS):
        raise SnapshotError(f"{str(path)!r} {told}")
    if head and path.name.endswith((".safetensors", SAFETENSORS_INDEX)):
        from nnanim.reading.snapshots import safetensors

        safetensors.scan(path)
    elif head and path.suffix in _KERAS_SUFFIXES and head[:8] != HDF5_MAGIC:
        from nnanim.reading.snapshots import keras

        keras.scan(path)
    elif head[:8] != HDF5_MAGIC:
        check_magic(path)


def _look(path: Path, raw: FileIO, head: bytes) -> Contents | None:
    """Tell the format by the first bytes and, in a zip archive, by its names."""
    if path.name == DCP_NAME:
        from nnanim.reading.snapshots import torch_dcp

        return torch_dcp.look(path)
    if path.name == ORBAX_NAME:
        from nnanim.reading.snapshots import orbax

        return orbax.look(path)
    is_zip, is_hdf5 = head[:4] in MAGICS, head[:8] == HDF5_MAGIC
    if head.startswith(LEGACY_MAGIC) or path.name.endswith(PYTORCH_INDEX):
        from nnanim.reading.snapshots import pytorch

        with BufferedReader(raw) as file:
            return pytorch.look_index(path) if path.name.endswith(PYTORCH_INDEX) else pytorch.look_legacy(path, file)
    if _is_onnx(path, head):
        from nnanim.reading.snapshots import onnx

        with BufferedReader(raw) as file:
            return onnx.look(path, file)
    if _is_flax(path, head):
        from nnanim.reading.snapshots import flax

        with BufferedReader(raw) as file:
            return flax.look(path, file)
    if not (is_zip or is_hdf5 or head[8:9] == b"{" or path.name.endswith(SAFETENSORS_INDEX)):
        return None
    with BufferedReader(raw) as file:
        if is_zip:
            return _look_inside(path, file)
        if is_hdf5:
            from nnanim.reading.snapshots import keras

            found = keras.look(path, file)
            if found is not None:
                return found
            from nnanim.reading.snapshots import chainer_hdf5, hdf5

            return chainer_hdf5.look(path, file) or hdf5.look(path, file)
        from nnanim.reading.snapshots import safetensors

        return safetensors.look(path, file)


def _is_onnx(path: Path, head: bytes) -> bool:
    return path.name.endswith(ONNX_SUFFIX) and head[:1] == ONNX_START


def _is_flax(path: Path, head: bytes) -> bool:
    """Tell whether a file is named and begins as Flax's do: with a dict that is not empty."""
    is_dict = bool(head) and head[0] in FLAX_DICTS and head[:8] != HDF5_MAGIC
    return is_dict and FLAX_NAMES.fullmatch(path.name) is not None


def _look_inside(path: Path, file: BufferedIOBase) -> Contents | None:
    try:
        archive = ZipFile(path, file)
    except (ZipError, OSError) as error:
        raise SnapshotError(f"snapshot {str(path)!r} is truncated or damaged ({SNAPSHOT_HINT})") from error
    if "policy.pth" in archive or any(name.endswith("/data.pkl") for name in archive.names):
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
