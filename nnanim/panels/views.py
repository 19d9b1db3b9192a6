"""The ways in which a network can be shown: one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nnanim.design.cell_scales import CellScales
from nnanim.design.layout import Box
from nnanim.design.row_scales import RowScales
from nnanim.design.style import Style
from nnanim.errors import OptionError, SnapshotError
from nnanim.frames.block_grid import make_grid
from nnanim.frames.boxes import BoxHistory, boxes_of
from nnanim.frames.cells import CellHistory
from nnanim.frames.history import History, Snapshot
from nnanim.frames.readers import Readers
from nnanim.frames.rows import RowHistory, read_rows
from nnanim.frames.tiles import plan_tiles
from nnanim.frames.weights import Weights, read_weights
from nnanim.options import Options
from nnanim.panels import layers, map_panel, matrix, network
from nnanim.panels.grid import GridPanel, room_for_lines
from nnanim.panels.layers import LayersPanel
from nnanim.panels.map_panel import MapPanel
from nnanim.panels.matrix import MatrixPanel, read_matrices
from nnanim.panels.network import NetworkPanel, NetworkScales
from nnanim.panels.panel import ViewPanel
from nnanim.panels.tiles import with_room
from nnanim.reading.connections import read_connections
from nnanim.reading.run import Run


@dataclass(frozen=True)
class View:
    """One way to show a network.

    Attributes:
        name: as the option has it.
        read: reads what is shown of a run, of its snapshots that are shown, by readers where these can share the work.
        scales: makes the scales over all runs of a picture.
        panel: places the panel.
        words_of: the texts from the run and from the user that it writes.
    """

    name: str
    read: Callable[[Run, Sequence[Snapshot], Options, Readers], Any]
    scales: Callable[[Sequence[History], Options], Any]
    panel: Callable[[History, Any, Box, Style, Options], ViewPanel]
    words_of: Callable[[History, Options], list[str]]


def _read_network(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> Weights:
    begins_inside = bool(run.asked) and run.layers[0].key != run.model.weights[0].key
    is_image = options.image_size is not None or not begins_inside
    plan = plan_tiles(snapshots, run.layers[0], options, run.convention) if is_image else None
    if plan is not None:
        plan = with_room(plan, len(run.layers) + 1, options, has_curve=run.log is not None)
    if plan is None and options.image_size is not None:
        raise OptionError(f"image is {options.image!r}, but the figure has no room for pictures of that size")
    shown = read_weights(snapshots, options, plan, readers.memory)
    return replace(shown, layers_there=len(run.layers) + len(run.left_out), begins_inside=begins_inside)


def _read_matrices(run: Run, snapshots: Sequence[Snapshot], options: Options, _readers: Readers) -> CellHistory:
    return read_matrices(run, snapshots, options)


def _read_layers(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> RowHistory:
    return read_rows(snapshots, options, rows=run.weight_rows, readers=readers)


def _read_map(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> BoxHistory:
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


def _layers_panel(
    history: History, scales: RowScales, box: Box, style: Style, options: Options
) -> LayersPanel | GridPanel:
    """Place a row for each weight, or where these are too many and blocks are alike, a grid of blocks."""
    shown: RowHistory = history.shown
    rows = LayersPanel(history, scales, box, style, options)
    if not rows.is_folded:
        return rows
    grid = make_grid(shown.rows)
    if grid is None or not room_for_lines(box, style.scale, style.dpi, len(grid.lines)):
        return rows
    return GridPanel(history, scales, box, style, options, grid)


VIEWS = {
    view.name: view
    for view in (
        View("network", _read_network, NetworkScales.of_runs, NetworkPanel, network.words_of),
        View("matrix", _read_matrices, CellScales.of_runs, MatrixPanel, matrix.words_of),
        View("layers", _read_layers, RowScales.of_runs, _layers_panel, layers.words_of),
        View("map", _read_map, map_panel.scales_of, MapPanel, map_panel.words_of),
    )
}


def pick_view(run: Run, options: Options) -> View:
    """Return the view that was asked for, or the one that fits the run.

    Raises:
        OptionError: neurons and edges were asked for, and no order of the layers is known.
    """
    name = run.view if options.view == "auto" else options.view
    if name == "network" and not run.layers:
        raise OptionError(
            f"view is 'network', but {run.model.reason} in {str(run.path)!r}"
            " (name the layers with --layers, or take --view layers)"
        )
    return VIEWS[name]
