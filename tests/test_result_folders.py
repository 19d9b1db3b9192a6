"""Result folders that the frameworks themselves wrote (tests/training), read without the frameworks."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import network, tensor, write
from folders import save, weights

from nnanim import SnapshotError, open_run

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CHECKPOINTS = "lightning_logs/version_0/checkpoints"
FC = ["fc1", "fc2", "fc3", "out"]
DENSE = ["dense", "dense_1", "dense_2", "dense_3"]

# format, names of the layers, (file, epoch, iteration, row of the log), metrics, notes
FOLDERS = {
    "pytorch": (
        "pytorch",
        FC,
        [(f"checkpoint_{epoch}.pt", epoch, None, epoch - 1) for epoch in (2, 4, 6)],
        ("train_loss", "val_acc"),
        (),
    ),
    "pytorch-bare": (
        "pytorch",
        FC,
        [(f"model_{step:04}.pth", None, step, step // 5 - 1) for step in (5, 10, 15, 20)],
        ("train/loss", "train/accuracy"),
        (),
    ),
    "tensorboard": (
        "pytorch",
        FC,
        [(f"ckpt_{epoch}.pth", epoch, None, epoch - 1) for epoch in (1, 2, 3, 4)],
        ("loss/train", "accuracy/train"),
        ("the steps of the log are taken for epochs, which the snapshots count",),
    ),
    "safetensors": (
        "safetensors",
        FC,
        [(f"model-epoch{epoch}.safetensors", epoch, None, epoch - 1) for epoch in (1, 2, 3, 4)],
        ("loss", "accuracy"),
        (),
    ),
    "lightning": (
        "lightning",
        ["0", "2", "4", "6"],
        [(f"{CHECKPOINTS}/epoch={n}-step={4 * n + 4}.ckpt", n, 4 * n + 4, n) for n in range(4)],
        ("train_loss", "val_acc"),
        ("the log counts steps from 0, the snapshots from 1: its step 0 is taken for step 1",),
    ),
    "lightning-tensorboard": (
        "lightning",
        ["0", "2", "4", "6"],
        [(f"{CHECKPOINTS}/epoch={n}-step={4 * n + 4}.ckpt", n, 4 * n + 4, n) for n in range(3)],
        ("val_acc", "train_loss"),
        ("the log counts steps from 0, the snapshots from 1: its step 0 is taken for step 1",),
    ),
    "transformers": (
        "transformers",
        ["encoder.0", "encoder.1", "encoder.2", "classifier"],
        [(f"checkpoint-{4 * n}/model.safetensors", n, 4 * n, 2 * n - 1) for n in (1, 2, 3, 4)],
        ("grad_norm", "learning_rate", "loss", "eval_accuracy", "eval_loss"),
        (),
    ),
    "transformers-sharded": (
        "transformers",
        ["encoder.0", "encoder.1", "encoder.2", "classifier"],
        [(f"checkpoint-{4 * n}/model.safetensors.index.json", n, 4 * n, 2 * n - 1) for n in (3, 4)],
        ("grad_norm", "learning_rate", "loss", "eval_accuracy", "eval_loss"),
        (),
    ),
    "flax": (
        "flax",
        ["Dense_0", "Dense_1", "Dense_2", "Dense_3"],
        [(f"model_{5 * n}.msgpack", None, 5 * n, n - 1) for n in (2, 4)],
        ("loss",),
        (),
    ),
    "orbax": (
        "orbax",
        ["Dense_0", "Dense_1", "Dense_2", "Dense_3"],
        [(f"checkpoints/{5 * n}/default/_METADATA", None, 5 * n, n - 1) for n in (2, 4)],
        ("loss",),
        (),
    ),
    **{
        folder: (
            "orbax",
            ["Dense_0", "Dense_1", "Dense_2", "Dense_3"],
            [(f"checkpoint_{5 * n}/_METADATA", None, 5 * n, n - 1) for n in (2, 4)],
            ("loss",),
            (),
        )
        for folder in ("orbax-zarr", "orbax-zarr3")
    },
    "onnx": (
        "onnx",
        ["fc1", "fc2", "fc3", "out"],
        [(f"model_epoch{n}.onnx", n, None, n - 1) for n in (2, 4)],
        ("train_loss", "train_acc"),
        (),
    ),
    "torch-dcp": (
        "pytorch",
        ["fc1", "fc2", "fc3", "out"],
        [(f"step-{5 * n}/.metadata", n, 5 * n, n - 1) for n in (2, 4)],
        ("train_loss", "train_acc"),
        (),
    ),
} | {
    folder: (
        "keras",
        DENSE,
        [(name.format(epoch), epoch, None, epoch - 1) for epoch in (1, 2, 3, 4)],
        ("accuracy", "loss", "val_accuracy", "val_loss"),
        ("the log counts epochs from 0, the snapshots from 1: its epoch 0 is taken for epoch 1",),
    )
    for folder, name in {
        "keras-weights": "epoch-{:02}.weights.h5",
        "keras": "model.{:02}.keras",
        "keras-h5": "model-{:02}.h5",
    }.items()
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_understood(folder: str) -> None:
    form, layers, snapshots, metrics, notes = FOLDERS[folder]
    run = open_run(FIXTURES / folder)
    assert run.format == form
    assert run.shape == (4, 5, 5, 5, 3)
    assert [layer.name for layer in run.layers] == layers
    found = [(run.name_of(s), s.epoch, s.iteration, row) for s, row in zip(run.snapshots, run.rows, strict=True)]
    assert found == snapshots
    assert run.log is not None
    assert run.log.metrics == metrics
    assert run.notes == notes


@pytest.mark.parametrize("folder", FOLDERS)
def test_weights_are_those_that_the_framework_loads(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    expected = np.load(FIXTURES / f"{folder}.expected.npz")
    run = open_run(FIXTURES / folder)
    for snapshot in run.snapshots:
        name = run.name_of(snapshot)
        names = (name, snapshot.path.parent.name, snapshot.path.parent.parent.name)
        key = next(each for each in names if f"{each}|00" in expected)
        found = [array for layer in snapshot.read() for array in (layer.weight, layer.bias)]
        for place, array in enumerate(found):
            wanted = np.ascontiguousarray(expected[f"{key}|{place:02}"], dtype=np.float32)
            assert array.dtype == np.float32
            assert array.shape == wanted.shape
            assert array.tobytes() == wanted.tobytes()
        assert f"{key}|{len(found):02}" not in expected


@pytest.mark.parametrize("folder", ["lightning", "transformers"])
def test_folder_under_the_result_folder_can_be_given_too(folder: str) -> None:
    inside = {"lightning": "lightning_logs/version_0", "transformers": "checkpoint-12"}[folder]
    run = open_run(FIXTURES / folder / inside)
    assert run.shape == (4, 5, 5, 5, 3)
    assert run.log is not None


# PyTorch archives


def test_views_of_one_storage(result: Path) -> None:
    """A flattened model: every tensor is a part of the same storage, one of them transposed."""
    result.mkdir()
    numbers = np.arange(100, dtype="<f4")
    state = {
        "fc1.weight": tensor("0", (5, 4), (1, 5), offset=2, count=100),
        "fc1.bias": tensor("0", (5,), (2,), offset=50, count=100),
        "fc2.weight": tensor("0", (3, 5), (5, 1), offset=85, count=100),
        "scale": tensor("0", (), (), offset=99, count=100),
    }
    write(result / "model_1.pt", state, {"0": numbers})
    first, second = open_run(result).snapshots[0].read()
    assert np.array_equal(first.weight, numbers[2:22].reshape(4, 5).T)
    assert first.bias is not None
    assert np.array_equal(first.bias, [50, 52, 54, 56, 58])
    assert np.array_equal(second.weight, numbers[85:].reshape(3, 5))
    assert second.bias is None


@pytest.mark.parametrize(
    ("kind", "order", "dtype"),
    [("FloatStorage", "big", ">f4"), ("DoubleStorage", "little", "<f8"), ("HalfStorage", "big", ">f2")],
)
def test_types_and_orders_of_bytes(result: Path, kind: str, order: str, dtype: str) -> None:
    result.mkdir()
    numbers = np.linspace(-2, 2, 12).astype(dtype)
    state = {"fc1.weight": tensor("0", (3, 4), kind=kind)}
    write(result / "model_1.pt", state, {"0": numbers}, byteorder=order)
    (layer,) = open_run(result).snapshots[0].read()
    assert np.array_equal(layer.weight, numbers.reshape(3, 4).astype(np.float32))
    assert layer.weight.dtype == np.float32


@pytest.mark.parametrize("order", ["little", "big"])
def test_bfloat16_is_the_upper_half_of_float32(result: Path, order: str) -> None:
    result.mkdir()
    exact = np.array([1, -2.5, 0.15625, 3e38], dtype=np.float32).view(np.uint32) >> 16
    bits = exact.astype("<u2" if order == "little" else ">u2")
    write(result / "model_1.pt", {"fc.weight": tensor("0", (1, 4), kind="BFloat16Storage")}, {"0": bits}, order)
    (layer,) = open_run(result).snapshots[0].read()
    assert np.array_equal(layer.weight.view(np.uint32) >> 16, exact.reshape(1, 4))


def test_integers_are_no_weights(result: Path) -> None:
    result.mkdir()
    state = {"fc.weight": tensor("0", (3, 4)), "table": tensor("1", (7, 7), kind="LongStorage")}
    write(result / "model_1.pt", state, {"0": np.ones(12, "<f4"), "1": np.ones(49, "<i8")})
    assert [layer.key for layer in open_run(result).layers] == ["fc.weight"]


def test_tied_weight_is_drawn_once(result: Path) -> None:
    result.mkdir()
    state = {"first.weight": tensor("0", (4, 4)), "again.weight": tensor("0", (4, 4))}
    write(result / "model_1.pt", state, {"0": np.ones(16, "<f4")})
    run = open_run(result)
    assert [layer.key for layer in run.layers] == ["first.weight"]
    assert run.notes[0] == "'again.weight' is the same tensor as 'first.weight' and is drawn once"


NESTED = {
    "model_state_dict": (lambda state: {"epoch": 3, "model_state_dict": state, "loss": 0.5}, 3, None),
    "state_dict": (lambda state: {"state_dict": state, "iteration": 40}, None, 40),
    "model": (lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": state}}}, "step": 9}, None, 9),
    "twice": (lambda state: {"net": {"state_dict": state}, "epoch": 1, "global_step": 5}, 1, 5),
    "another word": (lambda state: {"my_net": state, "epoch": 2}, 2, None),
    "averages beside": (lambda state: {"ema_model": state, "model": state, "epoch": 2}, 2, None),
}


@pytest.mark.parametrize("case", NESTED)
def test_state_dict_in_a_dict(result: Path, case: str) -> None:
    nest, epoch, iteration = NESTED[case]
    result.mkdir()
    state = {"module.fc1.weight": tensor("0", (5, 4)), "module.fc2.weight": tensor("1", (3, 5))}
    write(result / "net.pt", nest(state), {"0": np.ones(20, "<f4"), "1": np.ones(15, "<f4")})
    run = open_run(result)
    assert [(layer.name, layer.key) for layer in run.layers] == [
        ("fc1", "module.fc1.weight"),
        ("fc2", "module.fc2.weight"),
    ]
    assert (run.snapshots[0].epoch, run.snapshots[0].iteration) == (epoch, iteration)


def test_one_of_several_models_is_told(result: Path) -> None:
    result.mkdir()
    state = {"generator": {"a.weight": tensor("0", (5, 4))}, "discriminator": {"d.weight": tensor("1", (1, 5))}}
    write(result / "gan_1.pt", state, {"0": np.ones(20, "<f4"), "1": np.ones(5, "<f4")})
    run = open_run(result)
    assert [layer.key for layer in run.layers] == ["generator.a.weight"]
    assert run.notes[0] == (
        "of several models in 'gan_1.pt', 'generator' is drawn (others: 'discriminator'; --model takes another)"
    )


# NumPy

NAMINGS = {
    "W1 b1": {"W1": (5, 4), "b1": (5,), "W2": (3, 5), "b2": (3,)},
    "turned": {"W1": (4, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)},
    "PyTorch's": {"fc1.weight": (5, 4), "fc1.bias": (5,), "fc2.weight": (3, 5), "fc2.bias": (3,)},
    "Keras's": {"dense/kernel": (4, 5), "dense/bias": (5,), "dense_1/kernel": (5, 3), "dense_1/bias": (3,)},
    "scikit-learn's": {"coefs_0": (4, 5), "intercepts_0": (5,), "coefs_1": (5, 3), "intercepts_1": (3,)},
    "without names": {"arr_0": (4, 5), "arr_1": (5,), "arr_2": (5, 3), "arr_3": (3,)},
    "weights alone": {"arr_0": (4, 5), "arr_1": (5, 3)},
    "weights alone, straight": {"arr_0": (5, 4), "arr_1": (3, 5)},
}


@pytest.mark.parametrize("case", NAMINGS)
def test_naming_of_numpy_archives(result: Path, case: str) -> None:
    result.mkdir()
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=shape) for name, shape in NAMINGS[case].items()}
    save(result / "model_0004.npz", arrays | {"epoch": np.asarray(2)} if "W1" in arrays else arrays)
    run = open_run(result)
    assert run.format == "numpy"
    assert run.shape == (4, 5, 3)
    assert run.snapshots[0].epoch == (2 if "W1" in arrays else None)
    assert run.snapshots[0].iteration == (None if "W1" in arrays else 4)
    given = [array for array in arrays.values() if array.ndim > 1]
    for layer, array in zip(run.snapshots[0].read(), given, strict=True):
        straight = array if array.shape == layer.weight.shape else array.T
        assert np.array_equal(layer.weight, straight.astype(np.float32))
        assert (layer.bias is None) == ("alone" in case)


SINGLE = {
    "epoch behind": (["W1_epoch{}.npy", "b1_epoch{}.npy", "W2_epoch{}.npy"], (2, None)),
    "epoch in front": (["epoch_{}_W1.npy", "epoch_{}_b1.npy", "epoch_{}_W2.npy"], (2, None)),
    "a number behind": (["W1_{}.npy", "b1_{}.npy", "W2_{}.npy"], (None, 2)),
    "folders": (["step_{}/W1.npy", "step_{}/b1.npy", "step_{}/W2.npy"], (None, 2)),
}


@pytest.mark.parametrize("case", SINGLE)
def test_single_arrays_of_a_moment_make_a_snapshot(result: Path, case: str) -> None:
    names, counters = SINGLE[case]
    arrays = [np.asfortranarray(np.arange(20.0).reshape(5, 4)), np.arange(5.0), np.ones((3, 5), np.float16)]
    for number in (10, 2):
        for name, array in zip(names, arrays, strict=True):
            path = result / name.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array + number)
    np.save(result / "x_train.npy", np.ones((100, 4)))
    run = open_run(result)
    assert run.shape == (4, 5, 3)
    assert (run.snapshots[0].epoch, run.snapshots[0].iteration) == counters
    first, second = run.snapshots[1].read()
    assert np.array_equal(first.weight, arrays[0] + 10)
    assert np.array_equal(first.bias, arrays[1] + 10)  # type: ignore[arg-type]
    assert np.array_equal(second.weight, arrays[2] + 10)
    assert len(run.files) == 6
    assert run.format == "numpy"


def test_single_array_that_is_damaged(result: Path) -> None:
    result.mkdir()
    np.save(result / "W1_1.npy", np.ones((3, 4)))
    data = (result / "W1_1.npy").read_bytes()
    (result / "W1_1.npy").write_bytes(data[:-8])
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "snapshot 'result/W1_1.npy' is said to be (3, 4) of float64, but has 88 bytes"
        " (a .npy file holds one array of numbers)"
    )


def test_square_kernels_are_turned_as_their_neighbours_are(result: Path) -> None:
    result.mkdir()
    square = np.arange(25.0).reshape(5, 5)
    save(result / "m_1.npz", {"W1": np.ones((4, 5)), "b1": np.ones(5), "W2": square, "b2": np.ones(5)})
    assert np.array_equal(open_run(result).snapshots[0].read()[1].weight, square.T)


def test_data_set_is_no_snapshot(result: Path) -> None:
    result.mkdir()
    save(result / "model_1.npz", {"W1": np.ones((3, 4))})
    save(result / "data.npz", {"x_train": np.ones((100, 4)), "y_train": np.ones(100)})
    save(result / "samples.npz", {"arr_0": np.ones((100, 4)), "arr_1": np.ones((100, 7))})
    run = open_run(result)
    assert [s.path.name for s in run.snapshots] == ["model_1.npz"]


# Folders


def test_formats_side_by_side(result: Path) -> None:
    result.mkdir()
    for epoch in (1, 2):
        network(result / f"net_epoch{epoch}.pt", seed=epoch)
    save(result / "init.npz", {"W1": np.ones((3, 4))})
    run = open_run(result)
    assert run.format == "pytorch"
    assert run.notes[0] == "files of another format than pytorch are not drawn: 'init.npz'"


def test_copy_of_the_last_checkpoint_is_left_out(result: Path) -> None:
    shutil.copytree(FIXTURES / "lightning" / CHECKPOINTS, result)
    shutil.copy(result / "epoch=3-step=16.ckpt", result / "last.ckpt")
    run = open_run(result)
    assert len(run.snapshots) == 4
    assert run.notes[0] == "'last.ckpt' is of the same moment as 'epoch=3-step=16.ckpt' and is not drawn"


def test_model_saved_at_the_end_is_left_out(result: Path) -> None:
    shutil.copytree(FIXTURES / "transformers", result)
    shutil.copy(result / "checkpoint-16/model.safetensors", result / "model.safetensors")
    run = open_run(result)
    assert len(run.snapshots) == 4
    assert run.notes[0] == ("a model saved beside the folders of the snapshots is not drawn: 'model.safetensors'")


def test_newest_of_several_trainings(result: Path) -> None:
    for version in (0, 2, 10):
        shutil.copytree(FIXTURES / "lightning/lightning_logs/version_0", result / f"lightning_logs/version_{version}")
    run = open_run(result)
    assert len(run.snapshots) == 4
    assert run.snapshots[0].path.parts[2] == "version_10"
    assert run.log is not None
    assert run.log.path.parts[2] == "version_10"
    assert run.notes[0] == "of several trainings the newest is drawn: 'version_10' (others: 'version_0', 'version_2')"


def test_links_spaces_and_other_letters(result: Path) -> None:
    folder = result / "Ergebnis für 猫"
    folder.mkdir(parents=True)
    network(result / "somewhere", seed=1)
    (folder / "Netz mit Loch epoch 1.pt").symlink_to(result.resolve() / "somewhere")
    network(folder / "Netz mit Loch epoch 2.pt", seed=2)
    (folder / "itself").symlink_to(folder.resolve())
    (folder / "nowhere.pt").symlink_to("gone")
    (folder / "round").symlink_to("round")
    run = open_run(folder)
    assert [snapshot.epoch for snapshot in run.snapshots] == [1, 2]


def test_other_log_is_named(result: Path, tmp_path: Path) -> None:
    result.mkdir()
    for epoch in (1, 2):
        save(result / f"trainer_{epoch}", weights(seed=epoch))
    (tmp_path / "elsewhere.csv").write_text("Epoch;Loss\n1;0,5\n1;0.5\n2;0.25\n")
    run = open_run(result, log=tmp_path / "elsewhere.csv")
    assert run.log is not None
    assert list(run.log.table["Loss"].dropna()) == [0.5, 0.5, 0.25]
    assert run.rows == (1, 2)


def test_a_hundred_thousand_other_files(result: Path) -> None:
    """Only their names and first bytes are looked at: this takes as long as listing them."""
    result.mkdir()
    network(result / "net_epoch1.pt")
    for number in range(3000):
        (result / f"sample_{number}.txt").write_bytes(b"text")
    assert len(open_run(result).snapshots) == 1


def test_quantised_weights_alone_are_refused_and_beside_others_named(result: Path) -> None:
    result.mkdir()
    header = {
        "fc.qweight": {"dtype": "I32", "shape": [1, 6], "data_offsets": [0, 24]},
        "fc.scales": {"dtype": "F32", "shape": [1, 6], "data_offsets": [24, 48]},
    }
    write_safetensors(result / "model_1.safetensors", header, bytes(48))
    with pytest.raises(SnapshotError, match=r"holds quantised weights alone, such as 'fc.qweight' \(save those that"):
        open_run(result)
    header["head.weight"] = {"dtype": "F32", "shape": [2, 6], "data_offsets": [48, 96]}
    write_safetensors(result / "model_1.safetensors", header, bytes(96))
    assert "quantised weights are not drawn: 'fc.qweight'" in open_run(result).notes


def write_safetensors(path: Path, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
