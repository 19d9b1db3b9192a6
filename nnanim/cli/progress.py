"""How far the work is, in one line of a terminal, and how long it may still take once that can be said."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from types import TracebackType

from nnanim.cli import echo
from nnanim.options import CHECKING, FOLDERS, READING
from nnanim.printable import printable

WINDOW_S = 5.0  # so far back the speed is measured, and further where less than three times of arrival are known
TOGETHER_S = 0.2  # what arrives within it is one block: frames come in blocks from other processes
LEAST_S = 1.0  # of measuring, before anything is estimated
REDRAW_S = 0.1
BAR = 24  # characters


class Pace:
    """How fast a stage goes, from what was done at which time."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._arrivals: list[tuple[float, int]] = []  # of blocks: when the last of each was done, and how many were

    def add(self, now_s: float, done: int) -> None:
        """Take in that so many are done now."""
        known = self._arrivals
        if len(known) > 1 and now_s - known[-2][0] < TOGETHER_S:
            known[-1] = known[-1][0], done
        else:
            known.append((now_s, done))
        while len(known) > 3 and now_s - known[1][0] >= WINDOW_S:
            del known[0]

    def left_s(self) -> float | None:
        """Estimate the seconds that are left, or return None before there is anything to go by.

        What took place before the first block counts for nothing: other processes were started meanwhile.
        """
        if len(self._arrivals) < 2:
            return None
        (since_s, before), (now_s, done) = self._arrivals[0], self._arrivals[-1]
        if now_s - since_s < LEAST_S or done <= before:
            return None
        return (self._total - done) * (now_s - since_s) / (done - before)


class Bar:
    """The line. It is overwritten in place, and removed at the end."""

    def __init__(self, *, hidden: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing to be seen.

        Args:
            hidden: show nothing at all.
            clock: tells seconds.
        """
        self._hidden, self._clock = hidden, clock
        self._stage, self._total, self._pace = "", 0, Pace(0)
        self._drawn_s = float("-inf")
        self._width = 0  # of what stands there
        self._done = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line, so that another one can be written."""
        if self._width:
            echo.overwrite(" " * self._width + "\r")
        self._width = 0

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is.

        Args:
            stage: what is being done; another one begins a new estimate.
            done: how many are.
            total: how many there are, 0 where that is not known.
        """
        if self._hidden:
            return
        now_s = self._clock()
        is_new = (stage, total) != (self._stage, self._total) or done < self._done
        if is_new:
            self._stage, self._total, self._pace = stage, total, Pace(total)
        self._done = done
        if done:
            self._pace.add(now_s, done)
        if is_new or done == total or now_s - self._drawn_s >= REDRAW_S:
            self._drawn_s = now_s
            self._draw(line(stage, done, total, self._pace.left_s()))

    def _draw(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        echo.overwrite(text.ljust(self._width) + "\r")
        self._width = len(text)


def line(stage: str, done: int, total: int, left_s: float | None) -> str:
    """Write the line: ``drawing  [######------------------]  25%  13 of 51, about 4 s left``."""
    if not total:
        return stage
    filled = BAR * done // total
    left = "" if left_s is None or done == total else f", about {_time(left_s)} left"
    return f"{stage}  [{'#' * filled}{'-' * (BAR - filled)}] {100 * done // total:3}%  {done} of {total}{left}"


def label(stage: str, result: str, number: int, folders: int) -> str:
    """Say what is being done with which folder, where there are several."""
    if stage == FOLDERS:
        return "drawing folders"
    what = f"{stage} the folder" if stage == CHECKING else f"{stage} snapshots" if stage == READING else stage
    return what if folders == 1 else f"{printable(result)} ({number} of {folders}): {what}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{round(seconds / 3600)} h"
