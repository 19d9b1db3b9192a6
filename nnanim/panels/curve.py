"""The panel of the curve: axes, header, whole curves, and what has passed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fonts import fitted, text_width_pt
from nnanim.design.layout import (
    AXIS_BOTTOM_PT,
    AXIS_PT,
    LINE_PT,
    TITLE_HEIGHT_PT,
    Box,
    check_room,
    title_row,
)
from nnanim.design.style import Style
from nnanim.frames.curves import Curve, display_names
from nnanim.frames.frame import Frame
from nnanim.frames.history import History
from nnanim.frames.history import Place as RunPlace
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place
from nnanim.painting.drawing import Drawing
from nnanim.panels.chart import Chart, blend
from nnanim.panels.legend import GAP_PT, SAMPLE_PT

WIDEST_VALUE = "100.0 % "
LAST_TICK_PT = 4.0  # at the right end, where there is no axis
HEADER_GAP = 0.7  # between the names and the data area, in lines of text
PALE = 0.35  # share of a curve's colour where it has not passed yet
HELD_OUT_DOT = 0.8  # of a dot's size


@dataclass(frozen=True, eq=False)
class CurveLook:
    """What moves in the panel.

    Attributes:
        title: text above the curves, where no other panel has it.
        x: where the dots are; NaN for none.
        values: of the curves there, as texts.
    """

    title: str
    x: float
    values: tuple[str, ...]


class CurvePart(Chart):
    """The panel in its place. All lengths are in points."""

    def __init__(self, curves: Sequence[Curve], box: Box, style: Style, *, titled: bool) -> None:
        """Choose axes and places.

        Args:
            curves: at least one.
            box: of the panel.
            style: of the figure.
            titled: whether the title stands here.
        """
        scale = style.scale
        with_right_axis = any(curve.axis for curve in curves)
        lines = len(curves) * LINE_PT * scale
        top = box.top - (TITLE_HEIGHT_PT * scale if titled else 0.0)
        self._header = header = Box(box.left, top - lines, box.width, lines)
        left = box.left + AXIS_PT * scale
        right = box.right - (AXIS_PT if with_right_axis else LAST_TICK_PT) * scale
        bottom = box.bottom + AXIS_BOTTOM_PT * scale
        height = header.bottom - HEADER_GAP * LINE_PT * scale - bottom
        super().__init__(curves, Box(left, bottom, right - left, height), style)
        self._rows = [header.top - (row + 0.5) * LINE_PT * scale for row in range(len(curves))]
        size, ink = looks.TEXT_PT * scale, style.theme.ink
        values = [Place(header.right, y, size, ink, "right", "center") for y in self._rows]
        row = title_row(box, scale)
        title = Place(row.left, row.top, looks.TITLE_PT * scale, ink, va="top")
        self._titled = titled
        self.text_places: tuple[Place, ...] = (title, *values) if titled else tuple(values)

    def paint_ground(self, brush: Brush) -> None:
        """Paint what stays the same."""
        theme = self._style.theme
        for curve in self._curves:
            color = blend(theme.curves[curve.axis], theme.background, PALE)
            if np.isfinite(curve.y).sum() == 1:  # a single value is no line
                alone = np.isfinite(curve.y)
                (center,) = self._points(curve, curve.x[alone], curve.y[alone])
                dot = np.array([[*center, looks.DOT_PT * self._scale / 3]])
                shade = np.array([theme.curves[curve.axis]])
                brush.circles(dot, shade, shade, np.array([0.0]))
                continue
            self._line(brush, curve, curve.x, curve.y, color)
        self._paint_x(brush)
        for side, axis in enumerate(self._y):
            self._paint_y(brush, side, axis)
        self._paint_header(brush)

    def paint(self, brush: Brush, look: CurveLook, _drawing: Drawing | None) -> None:
        """Paint the curves up to a place, with a dot there; NaN for none of that."""
        theme, scale = self._style.theme, self._scale
        for index, curve in enumerate(self._curves):
            x, y = curve.until(look.x)
            self._line(brush, curve, x, y, theme.curves[curve.axis], begun=True)
            if np.isfinite(y[-1]):
                center = self._points(curve, x[-1:], y[-1:])[0]
                radius = looks.DOT_PT * scale * (HELD_OUT_DOT if curve.held_out else 1.0) / 2
                fill, rim = (theme.background, theme.dot) if curve.held_out else (theme.dot, theme.background)
                width = (1.8 if curve.held_out else 1.0) * scale
                circle = np.array([[*center, radius]])
                brush.circles(circle, np.array([fill]), np.array([rim]), np.array([width]), who=[index])

    def texts(self, look: CurveLook) -> tuple[str, ...]:
        return (self._style.drawable(look.title), *look.values) if self._titled else look.values

    def _paint_header(self, brush: Brush) -> None:
        """Name the curves above them, each with a sample of its line."""
        box, style, scale = self._header, self._style, self._scale
        names = display_names([curve.metric for curve in self._curves])
        size, length = looks.TEXT_PT * scale, SAMPLE_PT * scale
        x = box.left + length + GAP_PT * scale
        room = box.right - x - text_width_pt(WIDEST_VALUE, size, style.families)
        for y, curve, name in zip(self._rows, self._curves, names, strict=True):
            sample = np.array([[box.left, y], [box.left + length, y]])
            color, cap = style.theme.curves[curve.axis], "butt" if curve.held_out else "projecting"
            brush.line(sample, looks.CURVE_PT * scale, color, dashed=curve.held_out, cap=cap, crisp=True)
            text, own_size = fitted(style.drawable(name), size, room, style.families)
            brush.text(Place(x, y, own_size, style.theme.ink, "left", "center"), text)


class CurvePanel:
    """The panel of one run's curves."""

    def __init__(self, history: History, box: Box, style: Style, options: Options, *, titled: bool) -> None:
        """Choose axes and places.

        Args:
            history: of the run, with at least one curve.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            titled: whether the title stands here.

        Raises:
            OptionError: the figure is too small.
        """
        self._history = history
        self.part: CurvePart = CurvePart(history.curves, box, style, titled=titled)
        check_room(self.part.box, options.figsize, style.scale)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Nothing: every frame has its metrics, whether they are drawn or not."""
        return {}

    def look(self, frame: Frame) -> CurveLook:
        """Return what moves in a frame."""
        units = {curve.metric: curve.unit for curve in self._history.curves}
        values = tuple(units[metric].text(value) for metric, value in frame.metrics.items())
        return CurveLook(frame.title, frame.curve_x, values or ("",) * len(self._history.curves))
