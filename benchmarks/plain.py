"""What the rivals share: the same numbers on the same places, read in the plainest way. No Graphviz, no checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnanim.design.coloring import COLORINGS
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.theme import pick_theme

FIGSIZE = (9.0, 6.0)
DPI = 100
WIDTHS_PT = (0.5, 7.0)
NODE_PX = 16.0
NETWORK_PX = (330.0, 90.0, 860.0, 545.0)  # left, bottom, right, top; y up
LEGEND = ("weakened         strengthened", "|w| since epoch 1", "0.2    1.1    2.3", "|w|, full width at 2.3")


@dataclass
class Plain:
    """A run as arrays.

    Attributes:
        epochs: (S,)
        accuracy: (S,) in per cent.
        weights: S lists of (out, in) matrices.
        segments_px: (E, 2, 2) ends of the edges, y up.
        nodes_px: (N, 2)
        widths_pt: (S, E)
        colors: (S, E, 3) in 0 … 1.
        rings_pt: (S, N)
    """

    epochs: np.ndarray
    accuracy: np.ndarray
    weights: list[list[np.ndarray]]
    segments_px: np.ndarray
    nodes_px: np.ndarray
    widths_pt: np.ndarray
    colors: np.ndarray
    rings_pt: np.ndarray


def read(result: Path) -> Plain:
    """Read every snapshot of a result folder once."""
    paths = sorted(result.glob("trainer*"))
    weights, biases = [], []
    for path in paths:
        with np.load(path) as archive:
            prefix = "updater/model:main/predictor/"
            count = sum(name.startswith(prefix) and name.endswith("/W") for name in archive.files)
            weights.append([archive[f"{prefix}l{layer + 1}/W"] for layer in range(count)])
            biases.append(np.concatenate([archive[f"{prefix}l{layer + 1}/b"] for layer in range(count)]))
    rows = {row["epoch"]: row for row in json.loads((result / "log").read_text(encoding="utf-8"))}
    epochs = np.array([int(path.name[-5:]) for path in paths])
    accuracy = np.array([100 * rows[int(epoch)]["main/accuracy"] for epoch in epochs])
    sizes = [weights[0][0].shape[1], *(matrix.shape[0] for matrix in weights[0])]
    left, bottom, right, top = NETWORK_PX
    columns = [
        np.stack([np.full(size, x), bottom + (top - bottom) * (np.arange(size) + 0.5) / size], axis=1)
        for size, x in zip(sizes, np.linspace(left, right, len(sizes)), strict=True)
    ]
    segments = np.concatenate(
        [
            np.stack([np.tile(tails, (len(heads), 1)), np.repeat(heads, len(tails), axis=0)], axis=1)
            for tails, heads in pairwise(columns)
        ]
    )
    flat = np.stack([np.concatenate([matrix.ravel() for matrix in each]) for each in weights])
    changes = np.abs(flat) - np.abs(flat[0])
    theme = pick_theme("light", "vivid")
    intensity = IntensityScale.of_changes(changes)(changes).ravel()
    shades = theme.edge_colors(intensity, COLORINGS["change"].ramp(theme)).reshape(*flat.shape, 3)
    bias = np.stack(biases)
    rings = np.full((len(paths), sizes[0]), 0.8)
    return Plain(
        epochs,
        accuracy,
        weights,
        segments,
        np.concatenate(columns),
        WidthScale.of_run(flat, WIDTHS_PT)(flat),
        shades / 255,
        np.concatenate([rings, WidthScale.of_run(bias, (0.8, 4.5))(bias)], axis=1),
    )
