"""Files that cannot be read: what each is, and the way out."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from archives import call, name, write
from folders import save, weights

from nnanim import NnanimError, RunError, SnapshotError, open_run

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
TAR = b"sys_info" + bytes(249) + b"ustar\x0000" + bytes(247)
SAID = {
    "model_1.pt": (LFS, "is a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"),
    "epoch_3.safetensors": (LFS, "is a Git LFS pointer"),
    "model_2.tar": (TAR, "is a tar archive"),
    "model.ckpt-100.index": (bytes(40), "is part of a TensorFlow checkpoint"),
    "model.ckpt-100.data-00000-of-00001": (bytes(40), "is part of a TensorFlow checkpoint"),
    "checkpoint": (b'model_checkpoint_path: "model.ckpt-100"\n', "names TensorFlow checkpoints"),
    "weights.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"),
    "net.caffemodel": (bytes(40), "is a Caffe model"),
    "yolov3.weights": (bytes(40), "is a file of Darknet's weights"),
    "__0_0.distcp": (bytes(40), "whose .metadata is missing"),
    "mlp.pkl": (b"\x80\x04\x8c\x16sklearn.neural_network.", "is a pickle of scikit-learn, which is never loaded"),
    "model.pkl": (pickle.dumps({"coef_": [1, 2]}), "is a pickle, which is never loaded"),
}


@pytest.mark.parametrize("file", SAID)
def test_what_it_is_and_what_to_do(result: Path, file: str) -> None:
    content, told = SAID[file]
    result.mkdir()
    (result / file).write_bytes(content)
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert told in str(caught.value)
    assert file in str(caught.value)


def test_python_objects_are_not_loaded(result: Path) -> None:
    result.mkdir()
    np.savez(result / "epoch_1.npz", net=np.array([{"W": np.ones((2, 2))}], dtype=object))
    with pytest.raises(NnanimError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "no snapshots in 'result': 'epoch_1.npz' holds Python objects, which are pickled and never loaded"
        " (save arrays of numbers, one for each weight)"
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (name("torch", "qint8"), "qint8"),
    ],
)
def test_tensors_that_are_not_read(tmp_path: Path, kind: bytes, said: str) -> None:
    write(tmp_path / "net_1.pt", {"fc.weight": call(kind, 1)})
    with pytest.raises(NnanimError, match=said):
        open_run(tmp_path)


def test_pointer_among_snapshots_is_broken(tmp_path: Path) -> None:
    save(tmp_path / "model_1.npz", weights())
    (tmp_path / "model_2.npz").write_bytes(LFS)
    with pytest.raises(SnapshotError, match="git lfs pull"):
        open_run(tmp_path)


def test_other_files_beside_snapshots_do_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "model_1.npz", weights())
    (tmp_path / "data.mat").write_bytes(b"MATLAB 5.0")
    assert len(open_run(tmp_path).snapshots) == 1


def test_checkpoint_without_weights(tmp_path: Path) -> None:
    for number in (50, 100):
        (tmp_path / f"checkpoint-{number}").mkdir()
        (tmp_path / f"checkpoint-{number}" / "trainer_state.json").write_text("{}")
    with pytest.raises(RunError, match="no weights in 'checkpoint-50', 'checkpoint-100'"):
        open_run(tmp_path)
