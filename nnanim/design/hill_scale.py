"""From counts of weights by magnitude to hills: one axis of log₁₀|w| and one scale of heights for the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnanim.frames.magnitudes import BINS_PER_DECADE, LOWEST, Histograms, counts_over

LOW_SHARE = 0.01  # of the weights of a row; if these alone are smaller, they stand at the low end of the axis
TOP_QUANTILE = 0.9  # of the highest points of the rows; what is higher is cut off flat
HEAD_ROOM = 1.5
STEPS = ((3000, 1), (100, 2), (0, 5))  # weights of the usual row from which on bins have a width
USUAL = (-30, 1)  # ends of the axis in bins, where no weight is other than zero
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class HillScale:
    """Where magnitudes stand on the axis, and how high shares of a row are.

    Attributes:
        low: begin of the axis, in bins of the grid from 1 on; smaller weights stand in its first bin.
        high: end of the axis.
        step: bins of the grid that are one bin here: few weights in narrow bins would be a comb.
        full: the share of a row's weights in one bin that is as high as a row.
        has_zeros: whether any weight is ever exactly zero.
    """

    low: int
    high: int
    step: int
    full: float
    has_zeros: bool

    @classmethod
    def of(cls, every: Sequence[Histograms]) -> HillScale:
        """Make the scale for all snapshots of some runs."""
        sizes = np.concatenate([each.totals.max(axis=0, initial=0) for each in every])
        usual = float(np.median(sizes)) if sizes.size else 0.0
        step = next(step for least, step in STEPS if usual >= least)
        lows, highs = [], []
        for each in every:
            nonzero = each.counts.sum(axis=2)
            if nonzero.any():
                enough = np.cumsum(each.counts, axis=2) >= LOW_SHARE * nonzero[..., None]
                first = each.first + LOWEST
                lows.append(first + int(enough.argmax(axis=2)[nonzero > 0].min()))
                highs.append(first + int(np.flatnonzero(each.counts.any(axis=(0, 1)))[-1]) + 1)
        low, high = (min(lows), max(highs)) if lows else USUAL
        has_zeros = any(bool(each.zeros.any()) for each in every)
        end = (-(-high // step) + 1) * step  # an empty bin, where the highest hill comes down
        scale = cls(low // step * step, end, step, 1.0, has_zeros)
        peaks = [
            float(peak)
            for each in every
            for peak in np.max(
                [scale._shares(*of_all, each.first) for of_all in zip(each.counts, each.zeros, strict=True)],
                axis=(0, 2),
            )
        ]
        return replace(scale, full=float(np.quantile([peak for peak in peaks if peak] or [1.0], TOP_QUANTILE)))

    def over(self, now: HillScale) -> HillScale:
        """Return this scale, enlarged where another one lies beyond it."""
        full = self.full if now.full <= self.full else min(HEAD_ROOM * now.full, 1.0)
        if now.step != self.step:
            return now
        return replace(
            self,
            low=min(self.low, now.low),
            high=max(self.high, now.high),
            full=full,
            has_zeros=self.has_zeros or now.has_zeros,
        )

    def heights(self, counts: np.ndarray, zeros: np.ndarray, first: int) -> np.ndarray:
        """Return how high the hills are, (R, bins of the axis) in 0 … 1.

        Args:
            counts: (R, B) weights in bins.
            zeros: (R,) weights that are zero.
            first: which bin of the whole grid is the first of these.
        """
        heights: np.ndarray = np.minimum(self._shares(counts, zeros, first) / self.full, 1.0)
        return heights

    def _shares(self, counts: np.ndarray, zeros: np.ndarray, first: int) -> np.ndarray:
        """Return the share of a row's weights in each bin, (R, bins); zeros are among those of which it is a share."""
        shown = counts_over(counts, first + LOWEST, self.low, self.high)
        merged = shown.reshape(len(shown), -1, self.step).sum(axis=2)
        totals = np.maximum(counts.sum(axis=1) + zeros, 1)
        shares: np.ndarray = merged / totals[:, None]
        return shares

    @property
    def decades(self) -> list[tuple[float, str]]:
        """The powers of ten on the axis: where they stand, 0 … 1, and their texts."""
        begin, end = -(-self.low // BINS_PER_DECADE), self.high // BINS_PER_DECADE
        return [
            ((power * BINS_PER_DECADE - self.low) / (self.high - self.low), decade_text(power))
            for power in range(begin, end + 1)
        ]


def decade_text(power: int) -> str:
    """Write a power of ten: ``0.001`` … ``1000``, ``10⁻⁴`` and ``10⁴`` beyond."""
    if -3 <= power <= 3:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(_SUPERSCRIPTS)
