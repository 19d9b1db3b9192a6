"""Boxes and arrows, where connections are known."""

from __future__ import annotations

from collections.abc import Sequence

from nnanim.errors import SnapshotError
from nnanim.frames.boxes import BoxHistory, boxes_of
from nnanim.frames.history import Snapshot
from nnanim.frames.readers import Readers
from nnanim.frames.rows import read_rows
from nnanim.options import Options
from nnanim.panels import map_panel
from nnanim.panels.map_panel import MapPanel
from nnanim.panels.views.view import View
from nnanim.reading.connections import read_connections
from nnanim.reading.run import Run


def _read(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> BoxHistory:
    pairs = [(each.tail, each.head) for each in run.model.connections]
    shown = boxes_of(read_rows(snapshots, options, rows=run.weight_rows, readers=readers), pairs, run.model.reason)
    try:
        found = read_connections(snapshots[0].path.parent)
        is_same = found is not None and set(pairs) == {
            pair for pair in found.pairs() if set(pair) <= {tensor.key for tensor in run.model.weights}
        }
    except SnapshotError:  # which a note of the run tells
        return shown
    return shown.with_joins(found) if found is not None and is_same else shown


VIEW = View("map", _read, map_panel.scales_of, MapPanel, map_panel.words_of)
