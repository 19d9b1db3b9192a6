"""The whole program on one page: a run becomes a sequence of frames, and the frames a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from nnanim import theme as looks
from nnanim.dot import dot_source
from nnanim.encoders import check_target, write_animation
from nnanim.errors import OptionError
from nnanim.graphviz_engine import draw
from nnanim.layout import arrange
from nnanim.metrics import curve_of, pick_metric, point_at, shown, value_text
from nnanim.network import Network
from nnanim.run import Run, Snapshot, open_run
from nnanim.scales import ChangeScale, WidthScale
from nnanim.timeline import DEFAULT_FPS, DEFAULT_HOLD_S, timeline

if TYPE_CHECKING:
    from nnanim.canvas import Canvas

DEFAULT_FIGSIZE = (9.0, 6.0)
DEFAULT_DPI = 100.0
SINCE = ("first", "previous")
MIN_SIDE_PX = 100
MAX_PIXELS = 32_000_000
CHUNK = 32  # frames that one Graphviz process draws


@dataclass(frozen=True, eq=False)
class Edges:
    """What is drawn of the edges in one frame.

    Attributes:
        layer: (E,) index of the layer an edge leads out of, 0 is the input.
        tail: (E,) index of the neuron where it begins.
        head: (E,) index of the neuron where it ends.
        weight: (E,) float32.
        change: (E,) float32, growth of |weight|; negative where it shrank.
        width_px: (E,) line widths in pixels.
        color: (E, 3) uint8.
    """

    layer: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    width_px: np.ndarray
    color: np.ndarray


@dataclass(frozen=True, eq=False)
class Frame:
    """What one frame means. Its pixels are made when they are asked for.

    Attributes:
        index: place in the animation, from 0.
        epoch: epoch of the snapshot as the file itself says, or None.
        iteration: iteration of the snapshot, or None.
        duration_s: how long it is shown.
        curve_x: epoch (or iteration) of the log's row that belongs to the snapshot, where the dot is; NaN where the log
            has none.
        metrics: the metrics of that row by name, in the log's own units; NaN where it has none.
        edges: what is drawn of the edges.
    """

    index: int
    epoch: float | None
    iteration: int | None
    duration_s: float
    curve_x: float
    metrics: dict[str, float]
    edges: Edges
    _animation: Animation = field(repr=False)

    @property
    def image(self) -> np.ndarray:
        """The frame painted, (H, W, 3) uint8."""
        return next(self._animation.paint([self]))


class Animation(Sequence[Frame]):
    """A training run as a sequence of frames. Nothing is drawn before it is asked for."""

    def __init__(
        self,
        run: Run,
        shape: Sequence[int] | None = None,
        *,
        metric: str | None = None,
        since: str = SINCE[0],
        figsize: tuple[float, float] = DEFAULT_FIGSIZE,
        dpi: float = DEFAULT_DPI,
        fps: float = DEFAULT_FPS,
        hold_s: float = DEFAULT_HOLD_S,
        engine: str | None = None,
    ) -> None:
        """Read the weights of all snapshots and fix the scales.

        Args:
            run: an opened result folder.
            shape: sizes of the layers, input first; the snapshots must have just these. By default as found.
            metric: name of a column of the log. By default accuracy, else whatever the log has first.
            since: ``"first"`` or ``"previous"``, the snapshot that changes are measured against.
            figsize: width and height in inches.
            dpi: pixels per inch.
            fps: frames per second, 0 < fps <= 50.
            hold_s: seconds for which the last frame stays.
            engine: ``"system"`` or ``"wheel"`` Graphviz; by default whichever is there.

        Raises:
            SnapshotError: a snapshot cannot be read, or is not like the others.
            ShapeError: the snapshots do not have the declared shape.
            MetricError: the log has no such metric.
            OptionError: a value is out of its range.
        """
        if since not in SINCE:
            raise OptionError(f"since is {since!r}: it must be one of {', '.join(SINCE)}")
        self.run = run
        self.figsize, self.dpi = _check_size(figsize, dpi)
        self._engine = engine
        self._moments = timeline(len(run.snapshots), fps=fps, hold_s=hold_s)
        self.metric = pick_metric(run.log, metric)
        layers = [snapshot.read(shape) for snapshot in run.snapshots]
        self.shape = run.shape if shape is None else tuple(shape)
        self._layer_names = [layer.name for layer in layers[0]]
        self._weights = np.stack([np.concatenate([layer.weight.ravel() for layer in each]) for each in layers])
        self._changes = _changes(self._weights, since)
        self._since = since
        width_pt, height_pt = (inches * looks.POINTS_PER_INCH for inches in figsize)
        self._layout = arrange(width_pt, height_pt, with_curve=self.metric is not None)
        self._network = Network.fill(self.shape, self._layout.network)
        self._widths = WidthScale.of_run(self._weights, self._network.edge_range_pt)
        self._intensities = ChangeScale.of_run(self._changes)
        self._theme = looks.LIGHT

    def __len__(self) -> int:
        return len(self._moments)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        moment = self._moments[place]
        snapshot = self.run.snapshots[moment.snapshot]
        weight, change = self._weights[moment.snapshot], self._changes[moment.snapshot]
        if place == len(self) - 1:
            color = np.tile(np.array(self._theme.ink, dtype=np.uint8), (len(weight), 1))
        else:
            color = self._theme.edge_colors(self._intensities(change))
        net = self._network
        width_px = self._widths(weight) * self.dpi / looks.POINTS_PER_INCH
        edges = Edges(net.layer, net.tail, net.head, weight, change, width_px, color)
        curve_x, value = (nan, nan) if self.metric is None else point_at(self.run, moment.snapshot, self.metric)
        metrics = {} if self.metric is None else {self.metric: value}
        return Frame(place, snapshot.epoch, snapshot.iteration, moment.duration_s, curve_x, metrics, edges, self)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._canvas.size_px

    @property
    def node_centers_px(self) -> list[np.ndarray]:
        """Centres of the nodes, for each layer (n, 2): x right, y down from the upper left corner."""
        scale = self.dpi / looks.POINTS_PER_INCH
        height = self.size_px[1]
        return [np.stack([c[:, 0] * scale, height - c[:, 1] * scale], axis=-1) for c in self._network.centers_pt]

    def paint(self, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        for chunk in _chunks(frames, CHUNK):
            for frame, drawing in zip(chunk, draw([self.dot(frame) for frame in chunk], self._engine), strict=True):
                yield self._canvas.paint(drawing, self._title(frame), self._values(frame), self._mark(frame))

    def dot(self, frame: Frame) -> str:
        """Write the network of a frame as DOT, lengths in points."""
        theme, edges = self._theme, frame.edges
        width_pt = edges.width_px * looks.POINTS_PER_INCH / self.dpi
        return dot_source(
            f"frame_{frame.index:05}", self._network, width_pt, edges.color, theme.node, theme.ink, looks.NODE_LINE_PT
        )

    def write(self, path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Write all frames to a file whose suffix says the format: ``.gif``.

        The file appears whole or not at all; an older one stays untouched until then.

        Args:
            path: the file.
            progress: called after each frame with how many are done and how many there are.

        Raises:
            OutputError: the file cannot be written.
            GraphvizError: Graphviz is missing or fails.
        """
        target = check_target(path)
        durations_s = [moment.duration_s for moment in self._moments]
        images = self.paint(self)
        if progress is not None:
            images = _reporting(images, len(self), progress)
        write_animation(target, images, durations_s, self._theme.palette)

    @cached_property
    def _canvas(self) -> Canvas:
        from nnanim.canvas import Canvas, Legend

        curve = curve_of(self.run.log, self.metric) if self.run.log and self.metric else None
        first = "the frame before" if self._since == "previous" else _time_text(self.run.snapshots[0])
        changes = self._intensities if len(self) > 1 else None
        captions = [
            f"{name} · {size}" for name, size in zip(["input", *self._layer_names], self._network.sizes, strict=True)
        ]
        legend = Legend(self._widths, changes, first)
        return Canvas(self.figsize, self.dpi, self._layout, self._theme, self._network, captions, legend, curve)

    def _title(self, frame: Frame) -> str:
        return _time_text(self.run.snapshots[self._moments[frame.index].snapshot])

    def _values(self, frame: Frame) -> str:
        return "  ".join(value_text(metric, value) for metric, value in frame.metrics.items())

    def _mark(self, frame: Frame) -> tuple[float, float] | None:
        return next(((frame.curve_x, shown(metric, value)) for metric, value in frame.metrics.items()), None)


def render(
    result: str | Path,
    output: str | Path,
    shape: Sequence[int] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Animation:
    """Draw the run in a result folder into a file.

    Args:
        result: the folder that training left behind.
        output: the file, whose suffix says the format.
        shape: sizes of the layers, input first; by default as found.
        progress: as in `Animation.write`.
        options: those of `Animation`.

    Returns:
        The animation that was written.

    Raises:
        NnanimError: the folder, an option or the output is not as it must be.
    """
    check_target(output)
    animation = Animation(open_run(result), shape, **options)
    animation.write(output, progress=progress)
    return animation


def _changes(weights: np.ndarray, since: str) -> np.ndarray:
    """Return the growth of |weight| (S, E) against the first snapshot or the one before."""
    magnitudes = np.abs(weights)
    before = magnitudes[:1] if since == "first" else np.concatenate([magnitudes[:1], magnitudes[:-1]])
    changes: np.ndarray = magnitudes - before
    return changes


def _check_size(figsize: tuple[float, float], dpi: float) -> tuple[tuple[float, float], float]:
    width_px, height_px = figsize[0] * dpi, figsize[1] * dpi
    if not (min(width_px, height_px) >= MIN_SIDE_PX and width_px * height_px <= MAX_PIXELS):
        raise OptionError(
            f"figsize {figsize[0]:g},{figsize[1]:g} inches at {dpi:g} dpi makes {width_px:.0f}x{height_px:.0f} px: each"
            f" side must have at least {MIN_SIDE_PX} px, the whole at most {MAX_PIXELS} px"
        )
    return figsize, dpi


def _time_text(snapshot: Snapshot) -> str:
    if snapshot.epoch is not None:
        return f"epoch {snapshot.epoch:g}"
    if snapshot.iteration is not None:
        return f"iteration {snapshot.iteration}"
    return snapshot.path.name


def _chunks(frames: Iterable[Frame], length: int) -> Iterator[list[Frame]]:
    iterator = iter(frames)
    while chunk := list(islice(iterator, length)):
        yield chunk


def _reporting(images: Iterator[np.ndarray], total: int, progress: Callable[[int, int], None]) -> Iterator[np.ndarray]:
    for done, image in enumerate(images, start=1):
        yield image
        progress(done, total)
