"""The panel of one metric of several runs: a curve in each run's colour, named at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design import theme as looks
from nnanim.design.fonts import fitted, text_width_pt
from nnanim.design.layout import AXIS_BOTTOM_PT, AXIS_PT, LINE_PT, TITLE_HEIGHT_PT, Box, check_room, spread, title_row
from nnanim.design.style import Style
from nnanim.design.theme import Color, Theme
from nnanim.frames.curves import Curve, display_names
from nnanim.frames.frame import TogetherFrame
from nnanim.frames.history import Place as RunPlace
from nnanim.frames.together import Together
from nnanim.options import Options
from nnanim.painting.brush import Brush, Place, Shade
from nnanim.painting.drawing import Drawing
from nnanim.panels.chart import Chart, blend
from nnanim.panels.curve import HEADER_GAP, PALE

NAME_SHARE = 0.38  # of the panel's width for the names, at most
LEADER_PT = 12.0  # from the end of the data area to a name
NAME_LINE = 1.15  # distance of two names at least, in heights of a letter
LEADER_LINE_PT = 0.9
TEXT_COLOR = 0.7  # share of a run's colour in its name, which is to be read too
DOT_SHARE = 0.8  # of a dot's size


@dataclass(frozen=True, eq=False)
class RunCurvesLook:
    """What moves in the panel.

    Attributes:
        title: text above the curves, where no other panel has it.
        x: for each run with a curve, where its dot is; NaN for none.
    """

    title: str
    x: tuple[float, ...]


class RunCurvesPart(Chart):
    """The panel in its place. All lengths are in points."""

    def __init__(
        self,
        curves: Sequence[Curve],
        names: Sequence[str],
        runs: Sequence[int],
        box: Box,
        style: Style,
        *,
        titled: bool,
    ) -> None:
        """Choose axes and places.

        Args:
            curves: one for each run that has one, of the same metric.
            names: of these runs.
            runs: their numbers among all runs, which choose the colours.
            box: of the panel.
            style: of the figure; its theme has a colour for each run.
            titled: whether the title stands here.
        """
        self._colors = [style.theme.curves[run] for run in runs]
        scale, self._size = style.scale, looks.TEXT_PT * style.scale
        top = box.top - (TITLE_HEIGHT_PT * scale if titled else 0.0)
        self._header = header = Box(box.left, top - LINE_PT * scale, box.width, LINE_PT * scale)
        leader = LEADER_PT * scale
        drawable = [style.drawable(name) for name in names]
        room = min(NAME_SHARE * box.width, max(text_width_pt(name, self._size, style.families) for name in drawable))
        self._names = [fitted(name, self._size, room, style.families) for name in drawable]
        left, bottom = box.left + AXIS_PT * scale, box.bottom + AXIS_BOTTOM_PT * scale
        height = header.bottom - HEADER_GAP * LINE_PT * scale - bottom
        super().__init__(curves, Box(left, bottom, box.right - room - leader - left, height), style)
        row = title_row(box, scale)
        self._titled = titled
        self.text_places: tuple[Place, ...] = (
            (Place(row.left, row.top, looks.TITLE_PT * scale, style.theme.ink, va="top"),) if titled else ()
        )

    def paint_ground(self, brush: Brush) -> None:
        """Paint the axes, the whole curves in pale, and the names at their ends."""
        theme, scale = self._style.theme, self._scale
        for curve, color in zip(self._curves, self._colors, strict=True):
            self._line(brush, curve, curve.x, curve.y, blend(color, theme.background, PALE))
        self._paint_x(brush)
        self._paint_y(brush, 0, self._y[0])
        header = self._header
        (metric,) = display_names([self._curves[0].metric])
        y = header.bottom + header.height / 2
        brush.text(Place(header.left, y, self._size, theme.ink, va="center"), self._style.drawable(metric))
        ends = [self._end(curve) for curve in self._curves]
        apart = NAME_LINE * self._size
        heights = spread([float(end[1]) for end in ends], self.box.bottom, self.box.top, apart)
        for end, height, (name, size), color in zip(ends, heights, self._names, self._colors, strict=True):
            x = self.box.right + LEADER_PT * scale
            leader = np.array([end, [x - 0.25 * LEADER_PT * scale, height]])
            brush.line(leader, LEADER_LINE_PT * scale, blend(color, theme.background, 0.6))
            brush.text(Place(x, height, size, name_color(color, theme), va="center"), name)

    def paint(self, brush: Brush, look: RunCurvesLook, _drawing: Drawing | None) -> None:
        """Paint the curves up to a place each, with a dot there; NaN for none of that."""
        theme, scale = self._style.theme, self._scale
        for index, (curve, color, x) in enumerate(zip(self._curves, self._colors, look.x, strict=True)):
            passed, y = curve.until(x)
            self._line(brush, curve, passed, y, color, begun=True)
            if np.isfinite(y[-1]):
                center = self._points(curve, passed[-1:], y[-1:])[0]
                circle = np.array([[*center, DOT_SHARE * looks.DOT_PT * scale / 2]])
                rim = np.array([theme.background])
                brush.circles(circle, np.array([color]), rim, np.array([scale]), who=[index])

    def texts(self, look: RunCurvesLook) -> tuple[str, ...]:
        return (self._style.drawable(look.title),) if self._titled else ()

    def _end(self, curve: Curve) -> np.ndarray:
        """Return the last point of a curve, or the middle of the right side where it has none."""
        known = np.flatnonzero(np.isfinite(curve.y))
        if not len(known):
            return np.array([self.box.right, self.box.bottom + self.box.height / 2])
        point: np.ndarray = self._points(curve, curve.x[known[-1:]], curve.y[known[-1:]])[0]
        return point


def name_color(color: Color, theme: Theme) -> Shade:
    """Return the colour of a run's name: the run's, as dark (or light) as is needed to read it."""
    return blend(color, theme.ink, TEXT_COLOR)


class RunCurvesPanel:
    """The panel of one metric of several runs."""

    def __init__(self, together: Together, box: Box, style: Style, options: Options, *, titled: bool) -> None:
        """Choose axes and places.

        Args:
            together: the runs, at least one of them with a curve.
            box: where the panel stands.
            style: of the figure.
            options: the user's choices.
            titled: whether the title stands here.

        Raises:
            OptionError: the figure is too small.
        """
        self._runs = [run for run, history in enumerate(together.histories) if history.curves]
        curves = [together.histories[run].curves[0] for run in self._runs]
        names = [together.names[run] for run in self._runs]
        self.part: RunCurvesPart = RunCurvesPart(curves, names, self._runs, box, style, titled=titled)
        check_room(self.part.box, options.figsize, style.scale)

    def meaning(self, _place: RunPlace, *, in_ink: bool) -> dict[str, Any]:
        """Nothing: every frame has its metrics, whether they are drawn or not."""
        return {}

    def look(self, frame: TogetherFrame) -> RunCurvesLook:
        """Return what moves in a frame."""
        return RunCurvesLook(frame.title, tuple(frame.runs[run].curve_x for run in self._runs))
