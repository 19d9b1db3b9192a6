"""Large result folders written with NumPy alone: safetensors of a BERT-base, PyTorch files of a ResNet-18.

The tensors are float32 and change from snapshot to snapshot; what stands beside them in real files is left out.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]
FEW: Shapes = {f"fc{place}.weight": shape for place, shape in enumerate([(5, 4), (5, 5), (3, 5)], 1)}


def bert_base() -> Shapes:
    """Return the tensors of BERT-base, 438 MB.

    Source: Devlin et al. 2018, names as in Transformers' ``BertModel``.
    """
    width, inner = 768, 3072
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    for name, rows in (("word", 30522), ("position", 512), ("token_type", 2)):
        shapes[f"embeddings.{name}_embeddings.weight"] = (rows, width)
    add("embeddings.LayerNorm", width)
    for layer in range(12):
        at = f"encoder.layer.{layer}"
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            add(f"{at}.attention.{name}", width, width)
        add(f"{at}.attention.output.LayerNorm", width)
        add(f"{at}.intermediate.dense", inner, width)
        add(f"{at}.output.dense", width, inner)
        add(f"{at}.output.LayerNorm", width)
    add("pooler.dense", width, width)
    return shapes


def resnet_18() -> Shapes:
    """Return the tensors of a ResNet-18, 47 MB.

    Source: He et al. 2015, names as in torchvision.
    """
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7), "bn1.weight": (64,), "bn1.bias": (64,)}
    before = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            at, into = f"layer{stage}.{block}", before if block == 0 else width
            shapes[f"{at}.conv1.weight"], shapes[f"{at}.conv2.weight"] = (width, into, 3, 3), (width, width, 3, 3)
            for name in ("bn1", "bn2"):
                shapes[f"{at}.{name}.weight"] = shapes[f"{at}.{name}.bias"] = (width,)
            if into != width:
                shapes[f"{at}.downsample.0.weight"] = (width, into, 1, 1)
        before = width
    return {**shapes, "fc.weight": (1000, 512), "fc.bias": (1000,)}


def write_safetensors(path: Path, shapes: Shapes, snapshots: int) -> Path:
    """Write a run in the folders of Transformers' trainer."""
    header, place = {}, 0
    for key, shape in shapes.items():
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place := place + 4 * prod(shape)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    for index in range(snapshots):
        folder = path / f"checkpoint-{100 * (index + 1)}"
        folder.mkdir(parents=True)
        with (folder / "model.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for _, numbers in _tensors(shapes, index):
                file.write(numbers.data)
    return path


def write_pytorch(path: Path, shapes: Shapes, snapshots: int) -> Path:
    """Write a run of state dicts as ``torch.save`` does: a zip archive of a pickle, and of a member for each tensor."""
    path.mkdir(parents=True)
    for index in range(snapshots):
        with zipfile.ZipFile(path / f"model_epoch_{index + 1}.pt", "w") as archive:
            archive.writestr("model/data.pkl", _pickle(shapes))
            archive.writestr("model/byteorder", b"little")
            for place, (_, numbers) in enumerate(_tensors(shapes, index)):
                archive.writestr(f"model/data/{place}", numbers.data)
            archive.writestr("model/version", b"3\n")
    return path


def _tensors(shapes: Shapes, index: int) -> Iterator[tuple[str, np.ndarray]]:
    random = np.random.default_rng(0)
    for key, shape in shapes.items():
        yield key, random.standard_normal(prod(shape), dtype=np.float32) * np.float32(0.02 + 0.001 * index)


def _pickle(shapes: Shapes) -> bytes:
    """Write the operations that build a dict of tensors, each the whole of its storage."""
    operations = [b"\x80\x02}("]
    for place, (key, shape) in enumerate(shapes.items()):
        strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        operations += [
            _text(key),
            b"ctorch._utils\n_rebuild_tensor_v2\n(",  # called with all up to "t"
            b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(str(place)) + _text("cpu"),
            _number(prod(shape)) + b"tQ" + _number(0) + _numbers(shape) + _numbers(strides) + b"\x89}tR",
        ]
    return b"".join([*operations, b"u."])


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _numbers(numbers: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(_number, numbers)) + b"t"
