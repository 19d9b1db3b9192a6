"""All panels of a picture in their places: fixed before the first frame, over one set of scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnanim.design.fonts import load_font, missing_glyphs
from nnanim.design.layout import MARGIN_PT, arrange
from nnanim.design.style import Style
from nnanim.design.theme import POINTS_PER_INCH, pick_theme
from nnanim.frames.frame import Frame
from nnanim.frames.history import History
from nnanim.options import Options
from nnanim.painting.part import Ground, Sheet
from nnanim.panels.curve import CurvePanel
from nnanim.panels.moment import MomentPanel, height_of_moments
from nnanim.panels.panel import Panel, ViewPanel
from nnanim.panels.title import TitlePanel, height_of_title
from nnanim.panels.views.view import View

ROUNDING = 1e-8  # what is a whole number of pixels but for rounding


@dataclass(frozen=True, eq=False)
class Figure:
    """The panels of a picture.

    Attributes:
        style: of the whole.
        panels: in the order in which they are painted.
        view: the panel of the view among them, or None.
        size_px: width and height in whole pixels.
        notes: what a user should be told.
    """

    style: Style
    panels: tuple[Panel, ...]
    view: ViewPanel | None
    size_px: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def ground(self) -> Ground:
        """What stays the same in every frame."""
        return Ground(self.size_px, self.style, tuple(panel.part for panel in self.panels))

    def sheet(self, frame: Frame) -> Sheet:
        """Return what moves in a frame."""
        return Sheet(frame.index, tuple(panel.look(frame) for panel in self.panels))


def make_figure(history: History, view: View | None, scales: Any, options: Options) -> Figure:
    """Place the panels of a run.

    Args:
        history: of the run.
        view: how its network is shown, or None where only its curves are.
        scales: of that view.
        options: the user's choices.

    Raises:
        OptionError: the figure is too small, or the labels do not fit the network.
    """
    families = load_font(options.font)
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    shown_panels = options.panels if history.curves else "network"
    scale = arrange(width_pt, height_pt, shown_panels).scale
    for_title = height_of_title(options.title, scale)
    for_moments = height_of_moments(options, scale) if history.moments else 0.0
    layout = arrange(width_pt, height_pt - for_title - for_moments, shown_panels)
    words = view.words_of(history, options) if view else history.titles
    says = [moment.says for moment in history.moments]
    texts = [*words, *says, *(curve.metric for curve in history.curves), options.title]
    missing = missing_glyphs(texts, families)
    style = Style(pick_theme(options.theme, options.palette), families, missing, layout.scale, options.dpi)
    panels: list[Panel] = []
    shown: ViewPanel | None = None
    if options.title:
        panels.append(TitlePanel(options.title, style, (width_pt, height_pt)))
    if history.moments:
        top_pt = height_pt - MARGIN_PT * scale - for_title
        panels.append(MomentPanel(history.moments, style, options, top_pt, width_pt))
    if layout.curve is not None:
        panels.append(CurvePanel(history, layout.curve, style, options, titled=layout.view is None))
    if layout.view is not None and view is not None:
        shown = view.panel(history, scales, layout.view, style, options)
        panels.append(shown)
    notes = list(shown.notes) if shown is not None else []
    if missing:
        notes.append(f"the font has no glyph for {missing!r}: name a font file that has with --font")
    width_px, height_px = (int(inches * options.dpi + ROUNDING) for inches in options.figsize)
    return Figure(style, tuple(panels), shown, (width_px, height_px), tuple(notes))
