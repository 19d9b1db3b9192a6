from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.model.layer_chain import chain_layers, fit_to_sizes
from nnanim.model.layers import LayerHeader, sizes_of


def headers(**shapes: tuple[int, ...]) -> list[LayerHeader]:
    return [LayerHeader(name, f"{name}/W", shape, f"{name}/b") for name, shape in shapes.items()]


def names(layers: object) -> str:
    return " ".join(layer.name for layer in layers)


def network(*sizes: int) -> dict[str, tuple[int, ...]]:
    return {f"l{number}": (after, before) for number, (before, after) in enumerate(pairwise(sizes), 1)}


CHAINS = {
    "numbers": (network(4, 5, 5, 5, 3), "l1 l2 l3 l4", "", False),
    "ten comes after nine": (network(*[5] * 12), "l1 l2 l3 l4 l5 l6 l7 l8 l9 l10 l11", "", False),
    "shapes decide against names": ({"a": (3, 5), "b": (5, 4)}, "b a", "", False),
    "words where shapes do not": ({"fc_out": (5, 5), "fc_in": (5, 5), "mid": (5, 5)}, "fc_in mid fc_out", "", True),
    "autoencoder": (
        {"enc1": (8, 4), "enc2": (2, 8), "dec1": (8, 2), "dec2": (4, 8)},
        "enc1 enc2 dec1 dec2",
        "",
        True,
    ),
    "numbered autoencoder": (network(4, 8, 2, 8, 4), "l1 l2 l3 l4", "", False),
    "equal shapes without numbers": ({"x": (5, 4), "p": (5, 5), "q": (5, 5)}, "x p q", "", True),
    "numbers between other names": (
        {"first": (5, 4), "h2": (5, 5), "h1": (5, 5), "z": (3, 5)},
        "first h1 h2 z",
        "",
        False,
    ),
    "two orders of unlike shapes": ({"a": (5, 4), "b": (4, 5), "c": (6, 4), "d": (4, 6)}, "a b c d", "", True),
    "one layer": ({"l1": (3, 4)}, "l1", "", False),
    "nothing to do with the rest": (network(4, 5, 3) | {"embed": (100, 8)}, "l1 l2", "embed", False),
    "two parts": ({"a1": (5, 4), "a2": (3, 5), "b1": (7, 9)}, "a1 a2", "b1", False),
    "list in order": ({"0": (5, 4), "1": (5, 5), "2": (5, 5), "3": (3, 5)}, "0 1 2 3", "", False),
    "Chainer's Sequential": (
        {"0": (5, 4), "1": (3, 5), "2": (5, 5), "3": (5, 5)},
        "0 3 2 1",
        "",
        False,
    ),
    "Sequential that begins with a function": (
        {"0": (5, 4), "1": (5, 5), "2": (3, 5), "3": (5, 5), "4": (5, 5)},
        "0 1 4 3 2",
        "",
        False,
    ),
    "Sequential among other layers": (
        {"body/0": (5, 4), "body/1": (7, 5), "body/2": (5, 5), "body/3": (5, 5), "a": (3, 7), "embed": (90, 8)},
        "body/0 body/3 body/2 body/1 a",
        "embed",
        False,
    ),
    "list or Sequential": ({"0": (5, 5), "1": (5, 5), "2": (5, 5)}, "0 1 2", "", True),
    "Sequential after convolutions": ({"2": (3, 5), "3": (5, 9)}, "3 2", "", False),
    "branches": ({"l1": (5, 4), "mu": (2, 5), "sigma": (2, 5)}, "l1 mu", "sigma", True),
}


@pytest.mark.parametrize("case", CHAINS)
def test_layers_are_ordered_by_shape_then_name(case: str) -> None:
    shapes, order, left_out, ambiguous = CHAINS[case]
    for seed in range(5):
        layers = headers(**shapes)
        random.Random(seed).shuffle(layers)
        chain = chain_layers(layers)
        assert (names(chain.layers), names(chain.left_out), chain.ambiguous) == (order, left_out, ambiguous)


MIXED = {
    # weights without a bias, order, left out, sizes, ambiguous
    "convolutions before dense layers": (
        {"conv1": (8, 1, 3, 3), "conv2": (16, 8, 3, 3), "fc1": (32, 144), "fc2": (10, 32)},
        "conv1 conv2 fc1 fc2",
        "",
        (1, 8, 16, 32, 10),
        False,
    ),
    "global pooling": ({"conv": (6, 3, 5, 5), "fc": (4, 6)}, "conv fc", "", (3, 6, 4), False),
    "ten comes after nine": (
        {f"conv{n}": (5, 5, 3, 3) for n in range(1, 12)} | {"fc": (2, 5)},
        " ".join(f"conv{n}" for n in range(1, 12)) + " fc",
        "",
        (5,) * 12 + (2,),
        False,
    ),
    "shapes decide against names": ({"a": (9, 4, 3), "b": (4, 2, 3), "c": (5, 27)}, "b a c", "", (2, 4, 9, 5), False),
    "dense names come first in the alphabet": (
        {"classifier": (10, 64), "features": (8, 3, 3, 3)},
        "features classifier",
        "",
        (3, 8, 10),
        True,
    ),
    "one axis does not follow two": ({"a": (8, 3, 3, 3), "b": (4, 8, 5)}, "a", "b", (3, 8), False),
    "dense is not followed by a convolution": ({"a": (8, 2), "b": (4, 8, 3, 3)}, "b", "a", (8, 4), False),
    "no multiple": ({"conv": (8, 1, 3, 3), "fc1": (5, 9), "fc2": (3, 5)}, "fc1 fc2", "conv", (9, 5, 3), False),
    "deconvolutions by place": (
        {"c1": (8, 3, 4, 4), "c2": (16, 8, 4, 4), "c3": (16, 8, 4, 4), "c4": (8, 3, 4, 4)},
        "c1 c2 c3 c4",
        "",
        (3, 8, 16, 8, 3),
        False,
    ),
    "deconvolution by name": ({"deconv": (8, 3, 4, 4)}, "deconv", "", (8, 3), False),
    "deconvolution in name only": (
        {"conv": (5, 2, 3), "deconv1": (7, 5, 3), "deconv2": (9, 7, 3)},
        "conv deconv1 deconv2",
        "",
        (2, 5, 7, 9),
        False,
    ),
    "generator": (
        {"l0": (64, 10), "dc1": (16, 8, 4, 4), "dc2": (8, 1, 4, 4)},
        "dc1 dc2",
        "l0",
        (16, 8, 1),
        False,
    ),
    "shortcut of a residual block": (
        {"a": (16, 3, 3, 3), "b1": (32, 16, 3, 3), "b2": (32, 32, 3, 3), "b3": (32, 16, 1, 1), "fc": (10, 32)},
        "a b1 b2 fc",
        "b3",
        (3, 16, 32, 32, 10),
        False,
    ),
    "shortcut that a trail could wind through": (
        {
            "conv": (8, 3, 7, 7),
            "r1/conv1": (8, 8, 1, 1),
            "r1/conv2": (32, 8, 1, 1),
            "r1/conv3": (32, 8, 1, 1),  # the shortcut from what "conv" puts out
            "r2/conv1": (8, 32, 1, 1),
            "r2/conv2": (32, 8, 1, 1),
            "r3/conv1": (8, 32, 1, 1),
            "r3/conv2": (32, 8, 1, 1),
            "fc": (5, 32),
        },
        "conv r1/conv1 r1/conv2 r2/conv1 r2/conv2 r3/conv1 r3/conv2 fc",
        "r1/conv3",
        (3, 8, 8, 32, 8, 32, 8, 32, 5),
        True,
    ),
    "groups": (
        {"c1": (16, 3, 3, 3), "c2": (16, 1, 3, 3), "c3": (32, 16, 1, 1), "c4": (32, 8, 3, 3), "fc": (10, 32)},
        "c1 c3 fc",
        "c2 c4",
        (3, 16, 32, 10),
        False,
    ),
    "two branches from the picture": (
        {"a1": (6, 3, 3, 3), "a2": (4, 6, 3, 3), "b1": (6, 3, 3, 3), "fc": (2, 16)},
        "a1 a2 fc",
        "b1",
        (3, 6, 4, 2),
        True,
    ),
}


@pytest.mark.parametrize("case", MIXED)
def test_convolutions_join_the_chain(case: str) -> None:
    shapes, order, left_out, sizes, ambiguous = MIXED[case]
    for seed in range(5):
        layers = [LayerHeader(name, f"{name}/W", shape) for name, shape in shapes.items()]
        random.Random(seed).shuffle(layers)
        chain = chain_layers(layers)
        found = (names(chain.layers), names(chain.left_out), sizes_of(chain.layers), chain.ambiguous)
        assert found == (order, left_out, sizes, ambiguous)
        fitting = fit_to_sizes(layers, sizes)
        assert fitting is not None
        assert sizes_of(fitting) == sizes


def test_reasons_of_what_is_left_out() -> None:
    shapes = {"c1": (8, 2, 3), "c2": (8, 3, 3), "fc1": (5, 9), "fc2": (9, 5), "fc3": (3, 9), "odd": (7,)}
    layers = [LayerHeader(name, f"{name}/W", shape) for name, shape in shapes.items()]
    layers.append(LayerHeader("embed", "embed/W", (9, 3), skipped="a table"))
    chain = chain_layers(layers)
    assert names(chain.layers) == "fc1 fc2 fc3"
    reason = "'fc1' takes in 9 values, no multiple of the 8 channels of 'c2'"
    assert {layer.name: layer.skipped for layer in chain.left_out} == {
        "c1": reason,
        "c2": reason,
        "embed": "a table",
        "odd": "",
    }


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=8),
    st.lists(st.integers(1, 4), max_size=8),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_every_network_with_convolutions_is_chained_whole(
    channels: list[int], sizes: list[int], places: int, shuffle: random.Random
) -> None:
    dense = [channels[-1] * places, *sizes] if sizes else []
    shapes = [(after, before, 3, 3) for before, after in pairwise(channels)]
    shapes += [(after, before) for before, after in pairwise(dense)]
    layers = [
        LayerHeader(f"{shuffle.getrandbits(40):x}", f"{index}/W", shape, transposed=False)
        for index, shape in enumerate(shapes)
    ]
    shuffle.shuffle(layers)
    chain = chain_layers(layers)
    assert not chain.left_out
    assert all(after.follows(before) for before, after in pairwise(chain.layers))
    assert len(sizes_of(chain.layers)) == len(layers) + 1


def test_embedding_of_the_output_size_does_not_replace_the_last_layer() -> None:
    layers = [LayerHeader("embed", "embed/W", (50, 8)), *headers(l1=(8, 8), l2=(8, 8), zoom=(50, 8))]
    chain = chain_layers(layers)
    assert names(chain.layers) == "l1 l2 zoom"
    assert names(chain.left_out) == "embed"
    assert chain.ambiguous


@given(st.lists(st.integers(1, 4), min_size=2, max_size=51), st.randoms(use_true_random=False))
def test_every_network_is_chained_whole(sizes: list[int], shuffle: random.Random) -> None:
    letters = [f"{shuffle.getrandbits(40):x}" for _ in sizes[1:]]
    layers = [
        LayerHeader(f"{name}-{index}", f"{index}/W", (after, before))
        for index, (name, (before, after)) in enumerate(zip(letters, pairwise(sizes), strict=True))
    ]
    shuffle.shuffle(layers)
    chain = chain_layers(layers)
    assert not chain.left_out
    assert sorted(chain.layers, key=id) == sorted(layers, key=id)
    assert all(before.shape[0] == after.shape[1] for before, after in pairwise(chain.layers))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=60))
def test_search_ends_and_the_chain_holds(shapes: list[tuple[int, int]]) -> None:
    layers = [LayerHeader(f"n{index:x}", f"{index}/W", shape) for index, shape in enumerate(shapes)]
    chain = chain_layers(layers)
    assert len(chain.layers) >= 1
    assert len(chain.layers) + len(chain.left_out) == len(layers)
    assert all(before.shape[0] == after.shape[1] for before, after in pairwise(chain.layers))
    assert sizes_of(chain.layers) == (chain.layers[0].shape[1], *(layer.shape[0] for layer in chain.layers))
    assert fit_to_sizes(layers, sizes_of(chain.layers)) is not None


def test_declared_sizes_choose_among_possible_orders() -> None:
    layers = headers(a=(8, 4), b=(4, 8), c=(8, 4))
    assert names(fit_to_sizes(layers, (4, 8, 4)) or ()) == "a b"
    assert names(fit_to_sizes(layers, (4, 8, 4, 8)) or ()) == "a b c"
    assert fit_to_sizes(layers, (8, 4, 8, 4)) is None
