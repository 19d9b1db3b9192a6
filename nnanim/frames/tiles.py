"""The weights from an image to each unit of the first layer, as a small picture; whether the input is an image at all.

A dense layer's weights are a picture of the size of the image, a convolution's one of the size of its kernel. Channels
stand side by side, so that every weight is shown, and none is added to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt, prod

import numpy as np

from nnanim.errors import OptionError
from nnanim.frames.frame import Tiles
from nnanim.frames.history import Series, Snapshot
from nnanim.model.layers import Layer, LayerHeader
from nnanim.options import Options

LEAST_SIDE = 8  # pixels of an image that nobody named
SURELY = 784  # inputs that are an image, whatever the weights: the 28x28 of MNIST and its successors
LOOKED_AT = 1 << 20  # weights of the first layer, to find out whether neighbours are alike
MOST_CHANNELS = 4  # that stand side by side
ALIKE = 0.2  # correlation of what neighbouring pixels learned, at least; of inputs in no order it is about 0
LESS_ALIKE = 0.8  # of it, at most, from the end of a row of pixels to the beginning of the next


@dataclass(frozen=True)
class TilePlan:
    """What the pictures of units hold, before any is read.

    Attributes:
        size: rows, columns and channels of each.
        image: height, width and channels of the input; zeros for a convolution's, which takes images of any size.
        channels_last: whether the channels of a pixel stand together in the file.
        most: how many units there is room for.
    """

    size: tuple[int, int, int]
    image: tuple[int, int, int]
    channels_last: bool
    most: int = 0

    @property
    def is_kernel(self) -> bool:
        """Whether they are the kernels of a convolution."""
        return not self.image[0]

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells, channels side by side."""
        rows, columns, channels = self.size
        return rows, columns * channels

    def pictures(self, weight: np.ndarray) -> np.ndarray:
        """Return the weights (U, …) of units as pictures, (U, rows, columns), row 0 on top."""
        rows, columns, channels = self.size
        if self.channels_last:
            there = weight.reshape(-1, rows, columns, channels).transpose(0, 1, 3, 2)
        else:
            there = weight.reshape(-1, channels, rows, columns).transpose(0, 2, 1, 3)
        shown: np.ndarray = there.reshape(len(weight), rows, columns * channels)
        return shown


@dataclass(frozen=True, eq=False)
class TileHistory:
    """Pictures of units over the run.

    Attributes:
        plan: what they hold.
        name: of the layer.
        units: (U,) the shown units of the layer.
        cells: (S, U * rows * columns), the weights, unit by unit and row by row.
        count: of all weights of the layer, shown or not.
    """

    plan: TilePlan
    name: str
    units: np.ndarray
    cells: Series
    count: int

    def shown(self, value: np.ndarray, change: np.ndarray, color: np.ndarray) -> Tiles:
        """Return what is drawn of cells, (U * rows * columns, …)."""
        shape = (len(self.units), *self.plan.cells)
        pictures = value.reshape(shape), change.reshape(shape), color.reshape(*shape, 3)
        return Tiles(self.name, self.units, self.plan.image, self.plan.size, *pictures)


def plan_tiles(snapshots: Sequence[Snapshot], first: LayerHeader, options: Options, convention: str) -> TilePlan | None:
    """Find out whether the input of a network is an image.

    It is one where the user says so. Else a square number of inputs, at least 8x8, is taken for one where the weights
    of neighbouring pixels are alike, both along the rows and the columns that a square would have; 784 always.
    The input of a convolution over two axes is one.

    Args:
        snapshots: that are shown.
        first: the first layer that is drawn.
        options: `image`.
        convention: whose weights they are.

    Returns:
        What is shown of each unit, or None where there is no image to show.

    Raises:
        OptionError: the first layer does not take in the image that the user named.
        SnapshotError: a snapshot cannot be read.
    """
    named = options.image_size
    if options.image == "none" or options.input_labels:
        return None
    if first.is_convolution:
        return _kernel(first, named, options.image)
    if named is not None:
        if prod(named) != first.size_in:
            raise OptionError(
                f"image is {options.image!r}, which has {prod(named)} values, but layer {first.name!r} takes in"
                f" {first.size_in} (take --image none, or the size of the image)"
            )
        return TilePlan(named, named, convention == "keras")
    side = isqrt(first.size_in)
    if side < LEAST_SIDE or side * side != first.size_in:
        return None
    is_image = first.size_in == SURELY or any(is_learned_as_image(each, side) for each in _learned(snapshots))
    return TilePlan((side, side, 1), (side, side, 1), channels_last=False) if is_image else None


def _kernel(first: LayerHeader, named: tuple[int, int, int] | None, image: str) -> TilePlan | None:
    kernel = first.shape[2:]
    if named is not None and named[2] != first.size_in:
        raise OptionError(
            f"image is {image!r}, of {named[2]} channels, but convolution {first.name!r} takes in {first.size_in}"
        )
    if len(kernel) != 2 or prod(kernel) == 1 or first.size_in > MOST_CHANNELS or first.transposed:
        return None
    return TilePlan((kernel[0], kernel[1], first.size_in), named or (0, 0, first.size_in), channels_last=False)


def _learned(snapshots: Sequence[Snapshot]) -> Iterator[np.ndarray]:
    """Yield the last weights of the first layer, and how they changed: decay may bring the first ones back into it."""
    last = _first_weight(snapshots[-1]).astype(np.float64)
    yield last
    if len(snapshots) > 1:
        yield last - _first_weight(snapshots[0])


def _first_weight(snapshot: Snapshot) -> np.ndarray:
    """Return the weights of the first layer, of many units the first ones."""
    if not snapshot.has_rows:
        weight: np.ndarray = snapshot.read()[0].weight
        return weight
    with snapshot.open_layers() as layers:
        rows = layers.rows(0, is_checked=False)
        count = rows.count if rows.axis else min(rows.count, max(LOOKED_AT // rows.row_numbers, 1))
        try:
            return rows.take(count).reshape(-1, layers.layers[0].size_in)
        finally:
            rows.close()


def is_learned_as_image(weights: np.ndarray, side: int) -> bool:
    """Tell whether what was learned of inputs (U, side * side) that would be neighbours in an image is alike."""
    pictures = weights.reshape(len(weights), side, side)
    pictures = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    across = _correlation(pictures[:, :, 1:], pictures[:, :, :-1])
    down = _correlation(pictures[:, 1:], pictures[:, :-1])
    around = _correlation(pictures[:, 1:, 0], pictures[:, :-1, -1])
    return min(across, down) >= ALIKE and around <= LESS_ALIKE * across


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0


def read_tiles(layer: Layer, plan: TilePlan, units: np.ndarray) -> np.ndarray:
    """Return the cells of units of a layer, (U * rows * columns,)."""
    return plan.pictures(layer.weight[units]).ravel()
