"""Runs side by side as a page with one slider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnanim.encoders.movie import Movie
from nnanim.encoders.svg import svg_of_page
from nnanim.frames.curves import display_names
from nnanim.player.multiples import PageTold, RunTold, page_of_runs

if TYPE_CHECKING:
    from nnanim.comparing.side_by_side import SideBySide

MOST_NAMED = 4  # runs in the title of a page


def page(picture: SideBySide, comment: str | None = None) -> str:
    """Write the page of runs side by side: each moment of their clock once, with its changes and not in ink.

    Args:
        picture: the runs.
        comment: a short text to keep in the page.

    Raises:
        GraphvizError: Graphviz is missing or fails.
    """
    ats = [frame.at for frame in picture]
    first = [ats.index(at) for at in dict.fromkeys(ats)]  # the end may stay in ink, which is no moment of its own
    frames = [picture.frame_of_still(place) for place in first]
    stays_s = dict.fromkeys(ats, 0.0)
    for at, duration_s in zip(ats, picture.durations_s, strict=True):
        stays_s[at] += duration_s
    durations_s = tuple(round(each, 2) for each in stays_s.values())
    figure, painter = picture.figure, picture.painter
    movie = Movie(
        picture.size_px, durations_s, np.zeros((1, 3), np.uint8), picture.options.loop, comment, ground=figure.ground
    )
    names = list(picture.runs)
    label = f"Runs side by side: {', '.join(names)}"
    drawn = svg_of_page(movie, painter.pictures(map(figure.sheet, frames), in_pixels=False), label)
    curves = [history.curves[0] if history.curves else None for history in picture.together.histories]
    metric = picture.together.metric if any(curves) else None
    runs = [
        RunTold(
            name,
            "#" + bytes(figure.style.theme.curves[run]).hex(),
            [frame.runs[run].title for frame in frames],
            []
            if curve is None
            else [curve.unit.text(curve.value_at(frame.runs[run].curve_x) / curve.unit.factor) for frame in frames],
        )
        for run, (name, curve) in enumerate(zip(names, curves, strict=True))
    ]
    told = PageTold(
        picture.options.title or ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else ""),
        drawn,
        [frame.title for frame in frames],
        [round(1000 * each) for each in durations_s],
        picture.options.loop,
        display_names([metric])[0] if metric else "",
        runs,
    )
    return page_of_runs(told, figure.style.theme, comment)
