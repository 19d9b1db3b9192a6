"""What the picture says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.frames.curves import value_text
from nnanim.frames.scales import IntensityScale, WidthScale
from nnanim.frames.selection import Selection
from nnanim.frames.weights import Weights
from nnanim.options import Options


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
    weights: Weights, widths: WidthScale, colors: IntensityScale, rings: WidthScale | None, since: str, options: Options
) -> Legend:
    """Say what red and blue mean and since when, what the widths stand for, and where both saturate."""
    symbol = "norm" if len(weights.norms) == len(weights.names) else "|w|"
    if options.color == "sign":
        ramp = ("negative", "positive")
        ramp_print = f"w, full colour at ±{_domain_text(colors.domain, weights)}"
    else:
        ramp = ("weakened", "strengthened")
        ramp_print = f"{symbol} since {since}, full at ±{_domain_text(colors.domain, weights)}"
    if widths.domain.ndim:
        samples = tuple((f"{100 * share:.0f} %", share) for share in (0.1, 0.5, 1.0))
        samples_print = f"of {symbol} {_domain_text(widths.domain, weights)}"
    else:
        samples = tuple((short(share * float(widths.domain)), share) for share in (0.1, 0.5, 1.0))
        samples_print = f"{symbol}, full at {short(float(widths.domain))}"
    if rings is not None:
        samples_print += f" · rings |b|, {short(float(rings.domain))}"
    return Legend(
        ramp if len(weights.edges) > 1 or options.color == "sign" else None, ramp_print, samples, samples_print
    )


def _domain_text(domain: np.ndarray, weights: Weights) -> str:
    if not domain.ndim:
        return short(float(domain))
    layer = weights.selection.layer
    ends = [float(domain[layer == index][0]) for index in np.unique(layer)]
    if len(ends) > 4:
        return f"{short(min(ends))} … {short(max(ends))} by layer"
    return ", ".join(map(short, ends)) + " by layer"


def captions(selection: Selection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return for each column its name and how many of its neurons are shown."""
    texts = []
    for name, size, nodes in zip(["input", *names], selection.sizes, selection.nodes, strict=True):
        texts.append((name, f"{size}" if len(nodes) == size else f"{len(nodes)} of {thousands(size)}"))
    return texts


def remarks(weights: Weights) -> str:
    """Say what is not shown, and which edges are no plain weights."""
    parts = []
    selection = weights.selection
    if len(selection.layer) < selection.edges_there:
        parts.append(f"{thousands(len(selection.layer))} of {thousands(selection.edges_there)} edges")
    if weights.norms:
        parts.append(f"{', '.join(weights.norms)}: Frobenius norms")
    return " · ".join(parts)


def time_text(epoch: float | None, iteration: float | None, otherwise: str) -> str:
    """Return the title of a frame."""
    if epoch is not None:
        return f"epoch {epoch:.0f}" if epoch >= 100 else f"epoch {round(epoch, 1):g}"
    if iteration is not None:
        return f"iteration {iteration:.0f}"
    return otherwise


def metrics_text(metrics: dict[str, float]) -> str:
    """Return names and values in one line."""
    return "   ".join(f"{metric} {value_text(metric, value)}" for metric, value in metrics.items())


def short(value: float) -> str:
    """Return a number in two significant digits."""
    return f"{value:.2g}"


def thousands(count: int) -> str:
    """Return a count with thin spaces between the thousands: 79 400."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
