"""Say where the time of a render goes, stage by stage: ``make profile``, which writes ``benchmarks/PROFILE.md``.

The functions of nnanim that do the work are wrapped from outside. The time of a stage is its own: without that of the
stages that it calls. One process, one thread; what can be imported is imported beforehand and told apart.
"""

from __future__ import annotations

import argparse
import cProfile
import inspect
import os
import platform
import pstats
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from imports import IMPORT_ALL, modules_of_render
from synthetic import make_run

from nnanim import animation
from nnanim.painting.graphviz_engine import pick_engine
from nnanim.reading import opening

RESULTS = Path(__file__).resolve().parent / "PROFILE.md"
TOP = 15  # functions that the profiler's table tells
PACKAGES = 8  # with most time, of those that are imported
END = object()
# module, name in it, what it does; and whether what it calls counts as its own
STAGES = (
    ("nnanim.reading.opening", "open_run", "find the snapshots and the log", True),
    ("nnanim.frames.weights", "read_weights", "read the snapshots, choose the edges", True),
    ("nnanim.panels.figure", "make_figure", "layout, legend", True),
    ("nnanim.painting.canvas", "Canvas.__init__", "paint the background", True),
    ("nnanim.film", "Frames.__getitem__", "what a frame means", False),
    ("nnanim.painting.painter", "Painter.drawings", "", False),
    ("nnanim.panels.network_dot", "dot_source", "write DOT", False),
    ("nnanim.painting.graphviz_engine", "draw", "", False),
    ("nnanim.painting.graphviz_engine", f"_run_{pick_engine()}", "Graphviz itself", False),
    ("nnanim.painting.graphviz_svg", "read_network", "parse", False),
    ("nnanim.painting.canvas", "Canvas.paint", "copy the background, and the rest", False),
    ("nnanim.painting.brush", "Brush.*", "", False),
    ("nnanim.painting.canvas", "MovingText.paint", "text", False),
    ("nnanim.encoders.gif_frames", "FramePacker.pack", "cut out the changed box", False),
    ("nnanim.encoders.gif_frames", "_colors_of", "one number for each pixel", False),
    ("nnanim.encoders.gif_frames", "FramePacker._changes", "find what changed", False),
    ("nnanim.encoders.gif_frames", "_Nearest.__call__", "map to the palette", False),
    ("nnanim.encoders.gif_frames", "FramePacker._blocks", "LZW", False),
)
Rows = Iterable[Sequence[str]]


class Clock:
    """Own times of stages, in the order in which they were wrapped, in one thread."""

    def __init__(self) -> None:
        self.own_s: dict[str, float] = {}
        self.what: dict[str, str] = {}
        self.may_rest: list[str] = []  # stages that need not be there
        self._nested_s: list[float] = []
        self._closed = False

    def reset(self) -> None:
        self.own_s = dict.fromkeys(self.own_s, 0.0)

    def wrap(self, module_name: str, path: str, what: str, whole: bool) -> None:
        """Time a function, a method, or all public methods of a class.

        Args:
            module_name: where it is.
            path: its name there, such as ``"Canvas.paint"`` or ``"Brush.*"``.
            what: what it does, in words.
            whole: whether all that it calls counts as its own, wrapped or not.
        """
        module = import_module(module_name)
        *owners, name = path.split(".")
        owner: Any = module
        for part in owners:
            owner = _find(owner, part, module_name, path)
        if name == "*":
            names = [name for name, value in vars(owner).items() if inspect.isfunction(value) and name[0] != "_"]
            if not names:
                raise SystemExit(f"profiling.py: {module_name}.{path} has no public methods any more")
            for each in names:
                self.wrap(module_name, f"{owners[-1]}.{each}", what, whole)
            self.may_rest += [stage for stage in self.own_s if stage.split(": ")[1].startswith(f"{owners[-1]}.")]
            return
        function = _find(owner, name, module_name, path)
        stage = f"{function.__module__.removeprefix('nnanim.')}: {path}"
        self.own_s[stage], self.what[stage] = 0.0, what
        timed = self._timed(stage, function, whole)
        # Other modules have taken the function's name into their own.
        holders = (
            [each for key, each in sys.modules.items() if key.split(".")[0] == "nnanim"] if not owners else [owner]
        )
        for holder in holders:
            for key, value in list(vars(holder).items()):
                if value is function:
                    setattr(holder, key, timed)

    def _timed(self, stage: str, function: Callable[..., Any], whole: bool) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return self._run(stage, partial(function, *arguments, **named), whole)

        @wraps(function)
        def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
            step = partial(next, function(*arguments, **named), END)
            while (item := self._run(stage, step, whole)) is not END:
                yield item

        return generate if inspect.isgeneratorfunction(function) else call

    def _run(self, stage: str, work: Callable[[], Any], whole: bool) -> Any:
        if self._closed:
            return work()
        self._nested_s.append(0.0)
        self._closed = whole
        begun = perf_counter()
        try:
            return work()
        finally:
            took_s = perf_counter() - begun
            self._closed = False
            self.own_s[stage] += took_s - self._nested_s.pop()
            if self._nested_s:
                self._nested_s[-1] += took_s


def _find(owner: Any, name: str, module: str, path: str) -> Any:
    if not hasattr(owner, name):
        raise SystemExit(f"profiling.py: there is no {module}.{path} any more: mend STAGES in benchmarks/profiling.py")
    return getattr(owner, name)


def draw(result: Path, output: Path) -> float:
    """Draw a run in this process and thread; return how long that took, in s."""
    begun = perf_counter()
    animation.Animation(opening.open_run(result), fps=10, ending="ink").write(
        output, jobs=1
    )  # a frame for each snapshot
    return perf_counter() - begun


def stages(clock: Clock, result: Path, output: Path, repetitions: int) -> dict[str, float]:
    """Return the seconds of every stage in the fastest of some runs; what is left is ``"other"``."""
    best: tuple[float, dict[str, float]] | None = None
    for _ in range(repetitions):
        clock.reset()
        whole_s = draw(result, output)
        if best is None or whole_s < best[0]:
            best = whole_s, {**clock.own_s, "other": whole_s - sum(clock.own_s.values())}
    assert best is not None
    if idle := [stage for stage in clock.own_s if best[1][stage] == 0 and stage not in clock.may_rest]:
        raise SystemExit(f"profiling.py: never called: {', '.join(idle)}: mend STAGES in benchmarks/profiling.py")
    return best[1]


def wall_s(code: str, repetitions: int) -> float:
    """Return the shortest time of an interpreter that runs some code, in s."""
    times = []
    for _ in range(repetitions):
        begun = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(perf_counter() - begun)
    return min(times)


def imports(folder: Path, result: Path, repetitions: int) -> tuple[float, dict[str, float]]:
    """Return the seconds of the interpreter's start, and those of the imports by package, largest first.

    ``-X importtime`` makes imports slower; it gives the shares, and processes without it the time that is shared.
    """
    names = modules_of_render(str(result), str(folder / "imports.gif"), "--jobs", "1")
    (folder / "modules").write_text("\n".join(names), encoding="utf-8")
    code = IMPORT_ALL.format(file=str(folder / "modules"))
    start_s = wall_s("pass", repetitions)
    all_s = wall_s(code, repetitions) - start_s
    told = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    shares: dict[str, float] = defaultdict(float)
    wanted = set(names)
    for line in told.stderr.splitlines():
        own_us, _, name = line.removeprefix("import time:").split("|")
        if name.strip() in wanted:
            package = name.strip().split(".")[0]
            shares["standard library" if package in sys.stdlib_module_names else package] += float(own_us)
    largest = sorted(shares, key=lambda package: -shares[package])
    factor = all_s / sum(shares.values())
    seconds = {package: factor * shares[package] for package in largest[:PACKAGES]}
    if largest[PACKAGES:]:
        seconds["others"] = factor * sum(shares[package] for package in largest[PACKAGES:])
    return start_s, seconds


def top_functions(result: Path, output: Path) -> list[list[str]]:
    """Return own seconds, calls and name of the functions with most own time, by the profiler."""
    profiler = cProfile.Profile()
    profiler.runcall(draw, result, output)
    found: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    rows = sorted(found.items(), key=lambda item: -item[1][2])[:TOP]
    return [[f"{own_s:.3f}", str(calls), f"`{_place(*key)}`"] for key, (_, calls, own_s, _, _) in rows]


def _place(file: str, line: int, name: str) -> str:
    """Say where a function is, without the folders of this machine."""
    return name if file == "~" else f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"


def report(
    counts: Sequence[int],
    found: Sequence[dict[str, float]],
    start: tuple[float, dict[str, float]],
    what: dict[str, str],
    top: Rows,
) -> str:
    """Return the whole page."""
    start_s, by_package = start
    same = {"interpreter start": start_s, **{f"import {package}": s for package, s in by_package.items()}}
    wholes_s = [sum(same.values()) + sum(each.values()) for each in found]
    few, many = counts
    rows = []
    for name, *seconds in [
        *((name, s, s) for name, s in same.items()),
        *((name, *(each[name] for each in found)) for name in found[0] if any(each[name] for each in found)),
        ("whole", *wholes_s),
    ]:
        cells = [cell for s, w in zip(seconds, wholes_s, strict=True) for cell in (f"{1000 * s:.1f}", f"{s / w:.1%}")]
        rows.append([name, what.get(name, ""), *cells, f"{1000 * (seconds[1] - seconds[0]) / (many - few):.2f}"])
    head = ["stage", "", *(cell for count in counts for cell in (f"{count} frames, ms", "")), "each further, ms"]
    lines = [
        "# Where the time goes",
        "",
        f"Made by `make profile`: Python {platform.python_version()}, {platform.system()} {platform.machine()}, load"
        f" {os.getloadavg()[0]:.1f}; network 4-5-5-5-3, a GIF of 900×600 px, one process and thread. Wall time of each"
        " stage without the stages that it calls.",
        "",
        *_table(head, rows),
        "",
        f"## Functions with most own time, {many} frames",
        "",
        "By cProfile, which makes calls of Python functions slower than they are.",
        "",
        *_table(["own s", "calls", "function"], top),
    ]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Rows) -> list[str]:
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs=2, default=(50, 500), metavar=("FEW", "MANY"))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = [make_run(folder / f"{count}" / "result", count) for count in choices.frames]
        start = imports(folder, results[0], choices.repetitions)
        output = folder / "out.gif"
        draw(results[0], output)  # imports all that is needed
        top = top_functions(results[-1], output)
        clock = Clock()
        for stage in STAGES:
            clock.wrap(*stage)
        found = [stages(clock, result, output, choices.repetitions) for result in results]
    text = report(choices.frames, found, start, clock.what, top)
    print(text)
    choices.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
