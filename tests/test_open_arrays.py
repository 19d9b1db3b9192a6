"""Any array of a snapshot, one at a time, as it is in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from archives import network, tensor, write
from folders import save, trainer_arrays, weights

from nnanim import SnapshotError, open_run
from nnanim.reading.snapshots import detect

FIXTURES = Path(__file__).resolve().parent / "fixtures"
THERE = [
    "flax",
    "onnx",
    "keras",
    "keras-h5",
    "keras-weights",
    "lightning",
    "orbax",
    "orbax-zarr3",
    "pytorch",
    "safetensors",
    "torch-dcp",
    "transformers-sharded",
]


@pytest.mark.parametrize("name", THERE)
def test_arrays_are_as_the_headers_say(name: str) -> None:
    run = open_run(FIXTURES / name)
    layers = {layer.key: layer for layer in run.snapshots[0].read()}
    with run.snapshots[0].open() as arrays:
        read = {header.key: arrays.read(header.key) for header in run.tensors}
    assert all(read[header.key].shape == header.shape for header in run.tensors)
    assert all(str(read[header.key].dtype) == header.dtype.replace("bfloat16", "float32") for header in run.tensors)
    assert layers.keys() <= read.keys()
    for key, layer in layers.items():
        assert sorted(layer.weight.ravel()) == sorted(read[key].ravel().astype(np.float32))


def test_chainer_has_what_is_no_weight_too(tmp_path: Path) -> None:
    model = weights() | {"bn/gamma": np.full(5, 2.0), "bn/N": np.asarray(7), "lstm/w0": np.ones((3, 3))}
    contents = detect.scan(save(tmp_path / "trainer_1", trainer_arrays(model)))
    assert contents is not None
    found = {header.key.removeprefix("updater/model:main/predictor/"): header for header in contents.tensors}
    assert {key: header.shape for key, header in found.items()} == {key: array.shape for key, array in model.items()}
    with detect.open_arrays(contents) as arrays:
        for key, array in model.items():
            np.testing.assert_array_equal(arrays.read(found[key].key), array)


def test_several_models_have_their_part_in_front(tmp_path: Path) -> None:
    saved = {name: {"0.weight": tensor(str(place), (2, 3))} for place, name in enumerate(["critic", "actor"])}
    data = {str(place): np.full((2, 3), place, "<f4") for place in range(2)}
    write(tmp_path / "a_1.pt", saved, data)
    for model, value in (("actor", 1), ("critic", 0)):
        run = open_run(tmp_path, model=model)
        assert [header.key for header in run.tensors] == [f"{model}.0.weight"]
        assert [header.key for header in run.other_tensors] == [f"{({'actor', 'critic'} - {model}).pop()}.0.weight"]
        with run.snapshots[0].open() as arrays:
            assert arrays.read(f"{model}.0.weight").tolist() == [[value] * 3] * 2
        np.testing.assert_array_equal(run.snapshots[0].read()[0].weight, np.full((2, 3), value))


def test_copy_of_a_model_is_named_and_not_listed(tmp_path: Path) -> None:
    saved = {name: {"0.weight": tensor(str(place), (2, 3))} for place, name in enumerate(["ema", "model"])}
    write(tmp_path / "a_1.pt", saved, {str(place): np.zeros((2, 3), "<f4") for place in range(2)})
    run = open_run(tmp_path)
    assert run.models == ("model", "ema")
    assert ([header.key for header in run.tensors], run.other_tensors) == (["0.weight"], ())


def test_what_is_not_there_and_what_is_damaged(tmp_path: Path) -> None:
    path = network(tmp_path / "net_1.pt", (40, 500))
    run = open_run(tmp_path)
    with run.snapshots[0].open() as arrays, pytest.raises(KeyError):
        arrays.read("nothing")
    data = bytearray(path.read_bytes())
    data[40_000] ^= 0xFF
    path.write_bytes(data)
    with run.snapshots[0].open() as arrays, pytest.raises(SnapshotError, match="truncated or damaged at 'data/0'"):
        arrays.read("fc1.weight")
