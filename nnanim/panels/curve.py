"""The panel of the curve: axes, header, whole curves, and what has passed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.axis import Axis
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
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.painting.xdot import Drawing
from nnanim.panels.legend import GAP_PT, SAMPLE_PT

TICK_PT = 3.0
PAD_PT = 3.5  # between a tick and its label
AXIS_LINE_PT = 0.8
WIDEST_VALUE = "100.0 % "
TICK_EACH_PT = 42.0  # along the horizontal axis, at least
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


class CurvePart:
    """The panel in its place. All lengths are in points."""

    def __init__(self, curves: Sequence[Curve], box: Box, style: Style, *, titled: bool) -> None:
        """Choose axes and places.

        Args:
            curves: at least one.
            box: of the panel.
            style: of the figure.
            titled: whether the title stands here.
        """
        self._curves, self._style, self._scale = curves, style, style.scale
        scale = style.scale
        with_right_axis = any(curve.axis for curve in curves)
        height = len(curves) * LINE_PT * scale
        top = box.top - (TITLE_HEIGHT_PT * scale if titled else 0.0)
        self._header = header = Box(box.left, top - height, box.width, height)
        left = box.left + AXIS_PT * scale
        right = box.right - (AXIS_PT if with_right_axis else LAST_TICK_PT) * scale
        bottom = box.bottom + AXIS_BOTTOM_PT * scale
        self.box = Box(left, bottom, right - left, header.bottom - HEADER_GAP * LINE_PT * scale - bottom)
        bins = max(2, int(self.box.width / (TICK_EACH_PT * scale)))
        self._x = Axis.of([curve.x for curve in curves], bins, integer=True)
        self._y = [
            Axis.of([curve.y for curve in curves if curve.axis == side], 6)
            for side in range(max(curve.axis for curve in curves) + 1)
        ]
        self._rows = [header.top - (row + 0.5) * LINE_PT * scale for row in range(len(curves))]
        size, ink = looks.TEXT_PT * scale, style.theme.ink
        values = [Place(header.right, y, size, ink, "right", "center") for y in self._rows]
        row = title_row(box, scale)
        title = Place(row.left, row.top, looks.TITLE_PT * scale, ink, va="top")
        self._titled = titled
        self.text_places = (title, *values) if titled else tuple(values)

    def paint_ground(self, brush: Brush) -> None:
        """Paint what stays the same."""
        theme = self._style.theme
        for curve in self._curves:
            color = _blend(theme.curves[curve.axis], theme.background, PALE)
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

    def dot(self, _name: str, _look: CurveLook) -> None:
        """Nothing: a curve is no drawing of a network."""
        return

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

    def _points(self, curve: Curve, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across = self.box.left + self.box.width * self._x.shares(x)
        up = self.box.bottom + self.box.height * self._y[curve.axis].shares(y)
        return np.stack([across, up], axis=1)

    def _line(
        self, brush: Brush, curve: Curve, x: np.ndarray, y: np.ndarray, color: Shade, *, begun: bool = False
    ) -> None:
        points, whole = self._points(curve, x, y), self._points(curve, curve.x, curve.y) if begun else None
        cap = "butt" if curve.held_out else "projecting"
        width = looks.CURVE_PT * self._scale
        brush.line(points, width, color, dashed=curve.held_out, cap=cap, inside=self.box, whole=whole)

    def _paint_x(self, brush: Brush) -> None:
        box, theme, scale = self.box, self._style.theme, self._scale
        size = looks.TEXT_PT * scale
        brush.line(
            np.array([[box.left, box.bottom], [box.right, box.bottom]]),
            AXIS_LINE_PT * scale,
            theme.muted,
            cap="projecting",
            crisp=True,
        )
        below = box.bottom - TICK_PT * scale
        for share, label in zip(self._x.shares(np.array(self._x.ticks)), self._x.labels, strict=True):
            x = box.left + share * box.width
            brush.line(np.array([[x, box.bottom], [x, below]]), AXIS_LINE_PT * scale, theme.muted, crisp=True)
            brush.text(Place(x, below - PAD_PT * scale, size, theme.muted, "center", "top"), label)
        name = f"{self._curves[0].x_label} {self._x.factor}".rstrip()
        y = below - PAD_PT * scale - 1.3 * size
        brush.text(Place(box.left + box.width / 2, y, size, theme.ink, "center", "top"), name)

    def _paint_y(self, brush: Brush, side: int, axis: Axis) -> None:
        """Paint the left axis (0) or the right one (1), in the colour of its curves where there are both."""
        box, theme, scale = self.box, self._style.theme, self._scale
        size = looks.TEXT_PT * scale
        color = theme.muted if len(self._y) == 1 else theme.curves[side]
        x, out = (box.left, -1) if side == 0 else (box.right, 1)
        brush.line(
            np.array([[x, box.bottom], [x, box.top]]), AXIS_LINE_PT * scale, theme.muted, cap="projecting", crisp=True
        )
        end = x + out * TICK_PT * scale
        for share, label in zip(axis.shares(np.array(axis.ticks)), axis.labels, strict=True):
            y = box.bottom + share * box.height
            brush.line(np.array([[x, y], [end, y]]), AXIS_LINE_PT * scale, color, crisp=True)
            place = Place(end + out * PAD_PT * scale, y, size, color, "right" if side == 0 else "left", "center")
            brush.text(place, label)
        if axis.factor:
            place = Place(x, box.top + PAD_PT * scale, looks.TEXT_PT * scale, color, "left" if side == 0 else "right")
            brush.text(place, axis.factor)

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


def _blend(color: Shade, background: Shade, share: float) -> Shade:
    red, green, blue = (share * c + (1 - share) * b for c, b in zip(color, background, strict=True))
    return red, green, blue


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
        self.part = CurvePart(history.curves, box, style, titled=titled)
        check_room(self.part.box, options.figsize, style.scale)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Nothing: every frame has its metrics, whether they are drawn or not."""
        return {}

    def look(self, frame: Frame) -> CurveLook:
        """Return what moves in a frame."""
        units = {curve.metric: curve.unit for curve in self._history.curves}
        values = tuple(units[metric].text(value) for metric, value in frame.metrics.items())
        return CurveLook(frame.title, frame.curve_x, values or ("",) * len(self._history.curves))
