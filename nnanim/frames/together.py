"""Several runs on one clock: each shows its newest snapshot up to then, and nothing between two of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from nnanim.errors import MetricError, OptionError
from nnanim.frames.curves import SHARE_LABEL, pick_metrics
from nnanim.frames.history import History, Place, make_history
from nnanim.frames.timeline import choose_snapshots
from nnanim.options import Options
from nnanim.reading.run import Run, Snapshot

_DIGITS = 9  # of a share; what is beyond comes from rounding


@dataclass(frozen=True, eq=False, kw_only=True)
class Together:
    """Several runs on one clock.

    Attributes:
        names: of the runs.
        histories: of the runs.
        snapshots: for each run those that its history is of.
        by: what the clock counts, one of `nnanim.options.CLOCKS`.
        ticks: for each run where its snapshots lie on the clock, increasing.
        moments: when there is something new to show, increasing.
        metric: what the curves show, or None.
        notes: what a user should be told.
    """

    names: tuple[str, ...]
    histories: tuple[History, ...]
    snapshots: tuple[tuple[Snapshot, ...], ...]
    by: str
    ticks: tuple[tuple[float, ...], ...]
    moments: tuple[float, ...]
    metric: str | None
    notes: tuple[str, ...]

    @property
    def is_still(self) -> bool:
        """Tell whether every run is one snapshot alone."""
        return all(len(ticks) == 1 for ticks in self.ticks)

    def place(self, run: int, at: float) -> Place:
        """Return the newest snapshot of a run up to a time of the clock; before its first one, that."""
        return Place(max(bisect_right(self.ticks[run], at) - 1, 0))

    def pairs(self, run: int) -> list[tuple[Snapshot, Snapshot]]:
        """Return for each moment the snapshots that the first run and another show then."""
        return [
            (
                self.snapshots[0][self.place(0, at).before],
                self.snapshots[run][self.place(run, at).before],
            )
            for at in self.moments
        ]

    def title(self, run: int, at: float) -> str:
        """Say what a run shows then: ``"epoch 20"``, ``"ended at epoch 12"`` or ``"begins at epoch 5"``."""
        ticks, shown = self.ticks[run], self.histories[run].title(self.place(run, at))
        if self.is_still:
            return shown
        return f"ended at {shown}" if at > ticks[-1] else f"begins at {shown}" if at < ticks[0] else shown

    def titles(self, run: int) -> list[str]:
        """Return all that it says over time."""
        return [self.title(run, at) for at in self.moments]

    def time_text(self, at: float) -> str:
        """Say when it is on the clock of all runs."""
        return f"{at:.0%} of the run".replace("%", " %") if self.by == "share" else f"{self.by} {round(at, 1):g}"


def bring_together(
    names: Sequence[str], runs: Sequence[Run], read: Any, options: Options, by: str | None = None
) -> Together:
    """Read what is shown of runs.

    Args:
        names: of the runs.
        runs: opened.
        read: as in `make_history`.
        options: what is shown; `every` and `max_frames` count the moments of all runs.
        by: one of `nnanim.options.CLOCKS`; by default the first that all runs tell.

    Raises:
        OptionError: the runs do not tell what the clock is to count, or more than one metric was asked for.
        MetricError: no run has the metric.
        SnapshotError: a snapshot cannot be read, or is not like the others.
    """
    metric, notes = _choose_metric(names, runs, options)
    by = _choose_clock(names, runs, by)
    over = None if by == "share" else by
    each = replace(options, every=1, max_frames=None, spacing="even", metric=metric)
    histories: list[History] = []
    snapshots = []
    for name, run in zip(names, runs, strict=True):
        has = metric is not None and run.log is not None and metric in run.log.metrics
        if has and over is not None and not _has_column(run, over):
            notes.append(f"the log of {name!r} tells no {over}s, so it has no curve")
            has = False
        chosen = each if has else replace(each, metric=None, panels="network")
        history = make_history(run, chosen, read, over)
        picks = choose_snapshots([moment.epoch for moment in run.moments], chosen)
        snapshots.append(tuple(run.snapshots[pick] for pick in picks))
        histories.append(history if over else _in_shares(history))
    ticks = tuple(_ticks(history, by) for history in histories)
    every = sorted({tick for run in ticks for tick in run})
    if all(len(run) == 1 for run in ticks):
        every = every[-1:]
    thinned = replace(options, start=None, stop=None)
    moments = tuple(every[pick] for pick in choose_snapshots([None] * len(every), thinned))
    return Together(
        names=tuple(names),
        histories=tuple(histories),
        snapshots=tuple(snapshots),
        by=by,
        ticks=ticks,
        moments=moments,
        metric=metric,
        notes=tuple(notes),
    )


def _choose_metric(names: Sequence[str], runs: Sequence[Run], options: Options) -> tuple[str | None, list[str]]:
    """Choose the one metric of all runs: what was asked for, or what most of them would show alone."""
    if options.panels == "network":
        return None, []
    if len(options.metrics) > 1:
        raise OptionError(f"{len(options.metrics)} metrics of several runs: their curves show one (give one)")
    wanted: Counter[str] = Counter()
    missing = []
    for run in runs:
        try:
            wanted.update(pick_metrics(run.log, options.metrics))
        except MetricError as error:
            missing.append(error)
    if not wanted:
        if missing:
            raise missing[0]
        return None, ["no run has a log with a metric, so there are no curves"]
    metric = wanted.most_common(1)[0][0]
    without = [name for name, run in zip(names, runs, strict=True) if run.log is None or metric not in run.log.metrics]
    return metric, [f"no metric {metric!r} in the log of {name!r}, so it has no curve" for name in without]


def _choose_clock(names: Sequence[str], runs: Sequence[Run], by: str | None) -> str:
    """Return what the clock counts.

    Raises:
        OptionError: a run does not tell it.
    """
    for wanted in ("epoch", "iteration"):
        silent = [name for name, run in zip(names, runs, strict=True) if not _tells(run, wanted)]
        if by == wanted and silent:
            raise OptionError(
                f"by is {by!r}, but the snapshots of {silent[0]!r} do not all say their {by}, each more than the one"
                " before (try by share)"
            )
        if by in (None, wanted) and not silent:
            return wanted
    return "share"


def _tells(run: Run, unit: str) -> bool:
    known = [tick for moment in run.moments if (tick := getattr(moment, unit)) is not None]
    return len(known) == len(run.moments) and all(before < after for before, after in pairwise(known))


def _has_column(run: Run, column: str) -> bool:
    return run.log is not None and column in run.log.columns and bool(np.isfinite(run.log.columns[column]).any())


def _ticks(history: History, by: str) -> tuple[float, ...]:
    if by == "share":
        own = history.clock.ticks
        if history.clock.unit == "snapshot":  # counted from 0
            own = tuple(tick + 1 for tick in own)
        return tuple(round(tick / own[-1], _DIGITS) if own[-1] > 0 else 1.0 for tick in own)
    return tuple(float(tick) for tick in (history.epochs if by == "epoch" else history.iterations) if tick is not None)


def _in_shares(history: History) -> History:
    """Return the history with curves over the share of the run up to its last snapshot."""
    known = history.curve_x[np.isfinite(history.curve_x)]
    end = float(known[-1]) if len(known) and known[-1] > 0 else float("nan")
    if not np.isfinite(end):
        return replace(history, curves=(), curve_x=np.full(len(history), np.nan))
    curves = tuple(replace(curve, x=curve.x / end, x_label=SHARE_LABEL) for curve in history.curves)
    return replace(history, curves=curves, curve_x=history.curve_x / end)
