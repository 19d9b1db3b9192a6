"""How far each weight tensor of one run lies from that of another, and how large both are."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np

from nnanim.frames.history import Snapshot
from nnanim.frames.row_sums import squares, take
from nnanim.frames.rows import RowHistory
from nnanim.model.formulas import make
from nnanim.model.weight_rows import Row
from nnanim.reading.snapshots.contents import read_named


def read_row_differences(
    pairs: Sequence[tuple[Snapshot, Snapshot]], first: Sequence[Row], other: Sequence[Row]
) -> RowHistory:
    """Measure how far the weights of one run lie from those of another, one tensor after the other.

    Args:
        pairs: of snapshots, the first run's and the other's.
        first: rows of the first run.
        other: the same of the other run.

    Returns:
        The other's rows, with the first run's weights in the place of the reference.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    norms, moved, reference = (np.full((len(pairs), len(other)), nan) for _ in range(3))
    before: tuple[Snapshot, Snapshot] | None = None
    for index, pair in enumerate(pairs):
        if before is not None and pair[0] is before[0] and pair[1] is before[1]:
            for values in (norms, moved, reference):
                values[index] = values[index - 1]
            continue
        before = pair
        with pair[0].open() as one, pair[1].open() as two:
            for column, (base, row) in enumerate(zip(first, other, strict=True)):
                here, there = (
                    take(make(each.formula, [read_named(opened.read, key, of.path) for key in each.keys]), each.slice)
                    for each, opened, of in ((base, one, pair[0]), (row, two, pair[1]))
                )
                square, moved[index, column] = squares(there, here)
                norms[index, column] = sqrt(square)
                reference[index, column] = sqrt(squares(here, here)[0])
    return RowHistory(tuple(other), norms, moved, reference)
