"""A row for each weight tensor, or a grid of blocks and kinds of weights."""

from __future__ import annotations

from collections.abc import Sequence

from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales
from nnanim.design.style import Style
from nnanim.frames.block_grid import make_grid
from nnanim.frames.history import History, Snapshot
from nnanim.frames.readers import Readers
from nnanim.frames.rows import RowHistory, read_rows
from nnanim.options import Options
from nnanim.panels import layers
from nnanim.panels.grid import GridPanel, room_for_lines
from nnanim.panels.layers import LayersPanel
from nnanim.panels.views.view import View
from nnanim.reading.run import Run


def _read(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> RowHistory:
    return read_rows(snapshots, options, rows=run.weight_rows, readers=readers)


def _panel(history: History, scales: RowScales, box: Box, style: Style, options: Options) -> LayersPanel | GridPanel:
    """Place a row for each weight, or where these are too many and blocks are alike, a grid of blocks."""
    shown: RowHistory = history.shown
    rows = LayersPanel(history, scales, box, style, options)
    if not rows.is_folded:
        return rows
    grid = make_grid(shown.rows)
    if grid is None or not room_for_lines(box, style.scale, style.dpi, len(grid.lines)):
        return rows
    return GridPanel(history, scales, box, style, options, grid)


VIEW = View("layers", _read, RowScales.of_runs, _panel, layers.words_of)
