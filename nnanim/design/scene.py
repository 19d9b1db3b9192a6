"""What holds for the whole animation: scales, places, legend. Made once, before the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnanim.design import theme, wording
from nnanim.design.fixed_parts import RAMP_STEPS, Still, legend_widths
from nnanim.design.fonts import drawable, load_font, missing_glyphs, text_width_pt
from nnanim.design.layout import Layout, Needs, arrange
from nnanim.design.node_places import Network
from nnanim.design.theme import POINTS_PER_INCH, Theme, pick_theme
from nnanim.errors import OptionError
from nnanim.frames.curves import Curve
from nnanim.frames.scales import IntensityScale, WidthScale
from nnanim.frames.weights import Weights
from nnanim.options import Options

NO_RANGE = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """Scales and places of an animation.

    Attributes:
        theme: colours.
        network: places of nodes and edges, or None without their panel.
        widths: |weight| to line width.
        colors: change, or the weight itself, to intensity.
        rings: |bias| to the width of a ring, or None where no biases are shown.
        ring_colors: change of |bias|, or the bias itself, to intensity.
        still: what the canvas paints once.
        notes: what a user should be told.
    """

    theme: Theme
    network: Network | None
    widths: WidthScale
    colors: IntensityScale
    rings: WidthScale | None
    ring_colors: IntensityScale
    still: Still
    notes: tuple[str, ...]


def make_scene(
    weights: Weights,
    changes: np.ndarray,
    bias_changes: np.ndarray,
    curves: Sequence[Curve],
    since: str,
    titles: Sequence[str],
    options: Options,
) -> Scene:
    """Fix everything that does not change from frame to frame.

    Args:
        weights: of the shown edges and nodes in all snapshots.
        changes: (S, E) of |weight|.
        bias_changes: (S, N) of |bias|.
        curves: the metrics' curves.
        since: what changes are measured against, in words.
        titles: of the snapshots.
        options: the user's choices.

    Raises:
        OptionError: the figure is too small, or the labels do not fit the network.
    """
    families = load_font(options.font)
    colors_of = pick_theme(options.theme, options.palette)
    groups = weights.selection.layer if options.scale == "layer" else None
    widths = WidthScale.of_run(weights.edges, NO_RANGE, groups)
    signed = options.color == "sign"
    colors = IntensityScale.of_weights(widths) if signed else IntensityScale.of_changes(changes, groups)
    rings = None
    if options.bias and np.isfinite(weights.biases).any():
        rings = WidthScale.of_run(weights.biases, NO_RANGE)
    ring_colors = IntensityScale.of_changes(bias_changes)
    if signed and rings is not None:
        ring_colors = IntensityScale.of_weights(rings)
    legend = wording.make_legend(weights, widths, colors, rings, since, options)
    names = _neuron_names(weights, options)
    texts = [*names[0], *names[1], *weights.names, *(curve.metric for curve in curves), *titles]
    missing = missing_glyphs(texts, families)
    names = [drawable(name, missing) for name in names[0]], [drawable(name, missing) for name in names[1]]
    layout = _arrange(legend, names, curves, families, options)
    network = None
    if layout.network is not None:
        network = Network.fill(weights.selection, layout.network, layout.scale)
        widths = replace(widths, range_pt=network.edge_range_pt)
        rings = rings and replace(rings, range_pt=network.ring_range_pt)
    bar = np.linspace(-1, 1, RAMP_STEPS)
    ramp = colors_of.edge_colors(replace(colors, domain=np.array(1.0))(bar), options.color)
    captions = wording.captions(weights.selection, weights.names)
    still = Still(
        layout,
        colors_of,
        families,
        missing,
        network,
        captions,
        names,
        wording.remarks(weights),
        legend,
        ramp,
        tuple(curves),
    )
    notes = []
    if missing:
        notes.append(f"the font has no glyph for {missing!r}: name a font file that has with --font")
    return Scene(colors_of, network, widths, colors, rings, ring_colors, still, tuple(notes))


def _arrange(
    legend: wording.Legend,
    names: tuple[list[str], list[str]],
    curves: Sequence[Curve],
    families: tuple[str, ...],
    options: Options,
) -> Layout:
    panels = options.panels if curves else "network"
    left, right = (max((text_width_pt(name, theme.TEXT_PT, families) for name in side), default=0.0) for side in names)
    needs = Needs(legend_widths(legend, families), len(curves), any(curve.axis for curve in curves), left, right)
    width_pt, height_pt = (inches * POINTS_PER_INCH for inches in options.figsize)
    return arrange(width_pt, height_pt, panels, needs)


def _neuron_names(weights: Weights, options: Options) -> tuple[list[str], list[str]]:
    """Return the names of the shown input and output neurons."""
    shown = []
    for which, names, column in (("input", options.input_labels, 0), ("output", options.output_labels, -1)):
        size = weights.selection.sizes[column]
        if names and len(names) != size:
            raise OptionError(f"{len(names)} {which} labels for {size} {which} neurons (give one for each)")
        shown.append([names[neuron] for neuron in weights.selection.nodes[column]] if names else [])
    return shown[0], shown[1]
