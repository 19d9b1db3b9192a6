"""Sheets to pictures: DOT, Graphviz, canvas. Knows nothing of runs and weights: another process can do it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.design.fonts import load_font
from nnanim.painting.graphviz_engine import draw
from nnanim.painting.part import Ground, Sheet
from nnanim.painting.picture import Picture

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from nnanim.painting.canvas import Canvas, Drawings

CHUNK = 32  # frames that the first Graphviz process draws, …
MOST = 64  # … and the later ones: each takes as long to start as it takes for six frames


@dataclass(frozen=True, eq=False)
class Painter:
    """Paint sheets of one animation.

    Attributes:
        ground: all that stays the same.
        engine: of Graphviz, or None for whichever is there.
        font: a font file, or None.
    """

    ground: Ground
    engine: str | None
    font: str | None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "canvas"}

    @cached_property
    def canvas(self) -> Canvas:
        """The canvas of this process."""
        return self.new_canvas()

    def new_canvas(self) -> Canvas:
        """Make a canvas that nobody else uses."""
        from nnanim.painting.canvas import Canvas  # imported while Graphviz draws the first frames

        load_font(self.font)  # which another process has not done yet
        return Canvas(self.ground)

    def dots(self, sheet: Sheet) -> list[str | None]:
        """Write what Graphviz shall draw of a frame as DOT, lengths in points: for each part a graph or None."""
        dots: list[str | None] = []
        for part, look in zip(self.ground.parts, sheet.looks, strict=True):
            before = sum(dot is not None for dot in dots)
            dots.append(part.dot(f"frame_{sheet.index:05}" + (f"_{before}" if before else ""), look))
        return dots

    def drawings(self, sheets: Sequence[Sheet]) -> Sequence[Drawings]:
        """Let one Graphviz process draw what it shall of frames: for each frame and part a drawing or None.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        dots = [self.dots(sheet) for sheet in sheets]
        sources = [source for each in dots for source in each if source is not None]
        drawn = iter(draw(sources, self.engine) if sources else ())
        return [[None if source is None else next(drawn) for source in each] for each in dots]

    def paint(self, sheets: Iterable[Sheet]) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        return (picture.image for picture in self.pictures(sheets))

    def pictures(
        self, sheets: Iterable[Sheet], at_once: int = CHUNK, *, ahead: bool = False, in_pixels: bool = True
    ) -> Iterator[Picture]:
        """Let Graphviz draw frames in their order.

        Args:
            sheets: taken as they are needed.
            at_once: how many the first Graphviz process draws; the later ones draw more.
            ahead: whether Graphviz draws on another CPU meanwhile, the first ones from this call on.
            in_pixels: whether pixels will be asked for, so that a canvas is made while Graphviz draws.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        chunks = in_chunks(sheets, at_once, max(at_once, MOST))
        if not ahead:
            return self._pictures((chunk, self.drawings(chunk)) for chunk in chunks)
        from concurrent.futures import ThreadPoolExecutor

        helper = ThreadPoolExecutor(1)
        first = next(chunks, [])
        # Not in the generator, which does nothing before its first picture is asked for.
        drawings = helper.submit(self.drawings, first)
        return self._pictures(self._drawn_ahead(helper, first, drawings, chunks, in_pixels=in_pixels))

    def _pictures(self, drawn: Iterable[tuple[list[Sheet], Sequence[Drawings]]]) -> Iterator[Picture]:
        for chunk, drawings in drawn:
            for sheet, drawing in zip(chunk, drawings, strict=True):
                yield Picture(self, drawing, sheet)

    def _drawn_ahead(
        self,
        helper: Executor,
        chunk: list[Sheet],
        drawings: Future[Sequence[Drawings]],
        chunks: Iterator[list[Sheet]],
        *,
        in_pixels: bool,
    ) -> Iterator[tuple[list[Sheet], Sequence[Drawings]]]:
        with helper:
            if in_pixels:
                _ = self.canvas  # which takes as long to make as Graphviz needs for the first frames
            for following in chunks:
                at_work = helper.submit(self.drawings, following)
                yield chunk, drawings.result()
                chunk, drawings = following, at_work
            yield chunk, drawings.result()


def in_chunks(sheets: Iterable[Sheet], length: int, most: int | None = None) -> Iterator[list[Sheet]]:
    """Cut frames into lists of a length, the last one shorter; twice as long each time, up to `most` where given."""
    iterator = iter(sheets)
    while chunk := list(islice(iterator, length)):
        yield chunk
        length = min(2 * length, length if most is None else most)
