"""One tensor over the run, a few numbers for each snapshot, and what its rules find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.checking.findings import Finding, rounded
from nnanim.checking.matrices import sigma_and_rank
from nnanim.checking.rules import (
    GROWTH,
    KEPT_RANK_SHARE,
    LEAST_RANK,
    SPIKE,
    STARTED_SHARE,
    UNCHANGED_SNAPSHOTS,
    UPDATE_LARGE,
    UPDATE_SMALL,
)
from nnanim.checking.watched import Watched

Epoch = Callable[[int], "tuple[float | None, str]"]


@dataclass(frozen=True)
class _Measured:
    norm: float
    peak: float
    sigma: float
    rank: float | None


class TensorHistory:
    """What is kept of a tensor: the numbers of each snapshot, and the array of the last one."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.previous: np.ndarray | None = None
        self.bad: tuple[int, int, int] | None = None  # snapshot, values that are not finite, all values
        self.longest_same: tuple[int, int] = (0, 1)  # first snapshot, length
        self._same = (0, 1)
        self._seen: list[int] = []
        self._measured: list[_Measured] = []
        self._steps: list[float] = []
        self._fresh = 1.0
        self._count = 0

    @property
    def can_change(self) -> bool:
        return self.watched.is_parameter and not self.watched.is_coarse

    @property
    def seen(self) -> int:
        return len(self._seen)

    def add(self, index: int, array: np.ndarray) -> None:
        """Take in the tensor of the next snapshot, of float32 or float64."""
        if self.bad is not None:
            return
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            self.bad = (index, bad, array.size)
            self.previous = None
            return
        if array.size == 0:
            return
        if self.previous is not None and self.previous.shape == array.shape:
            self._compare(index, array)
        else:
            self._same = (index, 1)
        matrix = self.watched.turned(array)
        peak = float(np.abs(array).max())
        norm = _norm(array, peak)
        is_matrix = self.watched.axes is not None and matrix.ndim == 2
        sigma, rank = sigma_and_rank(matrix) if is_matrix else (norm, None)
        self._fresh = 1 / np.sqrt(matrix.shape[1]) if is_matrix else 1.0
        self._count = array.size
        self._measured.append(_Measured(norm, peak, sigma, rank))
        self._seen.append(index)
        self.previous = array

    def _compare(self, index: int, array: np.ndarray) -> None:
        assert self.previous is not None
        if np.array_equal(self.previous, array):
            self._same = (self._same[0], self._same[1] + 1)
            self._steps.append(0.0)
        else:
            self._same = (index, 1)
            with np.errstate(over="ignore"):
                step = array - self.previous
            self._steps.append(_norm(step, float(np.abs(step).max())))
        if self._same[1] > self.longest_same[1]:
            self.longest_same = self._same

    def findings(self, when: Epoch) -> Iterator[Finding]:
        """Say what the rules of tensors find, but for `unchanged_tensor` where nothing else changes either."""
        if self.bad is not None:
            index, bad, size = self.bad
            epoch, words = when(index)
            says = f"{bad} of {size} numbers in {self.watched.name} are NaN or infinite {words}"
            yield Finding("not_finite", self.watched.layer, None, epoch, float(bad), 0.0, says)
        if self.can_change and self.longest_same[1] >= UNCHANGED_SNAPSHOTS:
            first, length = self.longest_same
            epoch, words = when(first)
            says = f"{self.watched.name} is the same bit for bit in {length} snapshots {words}"
            yield Finding(
                "unchanged_tensor", self.watched.layer, None, epoch, float(length), float(UNCHANGED_SNAPSHOTS), says
            )
        if self.watched.is_parameter and len(self._measured) > 1:
            yield from self._exploding(when)
            yield from self._updates(when)
            yield from self._collapse(when)

    def _base(self) -> int:
        """Return the first snapshot with a share of the final norm; a tensor may begin at zero."""
        least = STARTED_SHARE * self._measured[-1].norm
        return next(place for place, each in enumerate(self._measured) if each.norm >= least)

    def _floors(self, base: int) -> tuple[float, float]:
        """Return what σ₁ and max |w| are measured against at least."""
        if self.watched.axes is None:
            return 1.0, 1.0
        return (1.0, self._fresh) if base > 0 else (0.0, 0.0)

    def _exploding(self, when: Epoch) -> Iterator[Finding]:
        base = self._base()
        start = self._measured[base]
        sigma, peak = (max(pair) for pair in zip((start.sigma, start.peak), self._floors(base), strict=True))
        if sigma == 0 or peak == 0:
            return
        if self.watched.axes is None:
            sigma = np.inf  # of a vector the largest value alone
        growths = [max(each.sigma / sigma, each.peak / peak) for each in self._measured[base:]]
        spike = max(growths)
        if growths[-1] < GROWTH and spike < SPIKE:
            return
        is_spike = growths[-1] < GROWTH
        limit = SPIKE if is_spike else GROWTH
        if is_spike:
            place = next(place for place, growth in enumerate(growths) if growth >= limit)
            value, what = spike, "shot up to"
        else:
            below = [place for place, growth in enumerate(growths) if growth < limit]
            place, value, what = (below[-1] + 1 if below else 0), growths[-1], "ends at"
        epoch, words = when(self._seen[base + place])
        says = f"{self.watched.name} {what} {value:.3g} times its beginning, past {limit:g} times {words}"
        yield Finding("exploding", self.watched.layer, None, epoch, rounded(value), limit, says)

    def _updates(self, when: Epoch) -> Iterator[Finding]:
        if self.watched.axes is None or not self._steps or len(self._steps) != len(self._measured) - 1:
            return
        base = self._base()
        floor = self._fresh * np.sqrt(self._count) if base > 0 else 0.0
        norms = [max(each.norm, floor) for each in self._measured]
        ratios = [step / norm if norm > 0 else 0.0 for step, norm in zip(self._steps, norms, strict=False)][base:]
        if ratios and max(ratios) > UPDATE_LARGE:
            place = next(place for place, ratio in enumerate(ratios) if ratio > UPDATE_LARGE)
            epoch, words = when(self._seen[base + place + 1])
            value = ratios[place]
            says = f"the updates of {self.watched.name} add up to at least {value:.3g} times its norm {words}"
            yield Finding("update_size", self.watched.layer, None, epoch, rounded(value), UPDATE_LARGE, says)
        elif len(ratios) >= UNCHANGED_SNAPSHOTS - 1 and 0 < max(ratios) < UPDATE_SMALL and self.can_change:
            epoch, words = when(self._seen[base])
            value = max(ratios)
            says = f"{self.watched.name} never changes by more than {value:.3g} of its norm {words}"
            yield Finding("update_size", self.watched.layer, None, epoch, rounded(value), UPDATE_SMALL, says)

    def _collapse(self, when: Epoch) -> Iterator[Finding]:
        base = self._base()
        ranks = [each.rank for each in self._measured[base:]]
        first = ranks[0]
        if first is None or first < LEAST_RANK:
            return
        shares = [(rank - 1) / (first - 1) for rank in ranks if rank is not None]
        if shares[-1] >= KEPT_RANK_SHARE or self._measured[-1].norm == 0:
            return
        above = [place for place, share in enumerate(shares) if share >= KEPT_RANK_SHARE]
        epoch, words = when(self._seen[base + above[-1] + 1])
        name, now = self.watched.name, ranks[-1]
        says = f"the effective rank of {name} fell from {first:.3g} to {now:.3g}, below the limit {words}"
        yield Finding("rank_collapse", self.watched.layer, None, epoch, rounded(shares[-1]), KEPT_RANK_SHARE, says)


def _norm(array: np.ndarray, peak: float) -> float:
    """Return the Frobenius norm, scaled so that no square overflows."""
    if peak == 0 or not np.isfinite(peak):
        return peak
    flat: np.ndarray = (array / peak).ravel()
    return float(np.sqrt(np.sum(np.square(flat, dtype=np.float64)))) * peak


def whole_network(histories: Sequence[TensorHistory]) -> tuple[int, int] | None:
    """Return from where on and how long nothing at all changed, or None where something did."""
    able = [history for history in histories if history.can_change and history.bad is None and history.seen]
    first = {history.longest_same for history in able}
    if len(able) > 1 and len(first) == 1:
        start, length = first.pop()
        if length >= UNCHANGED_SNAPSHOTS:
            return start, length
    return None
