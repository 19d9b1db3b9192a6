from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.chain import chain_layers, fit_to_sizes
from nnanim.layers import LayerHeader, sizes_of


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
