"""Epochs and iterations: those of snapshots from their files or names, and the row of the log that belongs to each.

The rule: epochs and iterations are shown as the snapshots count them; a log that counts otherwise is shifted to them.

- Keras names its files from epoch 1 and counts from 0 in its logs: row 0 of the log belongs to epoch 1.
- Lightning counts epochs from 0 in both. A checkpoint's step is the number of updates done, a log's step the number of
  the update before it: row 14 of the log belongs to step 15.
- Elsewhere a log that counts from 0 is shifted by one where only so its last row is that of the last snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from nnanim.model.layers import natural_key
from nnanim.reading.known import Known
from nnanim.reading.logs.log import Log
from nnanim.reading.names import around_midnight, name_of, place_in_time, told_by
from nnanim.reading.snapshots.contents import Contents
from nnanim.words import counted

_FROM_KERAS = ("csv", "tensorboard")


class Counted(Protocol):
    """What has an epoch and an iteration."""

    @property
    def epoch(self) -> int | float | None: ...

    @property
    def iteration(self) -> int | None: ...


def in_order(found: Sequence[Contents]) -> list[Contents]:
    """Sort by iteration where all know it, else by epoch, else by name; those that know neither come last.

    Among these dates and times in the names decide, then words such as ``last`` and ``final``; only those that are
    named as the first weights come before all others.
    """
    counted = [c for c in found if c.iteration is not None or c.epoch is not None]
    silent = [c for c in found if c.iteration is None and c.epoch is None]
    if all(contents.iteration is not None for contents in counted):
        counted.sort(key=lambda c: (c.iteration or 0, natural_key(c.path.name)))
    elif all(contents.epoch is not None for contents in counted):
        counted.sort(key=lambda c: (c.epoch or 0, natural_key(c.path.name)))
    times = [c.written for c in silent if c.written.startswith("t")]
    first_time = around_midnight(times) if times else ""
    silent.sort(key=lambda c: (place_in_time(c.path), c.written.startswith("t") and c.written < first_time, c.written))
    untrained = [c for c in silent if place_in_time(c.path) < 0]
    return untrained + counted + silent[len(untrained) :]


def fill_counters(
    found: Sequence[Contents], log: Log | None, folder: Path | None = None, known: Known | None = None
) -> list[Contents]:
    """Take epoch or iteration from the file names where the files themselves say neither.

    A number beside ``epoch``, ``iter`` or ``step`` is what it says. Any other is what the log has a row for, else an
    epoch in names that begin with ``trainer`` (the article's) and of Keras's files, else an iteration.

    Args:
        found: the snapshots.
        log: the log, where there is one.
        folder: the result folder, whose own name tells nothing.
        known: of who looks at the folder again and again.
    """
    known = Known() if known is None else known
    silent = [c for c in found if c.epoch is None and c.iteration is None]
    told = told_by([c.path for c in silent], folder or Path())
    bare = {path: each.number for path, each in told.items() if each.epoch is None and each.iteration is None}
    is_keras = bool(found) and all(contents.format == "keras" for contents in found)
    numbers = [number for number in bare.values() if number is not None]
    names = [name_of(c.path, folder) for c in silent]
    column = "epoch" if is_keras else _column_of(numbers, names, log)
    filled = []
    for contents in found:
        each = told.get(contents.path)
        if each is None:
            filled.append(contents)
            continue
        epoch, iteration = each.epoch, each.iteration
        if contents.path in bare and column == "epoch":
            epoch = each.number
        elif contents.path in bare:
            iteration = each.number
        filled.append(known.with_counters(contents, epoch=epoch, iteration=iteration, written=each.written))
    return filled


def complete(found: Sequence[Contents], log: Log | None) -> tuple[list[Contents], list[str]]:
    """Give all snapshots the same counters where some know epochs alone and others iterations alone.

    The log joins them: in the row of an iteration stands its epoch, and in the last row of an epoch its iteration.

    Returns:
        The snapshots, and a note where the log cannot join them.
    """
    by_epoch = [each for each in found if each.epoch is not None and each.iteration is None]
    by_iteration = [each for each in found if each.iteration is not None and each.epoch is None]
    if not by_epoch or not by_iteration:
        return list(found), []
    completed = []
    for each in found:
        epoch, iteration = each.epoch, each.iteration
        if epoch is None and iteration is not None:
            epoch = _looked_up(log, "iteration", iteration, "epoch")
        elif iteration is None and epoch is not None:
            count = _looked_up(log, "epoch", epoch, "iteration")
            iteration = None if count is None else int(count)
        completed.append(replace(each, epoch=epoch, iteration=iteration))
    lacking = [each for each in completed if (each.epoch is None) != (each.iteration is None)]
    if not lacking:
        return completed, []
    first, second = by_epoch[0].path.name, by_iteration[0].path.name
    return list(found), [
        f"{first!r} knows its epoch and {second!r} its iteration, and no log says which iteration is of which epoch:"
        " their order is that of their names"
    ]


def _looked_up(log: Log | None, counter: str, value: float, wanted: str) -> int | float | None:
    """Return another counter of the last row that has a counter's value; None where the log has no such row."""
    if log is None or not {counter, wanted} <= set(log.columns):
        return None
    rows = np.flatnonzero((log.columns[counter] == value) & np.isfinite(log.columns[wanted].astype(float)))
    if not len(rows):
        return None
    found = float(log.columns[wanted][rows[-1]])
    return int(found) if found.is_integer() else found


def align(log: Log, found: Sequence[Contents], form: str) -> tuple[Log, list[str]]:
    """Shift the counters of a log to those of the snapshots.

    Args:
        log: as it was read.
        found: the snapshots, with their counters.
        form: who wrote them.

    Returns:
        The log, and notes that say what was done.
    """
    if log.format == "chainer":
        return log, []
    epochs = [float(c.epoch) for c in found if c.epoch is not None]
    iterations = [float(c.iteration) for c in found if c.iteration is not None]
    notes = []
    if "epoch" not in log.columns and epochs and not iterations and _are_epochs(log, epochs):
        log = replace(log, columns=_renamed(log.columns), stated=_renamed(log.stated))
        notes.append("the steps of the log are taken for epochs, which the snapshots count")
    by_epoch = _epoch_shift(log, epochs, form)
    if by_epoch:
        log = _shifted(log, "epoch", by_epoch)
        first, own = (0, 1) if by_epoch > 0 else (1, 0)
        notes.append(
            f"the log counts epochs from {first}, the snapshots from {own}: its epoch {first} is taken for epoch {own}"
        )
    by_iteration = _iteration_shift(log, iterations, form)
    if by_iteration:
        log = _shifted(log, "iteration", by_iteration)
        notes.append("the log counts steps from 0, the snapshots from 1: its step 0 is taken for step 1")
    return log, notes


def join(snapshots: Sequence[Counted], log: Log | None) -> tuple[tuple[int | None, ...], list[str]]:
    """Return the nearest row of the log for every snapshot, by iteration where both know it, else by epoch, and notes.

    Of several rows that are as near because they have the same epoch it is the last.
    """
    rows: list[int | None] = []
    notes = []
    differences: dict[str, list[float]] = {"iteration": [], "epoch": []}
    counts = {}
    for counter in differences:
        column = np.empty(0) if log is None or counter not in log.columns else log.columns[counter].astype(np.float64)
        if np.isfinite(column).any():
            counts[counter] = np.where(np.isfinite(column), column, np.inf)
    for snapshot in snapshots:
        row = None
        for counter, value in (("iteration", snapshot.iteration), ("epoch", snapshot.epoch)):
            if value is None or counter not in counts:
                continue
            distances = np.abs(counts[counter] - value)
            nearest = counts[counter][distances.argmin()]
            row = int((counts[counter] == nearest).nonzero()[0][-1])
            differences[counter].append(float(distances[row]))
            break
        rows.append(row)
    for counter, found in differences.items():
        apart = [difference for difference in found if difference]
        if apart:
            notes.append(
                f"{_of(len(apart), len(snapshots))} no row of {'its' if len(apart) == 1 else 'their'} own in the log:"
                f" the nearest is used, up to {counted(max(apart), counter)} away"
            )
    if log is not None and None in rows:
        notes.append(f"{_of(rows.count(None), len(snapshots))} no counter that the log has")
    return tuple(rows), notes


def _column_of(numbers: Sequence[int], names: Sequence[str], log: Log | None) -> str:
    """Return the counter that bare numbers in file names mean: "epoch" or "iteration"."""
    columns = [] if log is None else [column for column in ("epoch", "iteration") if column in log.columns]
    holding = [column for column in columns if log is not None and set(numbers) <= set(log.columns[column].tolist())]
    if numbers and len(holding) == 1:
        return holding[0]
    if len(columns) == 1 and log is not None and log.format != "chainer":
        return columns[0]
    return "epoch" if all(name.startswith("trainer") for name in names) else "iteration"


def _are_epochs(log: Log, epochs: Sequence[float]) -> bool:
    steps = log.columns["iteration"].astype(np.float64)
    return bool(len(steps)) and float(np.nanmax(steps)) - max(epochs) in (-1.0, 0.0, 1.0)


def _epoch_shift(log: Log, epochs: Sequence[float], form: str) -> int:
    if "epoch" not in log.columns or not epochs or form in ("lightning", "transformers"):
        return 0
    counts = log.columns["epoch"].astype(np.float64)
    if np.isnan(counts).all():
        return 0
    first, last = float(np.nanmin(counts)), float(np.nanmax(counts))
    if form == "keras" and log.format in _FROM_KERAS:
        return 1 if first == 0 else 0
    if first == 0 and min(epochs) > 0 and max(epochs) == last + 1:
        return 1
    return -1 if first == 1 and min(epochs) == 0 and max(epochs) == last - 1 else 0


def _iteration_shift(log: Log, iterations: Sequence[float], form: str) -> int:
    if "iteration" not in log.columns or not iterations or form == "transformers":
        return 0
    counts = set(log.columns["iteration"].tolist())
    if form == "lightning" and log.format in ("csv", "tensorboard"):
        return 1
    none_fits = not any(iteration in counts for iteration in iterations)
    return 1 if none_fits and all(iteration - 1 in counts for iteration in iterations) else 0


def _shifted(log: Log, counter: str, by: int) -> Log:
    return replace(log, columns={**log.columns, counter: log.columns[counter] + by})


def _renamed(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"epoch" if name == "iteration" else name: values for name, values in columns.items()}


def _of(some: int, there: int) -> str:
    return f"{some} of {counted(there, 'snapshot')} {'has' if some == 1 else 'have'}"
