"""The panel of the curve: axes, header, whole curves, and what has passed of them."""

from __future__ import annotations

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.axis import Axis
from nnanim.design.fixed_parts import GAP_PT, SAMPLE_PT, Still
from nnanim.design.fonts import drawable, fitted, text_width_pt
from nnanim.design.layout import LINE_PT, Box
from nnanim.frames.curves import Curve, display_names
from nnanim.painting.brush import Brush, Place, Shade

TICK_PT = 3.0
PAD_PT = 3.5  # between a tick and its label
AXIS_LINE_PT = 0.8
WIDEST_VALUE = "100.0 % "
TICK_EACH_PT = 42.0  # along the horizontal axis, at least


class Chart:
    """The curves of a run in their panel. All lengths are in points.

    Attributes:
        values: for each curve, where its value stands.
    """

    def __init__(self, still: Still, box: Box, header: Box) -> None:
        """Choose axes and places.

        Args:
            still: with at least one curve.
            box: data area of the axes.
            header: room for one line of text for each curve.
        """
        self._still, self._box = still, box
        self._scale = still.layout.scale
        curves = still.curves
        bins = max(2, int(box.width / (TICK_EACH_PT * self._scale)))
        self._x = Axis.of([curve.x for curve in curves], bins, integer=True)
        self._y = [
            Axis.of([curve.y for curve in curves if curve.axis == side], 6)
            for side in range(max(curve.axis for curve in curves) + 1)
        ]
        self._rows = [header.top - (row + 0.5) * LINE_PT * self._scale for row in range(len(curves))]
        self._header = header
        size, ink = looks.TEXT_PT * self._scale, still.theme.ink
        self.values = [Place(header.right, y, size, ink, "right", "center") for y in self._rows]

    def paint(self, brush: Brush) -> None:
        """Paint what stays the same."""
        for curve in self._still.curves:
            color = _blend(self._still.theme.curves[curve.axis], self._still.theme.background, 0.35)
            self._line(brush, curve, curve.x, curve.y, color)
        self._paint_x(brush)
        for side, axis in enumerate(self._y):
            self._paint_y(brush, side, axis)
        self._paint_header(brush)

    def paint_marks(self, brush: Brush, curve_x: float) -> None:
        """Paint the curves up to a place, with a dot there; NaN for none of that."""
        theme, scale = self._still.theme, self._scale
        for curve in self._still.curves:
            x, y = curve.until(curve_x)
            self._line(brush, curve, x, y, theme.curves[curve.axis])
            if np.isfinite(y[-1]):
                center = self._points(curve, x[-1:], y[-1:])[0]
                radius = looks.DOT_PT * scale * (0.8 if curve.held_out else 1.0) / 2
                fill, rim = (theme.background, theme.dot) if curve.held_out else (theme.dot, theme.background)
                width = (1.8 if curve.held_out else 1.0) * scale
                circle = np.array([[*center, radius]])
                brush.circles(circle, np.array([fill]), np.array([rim]), np.array([width]))

    def _points(self, curve: Curve, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across = self._box.left + self._box.width * self._x.shares(x)
        up = self._box.bottom + self._box.height * self._y[curve.axis].shares(y)
        return np.stack([across, up], axis=1)

    def _line(self, brush: Brush, curve: Curve, x: np.ndarray, y: np.ndarray, color: Shade) -> None:
        points = self._points(curve, x, y)
        cap = "butt" if curve.held_out else "projecting"
        width = looks.CURVE_PT * self._scale
        brush.line(points, width, color, dashed=curve.held_out, cap=cap, inside=self._box)

    def _paint_x(self, brush: Brush) -> None:
        box, theme, scale = self._box, self._still.theme, self._scale
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
        name = f"{self._still.curves[0].x_label} {self._x.factor}".rstrip()
        y = below - PAD_PT * scale - 1.3 * size
        brush.text(Place(box.left + box.width / 2, y, size, theme.ink, "center", "top"), name)

    def _paint_y(self, brush: Brush, side: int, axis: Axis) -> None:
        """Paint the left axis (0) or the right one (1), in the colour of its curves where there are both."""
        box, theme, scale = self._box, self._still.theme, self._scale
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
        box, still, scale = self._header, self._still, self._scale
        names = display_names([curve.metric for curve in still.curves])
        size, length = looks.TEXT_PT * scale, SAMPLE_PT * scale
        x = box.left + length + GAP_PT * scale
        room = box.right - x - text_width_pt(WIDEST_VALUE, size, still.families)
        for y, curve, name in zip(self._rows, still.curves, names, strict=True):
            sample = np.array([[box.left, y], [box.left + length, y]])
            color, cap = still.theme.curves[curve.axis], "butt" if curve.held_out else "projecting"
            brush.line(sample, looks.CURVE_PT * scale, color, dashed=curve.held_out, cap=cap, crisp=True)
            text, own_size = fitted(drawable(name, still.missing), size, room, still.families)
            brush.text(Place(x, y, own_size, still.theme.ink, "left", "center"), text)


def _blend(color: Shade, background: Shade, share: float) -> Shade:
    red, green, blue = (share * c + (1 - share) * b for c, b in zip(color, background, strict=True))
    return red, green, blue
