"""The column of hills: for each row a histogram of log₁₀|w| of its weights, over the outline of an earlier snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnanim.design.fonts import text_width_pt
from nnanim.design.hill_scale import HillScale
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.frames.frame import Magnitudes
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.rows import RowHistory
from nnanim.painting.brush import Brush, Place
from nnanim.panels.hills_legend import OUTLINE_PT, ZERO_BAR_PT
from nnanim.panels.layers_legend import wide_pt
from nnanim.panels.legend import GAP_PT

DECADE_PT = 0.8  # width of the line at a power of ten
HEADINGS = ("weights by size |w|", "weights by |w|", "sizes |w|", "|w|")  # the first that fits
WIDEST_SHARE = "> 99 %"
LEAST_AXIS_PT = 62.0  # width of the axis, beside shares of zeros in numbers
TICK_GAP_PT = 7.0  # between two texts below


@dataclass(frozen=True, eq=False)
class HillsLook:
    """What moves in the column.

    Attributes:
        heights: (R, B) of the hills, 0 … 1.
        outlines: (R, B) of the hills that they are held against.
        zeros: (R,) the share of weights that are exactly zero.
        told: these shares as texts.
    """

    heights: np.ndarray
    outlines: np.ndarray
    zeros: np.ndarray
    told: tuple[str, ...]

    @classmethod
    def of(cls, magnitudes: Magnitudes, scale: HillScale) -> HillsLook:
        """Return what is seen of some rows."""
        totals = np.maximum(magnitudes.counts.sum(axis=1) + magnitudes.zeros, 1)
        zeros = magnitudes.zeros / totals
        return cls(
            scale.heights(magnitudes.counts, magnitudes.zeros, magnitudes.first),
            scale.heights(magnitudes.reference_counts, magnitudes.reference_zeros, magnitudes.first),
            zeros,
            tuple(map(share_text, zeros.tolist())),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Hills:
    """The column in its place.

    Attributes:
        style: of the figure.
        scale: of the axis and the heights.
        box: of the axis, over all rows.
        zeros: left end of the bars of zeros; None where no weight is ever zero.
        has_numbers: whether their shares stand left of them.
        bottoms: (R,) where the hills stand.
        height: of a hill at most.
        size_pt: of the texts.
        ticks: where powers of ten are named, and their texts.
        heading: above the column.
    """

    style: Style
    scale: HillScale
    box: Box
    zeros: float | None
    has_numbers: bool
    bottoms: np.ndarray
    height: float
    size_pt: float
    ticks: Sequence[tuple[float, str]]
    heading: str

    @classmethod
    def placed(
        cls,
        scale: HillScale,
        room: Box,
        style: Style,
        bottoms: np.ndarray,
        height: float,
        size_pt: float,
        small_pt: float,
    ) -> Hills:
        """Place the column.

        Args:
            scale: of the axis.
            room: for the column, with the zeros left of it.
            style: of the figure.
            bottoms: (R,) of the hills.
            height: of a hill.
            size_pt: of the texts beside the bars of zeros.
            small_pt: of the texts above and below.
        """
        left, zeros, told_pt = room.left, None, 0.0
        if scale.has_zeros:
            bar_pt = (ZERO_BAR_PT + 1.2 * GAP_PT) * style.scale
            told_pt = wide_pt(WIDEST_SHARE, size_pt, style) + 0.6 * GAP_PT * style.scale
            if room.width - told_pt - bar_pt < LEAST_AXIS_PT * style.scale:
                told_pt = 0.0
            zeros = left + told_pt
            left = zeros + bar_pt
        box = Box(left, room.bottom, room.right - left, room.height)
        most = box.width + GAP_PT * style.scale
        fits = [text for text in HEADINGS if wide_pt(text, small_pt, style) <= most]
        return cls(
            style=style,
            scale=scale,
            box=box,
            zeros=zeros,
            has_numbers=told_pt > 0,
            bottoms=bottoms,
            height=height,
            size_pt=size_pt,
            ticks=ticks_within(
                scale, box, TICK_GAP_PT * style.scale, lambda text: text_width_pt(text, small_pt, style.families)
            ),
            heading=fits[0] if fits else "",
        )

    @property
    def text_places(self) -> tuple[Place, ...]:
        """Where the shares of zeros stand."""
        if self.zeros is None or not self.has_numbers:
            return ()
        right, ink = self.zeros - 0.6 * GAP_PT * self.style.scale, self.style.theme.ink
        return tuple(
            Place(right, y, self.size_pt, ink, "right", "center") for y in (self.bottoms + self.height / 2).tolist()
        )

    def paint_ground(self, brush: Brush, small_pt: float, above: float, below: float) -> None:
        """Paint where hills will be, the powers of ten, and the texts of the axis.

        Args:
            brush: paints.
            small_pt: size of the texts.
            above: y of the heading's line.
            below: y of the upper ends of the texts of the axis.
        """
        box, theme, scale = self.box, self.style.theme, self.style.scale
        bands = [np.full_like(self.bottoms, each) for each in (box.left, 0.0, box.width, self.height)]
        bands[1] = self.bottoms
        brush.areas(np.stack(bands, axis=1), np.tile(theme.faint, (len(self.bottoms), 1)))
        for share, _ in self.scale.decades:
            x, half = box.left + share * box.width, DECADE_PT * scale / 2
            lines = np.stack(
                [np.full_like(self.bottoms, x - half), self.bottoms, np.full_like(self.bottoms, 2 * half), bands[3]],
                axis=1,
            )
            brush.areas(lines, np.tile(theme.background, (len(lines), 1)))
        brush.text(Place(box.left, above, small_pt, theme.muted), self.heading)
        for x, text in self.ticks:
            brush.text(Place(x, below, small_pt, theme.muted, "center", "top"), text)
        if self.zeros is not None:
            middle = self.zeros + ZERO_BAR_PT * scale / 2
            brush.text(Place(middle, below, small_pt, theme.muted, "center", "top"), "0")
            tracks = np.stack(
                [np.full_like(self.bottoms, self.zeros), self.bottoms, *self._bar_sizes(np.ones_like(self.bottoms))],
                axis=1,
            )
            brush.areas(tracks, np.tile(theme.faint, (len(tracks), 1)))

    def paint(self, brush: Brush, look: HillsLook) -> None:
        """Paint the hills, the outlines, and the bars of zeros."""
        theme = self.style.theme
        # All hills are one polygon, whose rows hang together at the left end: what moves in an SVG is one shape.
        brush.polygon(self._corners(look.heights), 0.0, theme.muted, theme.muted)
        xs = self._xs(look.outlines.shape[1])
        pieces = []
        for bottom, heights in zip(self.bottoms.tolist(), look.outlines, strict=True):
            seen = heights > 0
            beside = np.pad(seen, 1)
            seen = seen | beside[:-2] | beside[2:]
            line = np.stack([xs, bottom + np.where(seen, heights, np.nan) * self.height], axis=1)
            pieces += [line, np.full((1, 2), np.nan)]
        brush.line(np.concatenate(pieces), OUTLINE_PT * self.style.scale, theme.unchanged)
        if self.zeros is not None:
            drawn = look.zeros > 0
            bars = np.stack(
                [np.full_like(self.bottoms, self.zeros), self.bottoms, *self._bar_sizes(look.zeros)], axis=1
            )
            brush.areas(
                bars[drawn], np.tile(theme.muted, (int(drawn.sum()), 1)), who=np.flatnonzero(drawn) - len(drawn)
            )

    def texts(self, look: HillsLook) -> tuple[str, ...]:
        return look.told if self.has_numbers else ()

    def _bar_sizes(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(self.bottoms, ZERO_BAR_PT * self.style.scale), shares * self.height

    def _xs(self, count: int) -> np.ndarray:
        """Return the middles of the bins."""
        xs: np.ndarray = self.box.left + self.box.width * (np.arange(count) + 0.5) / count
        return xs

    def _corners(self, heights: np.ndarray) -> np.ndarray:
        xs = self._xs(heights.shape[1])
        left, right = self.box.left, self.box.right
        pieces = []
        for bottom, row in zip(self.bottoms.tolist(), heights, strict=True):
            top = np.stack([xs, bottom + row * self.height], axis=1)
            ends = np.array([[left, bottom], [left, top[0, 1]], [right, top[-1, 1]], [right, bottom], [left, bottom]])
            pieces.append(np.concatenate([ends[:2], top, ends[2:]]))
        return np.concatenate(pieces)


def share_text(share: float) -> str:
    """Write a share in few letters, so that none is called nothing, nor all but some all: ``< 1 %``, ``57 %``."""
    if share == 0:
        return ""
    return "< 1 %" if share < 0.01 else "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def magnitudes_at(shown: RowHistory, place: RunPlace) -> Magnitudes | None:
    """Return the magnitudes of rows at a place of the run; None where nobody asked for them."""
    histograms = shown.histograms
    if histograms is None:
        return None

    def behind(values: np.ndarray) -> np.ndarray:
        low: np.ndarray = values[histograms.reference[place.before]]
        if place.share:
            low = low + place.share * (values[histograms.reference[place.before + 1]] - low)
        return low

    return Magnitudes(
        first=histograms.first,
        bin_edges=histograms.edges,
        counts=shown.at(histograms.counts, place),
        zeros=shown.at(histograms.zeros, place),
        reference_counts=behind(histograms.counts),
        reference_zeros=behind(histograms.zeros),
    )


def ticks_within(scale: HillScale, box: Box, gap: float, wide: Callable[[str], float]) -> list[tuple[float, str]]:
    """Return the powers of ten that have a text, as x of its middle and text: each, or each second, third …

    Args:
        scale: of the axis.
        box: of the axis, which no text leaves.
        gap: between two of them at least.
        wide: measures a text.
    """
    decades = scale.decades
    for step in range(1, len(decades) + 1):
        chosen = [(share, text, wide(text) / 2) for share, text in decades[(len(decades) - 1) % step :: step]]
        places = [
            (min(max(box.left + share * box.width, box.left + half), box.right - half), text, half)
            for share, text, half in chosen
        ]
        apart = (after[0] - after[2] - before[0] - before[2] for before, after in pairwise(places))
        if all(each >= gap for each in apart) and all(2 * half <= box.width for *_, half in places):
            return [(x, text) for x, text, _ in places]
    return []
