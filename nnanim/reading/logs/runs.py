"""Several runs in one log, and several rows of one moment.

A training that was started again appends to the log of the one before. What counts is the newest: where the counter
falls back, the rows from there on take the place of those of the same moments and later ones. A training that was
resumed so keeps the rows before it, one that was restarted keeps none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnanim.reading.logs.log import COUNTERS
from nnanim.words import counted

Columns = dict[str, np.ndarray]


def newest_run(columns: Columns, stated: Columns, starts: Sequence[int], where: str) -> tuple[np.ndarray, list[str]]:
    """Return which rows count, in order, and notes.

    Args:
        columns: values by name, counters under their usual names.
        stated: where there are any.
        starts: rows before which the writer began anew: there the same moment again is a new run too.
        where: the file, for notes.
    """
    count = len(next(iter(columns.values())))
    moments = moments_of(columns)
    kept = np.ones(count, dtype=bool)
    if moments is None:
        return np.arange(count), []
    known = np.flatnonzero(np.isfinite(moments))
    before = moments[known[:-1]]
    after = moments[known[1:]]
    falls = after < before
    for start in np.searchsorted(known, np.asarray(starts, dtype=int)):
        if 0 < start < len(known):
            falls[start - 1] |= after[start - 1] <= before[start - 1]
    metrics = [name for name in stated if name not in COUNTERS]
    if not starts and _are_unordered(moments, falls, known, [stated[name] for name in metrics]):
        note = f"the rows of log {where!r} are not in the order of their moments: they are sorted"
        return np.argsort(moments, kind="stable"), [note]
    restarts = resumes = 0
    for fall in np.flatnonzero(falls):
        row = int(known[fall + 1])
        repeated = kept[:row] & (moments[:row] >= moments[row])
        if not any(stated[name][row] and (stated[name][:row] & repeated).any() for name in metrics):
            continue  # such as the result of a test after the training, which counts from 0
        kept[:row] &= ~repeated
        if kept[:row].any() and np.isfinite(moments[:row][kept[:row]]).any():
            resumes += 1
        else:
            kept[:row] = False
            restarts += 1
    notes = []
    left = counted(count - int(kept.sum()), "earlier row")
    if restarts:
        notes.append(
            f"log {where!r} holds {restarts + 1} runs, as a restart leaves it: the newest counts ({left} left out)"
        )
    elif resumes:
        notes.append(f"log {where!r} was resumed: of moments that occur again the newer rows count ({left} left out)")
    return np.flatnonzero(kept), notes


def join_rows(columns: Columns, stated: Columns) -> tuple[Columns, Columns]:
    """Join a row to the one before where both are of the same moment and share no metric.

    Lightning writes training and validation in two rows of the same step, Transformers ``loss`` and ``eval_loss``.
    """
    count = len(next(iter(columns.values())))
    same = _same_moments(columns, stated, count)
    if not same.any():
        return columns, stated
    names = [name for name in columns if name not in COUNTERS]
    masks = _masks([stated[name] for name in names], count)
    target = np.arange(count)
    taken = masks[0]
    first = 0
    for row in range(1, count):
        if same[row - 1] and not taken & masks[row]:
            taken |= masks[row]
        else:
            first, taken = row, masks[row]
        target[row] = first
    kept = np.flatnonzero(target == np.arange(count))
    joined: Columns = {}
    has: Columns = {}
    for name, values in columns.items():
        own = np.flatnonzero(stated[name])
        at = np.full(count, np.nan)
        at[target[own]] = values[own]  # of counters the last counts
        flags = np.zeros(count, dtype=bool)
        flags[target[own]] = True
        joined[name], has[name] = at[kept], flags[kept]
    return joined, has


def begins_again(columns: Columns) -> bool:
    """Tell whether iterations are counted within each epoch, so that they are no moments of the training."""
    if not {"iteration", "epoch"} <= set(columns):
        return False
    iterations, epochs = columns["iteration"], columns["epoch"]
    both = np.isfinite(iterations) & np.isfinite(epochs)
    if ((np.diff(iterations[both]) < 0) & (np.diff(epochs[both]) > 0)).any():
        return True
    # Where each epoch, or episode, has the same number of steps, one row for each: 50, 50, 50.
    whole, places = np.unique(epochs[both], return_inverse=True)
    if len(whole) < 2 or (whole != np.floor(whole)).any():
        return False
    most = np.full(len(whole), -np.inf)
    np.maximum.at(most, places, iterations[both])
    return bool((most == most[0]).all() and most[0] > 0)


def _are_unordered(moments: np.ndarray, falls: np.ndarray, known: np.ndarray, flags: Sequence[np.ndarray]) -> bool:
    """Tell whether rows are of one run, written newest first or as they came: each moment once and none is left out.

    A run that was resumed from an earlier moment writes some again, or others between them.
    """
    steps = np.diff(np.sort(moments))
    if len(known) < len(moments) or not falls.any() or not (steps == steps[0]).all() or not steps[0] > 0:
        return False
    return all(any(each[place] and each[place + 1] for each in flags) for place in np.flatnonzero(falls))


def moments_of(columns: Columns) -> np.ndarray | None:
    """Return (R,) numbers that grow with the training: iterations where they run through, else epochs."""
    found = [columns[name] for name in ("iteration", "epoch") if name in columns]
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    iterations, epochs = found
    both = np.flatnonzero(np.isfinite(iterations) & np.isfinite(epochs))
    if len(both) < np.isfinite(iterations).sum() or len(both) < 2:
        return iterations if np.isfinite(iterations).sum() >= np.isfinite(epochs).sum() else epochs
    if begins_again(columns):
        span = float(iterations[both].max() - iterations[both].min()) + 1
        return np.asarray(epochs + (iterations - float(iterations[both].min())) / span)
    return iterations


def _same_moments(columns: Columns, stated: Columns, count: int) -> np.ndarray:
    """Return (R - 1,) whether a row is of the same moment as the one before it, as far as both tell."""
    same = np.ones(count - 1, dtype=bool)
    told = np.zeros(count - 1, dtype=bool)
    for name in ("iteration", "epoch"):
        if name in columns:
            has = stated[name] & np.isfinite(columns[name])
            both = has[1:] & has[:-1]
            told |= both
            same &= ~both | (columns[name][1:] == columns[name][:-1])
    return np.asarray(same & told)


def _masks(flags: Sequence[np.ndarray], count: int) -> list[int]:
    """Return for each row an integer with a bit for each column that it has."""
    if not flags:
        return [0] * count
    packed = np.packbits(np.stack(flags, axis=1), axis=1)
    return [int.from_bytes(row.tobytes(), "big") for row in packed]
