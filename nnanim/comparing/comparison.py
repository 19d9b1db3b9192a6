"""Runs held against each other: from paths to numbers and verdicts; what is large of a run is dropped once measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.comparing.groups import Verdict, compare_groups, medoid
from nnanim.comparing.matching import Net, Order, can_match, largest_difference, match, reorder, same_start
from nnanim.comparing.measuring import Measured, Task, measure
from nnanim.comparing.statistics import STATISTICS, Statistic
from nnanim.errors import OptionError
from nnanim.extras import how_to_install

if TYPE_CHECKING:
    from concurrent.futures import Executor

MOST_NETS = 8  # runs whose weights are laid over each other; the weights of that many are in memory
FEW_RUNS = 8  # are measured in this process


@dataclass(frozen=True, eq=False)
class Line:
    """One statistic of one layer in all groups.

    Attributes:
        statistic: which.
        layer: the layer's name, None for the whole network.
        values: of each group's runs, in their order; NaN where a run has none.
        verdicts: of each group but the first, held against the first.
    """

    statistic: Statistic
    layer: str | None
    values: Mapping[str, tuple[float, ...]]
    verdicts: Mapping[str, Verdict]

    @property
    def means(self) -> dict[str, float]:
        """The mean of each group; NaN where a run has no value."""
        return {group: float(np.mean(values)) for group, values in self.values.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """What is known of several runs.

    Attributes:
        groups: for each group its runs.
        names: for each group the names of its runs.
        lines: statistics of the whole network, then of its layers.
        same_start: whether the first run of each group began from the weights of the first of all.
        matched: whether hidden units were put in the order of the first run's.
        largest: largest |difference| of two weights in the last snapshots; None where none was asked for.
        heads: for each group which of its runs stands for it where runs are drawn or laid over each other.
        orders: for each group that was matched the order of its hidden units.
        notes: what a user should be told.
    """

    groups: Mapping[str, tuple[Measured, ...]]
    names: Mapping[str, tuple[str, ...]]
    lines: tuple[Line, ...]
    same_start: bool
    matched: bool
    largest: float | None
    heads: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints; null for what is not known."""
        first = next(iter(self.groups))
        return {
            "runs": [
                {
                    "name": name,
                    "path": str(run.path),
                    "group": group,
                    "shape": list(run.shape),
                    "snapshots": run.snapshots,
                }
                for group, runs in self.groups.items()
                for name, run in zip(self.names[group], runs, strict=True)
            ],
            "same_start": self.same_start,
            "matched": self.matched,
            "difference": None if self.largest is None else {"largest": self.largest},
            "statistics": [
                {
                    "statistic": line.statistic.name,
                    "layer": line.layer,
                    "values": {group: [_or_null(value) for value in values] for group, values in line.values.items()},
                    "means": {group: _or_null(value) for group, value in line.means.items()},
                    "comparisons": [
                        {
                            "groups": [first, group],
                            "effect_size": _or_null(verdict.effect_size),
                            "p": _or_null(verdict.p),
                            "differs": verdict.differs,
                        }
                        for group, verdict in line.verdicts.items()
                    ],
                }
                for line in self.lines
            ],
        }


def compare(
    groups: Mapping[str, Sequence[tuple[str, Path]]],
    *,
    by_layer: bool = False,
    difference: bool = False,
    matching: bool = False,
    medoids: bool = False,
    reading: Mapping[str, Any] | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Measure runs and hold each group against the first.

    Args:
        groups: for each group the names and paths of its runs; a run alone is a group of one.
        by_layer: measure each layer too.
        difference: take the difference of the weights, of each group's first run and that of the first group.
        matching: put hidden units in the order of the first run's before.
        medoids: let the run that is nearest to the others of its group by the statistics stand for it, not the first;
            these are read a second time.
        reading: how folders are read, as in `nnanim.open_run`.
        jobs: processes to use at most.
        executor: who measures the runs instead, e.g. that of a cluster; `jobs` says how many workers it has.
        progress: called with how many runs are measured and how many there are.

    Raises:
        OptionError: a difference was asked for that cannot be taken, or needs SciPy.
        RunError: a path holds no run.
        SnapshotError: a snapshot cannot be read.
    """
    wanted = difference or matching
    if wanted and not 2 <= len(groups) <= MOST_NETS:
        raise OptionError(f"a difference is taken of 2 to {MOST_NETS} runs or groups: got {len(groups)}")
    if matching and not can_match():
        raise OptionError(
            f"matching hidden units needs the package 'scipy', which is not installed: {how_to_install('match')}"
        )
    keep = 2 <= len(groups) <= MOST_NETS
    tasks = [
        Task(path, by_layer, keep and place == 0 and not medoids, dict(reading or {}))
        for runs in groups.values()
        for place, (_, path) in enumerate(runs)
    ]
    measured = []
    for run in _measure_all(tasks, jobs, executor):
        measured.append(run)
        if progress is not None:
            progress(len(measured), len(tasks))
    ordered = iter(measured)
    by_group = {group: tuple(next(ordered) for _ in runs) for group, runs in groups.items()}
    notes = list(dict.fromkeys(note for run in measured for note in run.notes))
    places = {group: _medoid(runs) if medoids else 0 for group, runs in by_group.items()}
    heads = [by_group[group][place] for group, place in places.items()]
    notes += [
        f"{groups[group][place][0]!r} stands for {group!r}: it is nearest to the others by the statistics"
        for group, place in places.items()
        if medoids and len(groups[group]) > 1
    ]
    if medoids and keep:
        heads = [measure(Task(head.path, False, True, dict(reading or {}))) for head in heads]
    began_alike = all(_began_alike(heads[0], head) for head in heads[1:]) if len(heads) > 1 else False
    largest, orders = None, dict[str, Order]()
    if wanted:
        nets = _nets(heads, began_alike, matching, notes)
        if matching and nets:
            found = [match(nets[0], net) for net in nets[1:]]
            nets = [nets[0], *map(reorder, nets[1:], found)]
            orders = dict(zip(list(by_group)[1:], found, strict=True))
        largest = max(largest_difference(nets[0], net) for net in nets[1:]) if nets else None
    lines = _lines(by_group)
    notes += _notes(by_group, lines)
    names = {group: tuple(name for name, _ in runs) for group, runs in groups.items()}
    return Comparison(
        groups=by_group,
        names=names,
        lines=lines,
        same_start=began_alike,
        matched=matching,
        largest=largest,
        heads=places,
        orders=orders,
        notes=tuple(notes),
    )


def _measure_all(tasks: Sequence[Task], jobs: int, executor: Executor | None) -> Iterator[Measured]:
    if executor is None and (jobs == 1 or len(tasks) <= FEW_RUNS):
        yield from map(measure, tasks)
        return
    from nnanim.processes.pool import answers_in_order, process_pool

    if executor is not None:
        yield from answers_in_order(executor, measure, tasks, 2 * jobs)
        return
    with process_pool(jobs - 1) as workers:
        yield from answers_in_order(workers, measure, tasks, 2 * jobs, helping=True)


def _began_alike(one: Measured, other: Measured) -> bool:
    if one.start == other.start:
        return True
    if one.no_order or other.no_order or one.nets is None or other.nets is None:
        return False
    return same_start(one.nets[0], other.nets[0])


def _medoid(runs: Sequence[Measured]) -> int:
    return medoid(np.array([[run.values.get((row.name, None), np.nan) for row in STATISTICS] for run in runs]))


def _nets(heads: Sequence[Measured], began_alike: bool, matching: bool, notes: list[str]) -> list[Net]:
    """Return the last snapshots that can be laid over each other, or none and say why not."""
    nets = [head.nets[1] for head in heads if head.nets is not None]
    unknown = next((head.no_order for head in heads if head.no_order), "")
    if unknown and (matching or not began_alike):
        notes.append(f"no difference: {unknown}")
        return []
    alike = [net.shape == nets[0].shape and _sizes(net) == _sizes(nets[0]) for net in nets]
    if not all(alike):
        other = alike.index(False)
        shapes = " and ".join(",".join(map(str, heads[place].shape)) for place in (0, other))
        notes.append(
            f"no difference: {str(heads[0].path)!r} and {str(heads[other].path)!r} have different shapes, {shapes}"
        )
        return []
    if matching:
        notes.append("hidden units were put in the order of the first run's by weight matching, at the last snapshot")
    elif not began_alike:
        only = "" if can_match() else f" (only equality was looked for: more needs SciPy, {how_to_install('match')})"
        notes.append(
            "no difference: the runs did not begin from the same weights, so their neurons are not comparable one by"
            f" one; --match reorders them{only}"
        )
        return []
    return nets


def _sizes(net: Net) -> list[tuple[int, ...]]:
    return [each.shape for each in (*net.weights, *net.vectors)]


def _lines(groups: Mapping[str, tuple[Measured, ...]]) -> tuple[Line, ...]:
    layers = dict.fromkeys(layer for runs in groups.values() for run in runs for _, layer in run.values)
    rows = [(statistic, layer) for layer in layers for statistic in STATISTICS]
    # A layer that some runs lack, or that has no such statistic in any run, tells nothing.
    tables = {
        group: np.array([[run.values.get((row.name, layer), np.nan) for row, layer in rows] for run in runs])
        for group, runs in groups.items()
    }
    names = list(groups)
    verdicts = {name: compare_groups(tables[names[0]], tables[name], len(names)) for name in names[1:]}
    return tuple(
        Line(
            statistic,
            layer,
            {name: tuple(table[:, place].tolist()) for name, table in tables.items()},
            {name: each[place] for name, each in verdicts.items()},
        )
        for place, (statistic, layer) in enumerate(rows)
        if layer is None or any(np.isfinite(table[:, place]).any() for table in tables.values())
    )


def _notes(groups: Mapping[str, tuple[Measured, ...]], lines: Sequence[Line]) -> Iterator[str]:
    runs = [run for group in groups.values() for run in group]
    shapes = list(dict.fromkeys(run.shape for run in runs))
    if len(shapes) > 1:
        told = ", ".join(",".join(map(str, shape)) or "of unknown order" for shape in shapes)
        yield f"networks of different shapes are compared ({told}): their sizes alone make norms and counts differ"
    counts = sorted({run.snapshots for run in runs})
    if len(counts) > 1 and counts[-1] > 1:
        yield f"runs of {counts[0]} to {counts[-1]} snapshots: fewer snapshots make a way look straighter"
    if counts[0] == 1:
        yield "a run of one snapshot has no way from a first to a last one: its straightness is not known"


def _or_null(value: float) -> float | None:
    return value if isfinite(value) else None
