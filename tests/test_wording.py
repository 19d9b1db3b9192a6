from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnanim.design import wording
from nnanim.design.coloring import COLORINGS
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.frames.history import Series, time_text
from nnanim.frames.selection import select
from nnanim.frames.weights import Weights
from nnanim.options import Options


def weights_of(sizes: tuple[int, ...], options: Options, norms: tuple[str, ...] = ()) -> Weights:
    matrices = [np.ones((b, a), dtype=np.float32) for a, b in itertools.pairwise(sizes)]
    selection = select(matrices, matrices, options)
    names = tuple(f"l{number}" for number in range(1, len(sizes)))
    edges = np.ones((2, len(selection.layer)), dtype=np.float32)
    biases = np.full((2, sum(map(len, selection.nodes))), np.nan)
    return Weights(
        selection=selection,
        edges=Series.of(edges, "first"),
        biases=Series.of(biases, "first"),
        names=names,
        norms=norms,
    )


def test_what_is_left_out_is_counted():
    weights = weights_of((784, 100, 10), Options())
    assert wording.captions(weights) == [
        ("input", "16 of 784"),
        ("l1", "16 of 100"),
        ("l2", "10"),
    ]
    assert wording.remarks(weights) == "100 of 79\N{NARROW NO-BREAK SPACE}400 edges"
    assert wording.remarks(weights_of((4, 5, 3), Options())) == ""


def test_norms_are_named():
    weights = weights_of((3, 4), Options(), norms=("l1",))
    assert wording.remarks(weights) == "l1: Frobenius norms"


def test_legend_says_since_when_and_where_scales_end():
    weights = weights_of((4, 5, 3), Options())
    widths = WidthScale(np.array(2.0), (0.5, 7.0))
    changes = IntensityScale(np.array(0.68))
    rings = WidthScale(np.array(0.25), (0.5, 4.0))
    legend = wording.make_legend(weights, widths, changes, rings, "epoch 10", COLORINGS["change"])
    assert legend.ramp == ("weakened", "strengthened")
    assert legend.ramp_print == "|weight| since epoch 10, full from ±0.68"
    assert legend.samples == (("0.2", 0.1), ("1", 0.5), ("≥ 2", 1.0))
    assert legend.samples_print == "line: |weight| · ring: |bias| to 0.25"


def test_legend_of_signs_and_of_layers():
    options = Options(color="sign", scale="layer")
    weights = weights_of((4, 5, 3), options)
    domain = np.where(weights.selection.layer == 0, 2.0, 0.5)
    widths = WidthScale(domain, (0.5, 7.0))
    legend = wording.make_legend(
        weights, widths, IntensityScale.of_weights(widths), None, "epoch 10", COLORINGS["sign"]
    )
    assert legend.ramp == ("negative", "positive")
    assert legend.ramp_print == "weight, full from ±2, 0.5 by layer"
    assert legend.samples == (("10 %", 0.1), ("50 %", 0.5), ("100 %", 1.0))
    assert legend.samples_print == "line: of |weight| 2, 0.5 by layer"


def legend_of(color: str, norms: tuple[str, ...]) -> wording.Legend:
    weights, widths = weights_of((4, 5, 3), Options(), norms), WidthScale(np.array(2.0), (0.5, 7.0))
    return wording.make_legend(weights, widths, IntensityScale(np.array(0.68)), None, "epoch 10", COLORINGS[color])


def test_a_legend_of_weights_and_norms_names_both():
    legend = legend_of("change", ("l1",))
    assert legend.ramp_print == "|weight| or norm since epoch 10, full from ±0.68"
    assert legend.samples_print == "line: |weight| or norm"
    assert legend_of("change", ("l1", "l2")).samples_print == "line: norm"


def test_a_legend_of_signs_says_that_norms_have_none():
    assert legend_of("sign", ("l1",)).ramp_print == "weight, full from ±0.68 · norms are grey"
    assert legend_of("sign", ()).ramp_print == "weight, full from ±0.68"


@pytest.mark.parametrize(
    ("epoch", "iteration", "text"),
    [
        (10, 40, "epoch 10"),
        (12.5, None, "epoch 12.5"),
        (1 / 3, None, "epoch 0.3"),
        (340.4, 7, "epoch 340"),
        (None, 1200, "iteration 1200"),
        (None, None, "best.npz"),
    ],
)
def test_title(epoch, iteration, text):
    assert time_text(epoch, iteration, "best.npz") == text


def test_tensors_and_rows_are_counted():
    assert wording.tensors_in_rows(15, 15) == "15 weight tensors"
    assert wording.tensors_in_rows(4, 10) == "4 weight tensors in 10 rows"  # the gates of an LSTM
    assert wording.tensors_in_rows(2, 1) == "2 weight tensors in 1 row"  # an adapter
    assert wording.matrices_of(1, 1) == "1 matrix"
    assert wording.matrices_of(8, 10) == "8 of 10 matrices"
