"""The units of one layer over the run: which do not move any more, and on which nothing depends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nnanim.checking.findings import Finding, rounded
from nnanim.checking.rules import DEAD_INTERVALS, SHRINK_ONLY, UNUSED_SHARE
from nnanim.checking.watched import Watched

Epoch = Callable[[int], "tuple[float | None, str]"]


class Units:
    """What is kept of a layer's units: since when they are still, and since when they are unused.

    For each snapshot `rows`, `bias` and `behind` are called, as far as there are such arrays, then `close`.
    """

    def __init__(self, weight: Watched, bias_key: str | None) -> None:
        self.weight = weight
        self.bias_key = bias_key
        self._still_since: np.ndarray | None = None
        self._moving: np.ndarray | None = None  # (units,) intervals in which a unit was still and its layer moved
        self._unused_since: np.ndarray | None = None
        self._behind_moved: np.ndarray | None = None
        self._has_behind = False
        self._masked: np.ndarray | None = None
        self._now: np.ndarray | None = None
        self._rows_still: np.ndarray | None = None
        self._unused_norms: np.ndarray | None = None
        self._index = 0

    def rows(self, index: int, before: np.ndarray | None, now: np.ndarray) -> None:
        """Take in the incoming weights, (units, values), of this snapshot and the one before."""
        self._index = index
        units = len(now)
        if self._still_since is None or len(self._still_since) != units:
            self._still_since = np.full(units, index)
            self._moving = np.zeros(units, dtype=int)
            self._behind_moved = np.zeros(units, dtype=bool)
        self._masked = np.logical_not(np.any(now, axis=1))
        if before is None or before.shape != now.shape:
            self._still_since[:] = index
            self._rows_still = None
            return
        self._rows_still = still_rows(before, now)
        self._now = self._rows_still.copy()

    def bias(self, before: np.ndarray | None, now: np.ndarray) -> None:
        """Take in the biases, (units,)."""
        if before is None or self._now is None or before.shape != now.shape or len(now) != len(self._now):
            return
        shrunk = (np.abs(now) <= np.abs(before)) & (now * before >= 0)
        self._now &= shrunk

    def behind(self, index: int, before: np.ndarray | None, now: np.ndarray) -> None:
        """Take in the outgoing weights, (units, values)."""
        self._has_behind = True
        if before is not None and self._behind_moved is not None and len(self._behind_moved) == len(now):
            self._behind_moved |= ~still_rows(before, now)
        peak = float(np.abs(now).max(initial=0))
        norms = np.linalg.norm(now.astype(np.float64) / (peak or 1.0), axis=1)
        middle = float(np.median(norms)) if len(norms) else 0.0
        self._unused_norms = norms / middle if middle > 0 else np.ones(len(norms))
        if self._unused_since is None or len(self._unused_since) != len(now):
            self._unused_since = np.full(len(now), index)
        self._unused_since[self._unused_norms > UNUSED_SHARE] = index + 1

    def close(self) -> None:
        """Count what was told of this snapshot."""
        if self._rows_still is not None and self._now is not None:
            assert self._still_since is not None
            assert self._moving is not None
            moved = ~self._now
            self._still_since[moved] = self._index
            self._moving[moved] = 0
            if not self._rows_still.all():
                self._moving[~moved] += 1
        self._rows_still = self._now = None

    def findings(self, when: Epoch) -> Iterator[Finding]:
        """Say which units are dead or unused."""
        yield from self._dead(when)
        yield from self._unused(when)

    def _dead(self, when: Epoch) -> Iterator[Finding]:
        if self._still_since is None or self._moving is None or self._masked is None or self._behind_moved is None:
            return
        never_moved = self._still_since == 0
        frozen = never_moved & (self._behind_moved | (not self._has_behind))
        for unit in np.flatnonzero((self._moving >= DEAD_INTERVALS) & ~self._masked & ~frozen):
            epoch, words = when(int(self._still_since[unit]))
            count = int(self._moving[unit])
            layer = self.weight.layer
            says = f"unit {unit} of {layer} learned nothing in {count} intervals {words}, while its layer did"
            yield Finding("dead_unit", layer, int(unit), epoch, float(count), float(DEAD_INTERVALS), says)

    def _unused(self, when: Epoch) -> Iterator[Finding]:
        if self._unused_since is None or self._unused_norms is None:
            return
        for unit in np.flatnonzero(self._unused_norms <= UNUSED_SHARE):
            epoch, words = when(int(self._unused_since[unit]))
            says = f"unit {unit} of {self.weight.layer} has no outgoing weight {words}: nothing depends on it"
            value = rounded(float(self._unused_norms[unit]))
            yield Finding("unused_unit", self.weight.layer, int(unit), epoch, value, UNUSED_SHARE, says)


def still_rows(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Tell for each row of two (rows, values) whether it is the same or only shrank by one factor."""
    same: np.ndarray = (before == now).all(axis=1)
    open_rows = np.flatnonzero(~same)
    if len(open_rows) and now.shape[1] > 1:
        old = before[open_rows].astype(np.float64)
        new = now[open_rows].astype(np.float64)
        squares = np.sum(old * old, axis=1)
        several = np.count_nonzero(old, axis=1) > 1  # a single number is always a multiple of another
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = np.sum(old * new, axis=1) / squares
            rest = np.linalg.norm(new - factors[:, None] * old, axis=1)
            shrank = several & (factors > 0) & (factors < 1) & (rest <= SHRINK_ONLY * np.linalg.norm(new - old, axis=1))
        same[open_rows] = shrank
    return same
