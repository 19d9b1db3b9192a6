"""What the player's page is told: plain numbers and texts, from the same scales and themes as the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnanim.design import theme, wording
from nnanim.design.axis import Axis
from nnanim.design.fonts import load_font, missing_glyphs, text_width_pt
from nnanim.design.layout import Box
from nnanim.design.node_places import Network
from nnanim.design.theme import pick_theme
from nnanim.frames.curves import Curve, display_names, unit_factor, value_text
from nnanim.frames.scales import IntensityScale, WidthScale
from nnanim.frames.weights import Weights
from nnanim.options import COLORS, THEMES, Options
from nnanim.painting.dot import dot_source
from nnanim.painting.graphviz_engine import draw

LEVELS = 128  # looks between 0 and saturation; the eye tells fewer apart
CURVE_POINTS = 1000  # more than a screen is wide
# Width and height in points, scale of the theme's sizes: the narrow one for phones and columns.
VIEWS = {"wide": (640.0, 430.0, 1.0), "narrow": (360.0, 400.0, 0.85)}
LABEL_SHARE = 0.24  # of a view's width, at most, for names at one side
SMALLEST_TEXT = 0.7  # of the text's size; what is still too long is cut


@dataclass(frozen=True, eq=False)
class History:
    """A run as the player shows it.

    Attributes:
        name: of the run.
        weights: of the shown edges and nodes in all shown snapshots.
        edge_changes: (S, E) of |weight|.
        bias_changes: (S, N) of |bias|.
        curves: the metrics' curves.
        titles: for each snapshot.
        curve_x: (S,) where on the curves' axis it lies, NaN for nowhere.
        durations_s: how long each is shown.
        since: what changes are measured against, in words.
    """

    name: str
    weights: Weights
    edge_changes: np.ndarray
    bias_changes: np.ndarray
    curves: Sequence[Curve]
    titles: Sequence[str]
    curve_x: np.ndarray
    durations_s: Sequence[float]
    since: str


def as_plain(history: History, options: Options) -> dict[str, Any]:
    """Return what JSON can hold; None stands for NaN."""
    weights, selection = history.weights, history.weights.selection
    starts = np.cumsum([0, *map(len, selection.nodes)])
    groups = selection.layer if options.scale == "layer" else None
    widths = WidthScale.of_run(weights.edges, (0.0, 1.0), groups)
    rings = None
    if options.bias and np.isfinite(weights.biases).any():
        rings = WidthScale.of_run(weights.biases, (0.0, 1.0))
    names = display_names([curve.metric for curve in history.curves])
    modes = {}
    for color in COLORS:
        signed = color == "sign"
        if signed and len(weights.norms) == len(weights.names):
            continue  # norms have no sign
        colors = (
            IntensityScale.of_weights(widths) if signed else IntensityScale.of_changes(history.edge_changes, groups)
        )
        ring_colors = IntensityScale.of_changes(history.bias_changes)
        if signed and rings is not None:
            ring_colors = IntensityScale.of_weights(rings)
        chosen = replace(options, color=color, since="first") if signed else options
        chosen = replace(chosen, color=color)
        legend = wording.make_legend(weights, widths, colors, rings, history.since, chosen)
        modes[color] = {
            "domain": _plain(colors.domain),
            "ring_domain": _plain(ring_colors.domain),
            "legend": {
                "ramp": legend.ramp,
                "ramp_print": legend.ramp_print,
                "samples": legend.samples,
                "samples_print": legend.samples_print,
            },
            "themes": {name: _color_tables(name, color, options, colors) for name in THEMES},
        }
    return {
        "name": history.name,
        "titles": list(history.titles),
        "durations_ms": [round(1000 * duration) for duration in history.durations_s],
        "loop": options.loop,
        "smooth": options.tween > 0,
        "color": options.color,
        "since": {"which": options.since, "text": history.since},
        "layers": [{"name": name, "norm": name in weights.norms} for name in weights.names],
        "nodes": {
            "column": np.repeat(np.arange(len(selection.nodes)), [len(nodes) for nodes in selection.nodes]).tolist(),
            "neuron": np.concatenate(selection.nodes).tolist(),
            "name": _names(selection.nodes, options),
        },
        "edges": {
            "layer": selection.layer.tolist(),
            "tail": (starts[selection.layer] + selection.tail).tolist(),
            "head": (starts[selection.layer + 1] + selection.head).tolist(),
        },
        "columns": wording.captions(selection, weights.names),
        "remarks": wording.remarks(weights),
        "width_domain": _plain(widths.domain),
        "ring_domain": None if rings is None else _plain(rings.domain),
        "modes": modes,
        "views": {} if options.panels == "curve" else _views(history, options, widths, rings),
        "curves": [_curve(curve, name, history) for curve, name in zip(history.curves, names, strict=True)],
        "curve_x": _list(history.curve_x),
        "axes": _axes(history.curves),
    }


def _plain(domain: np.ndarray) -> Any:
    return domain.tolist()  # one number, or one for each edge


def _list(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]


def _color_tables(name: str, color: str, options: Options, scale: IntensityScale) -> dict[str, Any]:
    """Return the colours for shares of the domain from -1 to 1, as hexadecimal digits without a break."""
    colors = pick_theme(name, options.palette)
    shares = replace(scale, domain=np.array(1.0))(np.linspace(-1, 1, 2 * LEVELS + 1))
    tables = {"edge": colors.edge_colors(shares, color), "ring": colors.ring_colors(shares, color)}
    return {which: table.tobytes().hex() for which, table in tables.items()}


def _names(nodes: Sequence[np.ndarray], options: Options) -> list[str]:
    """Return the names given to the shown neurons, "" for those without one."""
    names = [""] * sum(map(len, nodes))
    for given, column, start in (
        (options.input_labels, nodes[0], 0),
        (options.output_labels, nodes[-1], len(names) - len(nodes[-1])),
    ):
        if given:
            names[start : start + len(column)] = [given[neuron] for neuron in column]
    return names


def _views(
    history: History, options: Options, widths: WidthScale, rings: WidthScale | None
) -> dict[str, dict[str, Any]]:
    """Let Graphviz draw the network once for each shape of a screen."""
    selection = history.weights.selection
    names = _names(selection.nodes, options)
    sides = (names[: len(selection.nodes[0])], names[len(names) - len(selection.nodes[-1]) :])
    networks, sources, texts = [], [], []
    for view, (width, height, scale) in VIEWS.items():
        text = theme.TEXT_PT * scale
        shown = [[_cut(name, text, LABEL_SHARE * width) for name in side] for side in sides]
        left, right = (max((_width_pt(name, text) for name in side), default=0.0) + 12 * scale for side in shown)
        box = Box(left, 3.4 * text, width - left - right, height - 4 * text)
        network = Network.fill(selection, box, scale)
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
        columns = [float(centers[0, 0]) for centers in network.centers_pt]
        room = 0.96 * (columns[1] - columns[0])
        captions = [_caption(x, texts, text, room) for x, texts in zip(columns, _captions(history), strict=True)]
        views[view] = {
            "size": [width, height],
            "text": round(text, 2),
            "segments": _flip(drawing.segments_pt, height).reshape(-1, 4).round(2).tolist(),
            "circles": np.column_stack([_flip(drawing.circles_pt[:, :2], height), drawing.circles_pt[:, 2]])
            .round(2)
            .tolist(),
            "widths": replace(widths, domain=np.array(1.0), range_pt=network.edge_range_pt)(share).round(3).tolist(),
            "rings": None
            if rings is None
            else replace(rings, domain=np.array(1.0), range_pt=network.ring_range_pt)(share).round(3).tolist(),
            "thinnest_ring": network.ring_range_pt[0],
            "captions": captions,
            "captions_y": height - 2.1 * text,
            "labels": shown,
            "label_offset": network.node_radius_pt + network.ring_range_pt[1] / 2 + 4,
            "left_out": [[round(x, 2), round(height - y, 2)] for x, y in network.left_out_pt],
        }
    return views


def _captions(history: History) -> list[tuple[str, str]]:
    return wording.captions(history.weights.selection, history.weights.names)


def _caption(x: float, texts: tuple[str, str], size: float, room: float) -> dict[str, Any]:
    widest = max(_width_pt(text, size) for text in texts)
    shrunk = size * min(1.0, max(SMALLEST_TEXT, room / max(widest, 1.0)))
    return {"x": round(x, 2), "size": round(shrunk, 2), "lines": [_cut(text, shrunk, room) for text in texts]}


def _cut(text: str, size: float, room: float) -> str:
    if _width_pt(text, size) <= room:
        return text
    while text and _width_pt(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def _width_pt(text: str, size: float) -> float:
    # The page has the reader's fonts; what the bundled one lacks (Chinese, Japanese) is about as wide as a W.
    line = " ".join(text.split())
    missing = missing_glyphs([line], load_font(None))
    return text_width_pt(line.translate(dict.fromkeys(map(ord, missing), "W")), size)


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
        "values": [value_text(curve.metric, value / unit_factor(curve.metric)) for value in at],
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
        y = Axis.of([curve.y for curve in curves if curve.axis == side], 6)
        sides.append({"limits": [y.low, y.high], "ticks": _ticks(y)})
    return {"x_label": curves[0].x_label, "x_limits": [x.low, x.high], "x_ticks": _ticks(x), "y": sides}


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    # Beside the labels there is no room for a factor that would stand for all of them.
    labels = [f"{tick:.6g}".replace("-", "\N{MINUS SIGN}") for tick in axis.ticks] if axis.factor else axis.labels
    return list(zip(axis.ticks, labels, strict=True))
