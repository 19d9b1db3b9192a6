"""What stays the same in every frame, as plain data: what is said and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fonts import text_width_pt
from nnanim.design.layout import Layout
from nnanim.design.node_places import Network
from nnanim.design.theme import Theme
from nnanim.design.wording import Legend
from nnanim.frames.curves import Curve

RAMP_STEPS = 41
RAMP_PT = 54.0  # width of the bar of colours in the legend
SAMPLE_PT = 17.0  # length of a sample line
GAP_PT = 5.0
SMALL_PRINT = 0.87  # of the text's size
SLACK = 1.01  # small letters are hinted to whole pixels and may come out wider than measured


@dataclass(frozen=True, eq=False)
class Still:
    """All that stays the same in every frame.

    Attributes:
        layout: places of the panels.
        theme: colours.
        families: font families, the bundled one first.
        missing: characters that none of them can draw; a box stands in their place.
        network: nodes and edges, or None without their panel.
        captions: name and number of neurons for each column.
        labels: names of the input and of the output neurons that are shown; empty where none were given.
        remarks: small text beside the title.
        legend: what the legend says.
        ramp: (RAMP_STEPS, 3) uint8, the legend's colours for changes evenly spaced over the domain.
        curves: the metrics' curves, none without their panel.
    """

    layout: Layout
    theme: Theme
    families: tuple[str, ...]
    missing: str
    network: Network | None
    captions: Sequence[tuple[str, str]]
    labels: tuple[Sequence[str], Sequence[str]]
    remarks: str
    legend: Legend
    ramp: np.ndarray
    curves: Sequence[Curve]


def legend_widths(legend: Legend, families: tuple[str, ...]) -> tuple[float, ...]:
    """Measure the blocks of a legend, in points of a figure of the reference size."""

    def wide(text: str, factor: float = 1.0) -> float:
        return text_width_pt(text, looks.TEXT_PT * factor, families)

    widths = []
    if legend.ramp is not None:
        low, high = legend.ramp
        widths.append(max(wide(low) + wide(high) + RAMP_PT + 2 * GAP_PT, wide(legend.ramp_print, SMALL_PRINT)))
    samples = sum(wide(text) + SAMPLE_PT + 3.5 * GAP_PT for text, _ in legend.samples) - 2.5 * GAP_PT
    widths.append(max(samples, wide(legend.samples_print, SMALL_PRINT)))
    return tuple(SLACK * width for width in widths)
