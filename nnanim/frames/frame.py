"""What one frame means: numbers and looks, no pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from nnanim.frames.cells import Matrix
from nnanim.frames.moments import StandOut
from nnanim.model.weight_rows import Row
from nnanim.words import counted

_NONE, _NO_INDEX, _NO_COLOR = np.zeros(0, np.float32), np.zeros(0, int), np.zeros((0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Edges:
    """What is drawn of the edges in one frame.

    Attributes:
        layer: (E,) index of the layer an edge leads out of, 0 is the input.
        tail: (E,) index of the neuron where it begins.
        head: (E,) index of the neuron where it ends.
        weight: (E,) float32; for a convolution the norm of a kernel.
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
class Nodes:
    """What is drawn of the nodes in one frame.

    Attributes:
        layer: (N,) index of the layer, 0 is the input.
        neuron: (N,) index of the neuron in its layer.
        bias: (N,) float32, NaN for a neuron that has none.
        change: (N,) float32, growth of |bias|; 0 where there is none.
        ring_px: (N,) widths of the outlines in pixels.
        color: (N, 3) uint8, of the outlines.
    """

    layer: np.ndarray
    neuron: np.ndarray
    bias: np.ndarray
    change: np.ndarray
    ring_px: np.ndarray
    color: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Magnitudes:
    """How many weights of each row are how large.

    Attributes:
        first: which bin of the whole grid is the first one, see `nnanim.frames.magnitudes`.
        bin_edges: (B + 1,) float64, |w| at the ends of the bins, which are tenths of decades; the same in all frames.
        counts: (R, B) weights of each bin; between two snapshots on the straight line.
        zeros: (R,) weights that are exactly zero and in no bin.
        reference_counts: (R, B) those of the snapshot that changes are measured against.
        reference_zeros: (R,) likewise.
    """

    first: int
    bin_edges: np.ndarray
    counts: np.ndarray
    zeros: np.ndarray
    reference_counts: np.ndarray
    reference_zeros: np.ndarray

    def only(self, rows: slice) -> Magnitudes:
        """Return those of some rows."""
        return replace(
            self,
            counts=self.counts[rows],
            zeros=self.zeros[rows],
            reference_counts=self.reference_counts[rows],
            reference_zeros=self.reference_zeros[rows],
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """What is drawn of weight tensors in one frame, a row for each.

    Attributes:
        rows: names and keys.
        norm: (R,) float64, ‖W‖; NaN where a weight is not finite.
        relative_change: (R,) float64, ‖W − W_ref‖ / ‖W_ref‖; NaN where the reference is zero.
        growth: (R,) float64, ‖W‖ / ‖W_ref‖ − 1; NaN where the reference is zero.
        color: (R, 3) uint8, red where the norm has grown.
        magnitudes: of their weights, where these were asked for; else None.
    """

    rows: tuple[Row, ...]
    norm: np.ndarray
    relative_change: np.ndarray
    growth: np.ndarray
    color: np.ndarray
    magnitudes: Magnitudes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Boxes:
    """What is drawn of a map in one frame, a box for each weight or for several of one module.

    Attributes:
        rows: names and keys.
        norm: (B,) float64, ‖W‖; NaN where a weight is not finite.
        relative_change: (B,) float64, ‖W − W_ref‖ / ‖W_ref‖; NaN where the reference is zero.
        growth: (B,) float64, ‖W‖ / ‖W_ref‖ − 1; NaN where the reference is zero.
        fill: (B, 3) uint8, darker where it moved farther (brighter in the dark theme).
        line: (B, 3) uint8, of the border, red where the norm has grown.
        arrows: indices of boxes, (from, to).
        groups: for each box the weights that it stands for.
        stand_out: the boxes that stand out at a moment.
    """

    rows: tuple[Row, ...]
    norm: np.ndarray
    relative_change: np.ndarray
    growth: np.ndarray
    fill: np.ndarray
    line: np.ndarray
    arrows: tuple[tuple[int, int], ...]
    groups: tuple[Rows, ...]
    stand_out: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Tiles:
    """What is drawn of the weights from an image to the first layer, a picture for each unit that is shown.

    Attributes:
        layer: name of the layer.
        units: (U,) indices of the units in the layer.
        image: height, width and channels of the input; zeros for a convolution, which takes images of any size.
        size: rows, columns and channels of each picture.
        value: (U, rows, columns * channels) float32, weights, channels side by side.
        change: the same, growth of |weight|.
        color: (U, rows, columns * channels, 3) uint8.
    """

    layer: str
    units: np.ndarray
    image: tuple[int, int, int]
    size: tuple[int, int, int]
    value: np.ndarray
    change: np.ndarray
    color: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """What is drawn of weight matrices in one frame, the cells of all of them one after the other.

    Attributes:
        matrices: names, shapes, bounds of the blocks, and which of the cells are theirs.
        value: (N,) float32; the weight, and of several the one of largest magnitude or the root mean square.
        change: (N,) float32, growth of |value|.
        color: (N, 3) uint8.
        largest: (M,) the weight of largest magnitude of each matrix.
        largest_at: (M, 2) its row and column.
        largest_cell: (M, 2) row and column of its cell.
        spectral_radius: (M,) of a recurrent layer's hidden matrix; NaN for others.
        many: what a cell of several weights shows: ``"largest"`` or ``"root mean square"``.
    """

    matrices: tuple[Matrix, ...]
    value: np.ndarray
    change: np.ndarray
    color: np.ndarray
    largest: np.ndarray
    largest_at: np.ndarray
    largest_cell: np.ndarray
    spectral_radius: np.ndarray
    many: str


class Painter(Protocol):
    """Whoever can paint a frame."""

    def paint_one(self, frame: Frame) -> np.ndarray:
        """Return (H, W, 3) uint8."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Frame:
    """What one frame means. Its pixels are made when they are asked for.

    Attributes:
        index: place in the animation, from 0.
        at: time on the clock.
        title: what stands above the network, ``"epoch 20"``.
        epoch: epoch of the snapshot as the file itself says, or between two of them; None where none is known.
        iteration: the same for the iteration.
        duration_s: how long it is shown.
        curve_x: epoch (or iteration) on the curve's axis where the dots are; NaN where the log has none.
        metrics: values of the shown metrics there by name, in the log's own units; NaN where it has none.
        moment: what stands out there, where that was asked for and something does.
        edges: what is drawn of the edges; none where no network is.
        nodes: what is drawn of the nodes; none where no network is.
        rows: every weight tensor, where the view shows layers; else None.
        folded_rows: the rows that are drawn: those of `rows`, or fewer where not all fit; of a grid of blocks its cells
            and then its lines.
        boxes: what is drawn of a map; None in other views.
        cells: weight matrices, where the view shows them; else None.
        tiles: of the first layer, where its weights are shown so in place of edges; else None.
    """

    index: int
    at: float
    title: str
    epoch: float | None
    iteration: float | None
    duration_s: float
    curve_x: float
    metrics: dict[str, float]
    _painter: Painter = field(repr=False)
    moment: StandOut | None = None
    edges: Edges = field(default_factory=lambda: Edges(_NO_INDEX, _NO_INDEX, _NO_INDEX, _NONE, _NONE, _NONE, _NO_COLOR))
    nodes: Nodes = field(default_factory=lambda: Nodes(_NO_INDEX, _NO_INDEX, _NONE, _NONE, _NONE, _NO_COLOR))
    rows: Rows | None = None
    folded_rows: Rows | None = None
    boxes: Boxes | None = None
    cells: Cells | None = None
    tiles: Tiles | None = None

    @property
    def image(self) -> np.ndarray:
        """The frame painted, (H, W, 3) uint8."""
        return self._painter.paint_one(self)

    def __repr__(self) -> str:
        holds = f"{counted(len(self.edges.weight), 'edge')}, {counted(len(self.nodes.bias), 'node')}"
        if self.rows is not None:
            holds = counted(len(self.rows.rows), "row")
        if self.boxes is not None:
            holds = f"{len(self.boxes.rows)} boxes, {counted(len(self.boxes.arrows), 'arrow')}"
        if self.cells is not None:
            holds = f"{len(self.cells.matrices)} matrices of {counted(len(self.cells.value), 'cell')}"
        return f"<Frame {self.index}: {self.title}, {holds}, {self.duration_s:g} s>"

    def _repr_png_(self) -> bytes:
        """Show the picture in a notebook."""
        import io

        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(self.image).save(buffer, "PNG")
        return buffer.getvalue()


@dataclass(frozen=True, eq=False, kw_only=True)
class TogetherFrame:
    """What one frame of several runs means.

    Attributes:
        index: place in the animation, from 0.
        at: time on the clock of all runs.
        title: ``"epoch 20"``.
        duration_s: how long it is shown.
        runs: the frame of each run, whose title says what it shows: ``"epoch 20"`` or ``"ended at epoch 12"``.
    """

    index: int
    at: float
    title: str
    duration_s: float
    runs: tuple[Frame, ...]
