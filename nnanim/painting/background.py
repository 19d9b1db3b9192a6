"""What is painted once, below every frame: captions, names, legend, the panel of the curve."""

from __future__ import annotations

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fixed_parts import GAP_PT, RAMP_PT, SAMPLE_PT, SMALL_PRINT, Still
from nnanim.design.fonts import drawable, fitted, text_width_pt
from nnanim.design.layout import Box
from nnanim.design.node_places import Network
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.panels.curve import Chart


class Background:
    """What stays the same, and the places of what does not.

    Attributes:
        chart: the panel of the curve, or None.
        title: where the text above the network stands, which is not part of the background.
        values: for each curve where its value stands, which is not part of the background.
    """

    def __init__(self, still: Still) -> None:
        """Choose places for `still`."""
        self._still = still
        self._scale = still.layout.scale
        layout = still.layout
        self.chart: Chart | None = None
        if still.curves and layout.curve is not None and layout.curve_header is not None:
            self.chart = Chart(still, layout.curve, layout.curve_header)
        self.values = [] if self.chart is None else self.chart.values
        title = layout.title
        self.title = Place(title.left, title.top, looks.TITLE_PT * self._scale, still.theme.ink, va="top")

    def paint(self, brush: Brush) -> None:
        """Paint all of it."""
        still, scale = self._still, self._scale
        if self.chart is not None:
            self.chart.paint(brush)
        if still.network is not None:
            self._paint_captions(brush, still.network)
            self._paint_names(brush, still.network)
            self._paint_legend(brush, still.network)
        title = still.layout.title
        place = Place(title.right, title.top - 3 * scale, looks.TEXT_PT * scale, still.theme.muted, "right", "top")
        brush.text(place, drawable(still.remarks, still.missing))

    def _paint_captions(self, brush: Brush, network: Network) -> None:
        """Write captions below the columns, and marks for what is left out."""
        still, layout, scale = self._still, self._still.layout, self._scale
        columns = [float(centers[0, 0]) for centers in network.centers_pt]
        room = (columns[1] - columns[0]) * 0.94
        left, right = layout.title.left, layout.title.right
        for x, (name, count) in zip(columns, still.captions, strict=True):
            # The lower line is no wider than the upper one in most networks: both keep inside the panel on their own.
            for line, content, color in ((0, name, still.theme.ink), (1, count, still.theme.muted)):
                size = looks.TEXT_PT * scale
                text, size = fitted(drawable(content, still.missing), size, room, still.families)
                half = text_width_pt(text, size, still.families) / 2
                middle = min(max(x, left + half), right - half)
                y = layout.captions_y - 0.9 * line * layout.line_pt
                brush.text(Place(middle, y, size, color, "center", "center"), text)
        size = min(1.6 * scale, network.node_radius_pt)
        marks = [[x, y + step * 2.4 * size, size / 2] for x, y in network.left_out_pt for step in (-1, 0, 1)]
        if marks:
            colors = np.array([still.theme.muted] * len(marks))
            brush.circles(np.array(marks), colors, colors, np.zeros(len(marks)))

    def _paint_names(self, brush: Brush, network: Network) -> None:
        """Write names beside the first and the last column."""
        still, scale = self._still, self._scale
        offset = network.node_radius_pt + network.ring_range_pt[1] / 2 + 4 * scale
        for column, names, side in ((0, still.labels[0], -1), (-1, still.labels[1], 1)):
            centers = network.centers_pt[column]
            gap = float(centers[0, 1] - centers[1, 1]) if len(centers) > 1 else 100.0 * scale
            size = min(looks.TEXT_PT * scale, 0.95 * gap)
            for name, (x, y) in zip(names, centers, strict=False):
                place = Place(
                    float(x) + side * offset, float(y), size, still.theme.ink, "right" if side < 0 else "left", "center"
                )
                brush.text(place, name)  # drawable already: the layout has measured it

    def _paint_legend(self, brush: Brush, network: Network) -> None:
        """Explain colours in one block and widths in another, each with a line of small print."""
        legend, theme, scale = self._still.legend, self._still.theme, self._scale
        boxes = list(self._still.layout.legend)
        if legend.ramp is not None:
            box = boxes.pop(0)
            upper = self._legend_lines(brush, box, legend.ramp_print)
            low, high = (_shade(self._still.ramp[end]) for end in (0, -1))
            left = self._legend_text(brush, box.left, upper, legend.ramp[0], low) + GAP_PT * scale
            step = RAMP_PT * scale / len(self._still.ramp)
            for index, color in enumerate(self._still.ramp):
                bar = Box(left + index * step, upper - 3.5 * scale, step * 1.05, 7.0 * scale)
                brush.area(bar, _shade(color))
            self._legend_text(brush, left + (RAMP_PT + GAP_PT) * scale, upper, legend.ramp[1], high)
        box = boxes.pop(0)
        upper = self._legend_lines(brush, box, legend.samples_print)
        x = box.left
        thinnest, thickest = network.edge_range_pt
        for label, share in legend.samples:
            ends = np.array([[[x, upper], [x + SAMPLE_PT * scale, upper]]])
            width = thinnest + share * (thickest - thinnest)
            brush.lines(ends, np.array([width]), np.array([theme.ink]))
            x = self._legend_text(brush, x + (SAMPLE_PT + GAP_PT) * scale, upper, label, theme.ink)
            x += 2.5 * GAP_PT * scale

    def _legend_lines(self, brush: Brush, box: Box, small_print: str) -> float:
        """Write the small print and return the middle of the line above it."""
        size = looks.TEXT_PT * SMALL_PRINT * self._scale
        place = Place(box.left, box.bottom + 0.25 * box.height, size, self._still.theme.muted, va="center")
        brush.text(place, drawable(small_print, self._still.missing))
        return box.bottom + 0.75 * box.height

    def _legend_text(self, brush: Brush, x: float, y: float, content: str, color: Shade) -> float:
        """Write a text and return where it ends."""
        size = looks.TEXT_PT * self._scale
        content = drawable(content, self._still.missing)
        brush.text(Place(x, y, size, color, va="center"), content)
        return x + text_width_pt(content, size, self._still.families)


def _shade(color: np.ndarray) -> Shade:
    return float(color[0]), float(color[1]), float(color[2])
