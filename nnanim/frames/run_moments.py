"""The moments of one run as it is shown: whatever the view shows is looked through for what stands out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnanim.frames.boxes import BoxHistory
from nnanim.frames.cells import CellHistory
from nnanim.frames.history import History
from nnanim.frames.moments import Changes, Measured, find_moments
from nnanim.frames.rows import RowHistory
from nnanim.frames.weights import Weights


def with_moments(history: History) -> History:
    """Return a history with its moments, found among the snapshots that are shown."""
    changes = _changes(history.shown, len(history))
    measured = None
    if history.curves:
        curve = history.curves[0]
        values = np.array([curve.value_at(x) for x in history.curve_x.tolist()]) / curve.unit.factor
        measured = Measured(curve.metric, values, curve.unit)
    return replace(history, moments=find_moments(history.titles, history.clock.ticks, changes, measured))


def _changes(shown: Any, count: int) -> Changes:
    """Return how far the things that are shown moved from each snapshot to the next."""
    if isinstance(shown, Weights):
        layer_of, selection = shown.selection.layer, shown.selection
        all_shown = len(layer_of) == selection.edges_there
        return Changes.of_values(shown.edges.values, layer_of, shown.names, "edge", all_shown=all_shown)
    if isinstance(shown, CellHistory):
        sizes = [matrix.stop - matrix.start for matrix in shown.matrices]
        names = [matrix.row.title for matrix in shown.matrices]
        whole = len(shown.matrices) == shown.count
        layer_of = np.repeat(np.arange(len(sizes)), sizes)
        return Changes.of_values(shown.cells.values, layer_of, names, "cell", all_shown=whole)
    rows = shown.weights if isinstance(shown, BoxHistory) else shown
    if isinstance(rows, RowHistory) and rows.steps is not None:
        names = [row.title for row in rows.rows]
        return Changes(np.sqrt(rows.steps[1:]), np.arange(len(names)), names, "")
    return Changes(np.zeros((max(count - 1, 0), 0)), np.zeros(0, dtype=int), (), "")  # a curve alone
