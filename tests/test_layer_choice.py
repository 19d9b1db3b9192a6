from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnanim.errors import OptionError
from nnanim.model.layer_choice import choose_layers, fit_to_sizes
from nnanim.model.layers import LayerHeader, sizes_of


def headers(**shapes: tuple[int, ...]) -> list[LayerHeader]:
    return [LayerHeader(name=name, key=f"{name}.weight", shape=shape) for name, shape in shapes.items()]


def names(layers: object) -> str:
    return " ".join(layer.name for layer in layers)


def test_layers_that_are_asked_for() -> None:
    layers = headers(actor_0=(8, 4), actor_1=(2, 8), critic_0=(8, 4), critic_1=(1, 8))
    chain = choose_layers(layers, ["critic_0", "critic_1.weight"], "model.pt")
    assert names(chain.layers) == "critic_0 critic_1"
    assert {layer.name: layer.skipped for layer in chain.left_out} == {
        "actor_0": "not asked for",
        "actor_1": "not asked for",
    }


WRONG = {
    "no such layer": (["a", "x"], "no layer 'x' in 'model.pt' (layers there: 'a', 'b', 'c')"),
    "one that does not follow": (
        ["a", "c"],
        "layer 'c' takes in 6, 'a' before it puts out 5 (layers are drawn that follow each other)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_layers_that_cannot_be_drawn(case: str) -> None:
    asked, message = WRONG[case]
    with pytest.raises(OptionError) as caught:
        choose_layers(headers(a=(5, 4), b=(6, 5), c=(3, 6)), asked, "model.pt")
    assert str(caught.value) == message


def test_declared_sizes_choose_among_possible_orders() -> None:
    layers = headers(a=(8, 4), b=(4, 8), c=(8, 4))
    assert names(fit_to_sizes(layers, (4, 8, 4)) or ()) == "a b"
    assert names(fit_to_sizes(layers, (4, 8, 4, 8)) or ()) == "a b c"
    assert fit_to_sizes(layers, (8, 4, 8, 4)) is None


def test_layers_of_equal_shape_are_taken_in_natural_order() -> None:
    layers = headers(l10=(5, 5), l2=(5, 5), l1=(5, 5))
    assert names(fit_to_sizes(layers, (5, 5, 5, 5)) or ()) == "l1 l2 l10"


def test_declared_sizes_tell_what_is_transposed() -> None:
    layers = headers(c1=(8, 3, 4, 4), c2=(16, 8, 4, 4), c3=(16, 8, 4, 4), c4=(8, 3, 4, 4))
    fitting = fit_to_sizes(layers, (3, 8, 16, 8, 3)) or ()
    assert [(layer.name, layer.transposed) for layer in fitting] == [
        ("c1", False),
        ("c2", False),
        ("c3", True),
        ("c4", True),
    ]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=30, unique=False), st.randoms(use_true_random=False))
def test_sizes_that_are_found_are_those_declared(sizes: list[int], shuffle: random.Random) -> None:
    layers = [
        LayerHeader(name=f"n{place}", key=f"{place}", shape=(after, before))
        for place, (before, after) in enumerate(pairwise(sizes))
    ]
    shuffle.shuffle(layers)
    fitting = fit_to_sizes(layers, sizes)
    assert fitting is not None
    assert sizes_of(fitting) == tuple(sizes)
    assert len(set(map(id, fitting))) == len(layers)
