"""How large each weight tensor is at each snapshot, and how far it has moved: a row of numbers for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from nnanim.frames.history import Place, Snapshot
from nnanim.frames.row_sums import Stretch, measure
from nnanim.model.weight_rows import Row
from nnanim.options import Options

AT_ONCE = 32  # snapshots that are open together; the reference is read once for each group of so many


@dataclass(frozen=True, eq=False)
class RowHistory:
    """Rows over the run.

    Attributes:
        rows: in the order of the model.
        norms: (S, R) float64, the Frobenius norm ‖W‖; NaN where a weight is not finite.
        moved: (S, R) float64, the squared distance ‖W − W_ref‖² to the reference.
        reference: (S, R) float64, the norm of the reference, ‖W_ref‖.
    """

    rows: tuple[Row, ...]
    norms: np.ndarray
    moved: np.ndarray
    reference: np.ndarray

    @property
    def relative_changes(self) -> np.ndarray:
        """(S, R) ‖W − W_ref‖ / ‖W_ref‖; NaN where the reference is zero."""
        changes: np.ndarray = _ratio(np.sqrt(self.moved), self.reference)
        return changes

    @property
    def growth(self) -> np.ndarray:
        """(S, R) ‖W‖ / ‖W_ref‖ − 1, how the norm has grown; NaN where the reference is zero."""
        grown: np.ndarray = _ratio(self.norms, self.reference) - 1
        return grown

    def fold(self, groups: Sequence[Sequence[int]]) -> RowHistory:
        """Take rows together: the norm over all weights of a group, and how far they have moved together."""

        def pooled(values: np.ndarray) -> np.ndarray:
            squares = [np.square(values[:, list(group)]).sum(axis=1) for group in groups]
            norms: np.ndarray = np.sqrt(np.stack(squares, axis=1))
            return norms

        moved = np.stack([self.moved[:, list(group)].sum(axis=1) for group in groups], axis=1)
        rows = tuple(self._together([self.rows[index] for index in group]) for group in groups)
        return RowHistory(rows, pooled(self.norms), moved, pooled(self.reference))

    @staticmethod
    def _together(rows: Sequence[Row]) -> Row:
        if len(rows) == 1:
            return rows[0]
        keys = tuple(dict.fromkeys(key for row in rows for key in row.keys))
        return Row("", rows[0].block, rows[0].role, keys, formula="√Σ‖W‖²")

    def at(self, values: np.ndarray, place: Place) -> np.ndarray:
        """Return numbers (R,) at a place, between two snapshots on the straight line."""
        low: np.ndarray = values[place.before]
        if place.share:
            low = low + place.share * (values[place.before + 1] - low)
        return low


def read_rows(snapshots: Sequence[Snapshot], options: Options, *, rows: Sequence[Row]) -> RowHistory:
    """Measure rows at every snapshot, one tensor after the other, each read once.

    Args:
        snapshots: those that are shown, in their order.
        options: `since` says which snapshot is the reference.
        rows: what is measured.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    contents = [snapshot.contents for snapshot in snapshots]
    count = len(contents)
    sums = np.empty((2, count, len(rows)))
    first = [0, *range(max(AT_ONCE - 1, 1) + 1, count, AT_ONCE - 1)]
    for start, stop in zip(first, [*first[1:], count], strict=True):
        behind = [] if start == 0 else [contents[0 if options.since == "first" else start - 1]]
        found = measure(Stretch((*behind, *contents[start:stop]), tuple(rows), options.since))
        sums[:, start:stop] = found[:, len(behind) :]
    norms, moved = np.sqrt(sums[0]), sums[1]
    if options.since == "previous":
        reference = np.concatenate([norms[:1], norms[:-1]])
    else:
        reference = np.repeat(norms[:1], count, axis=0)
    return RowHistory(tuple(rows), norms, moved, reference)


def _ratio(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.where(base > 0, values / base, nan)
    return ratio
