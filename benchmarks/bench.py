"""Measure nnanim against its rivals and the limit, in one go: ``make bench``, shorter ``make bench ARGS=--quick``.

Every measurement is a process of its own, the tools take turns, and medians are told. The result is printed and
written to ``benchmarks/RESULTS.md``. Read the ratios: the times are those of one machine on one day.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imports import IMPORT_ALL, modules_of_render
from large_runs import FEW, bert_base, resnet_18, write_pytorch, write_safetensors
from measuring import Bench, Entry
from report import ARTICLE, FORMATS, FUNC_ANIMATION, LIMIT, NUMPY, ONE, TWO, Sizes, put_section, reading_section, report
from synthetic import PLAIN, make_big_run, make_run

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
RENDER = ("-m", "nnanim", "render")
EACH_ONCE = ("--fps", "10", "--ending", "ink")  # a frame for each snapshot, however many, as the rivals draw them
RIVALS = {ARTICLE: "article.py", FUNC_ANIMATION: "funcanimation.py", LIMIT: "limit.py"}
JOBS = {ONE: "1", TWO: "2"}
QUICK = Sizes(
    few=20,
    many=100,
    more_article=40,
    growth=(20, 100),
    memory=(50, 100),
    shapes=(PLAIN, (20, 20, 15, 10), (64, 32, 10)),
    large=10,
    side=1000,
    whole=False,
)


class Runs:
    """Result folders, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plain(self, snapshots: int, shape: Sequence[int] = PLAIN, seed: int = 0) -> Path:
        path = self.folder / f"{snapshots}x{'-'.join(map(str, shape))}-{seed}" / "result"
        return path if path.exists() else make_run(path, snapshots, shape, seed)

    def big(self, side: int) -> Path:
        path = self.folder / f"big-{side}"
        return path if path.exists() else make_big_run(path, 4, side)

    def of_format(self, file_format: str, *, is_small: bool) -> Path:
        """Return a run of BERT-base as safetensors or of a ResNet-18 as PyTorch files, or as long a one of a few KB."""
        path = self.folder / f"{file_format}-{'small' if is_small else 'large'}"
        if not path.exists():
            if file_format == "safetensors":
                write_safetensors(path, FEW if is_small else bert_base(), 3)
            else:
                write_pytorch(path, FEW if is_small else resnet_18(), 8)
        return path


def render(tool: str, label: str, results: Sequence[Path], more: Sequence[str] = (), output: str = "out.gif") -> Entry:
    """Let a tool draw folders; ``{run}`` in the output stands for their names."""
    named = [str(result) for result in results]
    if tool in RIVALS:
        return Entry(tool, label, (str(HERE / RIVALS[tool]), *named, "{output}"), output)
    return Entry(
        tool, label, (*RENDER, *named, "-o", "{output}", "--quiet", "--jobs", JOBS[tool], *EACH_ONCE, *more), output
    )


def rivals(runs: Runs, sizes: Sizes) -> list[Entry]:
    fast = (ONE, TWO, FUNC_ANIMATION, LIMIT)
    counts = [(tool, count) for count in (sizes.few, sizes.many) for tool in fast]
    counts += [(ARTICLE, count) for count in (sizes.few, sizes.more_article)]
    return [render(tool, f"{count} frames", [runs.plain(count)]) for tool, count in counts]


def starts(runs: Runs, sizes: Sizes) -> list[Entry]:
    """Start the interpreter alone, and with all modules that a render of the fewest frames has imported at its end."""
    result, modules = runs.plain(sizes.few), runs.folder / "modules"
    names = modules_of_render(str(result), str(runs.folder / "imports.gif"), "--jobs", "2")
    modules.write_text("\n".join(names), encoding="utf-8")
    return [
        Entry("Python", "start", ("-c", "pass"), None),
        Entry("Python", "imports", ("-c", IMPORT_ALL.format(file=str(modules))), None),
        render(TWO, "start", [result]),
    ]


def formats(runs: Runs, sizes: Sizes) -> list[Entry]:
    return [render(tool, name, [runs.plain(sizes.few)], output=name) for name in FORMATS for tool in (ONE, TWO)]


def sweep(runs: Runs, sizes: Sizes) -> list[Entry]:
    results = [runs.plain(sizes.few, seed=seed) for seed in range(sizes.folders)]
    return [render(tool, "sweep", results, output="{run}.gif") for tool in (ONE, TWO)]


def large(runs: Runs, sizes: Sizes) -> list[Entry]:
    network = runs.plain(sizes.large, (784, 100, 10))
    parts = (str(HERE / "reading.py"), str(network), str(runs.plain(2)), "{output}")
    return [Entry(ONE, "large", parts), render(ONE, "big snapshots", [runs.big(sizes.side)])]


def reading(runs: Runs, sizes: Sizes) -> list[Entry]:
    """Draw runs of large files and of small ones, and read the large ones by NumPy alone, in turn."""
    entries = []
    for file_format in ("safetensors", "PyTorch"):
        large_run = runs.of_format(file_format, is_small=not sizes.whole)
        small_run = runs.of_format(file_format, is_small=True)
        files = sorted(map(str, large_run.rglob("*.*t*")))
        entries.append(Entry(NUMPY, file_format, (str(HERE / "numpy_pass.py"), *files), None))
        for tool in (ONE, TWO):
            entries += [
                render(tool, f"{file_format} {size}", [run], ("--view", "layers"))
                for size, run in (("large", large_run), ("small", small_run))
            ]
    return entries


def growth(runs: Runs, sizes: Sizes) -> list[Entry]:
    entries = [render(ONE, f"growth {count}", [runs.plain(count)]) for count in sizes.growth]
    entries += [render(tool, f"memory {count}", [runs.plain(count)]) for tool in (ONE, TWO) for count in sizes.memory]
    whole = ("--max-nodes", "1000", "--max-edges", "1000000", "--image", "none")
    counts = (1, sizes.shape_frames)
    entries += [
        render(ONE, f"shape {shape} {count}", [runs.plain(count, shape)], whole)
        for shape in sizes.shapes
        for count in counts
    ]
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition, fewer and smaller sizes")
    parser.add_argument("--full", action="store_true", help="run the article's method over all frames too")
    parser.add_argument("--reading", action="store_true", help="large files alone: write that section anew")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    choices = parser.parse_args()
    sizes = QUICK if choices.quick else Sizes()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        bench = Bench(1 if choices.quick else choices.repetitions)
        if choices.reading:
            bench.run(reading(runs, sizes))
            section = "\n".join(reading_section(bench))
            print(section)
            choices.output.write_text(
                put_section(choices.output.read_text(encoding="utf-8"), section), encoding="utf-8"
            )
            return
        bench.run(rivals(runs, sizes))
        bench.run(starts(runs, sizes))
        bench.run(formats(runs, sizes))
        if choices.full:  # takes minutes, and ImageMagick mostly gives up
            bench.run([render(ARTICLE, f"{sizes.many} frames", [runs.plain(sizes.many)])], repetitions=1)
        bench.run(reading(runs, sizes), repetitions=1 if choices.quick else max(choices.repetitions, 7))
        bench.run([*sweep(runs, sizes), *large(runs, sizes), *growth(runs, sizes)], repetitions=1)
    text = report(bench, sizes)
    print(text)
    choices.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
