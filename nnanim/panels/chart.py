"""A chart of curves: axes and lines, whatever stands around them. All lengths are in points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.axis import Axis
from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.frames.curves import SHARE_LABEL, Curve, unit_sign
from nnanim.painting.brush import Brush, Place, Shade

TICK_PT = 3.0
PAD_PT = 3.5  # between a tick and its label
AXIS_LINE_PT = 0.8
TICK_EACH_PT = 42.0  # along the horizontal axis, at least


class Chart:
    """Axes and lines in a box."""

    def __init__(self, curves: Sequence[Curve], box: Box, style: Style) -> None:
        """Choose axes.

        Args:
            curves: at least one.
            box: the data area.
            style: of the figure.
        """
        self._curves, self._style, self._scale = curves, style, style.scale
        self.box: Box = box
        bins = max(2, int(box.width / (TICK_EACH_PT * style.scale)))
        self._x = Axis.of([curve.x for curve in curves], bins, integer=curves[0].x_label != SHARE_LABEL)
        self._y = [
            Axis.of([curve.y for curve in curves if curve.axis == side], 6).with_unit(unit_sign(curves, side))
            for side in range(max(curve.axis for curve in curves) + 1)
        ]

    def dot(self, _name: str, _look: Any) -> None:
        """Nothing: a curve is no drawing of a network."""
        return

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


def blend(color: Shade, background: Shade, share: float) -> Shade:
    """Mix a share of a colour with the background."""
    red, green, blue = (share * c + (1 - share) * b for c, b in zip(color, background, strict=True))
    return red, green, blue
