"""One run as it is shown: for each shown thing its number and its change at each snapshot, with the curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnanim.frames.curves import Curve, curves_of, pick_metrics, row_x
from nnanim.frames.moments import StandOut
from nnanim.frames.readers import HERE, Readers
from nnanim.frames.timeline import Clock, choose_snapshots
from nnanim.options import Options
from nnanim.reading.run import Run, Snapshot


@dataclass(frozen=True)
class Place:
    """A place in a run: at a snapshot, or a share of the way on to the next one, 0 <= share < 1."""

    before: int
    share: float = 0.0


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of shown things at each snapshot.

    Attributes:
        values: (S, N) float32, NaN where there is none.
        changes: (S, N), the growth of |value| against the first snapshot or the one before.
        since: ``"first"`` or ``"previous"``.
    """

    values: np.ndarray
    changes: np.ndarray
    since: str

    @classmethod
    def of(cls, values: np.ndarray, since: str) -> Series:
        """Measure the changes of values, (S, N)."""
        magnitudes = np.abs(values)
        before = magnitudes[:1] if since == "first" else np.concatenate([magnitudes[:1], magnitudes[:-1]])
        return cls(values, np.asarray(magnitudes - before), since)

    def at(self, place: Place) -> np.ndarray:
        """Return the values there, (N,), between two snapshots on the straight line."""
        return _at(self.values, place)

    def change_at(self, place: Place) -> np.ndarray:
        """Return the changes there, (N,)."""
        if self.since == "previous":
            return _at(self.changes, place)
        # |weight| between two snapshots is not on the line between both |weights| where the sign changes.
        grown: np.ndarray = np.abs(self.at(place)) - np.abs(self.values[0])
        return grown


def _at(values: np.ndarray, place: Place) -> np.ndarray:
    if place.share == 0:
        row: np.ndarray = values[place.before]
        return row
    low, high = values[place.before], values[place.before + 1]
    mixed: np.ndarray = low + np.float32(place.share) * (high - low)
    return mixed


@dataclass(frozen=True, eq=False, kw_only=True)
class History:
    """One run as it is shown.

    Attributes:
        name: of the run.
        clock: where on the time axis each shown snapshot lies.
        epochs: (S,) of each shown snapshot, None where none is known.
        iterations: the same.
        titles: for each shown snapshot, ``"epoch 20"``.
        curves: the metrics' curves, none without their panel.
        curve_x: (S,) where on the curves' axis each snapshot lies, NaN for nowhere.
        since: what changes are measured against, in words.
        shown: what the view shows of the weights, as its own module has it.
        against: the run that these weights are held against, where changes are differences from it; else empty.
        moments: at which more happened than before and after; none where nobody asked.
    """

    name: str
    clock: Clock
    epochs: tuple[float | None, ...]
    iterations: tuple[float | None, ...]
    titles: tuple[str, ...]
    curves: tuple[Curve, ...]
    curve_x: np.ndarray
    since: str
    shown: Any
    against: str = ""
    moments: tuple[StandOut, ...] = ()

    def __len__(self) -> int:
        return len(self.titles)

    def place(self, at: float) -> Place:
        """Return the place at a time of the clock; before the first snapshot and after the last one, these."""
        return Place(*self.clock.place(at))

    def epoch(self, place: Place) -> float | None:
        return _between(self.epochs, place)

    def iteration(self, place: Place) -> float | None:
        return _between(self.iterations, place)

    def x(self, place: Place) -> float:
        """Return where the dots on the curves are; NaN for nowhere."""
        return float("nan") if (x := _between(self.curve_x.tolist(), place)) is None else x

    def moment(self, place: Place) -> StandOut | None:
        """Return the moment that is shown there: on the way to its snapshot, and at this."""
        snapshot = place.before + (place.share > 0)
        return next((each for each in self.moments if each.snapshot == snapshot), None)

    def title(self, place: Place) -> str:
        """Return ``"epoch 20.5"``."""
        return time_text(self.epoch(place), self.iteration(place), self.titles[place.before])


def make_history(run: Run, options: Options, read: Any, over: str | None = None, *, readers: Readers = HERE) -> History:
    """Read what is shown of a run.

    Args:
        run: an opened result folder.
        options: which snapshots, which metrics, since when.
        read: called with the run, its shown snapshots, the options and the readers; it returns what the view shows.
        over: the column of the log that curves are drawn over; by default epochs, or iterations without them.
        readers: who reads the weights.

    Raises:
        SnapshotError: a snapshot cannot be read, or is not like the others.
        MetricError: the log has no such metric.
        OptionError: an option does not fit the run.
    """
    picks = choose_snapshots([moment.epoch for moment in run.moments], options)
    moments = [run.moments[pick] for pick in picks]
    snapshots = [run.snapshots[pick] for pick in picks] if run.snapshots else []
    metrics = () if options.panels == "network" else pick_metrics(run.log, options.metrics)
    titles = tuple(time_text(each.epoch, each.iteration, each.path.name) for each in moments)
    return History(
        name=Path(run.path).resolve().name,
        clock=Clock.of(moments),
        epochs=tuple(each.epoch for each in moments),
        iterations=tuple(each.iteration for each in moments),
        titles=titles,
        curves=curves_of(run.log, metrics, over),
        curve_x=np.array([row_x(run.log, run.rows[pick], over) for pick in picks], dtype=float),
        since="the snapshot before" if options.since == "previous" else titles[0],
        shown=read(run, snapshots, options, readers) if snapshots else None,
    )


def time_text(epoch: float | None, iteration: float | None, otherwise: str) -> str:
    """Say when it is: the epoch, else the iteration, else something else, the name of a file."""
    if epoch is not None:
        return f"epoch {epoch:.0f}" if epoch >= 100 else f"epoch {round(epoch, 1):g}"
    if iteration is not None:
        return f"iteration {iteration:.0f}"
    return otherwise


def _between(ends: Sequence[float | None], place: Place) -> float | None:
    low = ends[place.before]
    if place.share == 0 or low is None:
        return low
    high = ends[place.before + 1]
    return None if high is None else low + place.share * (high - low)


__all__ = ["History", "Place", "Series", "Snapshot", "make_history", "time_text"]
