"""DOT text to drawing operations, or to places. The only caller of Graphviz.

Two engines give the same drawing: the system's ``dot -Kneato`` through the ``graphviz`` package, which reads all graphs
of a call in one process, and the Graphviz libraries inside the ``pygraphviz`` wheel, which need no installation. Both
answer in the form that `nnanim.painting.graphviz_svg` reads.
"""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nnanim.errors import GraphvizError
from nnanim.painting.drawing import Drawing
from nnanim.painting.graphviz_svg import count_drawn, read_network, split_answer
from nnanim.painting.graphviz_svg_boxes import read_map


class Task(NamedTuple):
    """What Graphviz is asked for.

    Attributes:
        layout: of the program.
        no_op: its ``-n``, how much is given already, or None.
        in_process: the same layout as the libraries call it.
        answer: format of the answer.
        split: yields name and body of every graph that an answer holds whole.
    """

    layout: str
    no_op: int | None
    in_process: bytes
    answer: str
    split: Callable[[str], Iterator[tuple[str, str]]]


def _split_dot(text: str) -> Iterator[tuple[str, str]]:
    text = text.replace("\\\n", "")  # a broken line
    for begin in _GRAPH.finditer(text):
        if (end := text.find("\n}\n", begin.end() - 1)) >= 0:
            yield begin[1], text[begin.end() : end + 1]


_GRAPH = re.compile(r"^(?:di)?graph (\S+) \{\n", re.MULTILINE)
FIXED = Task("neato", 2, b"nop2", "svg", split_answer)  # draw at the places that are given
HIERARCHY = Task("dot", None, b"dot", "dot", _split_dot)  # find places
ENGINES = ("system", "wheel")
PROGRAM = "dot"  # what the `graphviz` package runs, as ``dot -Kneato``
# A frame of 85 edges takes 3 ms, and its text has 6 KB: these leave a hundred times of it, and time to start.
LEAST_LIMIT_S = 60.0
LIMIT_S_PER_MB = 50.0


def pick_engine() -> str:
    """Return ``"system"`` where ``dot`` is on PATH, else ``"wheel"``."""
    return "system" if shutil.which(PROGRAM) else "wheel"


def draw(sources: Sequence[str], engine: str | None = None) -> list[Drawing]:
    """Let Graphviz draw graphs whose points are given.

    Args:
        sources: one DOT graph per frame, with distinct names.
        engine: ``"system"`` or ``"wheel"``; by default whichever is there.

    Raises:
        GraphvizError: Graphviz is missing, cannot be run, fails or does not end, or its answers do not match the
            graphs; the message names the engine, and the frame where one is to blame.
    """
    if engine is None:
        engine = pick_engine()
    if engine not in ENGINES:
        raise ValueError(f"unknown engine: {engine!r} (must be one of {', '.join(ENGINES)})")
    if not sources:
        return []
    names = [_graph_name(source) for source in sources]
    drawings: list[Drawing] = []
    try:
        for name, source, (answered, body) in zip(names, sources, _run(sources, engine, FIXED), strict=False):
            if answered != name:
                break
            drawings.append(_read(name, source, body, engine))
    except MemoryError as error:
        name = names[min(len(drawings), len(names) - 1)]
        raise GraphvizError(f"memory ran out while {_told(engine)} drew {name!r}") from error
    if len(drawings) != len(sources):
        raise GraphvizError(
            f"{_told(engine)} did not draw {names[len(drawings)]!r}: {len(drawings)} of {len(sources)} graphs were"
            " answered"
        )
    return drawings


def lay_out(sources: Sequence[str], engine: str | None = None) -> list[str]:
    """Let Graphviz's ``dot`` place the nodes and edges of graphs.

    Args:
        sources: DOT graphs with distinct names.
        engine: as for `draw`.

    Returns:
        For each graph its body as DOT with ``pos`` of nodes and edges and ``bb`` of clusters, in points.

    Raises:
        GraphvizError: as from `draw`.
    """
    engine = engine or pick_engine()
    placed = dict(_run(sources, engine, HIERARCHY))
    for source in sources:
        if _graph_name(source) not in placed:
            raise GraphvizError(f"{_told(engine)} did not place {_graph_name(source)!r}")
    return [placed[_graph_name(source)] for source in sources]


def _run(sources: Sequence[str], engine: str, task: Task) -> Iterable[tuple[str, str]]:
    return _run_system(sources, task) if engine == "system" else _run_wheel(sources, task)


def _read(name: str, source: str, body: str, engine: str) -> Drawing:
    try:
        drawing = read_map(body) if source.startswith("digraph") else read_network(body)
    except ValueError as error:
        raise GraphvizError(f"the answer of {_told(engine)} to {name!r} cannot be understood: {error}") from error
    asked = _count_asked(source)
    if drawing.count != asked:
        raise GraphvizError(f"{_told(engine)} drew {drawing.count} of {asked} nodes and edges of {name!r}")
    return drawing


def _count_asked(source: str) -> int:
    """Return how many nodes and edges have an id. What stands in quotes does not count; nnanim escapes none."""
    return "".join(source.split('"')[::2]).count("id=")


def _told(engine: str) -> str:
    """Say which Graphviz it is."""
    if engine == "wheel":
        return "the Graphviz in the Python package 'pygraphviz'"
    return f"Graphviz's program {shutil.which(PROGRAM) or PROGRAM!r}"


def _graph_name(source: str) -> str:
    return source.split(None, 2)[1]


def _run_system(sources: Sequence[str], task: Task = FIXED) -> Iterable[tuple[str, str]]:
    import graphviz
    from graphviz.backend import dot_command, execute

    data = "".join(sources).encode()
    limit_s = LEAST_LIMIT_S + LIMIT_S_PER_MB * len(data) / 1e6
    command = dot_command.command(task.layout, task.answer, neato_no_op=task.no_op)
    try:
        # What `graphviz.pipe` does, which knows of no limit.
        done = execute.run_check(command, input=data, capture_output=True, quiet=True, timeout=limit_s)
    except graphviz.ExecutableNotFound as error:
        if shutil.which(PROGRAM):  # a script whose interpreter is not there
            raise GraphvizError(f"{_told('system')} cannot be executed: {error.__cause__}") from error
        raise GraphvizError(f"Graphviz's program {PROGRAM!r} was not found on PATH") from error
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise GraphvizError(f"memory ran out when {_told('system')} was to be started") from error
        raise GraphvizError(f"{_told('system')} cannot be executed: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        name = _first_not_drawn(sources, error.output)
        raise GraphvizError(f"{_told('system')} did not answer to {name!r} within {limit_s:.0f} s") from error
    except graphviz.CalledProcessError as error:
        name = _first_not_drawn(sources, error.output)
        said = (error.stderr or b"").decode(errors="replace").strip()
        if error.returncode < 0:
            said = f"it was ended by signal {-error.returncode} (out of memory?) {said}".rstrip()
        said = said or f"exit code {error.returncode}, without a word"
        raise GraphvizError(f"{_told('system')} failed at {name!r}: {said}") from error
    answer: bytes = done.stdout
    return task.split(answer.decode(errors="replace"))


def _first_not_drawn(sources: Sequence[str], answer: bytes | None) -> str:
    """Name the first graph that was not answered whole, as in what a program had said when it broke off."""
    drawn = {name: count_drawn(body) for name, body in split_answer((answer or b"").decode(errors="replace"))}
    names = [_graph_name(source) for source in sources]
    asked = zip(names, map(_count_asked, sources), strict=True)
    return next((name for name, count in asked if drawn.get(name) != count), names[0])


def _run_wheel(sources: Sequence[str], task: Task = FIXED) -> Iterator[tuple[str, str]]:
    library = _wheel_library()
    context = library.gvContextWithBuiltins()
    try:
        for source in sources:
            yield from task.split(_render_in_process(library, context, source, task).decode(errors="replace"))
    finally:
        library.gvFreeContext(context)


def _wheel_library() -> Any:
    try:
        from pygraphviz import graphviz as library
    except ModuleNotFoundError as error:
        raise GraphvizError(
            f"Graphviz is missing: install it so that {PROGRAM!r} is on PATH, or install the Python package"
            " 'pygraphviz>=2'"
        ) from error
    except ImportError as error:  # it is there, but the system does not load it
        said = str(error)
        if "map segment" in said or "allocate memory" in said:
            raise GraphvizError(f"memory ran out when {_told('wheel')} was loaded: {said}") from error
        raise GraphvizError(f"{_told('wheel')} cannot be loaded: {said}") from error
    if not hasattr(library, "gvContextWithBuiltins"):
        raise GraphvizError("this 'pygraphviz' carries no Graphviz of its own: install 'pygraphviz>=2' from its wheel")
    return library


def _render_in_process(library: Any, context: Any, source: str, task: Task) -> bytes:
    name = _graph_name(source)
    try:
        with tempfile.TemporaryFile() as file:  # the library reads from a C FILE only
            file.write(source.encode())
            file.seek(0)
            try:
                graph = library.agread(file, None)
            except ValueError as error:
                raise GraphvizError(f"{_told('wheel')} could not read {name!r}") from error
    except OSError as error:
        raise GraphvizError(f"{_told('wheel')} got no temporary file for {name!r}: {error.strerror}") from error
    try:
        if library.gvLayout(context, graph, task.in_process) != 0:
            raise GraphvizError(f"{_told('wheel')} could not lay out {name!r}")
        try:
            failed, answer = library.gvRenderData(context, graph, task.answer.encode())
            if failed:
                raise GraphvizError(f"{_told('wheel')} could not render {name!r}")
            result: bytes = answer
            return result
        finally:
            library.gvFreeLayout(context, graph)
    finally:
        library.agclose(graph)
