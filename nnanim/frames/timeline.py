"""Which frames are shown, when, and for how long. Pure numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from nnanim.errors import OptionError, RunError
from nnanim.options import (
    MAX_FPS,
    MAX_FRAME_S,
    MAX_MOVING_S,
    MIN_MOVING_S,
    MOST_SHOWN,
    SNAPSHOTS_PER_S,
    Options,
)
from nnanim.words import counted

MOMENT_S = 2.5  # for which the snapshot of a moment stays longer than others: so long a line is read
SLOWER = 3  # times, the frames before and after it
CENTISECONDS = 100  # per second; the unit of time in a GIF
_SHARE_DIGITS = 12  # what is beyond comes from rounding


class Counted(Protocol):
    """What knows when it was made."""

    @property
    def epoch(self) -> float | None: ...
    @property
    def iteration(self) -> float | None: ...


@dataclass(frozen=True)
class Clock:
    """The time axis of a run.

    Attributes:
        unit: ``"iteration"``, ``"epoch"``, or ``"snapshot"`` where neither is known of all and grows.
        ticks: where on it each shown snapshot lies, strictly increasing.
    """

    unit: str
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, snapshots: Sequence[Counted]) -> Clock:
        """Choose the time axis of snapshots in their order."""
        for unit in ("iteration", "epoch"):
            told = [getattr(snapshot, unit) for snapshot in snapshots]
            known = [float(tick) for tick in told if tick is not None]
            if len(known) == len(told) and all(before < after for before, after in pairwise(known)):
                return cls(unit, tuple(known))
        return cls("snapshot", tuple(map(float, range(len(snapshots)))))

    def place(self, at: float) -> tuple[int, float]:
        """Return the snapshot at or before a time, and the share of the way on to the next, 0 <= share < 1."""
        before = min(max(bisect_right(self.ticks, at) - 1, 0), len(self.ticks) - 1)
        if before == len(self.ticks) - 1 or at <= self.ticks[before]:
            return before, 0.0
        share = round((at - self.ticks[before]) / (self.ticks[before + 1] - self.ticks[before]), _SHARE_DIGITS)
        return (before, share) if share < 1 else (before + 1, 0.0)


@dataclass(frozen=True)
class Moment:
    """One frame's place in time.

    Attributes:
        at: on the clock.
        duration_s: a multiple of 10 ms, so that every format says the same.
        in_ink: whether it is the end, in neutral ink where the colouring has it so.
    """

    at: float
    duration_s: float
    in_ink: bool = False


def choose_snapshots(epochs: Sequence[float | None], options: Options) -> list[int]:
    """Choose which snapshots are shown: between the epochs given, then every N-th or at most so many.

    Where nothing says how many or how fast, they are as many as can be played in the time that suits any run.

    Args:
        epochs: of every snapshot of the run, in their order.
        options: `start`, `stop`, `every`, `max_frames`, `spacing`; `fps`, `duration_s`.

    Returns:
        Their indices, increasing; the first and the last in the span are always among them (only the last where one
        frame is asked for).

    Raises:
        RunError: no snapshot lies between the epochs, or the snapshots say no epoch.
    """
    places = _between_epochs(epochs, options)
    if options.every > 1:
        return sorted({*places[:: options.every], places[-1]})
    most = MOST_SHOWN if _is_too_long(len(places), options) else options.max_frames
    if most is not None and most < len(places):
        return [places[pick] for pick in _spread(len(places), most, options.spacing)]
    return places


def thinning_note(epochs: Sequence[float | None], options: Options) -> str | None:
    """Tell how many snapshots are not shown although nobody asked for fewer; None where all are.

    Args:
        epochs: of every snapshot of the run, in their order.
        options: as for `choose_snapshots`, which raises what this would raise.
    """
    there = len(_between_epochs(epochs, options))
    if not _is_too_long(there, options):
        return None
    return f"{MOST_SHOWN} of {there} snapshots are shown, evenly chosen"


def _is_too_long(there: int, options: Options) -> bool:
    chooses = options.every > 1 or options.max_frames is not None
    return options.has_rhythm and not chooses and there > MOST_SHOWN


def _between_epochs(epochs: Sequence[float | None], options: Options) -> list[int]:
    """Return the indices of the snapshots between the epochs given, at least one."""
    places = list(range(len(epochs)))
    if options.start is not None or options.stop is not None:
        if any(epoch is None for epoch in epochs):
            raise RunError("the snapshots do not all say their epoch, so none can be chosen by it")
        start = -np.inf if options.start is None else options.start
        stop = np.inf if options.stop is None else options.stop
        known = [float(epoch) for epoch in epochs if epoch is not None]
        places = [place for place in places if start <= known[place] <= stop]
        if not places:
            wanted = [f"from epoch {start:g}"] if options.start is not None else []
            wanted += [f"to epoch {stop:g}"] if options.stop is not None else []
            raise RunError(f"no snapshot {' '.join(wanted)} (the run has epochs {min(known):g} to {max(known):g})")
    return places


def _spread(there: int, wanted: int, spacing: str) -> list[int]:
    """Return `wanted` distinct indices below `there`, with the first and the last."""
    if wanted == 1:
        return [there - 1]
    ideal = {"even": np.linspace(0, there - 1, wanted), "log": np.geomspace(1, there, wanted) - 1}
    picks = np.rint(ideal[spacing]).astype(int)
    # Where the ideal places crowd, push the later ones on; then push back what went past the end.
    places = np.arange(wanted)
    picks = np.maximum.accumulate(picks - places) + places
    picks = np.minimum(picks, there - wanted + places)
    return [int(pick) for pick in picks]


def timeline(
    ticks: Sequence[float], options: Options, *, in_ink: bool = True, slow: Sequence[int] = ()
) -> tuple[Moment, ...]:
    """Show every chosen snapshot and the frames between them, the last frame longer.

    Args:
        ticks: when there is something to show, strictly increasing.
        options: `tween`, `fps`, `hold_s`, `duration_s`, `ending`.
        in_ink: whether there is an end in ink at all; signs keep their colours, and a curve alone has none.
        slow: indices of the ticks at which the animation slows; of a given duration it takes half at most for that.

    Returns:
        At least one moment. Their durations sum up to `duration_s` where it is given.

    Raises:
        OptionError: `duration_s` leaves too little time for the frames.
    """
    steps = options.tween + 1
    count = (len(ticks) - 1) * steps + 1
    hold = round(options.hold_s * CENTISECONDS)
    if options.duration_s is None:
        moving = _moving_s(len(ticks), count, options.fps) * CENTISECONDS
        hold = max(hold, round(CENTISECONDS / (options.fps or SNAPSHOTS_PER_S)))
    else:
        total = round(options.duration_s * CENTISECONDS)
        moving = float(total - hold) if count > 1 else 0.0
        hold = hold if count > 1 else total
        shortest = (count - 1) * CENTISECONDS / MAX_FPS
        if moving < shortest:
            raise OptionError(
                f"duration is {options.duration_s:g} s: {counted(count, 'frame')}, the last of them held for"
                f" {options.hold_s:g} s, take at least {(shortest + hold) / CENTISECONDS:g} s"
            )
        if max(hold, moving / max(count - 1, 1)) > MAX_FRAME_S * CENTISECONDS:
            raise OptionError(
                f"duration is {options.duration_s:g} s: no frame of the {count} can stay longer than {MAX_FRAME_S:g} s"
            )
    # Rounding the ends of frames, not their lengths, keeps the whole in time (30 fps: 30, 40, 30 ms, …).
    ends = [round(moving * (index + 1) / (count - 1)) for index in range(count - 1)]
    if slow and ends:
        rest, extra = _slowed(moving, count, steps, slow, is_fixed=options.duration_s is not None)
        ends = [round(rest * (index + 1) / (count - 1) + extra[index]) for index in range(count - 1)]
    lengths = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)] + [hold] if ends else [hold]
    moments = [
        Moment(_between(ticks, *divmod(index, steps), steps), length / CENTISECONDS)
        for index, length in enumerate(lengths)
    ]
    ending = options.ending if in_ink else "change"
    if ending == "both" and len(ticks) == 1:  # a single snapshot has no changes
        ending = "ink"
    return (*moments[:-1], *_ending(moments[-1], ending))


def _slowed(moving: float, count: int, steps: int, slow: Sequence[int], *, is_fixed: bool) -> tuple[float, np.ndarray]:
    """Return the time that all frames share, and (count - 1,) what those up to each take besides, in centiseconds."""
    usual, more = moving / (count - 1), np.zeros(count)
    for snapshot in slow:
        middle = snapshot * steps
        around = slice(max(middle - steps, 0), middle + steps)
        more[around] = np.maximum(more[around], (SLOWER - 1) * usual)
    for snapshot in slow:
        more[snapshot * steps] += MOMENT_S * CENTISECONDS
    extra = np.cumsum(more[:-1])
    most = min(moving / 2, moving - (count - 1) * CENTISECONDS / MAX_FPS)
    if is_fixed and extra[-1] > most:
        extra *= most / extra[-1]
    longest = MAX_FRAME_S * CENTISECONDS
    if not is_fixed:
        return moving, np.cumsum(np.minimum(more[:-1], longest - usual))
    return moving - float(extra[-1]), extra


def _moving_s(snapshots: int, count: int, fps: float | None) -> float:
    """Return how long all frames but the last play.

    Args:
        snapshots: that are shown.
        count: of frames, those between two snapshots and the last one too.
        fps: where it is given; else the frames share the time that the snapshots have.
    """
    if count == 1:
        return 0.0
    if fps is not None:
        return (count - 1) / fps
    wanted_s = min(max((snapshots - 1) / SNAPSHOTS_PER_S, MIN_MOVING_S), MAX_MOVING_S)
    return max(wanted_s, (count - 1) / MAX_FPS)


def _ending(last: Moment, ending: str) -> tuple[Moment, ...]:
    """Show the last snapshot with its changes, in ink, or first so and then so for half of the time each."""
    if ending == "change":
        return (last,)
    half = round(last.duration_s * CENTISECONDS) // 2
    if ending == "ink" or half < CENTISECONDS / MAX_FPS:  # there is no time for both
        return (replace(last, in_ink=True),)
    rest = round(last.duration_s * CENTISECONDS) - half
    return (
        replace(last, duration_s=half / CENTISECONDS),
        replace(last, duration_s=rest / CENTISECONDS, in_ink=True),
    )


def _between(ticks: Sequence[float], before: int, step: int, steps: int) -> float:
    return ticks[before] + step / steps * (ticks[before + 1] - ticks[before]) if step else ticks[before]
