"""Which frames are shown, and for how long. Pure numbers."""

from __future__ import annotations

from dataclasses import dataclass

from nnanim.errors import OptionError

DEFAULT_FPS = 10.0
DEFAULT_HOLD_S = 2.0
MAX_FPS = 50.0  # viewers take delays under 20 ms for 100 ms
MAX_HOLD_S = 600.0  # a GIF counts a delay in 16 bits of 10 ms
CENTISECOND_S = 0.01  # the unit of time in a GIF


@dataclass(frozen=True)
class Moment:
    """One frame's place in time.

    Attributes:
        snapshot: index of the snapshot that is shown.
        duration_s: a multiple of 10 ms, so that every format says the same.
    """

    snapshot: int
    duration_s: float


def timeline(snapshots: int, *, fps: float = DEFAULT_FPS, hold_s: float = DEFAULT_HOLD_S) -> tuple[Moment, ...]:
    """Show every snapshot once, the last one longer.

    Args:
        snapshots: how many there are.
        fps: frames per second, 0 < fps <= 50.
        hold_s: seconds for which the last frame stays, at least as long as any other.

    Raises:
        OptionError: a value is out of its range.
    """
    if not 0 < fps <= MAX_FPS:
        raise OptionError(f"fps is {fps!r}: it must be greater than 0 and at most {MAX_FPS:g}")
    if not 0 <= hold_s <= MAX_HOLD_S:
        raise OptionError(f"hold is {hold_s!r} s: it must be from 0 to {MAX_HOLD_S:g}")
    # Rounding the ends of frames, not their lengths, keeps the whole in time (30 fps: 30, 40, 30 ms, …).
    ends = [round((index + 1) / fps / CENTISECOND_S) for index in range(snapshots)]
    lengths = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    lengths[-1] = max(lengths[-1], round(hold_s / CENTISECOND_S))
    return tuple(Moment(index, length / 100) for index, length in enumerate(lengths))
