"""Connections that are seen in live models of each framework, against what their code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnanim
from nnanim import OptionError, Recorder, open_run
from nnanim.reading.connections import Connections, read_connections
from nnanim.tracing import trace
from nnanim.tracing.flow import Flow


def pairs(flow: Flow) -> set[tuple[str, str]]:
    return set(Connections(tuple(flow.arrows), flow.joins).pairs())


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def residual(torch: Any) -> Any:
    """Return a module with a sum, a concatenation, a shared layer and a norm."""
    nn = torch.nn

    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.c, self.a, self.b = nn.Linear(8, 2), nn.Linear(4, 4), nn.Linear(4, 4)  # not in the order of use
            self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)

        def forward(self, x: Any) -> Any:
            first = self.drop(self.a(x))
            second = first + torch.relu(self.b(self.norm(first)))
            return self.c(torch.cat([second, self.a(x)], 1))

    return Residual()


def test_pytorch_sums_and_concatenations(torch: Any) -> None:
    flow = trace(residual(torch), torch.ones(2, 4))
    assert pairs(flow) == {("a.weight", "b.weight"), ("a.weight", "c.weight"), ("b.weight", "c.weight")}
    assert list(flow.joins.values()) == ["sum", "concatenation"]
    assert (list(flow.inputs), list(flow.outputs)) == (["a.weight"], ["c.weight"])


def test_pytorch_model_stays_as_it_was(torch: Any) -> None:
    model = residual(torch)
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    trace(model, torch.randn(2, 4, generator=torch.Generator().manual_seed(1)))
    assert (model.training, model.drop.training, model.norm.training) == (True, True, False)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_pytorch_transformer(torch: Any) -> None:
    flow = trace(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.ones(2, 3, 8))
    assert pairs(flow) == {
        ("self_attn.in_proj_weight", "self_attn.out_proj.weight"),
        ("self_attn.out_proj.weight", "linear1.weight"),
        ("linear1.weight", "linear2.weight"),
    }
    assert list(flow.inputs) == ["self_attn.in_proj_weight", "~1"]  # the sum takes in the input too


def test_pytorch_lstm_in_two_layers(torch: Any) -> None:
    nn = torch.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm, self.out = nn.Embedding(10, 6), nn.LSTM(6, 5, 2), nn.Linear(5, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(self.embed(x))[0][-1])

    ih, hh = "lstm.weight_ih_l", "lstm.weight_hh_l"
    assert pairs(trace(Classifier(), torch.zeros(7, 2, dtype=torch.long))) == {
        ("embed.weight", f"{ih}0"),
        (f"{ih}0", f"{hh}0"),
        (f"{ih}0", f"{ih}1"),
        (f"{hh}0", f"{ih}1"),
        (f"{ih}1", f"{hh}1"),
        (f"{ih}1", "out.weight"),
        (f"{hh}1", "out.weight"),
    }


def test_pytorch_weights_that_are_computed(torch: Any) -> None:
    nn = torch.nn

    class Adapted(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
            self.base, self.out = nn.Linear(4, 4), nn.Linear(4, 2)
            self.down, self.up = nn.Parameter(torch.ones(1, 4)), nn.Parameter(torch.ones(4, 1))

        def forward(self, x: Any) -> Any:
            return self.out(nn.functional.linear(self.normed(x), weight=self.base.weight + 0 * (self.up @ self.down)))

    found = pairs(trace(Adapted(), torch.ones(2, 4)))
    assert ("normed.parametrizations.weight.original1", "base.weight") in found
    assert ("base.weight", "out.weight") in found
    assert not any("original0" in key for pair in found for key in pair)  # the lengths are no matrix


def test_pytorch_in_place_sum_of_convolutions(torch: Any) -> None:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
            self.out = nn.Linear(16, 2)

        def forward(self, x: Any) -> Any:
            y = nn.functional.relu(self.first(x), inplace=True)
            y += self.second(y)
            return self.out(nn.functional.adaptive_avg_pool2d(y, 2).flatten(1))

    found = pairs(trace(Block(), torch.ones(1, 3, 8, 8)))
    assert found == {
        ("first.weight", "second.weight"),
        ("first.weight", "out.weight"),
        ("second.weight", "out.weight"),
    }


def test_pytorch_arguments_by_name_and_place(torch: Any) -> None:
    class Two(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (torch.nn.Linear(2, 2) for _ in range(3))

        def forward(self, x: Any, y: Any) -> Any:
            return {"logits": self.c(self.a(x) * self.b(y))}

    given = {"x": torch.ones(1, 2), "y": torch.ones(1, 2)}
    for example in (given, tuple(given.values())):
        flow = trace(Two(), example)
        assert pairs(flow) == {("a.weight", "c.weight"), ("b.weight", "c.weight")}
        assert list(flow.joins.values()) == ["product"]
        assert list(flow.outputs) == ["c.weight"]


def test_recording_of_a_pytorch_model_has_its_connections(torch: Any, result: Path) -> None:
    model = residual(torch)
    recorder = Recorder(result, model=model, example=torch.ones(2, 4))
    recorder.record(model, epoch=1, loss=1.0)
    assert set(open_run(result).snapshots[0]._contents.connections or ()) == {
        ("a.weight", "b.weight"),
        ("a.weight", "c.weight"),
        ("b.weight", "c.weight"),
    }


@pytest.fixture(scope="module")
def keras(torch: Any) -> Any:
    patch = pytest.MonkeyPatch()
    patch.setenv("KERAS_BACKEND", "torch")
    try:
        return pytest.importorskip("keras", reason="Keras is not installed")
    finally:
        patch.undo()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras itself
def test_keras_graph(keras: Any) -> None:
    layers = keras.layers
    given = layers.Input((5, 6))
    seen = layers.LayerNormalization()(layers.Add()([given, layers.MultiHeadAttention(2, 3, name="mha")(given, given)]))
    read = layers.LSTM(3, name="lstm")(seen)
    inner = keras.Sequential([layers.Input((3,)), layers.Dense(3, name="p"), layers.Dense(3, name="q")], name="inner")
    model = keras.Model(given, layers.Dense(2, name="out")(layers.Concatenate()([read, inner(read)])))
    flow = trace(model)
    kernel, again, attended = "lstm/lstm_cell/weight", "lstm/lstm_cell/recurrent_kernel", "mha/attention_output/weight"
    assert pairs(flow) == {
        *((f"mha/{name}/weight", attended) for name in ("query", "key", "value")),
        (attended, kernel),
        (kernel, again),
        *((each, head) for each in (kernel, again) for head in ("inner/p/weight", "out/weight")),
        ("inner/p/weight", "inner/q/weight"),
        ("inner/q/weight", "out/weight"),
    }
    assert list(flow.joins.values()) == ["product", "sum", "concatenation"]
    known = nnanim.recorder.arrays_of(model)
    assert {key for pair in pairs(flow) for key in pair} <= set(known)


def test_keras_model_that_does_not_tell(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(OptionError, match=r"^the Keras model 'own' does not tell its connections: only functional"):
        trace(Own(name="own"))


def test_chainer_link(chainer: Any, result: Path) -> None:
    functions, links = chainer.functions, chainer.links

    class Net(chainer.Chain):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.c1, self.c2 = (links.Convolution2D(size, 4, 3, pad=1) for size in (1, 4))
                self.norm, self.out = links.BatchNormalization(4), links.Linear(64, 3)

        def __call__(self, x: Any) -> Any:
            y = functions.relu(self.c1(x))
            return self.out(y + functions.relu(self.norm(self.c2(y))))

    model = links.Classifier(Net())
    recorder = Recorder(result, model=model, example=np.zeros((2, 1, 4, 4), np.float32))
    recorder.record(model, epoch=1)
    assert set(open_run(result).snapshots[0]._contents.connections or ()) == {
        ("c1.weight", "c2.weight"),
        ("c1.weight", "out.weight"),
        ("c2.weight", "out.weight"),
    }
    found = read_connections(result)
    assert found is not None
    assert (found.inputs, found.outputs) == (("c1.weight",), ("out.weight",))


def test_what_has_no_connections() -> None:
    with pytest.raises(OptionError, match=r"^an object of type 'list' has no connections to follow \(give a PyTorch"):
        trace([np.ones((2, 2))], 1)


def test_example_is_needed(chainer: Any) -> None:
    with pytest.raises(OptionError, match=r"^the connections need an example: what the model is called with"):
        trace(chainer.links.Linear(2, 2))


def test_one_layer_alone(chainer: Any) -> None:
    with pytest.raises(OptionError, match=r"^no weight of the 'Linear' takes in what another puts out"):
        trace(chainer.links.Linear(2, 2), np.zeros((1, 2), np.float32))


def test_example_without_model(result: Path) -> None:
    with pytest.raises(OptionError, match=r"^an example is given without a model$"):
        Recorder(result, example=1)
    assert not result.exists()
