"""Each view as it stands beside others of its kind: panels without titles and legends, and one legend for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nnanim.design import wording
from nnanim.design.cell_scales import CellScales
from nnanim.design.coloring import COLORINGS, Coloring
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales
from nnanim.design.scales import IntensityScale
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.frames.history import History
from nnanim.options import Options
from nnanim.painting.brush import Brush
from nnanim.panels.difference import Difference
from nnanim.panels.layers import LayersPanel
from nnanim.panels.layers_legend import LayersLegend
from nnanim.panels.legend import LegendBlocks, legend_widths, ramp_bar
from nnanim.panels.map_panel import MapPanel
from nnanim.panels.matrix import MatrixPanel
from nnanim.panels.matrix_legend import MatrixLegend
from nnanim.panels.network import NetworkPanel, NetworkScales

THINNEST_PX = 0.49  # width of a zero weight at most


class Legend(Protocol):
    """A legend in its place."""

    def paint(self, brush: Brush) -> None:
        """Paint it."""


class Beside(Protocol):
    """How a view is shown for several runs."""

    @property
    def widths(self) -> tuple[float, ...]:
        """Of the blocks of its legend."""

    def panels(self, boxes: Sequence[Box], style: Style) -> Sequence[Any]:
        """Make a panel in each box, without title and legend."""

    def legend(self, blocks: tuple[Box, ...]) -> Legend:
        """Make the legend of all, once the panels are made."""


def _shorter(small_print: str) -> str:
    return small_print.replace("|weight|", "|w|").replace("≥ ", "≥")  # beside the curves there is little room


@dataclass
class NetworksBeside:
    """Neurons and edges of several runs, a weight as thick in every panel."""

    histories: Sequence[History]
    scales: NetworkScales
    style: Style
    options: Options
    difference: Difference | None
    edge_range_pt: tuple[float, float] = (0.0, 1.0)

    @property
    def coloring(self) -> Coloring:
        return self.difference.coloring if self.difference else COLORINGS[self.options.color]

    @property
    def intensity(self) -> IntensityScale:
        """Of the edges' colours."""
        own = None if self.difference is None else self.difference.edges
        return own or self.scales.colors[self.options.color]

    @property
    def words(self) -> wording.Legend:
        """What the legend says."""
        # The run that has most snapshots says whether there are changes, one with plain weights how they are called.
        longest, scales, coloring = max(self.histories, key=len), self.scales, self.coloring
        plain = next((each for each in self.histories if not each.shown.only_norms), longest)
        legend = wording.make_legend(plain.shown, scales.widths, self.intensity, scales.rings, plain.since, coloring)
        lines = legend.samples_print
        if plain.shown.only_norms:
            lines = lines.replace("norm", "norm of a kernel")
        return replace(
            legend,
            ramp=coloring.ends if coloring.is_explained(len(longest)) else None,
            ramp_print=_shorter(legend.ramp_print),
            samples=tuple((_shorter(text), share) for text, share in legend.samples),
            samples_print=_shorter(lines),
        )

    @property
    def widths(self) -> tuple[float, ...]:
        return legend_widths(self.words, self.style)

    def panels(self, boxes: Sequence[Box], style: Style) -> list[NetworkPanel]:
        def make(ranges: Any = None) -> list[NetworkPanel]:
            return [
                NetworkPanel(history, self.scales, box, style, self.options, alone=False, ranges_pt=ranges)
                for history, box in zip(self.histories, boxes, strict=True)
            ]

        # A weight is as thick in every panel: as where there is least room.
        nodes = [panel.part.nodes for panel in make()]
        edges, rings = (
            (min(low for low, _ in ranges), min(high for _, high in ranges))
            for ranges in ([each.edge_range_pt for each in nodes], [each.ring_range_pt for each in nodes])
        )
        # Twice the weight is twice as thick but for what a zero weight has: less than half a pixel.
        thinnest = min(edges[0], THINNEST_PX * POINTS_PER_INCH / style.dpi)
        self.edge_range_pt = thinnest, edges[1]
        return make((self.edge_range_pt, rings))

    def legend(self, blocks: tuple[Box, ...]) -> Legend:
        bar = ramp_bar(self.intensity, self.coloring.ramp(self.style.theme), self.style)
        return LegendBlocks(self.words, blocks, bar, self.edge_range_pt, self.style)


@dataclass
class RowsBeside:
    """Rows of weight tensors, or boxes and arrows, of several runs.

    Attributes:
        panel: makes the panel of a run.
    """

    histories: Sequence[History]
    scales: RowScales
    style: Style
    options: Options
    difference: Difference | None
    panel: Callable[..., Any] = LayersPanel

    @property
    def widths(self) -> tuple[float, ...]:
        first = self.histories[0]
        return LayersLegend.widths(self.scales, first.since, self.style, first.against)

    def panels(self, boxes: Sequence[Box], style: Style) -> list[Any]:
        return [
            self.panel(history, self.scales, box, style, self.options, alone=False)
            for history, box in zip(self.histories, boxes, strict=True)
        ]

    def legend(self, blocks: tuple[Box, ...]) -> Legend:
        first = self.histories[0]
        return LayersLegend(blocks, self.scales, first.since, self.style, first.against)


@dataclass
class MapsBeside(RowsBeside):
    """Boxes and arrows of several runs."""

    panel: Callable[..., Any] = MapPanel


@dataclass
class MatricesBeside:
    """Matrices of several runs; with differences, the first run's sizes in ink."""

    histories: Sequence[History]
    scales: CellScales
    style: Style
    options: Options
    difference: Difference | None

    @property
    def coloring(self) -> Coloring:
        return self.difference.coloring if self.difference else COLORINGS[self.options.color]

    @property
    def _legend(self) -> MatrixLegend:
        longest = max(self.histories, key=len)
        since = longest.since if self.coloring.is_explained(len(longest)) else ""
        ink = f"|w| of {self.style.drawable(longest.against)}" if self.difference else ""
        shown = [history.shown for history in self.histories]
        return MatrixLegend.of(shown, self.scales, since, self.style, self.options, self.coloring, ink)

    @property
    def widths(self) -> tuple[float, ...]:
        return self._legend.widths

    def panels(self, boxes: Sequence[Box], style: Style) -> list[MatrixPanel]:
        return [
            MatrixPanel(
                history,
                self.scales,
                box,
                style,
                self.options,
                alone=False,
                coloring=self.coloring,
                in_ink=self.difference is not None and run == 0,
            )
            for run, (history, box) in enumerate(zip(self.histories, boxes, strict=True))
        ]

    def legend(self, blocks: tuple[Box, ...]) -> Legend:
        return self._legend.at(blocks)


KINDS: dict[str, Callable[..., Beside]] = {
    "network": NetworksBeside,
    "layers": RowsBeside,
    "map": MapsBeside,
    "matrix": MatricesBeside,
}
