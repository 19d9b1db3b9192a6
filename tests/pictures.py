"""Runs whose weights a test chooses, and what can be seen in a picture at computed places."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import save, trainer_arrays
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from nnanim import Animation, Frame, Run, open_run
from nnanim.comparing.side_by_side import SideBySide
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.frames.frame import TogetherFrame
from nnanim.painting.brush import Brush, Place

SAMPLES = Path(__file__).resolve().parent.parent / "sample_results"
IRIS = SAMPLES / "iris"
BACKGROUND = 255.0
TOUCH_PT = 0.3  # letters are hinted to whole pixels


@dataclass(frozen=True)
class Written:
    """A text of a picture, and the box around its letters in points from the lower left corner, y up."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    def crosses(self, other: Written) -> bool:
        """Tell whether the boxes of two texts have more in common than an edge."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return across > TOUCH_PT and up > TOUCH_PT


def written_texts(picture: Animation | SideBySide, frame: Frame | TogetherFrame) -> list[Written]:
    """Return all texts of a frame that are painted, moving or not, with the boxes of their letters."""
    figure: Any = picture._figure if isinstance(picture, Animation) else picture.figure
    painter = picture._painter if isinstance(picture, Animation) else picture.painter
    ground, sheet = figure.ground, figure.sheet(frame)
    dpi, found = ground.style.dpi, []

    class Scribe(Brush):
        def text(self, place: Place, content: str) -> None:
            font = FontProperties(family=self._families, size=place.size_pt)

            def measured(text: str) -> list[float]:
                size = self._renderer.get_text_width_height_descent(text, font, ismath=False)
                return [length * POINTS_PER_INCH / dpi for length in size]

            width, height, descent = measured(content)
            _, line, below = measured("lp")
            baseline = place.y - {"top": line - below, "center": line / 2 - below, "baseline": 0.0}[place.va]
            left = place.x - {"left": 0.0, "center": width / 2, "right": width}[place.ha]
            found.append(Written(content, left, baseline - descent, left + width, baseline + height - descent))

    brush = Scribe(RendererAgg(*ground.size_px, dpi), dpi, ground.style.families)
    (drawings,) = painter.drawings([sheet])
    for part, look, drawing in zip(ground.parts, sheet.looks, drawings, strict=True):
        part.paint_ground(brush)
        part.paint(brush, look, drawing)
        for place, text in zip(part.text_places, part.texts(look), strict=True):
            brush.text(place, text)
    return [each for each in found if each.text.strip()]


def crossing_texts(picture: Animation | SideBySide, frame: Frame | TogetherFrame) -> Iterator[tuple[str, str]]:
    """Yield the texts of a frame that overlap."""
    for one, other in itertools.combinations(written_texts(picture, frame), 2):
        if one.crosses(other):
            yield one.text, other.text


def cut_off_texts(picture: Animation | SideBySide, frame: Frame | TogetherFrame) -> list[str]:
    """Return the texts of a frame that reach out of the picture."""
    width, height = (length * POINTS_PER_INCH / picture.options.dpi for length in picture.size_px)
    return [
        each.text
        for each in written_texts(picture, frame)
        if min(each.left, each.bottom) < -TOUCH_PT or each.right > width + TOUCH_PT or each.top > height + TOUCH_PT
    ]


def run_with(path: Path, snapshots: Sequence[Sequence[Any]], rows: list[dict[str, Any]] | None = None) -> Run:
    """Make a run whose snapshots at epoch 1, 2, … have the given (out, in) weights, layer by layer."""
    path.mkdir(parents=True, exist_ok=True)
    for epoch, matrices in enumerate(snapshots, start=1):
        arrays = {f"l{number}/W": np.array(matrix, np.float32) for number, matrix in enumerate(matrices, start=1)}
        save(path / f"trainer_{epoch:05}", trainer_arrays(arrays, epoch=epoch, iteration=epoch * 3))
    if rows is not None:
        (path / "log").write_text(json.dumps(rows), encoding="utf-8")
    return open_run(path)


def edge_index(frame: Frame, layer: int, tail: int, head: int) -> int:
    """Return the place of an edge in ``frame.edges``."""
    edges = frame.edges
    (found,) = np.flatnonzero((edges.layer == layer) & (edges.tail == tail) & (edges.head == head))
    return int(found)


def ends_px(animation: Animation, frame: Frame, edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (x, y) between which an edge runs."""
    centers, edges = animation.node_centers_px, frame.edges
    return centers[edges.layer[edge]][edges.tail[edge]], centers[edges.layer[edge] + 1][edges.head[edge]]


def thickness_px(image: np.ndarray, color: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Measure how thick a flat line of a known colour is on a white ground, across its middle fifth.

    The ink in a column of pixels is the line's thickness over the cosine of its slope, however it is antialiased.
    """
    channel = int(np.argmin(color))  # where line and background differ most
    cosine = abs(end[0] - start[0]) / float(np.hypot(*(end - start)))
    first, last = sorted(round(float(start[0] + share * (end[0] - start[0]))) for share in (0.4, 0.6))
    sums = []
    for x in range(first, last):
        y = start[1] + (x + 0.5 - start[0]) / (end[0] - start[0]) * (end[1] - start[1])
        column = image[max(0, round(y) - 25) : round(y) + 25, x, channel].astype(float)
        sums.append(((BACKGROUND - column) / (BACKGROUND - float(color[channel]))).sum())
    return cosine * float(np.mean(sums))


def color_at(image: np.ndarray, point: np.ndarray, radius: int = 0) -> np.ndarray:
    """Return the mean colour (3,) of a small square of pixels."""
    x, y = (int(np.floor(value)) for value in point)
    return image[y - radius : y + radius + 1, x - radius : x + radius + 1].reshape(-1, 3).mean(axis=0)


def ink_at(image: np.ndarray, point: np.ndarray, radius: int = 8) -> float:
    """Return how much darker than the background a square of pixels is, in pixels of black."""
    x, y = (int(np.floor(value)) for value in point)
    part = image[y - radius : y + radius + 1, x - radius : x + radius + 1].astype(float)
    return float((BACKGROUND - part).mean(axis=-1).sum() / BACKGROUND)


def require_engine(engine: str) -> None:
    """Skip a test where a Graphviz engine is not there."""
    if engine == "system" and shutil.which("dot") is None:
        pytest.skip("Graphviz is not on PATH")
    if engine == "wheel":
        pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
