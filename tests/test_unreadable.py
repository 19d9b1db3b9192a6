"""Files that cannot be read: what each is, and the way out."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from nnanim import NnanimError, open_run
from nnanim.reading.containers.torch_archive import FLOAT8

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + bytes(100)
TAR = b"sys_info" + bytes(249) + b"ustar\x0000" + bytes(247)
SAID = {
    "model_1.pt": (LFS, "is a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"),
    "epoch_3.safetensors": (LFS, "is a Git LFS pointer"),
    "checkpoint_1.pth.tar": (LEGACY, "is in the legacy format that PyTorch wrote before 1.6"),
    "model_2.tar": (TAR, "is a tar archive"),
    "model.ckpt-100.index": (bytes(40), "is part of a TensorFlow checkpoint"),
    "model.ckpt-100.data-00000-of-00001": (bytes(40), "is part of a TensorFlow checkpoint"),
    "checkpoint": (b'model_checkpoint_path: "model.ckpt-100"\n', "names TensorFlow checkpoints"),
    "weights.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"),
    "net.caffemodel": (bytes(40), "is a Caffe model"),
    "yolov3.weights": (bytes(40), "is a file of Darknet's weights"),
    "model.pkl": (pickle.dumps({"coef_": [1, 2]}), "is a pickle, which is never loaded"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_it_is_and_what_to_do(result: Path, name: str) -> None:
    content, told = SAID[name]
    result.mkdir()
    (result / name).write_bytes(content)
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert told in str(caught.value)
    assert name in str(caught.value)


def test_python_objects_are_not_loaded(result: Path) -> None:
    result.mkdir()
    np.savez(result / "epoch_1.npz", net=np.array([{"W": np.ones((2, 2))}], dtype=object))
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "no snapshots in 'result': 'epoch_1.npz' holds Python objects, which are pickled and never loaded"
        " (save arrays of numbers, one for each weight)"
    )


def test_float8_has_the_numbers_of_its_definition() -> None:
    e4m3, e5m2 = FLOAT8["e4m3"], FLOAT8["e5m2"]
    # Largest, smallest normal and subnormal numbers: table 1 of Micikevicius et al. 2022.
    assert e4m3[0b0_1111_110] == 448
    assert e4m3[0b0_0001_000] == 2**-6
    assert e4m3[0b0_0000_001] == 2**-9
    assert np.isnan(e4m3[0b0_1111_111])
    assert e5m2[0b0_11110_11] == 57344
    assert e5m2[0b0_00001_00] == 2**-14
    assert e5m2[0b0_00000_01] == 2**-16
    assert np.isinf(e5m2[0b0_11111_00])
    assert np.isnan(e5m2[0b0_11111_01])
    for table in (e4m3, e5m2):
        np.testing.assert_array_equal(table[128:], -table[:128])
        assert table[0] == 0
