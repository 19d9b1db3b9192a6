"""Which frames are shown, and for how long. Pure numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.errors import OptionError, RunError
from nnanim.options import DEFAULT_FPS, MAX_FPS, MAX_FRAME_S, Options

CENTISECONDS = 100  # per second; the unit of time in a GIF


@dataclass(frozen=True)
class Moment:
    """One frame's place between two of the shown snapshots.

    Attributes:
        before: index of the shown snapshot at or before the frame.
        share: how far on the way to the next one, 0 <= share < 1; 0 is the snapshot itself.
        duration_s: a multiple of 10 ms, so that every format says the same.
    """

    before: int
    share: float
    duration_s: float


def choose_snapshots(epochs: Sequence[float | None], options: Options) -> list[int]:
    """Choose which snapshots are shown: between the epochs given, then every N-th or at most so many.

    Args:
        epochs: of every snapshot of the run, in their order.
        options: `start`, `stop`, `every`, `max_frames`, `spacing`.

    Returns:
        Their indices, increasing; the first and the last in the span are always among them (only the last where one
        frame is asked for).

    Raises:
        RunError: no snapshot lies between the epochs, or the snapshots say no epoch.
    """
    places = list(range(len(epochs)))
    if options.start is not None or options.stop is not None:
        if any(epoch is None for epoch in epochs):
            raise RunError("the snapshots do not all say their epoch, so none can be chosen by it")
        start = -np.inf if options.start is None else options.start
        stop = np.inf if options.stop is None else options.stop
        known = [float(epoch) for epoch in epochs if epoch is not None]
        places = [place for place in places if start <= known[place] <= stop]
        if not places:
            raise RunError(
                f"no snapshot from epoch {start:g} to {stop:g} (the run has epochs {min(known):g} to {max(known):g})"
            )
    if options.every > 1:
        return sorted({*places[:: options.every], places[-1]})
    if options.max_frames is not None and options.max_frames < len(places):
        return [places[pick] for pick in _spread(len(places), options.max_frames, options.spacing)]
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


def timeline(snapshots: int, options: Options) -> tuple[Moment, ...]:
    """Show every chosen snapshot and the frames between them, the last frame longer.

    Args:
        snapshots: how many are shown.
        options: `tween`, `fps`, `hold_s`, `duration_s`.

    Returns:
        At least one moment. Their durations sum up to `duration_s` where it is given.

    Raises:
        OptionError: `duration_s` leaves too little time for the frames.
    """
    steps = options.tween + 1
    count = (snapshots - 1) * steps + 1
    hold = round(options.hold_s * CENTISECONDS)
    if options.duration_s is None:
        fps = DEFAULT_FPS if options.fps is None else options.fps
        moving = (count - 1) / fps * CENTISECONDS
        hold = max(hold, round(CENTISECONDS / fps))
    else:
        total = round(options.duration_s * CENTISECONDS)
        moving = float(total - hold) if count > 1 else 0.0
        hold = hold if count > 1 else total
        shortest = (count - 1) * CENTISECONDS / MAX_FPS
        if moving < shortest:
            raise OptionError(
                f"duration is {options.duration_s:g} s: {count} frames, the last of them held for"
                f" {options.hold_s:g} s, take at least {(shortest + hold) / CENTISECONDS:g} s"
            )
        if max(hold, moving / max(count - 1, 1)) > MAX_FRAME_S * CENTISECONDS:
            raise OptionError(
                f"duration is {options.duration_s:g} s: no frame of the {count} can stay longer than {MAX_FRAME_S:g} s"
            )
    # Rounding the ends of frames, not their lengths, keeps the whole in time (30 fps: 30, 40, 30 ms, …).
    ends = [round(moving * (index + 1) / (count - 1)) for index in range(count - 1)]
    lengths = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)] + [hold] if ends else [hold]
    return tuple(
        Moment(index // steps, index % steps / steps, length / CENTISECONDS) for index, length in enumerate(lengths)
    )
