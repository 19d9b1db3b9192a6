"""Where weight matrices stand in a panel, and how many cells there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np

from nnanim.design.layout import Box
from nnanim.frames.cells import Matrix, blocks
from nnanim.frames.matrix_choice import Turned

LEAST_SLOT_PT = (88.0, 54.0)  # width and height of the room for a matrix in a figure of the reference size
GAP_PT = (14.0, 8.0)  # between the rooms
LEAST_CELL_PX = 2.0
KERNEL_GAP = 0.6  # between kernels, in weights
COLUMN_GAP = 1.6  # more between the columns in which the kernels of one layer are laid
MOST_UNLIKE = 5.0  # a long and narrow matrix is at least so wide, in parts of its length


@dataclass(frozen=True)
class Plan:
    """How one matrix is drawn.

    Attributes:
        matrix: its blocks.
        kernel: height and width of its kernels where each weight of a convolution has a cell; else None.
        stacks: in how many columns, side by side, its kernels stand.
        box: what it takes.
    """

    matrix: Matrix
    kernel: tuple[int, int] | None
    stacks: int
    box: Box

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of kernels or of cells in one stack."""
        if self.kernel is None:
            return self.matrix.size
        out, into = self.matrix.shape[:2]
        return ceil(out / self.stacks), into

    def plates(self) -> list[Plate]:
        """Return where the cells stand: a plate for each stack."""
        rows, columns = self.grid
        (high, wide), gap = self.kernel or (1, 1), KERNEL_GAP if self.kernel else 0.0
        whole_w, whole_h = extent(self.grid, self.kernel, self.stacks)
        unit_x, unit_y = self.box.width / whole_w, self.box.height / whole_h
        x = np.add.outer(np.arange(columns) * (wide + gap), np.arange(wide)).ravel()
        y = np.add.outer(np.arange(rows) * (high + gap), np.arange(high)).ravel()
        step = columns * (wide + gap) + COLUMN_GAP
        height = self.matrix.size[0] if self.kernel is None else self.matrix.shape[0]
        plates = []
        for stack in range(self.stacks):
            first, last = stack * rows, min((stack + 1) * rows, height)
            lefts = self.box.left + unit_x * (x + stack * step)
            tops = self.box.top - unit_y * y[: (last - first) * high]
            across = np.stack([lefts, lefts + unit_x], axis=1)
            down = np.stack([tops - unit_y, tops], axis=1)
            plates.append(Plate(first * high, last * high, across, down))
        return plates

    def as_grid(self, cells: np.ndarray) -> np.ndarray:
        """Lay the cells of the matrix, (N, …), out as they are drawn, (rows, columns, …), all stacks under another."""
        more = cells.shape[1:]
        if self.kernel is None:
            return cells.reshape(*self.matrix.size, *more)
        out, into = self.matrix.shape[:2]
        laid = cells.reshape(out, into, *self.kernel, *more)
        turned = np.moveaxis(laid, 2, 1)
        return turned.reshape(out * self.kernel[0], into * self.kernel[1], *more)

    def box_of(self, cell: tuple[int, int]) -> Box:
        """Return where a cell of the matrix stands."""
        row, column = cell
        if self.kernel is not None:
            high, wide = self.kernel
            into, within = divmod(column, high * wide)
            row, column = row * high + within // wide, into * wide + within % wide
        plate = next(each for each in self.plates() if each.first <= row < each.stop)
        (left, right), (bottom, top) = plate.across[column], plate.down[row - plate.first]
        return Box(left, bottom, right - left, top - bottom)


@dataclass(frozen=True, eq=False)
class Plate:
    """Rows of cells that stand one under another.

    Attributes:
        first: of its rows in the matrix as it is laid out.
        stop: behind its last one.
        across: (columns, 2) left and right of each column.
        down: (rows, 2) bottom and top of each row, from the top down.
    """

    first: int
    stop: int
    across: np.ndarray
    down: np.ndarray


def extent(grid: tuple[int, int], kernel: tuple[int, int] | None, stacks: int) -> tuple[float, float]:
    """Return width and height in cells, gaps among them."""
    rows, columns = grid
    if kernel is None:
        return float(columns), float(rows)
    high, wide = kernel
    stack = columns * (wide + KERNEL_GAP) - KERNEL_GAP
    return stacks * (stack + KERNEL_GAP + COLUMN_GAP) - KERNEL_GAP - COLUMN_GAP, rows * (high + KERNEL_GAP) - KERNEL_GAP


def slots(box: Box, count: int, caption_pt: float, scale: float, wide: Sequence[float] = ()) -> list[Box]:
    """Divide a box into rooms of one size, without the captions above them, so that the matrices get largest.

    Args:
        box: of all.
        count: of matrices.
        caption_pt: height of a caption.
        scale: factor for the theme's sizes.
        wide: width by height of each matrix.
    """
    gap_x, gap_y = (gap * scale for gap in GAP_PT)
    best: list[Box] = []
    most = -np.inf
    for columns in range(1, count + 1):
        rows = ceil(count / columns)
        width = (box.width - (columns - 1) * gap_x) / columns
        height = (box.height - (rows - 1) * gap_y) / rows - caption_pt
        if best and min(width, height) <= 0:
            continue
        # How much of it matrices of their forms would cover.
        covered = sum(
            min(width, height * form) * min(height, width / form) for form in (np.clip(wide, 0.2, 5.0) if wide else [1])
        )
        narrow = min(width / LEAST_SLOT_PT[0], height / LEAST_SLOT_PT[1], scale)
        worth = covered * min(narrow / scale, 1.0) if min(width, height) > 0 else min(width, height)
        if worth > most:
            most = worth
            best = [
                Box(
                    box.left + (index % columns) * (width + gap_x),
                    box.top - (index // columns) * (height + caption_pt + gap_y) - caption_pt - height,
                    width,
                    height,
                )
                for index in range(count)
            ]
    return best


def room_for(box: Box, caption_pt: float, scale: float) -> int:
    """Return how many matrices a box has room for."""
    columns, rows = (
        int((length + gap * scale) / (least * scale + more + gap * scale))
        for length, gap, least, more in zip(
            (box.width, box.height), GAP_PT, LEAST_SLOT_PT, (0.0, caption_pt), strict=True
        )
    )
    return max(columns, 1) * max(rows, 1)


def form_of(shape: Sequence[int]) -> float:
    """Return about how wide a matrix is drawn by its height."""
    if len(shape) > 2 and prod(shape[2:]) > 1:
        return 1.0
    return shape[1] / shape[0]


def plan_matrix(weight: Turned, slot: Box, dpi: float) -> Plan:
    """Cut a weight into as many cells as its room has pixels for, each at least two pixels wide and high."""
    pixel = 72.0 / dpi
    shape, kernel = weight.shape, _kernel(weight.shape)
    inputs = prod(shape[1:])
    if kernel is not None:
        stacks = _stacks(shape, kernel, slot)
        whole = Matrix(weight.row, weight.axes, shape, blocks(shape[0], shape[0]), blocks(inputs, inputs))
        plan = place(Plan(whole, kernel, stacks, slot), slot)
        wide, high = extent(plan.grid, kernel, stacks)
        if min(plan.box.width / wide, plan.box.height / high) >= LEAST_CELL_PX * pixel:
            return plan
    columns, each = (shape[1], prod(shape[2:])) if kernel is not None else (inputs, 1)
    box = place_box(slot, columns, shape[0])
    across, down = (max(int(length / pixel / LEAST_CELL_PX), 1) for length in (box.width, box.height))
    matrix = Matrix(weight.row, weight.axes, shape, blocks(shape[0], down), blocks(columns, across) * each)
    return Plan(matrix, None, 1, box)


def place(plan: Plan, slot: Box) -> Plan:
    """Put a matrix that is cut already into a room."""
    if plan.kernel is None:
        shape = plan.matrix.shape
        columns = shape[1] if _kernel(shape) is not None else prod(shape[1:])
        return replace(plan, box=place_box(slot, columns, shape[0]))
    stacks = _stacks(plan.matrix.shape, plan.kernel, slot)
    plan = replace(plan, stacks=stacks)
    return replace(plan, box=place_box(slot, *extent(plan.grid, plan.kernel, stacks), least=0.0))


def place_box(slot: Box, wide: float, high: float, *, least: float = 1 / MOST_UNLIKE) -> Box:
    """Return the largest box of a form at the top left of a room; a narrow one is made wider."""
    unit = min(slot.width / wide, slot.height / high)
    width = max(unit * wide, min(slot.width, least * unit * high))
    height = max(unit * high, min(slot.height, least * unit * wide))
    return Box(slot.left, slot.top - height, width, height)


def _kernel(shape: Sequence[int]) -> tuple[int, int] | None:
    """Return height and width of a convolution's kernels; a kernel of three axes is laid out slice under slice."""
    if len(shape) < 3 or prod(shape[2:]) == 1:
        return None
    return prod(shape[2:-1]), shape[-1]


def _stacks(shape: Sequence[int], kernel: tuple[int, int], slot: Box) -> int:
    """Return in how many columns the kernels get largest."""

    def unit(stacks: int) -> float:
        wide, high = extent((ceil(shape[0] / stacks), shape[1]), kernel, stacks)
        return min(slot.width / wide, slot.height / high)

    most = min(shape[0], 64)
    best = max(range(1, most + 1), key=lambda stacks: (round(unit(stacks), 9), -stacks))
    return ceil(shape[0] / ceil(shape[0] / best))  # none of them is empty
