"""What the picture says in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnanim.design.cell_scales import CellScales
from nnanim.design.coloring import BySign, Coloring
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.frames.weights import Weights
from nnanim.words import counted

NORMS_ARE_GREY = " · norms are grey"
SAMPLES = (0.1, 0.5, 1.0)  # shares of the widths that the legend shows


@dataclass(frozen=True)
class Legend:
    """The legend's two blocks.

    Attributes:
        ramp: names of the colours at -1 and 1, or None where no colours are used.
        ramp_print: small print below them.
        samples: |weight| of the sample widths with their share of the domain.
        samples_print: small print below them.
    """

    ramp: tuple[str, str] | None
    ramp_print: str
    samples: tuple[tuple[str, float], ...]
    samples_print: str


def make_legend(
    weights: Weights,
    widths: WidthScale,
    colors: IntensityScale,
    rings: WidthScale | None,
    since: str,
    coloring: Coloring,
) -> Legend:
    """Say what the colours mean and since when, what the widths stand for, and where both saturate."""
    symbol = "norm" if weights.only_norms else "|weight| or norm" if weights.norms else "|weight|"
    is_sign = coloring.name == BySign.name
    told = "|weight|" if is_sign else symbol  # norms have none
    ramp_print = coloring.small_print(told, since, _domain_text(colors.domain, weights))
    if is_sign and weights.norms:
        ramp_print += NORMS_ARE_GREY
    if widths.domain.ndim:
        samples = tuple((f"{100 * share:.0f} %", share) for share in SAMPLES)
        samples_print = f"line: of {symbol} {_domain_text(widths.domain, weights)}"
    else:
        samples = tuple((short(share * float(widths.domain)), share) for share in SAMPLES)
        samples = (*samples[:-1], (f"≥ {samples[-1][0]}", samples[-1][1]))  # thicker than that none is drawn
        samples_print = f"line: {symbol}"
    if rings is not None:
        samples_print += f" · ring: |bias| to {short(float(rings.domain))}"
    explained = coloring.is_explained(len(weights.edges.values))
    return Legend(coloring.ends if explained else None, ramp_print, samples, samples_print)


def _domain_text(domain: np.ndarray, weights: Weights) -> str:
    if not domain.ndim:
        return short(float(domain))
    layer = weights.selection.layer
    ends = [float(domain[layer == index][0]) for index in np.unique(layer)]
    if len(ends) > 4:
        return f"{short(min(ends))} … {short(max(ends))} by layer"
    return ", ".join(map(short, ends)) + " by layer"


def with_tiles(legend: Legend, weights: Weights, scales: CellScales, coloring: Coloring, ending: str) -> Legend:
    """Say in a legend also where pictures of weights have their full colour, and their full shade in ink."""
    color, shade = (short(float(domain)) for domain in (scales.colors.domain, scales.magnitudes.domain))
    rings = legend.samples_print.partition(" · ")[2]
    ramp, samples = f"{legend.ramp_print} · tile ±{color}", f"{legend.samples_print} · tile in ink: |weight| to {shade}"
    if weights.only_norms and coloring.name == BySign.name:
        ramp = coloring.small_print("|tile|", "", color) + NORMS_ARE_GREY
    if not len(weights.selection.layer):
        ramp = f"{legend.ramp_print.rpartition(' ±')[0]} ±{color}"
        return replace(
            legend,
            ramp_print=ramp,
            samples=(),
            samples_print=" · ".join(filter(None, [f"tile: |weight| to {shade}", rings])),
        )
    if not coloring.ends_in_ink or (legend.ramp is not None and ending == "change"):
        samples = legend.samples_print
    return replace(legend, ramp_print=ramp, samples_print=samples)


def captions(weights: Weights) -> list[tuple[str, str]]:
    """Return for each column its name and how many of its neurons are shown, or of an image its size.

    What the first of some layers of a model takes in is not called the input.
    """
    selection, names, tiles = weights.selection, weights.names, weights.tiles
    first = f"into {names[0]}" if weights.begins_inside else "input"
    texts = []
    for name, size, nodes in zip([first, *names], selection.sizes, selection.nodes, strict=True):
        texts.append((name, f"{size}" if len(nodes) == size else f"{len(nodes)} of {thousands(size)}"))
    if tiles is not None:
        height, width, channels = tiles.plan.image
        sizes = (height, width) if channels == 1 else (height, width, channels)
        told = "×".join(map(str, sizes)) if height else counted(channels, "channel")
        texts[0] = (first, told)
    return texts


def remarks(weights: Weights) -> str:
    """Say what is not shown, and which edges are no plain weights."""
    return ways_to_remark(weights)[0]


def ways_to_remark(weights: Weights) -> list[str]:
    """Say the remarks in full, then in fewer and fewer words.

    The count of edges is in each.
    """
    selection, norms = weights.selection, weights.norms
    layers = (
        f"{len(weights.names)} of {weights.layers_there} layers" if len(weights.names) < weights.layers_there else ""
    )
    drawn, there = len(selection.layer), selection.edges_there
    count = [f"{thousands(drawn)} of {thousands(there)} edges"] if drawn < there else []
    if weights.tiles is not None:
        count.append(f"{weights.tiles.name} as tiles")
    which = "" if weights.only_norms else f"{len(norms)} of {len(weights.names)} layers: "
    ways = [f"{', '.join(norms)}: Frobenius norms", f"{which}Frobenius norms", f"{which}norms"] if norms else [""]
    count += [layers] if layers else []
    found = [" · ".join([*count, way] if way else count) for way in ways]
    return [*found, " · ".join(count), *count[:1]] if count else found


def weight_tensors(count: int) -> str:
    """Say how many weight tensors there are."""
    return "1 weight tensor" if count == 1 else f"{thousands(count)} weight tensors"


def tensors_in_rows(count: int, rows: int) -> str:
    """Say how many weight tensors there are, and in how many rows, where a row is a part of one or made of several."""
    return weight_tensors(count) + ("" if rows == count else f" in {counted(rows, 'row')}")


def matrices_of(shown: int, count: int) -> str:
    """Say how many of the weights, and of the parts of fused ones, are shown as matrices."""
    if shown < count:
        return f"{thousands(shown)} of {thousands(count)} matrices"
    return "1 matrix" if count == 1 else f"{thousands(count)} matrices"


def short(value: float) -> str:
    """Return a number in two significant digits."""
    return f"{value:.2g}"


def thousands(count: int) -> str:
    """Return a count with thin spaces between the thousands: 79 400."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
