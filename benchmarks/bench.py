"""Measure nnanim against its rivals and the limit, in one go: ``make bench``, shorter ``make bench ARGS=--quick``.

Every measurement is a process of its own, the tools take turns, and medians are told. The result is printed and
written to ``benchmarks/RESULTS.md``. Read the ratios: the times are those of one machine on one day.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from synthetic import PLAIN, make_run

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
TOOLS = {
    "nnanim": ["-m", "nnanim", "render", "{result}", "-o", "{output}", "--quiet", "--jobs", "1"],
    "nnanim, 2 processes": ["-m", "nnanim", "render", "{result}", "-o", "{output}", "--quiet", "--jobs", "2"],
    "article": [str(HERE / "article.py"), "{result}", "{output}"],
    "FuncAnimation": [str(HERE / "funcanimation.py"), "{result}", "{output}"],
    "limit": [str(HERE / "limit.py"), "{result}", "{output}"],
}
ONE, TWO = "nnanim", "nnanim, 2 processes"


@dataclass(frozen=True)
class Measurement:
    """Of one process and all that it started."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    file_kb: float


def measure(arguments: list[str], result: Path, more: list[str] | None = None) -> Measurement | None:
    """Run a tool; None where it fails (ImageMagick at too many frames)."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.gif"
        command = [part.format(result=result, output=output) for part in [sys.executable, *arguments, *(more or [])]]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak: list[float] = [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, peak))
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
        if process.returncode != 0 or not output.exists():
            return None
        return Measurement(wall_s, used.ru_utime + used.ru_stime, peak[0], output.stat().st_size / 1000)


def _watch(pid: int, peak: list[float]) -> None:
    """Keep the largest sum of memory that a process and its descendants hold, shared pages counted once."""
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(0.05)
    except psutil.Error:
        return


class Bench:
    """Measurements by tool and size, and what is told of them."""

    def __init__(self, folder: Path, repetitions: int) -> None:
        self.folder, self.repetitions = folder, repetitions
        self.found: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
        self.lines: list[str] = []

    def run(self, plan: list[tuple[str, str, int, tuple[int, ...], list[str]]]) -> None:
        """Measure every entry (tool, label, snapshots, layer sizes, more options) in turn, again and again."""
        for repetition in range(self.repetitions):
            for tool, label, snapshots, shape, more in plan:
                result = self.folder / f"{snapshots}x{'-'.join(map(str, shape))}"
                if not result.exists():
                    make_run(result, snapshots, shape)
                measured = measure(TOOLS[tool], result, more)
                if measured is not None:
                    self.found[tool, label].append(measured)
                told = "failed" if measured is None else f"{measured.wall_s:.2f} s, {measured.cpu_s:.2f} s of CPU"
                print(f"{repetition + 1}/{self.repetitions} {tool}, {label}: {told}", flush=True)

    def median(self, tool: str, label: str, what: str) -> float:
        values = [getattr(measured, what) for measured in self.found[tool, label]]
        return statistics.median(values) if values else float("nan")

    def marginal_ms(self, tool: str, few: int, many: int, what: str) -> float:
        """Return milliseconds for each further frame."""
        both = [self.median(tool, f"{count} frames", what) for count in (few, many)]
        return 1000 * (both[1] - both[0]) / (many - few)

    def tell(self, *lines: str) -> None:
        self.lines += lines

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        self.tell("| " + " | ".join(head) + " |", "|---" * len(head) + "|")
        self.tell(*("| " + " | ".join(row) + " |" for row in rows), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition, fewer and smaller sizes")
    parser.add_argument("--full", action="store_true", help="run the article's method over all frames too")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    choices = parser.parse_args()
    many, more_article = (150, 70) if choices.quick else (500, 100)
    growth = (50, 150) if choices.quick else (50, 200, 500, 2000, 5000)
    memory = (50, 150) if choices.quick else (200, 2000)
    shapes: list[tuple[int, ...]] = [PLAIN, (20, 20, 15, 10), (64, 32, 10), (64, 100, 100, 10)]
    if not choices.quick:
        shapes.append((784, 100, 10))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), 1 if choices.quick else choices.repetitions)
        fast = [ONE, TWO, "FuncAnimation", "limit"]
        plan = [(tool, f"{count} frames", count, PLAIN, []) for count in (50, many) for tool in fast]
        plan += [("article", f"{count} frames", count, PLAIN, []) for count in (50, more_article)]
        bench.run(plan)
        if choices.full:  # takes minutes, and ImageMagick mostly gives up
            once = Bench(Path(folder), 1)
            once.found = bench.found
            once.run([("article", f"{many} frames", many, PLAIN, [])])
        steps = Bench(Path(folder), 1)
        steps.run([(ONE, f"{count} frames", count, PLAIN, []) for count in growth])
        steps.run([(tool, f"memory {count}", count, PLAIN, []) for tool in (ONE, TWO) for count in memory])
        whole = ["--max-nodes", "1000", "--max-edges", "1000000"]
        frames = 10
        steps.run([(ONE, f"shape {shape} {count}", count, shape, whole) for shape in shapes for count in (1, frames)])
        report(bench, steps, many, more_article, growth, memory, shapes, frames)
    text = "\n".join(bench.lines) + "\n"
    print(text)
    choices.output.write_text(text, encoding="utf-8")


def report(
    bench: Bench,
    steps: Bench,
    many: int,
    more_article: int,
    growth: tuple[int, ...],
    memory: tuple[int, ...],
    shapes: list[tuple[int, ...]],
    frames: int,
) -> None:
    """Write the tables."""
    few = f"{50} frames"
    bench.tell(
        "# Benchmarks",
        "",
        f"Made by `make bench`: Python {platform.python_version()}, {platform.system()} {platform.machine()},"
        f" {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[2]:.1f} over the last 15 minutes;"
        f" medians of {bench.repetitions}, frames of 900×600 px, network 4-5-5-5-3.",
        "Times of the same run can be compared with each other only.",
        "",
    )
    rows = []
    for tool in TOOLS:
        for count in (50, many):
            label = f"{count} frames"
            values = [bench.median(tool, label, what) for what in ("wall_s", "cpu_s", "peak_mb", "file_kb")]
            if tool == TWO and count > 100:
                values[1] = float("nan")  # its workers are children of another process: the system does not add them
            rows.append(
                [
                    tool,
                    str(count),
                    *(f"{v:.2f}" if v == v else "–" for v in values[:2]),
                    *(f"{v:.0f}" for v in values[2:]),
                ]
                if values[0] == values[0]
                else [tool, str(count), *["–"] * 4]
            )
    bench.table(["tool", "frames", "wall s", "CPU s", "peak MB", "file KB"], rows)
    last = {tool: more_article if tool == "article" else many for tool in TOOLS}
    marginal = {
        (tool, what): bench.marginal_ms(tool, 50, last[tool], what) for tool in TOOLS for what in ("wall_s", "cpu_s")
    }
    bench.tell("Each further frame:", "")
    rows = [
        [tool, f"{marginal[tool, 'wall_s']:.1f}", "–" if tool == TWO else f"{marginal[tool, 'cpu_s']:.1f}"]
        for tool in TOOLS
    ]
    bench.table(["tool", "wall ms", "CPU ms"], rows)
    default = TWO
    ratios = [
        ("50 snapshots, whole process, article / nnanim", "≥ 12",
         bench.median("article", few, "wall_s") / bench.median(default, few, "wall_s")),
        ("50 snapshots, whole process, FuncAnimation / nnanim", "≥ 4",
         bench.median("FuncAnimation", few, "wall_s") / bench.median(default, few, "wall_s")),
        ("marginal CPU per frame, nnanim / limit", "≤ 2.0", marginal[ONE, "cpu_s"] / marginal["limit", "cpu_s"]),
        ("marginal wall per frame, article / nnanim with 2 processes", "≥ 40",
         marginal["article", "wall_s"] / marginal[TWO, "wall_s"]),
        (f"speed-up of --jobs 2 on {many} frames", "≥ 1.6",
         bench.median(ONE, f"{many} frames", "wall_s") / bench.median(TWO, f"{many} frames", "wall_s")),
        *(
            (f"peak memory, {most} / {least} frames, {tool}", "≤ 1.15",
             steps.median(tool, f"memory {most}", "peak_mb") / steps.median(tool, f"memory {least}", "peak_mb"))
            for tool in (ONE, TWO)
            for least, most in [memory]
        ),
        ("file size, nnanim / FuncAnimation, 50 snapshots", "≤ 0.33",
         bench.median(ONE, few, "file_kb") / bench.median("FuncAnimation", few, "file_kb")),
    ]  # fmt: skip
    bench.tell("## Ratios", "")
    bench.table(["", "target", "measured"], [[name, target, f"{value:.2f}"] for name, target, value in ratios])
    bench.tell("## Growth with frames", "", "`--jobs 1`, once each:", "")
    rows = [
        [str(count), *(f"{steps.median(ONE, f'{count} frames', what):.1f}" for what in ("wall_s", "cpu_s", "peak_mb")),
         f"{1000 * steps.median(ONE, f'{count} frames', 'cpu_s') / count:.1f}",
         f"{steps.median(ONE, f'{count} frames', 'file_kb') / count:.1f}"]
        for count in growth
    ]  # fmt: skip
    bench.table(["frames", "wall s", "CPU s", "peak MB", "CPU ms a frame", "KB a frame"], rows)
    bench.tell("## Growth with edges", "", f"`--max-edges 1000000`, {frames} snapshots, once each:", "")
    rows = []
    for shape in shapes:
        edges = sum(a * b for a, b in pairwise(shape))
        one, all_ = (steps.median(ONE, f"shape {shape} {count}", "cpu_s") for count in (1, frames))
        rows.append(
            ["-".join(map(str, shape)), str(edges), f"{all_:.1f}", f"{1000 * (all_ - one) / (frames - 1):.0f}",
             f"{steps.median(ONE, f'shape {shape} {frames}', 'peak_mb'):.0f}"]
        )  # fmt: skip
    bench.table(["network", "edges drawn", "CPU s", "CPU ms for each further frame", "peak MB"], rows)


if __name__ == "__main__":
    main()
