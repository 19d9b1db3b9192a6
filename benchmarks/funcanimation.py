"""What most people would write today: Matplotlib's FuncAnimation with PillowWriter, the same content as nnanim."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import plain
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.collections import CircleCollection, LineCollection


def main(result: Path, output: Path) -> None:
    run = plain.read(result)
    figure = plt.figure(figsize=plain.FIGSIZE, dpi=plain.DPI)
    width, height = (inches * plain.DPI for inches in plain.FIGSIZE)
    curve = figure.add_axes((0.07, 0.12, 0.22, 0.74))
    curve.plot(run.epochs, run.accuracy, color="#c0c8d0")
    curve.set_xlabel("epoch")
    (passed,) = curve.plot([], [], color="#3e587c")
    (dot,) = curve.plot([], [], "ro")
    panel = figure.add_axes((0, 0, 1, 1))
    panel.axis("off")
    panel.set(xlim=(0, width), ylim=(0, height), facecolor="none")
    edges = LineCollection(list(run.segments_px), capstyle="butt")
    nodes = CircleCollection(
        [(plain.NODE_PX * 72 / plain.DPI) ** 2 * 3.14] * len(run.nodes_px),
        offsets=run.nodes_px,
        offset_transform=panel.transData,
        facecolors="white",
        edgecolors="#696969",
        zorder=3,
    )
    panel.add_collection(edges)
    panel.add_collection(nodes)
    for place, text in enumerate(plain.LEGEND):
        figure.text(0.37 + 0.3 * (place // 2), 0.08 - 0.04 * (place % 2), text)
    for x in dict.fromkeys(run.nodes_px[:, 0]):
        figure.text(x / width, 0.12, "layer · 5", ha="center", color="#696969")
    title = figure.text(0.34, 0.94, "", fontsize=15)
    value = figure.text(0.29, 0.94, "", ha="right")

    def update(index: int) -> list[Any]:
        order = run.widths_pt[index].argsort()
        edges.set_segments(list(run.segments_px[order]))
        edges.set_linewidths(run.widths_pt[index][order])
        edges.set_color(run.colors[index][order])
        nodes.set_linewidths(run.rings_pt[index])
        passed.set_data(run.epochs[: index + 1], run.accuracy[: index + 1])
        dot.set_data([run.epochs[index]], [run.accuracy[index]])
        title.set_text(f"epoch {run.epochs[index]}")
        value.set_text(f"{run.accuracy[index]:.1f} %")
        return []

    FuncAnimation(figure, update, frames=len(run.epochs), init_func=lambda: []).save(output, PillowWriter(fps=10))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
