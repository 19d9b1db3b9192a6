"""Files that look like snapshots and cannot be read: what each is, and the way out."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES
from nnanim.reading.containers.zip_file import ZipError, open_zip

HEAD_BYTES = 512  # that are looked at
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_DCP_PIECES = ".distcp"  # many zip archives one behind the other
_TAR_MAGIC = slice(257, 262)

Test = Callable[[str, bytes], bool]


def _suffix(*suffixes: str) -> Test:
    return lambda name, _head: name.lower().endswith(suffixes)


def _begins(*starts: bytes) -> Test:
    return lambda _name, head: head.startswith(starts)


# What a file is, by its name and its first bytes, and what to do; the first row that fits counts.
_KINDS: tuple[tuple[Test, str], ...] = (
    (
        # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
        _begins(b"version https://git-lfs.github.com/spec/"),
        "is a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)",
    ),
    (
        lambda _name, head: head[_TAR_MAGIC] == b"ustar",
        "is a tar archive, as PyTorch wrote before 0.1.12 or a program that packs results (unpack it)",
    ),
    (
        lambda name, _head: bool(re.search(r"\.(?:index|meta|data-[0-9]{5}-of-[0-9]{5})$", name)),
        "is part of a TensorFlow checkpoint (load it with TensorFlow and save the weights as .weights.h5 or .npz)",
    ),
    (
        lambda name, head: name == "checkpoint" and head.startswith(b"model_checkpoint_path:"),
        "names TensorFlow checkpoints (load one with TensorFlow and save the weights as .weights.h5 or .npz)",
    ),
    (_begins(b"MATLAB "), "is a MATLAB file (read it with scipy.io.loadmat and save its weights with numpy.savez)"),
    (
        _suffix(".caffemodel", ".prototxt"),
        "is a Caffe model (load it with Caffe or OpenCV and save its weights with numpy.savez)",
    ),
    (
        _suffix(".weights"),
        "is a file of Darknet's weights, which names no tensors (convert it to PyTorch or ONNX)",
    ),
    (_suffix(".mat"), "is a MATLAB file (read it with scipy.io.loadmat and save its weights with numpy.savez)"),
    (
        _suffix(_DCP_PIECES),
        "is part of a torch.distributed.checkpoint whose .metadata is missing (it is written last: the saving was cut"
        " off, or the folder not copied whole)",
    ),
    (_suffix(".msgpack", ".flax"), "holds no weights of Flax (flax.serialization.to_bytes writes them)"),
    (_suffix(".onnx"), "is no ONNX model (one begins with the version of its format, and is binary)"),
    (
        _suffix(".tflite", ".pb", ".mlmodel"),
        "is a format that is not read yet (save the weights as .npz or .safetensors)",
    ),
    (
        lambda _name, head: head.startswith(_PICKLES) and b"sklearn" in head,
        "is a pickle of scikit-learn, which is never loaded, since it could run code (save coefs_ and intercepts_ with"
        " numpy.savez)",
    ),
    (
        _begins(*_PICKLES),
        "is a pickle, which is never loaded, since it could run code (save the weights with numpy.savez, torch.save or"
        " safetensors)",
    ),
)
# What a pickle of PyTorch names where its tensors are of a kind that is not read.
_TENSORS = (
    (b"qint8", "holds quantised tensors (qint8) of a kind that is not read (save tensor.dequantize())"),
    (b"QInt8", "holds quantised tensors (qint8) of a kind that is not read (save tensor.dequantize())"),
)
# https://orbax.readthedocs.io/en/latest/guides/checkpoint/checkpoint_format.html
_ORBAX, _ORBAX_METADATA = ("manifest.ocdbt", "_sharding"), "_METADATA"
_ORBAX_WAY_OUT = "restore it, and write flax.serialization.to_bytes(params) to a file called step_100.msgpack"
_MAX_FOLDERS = 200
_MAX_DEPTH = 3
OBJECTS = "holds Python objects, which are pickled and never loaded (save arrays of numbers, one for each weight)"


def what_it_is(path: Path) -> str | None:
    """Say what a file is and the way out, ``"is a Git LFS pointer …"``; None where it is no kind that is known."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    if head.startswith(b"PK\x03\x04") and path.suffix != _DCP_PIECES:
        return OBJECTS if _holds_objects(path) else _tensors_of(path)
    if head.startswith(b"\x93NUMPY"):
        return OBJECTS if b"'|O'" in head else None
    return next((told for fits, told in _KINDS if fits(path.name, head)), None)


def is_of_orbax(folder: Path) -> str | None:
    """Say that a folder holds checkpoints of Orbax from before it named its arrays in ``_METADATA``; else None."""
    waiting = [(folder, 0)]
    for _ in range(_MAX_FOLDERS):
        if not waiting:
            return None
        place, depth = waiting.pop(0)
        try:
            with os.scandir(place) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError:
            continue
        if (_ORBAX_METADATA, False) in found:  # it was looked into
            continue
        if any(name in _ORBAX and not is_folder for name, is_folder in found):
            where = "it" if place == folder else repr(place.relative_to(folder).as_posix())
            return f"{where} is a checkpoint of Orbax without _METADATA, which is not read ({_ORBAX_WAY_OUT})"
        waiting += [(place / name, depth + 1) for name, is_folder in found if is_folder and depth < _MAX_DEPTH]
    return None


def _tensors_of(path: Path) -> str | None:
    """Say which kind of tensors an archive of PyTorch holds that is not read."""
    try:
        with open_zip(path) as file:
            name = next((name for name in file.names if name.endswith("/data.pkl")), None)
            start = file.read_start(file[name], MAX_PICKLE_BYTES) if name else b""
    except (OSError, ZipError):
        return None
    return next((told for word, told in _TENSORS if word in start), None)


def _holds_objects(path: Path) -> bool:
    """Tell whether a NumPy archive has an array of objects; only the beginnings of its members are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist()[:64]:
                with archive.open(name) as member:
                    start = member.read(HEAD_BYTES)
                if start.startswith(b"\x93NUMPY") and b"'|O'" in start:
                    return True
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError):
        return False  # which whoever reads it explains
    return False
