"""Hidden units that were exchanged are found again, and runs that began alike are told from those that did not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from folders import save, trainer_arrays, weights

from nnanim.comparing import matching
from nnanim.comparing.matching import Net, largest_difference, make_net, match, reorder, same_start
from nnanim.comparing.measuring import vectors_of
from nnanim.errors import OptionError, RunError
from nnanim.model.layers import Layer
from nnanim.reading.opening import open_run
from nnanim.reading.run import Run

SAMPLES = Path(__file__).resolve().parent.parent / "sample_results"


def net_of(run: Run, place: int) -> Net:
    snapshot = run.snapshots[place]
    with snapshot.open() as arrays:
        beside = [[arrays.read(key) for key in keys] for keys in vectors_of(run)]
    return make_net(snapshot.read(), beside)


def network(seed: int, shape: tuple[int, ...] = (4, 5, 5, 3)) -> Net:
    random = np.random.default_rng(seed)
    made = tuple(random.normal(size=(shape[place + 1], shape[place], 1)) for place in range(len(shape) - 1))
    return Net(made, tuple(random.normal(size=(size, 1)) for size in shape[1:]))


def near(net: Net, seed: int, by: float) -> Net:
    random = np.random.default_rng(seed)
    moved = [each + by * random.normal(size=each.shape) for each in net.weights]
    return Net(tuple(moved), net.vectors)


def exchanged(net: Net, random: np.random.Generator) -> Net:
    return reorder(net, [random.permutation(size) for size in net.shape[1:-1]])


@pytest.mark.parametrize("sample", ["iris", "convolutions"])
@pytest.mark.parametrize("place", [0, -1])
def test_every_permuted_twin_is_found(sample: str, place: int) -> None:
    pytest.importorskip("scipy")
    net = net_of(open_run(SAMPLES / sample), place)
    random = np.random.default_rng(5)
    for _ in range(300):
        twin = exchanged(net, random)
        assert largest_difference(net, twin) > 0
        assert largest_difference(net, reorder(twin, match(net, twin))) == 0


def test_exchanged_units_compute_the_same() -> None:
    net = network(0)
    twin = exchanged(net, np.random.default_rng(1))

    def forward(made: Net, x: np.ndarray) -> np.ndarray:
        for weight, vectors in zip(made.weights, made.vectors, strict=True):
            x = np.tanh(weight[:, :, 0] @ x + vectors[:, 0])
        return x

    inputs = np.arange(4.0)
    np.testing.assert_allclose(forward(net, inputs), forward(twin, inputs))


def test_a_flattened_map_goes_with_its_channel() -> None:
    random = np.random.default_rng(0)
    first = Layer("conv", "conv/W", random.normal(size=(3, 1, 2, 2)).astype(np.float32))
    behind = Layer("fc", "fc/W", random.normal(size=(2, 3 * 4)).astype(np.float32))
    plain = make_net([first, behind], [[], []])
    np.testing.assert_array_equal(plain.weights[1][:, 1], behind.weight[:, 4:8])
    keras = make_net([first, behind], [[], []], channels_last=True)
    np.testing.assert_array_equal(keras.weights[1][:, 1], behind.weight[:, 1::3])


def test_normalisation_belongs_to_the_layer_before_it() -> None:
    run = open_run(SAMPLES / "convolutions")
    names = [sorted(key.split("/")[-2] for key in keys) for keys in vectors_of(run)]
    assert set(names[0]) == {"norm1"}
    assert names[1:] == [[], []]


def test_what_was_trained_apart_is_fitted_better_than_in_its_own_order() -> None:
    pytest.importorskip("scipy")
    one, other = network(0, (6, 16, 16, 4)), network(1, (6, 16, 16, 4))
    assert matching.fit(one, reorder(other, match(one, other))) > matching.fit(one, other)


def test_equal_first_snapshots_are_the_same_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert same_start(network(0), network(0))
    assert not same_start(network(0), near(network(0), 1, 0.01))  # only equality counts without SciPy


def test_a_little_training_is_still_the_same_start() -> None:
    pytest.importorskip("scipy")
    for seed in range(20):
        net = network(seed)
        assert same_start(net, near(net, seed + 100, 0.05))
        assert not same_start(net, network(seed + 100))
        assert not same_start(net, exchanged(net, np.random.default_rng(seed)))


def test_with_few_units_chance_finds_the_identity_too() -> None:
    pytest.importorskip("scipy")
    found = [match(network(seed, (4, 2, 3)), network(seed + 50, (4, 2, 3)))[0].tolist() == [0, 1] for seed in range(40)]
    assert any(found)
    assert not any(same_start(network(seed, (4, 2, 3)), network(seed + 50, (4, 2, 3))) for seed in range(40))


def test_too_few_orders_prove_nothing() -> None:
    pytest.importorskip("scipy")
    nets = [(network(seed, (4, 6, 3)), near(network(seed, (4, 6, 3)), seed + 100, 0.01)) for seed in range(40)]
    assert all(np.array_equal(match(*pair)[0], np.arange(6)) for pair in nets)
    assert not any(same_start(*pair) for pair in nets)  # 720 orders: chance finds this one too often
    assert all(same_start(one, one) for one, _ in nets)


def test_one_strong_unit_in_its_place_is_not_far_better_than_chance() -> None:
    pytest.importorskip("scipy")
    one = network(0, (4, 8, 3))
    matrices = (one.weights[0] * np.array([100.0, *[1e-3] * 7])[:, None, None], one.weights[1])
    strong = Net(matrices, tuple(np.zeros_like(each) for each in one.vectors))
    other = Net((matrices[0] * 1.1, matrices[1]), strong.vectors)
    assert np.array_equal(match(strong, other)[0], np.arange(8))
    assert not same_start(strong, other)


def test_normalisation_of_equal_sizes_is_told_apart_by_numbers(tmp_path: Path) -> None:
    arrays = weights((4, 5, 5, 3), names=["conv1", "conv2", "conv3"])
    for name in ("norm1", "norm2"):
        arrays |= {f"{name}/gamma": np.ones(5, np.float32), f"{name}/beta": np.zeros(5, np.float32)}
    save(tmp_path / "model_1", trainer_arrays(arrays))
    names = [sorted({key.split("/")[-2] for key in keys}) for keys in vectors_of(open_run(tmp_path))]
    assert names == [["norm1"], ["norm2"], []]
    arrays |= {"norm/gamma": np.ones(5, np.float32)}
    save(tmp_path / "model_1", trainer_arrays(arrays))
    with pytest.raises(RunError, match=r"cannot be exchanged: '.*norm/gamma' follows 'conv1' or 'conv2'"):
        vectors_of(open_run(tmp_path))


def test_other_shapes_are_refused() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(OptionError, match="different shapes cannot be laid over each other: 4,5,5,3 and 4,6,5,3"):
        match(network(0), network(0, (4, 6, 5, 3)))


def test_matching_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(OptionError, match=r"needs the package 'scipy', .* -m pip install scipy"):
        match(network(0), network(1))
