"""A comparison in words and columns, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

import numpy as np

from nnanim.comparing.comparison import Comparison, Line
from nnanim.comparing.groups import LEAST_RUNS, can_tell
from nnanim.comparing.statistics import STATISTICS
from nnanim.words import counted

UNKNOWN = "–"
DIFFERS = "differs beyond the seeds"
DIFFERS_NOT = "no difference beyond the seeds"


def report(comparison: Comparison) -> list[str]:
    """Write a table for the whole network and each layer, then what the groups say of each other."""
    lines: list[str] = []
    for layer in dict.fromkeys(line.layer for line in comparison.lines):
        own = [line for line in comparison.lines if line.layer == layer]
        lines += [*_table(comparison, layer, own), ""]
    lines += [*_starts(comparison), *verdict_lines(comparison)]
    return lines


def _table(comparison: Comparison, layer: str | None, own: Sequence[Line]) -> list[str]:
    known = {line.statistic.name: line for line in own}
    rows = [["" if layer is None else f"layer {layer}", *(statistic.title for statistic in STATISTICS)]]
    for group, names in comparison.names.items():
        alone = len(names) == 1
        name = group if alone else f"{group} ({len(names)} runs)"
        rows.append([name, *(_cell(known.get(each.name), group) for each in STATISTICS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_row(row, widths) for row in rows]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def _cell(line: Line | None, group: str) -> str:
    values = () if line is None else line.values[group]
    if not values or not all(map(isfinite, values)):
        return UNKNOWN
    mean = f"{np.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2g}"


def _starts(comparison: Comparison) -> Iterator[str]:
    if len(comparison.groups) > 1:
        of = (
            "the first runs of the groups" if any(len(names) > 1 for names in comparison.names.values()) else "the runs"
        )
        began = "began from the same weights" if comparison.same_start else "did not begin from the same weights"
        yield f"{of} {began}"
    if comparison.largest is not None:
        after = " after matching" if comparison.matched else ""
        yield f"largest difference of a weight at the end{after}: {comparison.largest:.4g}"


def verdict_lines(comparison: Comparison) -> Iterator[str]:
    """Say of each group whether it differs from the first one, and in what."""
    first, *others = comparison.groups
    count = len(comparison.groups)
    if others and all(len(runs) == 1 for runs in comparison.groups.values()):
        yield "1 run each: the spread is not known"
        return
    for group in others:
        sizes = len(comparison.groups[first]), len(comparison.groups[group])
        yield f"{group} against {first} ({sizes[0]} and {counted(sizes[1], 'run')}):"
        tested = can_tell(*sizes, count)
        if not tested:
            yield f"  too few runs to tell among {count} groups"
        for line in comparison.lines:
            yield f"  {_name(line)}: {_verdict(line, group, sizes, tested)}"


def _name(line: Line) -> str:
    return line.statistic.title if line.layer is None else f"{line.layer}: {line.statistic.title}"


def _verdict(line: Line, group: str, sizes: tuple[int, int], tested: bool) -> str:
    verdict = line.verdicts[group]
    if verdict.left_out:
        return f"{verdict.left_out}, so it is not in the test" if tested else verdict.left_out
    effect = f"g = {verdict.effect_size:+.2f}" if isfinite(verdict.effect_size) else "no effect size"
    if min(sizes) < LEAST_RUNS:
        effect = f"fewer than {LEAST_RUNS} runs: no effect size"
    if not tested:
        return effect
    return f"{DIFFERS if verdict.differs else DIFFERS_NOT} ({effect}, p = {verdict.p:.3f})"
