"""The legend of the matrices: what the colours mean, where they are full, and what is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.cell_scales import CellScales, ink_ramp
from nnanim.design.coloring import COLORINGS, Coloring
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.design.wording import short
from nnanim.frames.cells import CellHistory
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.panels.layers_legend import seamless
from nnanim.panels.legend import GAP_PT, RAMP_HEIGHT_PT, RAMP_PT, RAMP_STEPS, SLACK, SMALL_PRINT

USUAL_BLOCKS_PT = (222.0, 95.0, 92.0)  # widths of the blocks before their numbers are known
MARK_PT = 8.0


@dataclass(frozen=True, eq=False)
class Block:
    """One block: words at both ends of a bar, or beside a mark, and small print below.

    Attributes:
        low: the word before.
        high: the word behind.
        small_print: below.
        bar: (steps, 3) uint8; None for the mark.
        ends: colours of both words.
    """

    low: str
    high: str
    small_print: str
    bar: np.ndarray | None
    ends: tuple[Shade, Shade]


@dataclass(frozen=True, eq=False)
class MatrixLegend:
    """A legend, and its place.

    Attributes:
        blocks: what it says.
        style: of the figure.
        boxes: one for each block.
    """

    blocks: tuple[Block, ...]
    style: Style
    boxes: tuple[Box, ...] = ()

    @classmethod
    def of(
        cls,
        shown: Sequence[CellHistory],
        scales: CellScales,
        since: str,
        style: Style,
        options: Options,
        coloring: Coloring | None = None,
        ink_words: str = "",
    ) -> MatrixLegend:
        """Say what is shown of cells.

        Args:
            shown: the cells of each run in the picture.
            scales: of the picture.
            since: what changes are measured against, in words; empty where only sizes are shown.
            style: of the figure.
            options: the user's choices.
            coloring: what colours stand for, where `options` does not say.
            ink_words: what stands in neutral ink, where that is not the end.
        """
        theme, coloring = style.theme, coloring or COLORINGS[options.color]
        has_many = any(not matrix.is_whole for each in shown for matrix in each.matrices)
        is_sign = coloring.name == "sign"
        blocks = []
        if since:
            ramp = coloring.ramp(theme)
            shares = np.linspace(-1, 1, RAMP_STEPS)
            numbers = shares * float(scales.colors.domain)
            bar = scales.of_colors(numbers, theme, ramp)
            domain = short(float(scales.colors.domain))
            text = style.drawable(coloring.small_print("|w|", since, domain))
            blocks.append(Block(*coloring.ends, text, bar, (_shade(ramp[0]), _shade(ramp[2]))))
        if not is_sign and (ink_words or not since or options.ending != "change"):
            end = short(float(scales.magnitudes.domain))
            words = ink_words or ("size |w|" if not since else "at the end: |w|")
            blocks.append(Block("0", end, words, ink_ramp(theme), (_shade(theme.ink),) * 2))
        many = (
            ("a cell: the largest w of many" if is_sign else "a cell: √(mean of w²)") if has_many else "in each matrix"
        )
        blocks.append(Block("", "largest |w|", many, None, (_shade(theme.ink),) * 2))
        return cls(tuple(blocks), style)

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths of the blocks in points of a figure of the reference size."""
        style, found = self.style, []
        for block in self.blocks:
            bar = RAMP_PT + 2 * GAP_PT if block.bar is not None else MARK_PT + GAP_PT
            words = style.widest(block.low) + style.widest(block.high) + bar
            found.append(SLACK * max(words, style.widest(block.small_print, SMALL_PRINT)))
        return tuple(found)

    def at(self, boxes: tuple[Box, ...]) -> MatrixLegend:
        """Return the legend in its place."""
        return replace(self, boxes=boxes)

    def paint(self, brush: Brush) -> None:
        """Paint all blocks."""
        for block, box in zip(self.blocks, self.boxes, strict=True):
            self._paint(brush, block, box)

    def _paint(self, brush: Brush, block: Block, box: Box) -> None:
        style, scale = self.style, self.style.scale
        size = looks.TEXT_PT * scale
        upper, lower = box.bottom + 0.75 * box.height, box.bottom + 0.25 * box.height
        brush.text(Place(box.left, lower, size * SMALL_PRINT, style.theme.muted, va="center"), block.small_print)
        left = box.left
        if block.low:
            brush.text(Place(left, upper, size, block.ends[0], va="center"), block.low)
            left += (style.widest(block.low) + GAP_PT) * scale
        if block.bar is None:
            half = MARK_PT * scale / 2
            corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half], [-half, -half]])
            corners += [left + half, upper]
            brush.line(corners, 1.3 * scale, block.ends[0], cap="projecting")
            left += 2 * half
        else:
            step, height = RAMP_PT * scale / len(block.bar), RAMP_HEIGHT_PT * scale
            lefts = left + step * np.arange(len(block.bar))
            count = len(lefts)
            boxes = [lefts, np.full(count, upper - height / 2), seamless(count, step), np.full(count, height)]
            brush.areas(np.stack(boxes, axis=1), block.bar)
            left += RAMP_PT * scale
        brush.text(Place(left + GAP_PT * scale, upper, size, block.ends[1], va="center"), block.high)


def _shade(color: looks.Color) -> Shade:
    return float(color[0]), float(color[1]), float(color[2])
