"""DOT text to drawing operations. The only caller of Graphviz.

Two engines give the same drawing: the system's ``neato`` through the ``graphviz`` package, which reads all graphs of a
call in one process, and the Graphviz libraries inside the ``pygraphviz`` wheel, which need no installation. Both answer
in the form that `nnanim.painting.xdot` reads.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nnanim.errors import GraphvizError
from nnanim.painting.xdot import Drawing, is_drawn, read_drawing, split_answer

ENGINES = ("system", "wheel")
FORMAT = "xdot"


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
    run: Callable[[Sequence[str]], Iterable[tuple[str, str]]] = _run_system if engine == "system" else _run_wheel
    names = [_graph_name(source) for source in sources]
    drawings: list[Drawing] = []
    for name, (answered, body) in zip(names, run(sources), strict=False):
        if answered != name:
            break
        try:
            drawings.append(read_drawing(body))
        except ValueError as error:
            raise GraphvizError(f"Graphviz's answer to {name!r} cannot be understood: {error}") from error
    if len(drawings) != len(sources):
        raise GraphvizError(
            f"Graphviz did not draw {names[len(drawings)]!r}: {len(drawings)} of {len(sources)} graphs were answered"
        )
    return drawings


def _graph_name(source: str) -> str:
    return source.split(None, 2)[1]


def _run_system(sources: Sequence[str]) -> Iterable[tuple[str, str]]:
    import graphviz

    try:
        answer = graphviz.pipe("neato", FORMAT, "".join(sources).encode(), neato_no_op=2, quiet=True)
    except graphviz.ExecutableNotFound as error:
        raise GraphvizError("Graphviz's 'neato' was not found on PATH") from error
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        answer = (error.output or b"").decode(errors="replace")
        drawn = {name for name, body in split_answer(answer) if is_drawn(body)}
        names = [_graph_name(source) for source in sources]
        name = next((name for name in names if name not in drawn), names[0])
        raise GraphvizError(f"Graphviz's 'neato' failed at {name!r}: {said}") from error
    return split_answer(answer.decode())


def _run_wheel(sources: Sequence[str]) -> Iterator[tuple[str, str]]:
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
            yield from split_answer(_render_in_process(library, context, source).decode())
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
            failed, answer = library.gvRenderData(context, graph, FORMAT.encode())
            if failed:
                raise GraphvizError(f"Graphviz could not render {name!r}")
            result: bytes = answer
            return result
        finally:
            library.gvFreeLayout(context, graph)
    finally:
        library.agclose(graph)
