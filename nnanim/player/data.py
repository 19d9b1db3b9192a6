"""What the player's page is told: plain numbers and texts, from the same scales and themes as the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from nnanim.design import theme, wording
from nnanim.design.axis import Axis
from nnanim.design.cell_scales import CellScales
from nnanim.design.coloring import COLORINGS, BySign
from nnanim.design.hill_scale import HillScale
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales
from nnanim.design.scales import WidthScale
from nnanim.frames.curves import Curve, display_names, unit_sign
from nnanim.frames.history import History
from nnanim.frames.rows import RowHistory
from nnanim.frames.weights import Weights
from nnanim.options import THEMES, Options
from nnanim.painting.graphviz_engine import draw
from nnanim.panels.network import NetworkScales, neuron_names
from nnanim.panels.network_dot import dot_source
from nnanim.panels.node_places import NodePlaces
from nnanim.player.boxes import MapPage, map_data
from nnanim.player.cells import CellPage, cells_data
from nnanim.player.head_room import HeadRoom
from nnanim.player.looks import LEVELS, VIEWS, color_tables, cut, width_pt
from nnanim.player.rows import row_numbers, row_views, rows_data
from nnanim.player.tiles import scales_of_mode, tile_places, tiles_data, with_cells_behind, with_tiles

CURVE_POINTS = 1000  # more than a screen is wide
LABEL_SHARE = 0.24  # of a view's width, at most, for names at one side
CAPTION_SHARE = 0.12  # at most, for the half of an outer column's caption
EDGE_PT = 2.0  # between a text and the end of the view
SMALLEST_TEXT = 0.7  # of the text's size; what is still too long is cut


def as_plain(
    history: History, stays_s: Sequence[float], options: Options, room: HeadRoom | None = None
) -> dict[str, Any]:
    """Return what JSON can hold; None stands for NaN.

    Args:
        history: of the run.
        stays_s: how long each snapshot is shown.
        options: the user's choices.
        room: the scales of a page that grows; by default those of the pictures.
    """
    names = display_names([curve.metric for curve in history.curves])
    shown = _shown(history, options, room)
    return {
        "name": history.name,
        "titles": list(history.titles),
        "durations_ms": [round(1000 * duration) for duration in stays_s],
        "loop": options.loop,
        "smooth": options.tween > 0,
        "since": {"which": options.since, "text": history.since},
        "curves": [_curve(curve, name, history) for curve, name in zip(history.curves, names, strict=True)],
        "curve_x": _list(history.curve_x),
        "axes": _axes(history.curves),
        "moments": [
            {"index": each.snapshot, "says": each.says, "things": list(each.things)} for each in history.moments
        ],
        **shown,
    }


def numbers(history: History, hills: HillScale | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return what the page unpacks: weights (S, E) and biases (S, N), or what rows have in their place.

    Args:
        history: of the run.
        hills: the scale of the hills of rows, where they have some.
    """
    if isinstance(history.shown, RowHistory):
        return row_numbers(history.shown, hills)
    if isinstance(history.shown, MapPage):
        return row_numbers(history.shown.rows)
    if isinstance(history.shown, CellPage):
        return history.shown.cells.cells.values, history.shown.cells.largest.astype(np.float32)
    weights: Weights = history.shown
    return with_cells_behind(weights), weights.biases.values


def _shown(history: History, options: Options, room: HeadRoom | None) -> dict[str, Any]:
    """Return what the page is told of the view."""
    shown, has_changes = history.shown, len(history) > 1
    if isinstance(shown, CellPage):
        cell_scales = CellScales.of_runs([replace(history, shown=shown.cells)], options)
        if room is not None:
            cell_scales = room.over_cells(cell_scales, has_changes=has_changes)
        return cells_data(history, options, cell_scales)
    if not isinstance(shown, RowHistory | MapPage):
        return _network(history, options, room)
    rows = shown.rows if isinstance(shown, MapPage) else shown
    scales = RowScales.of_rows([shown.boxes if isinstance(shown, MapPage) else shown])
    if room is not None:
        scales = room.over_rows(scales, has_changes=has_changes)
    if isinstance(shown, MapPage):
        return map_data(history, options, scales)
    return rows_data(history, options, scales, rows) | {"views": row_views(history, options, scales.hills)}


def _network(history: History, options: Options, room: HeadRoom | None) -> dict[str, Any]:
    weights: Weights = history.shown
    selection = weights.selection
    starts = np.cumsum([0, *map(len, selection.nodes)])
    scales = NetworkScales.of_runs([history], options)
    if room is not None:
        scales = room.over_network(scales, has_changes=len(history) > 1)
    modes = {}
    for name, coloring in COLORINGS.items():
        if name == BySign.name and weights.only_norms and weights.tiles is None:
            continue
        colors = scales.colors[name]
        legend = wording.make_legend(weights, scales.widths, colors, scales.rings, history.since, coloring)
        tiles = scales.tiles and scales_of_mode(weights, scales.tiles, name, options.color)
        if tiles is not None:
            legend = wording.with_tiles(legend, weights, tiles, coloring, "change")
        modes[name] = {
            "signed": coloring.name == BySign.name,
            "domain": _plain(colors.domain),
            "ring_domain": _plain(scales.ring_colors[name].domain),
            "tile_domain": None if tiles is None else _plain(tiles.colors.domain),
            "legend": asdict(legend),
            "themes": {theme: color_tables(theme, coloring, options, colors) for theme in THEMES},
        }
    return {
        "color": options.color,
        "layers": [{"name": name, "norm": name in weights.norms} for name in weights.names],
        "nodes": {
            "column": np.repeat(np.arange(len(selection.nodes)), [len(nodes) for nodes in selection.nodes]).tolist(),
            "neuron": np.concatenate(selection.nodes).tolist(),
            "name": _names(weights, options),
        },
        "edges": {
            "layer": selection.layer.tolist(),
            "tail": (starts[selection.layer] + selection.tail).tolist(),
            "head": (starts[selection.layer + 1] + selection.head).tolist(),
        },
        "tiles": tiles_data(weights),
        "columns": wording.captions(weights),
        "remarks": wording.remarks(weights),
        "width_domain": _plain(scales.widths.domain),
        "ring_domain": None if scales.rings is None else _plain(scales.rings.domain),
        "modes": modes,
        "views": {} if options.panels == "curve" else _views(weights, options, scales.widths, scales.rings),
    }


def _plain(domain: np.ndarray) -> Any:
    return domain.tolist()  # one number, or one for each edge


def _list(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]


def _names(weights: Weights, options: Options) -> list[str]:
    """Return the names given to the shown neurons, "" for those without one."""
    nodes = weights.selection.nodes
    names = [""] * sum(map(len, nodes))
    first, last = neuron_names(weights, options)
    names[: len(first)] = first
    if last:
        names[-len(last) :] = last
    return names


def _views(
    weights: Weights, options: Options, widths: WidthScale, rings: WidthScale | None
) -> dict[str, dict[str, Any]]:
    """Let Graphviz draw the network once for each shape of a screen."""
    selection = weights.selection
    names = _names(weights, options)
    sides = (names[: len(selection.nodes[0])], names[len(names) - len(selection.nodes[-1]) :])
    words = wording.captions(weights)
    networks, sources, texts = [], [], []
    for view, (width, height, scale) in VIEWS.items():
        text = theme.TEXT_PT * scale
        shown = [[cut(name, text, LABEL_SHARE * width) for name in side] for side in sides]
        left, right = (
            max(max((width_pt(name, text) for name in side), default=0.0) + 12 * scale, _overhang(lines, text, width))
            for side, lines in zip(shown, (words[0], words[-1]), strict=True)
        )
        box = Box(left, 3.4 * text, width - left - right, height - 4 * text)
        network = with_tiles(
            NodePlaces.fill(selection, box, scale), weights, box, scale, in_rows=not any(map(len, shown))
        )
        edges, nodes = len(selection.layer), sum(map(len, selection.nodes))
        grey = np.zeros((max(edges, nodes), 3), dtype=np.uint8)
        thin = np.full(edges, network.edge_range_pt[0]), np.full(nodes, network.ring_range_pt[0])
        sources.append(dot_source(view, network, thin[0], grey[:edges], thin[1], grey[:nodes], (255, 255, 255)))
        networks.append(network)
        texts.append((text, shown))
    views = {}
    share = np.linspace(0, 1, LEVELS + 1)
    for (view, (width, height, _)), network, (text, shown), drawing in zip(
        VIEWS.items(), networks, texts, draw(sources, options.engine), strict=True
    ):
        columns = [float(centers[:, 0].min() + centers[:, 0].max()) / 2 for centers in network.centers_pt]
        pitch = 0.96 * (columns[1] - columns[0])
        captions = [
            _caption(x, texts, text, min(pitch, 2 * (x - EDGE_PT), 2 * (width - EDGE_PT - x)))
            for x, texts in zip(columns, words, strict=True)
        ]
        views[view] = {
            "size": [width, height],
            "text": round(text, 2),
            "segments": _flip(drawing.segments_pt, height).reshape(-1, 4).round(2).tolist(),
            "circles": np.column_stack([_flip(drawing.circles_pt[:, :2], height), drawing.circles_pt[:, 2]])
            .round(2)
            .tolist(),
            "widths": widths.over(network.edge_range_pt).of_share(share).round(3).tolist(),
            "rings": None if rings is None else rings.over(network.ring_range_pt).of_share(share).round(3).tolist(),
            "thinnest_ring": network.ring_range_pt[0],
            "tiles": tile_places(network, drawing, height),
            "captions": captions,
            "captions_y": height - 2.1 * text,
            "labels": shown,
            "label_offset": network.node_radius_pt + network.ring_range_pt[1] / 2 + 4,
            "left_out": [[round(x, 2), round(height - y, 2)] for x, y in network.left_out_pt],
        }
    return views


def _overhang(lines: tuple[str, str], size: float, width: float) -> float:
    """Return how far a caption reaches beyond the middle of an outer column."""
    return min(max(width_pt(line, size) for line in lines) / 2 + EDGE_PT, CAPTION_SHARE * width)


def _caption(x: float, texts: tuple[str, str], size: float, room: float) -> dict[str, Any]:
    widest = max(width_pt(text, size) for text in texts)
    shrunk = size * min(1.0, max(SMALLEST_TEXT, room / max(widest, 1.0)))
    return {
        "x": round(x, 2),
        "size": round(shrunk, 2),
        "room": round(room, 2),
        "lines": [cut(text, shrunk, room) for text in texts],
    }


def _flip(points: np.ndarray, height: float) -> np.ndarray:
    """Turn y up into y down."""
    flipped: np.ndarray = np.stack([points[..., 0], height - points[..., 1]], axis=-1)
    return flipped


def _curve(curve: Curve, name: str, history: History) -> dict[str, Any]:
    x, y = thinned(curve.x, curve.y, CURVE_POINTS)
    at = np.array([curve.value_at(place) for place in history.curve_x])
    return {
        "metric": name,
        "axis": curve.axis,
        "held_out": curve.held_out,
        "x": _list(x),
        "y": _list(y),
        "dots": _list(at),
        "values": [curve.unit.text(value / curve.unit.factor) for value in at],
    }


def thinned(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave out points of a line that nobody could see: of each of `most` parts only its lowest and highest stay.

    Gaps (NaN), the first point and the last stay too.
    """
    if len(x) <= 2 * most:
        return x, y
    kept = {0, len(x) - 1, *np.flatnonzero(~np.isfinite(y)).tolist()[:most]}
    for part in np.array_split(np.arange(len(x)), most):
        finite = part[np.isfinite(y[part])]
        if len(finite):
            kept |= {int(finite[np.argmin(y[finite])]), int(finite[np.argmax(y[finite])])}
    order = sorted(kept)
    return x[order], y[order]


def _axes(curves: Sequence[Curve]) -> dict[str, Any] | None:
    """Return limits and ticks, chosen as in the pictures."""
    if not curves:
        return None
    x = Axis.of([curve.x for curve in curves], 8, integer=True)
    sides = []
    for side in sorted({curve.axis for curve in curves}):
        y = Axis.of([curve.y for curve in curves if curve.axis == side], 6).with_unit(unit_sign(curves, side))
        sides.append({"limits": [y.low, y.high], "ticks": _ticks(y)})
    return {"x_label": curves[0].x_label, "x_limits": [x.low, x.high], "x_ticks": _ticks(x), "y": sides}


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    # Beside the labels there is no room for a factor that would stand for all of them.
    labels = [f"{tick:.6g}".replace("-", "\N{MINUS SIGN}") for tick in axis.ticks] if axis.factor else axis.labels
    return list(zip(axis.ticks, labels, strict=True))
