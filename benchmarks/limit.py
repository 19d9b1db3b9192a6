"""The limit: the same lines straight into a bitmap by Agg, same palette and packing. No Graphviz, no changing text."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import plain
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, IdentityTransform

from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import pick_theme
from nnanim.encoders.gif import write_gif


def main(result: Path, output: Path) -> None:
    run = plain.read(result)
    width, height = (round(inches * plain.DPI) for inches in plain.FIGSIZE)
    renderer = RendererAgg(width, height, plain.DPI)
    context = renderer.new_gc()
    context.set_snap(False)
    same = IdentityTransform()
    lines = [Outline(segment) for segment in run.segments_px]
    circle = [Outline.unit_circle()]
    round_ = Affine2D().scale(plain.NODE_PX).get_matrix()[None]
    here = np.zeros((1, 2))
    white = np.ones((1, 4))
    grey = np.array([[0.4, 0.4, 0.4, 1.0]])
    red = np.array([[0.84, 0.08, 0.11, 1.0]])
    no_dash = [(0, None)]
    low, high = run.accuracy.min(), run.accuracy.max() + 1e-9
    curve = np.stack(
        [60 + 200 * (run.epochs - 1) / len(run.epochs), 80 + 430 * (run.accuracy - low) / (high - low)], axis=1
    )

    def images():
        for index in range(len(run.epochs)):
            renderer._renderer.clear()
            buffer = np.asarray(renderer.buffer_rgba())
            buffer[:] = 255
            order = run.widths_pt[index].argsort()
            shades = np.concatenate([run.colors[index][order], np.ones((len(order), 1))], axis=1)
            draw(lines=[lines[edge] for edge in order], widths=run.widths_pt[index][order], shades=shades)
            nodes(run.nodes_px, run.rings_pt[index])
            draw(lines=[Outline(curve[: index + 1])], widths=np.array([1.6]), shades=grey)
            nodes(curve[index : index + 1], np.array([1.0]), 0.4, red)
            yield buffer.copy()[..., :3]

    def draw(lines, widths, shades):
        renderer.draw_path_collection(
            context, same, lines, np.zeros((0, 3, 3)), here, same, np.zeros((0, 4)), shades, widths, no_dash, [True],
            [None], "screen", hatchcolors=np.zeros((0, 4)),
        )  # fmt: skip

    def nodes(places, rings, size=1.0, fill=white):
        forms = round_ * size
        forms[:, 2, 2] = 1
        renderer.draw_path_collection(
            context, same, circle, forms, places, same, fill, grey, rings, no_dash, [True], [None], "screen",
            hatchcolors=np.zeros((0, 4)),
        )  # fmt: skip

    theme = pick_theme("light", "vivid")
    palette = theme.gif_palette(COLORINGS["change"].ramp(theme))
    write_gif(output, images(), [0.1] * len(run.epochs), palette)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
