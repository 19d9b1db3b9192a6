"""Files of other programs are named, with the way out."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from archives import call, name, write
from folders import save, weights

from nnanim import RunError, open_run
from nnanim.errors import NnanimError, SnapshotError

PICKLE = b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x1asklearn.neural_network._mlp\x94."
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "Git LFS in place of a snapshot": ("model_1.pt", LFS, ("Git LFS", "git lfs pull")),
    "Git LFS under any name": ("weights.bin", LFS, ("Git LFS", "git lfs pull")),
    "TensorFlow's index": ("cp-0001.ckpt.index", b"\0" * 40, ("TensorFlow", "save_weights")),
    "TensorFlow's data": ("cp-0001.ckpt.data-00000-of-00001", b"\0" * 40, ("TensorFlow", "save_weights")),
    "TensorFlow's list": ("checkpoint", b'model_checkpoint_path: "cp-0001"\n', ("TensorFlow", "save_weights")),
    "MATLAB": ("net_1.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64", ("MATLAB", "scipy.io.loadmat")),
    "Caffe": ("lenet_iter_500.caffemodel", b"\n\x05LeNet", ("Caffe", "pycaffe")),
    "Darknet": ("yolov3_900.weights", struct.pack("<5i", 0, 2, 0, 900, 0), ("Darknet", ".cfg")),
    "scikit-learn": ("model_1.pkl", PICKLE, ("scikit-learn", "pickle", "numpy.savez")),
    "a pickle named like a snapshot": ("model_1.pt", b"\x80\x04N.", ("pickle", "numpy.savez")),
    "torch.distributed.checkpoint": ("__0_0.distcp", b"PK", ("dcp_to_torch",)),
}


@pytest.mark.parametrize(("file", "data", "said"), FILES.values(), ids=FILES)
def test_named_with_the_way_out(tmp_path: Path, file: str, data: bytes, said: tuple[str, ...]) -> None:
    (tmp_path / file).write_bytes(data)
    with pytest.raises(NnanimError) as error:
        open_run(tmp_path)
    assert file in str(error.value)
    for words in said:
        assert words in str(error.value)


def test_archive_of_python_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "epoch_1.npz", weights=np.array([{"W": 1}, None], dtype=object))
    with pytest.raises(RunError, match=r"'epoch_1.npz' holds Python objects \(a pickle\)"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (name("torch._utils", "_rebuild_sparse_tensor"), "sparse tensors"),
        (name("torch", "ComplexFloatStorage"), "complex tensors"),
        (name("torch", "qint8"), "qint8"),
    ],
)
def test_tensors_that_are_not_read(tmp_path: Path, kind: bytes, said: str) -> None:
    write(tmp_path / "net_1.pt", {"fc.weight": call(kind, 1)})
    with pytest.raises(NnanimError, match=said):
        open_run(tmp_path)


def test_text_of_that_name_is_no_checkpoint_of_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("see the other folder")
    with pytest.raises(RunError) as error:
        open_run(tmp_path)
    assert "TensorFlow" not in str(error.value)


def test_pointer_among_snapshots_is_broken(tmp_path: Path) -> None:
    save(tmp_path / "model_1.npz", weights())
    (tmp_path / "model_2.npz").write_bytes(LFS)
    with pytest.raises(SnapshotError, match="git lfs pull"):
        open_run(tmp_path)


def test_other_files_beside_snapshots_do_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "model_1.npz", weights())
    (tmp_path / "data.mat").write_bytes(FILES["MATLAB"][1])
    assert len(open_run(tmp_path).snapshots) == 1


def test_checkpoint_without_weights(tmp_path: Path) -> None:
    for number in (50, 100):
        (tmp_path / f"checkpoint-{number}").mkdir()
        (tmp_path / f"checkpoint-{number}" / "trainer_state.json").write_text("{}")
    with pytest.raises(RunError, match="no weights in 'checkpoint-50', 'checkpoint-100'"):
        open_run(tmp_path)
