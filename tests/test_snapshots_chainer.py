from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import SHAPE, result_folder, save, trainer_arrays, weights

from nnanim.errors import NnanimError, OptionError, ShapeError, SnapshotError
from nnanim.model.layers import Layer
from nnanim.reading.opening import open_run
from nnanim.reading.run import Run
from nnanim.reading.snapshots import chainer_model, detect


@pytest.fixture(params=["with Chainer", "without Chainer"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test twice: with Chainer (skipped where it is not installed) and as if it were not installed."""
    if request.param == "with Chainer":
        request.getfixturevalue("chainer")
    else:
        monkeypatch.setitem(sys.modules, "chainer", None)


def one_snapshot(folder: Path, arrays: Mapping[str, Any], name: str = "snapshot_1") -> Any:
    folder.mkdir(exist_ok=True)
    save(folder / name, arrays)
    return open_run(folder)


def assert_layers(layers: list[Layer], arrays: Mapping[str, np.ndarray], names: str) -> None:
    assert [layer.name for layer in layers] == names.split()
    for layer, link in zip(layers, names.split(), strict=True):
        weight, bias = arrays[f"{link}/W"], arrays.get(f"{link}/b")
        assert layer.weight.dtype == np.float32
        np.testing.assert_array_equal(layer.weight, weight.astype(np.float32))
        if bias is None:
            assert layer.bias is None
        else:
            assert layer.bias is not None
            assert layer.bias.dtype == np.float32
            np.testing.assert_array_equal(layer.bias, bias.astype(np.float32))


FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    # arrays, names of the layers, key of the first weight
    "classifier": (trainer_arrays(weights()), "l1 l2", "updater/model:main/predictor/l1/W"),
    "no classifier": (trainer_arrays(weights(), prefix=""), "l1 l2", "updater/model:main/l1/W"),
    "sequential": (
        trainer_arrays(weights(names=["0", "1"]), prefix=""),
        "0 1",
        "updater/model:main/0/W",
    ),
    "nested": (
        trainer_arrays(weights(names=["body/0", "head/fc"])),
        "body/0 head/fc",
        "updater/model:main/predictor/body/0/W",
    ),
    "a model alone": (weights(), "l1 l2", "l1/W"),
    "a classifier alone": (
        {f"predictor/{key}": array for key, array in weights().items()},
        "l1 l2",
        "predictor/l1/W",
    ),
    "an updater alone": (
        {key.removeprefix("updater/"): array for key, array in trainer_arrays(weights()).items()},
        "l1 l2",
        "model:main/predictor/l1/W",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [None, SHAPE])
@pytest.mark.usefixtures("both_ways")
def test_forms_of_keys(result: Path, form: str, shape: tuple[int, ...] | None) -> None:
    arrays, names, first_key = FORMS[form]
    layers = one_snapshot(result, arrays).snapshots[0].read(shape)
    inside = weights(names=names.split())
    assert_layers(layers, inside, names)
    assert layers[0].key == first_key


@pytest.mark.parametrize("key", ["W", "predictor/W"])
@pytest.mark.usefixtures("both_ways")
def test_bare_link(result: Path, key: str) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    (layer,) = one_snapshot(result, {key: weight}).snapshots[0].read((3, 2))
    assert (layer.name, layer.key, layer.bias) == (key.removesuffix("/W"), key, None)
    np.testing.assert_array_equal(layer.weight, weight)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "<i8"])
@pytest.mark.usefixtures("both_ways")
def test_every_kind_of_number_becomes_float32(result: Path, dtype: str) -> None:
    arrays = {key: (array * 100).astype(dtype) for key, array in weights().items()}
    result.mkdir()
    save(result / "snapshot_1", arrays)
    run = open_run(result, shape=SHAPE)  # without a shape whole numbers are no weights
    assert_layers(run.snapshots[0].read(SHAPE), arrays, "l1 l2")


@pytest.mark.parametrize("names", [("serialize", "copy"), ("a", "a/b"), ("", "__class__"), ("xp", "W")])
@pytest.mark.usefixtures("both_ways")
def test_names_that_no_link_can_have(result: Path, names: tuple[str, str]) -> None:
    arrays = {f"{name}/W": array for name, array in zip(names, [np.ones((5, 4)), np.ones((3, 5))], strict=True)}
    layers = one_snapshot(result, arrays).snapshots[0].read(SHAPE)
    assert [layer.weight.shape for layer in layers] == [(5, 4), (3, 5)]


@pytest.mark.usefixtures("both_ways")
def test_declared_shape_decides_an_uncertain_order(result: Path) -> None:
    arrays = weights((4, 8, 2, 8, 4), names=["squeeze", "narrow", "widen", "restore"])
    run = one_snapshot(result, arrays)
    assert run.layers == ()
    assert "the layers fit in several orders" in " ".join(run.notes)
    assert open_run(result, shape=(4, 8, 2, 8, 4)).shape == (4, 8, 2, 8, 4)
    layers = run.snapshots[0].read((4, 8, 2, 8, 4))
    assert [layer.name for layer in layers] == ["squeeze", "narrow", "widen", "restore"]


SHAPES = {
    "other size": (
        (4, 6, 3),
        ShapeError,
        "shape 4,6,3 does not fit snapshot 'result/trainer_00001': layer 'l1' is (5, 4) there, (6, 4) declared"
        " (the snapshot is 4,5,3)",
    ),
    "other last size": (
        (4, 5, 2),
        ShapeError,
        "shape 4,5,2 does not fit snapshot 'result/trainer_00001': layer 'l2' is (3, 5) there, (2, 5) declared"
        " (the snapshot is 4,5,3)",
    ),
    "too many": (
        (4, 5, 5, 3),
        ShapeError,
        "shape 4,5,5,3 does not fit snapshot 'result/trainer_00001': 3 layers of weights declared, 2 found"
        " (the snapshot is 4,5,3)",
    ),
    "no shape": ((4,), OptionError, "shape (4,) has too few sizes (at least two are needed, such as 4,5,3)"),
    "zero": ((4, 0, 3), OptionError, "shape (4, 0, 3) has the size 0 (every size must be at least 1)"),
}


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.usefixtures("both_ways")
def test_shape_that_does_not_fit(result: Path, case: str) -> None:
    shape, error, message = SHAPES[case]
    run = open_run(result_folder(result))
    with pytest.raises(NnanimError) as caught:
        run.snapshots[0].read(shape)
    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [None, SHAPE])
@pytest.mark.usefixtures("both_ways")
def test_weights_that_are_not_finite(result: Path, shape: tuple[int, ...] | None) -> None:
    arrays = weights()
    arrays["l2/W"][1, 2] = np.nan
    arrays["l2/W"][0, 0] = -np.inf
    run = one_snapshot(result, arrays)
    with pytest.raises(SnapshotError) as caught:
        run.snapshots[0].read(shape)
    assert str(caught.value) == (
        "layer 'l2' in snapshot 'result/snapshot_1' has 2 NaN or infinite weights of 15"
        " (every one must be a finite number; did the training diverge?)"
    )


@pytest.mark.parametrize("shape", [None, SHAPE])
@pytest.mark.usefixtures("both_ways")
def test_numbers_too_large_for_float32(result: Path, shape: tuple[int, ...] | None) -> None:
    arrays = weights() | {"l1/b": np.array([0, 0, 1e300, 0, 0])}
    run = one_snapshot(result, arrays)
    with pytest.raises(SnapshotError) as caught:
        run.snapshots[0].read(shape)
    assert str(caught.value) == (
        "layer 'l1' in snapshot 'result/snapshot_1' has 1 NaN or infinite bias of 5"
        " (every one must be a finite number; did the training diverge?)"
    )


@pytest.mark.usefixtures("both_ways")
def test_snapshot_that_changes_after_it_was_found(result: Path) -> None:
    shape = (4, 500, 3)  # too large to be remembered
    run = open_run(result_folder(result, shape))
    save(result / "trainer_00001", trainer_arrays(weights((4, 600, 3))))
    with pytest.raises(SnapshotError) as caught:
        run.snapshots[0].read(shape)
    assert str(caught.value) == (
        "snapshot 'result/trainer_00001' changed while the run was read (is it still training?)"
    )


@pytest.mark.usefixtures("both_ways")
def test_snapshot_that_loses_a_bias_after_it_was_found(result: Path) -> None:
    shape = (4, 500, 3)
    run = open_run(result_folder(result, shape))
    arrays = trainer_arrays(weights(shape))
    save(result / "trainer_00001", {key: array for key, array in arrays.items() if not key.endswith("l1/b")})
    with pytest.raises(SnapshotError, match="'result/trainer_00001' changed while the run was read"):
        run.snapshots[0].read(shape)


# Archives made by hand


def test_member_twice(result: Path) -> None:
    result.mkdir()
    save(result / "snapshot_1", {"l1/W": np.ones((2, 2))})
    with zipfile.ZipFile(result / "snapshot_1", "a") as archive:
        archive.writestr("l1/W", b"another one")
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "snapshot 'result/snapshot_1' holds 'l1/W' twice"
        " (a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy)"
    )


def test_unusual_compression(result: Path) -> None:
    result.mkdir()
    with zipfile.ZipFile(result / "snapshot_1", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("W.npy", bytes(1000))
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "'W' in snapshot 'result/snapshot_1' is encrypted or compressed in an unknown way"
        " (a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy)"
    )


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(16)


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        b"hello, this is no array",
        npy(""),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os')}"),
        npy("{'descr': '<f3', 'fortran_order': False, 'shape': (2, 2), }"),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2), }"),
        npy("(" * 9000),
        npy("-" * 60_000),
    ],
)
def test_member_that_is_no_array(result: Path, member: bytes) -> None:
    result.mkdir()
    with zipfile.ZipFile(result / "snapshot_1", "w") as archive:
        archive.writestr("W.npy", member)
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "snapshot 'result/snapshot_1' is truncated or damaged at 'W'"
        " (a snapshot is a Chainer .npz archive, or a file of PyTorch, Lightning, Keras, safetensors, ONNX or NumPy)"
    )


def test_header_that_claims_more_than_there_is(result: Path) -> None:
    result.mkdir()
    with zipfile.ZipFile(result / "snapshot_1", "w") as archive:
        archive.writestr("W.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999), }"))
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "'W' in snapshot 'result/snapshot_1' is said to be (99999999, 99999999) of float64, which takes"
        " 79999998400000008 bytes, but has 16 (the archive is damaged)"
    )


# Chainer itself


def test_import_aid_leaves_numpy_and_modules_as_they_were() -> None:
    if importlib.util.find_spec("chainer") is None:
        pytest.skip("needs Chainer")
    code = """
import sys, warnings
import numpy
from nnanim.reading.snapshots.chainer_model import import_chainer
before = dict(vars(numpy))
filters = list(warnings.filters)
chainer = import_chainer()
assert chainer.__version__ == sys.modules["chainer"].__version__
assert import_chainer() is chainer
assert "sctypes" not in vars(numpy) or "sctypes" in before
assert {name: value for name, value in vars(numpy).items() if name in before} == before
assert "chainer._environment_check" not in sys.modules
assert "pkg_resources" not in sys.modules
assert warnings.filters == filters
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_failed_import_leaves_nothing_behind(tmp_path: Path) -> None:
    package = tmp_path / "chainer"
    package.mkdir()
    (package / "__init__.py").write_text("import chainer.part\nimport numpy\nnumpy.no_such_name\n")
    (package / "part.py").write_text("")
    code = """
import sys
from nnanim.reading.snapshots.chainer_model import import_chainer
try:
    import_chainer()
except ImportError as error:
    print(error)
print(sorted(name for name in sys.modules if name.startswith("chainer")))
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("chainer cannot be imported with NumPy ")
    assert second == "[]"


def train(chainer: Any, model: Any, out: Path, *, wrap: bool = True, only_model: bool = False, log: bool = True) -> Any:
    """Train two epochs of three iterations and leave snapshots and a log in a folder; return the model."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(12, 4)).astype(np.float32)
    targets = random.normal(size=(12, 3)).astype(np.float32)
    extensions = chainer.training.extensions
    if wrap:
        lossfun = chainer.functions.mean_squared_error
        model = chainer.links.Classifier(model, lossfun=lossfun)
        model.compute_accuracy = False
    optimizer = chainer.optimizers.Adam()
    optimizer.setup(model)
    iterator = chainer.iterators.SerialIterator(chainer.datasets.TupleDataset(inputs, targets), 4, shuffle=False)

    def loss(x: Any, y: Any) -> Any:
        value = chainer.functions.mean_squared_error(model(x), y)
        chainer.report({"loss": value}, model)
        return value

    updater = chainer.training.StandardUpdater(iterator, optimizer, loss_func=None if wrap else loss)
    trainer = chainer.training.Trainer(updater, (2, "epoch"), out=str(out))
    if log:
        trainer.extend(extensions.LogReport())
    if only_model:
        trainer.extend(extensions.snapshot_object(model, "model_epoch_{.updater.epoch}"), trigger=(1, "epoch"))
    else:
        trainer.extend(extensions.snapshot(), trigger=(1, "epoch"))
    trainer.run()
    return model


def perceptron(chainer: Any) -> Any:
    class Perceptron(chainer.Chain):
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.fc_out = chainer.links.Linear(5, 3)
                self.hidden = chainer.links.Linear(5, 5, nobias=True)
                self.fc_in = chainer.links.Linear(None, 5)  # lazy: its size is known after the first call

        def forward(self, x: Any) -> Any:
            return self.fc_out(chainer.functions.relu(self.hidden(self.fc_in(x))))

    return Perceptron()


def sequential(chainer: Any) -> Any:
    linear = chainer.links.Linear
    relu = chainer.functions.relu
    return chainer.Sequential(linear(4, 5), relu, linear(5, 5), relu, linear(5, 5), relu, linear(5, 3))


def chain_list(chainer: Any) -> Any:
    class Perceptrons(chainer.ChainList):
        def forward(self, x: Any) -> Any:
            for link in self:
                x = link(x)
            return x

    linear = chainer.links.Linear
    return Perceptrons(linear(4, 5), chainer.Sequential(linear(5, 5), chainer.functions.tanh), linear(5, 3))


MODELS = {
    "chain": (perceptron, ["fc_in", "hidden", "fc_out"]),
    "sequential": (sequential, ["0", "3", "2", "1"]),  # as Chainer numbers them, see its issue 6053
    "chain list": (chain_list, ["0", "1/0", "2"]),
}


@pytest.mark.parametrize("wrap", [True, False], ids=["classifier", "bare"])
@pytest.mark.parametrize("only_model", [False, True], ids=["trainer", "model"])
@pytest.mark.parametrize("kind", MODELS)
def test_what_chainer_trained(
    result: Path, chainer: Any, monkeypatch: pytest.MonkeyPatch, kind: str, only_model: bool, wrap: bool
) -> None:
    make, names = MODELS[kind]
    model = train(chainer, make(chainer), result, wrap=wrap, only_model=only_model)
    run = open_run(result)
    shape = (4, *[5] * (len(names) - 1), 3)
    assert run.shape == shape
    assert [(s.epoch, s.iteration) for s in run.snapshots] == (
        [(1, None), (2, None)] if only_model else [(1, 3), (2, 6)]
    )
    assert run.rows == (0, 1)
    assert run.log is not None
    assert run.log.metrics == ("main/loss",)
    assert run.notes == ()

    state = np.random.get_state()[1].copy()
    through_chainer = run.snapshots[-1].read(shape)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    if kind == "sequential":
        links = (model.predictor if wrap else model)[::2]
        for layer, link in zip(through_chainer, links, strict=True):
            np.testing.assert_array_equal(layer.weight, link.W.array)
    trained = dict((model.predictor if wrap else model).namedparams())
    assert_layers(through_chainer, {name[1:]: parameter.array for name, parameter in trained.items()}, " ".join(names))

    monkeypatch.setitem(sys.modules, "chainer", None)
    for without in (run.snapshots[-1].read(shape), run.snapshots[-1].read()):
        for ours, theirs in zip(without, through_chainer, strict=True):
            assert (ours.name, ours.key) == (theirs.name, theirs.key)
            assert ours.weight.tobytes() == theirs.weight.tobytes()
            assert (ours.bias is None) == (theirs.bias is None)
            assert ours.bias is None or ours.bias.tobytes() == theirs.bias.tobytes()


def test_chainer_loads_the_skeleton(result: Path, chainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, list[str]]] = []
    deserializer = chainer.serializers.NpzDeserializer

    class Spy(deserializer):
        def load(self, obj: Any) -> None:
            assert self.strict
            loaded.append((self.path, sorted(name for name, _ in obj.namedparams())))
            super().load(obj)

    monkeypatch.setattr(chainer.serializers, "NpzDeserializer", Spy)
    run = open_run(result_folder(result))
    run.snapshots[0].read()
    assert loaded == []
    run.snapshots[0].read(SHAPE)
    names = ["/predictor/l1/W", "/predictor/l1/b", "/predictor/l2/W", "/predictor/l2/b"]
    assert loaded == [("updater/model:main/", names)]


def test_default_dtype_of_chainer_does_not_matter(result: Path, chainer: Any) -> None:
    run = open_run(result_folder(result))
    with chainer.using_config("dtype", np.dtype(np.float16)):
        layers = run.snapshots[0].read(SHAPE)
    assert_layers(layers, weights(seed=1), "l1 l2")


def test_log_inside_what_chainer_saved(result: Path, chainer: Any) -> None:
    train(chainer, sequential(chainer), result)
    with_log = open_run(result)
    (result / "log").unlink()
    without = open_run(result)
    assert without.notes == ("no log in 'result': the copy inside 'result/snapshot_iter_6' is used",)
    assert without.metrics.equals(with_log.metrics)
    assert without.rows == with_log.rows


def test_chainer_without_log_report(result: Path, chainer: Any) -> None:
    train(chainer, sequential(chainer), result, log=False)
    assert open_run(result).notes == ("no log in 'result': the network is drawn alone",)


def test_layer_that_was_never_used(result: Path, chainer: Any) -> None:
    model = perceptron(chainer)
    result.mkdir()
    chainer.serializers.save_npz(str(result / "model_iter_0"), model)
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value) == (
        "'fc_in/W' in snapshot 'result/model_iter_0' holds Python objects, which are never loaded"
        " (a weight is an array of numbers; a layer that was not used yet has none)"
    )


def one_model(result: Path, chainer: Any, **links: Any) -> Any:
    """Save untrained links of these names as a model, with other numbers than zero everywhere; open it."""
    model = chainer.Chain(**links)
    random = np.random.default_rng(0)
    for parameter in model.params():
        parameter.array[...] = random.normal(size=parameter.shape)
    result.mkdir()
    chainer.serializers.save_npz(str(result / "model_iter_1"), model)
    return open_run(result)


def notes_on_layers(run: Any) -> tuple[str, ...]:
    return tuple(note for note in run.notes if "layer" in note or "deconvolution" in note)


def test_convolutions_with_batch_normalization(result: Path, chainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    links = chainer.links
    model = {
        "conv1": links.Convolution2D(1, 8, 3, nobias=True),
        "norm1": links.BatchNormalization(8),
        "conv2": links.Convolution2D(8, 16, (3, 2)),
        "norm2": links.LayerNormalization(16),
        "fc1": links.Linear(16 * 9, 32),
        "fc2": links.Linear(32, 10),
    }
    run = one_model(result, chainer, **model)
    assert run.shape == (1, 8, 16, 32, 10)
    assert [layer.shape for layer in run.layers] == [(8, 1, 3, 3), (16, 8, 3, 2), (32, 144), (10, 32)]
    assert notes_on_layers(run) == ()
    ways = [run.snapshots[0].read(run.shape), run.snapshots[0].read()]
    monkeypatch.setitem(sys.modules, "chainer", None)
    ways.append(run.snapshots[0].read(run.shape))
    for layers in ways:
        assert [layer.name for layer in layers] == ["conv1", "conv2", "fc1", "fc2"]
        assert layers[0].bias is None
        for layer in layers:
            np.testing.assert_array_equal(layer.weight, model[layer.name].W.array)
        np.testing.assert_array_equal(layers[1].bias, model["conv2"].b.array)


def roles_of(run: Run) -> dict[str, str]:
    return {tensor.full_name.replace(".", "/"): tensor.role for tensor in run.model.weights}


def test_convolutions_over_one_and_three_axes(result: Path, chainer: Any) -> None:
    links = chainer.links
    model = {"a1": links.Convolution1D(3, 4, 5), "a2": links.Convolution1D(4, 2, 3), "b": links.Convolution3D(2, 9, 3)}
    run = one_model(result, chainer, **model)
    assert run.shape == ()
    reason = "what one layer puts out is not what the next takes in"
    assert f"no edges are drawn: what follows what is not known: {reason}" in run.notes
    for layer in run.snapshots[0].read((3, 4, 2)):
        np.testing.assert_array_equal(layer.weight, model[layer.name].W.array)


@pytest.mark.parametrize("nobias", [True, False], ids=["without bias", "with bias"])
@pytest.mark.usefixtures("both_ways")
def test_deconvolutions(result: Path, nobias: bool) -> None:
    arrays: dict[str, np.ndarray] = {}
    random = np.random.default_rng(0)
    for name, size_in, size_out in (("down", 3, 8), ("up1", 8, 4), ("up2", 4, 3)):
        sizes = (size_out, size_in) if name == "down" else (size_in, size_out)  # as Chainer's Deconvolution2D has them
        arrays[f"{name}/W"] = random.normal(size=(*sizes, 3, 2)).astype(np.float32)
        if not nobias:
            arrays[f"{name}/b"] = random.normal(size=size_out).astype(np.float32)
    run = one_snapshot(result, arrays)
    assert run.shape == ()  # a network that goes down and up again has skips, as a rule
    told = (
        "taken for deconvolutions by name or place: 'up1' (8, 4, 3, 2), 'up2' (4, 3, 3, 2) (nothing in the file tells)"
    )
    assert (told in open_run(result, shape=(3, 8, 4, 3)).notes) == nobias
    for chosen, shape in ((open_run(result, shape=(3, 8, 4, 3)), None), (run, (3, 8, 4, 3))):
        down, *ups = chosen.snapshots[0].read(shape)
        np.testing.assert_array_equal(down.weight, arrays["down/W"])
        for up in ups:
            np.testing.assert_array_equal(up.weight, arrays[f"{up.name}/W"].swapaxes(0, 1))


def test_deconvolutions_of_chainer(result: Path, chainer: Any) -> None:
    links = chainer.links
    model = {
        "l0": links.Linear(10, 16 * 4),
        "dc1": links.Deconvolution2D(16, 16, 3),  # only the name tells
        "dc2": links.Deconvolution2D(16, 8, 4, stride=2),
        "dc3": links.Deconvolution2D(8, 1, 4, stride=2),
    }
    run = one_model(result, chainer, **model)
    assert run.shape == ()
    tensors = {tensor.key: tensor for tensor in run.model.tensors}
    names = [tensors[key].full_name for key in run.model.chain_keys]
    assert names == ["l0", "dc1", "dc2", "dc3"]
    told = "the layers follow each other, but not all of their neurons or channels can be joined by edges"
    assert f"not drawn neuron by neuron: {told}" in run.notes
    for layer in run.snapshots[0].read((16, 16, 8, 1)):
        np.testing.assert_array_equal(layer.weight, model[layer.name].W.array.swapaxes(0, 1))
        np.testing.assert_array_equal(layer.bias, model[layer.name].b.array)


def test_embedding_and_lstm(result: Path, chainer: Any) -> None:
    links = chainer.links
    # By their sizes alone all of these would follow each other.
    run = one_model(
        result,
        chainer,
        embed=links.EmbedID(100, 7),
        lstm=links.LSTM(7, 5),
        l1=links.Linear(5, 20),
        l2=links.Linear(20, 7),
        l3=links.Linear(7, 100),
    )
    assert run.shape == ()
    assert roles_of(run) == {
        "embed": "embedding",
        "lstm/lateral": "recurrent hidden",
        "lstm/upward": "recurrent input",
        "l1": "dense",
        "l2": "dense",
        "l3": "dense",
    }


@pytest.mark.parametrize("kind", ["StatefulGRU", "StatefulPeepholeLSTM", "StatefulZoneoutLSTM", "StatelessLSTM"])
def test_recurrent_layers_are_left_out(result: Path, chainer: Any, kind: str) -> None:
    run = one_model(
        result,
        chainer,
        l1=chainer.links.Linear(2, 5),
        recurrent=getattr(chainer.links, kind)(5, 5),
        out=chainer.links.Linear(5, 3),
    )
    assert run.shape == ()  # what stands between the two dense layers must not be skipped
    kinds = {role for name, role in roles_of(run).items() if name.startswith("recurrent/")}
    assert {"recurrent input", "recurrent hidden"} <= kinds


def test_convolutions_in_groups_are_left_out(result: Path, chainer: Any) -> None:
    links = chainer.links
    run = one_model(
        result,
        chainer,
        conv1=links.Convolution2D(1, 8, 3),
        conv2=links.Convolution2D(8, 8, 3, groups=4),
        conv3=links.DepthwiseConvolution2D(8, 2, 3),
        conv4=links.DepthwiseConvolution2D(8, 1, 3),
        conv5=links.Convolution2D(8, 3, 1),
        conv6=links.Deconvolution2D(3, 6, 3, groups=3),
        pairs=links.Bilinear(3, 4, 5),
    )
    assert run.shape == ()
    reasons = {layer.name: layer.skipped for layer in run.left_out}
    in_groups = {name for name, reason in reasons.items() if reason == "its channels are connected in groups only"}
    assert {"conv2", "conv3", "conv6"} <= in_groups
    assert not in_groups & {"conv1", "conv5", "pairs"}
    assert reasons["pairs"] == "its name does not say what it does"


CONVOLUTIONAL_SHAPES = {
    "other channels": (
        (1, 4, 6, 5),
        "shape 1,4,6,5 does not fit snapshot 'result/snapshot_1': layer 'conv1' is 1 to 2 nodes there, 1 to 4 nodes"
        " declared (the snapshot is 1,2,6,5)",
    ),
    "other dense layer": (
        (1, 2, 7, 5),
        "shape 1,2,7,5 does not fit snapshot 'result/snapshot_1': layer 'fc1' is 2 to 6 nodes there, 2 to 7 nodes"
        " declared (the snapshot is 1,2,6,5)",
    ),
    "other last layer": (
        (1, 2, 6, 3),
        "shape 1,2,6,3 does not fit snapshot 'result/snapshot_1': layer 'fc2' is (5, 6) there, (3, 6)"
        " declared (the snapshot is 1,2,6,5)",
    ),
    "dense layers alone": (
        (18, 6, 5),
        "shape 18,6,5 does not fit snapshot 'result/snapshot_1': 2 layers of weights declared, 3 found"
        " (the snapshot is 1,2,6,5)",
    ),
}


@pytest.mark.parametrize("case", CONVOLUTIONAL_SHAPES)
@pytest.mark.usefixtures("both_ways")
def test_shape_that_does_not_fit_convolutions(result: Path, case: str) -> None:
    shape, message = CONVOLUTIONAL_SHAPES[case]
    arrays = {"conv1/W": np.ones((2, 1, 3, 3)), "fc1/W": np.ones((6, 18)), "fc2/W": np.ones((5, 6))}
    run = one_snapshot(result, arrays)
    assert [layer.name for layer in run.snapshots[0].read((1, 2, 6, 5))] == ["conv1", "fc1", "fc2"]
    with pytest.raises(ShapeError) as caught:
        run.snapshots[0].read(shape)
    assert str(caught.value) == message


def test_format_goes_by_content(tmp_path: Path) -> None:
    found = detect.scan(save(tmp_path / "any name.txt", weights()))
    assert found is not None
    assert found.format == "chainer"
    assert detect.scan(save(tmp_path / "data.npz", {"x": np.zeros(2)})) is None
    assert detect.scan(tmp_path / "missing") is None


@pytest.mark.parametrize("order", "<>")
def test_log_inside_a_snapshot_in_either_order_of_bytes(result: Path, order: str) -> None:
    result.mkdir()
    text = '[{"epoch": 1, "main/ä中😀": 0.5}]'
    arrays = trainer_arrays(weights()) | {"extensions/LogReport/_log": np.array(text, dtype=f"{order}U99")}
    save(result / "trainer_00001", arrays)
    log = open_run(result).log
    assert log is not None
    assert log.metrics == ("main/ä中😀",)


def test_log_inside_a_snapshot_that_is_no_text(result: Path) -> None:
    result.mkdir()
    broken = np.full(1, 0xFFFFFFFF, dtype="<u4").view("<U1").reshape(())
    save(result / "trainer_00001", trainer_arrays(weights()) | {"extensions/LogReport/_log": broken})
    with pytest.raises(SnapshotError) as caught:
        open_run(result)
    assert str(caught.value).startswith(
        "snapshot 'result/trainer_00001' is truncated or damaged at 'extensions/LogReport/_log' (a snapshot is"
    )


def test_the_chain_is_built_once_and_every_snapshot_is_loaded_into_it(
    tmp_path: Path, chainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(result_folder(tmp_path / "result", (4, 5, 3), epochs=range(1, 8)))
    built, loaded = [], []
    nest, load = chainer_model._nest, chainer.serializers.NpzDeserializer.load
    monkeypatch.setattr(chainer_model, "_nest", lambda *args: built.append(1) or nest(*args))
    monkeypatch.setattr(
        chainer.serializers.NpzDeserializer, "load", lambda self, model: loaded.append(model) or load(self, model)
    )
    chainer_model._built.cache_clear()
    read = [snapshot.read((4, 5, 3)) for snapshot in run.snapshots]
    chains = [model for model in loaded if isinstance(model, chainer.Chain)]
    assert len({id(model) for model in chains}) == 1
    assert len(loaded) >= 7
    assert 1 <= len(built) <= 4  # the chain, its nested chains and its links, once
    for snapshot, layers in zip(run.snapshots, read, strict=True):
        for layer, plain in zip(layers, snapshot.read(), strict=True):
            np.testing.assert_array_equal(layer.weight, plain.weight)
            np.testing.assert_array_equal(layer.bias, plain.bias)
