"""Frames to pictures: DOT, Graphviz, canvas. Knows nothing of runs and weights: another process can do it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.design.fixed_parts import Still
from nnanim.design.fonts import load_font
from nnanim.options import Options
from nnanim.painting.dot import dot_source
from nnanim.painting.graphviz_engine import draw
from nnanim.painting.xdot import Drawing

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from nnanim.painting.canvas import Canvas

CHUNK = 32  # frames that one Graphviz process draws


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is painted of one frame, no more.

    Attributes:
        index: place in the animation, from 0.
        title: text above the network.
        curve_x: where the dots on the curves are; NaN for none.
        metrics: values in the log's units.
        edge_pt: (E,) widths of the edges in points.
        edge_color: (E, 3) uint8.
        ring_pt: (N,) widths of the nodes' outlines in points.
        ring_color: (N, 3) uint8.
    """

    index: int
    title: str
    curve_x: float
    metrics: dict[str, float]
    edge_pt: np.ndarray
    edge_color: np.ndarray
    ring_pt: np.ndarray
    ring_color: np.ndarray


@dataclass(frozen=True, eq=False)
class Press:
    """Paint sheets of one animation.

    Attributes:
        figsize: width and height in inches.
        dpi: pixels per inch.
        still: all that stays the same.
        engine: of Graphviz, or None for whichever is there.
        font: a font file, or None.
    """

    figsize: tuple[float, float]
    dpi: float
    still: Still
    engine: str | None
    font: str | None

    @classmethod
    def of(cls, still: Still, options: Options) -> Press:
        """Make the press of an animation."""
        return cls(options.figsize, options.dpi, still, options.engine, options.font)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "canvas"}

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a frame in whole pixels."""
        width, height = (int(inches * self.dpi + 1e-8) for inches in self.figsize)  # what is whole but for rounding
        return width, height

    @cached_property
    def canvas(self) -> Canvas:
        """The canvas of this process."""
        return self.new_canvas()

    def new_canvas(self) -> Canvas:
        """Make a canvas that nobody else uses."""
        from nnanim.painting.canvas import Canvas  # imported while Graphviz draws the first frames

        load_font(self.font)  # which another process has not done yet
        return Canvas(self.size_px, self.dpi, self.still)

    def dot(self, sheet: Sheet) -> str:
        """Write the network of a frame as DOT, lengths in points.

        Raises:
            ValueError: the network is not among the panels.
        """
        network = self.still.network
        if network is None:
            raise ValueError("the network is not among the panels")
        return dot_source(
            f"frame_{sheet.index:05}",
            network,
            sheet.edge_pt,
            sheet.edge_color,
            sheet.ring_pt,
            sheet.ring_color,
            self.still.theme.node,
        )

    def drawings(self, sheets: Sequence[Sheet]) -> Sequence[Drawing | None]:
        """Let one Graphviz process draw the networks of frames; None for each where there is no network.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        if self.still.network is None:
            return [None] * len(sheets)
        return draw([self.dot(sheet) for sheet in sheets], self.engine)

    def paint(self, sheets: Iterable[Sheet], at_once: int = CHUNK, *, ahead: bool = False) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Args:
            sheets: taken as they are needed.
            at_once: how many one Graphviz process draws.
            ahead: whether Graphviz draws on another CPU meanwhile, the first ones from this call on.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        chunks = in_chunks(sheets, at_once)
        if not ahead:
            return self._paint((chunk, self.drawings(chunk)) for chunk in chunks)
        from concurrent.futures import ThreadPoolExecutor

        helper = ThreadPoolExecutor(1)
        first = next(chunks, [])
        # Not in the generator, which does nothing before its first picture is asked for.
        return self._paint(self._drawn_ahead(helper, first, helper.submit(self.drawings, first), chunks))

    def _paint(self, drawn: Iterable[tuple[list[Sheet], Sequence[Drawing | None]]]) -> Iterator[np.ndarray]:
        for chunk, drawings in drawn:
            for sheet, drawing in zip(chunk, drawings, strict=True):
                yield self.canvas.paint(drawing, sheet.title, sheet.curve_x, sheet.metrics)

    def _drawn_ahead(
        self,
        helper: Executor,
        chunk: list[Sheet],
        drawings: Future[Sequence[Drawing | None]],
        chunks: Iterator[list[Sheet]],
    ) -> Iterator[tuple[list[Sheet], Sequence[Drawing | None]]]:
        with helper:
            _ = self.canvas  # which takes as long to make as Graphviz needs for the first frames
            for following in chunks:
                at_work = helper.submit(self.drawings, following)
                yield chunk, drawings.result()
                chunk, drawings = following, at_work
            yield chunk, drawings.result()


def in_chunks(sheets: Iterable[Sheet], length: int) -> Iterator[list[Sheet]]:
    """Cut frames into lists of a length, the last one shorter."""
    iterator = iter(sheets)
    while chunk := list(islice(iterator, length)):
        yield chunk
