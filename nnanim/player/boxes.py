"""What the page is told of a map: boxes and arrows as Graphviz laid them out, for each shape of a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.design.fonts import load_font, missing_glyphs
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales
from nnanim.design.style import Style
from nnanim.design.theme import TEXT_PT, pick_theme
from nnanim.design.wording import weight_tensors
from nnanim.frames.boxes import BoxHistory
from nnanim.frames.history import History
from nnanim.frames.rows import RowHistory
from nnanim.options import Options
from nnanim.painting.drawing import BoxDrawing
from nnanim.painting.graphviz_engine import draw
from nnanim.panels.map_dot import map_dot
from nnanim.panels.map_labels import MapLabels
from nnanim.panels.map_panel import BORDER_PT, fold_until_readable
from nnanim.player.looks import VIEWS
from nnanim.player.rows import rows_data

DPI = 144.0  # at which texts are measured
HEIGHTS = (1.0, 1.8)  # of a view, in turn, until names can be read
READABLE_PT = 7.5
MARGIN_PT = 6.0


@dataclass(frozen=True, eq=False)
class MapPage:
    """A map as the page shows it.

    Attributes:
        rows: the weights that stripes stand for, and every box of every view.
        boxes: the boxes over which the scales are made.
        views: for each shape of a screen what JSON can hold.
        why_no_arrows: empty where there are some.
    """

    rows: RowHistory
    boxes: RowHistory
    views: dict[str, dict[str, Any]]
    why_no_arrows: str


def lay_out(history: History, options: Options) -> MapPage:
    """Let Graphviz place the boxes for each shape of a screen.

    Args:
        history: of a run whose map is shown.
        options: the user's choices.

    Raises:
        GraphvizError: Graphviz is missing or fails.
    """
    every: BoxHistory = history.shown
    titles = [row.title for row in every.boxes.rows]
    families = load_font(options.font)
    parts: list[RowHistory] = [every.weights]
    count, views = len(every.weights.rows), {}
    for name, (width, height, scale) in VIEWS.items():
        style = Style(pick_theme("light", "vivid"), families, missing_glyphs(titles, families), scale, DPI)
        for taller in HEIGHTS:
            size = (width, round(taller * height, 2))
            room = Box(MARGIN_PT, MARGIN_PT, size[0] - 2 * MARGIN_PT, size[1] - 2 * MARGIN_PT)
            shown, places, labels = fold_until_readable(every, room, style, options)
            if labels.size_pt >= READABLE_PT:
                break
        boxes = len(places.boxes_pt)
        grey, thin = np.zeros((boxes, 3), np.uint8), np.full(boxes, BORDER_PT[0] * scale)
        dot = map_dot(name, places, tuple(grey[:, None]), grey, thin, (0, 0, 0), scale)
        (drawing,) = draw([dot], options.engine)
        assert drawing.map is not None
        views[name] = _view(drawing.map, shown, labels, places.clusters_pt, size, scale)
        views[name]["rows"] = [count + box for box in range(len(shown.boxes.rows))]
        count += len(shown.boxes.rows)
        parts.append(shown.boxes)
    return MapPage(_all_of(parts), every.boxes, views, every.why_no_arrows)


def map_data(history: History, options: Options, scales: RowScales) -> dict[str, Any]:
    """Return what JSON can hold.

    Args:
        history: of a run whose `MapPage` is shown.
        options: the user's choices.
        scales: of the boxes.
    """
    shown: MapPage = history.shown
    told = rows_data(history, options, scales, shown.rows)
    count, drawn = len(shown.boxes.rows), len(next(iter(shown.views.values()))["rows"])
    remarks = weight_tensors(count) + (f" in {drawn} boxes" if drawn < count else "")
    return told | {
        "remarks": f"{remarks}, no arrows: {shown.why_no_arrows}" if shown.why_no_arrows else remarks,
        "border": list(BORDER_PT),
        "views": {} if options.panels == "curve" else shown.views,
    }


def _view(
    drawing: BoxDrawing,
    shown: BoxHistory,
    labels: MapLabels,
    clusters_pt: np.ndarray,
    size: tuple[float, float],
    scale: float,
) -> dict[str, Any]:
    """Tell places in points, y down."""
    height = size[1]

    def flat(points: np.ndarray) -> list[float]:
        turned = np.stack([points[:, 0], height - points[:, 1]], axis=1)
        return [round(number, 2) for number in turned.ravel().tolist()]

    def framed(left: float, bottom: float, right: float, top: float) -> list[float]:
        return [round(number, 2) for number in (left, height - top, right - left, top - bottom)]

    ends = [(shape.points_pt.min(axis=0).tolist(), shape.points_pt.max(axis=0).tolist()) for shape in drawing.boxes]
    around = sorted(clusters_pt.tolist(), key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))
    return {
        "size": list(size),
        "text": round(TEXT_PT * scale, 2),
        "scale": scale,
        "boxes": [framed(*low, *high) for low, high in ends],
        "lines": [[_line(x, height - y, pt, text) for x, y, pt, text in lines] for lines in labels.boxes],
        "groups": [list(group) for group in shown.groups],
        "striped": list(shown.are_repeats),
        "arrows": [
            [flat(curve.points_pt), flat(head.points_pt)]
            for curve, head in zip(drawing.curves, drawing.heads, strict=True)
        ],
        "clusters": [framed(*box) for box in around],
        "names": [_line(place.x, height - place.y, place.size_pt, text) for place, text in labels.clusters],
    }


def _line(x: float, y: float, size_pt: float, text: str) -> list[float | str]:
    return [round(x, 2), round(y, 2), round(size_pt, 2), text]


def _all_of(parts: Sequence[RowHistory]) -> RowHistory:
    """Return the rows of all parts, one after the other."""
    norms, moved, reference = (
        np.concatenate([getattr(part, name) for part in parts], axis=1) for name in ("norms", "moved", "reference")
    )
    return RowHistory(tuple(row for part in parts for row in part.rows), norms, moved, reference)
