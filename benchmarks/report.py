"""What was measured, as tables in Markdown, and the ratios beside their targets."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nan
from statistics import median

from measuring import Bench
from synthetic import PLAIN

ONE, TWO = "nnanim", "nnanim, 2 processes"
ARTICLE, FUNC_ANIMATION, LIMIT = "article", "FuncAnimation", "limit"
NUMPY = "NumPy alone"
TOOLS = (ONE, TWO, ARTICLE, FUNC_ANIMATION, LIMIT)
FORMATS = ("out.gif", "out.html", "out.svg", "out.webp", "out.avif", "out.png", "out.mp4", "out.webm", "frames/")


@dataclass(frozen=True)
class Sizes:
    """How much is drawn.

    Attributes:
        few: frames of the first look; also for the formats and for each folder of the sweep.
        many: frames of a long run.
        more_article: frames of the article's method, which is given up long before `many`.
        growth: numbers of frames.
        memory: two numbers of frames whose memory is compared.
        shapes: networks drawn with all their edges, in one frame and in `shape_frames`.
        shape_frames: see there.
        large: snapshots of the network 784-100-10.
        side: of the square matrix in each of four snapshots.
        folders: of the sweep.
        whole: whether large runs are as large as they are told to be, 1.7 GB on the disk.
    """

    few: int = 50
    many: int = 500
    more_article: int = 100
    growth: tuple[int, ...] = (50, 200, 500, 2000, 5000)
    memory: tuple[int, int] = (200, 2000)
    shapes: tuple[tuple[int, ...], ...] = (PLAIN, (20, 20, 15, 10), (64, 32, 10), (64, 100, 100, 10), (784, 100, 10))
    shape_frames: int = 10
    large: int = 50
    side: int = 5000
    folders: int = 12
    whole: bool = True


def report(bench: Bench, sizes: Sizes) -> str:
    """Return the whole page."""
    head = [
        "# Benchmarks",
        "",
        f"Made by `make bench`: Python {platform.python_version()}, {platform.system()} {platform.machine()},"
        f" {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[2]:.1f} over the last 15 minutes;"
        f" medians of {bench.repetitions}, frames of 900×600 px, network {_name(PLAIN)}.",
        "Times of one run can be compared with each other only. CPU time and memory are of all processes of a tool.",
        "",
    ]
    parts = (_tools, _marginal, _ratios, _start, _formats, _sweep, _large, _reading, _growth, _edges)
    return "\n".join([*head, *(line for part in parts for line in part(bench, sizes))]).rstrip("\n") + "\n"


def _tools(bench: Bench, sizes: Sizes) -> list[str]:
    fields = (("wall_s", 2), ("cpu_s", 2), ("peak_mb", 0), ("file_kb", 0))
    rows = [
        [tool, str(count), *_values(bench, tool, f"{count} frames", fields)]
        for tool in TOOLS
        for count in (sizes.few, sizes.many)
    ]
    return _table(["tool", "frames", "wall s", "CPU s", "peak MB", "file KB"], rows)


def _each_ms(bench: Bench, sizes: Sizes, tool: str, what: str) -> float:
    most = sizes.more_article if tool == ARTICLE else sizes.many
    return bench.marginal_ms(tool, sizes.few, most, what)


def _marginal(bench: Bench, sizes: Sizes) -> list[str]:
    rows = [[tool, *(_number(_each_ms(bench, sizes, tool, what), 1) for what in ("wall_s", "cpu_s"))] for tool in TOOLS]
    return ["Each further frame:", "", *_table(["tool", "wall ms", "CPU ms"], rows)]


def _ratios(bench: Bench, sizes: Sizes) -> list[str]:
    few, many = f"{sizes.few} frames", f"{sizes.many} frames"

    def wall_s(tool: str, label: str = few) -> float:
        return bench.median(tool, label, "wall_s")

    least, most = sizes.memory
    rows = [
        (f"{sizes.few} snapshots, whole process, article / nnanim", "≥ 16", wall_s(ARTICLE) / wall_s(TWO)),
        (f"{sizes.few} snapshots, whole process, FuncAnimation / nnanim", "≥ 4", wall_s(FUNC_ANIMATION) / wall_s(TWO)),
        ("marginal CPU per frame, nnanim / limit", "≤ 1.2",
         _each_ms(bench, sizes, ONE, "cpu_s") / _each_ms(bench, sizes, LIMIT, "cpu_s")),
        ("marginal wall per frame, article / nnanim with 2 processes", "≥ 40",
         _each_ms(bench, sizes, ARTICLE, "wall_s") / _each_ms(bench, sizes, TWO, "wall_s")),
        (f"speed-up of --jobs 2 on {sizes.many} frames", "≥ 1.6", wall_s(ONE, many) / wall_s(TWO, many)),
        *((f"peak memory, {most} / {least} frames, {tool}", "≤ 1.15",
           bench.median(tool, f"memory {most}", "peak_mb") / bench.median(tool, f"memory {least}", "peak_mb"))
          for tool in (ONE, TWO)),
        (f"file size, nnanim / FuncAnimation, {sizes.few} snapshots", "≤ 0.33",
         bench.median(ONE, few, "file_kb") / bench.median(FUNC_ANIMATION, few, "file_kb")),
        *((f"size of {name} / out.gif", "≤ 1", _of_gif(bench, name, "file_kb")) for name in ("out.webp", "out.avif")),
        *((f"time of {name} / out.gif", "≤ 0.6", _of_gif(bench, name, "wall_s")) for name in ("out.html", "out.svg")),
        (f"share of imports in {sizes.few} snapshots, 2 processes", "< 0.33",
         wall_s("Python", "imports") / wall_s(TWO, "start")),
        (f"784-100-10, {sizes.large} snapshots, reading / drawing", "< 1",
         bench.median(ONE, "large", "reading_s") / bench.median(ONE, "large", "drawing_s")),
    ]  # fmt: skip
    table = _table(["", "target", "measured"], [[name, target, _number(value, 2)] for name, target, value in rows])
    return ["## Ratios", "", *table]


def _of_gif(bench: Bench, name: str, what: str) -> float:
    return bench.median(ONE, name, what) / bench.median(ONE, "out.gif", what)


def _start(bench: Bench, sizes: Sizes) -> list[str]:
    what = [
        ("Python", "start", "the interpreter alone"),
        ("Python", "imports", "the interpreter, and all modules that the render has imported at its end"),
        (TWO, "start", f"the render of {sizes.few} snapshots, `--jobs 2`"),
    ]
    rows = [[words, *_values(bench, tool, label, (("wall_s", 3), ("cpu_s", 3)))] for tool, label, words in what]
    return ["## Start", "", *_table(["", "wall s", "CPU s"], rows)]


def _formats(bench: Bench, sizes: Sizes) -> list[str]:
    fields = (("wall_s", 1), ("cpu_s", 1), ("peak_mb", 0), ("file_kb", 0))
    rows = [
        [name, *_values(bench, ONE, name, fields), *_values(bench, TWO, name, (("wall_s", 1),))] for name in FORMATS
    ]
    head = ["`-o`", "wall s", "CPU s", "peak MB", "size KB", "wall s, `--jobs 2`"]
    return ["## Formats", "", f"{sizes.few} snapshots, `--jobs 1` but for the last column:", "", *_table(head, rows)]


def _sweep(bench: Bench, sizes: Sizes) -> list[str]:
    fields = (("wall_s", 1), ("cpu_s", 1), ("peak_mb", 0))
    rows = [[jobs, *_values(bench, tool, "sweep", fields)] for jobs, tool in (("1", ONE), ("2", TWO))]
    ratio = bench.median(ONE, "sweep", "wall_s") / bench.median(TWO, "sweep", "wall_s")
    return [
        *("## Sweep", "", f"{sizes.folders} folders of {sizes.few} snapshots in one call, once each:", ""),
        *_table(["`--jobs`", "wall s", "CPU s", "peak MB"], rows),
        *(f"Speed-up of `--jobs 2`: {_number(ratio, 2)}", ""),
    ]


def _large(bench: Bench, sizes: Sizes) -> list[str]:
    times = [_number(bench.median(ONE, "large", what), 2) for what in ("reading_s", "drawing_s")]
    megabytes = 4 * sizes.side * (sizes.side + 1) / 1e6
    peak_mb, wall_s, cpu_s = _values(bench, ONE, "big snapshots", (("peak_mb", 0), ("wall_s", 1), ("cpu_s", 1)))
    return [
        *("## Large", ""),
        f"784-100-10, {sizes.large} snapshots, default options, in one process without its imports: reading and"
        f" choosing edges {times[0]} s, drawing {times[1]} s.",
        "",
        f"Four snapshots of {megabytes:.0f} MB, `--jobs 1`: {wall_s} s, {cpu_s} s of CPU, peak {peak_mb} MB.",
        "",
    ]


# What the largest tensor takes: the embedding of BERT-base, a convolution of a ResNet-18.
_LARGE = (
    ("safetensors", "3 × 438 MB of safetensors (BERT-base)", 4 * 30522 * 768 / 1e6),
    ("PyTorch", "8 × 47 MB of PyTorch (ResNet-18)", 4 * 512 * 512 * 9 / 1e6),
)


def _reading(bench: Bench, _sizes: Sizes) -> list[str]:
    return reading_section(bench)


def put_section(page: str, section: str) -> str:
    """Return a page with a section in the place of the one with the same heading, or at its end."""
    heading = section.splitlines()[0]
    before, _, after = page.partition(heading + "\n")
    rest = after.partition("\n## ")
    return before.rstrip("\n") + "\n\n" + section.rstrip("\n") + "\n" + ("\n## " + rest[2] if rest[1] else "")


def reading_section(bench: Bench) -> list[str]:
    """Return what reading large files took, beside a plain pass of NumPy."""
    rows, limits = [], []
    for label, words, largest_mb in _LARGE:
        plain = _values(bench, NUMPY, label, (("pass_s", 2), ("pass_cpu_s", 2)))
        rows.append([f"{words}, one pass of NumPy", *plain, "", "", "", ""])
        for tool in (ONE, TWO):
            fields = (("wall_s", 2), ("cpu_s", 2), ("private_mb", 0), ("resident_mb", 0))
            ratios = [_number(_of_pass(bench, tool, label, what), 2) for what in ("wall_s", "cpu_s")]
            rows.append([f"{words}, {tool}", *_values(bench, tool, f"{label} large", fields), *ratios])
            rows.append([f"as many files of a few KB, {tool}", *_values(bench, tool, f"{label} small", fields), "", ""])
        limits.append(f"{150 + 3 * largest_mb:.0f} MB for {label}")
    head = ["", "wall s", "CPU s", "private MB", "resident MB", "wall / NumPy", "CPU / NumPy"]
    return [
        *("## Reading large files", ""),
        "`nnanim render --view layers` to GIF, the files in the page cache. The pass maps the files and sums squares,"
        " and squared differences to the first, in pieces of 65 536 numbers; of a zip archive it takes the CRC-32 too."
        " Private is memory without a file behind it, looked at every 0.1 s; resident is the most of a process with its"
        " mapped files, as the system keeps it. The ratio is what the command takes less what it takes on small files,"
        " by what the pass takes: the median of the repetitions, whose three were measured in turn. Targets: at most 2,"
        f" and private memory of at most 150 MB and three times the largest tensor, {' and '.join(limits)}."
        f" The load was {os.getloadavg()[1]:.1f} over the last 5 minutes, on {len(os.sched_getaffinity(0))} CPUs.",
        "",
        *_table(head, rows),
    ]


def _of_pass(bench: Bench, tool: str, label: str, what: str) -> float:
    """Return what reading takes, as a multiple of the pass: the median over the repetitions."""
    large, small = (bench.values(tool, f"{label} {size}", what) for size in ("large", "small"))
    least = bench.values(NUMPY, label, "pass_s" if what == "wall_s" else "pass_cpu_s")
    ratios = [(one - other) / by for one, other, by in zip(large, small, least, strict=False)]
    return median(ratios) if ratios else nan


def _growth(bench: Bench, sizes: Sizes) -> list[str]:
    rows = []
    for count in sizes.growth:
        label = f"growth {count}"
        cpu_ms, size_kb = 1000 * bench.median(ONE, label, "cpu_s"), bench.median(ONE, label, "file_kb")
        values = _values(bench, ONE, label, (("wall_s", 1), ("cpu_s", 1), ("peak_mb", 1)))
        rows.append([str(count), *values, _number(cpu_ms / count, 1), _number(size_kb / count, 1)])
    head = ["frames", "wall s", "CPU s", "peak MB", "CPU ms a frame", "KB a frame"]
    return ["## Growth with frames", "", "`--jobs 1`, once each:", "", *_table(head, rows)]


def _edges(bench: Bench, sizes: Sizes) -> list[str]:
    rows = []
    frames = sizes.shape_frames
    for shape in sizes.shapes:
        one, all_ = (bench.median(ONE, f"shape {shape} {count}", "cpu_s") for count in (1, frames))
        edges = sum(a * b for a, b in pairwise(shape))
        peak_mb = bench.median(ONE, f"shape {shape} {frames}", "peak_mb")
        values = [_number(all_, 1), _number(1000 * (all_ - one) / (frames - 1), 0), _number(peak_mb, 0)]
        rows.append([_name(shape), str(edges), *values])
    head = ["network", "edges drawn", "CPU s", "CPU ms for each further frame", "peak MB"]
    return [
        *("## Growth with edges", "", f"`--max-edges 1000000 --image none`, {frames} snapshots, once each:", ""),
        *_table(head, rows),
    ]


def _name(shape: Sequence[int]) -> str:
    return "-".join(map(str, shape))


def _values(bench: Bench, tool: str, label: str, fields: Iterable[tuple[str, int]]) -> list[str]:
    """Write medians with so many digits each."""
    return [_number(bench.median(tool, label, what), digits) for what, digits in fields]


def _number(value: float, digits: int) -> str:
    return "–" if isnan(value) else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]
