"""Files that hold weights in a way that is not read: what each is, and the way out.

They are asked for only where a folder has no snapshot, and where a file that is named like one is none.

Sources: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers), TensorFlow's ``save_restore_v2``
(names), https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf (header), Darknet's ``src/parser.c`` (header).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnanim.errors import SnapshotError
from nnanim.reading.containers.npz_archive import NPY_MAGIC, Archive
from nnanim.reading.containers.pickles import MAX_PICKLE_BYTES
from nnanim.reading.containers.zip_file import MAGICS, ZipError, open_zip

_HEAD_BYTES = 4096
_MOST_FILES = 1000
_LFS = b"version https://git-lfs.github.com/spec/"
OBJECTS = "holds Python objects (a pickle), which are never loaded; numpy.savez of plain arrays (W1, b1, …) is read"
_TENSORFLOW = (
    "is part of a TensorFlow checkpoint, which is not read; load it in the program that wrote it, then"
    " model.save_weights('model.weights.h5')"
)
_BY_NAME = (
    (r".*\.index|.*\.data-[0-9]{5}-of-[0-9]{5}|.*\.ckpt(-[0-9]+)?\.meta|saved_model\.pb", _TENSORFLOW),
    (
        r".*\.caffemodel(\.h5)?",
        "is a Caffe model, which is not read; numpy.savez the blobs of net.params in pycaffe",
    ),
    (
        r".*\.distcp",
        "is part of a torch.distributed.checkpoint, which is not read; type: python -m"
        " torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt",
    ),
    (r".*\.onnx", "is an ONNX model, which is not read; numpy.savez its initializers"),
    (r".*\.msgpack", "is a msgpack of Flax, which is not read; numpy.savez or safetensors.flax.save_file is"),
)


# What a pickle of PyTorch names where its tensors are of a kind that is not read.
_KINDS = (
    (b"_rebuild_sparse", "sparse tensors, which are not read; save tensor.to_dense()"),
    (b"ComplexFloat", "complex tensors, which are not read; save tensor.abs()"),
    (b"ComplexDouble", "complex tensors, which are not read; save tensor.abs()"),
    (b"qint8", "quantised tensors (qint8) of a kind that is not read; save tensor.dequantize()"),
    (b"QInt8", "quantised tensors (qint8) of a kind that is not read; save tensor.dequantize()"),
)


def what_is(path: Path) -> str:
    """Return the end of the sentence "the file …" for a file that is known and not read; empty for any other."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    return _by_bytes(path.name, head) or _by_name(path.name) or (_inside(path) if head[:4] in MAGICS else "")


def no_weights_in(names: Iterable[str]) -> bool:
    """Tell whether files are what Transformers leaves in a ``checkpoint-N`` beside weights that are gone."""
    left = set(names)
    return bool(left & {"trainer_state.json", "optimizer.pt", "optimizer.bin", "scheduler.pt", "training_args.bin"})


def sentence(files: Sequence[Path]) -> str:
    """Return what the first of the files that are known is, and how many there are besides; empty where none is."""
    known = [(file, what) for file in files[:_MOST_FILES] if (what := what_is(file))]
    if not known:
        return ""
    file, what = known[0]
    more = f" ({len(known) - 1} more files are not read either)" if len(known) > 1 else ""
    return f"{file.name!r} {what}{more}"


def _by_bytes(name: str, head: bytes) -> str:
    if head.startswith(_LFS):
        return "is a Git LFS pointer, the file itself was not fetched; type: git lfs pull"
    if head[:1] == b"\x80" and b"\x02" <= head[1:2] <= b"\x05":
        kind = "a pickle of scikit-learn" if b"sklearn" in head else "a pickle"
        arrays = " (coefs_ and intercepts_ of an MLP)" if b"sklearn" in head else ""
        return f"is {kind}, which is never loaded; load it where it was written and numpy.savez its arrays{arrays}"
    if head.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")) or name.lower().endswith(".mat"):
        return "is a MATLAB .mat file, which is not read; numpy.savez what scipy.io.loadmat gives"
    if name == "checkpoint" and head.startswith(b"model_checkpoint_path:"):
        return _TENSORFLOW
    if name.endswith(".weights") and len(head) >= 12 and struct.unpack_from("<2i", head) in ((0, 1), (0, 2)):
        return "is a Darknet .weights file, numbers without names or sizes; convert it to PyTorch with its .cfg"
    if head.startswith(NPY_MAGIC) and re.search(rb"'descr': '\|O", head[:200]):
        return OBJECTS
    return ""


def _by_name(name: str) -> str:
    return next((what for pattern, what in _BY_NAME if re.fullmatch(pattern, name)), "")


def _inside(path: Path) -> str:
    """Say whether a NumPy archive holds Python objects, or one of PyTorch other tensors than those that are read."""
    try:
        with open_zip(path) as file:
            pickle = next((name for name in file.names if name.endswith("/data.pkl")), "")
            if pickle:
                start = file.read_start(file[pickle], MAX_PICKLE_BYTES)
                return next((f"holds {what}" for word, what in _KINDS if word in start), "")
            archive = Archive(file)
            names = [name.removesuffix(".npy") for name in file.names if name.endswith(".npy")]
            return OBJECTS if any(archive.header(name).dtype.kind == "O" for name in names[:_MOST_FILES]) else ""
    except (ZipError, OSError, SnapshotError):
        return ""
