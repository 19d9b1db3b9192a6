"""How the weights of rows spread over magnitudes: counts by log₁₀|w| on one fixed grid, exact zeros apart.

The grid needs no look at the weights before they are counted: a bin for each tenth of a decade over the whole range of
float32. Only the bins in which something lies are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnanim.errors import OptionError

BINS_PER_DECADE = 10
LOWEST, HIGHEST = -380, 386  # ends of the grid, in bins from 1 on: float32 goes from about 10⁻³⁸ to 3.4 · 10³⁸
MOST_BYTES = 1 << 28  # of the counts that are kept
_KINDS = 1 << 15  # float32 by exponent and the first 7 bits behind: less than a hundredth of a decade apart
_NOT_FINITE = 0x7F80  # the first kind of no finite number


def _make_edges() -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of all bins, and for each but the last the kind of float32 that it begins with."""
    wanted = 10.0 ** (np.arange(LOWEST, HIGHEST + 1) / BINS_PER_DECADE)
    kinds = (wanted[:-1].astype("<f4").view("<u4") + np.uint32(1 << 15)) >> np.uint32(16)  # the nearest
    begins = (kinds << np.uint32(16)).astype("<u4").view("<f4").astype(np.float64)
    return np.append(begins, wanted[-1]), kinds.astype(np.intp)


# Ends of all bins, (B + 1,) float64: tenths of decades, each moved by at most 0.4 % to a number that begins a kind.
EDGES, _BEGINS = _make_edges()
_BEGINS[0] = 0  # what is smaller than the grid counts with its first bin, what is larger with the last
BINS = len(EDGES) - 1


def count_magnitudes(values: np.ndarray, into: np.ndarray) -> int:
    """Add numbers to the counts of their bins, (BINS,) int64, and return how many are zero.

    What is not finite is counted nowhere.

    Args:
        values: (n,) of any float type; at best a hundred thousand at a time, which stay in the cache.
        into: the counts.
    """
    zeros = len(values) - int(np.count_nonzero(values))
    if values.dtype.kind == "f" and values.dtype.itemsize <= 4:
        short = np.ascontiguousarray(values, dtype="<f4")
        kinds = np.bincount(short.view("<u2")[1::2] & np.uint16(_KINDS - 1), minlength=_KINDS)
        kinds[0] -= zeros
        into += np.add.reduceat(kinds[:_NOT_FINITE], _BEGINS)
    else:
        sizes = np.abs(values.astype(np.float64))
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        into += np.bincount(np.searchsorted(EDGES[1:-1], sizes, side="right"), minlength=BINS)
    return zeros


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts of weights by magnitude, for rows over snapshots.

    Attributes:
        first: which bin of the grid is the first one here.
        counts: (S, R, B) int64, weights in each bin.
        zeros: (S, R) int64, weights that are exactly zero.
        reference: (S,) the snapshot that each is held against.
    """

    first: int
    counts: np.ndarray
    zeros: np.ndarray
    reference: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """(B + 1,) float64, |w| at the ends of the bins."""
        return EDGES[self.first : self.first + self.counts.shape[2] + 1]

    @property
    def totals(self) -> np.ndarray:
        """(S, R) how many weights are counted, zeros among them."""
        totals: np.ndarray = self.counts.sum(axis=2) + self.zeros
        return totals

    def cropped(self) -> Histograms:
        """Leave out the bins at both ends in which nothing ever lies."""
        filled = np.flatnonzero(self.counts.any(axis=(0, 1)))
        low, high = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)
        return replace(self, first=self.first + low, counts=self.counts[..., low:high].copy())

    def over(self, first: int, stop: int) -> np.ndarray:
        """Return counts (S, R, stop - first) for these bins of the grid, which may lie beyond those here on both sides.

        What lies below the first of them counts with it.
        """
        return counts_over(self.counts, self.first, first, stop)

    def fold(self, groups: Sequence[Sequence[int]]) -> Histograms:
        """Take rows together: all weights of a group are counted."""
        counts = np.stack([self.counts[:, list(group)].sum(axis=1) for group in groups], axis=1)
        zeros = np.stack([self.zeros[:, list(group)].sum(axis=1) for group in groups], axis=1)
        return replace(self, counts=counts, zeros=zeros)

    def last(self, snapshots: int) -> Histograms:
        """Return the last so many snapshots."""
        begin = len(self.zeros) - snapshots
        return replace(self, counts=self.counts[begin:], zeros=self.zeros[begin:], reference=self.reference[begin:])

    @staticmethod
    def joined(parts: Sequence[Histograms], axis: int) -> Histograms:
        """Put counts one after the other: snapshots along axis 0, rows along axis 1.

        Raises:
            OptionError: they would take too much memory.
        """
        filled = [each for each in parts if each.counts.shape[2]] or list(parts[:1])
        first = min(each.first for each in filled)
        stop = max(each.first + each.counts.shape[2] for each in filled)
        zeros = np.concatenate([each.zeros for each in parts], axis=axis)
        check_size(zeros.size * (stop - first) * 8, *zeros.shape)
        counts = np.concatenate([each.over(first, stop) for each in parts], axis=axis)
        return Histograms(first, counts, zeros, np.zeros(len(zeros), int))


def check_size(kept_bytes: int, snapshots: int, rows: int) -> None:
    """Refuse counts that take too much memory.

    Raises:
        OptionError: they do.
    """
    if kept_bytes > MOST_BYTES:
        raise OptionError(
            f"distributions: counts of {rows} weights at {snapshots} snapshots take more than {MOST_BYTES >> 20} MB"
            " (show fewer snapshots with --max-frames, or leave --distributions out)"
        )


def counts_over(counts: np.ndarray, begins: int, first: int, stop: int) -> np.ndarray:
    """Return counts (…, stop - first) for some bins, of counts (…, B) for the bins from `begins` on.

    What lies below the first of them counts with it, what lies beyond the last with that.
    """
    found = np.zeros((*counts.shape[:-1], stop - first), counts.dtype)
    if not counts.shape[-1] or not found.shape[-1]:
        return found
    places = np.clip(np.arange(begins, begins + counts.shape[-1]), first, stop - 1) - first
    inside, starts = np.unique(places, return_index=True)
    found[..., inside] = np.add.reduceat(counts, starts, axis=-1)
    return found
