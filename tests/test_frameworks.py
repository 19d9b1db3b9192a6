"""The frameworks themselves, where they are installed: ``make test-frameworks``.

The trainings of ``tests/training`` are run anew, and what this year's versions write is read with the frameworks there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnanim
import nnanim.recorder
from nnanim.reading.snapshots import detect

HERE = Path(__file__).resolve().parent
RECORDING = HERE.parent / "docs" / "recording.md"
TRAININGS = {
    "pytorch": ("torch", ["pytorch", "pytorch-bare", "tensorboard", "safetensors"]),
    "dcp": ("torch", ["torch-dcp"]),
    "flax": ("flax", ["flax"]),
    "orbax": ("orbax.checkpoint", ["orbax", "orbax-zarr", "orbax-zarr3"]),
    "onnx": ("onnxscript", ["onnx"]),
    "lightning": ("lightning", ["lightning", "lightning-tensorboard"]),
    "keras": ("keras", ["keras-weights", "keras", "keras-h5"]),
    "transformers": ("transformers", ["transformers", "transformers-sharded"]),
}

# Frameworks warn about each other.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")


@pytest.mark.parametrize("name", TRAININGS)
def test_folders_of_the_installed_versions(tmp_path: Path, name: str) -> None:
    module, folders = TRAININGS[name]
    pytest.importorskip(module)
    script = HERE / "training" / f"train_{name}.py"
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True, capture_output=True)
    for folder in folders:
        expected = np.load(f"{tmp_path / folder}.expected.npz")
        run = nnanim.open_run(tmp_path / folder)
        committed = nnanim.open_run(HERE / "fixtures" / folder)
        assert [run.name_of(s) for s in run.snapshots] == [committed.name_of(s) for s in committed.snapshots]
        assert (run.shape, run.rows, run.notes) == (committed.shape, committed.rows, committed.notes)
        for snapshot in run.snapshots:
            names = (run.name_of(snapshot), snapshot.path.parent.name, snapshot.path.parent.parent.name)
            key = next(name for name in names if f"{name}|00" in expected)
            arrays = [array for layer in snapshot.read() for array in (layer.weight, layer.bias)]
            for place, array in enumerate(arrays):
                assert array is not None
                assert array.tobytes() == np.ascontiguousarray(expected[f"{key}|{place:02}"], np.float32).tobytes()


def test_torch_and_the_reader_here_give_the_same_bits(result: Path) -> None:
    torch = pytest.importorskip("torch")
    result.mkdir()
    flat = torch.randn(200)
    state = {
        "l1.weight": flat[3:23].view(5, 4),
        "l1.bias": flat[30:40:2],
        "l2.weight": flat[40:65].view(5, 5).t(),
        "l2.bias": torch.randn(5).to(torch.bfloat16),
        "l3.weight": torch.randn(6, 5, dtype=torch.float64),
        "l4.weight": torch.randn(2, 6).to(torch.bfloat16),
        "l5.weight": torch.randn(7, 2).half(),
        "l6.weight": torch.nn.Parameter(torch.randn(1, 7)),
        "count": torch.tensor(3),
    }
    torch.save({"state_dict": state, "epoch": 4}, result / "net.pt")
    contents = detect.scan(result / "net.pt")
    keys = [key for header in contents.weights for key in (header.key, header.bias_key) if key]
    with detect.open_arrays(contents) as arrays:
        by_us = {key: arrays.read(key) for key in keys}
    for key in keys:
        assert np.array_equal(by_us[key], state[key].detach().double().numpy())
    assert nnanim.open_run(result).shape == (4, 5, 5, 6, 2, 7, 1)


def test_module_that_was_saved_whole_is_read_without_building_it(result: Path) -> None:
    torch = pytest.importorskip("torch")
    result.mkdir()
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    torch.save(model, result / "net_1.pt")
    first, second = nnanim.open_run(result).snapshots[0].read()
    assert np.array_equal(first.weight, model[0].weight.detach().numpy())
    assert np.array_equal(second.weight, model[2].weight.detach().numpy())


def test_state_of_an_optimizer_is_no_snapshot(result: Path) -> None:
    torch = pytest.importorskip("torch")
    result.mkdir()
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}, result / "ckpt_1.pt")
    torch.save(optimizer.state_dict(), result / "adam_1.pt")
    run = nnanim.open_run(result)
    assert [s.path.name for s in run.snapshots] == ["ckpt_1.pt"]
    assert "'result/adam_1.pt' holds no weights and is not drawn" in run.notes


def test_old_format_is_read_and_told(result: Path) -> None:
    torch = pytest.importorskip("torch")
    result.mkdir()
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    torch.save(module.state_dict(), result / "net_1.pth", _use_new_zipfile_serialization=False)
    run = nnanim.open_run(result)
    assert any("before 1.6" in note for note in run.notes)
    for layer, linear in zip(run.snapshots[0].read(), (module[0], module[2]), strict=True):
        assert np.array_equal(layer.weight, linear.weight.detach().numpy())
        assert np.array_equal(layer.bias, linear.bias.detach().numpy())


def test_functional_model_of_keras(result: Path) -> None:
    keras = pytest.importorskip("keras")
    result.mkdir()
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(6, 3, name="see")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2DTranspose(4, 3, name="spread")(x)
    x = keras.layers.Conv2D(2, 3)(x)
    model = keras.Model(inputs, keras.layers.Dense(3, name="say")(keras.layers.Flatten()(x)))
    model.save(result / "net_1.keras")
    model.save_weights(result / "net_2.weights.h5")
    loaded = {}
    for snapshot in nnanim.open_run(result).snapshots:
        found = snapshot.read()
        loaded[snapshot.path.name] = [layer.name for layer in found]
        see, spread, _, say = found
        assert np.array_equal(
            see.weight, keras.ops.convert_to_numpy(model.get_layer("see").kernel).transpose(3, 2, 0, 1)
        )
        # Keras keeps (kh, kw, out, in) there.
        kernel = keras.ops.convert_to_numpy(model.get_layer("spread").kernel).transpose(2, 3, 0, 1)
        assert np.array_equal(spread.weight, kernel)
        assert np.array_equal(say.weight, keras.ops.convert_to_numpy(model.get_layer("say").kernel).T)
    assert loaded["net_1.keras"] == ["see", "spread", "conv2d", "say"]


def test_recording_each_kind_of_model(result: Path) -> None:
    torch = pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    neural = pytest.importorskip("sklearn.neural_network")
    module = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Linear(5, 5))
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5), keras.layers.Dense(5)])
    classifier = neural.MLPClassifier((5, 5), max_iter=2)
    classifier.fit(np.random.default_rng(0).normal(size=(20, 5)), [0, 1] * 10)
    expected = {
        "torch": (module, [layer.weight.detach().numpy() for layer in module]),
        "keras": (model, [np.asarray(array).T for array in model.get_weights()[::2]]),
        "sklearn": (classifier, [weight.T.astype(np.float32) for weight in classifier.coefs_]),
    }
    for name, (source, weights) in expected.items():
        nnanim.Recorder(result / name).record(source, epoch=1, loss=torch.tensor(0.5))
        found = nnanim.open_run(result / name).snapshots[0].read()
        assert len(found) == len(weights)
        for layer, weight in zip(found, weights, strict=True):
            assert np.array_equal(layer.weight, weight)


# The callbacks in docs/recording.md


def code_of(heading: str) -> str:
    section = RECORDING.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What trackers are told at the end; with the real packages see test_trackers.py."""
    calls: list[tuple[str, Path]] = []
    monkeypatch.setattr(nnanim.recorder, "check_tracker", lambda _tracker: None)
    monkeypatch.setattr(nnanim.recorder, "log_to", lambda tracker, folder: calls.append((tracker, folder)))
    return calls


def test_callback_for_lightning(result: Path, told: list[tuple[str, Path]]) -> None:
    lightning = pytest.importorskip("lightning")
    torch = pytest.importorskip("torch")
    names: dict[str, Any] = {}
    exec(code_of("Lightning"), names)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 1))

        def training_step(self, batch: Any, _index: int) -> Any:
            loss = self.layers(batch).square().mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    result.mkdir()
    trainer = lightning.Trainer(
        max_epochs=3,
        callbacks=[names["Record"](result / "recorded", log_to="tensorboard")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accelerator="cpu",
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=4))
    assert told == [("tensorboard", result / "recorded")]
    run = nnanim.open_run(result / "recorded")
    assert run.shape == (4, 5, 1)
    assert [(s.epoch, s.iteration) for s in run.snapshots] == [(1, 2), (2, 4), (3, 6)]
    assert run.log is not None
    assert run.log.metrics == ("loss",)


def test_callback_for_keras(result: Path, told: list[tuple[str, Path]]) -> None:
    keras = pytest.importorskip("keras")
    names: dict[str, Any] = {}
    exec(code_of("Keras"), names)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    record = names["Record"](result, log_to="wandb")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), epochs=3, verbose=0, callbacks=[record])
    assert told == [("wandb", result)]
    run = nnanim.open_run(result)
    assert run.shape == (4, 5, 1)
    assert [s.epoch for s in run.snapshots] == [1, 2, 3]
    assert run.log is not None
    assert run.log.metrics == ("loss",)


def test_extension_for_chainer(result: Path, chainer: Any, told: list[tuple[str, Path]]) -> None:
    names: dict[str, Any] = {"chainer": chainer}
    exec(code_of("Chainer").replace("import chainer\n", ""), names)
    model = chainer.links.Classifier(chainer.links.Linear(4, 3))
    optimizer = chainer.optimizers.SGD().setup(model)
    data = chainer.datasets.TupleDataset(np.ones((6, 4), np.float32), np.zeros(6, np.int32))
    updater = chainer.training.StandardUpdater(chainer.iterators.SerialIterator(data, 3), optimizer)
    trainer = chainer.training.Trainer(updater, (2, "epoch"), out="out")
    trainer.extend(names["record_into"](result, log_to="mlflow"))
    trainer.run()
    assert told == [("mlflow", result)]
    run = nnanim.open_run(result)
    assert run.shape == (4, 3)
    assert [(s.epoch, s.iteration) for s in run.snapshots] == [(1, 2), (2, 4)]
    assert run.log is not None
    assert set(run.log.metrics) == {"main/loss", "main/accuracy"}


def test_many_chunks_of_today_s_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    from nnanim.reading.containers.hdf5 import Hdf5File

    plain = (300, 300)
    ways = {
        "extensible": ((1,), (None,), 90_000),
        "fixed": ((1, 1), plain, plain),
        "tree": ((1, 1), (None, None), plain),
    }
    ways |= {"wide": ((2, 7), (None, 300), (250, 300)), "second": ((7, 2), (300, None), (250, 300))}
    with h5py.File(tmp_path / "chunks.h5", "w", libver="latest") as file:
        for name, (chunks, most, shape) in ways.items():
            values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
            file.create_dataset(name, data=values, chunks=chunks, maxshape=most)
            file.create_dataset(f"{name}_gzip", data=values, chunks=chunks, maxshape=most, compression="gzip")
        for number in range(3000):
            file[f"many/a_name_of_some_length_{number}"] = np.float32(number)
    with (tmp_path / "chunks.h5").open("rb") as opened:
        hdf5 = Hdf5File(opened)
        found = dict(hdf5.walk())
        for name, (_, _, shape) in ways.items():
            for each in (name, f"{name}_gzip"):
                assert np.array_equal(hdf5.read(found[each]), np.arange(np.prod(shape)).reshape(shape)), each
        for number in range(3000):
            assert hdf5.read(found[f"many/a_name_of_some_length_{number}"]) == number
