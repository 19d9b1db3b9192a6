"""How large each weight tensor is at each snapshot, and how far it has moved: a row of numbers for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import nan, prod

import numpy as np

from nnanim.frames.history import Place, Snapshot
from nnanim.frames.magnitudes import Histograms, check_size
from nnanim.frames.readers import HERE, Readers, shares
from nnanim.frames.row_sums import Stretch, measure, measure_and_count
from nnanim.model.weight_rows import Row
from nnanim.options import Options
from nnanim.reading.snapshots.contents import Contents

AT_ONCE = 32  # snapshots that are open together; the reference is read once for each group of so many
LEAST_BYTES = 1 << 24  # of a snapshot that are read in one go, or opening the files takes as long
MOST_BYTES = 1 << 30  # a few shards, and not too much to be read again where a worker dies
_TASKS_EACH = 4  # so that no reader waits long for the last one, and it is told how far they are
_BYTES = {"float64": 8, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, eq=False)
class RowHistory:
    """Rows over the run.

    Attributes:
        rows: in the order of the model.
        norms: (S, R) float64, the Frobenius norm ‖W‖; NaN where a weight is not finite.
        moved: (S, R) float64, the squared distance ‖W − W_ref‖² to the reference.
        reference: (S, R) float64, the norm of the reference, ‖W_ref‖.
        steps: (S, R) float64, the squared distance to the snapshot before, 0 at the first; None where nobody asked.
        histograms: weights by magnitude; None where nobody asked.
    """

    rows: tuple[Row, ...]
    norms: np.ndarray
    moved: np.ndarray
    reference: np.ndarray
    steps: np.ndarray | None = None
    histograms: Histograms | None = None

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

        def summed(values: np.ndarray) -> np.ndarray:
            return np.stack([values[:, list(group)].sum(axis=1) for group in groups], axis=1)

        steps = None if self.steps is None else summed(self.steps)
        rows = tuple(self._together([self.rows[index] for index in group]) for group in groups)
        histograms = None if self.histograms is None else self.histograms.fold(groups)
        return RowHistory(rows, pooled(self.norms), summed(self.moved), pooled(self.reference), steps, histograms)

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


def read_rows(
    snapshots: Sequence[Snapshot], options: Options, *, rows: Sequence[Row], readers: Readers = HERE
) -> RowHistory:
    """Measure rows at every snapshot, each tensor read once, and the reference once for `AT_ONCE` snapshots.

    Where moments are asked for and changes are not measured against the snapshot before, all is read twice.

    Args:
        snapshots: those that are shown, in their order.
        options: `since` says which snapshot is the reference, `moments` whether the steps are asked for, and
            `distributions` whether weights are counted by magnitude.
        rows: what is measured.
        readers: who reads; the numbers are the same.

    Raises:
        SnapshotError: a snapshot cannot be read, or lacks a tensor.
        WorkerError: a cluster gave up.
    """
    norms, moved, histograms = _measured(snapshots, options.since, rows, readers, counting=options.distributions)
    steps = None
    if options.since == "previous":
        reference = np.concatenate([norms[:1], norms[:-1]])
        steps = moved
    else:
        reference = np.repeat(norms[:1], len(norms), axis=0)
        if options.moments:
            steps = _measured(snapshots, "previous", rows, readers)[1]
    return RowHistory(tuple(rows), norms, moved, reference, steps, histograms)


def _measured(
    snapshots: Sequence[Snapshot], since: str, rows: Sequence[Row], readers: Readers, *, counting: bool = False
) -> tuple[np.ndarray, np.ndarray, Histograms | None]:
    """Return ‖W‖ and ‖W − W_ref‖² of rows at every snapshot, (S, R) each, and where asked for weights by magnitude."""
    contents = [snapshot.contents for snapshot in snapshots[:]]  # a slice tells nothing yet
    count = len(contents)
    sums = np.empty((2, count, len(rows)))
    groups = _group(rows, contents, readers)
    first = [0, *range(max(AT_ONCE - 1, 1) + 1, count, AT_ONCE - 1)]
    pieces = [(start, stop, group) for start, stop in zip(first, [*first[1:], count], strict=True) for group in groups]

    def stretches() -> Iterator[Stretch]:
        for start, stop, (begin, end) in pieces:
            behind = [] if start == 0 else [contents[0 if since == "first" else start - 1]]
            which, these = (*behind, *contents[start:stop]), tuple(rows[begin:end])
            if readers.are_elsewhere:
                keys = {key for row in these for key in row.keys}
                which = tuple(each.only(keys) for each in which)
            yield Stretch(which, these, since)

    do = readers.do if readers.are_elsewhere or len(groups) > 1 else HERE.do
    tell = readers.progress or (lambda _done, _count: None)
    tell(0, count)
    counted: list[list[Histograms]] = [[] for _ in first]
    kept_bytes = 0
    found: Iterator[tuple[np.ndarray, Histograms | None]]
    found = do(measure_and_count, stretches()) if counting else ((each, None) for each in do(measure, stretches()))
    for done, (measured, histograms) in enumerate(found):
        start, stop, (begin, end) = pieces[done]
        sums[:, start:stop, begin:end] = measured[:, start - stop :]
        if histograms is not None:
            counted[first.index(start)].append(histograms.last(stop - start))
            kept_bytes += histograms.counts.nbytes
            check_size(kept_bytes, count, len(rows))
        tell(count * (done + 1) // len(pieces), count)
    return np.sqrt(sums[0]), sums[1], _joined(counted, since) if counting and groups else None


def _joined(counted: Sequence[Sequence[Histograms]], since: str) -> Histograms:
    """Put together the counts of groups of rows, for one stretch of snapshots after the other."""
    whole = Histograms.joined([Histograms.joined(each, axis=1) for each in counted], axis=0)
    snapshots = len(whole.zeros)
    behind = np.zeros(snapshots, int) if since == "first" else np.maximum(np.arange(snapshots) - 1, 0)
    return replace(whole, reference=behind)


def _group(rows: Sequence[Row], contents: Sequence[Contents], readers: Readers) -> list[tuple[int, int]]:
    """Return begin and end of groups of rows that are read in one go, those of the same tensors in one of them."""
    if not rows:
        return []
    sizes = {key: prod(shape) * _BYTES.get(dtype, 4) for key, shape, dtype in contents[0].tensors}
    alike = [list(group) for _, group in groupby(range(len(rows)), key=lambda place: rows[place].keys)]
    each = [sum(sizes.get(key, 0) for key in rows[group[0]].keys) for group in alike]
    most = sum(each) // (_TASKS_EACH * readers.count)
    bounds = shares(each, min(max(most, LEAST_BYTES), MOST_BYTES))
    return [(alike[begin][0], alike[end - 1][-1] + 1) for begin, end in bounds]


def _ratio(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.where(base > 0, values / base, nan)
    return ratio
