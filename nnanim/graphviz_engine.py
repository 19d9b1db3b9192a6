"""DOT text to drawing operations. The only caller of Graphviz.

Two engines give the same drawing: the system's ``neato`` through the ``graphviz`` package, which reads all graphs of a
call in one process, and the Graphviz libraries inside the ``pygraphviz`` wheel, which need no installation. Both answer
in Graphviz's JSON, whose ``_draw_`` lists are described at https://graphviz.org/docs/outputs/json/ and, operation by
operation, at https://graphviz.org/docs/outputs/canon/#xdot.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnanim.errors import GraphvizError

ENGINES = ("system", "wheel")
DEFAULT_LINE_PT = 1.0  # Graphviz names no width where it is the default


@dataclass(frozen=True, eq=False)
class Drawing:
    """What Graphviz drew of one frame, in points from the lower left corner of the figure, y up.

    Attributes:
        segments_pt: (E, 2, 2) both ends of every edge, in the order of the edges' ``id``.
        width_pt: (E,) line widths.
        color: (E, 3) uint8.
        circles_pt: (N, 3) centre x, centre y and radius of every node, in the order of the graph.
        circle_fill: (N, 3) uint8.
        circle_line: (N, 3) uint8.
        circle_line_pt: (N,) widths of the outlines.
    """

    segments_pt: np.ndarray
    width_pt: np.ndarray
    color: np.ndarray
    circles_pt: np.ndarray
    circle_fill: np.ndarray
    circle_line: np.ndarray
    circle_line_pt: np.ndarray


def pick_engine() -> str:
    """Return ``"system"`` where ``neato`` is on PATH, else ``"wheel"``."""
    return "system" if shutil.which("neato") else "wheel"


def draw(sources: Sequence[str], engine: str | None = None) -> list[Drawing]:
    """Let Graphviz draw graphs whose points are given.

    Args:
        sources: one DOT graph per frame, with distinct names.
        engine: ``"system"`` or ``"wheel"``; by default whichever is there.

    Raises:
        GraphvizError: Graphviz is missing or fails, or its answers do not match the graphs.
    """
    if engine is None:
        engine = pick_engine()
    if engine not in ENGINES:
        raise ValueError(f"unknown engine: {engine!r} (must be one of {', '.join(ENGINES)})")
    run: Callable[[Sequence[str]], Iterable[dict[str, Any]]] = _run_system if engine == "system" else _run_wheel
    names = [_graph_name(source) for source in sources]
    drawings: list[Drawing] = []
    for name, answer in zip(names, run(sources), strict=False):
        if answer.get("name") != name:
            break
        try:
            drawings.append(_read_answer(name, answer))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise GraphvizError(f"Graphviz's answer to {name!r} cannot be understood: {error!r}") from error
    if len(drawings) != len(sources):
        raise GraphvizError(
            f"Graphviz did not draw {names[len(drawings)]!r}: {len(drawings)} of {len(sources)} graphs were answered"
        )
    return drawings


def _graph_name(source: str) -> str:
    return source.split(None, 2)[1]


def _run_system(sources: Sequence[str]) -> Iterable[dict[str, Any]]:
    import graphviz

    try:
        answer = graphviz.pipe("neato", "json", "".join(sources).encode(), neato_no_op=2, quiet=True)
    except graphviz.ExecutableNotFound as error:
        raise GraphvizError("Graphviz's 'neato' was not found on PATH") from error
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        drawn = {graph.get("name") for graph in _graphs(error.output or b"") if _is_drawn(graph)}
        names = [_graph_name(source) for source in sources]
        name = next((name for name in names if name not in drawn), names[0])
        raise GraphvizError(f"Graphviz's 'neato' failed at {name!r}: {said}") from error
    return _graphs(answer)


def _graphs(answer: bytes) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of an answer one by one, up to where it was cut off."""
    text = answer.decode(errors="replace")
    decoder = json.JSONDecoder()
    position = 0
    while (position := text.find("{", position)) >= 0:
        try:
            graph, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            return
        yield graph


def _is_drawn(graph: dict[str, Any]) -> bool:
    return all("_draw_" in part for part in [*graph.get("objects", []), *graph.get("edges", [])])


def _run_wheel(sources: Sequence[str]) -> Iterable[dict[str, Any]]:
    try:
        from pygraphviz import graphviz as library
    except ImportError as error:
        raise GraphvizError(
            "Graphviz is missing: install it so that 'neato' is on PATH, or install the Python package 'pygraphviz>=2'"
        ) from error
    if not hasattr(library, "gvContextWithBuiltins"):
        raise GraphvizError("this 'pygraphviz' carries no Graphviz of its own: install 'pygraphviz>=2' from its wheel")
    context = library.gvContextWithBuiltins()
    try:
        for source in sources:
            yield json.loads(_render_in_process(library, context, source))
    finally:
        library.gvFreeContext(context)


def _render_in_process(library: Any, context: Any, source: str) -> bytes:
    name = _graph_name(source)
    with tempfile.TemporaryFile() as file:  # the library reads from a C FILE only
        file.write(source.encode())
        file.seek(0)
        try:
            graph = library.agread(file, None)
        except ValueError as error:
            raise GraphvizError(f"Graphviz could not read {name!r}") from error
    try:
        if library.gvLayout(context, graph, b"nop2") != 0:
            raise GraphvizError(f"Graphviz could not lay out {name!r}")
        try:
            failed, answer = library.gvRenderData(context, graph, b"json")
            if failed:
                raise GraphvizError(f"Graphviz could not render {name!r}")
            result: bytes = answer
            return result
        finally:
            library.gvFreeLayout(context, graph)
    finally:
        library.agclose(graph)


def _read_answer(name: str, graph: dict[str, Any]) -> Drawing:
    edges = graph.get("edges", [])
    segments = np.empty((len(edges), 2, 2))
    widths = np.empty(len(edges))
    colors = np.empty((len(edges), 3), dtype=np.uint8)
    seen = set()
    for edge in edges:
        index = int(edge["id"])
        seen.add(index)
        widths[index] = DEFAULT_LINE_PT
        for operation in edge["_draw_"]:
            match operation["op"]:
                case "b" | "L":
                    points = operation["points"]  # a straight Bézier curve: its ends are the edge
                    segments[index] = points[0], points[-1]
                case "S":
                    widths[index] = _line_width(operation["style"], widths[index])
                case "c":
                    colors[index] = _rgb(operation["color"])
    if seen != set(range(len(edges))):
        raise GraphvizError(f"Graphviz answered {len(edges)} edges of {name!r} with other ids than were asked")
    nodes = graph["objects"]
    circles = np.empty((len(nodes), 3))
    fills, lines = np.empty((2, len(nodes), 3), dtype=np.uint8)
    line_widths = np.full(len(nodes), DEFAULT_LINE_PT)
    for index, node in enumerate(nodes):
        for operation in node["_draw_"]:
            match operation["op"]:
                case "E" | "e":
                    x, y, radius, _ = operation["rect"]
                    circles[index] = x, y, radius
                case "S":
                    line_widths[index] = _line_width(operation["style"], line_widths[index])
                case "c":
                    lines[index] = _rgb(operation["color"])
                case "C":
                    fills[index] = _rgb(operation["color"])
    return Drawing(segments, widths, colors, circles, fills, lines, line_widths)


def _line_width(style: str, otherwise: float) -> float:
    if style.startswith("setlinewidth("):
        return float(style[len("setlinewidth(") : -1])
    return otherwise


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
