"""The panel of matrices: weights as heat maps, each in its place, the largest weight of each marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.cell_scales import CellScales, palette
from nnanim.design.coloring import COLORINGS, Coloring
from nnanim.design.fonts import load_font
from nnanim.design.layout import LINE_PT, TITLE_HEIGHT_PT, Box, arrange, check_room, rows_of_blocks, title_row
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH, pick_theme
from nnanim.design.wording import matrices_of
from nnanim.errors import OptionError
from nnanim.frames.cells import CellHistory, Matrix, read_cells
from nnanim.frames.frame import Cells, Frame
from nnanim.frames.history import History, Snapshot
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.matrix_choice import choose_weights, turned_weights
from nnanim.model.role_table import HIDDEN
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.painting.drawing import Drawing
from nnanim.panels.legend import SMALL_PRINT
from nnanim.panels.matrix_captions import captions_of, radius_captions, radius_text
from nnanim.panels.matrix_legend import USUAL_BLOCKS_PT, MatrixLegend
from nnanim.panels.matrix_marks import mark, ring
from nnanim.panels.matrix_places import Plan, form_of, place, plan_matrix, room_for, slots
from nnanim.panels.moment import height_of_moments
from nnanim.panels.title import height_of_title
from nnanim.reading.run import Run

FEW = 1024  # cells of a matrix up to which each is a rectangle, with room around it where cells are large
CELL_GAP = (6.0, 0.08)  # pixels of a cell from which on there is room between two, and how much of it
CAPTION_LINES = 2.6  # lines of small print for name and shape


@dataclass(frozen=True, eq=False)
class MatrixLook:
    """What moves in the panel.

    Attributes:
        title: text above the matrices.
        color: (N, 3) uint8, of all cells.
        largest: (M, 2) row and column of the cell with the largest weight of each matrix.
        radius: the spectral radii as texts.
        stand_out: indices of the cells that stand out at a moment.
    """

    title: str
    color: np.ndarray
    largest: np.ndarray
    radius: tuple[str, ...]
    stand_out: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixPart:
    """The panel in its place.

    Attributes:
        style: of the figure.
        row: for the title and the remarks.
        plans: a place and the blocks of each matrix.
        captions: name and shape of each.
        caption_places: where these lines stand.
        radius_places: where the spectral radii stand.
        remarks: small text beside the title.
        legend: its blocks; None where they stand elsewhere.
        titled: whether the title stands here.
    """

    style: Style
    row: Box
    plans: tuple[Plan, ...]
    captions: Sequence[tuple[str, str]]
    caption_places: Sequence[tuple[Place, Place]]
    radius_places: tuple[Place, ...]
    remarks: str
    legend: MatrixLegend | None
    titled: bool = True

    @property
    def text_places(self) -> tuple[Place, ...]:
        title = Place(self.row.left, self.row.top, looks.TITLE_PT * self.style.scale, self.style.theme.ink, va="top")
        return (title, *self.radius_places) if self.titled else self.radius_places

    @property
    def has_mosaic(self) -> bool:
        """Whether a matrix has so many cells that they are painted as pixels."""
        return any(prod(plan.matrix.size) > FEW for plan in self.plans)

    @property
    def remarks_place(self) -> Place:
        """Where the remarks stand."""
        scale, theme = self.style.scale, self.style.theme
        return Place(self.row.right, self.row.top - 3.0 * scale, looks.TEXT_PT * scale, theme.muted, "right", "top")

    def paint_ground(self, brush: Brush) -> None:
        """Paint captions and legend."""
        brush.text(self.remarks_place, self.remarks)
        for places, texts in zip(self.caption_places, self.captions, strict=True):
            for where, text in zip(places, texts, strict=True):
                brush.text(where, text)
        if self.legend is not None:
            self.legend.paint(brush)

    def dot(self, _name: str, _look: MatrixLook) -> None:
        """Nothing: heat maps are charts of the weights, no drawing of the network."""
        return

    def paint(self, brush: Brush, look: MatrixLook, _drawing: Drawing | None) -> None:
        """Paint all cells, then the marks."""
        for plan in self.plans:
            colors = plan.as_grid(look.color[plan.matrix.start : plan.matrix.stop])
            few = prod(plan.matrix.size) <= FEW
            for plate in plan.plates():
                own = colors[plate.first : plate.stop]
                if few:
                    brush.areas(*self._rectangles(plate.across, plate.down, own))
                else:
                    brush.mosaic(plate.across, plate.down[::-1], own[::-1], self.style.dpi)
        for plan, (row, column) in zip(self.plans, look.largest.tolist(), strict=True):
            mark(brush, plan.box_of((row, column)), self.style)
        for index in look.stand_out:
            plan = next(each for each in self.plans if each.matrix.start <= index < each.matrix.stop)
            ring(brush, plan.box_of(divmod(index - plan.matrix.start, plan.matrix.size[1])), self.style)

    def texts(self, look: MatrixLook) -> tuple[str, ...]:
        return (self.style.drawable(look.title), *look.radius) if self.titled else look.radius

    def _rectangles(self, across: np.ndarray, down: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixel = POINTS_PER_INCH / self.style.dpi
        size = np.array([across[0, 1] - across[0, 0], down[0, 1] - down[0, 0]])
        least, share = CELL_GAP
        gap = np.where(size.min() / pixel >= least, np.maximum(share * size.min(), pixel), 0.0)
        left, bottom = np.meshgrid(across[:, 0], down[:, 0])
        boxes = np.stack([left, bottom, np.full_like(left, size[0] - gap), np.full_like(left, size[1] - gap)], axis=-1)
        return boxes.reshape(-1, 4), colors.reshape(-1, 3)


class MatrixPanel:
    """The panel of one run's matrices."""

    def __init__(
        self,
        history: History,
        scales: CellScales,
        box: Box,
        style: Style,
        options: Options,
        *,
        alone: bool = True,
        coloring: Coloring | None = None,
        in_ink: bool = False,
    ) -> None:
        """Choose places.

        Args:
            history: of the run.
            scales: over all runs of the picture.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            alone: whether title and legend stand in the panel.
            coloring: what colours stand for, where `options` does not say.
            in_ink: show sizes in neutral ink all the time.

        Raises:
            OptionError: the figure is too small.
        """
        self._history, self._scales, self._style, self._options = history, scales, style, options
        self._all: CellHistory = history.shown
        self._coloring = coloring or COLORINGS[options.color]
        self._explained = self._coloring.is_explained(len(history)) and not in_ink
        matrices = self._all.matrices
        legend = MatrixLegend.of([self._all], scales, history.since if self._explained else "", style, options)
        legend_boxes, legend_top = rows_of_blocks(box, legend.widths if alone else (), style.scale)
        shown, count = len(matrices), self._all.count
        head = TITLE_HEIGHT_PT if alone else LINE_PT if shown < count else 0.0
        inside = _inside(box, legend_top, style, head)
        caption = caption_pt(style, any(matrix.is_hidden for matrix in matrices))
        rooms = slots(inside, len(matrices), caption, style.scale, [form_of(matrix.shape) for matrix in matrices])
        check_room(min(rooms, key=lambda room: min(room.width, room.height)), options.figsize, style.scale)
        plans = tuple(place(plan_of(matrix), room) for matrix, room in zip(matrices, rooms, strict=True))
        texts, places = captions_of(plans, rooms, style)
        self._radius_text, radius_places = radius_captions(matrices, rooms, style)
        remarks = matrices_of(shown, count)
        self.part: MatrixPart = MatrixPart(
            style=style,
            row=title_row(box, style.scale),
            plans=plans,
            captions=texts,
            caption_places=places,
            radius_places=radius_places,
            remarks=remarks if alone or shown < count else "",
            legend=legend.at(legend_boxes) if alone else None,
            titled=alone,
        )

    @property
    def colors(self) -> np.ndarray:
        """The colours of its areas, (C, 3) uint8."""
        return palette(self._style.theme, self._coloring.ramp(self._style.theme))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told: nothing."""
        return ()

    def meaning(self, place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Return the numbers and colours of all cells."""
        shown, theme = self._all, self._style.theme
        value, change = shown.cells.at(place), shown.cells.change_at(place)
        if in_ink or not self._explained:
            color = self._scales.of_ink(value, theme)
        else:
            color = self._scales.of_colors(self._coloring.number(value, change), theme, self._coloring.ramp(theme))
        cells = Cells(
            matrices=shown.matrices,
            value=value,
            change=change,
            color=color,
            largest=shown.largest[place.before],
            largest_at=shown.largest_at[place.before],
            largest_cell=shown.largest_cells(place),
            spectral_radius=shown.radius[place.before],
            many="largest" if self._options.color == "sign" else "root mean square",
        )
        return {"cells": cells}

    def look(self, frame: Frame) -> MatrixLook:
        """Return what moves in a frame."""
        cells = frame.cells
        assert cells is not None
        radius = tuple(
            radius_text(self._radius_text, number)
            for number, matrix in zip(cells.spectral_radius.tolist(), cells.matrices, strict=True)
            if matrix.is_hidden
        )
        stand_out = () if frame.moment is None else frame.moment.things
        return MatrixLook(frame.title, cells.color, cells.largest_cell, radius, stand_out)


def read_matrices(
    run: Run, snapshots: Sequence[Snapshot], options: Options, room: tuple[Box, float] | None = None
) -> CellHistory:
    """Read the weights that were asked for, or those that there is room for, in as many cells as there is room for.

    Args:
        run: whose weights.
        snapshots: those that are shown, in their order.
        options: the user's choices.
        room: of the matrices, and the scale of sizes there, where the panel is one of several.

    Raises:
        SnapshotError: a snapshot cannot be read.
        OptionError: there is no weight of a name.
    """
    inside, style = _room(run, options, room)
    every = turned_weights(run)
    if not every:
        raise OptionError(f"view is 'matrix', but there is no weight of two axes or more in {str(run.path)!r}")
    chosen = choose_weights(run, every)
    caption = caption_pt(style, any(each.row.role == HIDDEN for each in chosen))
    if not run.asked:
        chosen = chosen[: room_for(inside, caption, style.scale)]
    rooms = slots(inside, len(chosen), caption, style.scale, [form_of(each.shape) for each in chosen])
    matrices = [plan_matrix(each, room, options.dpi).matrix for each, room in zip(chosen, rooms, strict=True)]
    return read_cells(snapshots, options, matrices=matrices, count=len(every))


def _room(run: Run, options: Options, room: tuple[Box, float] | None) -> tuple[Box, Style]:
    """Return the room of the matrices, as far as it is known before they are read."""
    families = load_font(options.font)
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    panels = options.panels if run.log is not None and options.panels != "curve" else "network"
    scale = arrange(width_pt, height_pt, panels).scale
    above = height_of_title(options.title, scale) + height_of_moments(options, scale)
    layout = arrange(width_pt, height_pt - above, panels)
    style = Style(pick_theme(options.theme, options.palette), families, "", layout.scale, options.dpi)
    if room is not None:
        return room[0], replace(style, scale=room[1])
    box = layout.view
    assert box is not None
    return _inside(box, rows_of_blocks(box, USUAL_BLOCKS_PT, style.scale)[1], style), style


def words_of(history: History, _options: Options) -> list[str]:
    """Return the texts from the run that the panel writes."""
    shown: CellHistory = history.shown
    return [*(matrix.row.title for matrix in shown.matrices), *history.titles]


def caption_pt(style: Style, with_radius: bool) -> float:
    """Return the height of a caption."""
    return (CAPTION_LINES + (1.15 if with_radius else 0.0)) * looks.TEXT_PT * SMALL_PRINT * style.scale


def plan_of(matrix: Matrix) -> Plan:
    """Return how cells that were read are drawn; the place is still to be chosen."""
    shape = matrix.shape
    kernel = (prod(shape[2:-1]), shape[-1]) if len(shape) > 2 and prod(shape[2:]) > 1 and matrix.is_whole else None
    return Plan(matrix, kernel, 1, Box(0.0, 0.0, 1.0, 1.0))


def _inside(box: Box, legend_top: float, style: Style, head_pt: float = TITLE_HEIGHT_PT) -> Box:
    bottom = legend_top + 0.4 * looks.TEXT_PT * style.scale
    return Box(box.left, bottom, box.width, box.top - head_pt * style.scale - bottom)


def _shade(color: looks.Color) -> Shade:
    return float(color[0]), float(color[1]), float(color[2])
