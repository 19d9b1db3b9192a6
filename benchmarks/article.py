"""The article's way: one Graphviz process for each frame, its PNG shown by imshow, ArtistAnimation over all of them.

Written anew after the article's description. As there, the first weight divides the change, and the last frame is
black. The file is written by ImageMagick, or by Pillow where ImageMagick is missing.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import graphviz
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import plain
from matplotlib import animation


def network_png(weights: list[np.ndarray], first: list[np.ndarray], last: bool) -> bytes:
    change = [(now - then) / (then + 1e-7) for now, then in zip(weights, first, strict=True)]
    largest = max(np.abs(matrix).max() for matrix in change) + 1e-7
    graph = graphviz.Digraph(graph_attr={"rankdir": "LR", "splines": "line"}, node_attr={"shape": "circle"})
    for layer, matrix in enumerate(weights):
        for (head, tail), weight in np.ndenumerate(matrix):
            share = change[layer][head, tail] / largest
            width = weight**2 * 0.3 + 0.01 + (0 if last else abs(share))
            shade = f"{int(abs(share) * 255):02X}"
            color = "#000000" if last else f"#{shade}0000" if share > 0 else f"#0000{shade}"
            graph.edge(f"{layer}.{tail}", f"{layer + 1}.{head}", penwidth=f"{width:.4f}", color=color)
    return graph.pipe("png")


def main(result: Path, output: Path) -> None:
    run = plain.read(result)
    figure = plt.figure(figsize=plain.FIGSIZE, dpi=plain.DPI)
    grid = figure.add_gridspec(1, 3)
    curve, panel = figure.add_subplot(grid[0]), figure.add_subplot(grid[1:])
    curve.plot(run.epochs, run.accuracy, "b-")
    curve.set_xlabel("epoch")
    curve.set_ylabel("accuracy")
    panel.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)
    frames = []
    for index, weights in enumerate(run.weights):
        artists = list(curve.plot(run.epochs[index], run.accuracy[index], "ro"))
        png = network_png(weights, run.weights[0], index == len(run.weights) - 1)
        artists.append(panel.imshow(plt.imread(io.BytesIO(png)), interpolation="spline36"))
        frames.append(artists)
    writer = "imagemagick" if animation.writers.is_available("imagemagick") else "pillow"
    animation.ArtistAnimation(figure, frames, interval=200, repeat=False).save(output, writer=writer, fps=10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
