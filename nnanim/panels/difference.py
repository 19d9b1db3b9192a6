"""B − A: how the weights of runs differ from those of the first one at the same time, in colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnanim.design.cell_scales import CellScales
from nnanim.design.row_scales import RowScales
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.theme import Ramp, Theme
from nnanim.errors import OptionError
from nnanim.frames.boxes import BoxHistory
from nnanim.frames.cells import CellHistory, Matrix, read_cell_differences
from nnanim.frames.frame import Frame
from nnanim.frames.history import History, Series
from nnanim.frames.row_differences import read_row_differences
from nnanim.frames.rows import RowHistory
from nnanim.frames.selection import Selection
from nnanim.frames.timeline import Clock
from nnanim.frames.together import Together
from nnanim.frames.weights import Weights
from nnanim.model.weight_rows import Row

LONGEST_NAME = 14  # letters of a name in a legend, which says it twice
FIRST_RUN = "the first run"


def called(name: str) -> str:
    """Return how a legend calls the first run: by its name, where that is short."""
    return name if len(name) <= LONGEST_NAME else FIRST_RUN


@dataclass
class ByDifference:
    """One colour where a weight is larger than the first run's, another where it is smaller; the first run is grey.

    Attributes:
        first: name of the first run.
    """

    first: str
    name: str = "difference"
    ends: tuple[str, str] = ("weight smaller", "larger")
    ends_in_ink: bool = False

    def ramp(self, theme: Theme) -> Ramp:
        return theme.negative, theme.unchanged, theme.positive

    def number(self, value: np.ndarray, change: np.ndarray, has_sign: np.ndarray | bool = True) -> np.ndarray:
        return change

    def scale(self, widths: WidthScale, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        return IntensityScale.of_changes(changes, groups)

    def small_print(self, symbol: str, since: str, domain: str) -> str:
        norms = " (norms)" if symbol == "norm" else ""
        return f"than in {self.first}, by {domain} or more{norms}"

    def is_explained(self, snapshots: int) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Difference:
    """The differences of runs from the first one, over one scale.

    Attributes:
        coloring: what colours stand for.
        histories: what the panels show; of rows, boxes and cells a place for each moment of the clock.
        scales: of the view, over all runs and moments; None where it keeps its own, as that of neurons and edges.
        edges: difference of two weights to intensity, where edges are shown.
        nodes: the same for biases.
    """

    coloring: ByDifference
    histories: tuple[History, ...]
    scales: Any = None
    edges: IntensityScale | None = None
    nodes: IntensityScale | None = None

    @classmethod
    def of(cls, together: Together) -> Difference:
        """Take the differences of all runs and moments.

        Raises:
            OptionError: not the same weights are shown of all runs.
            SnapshotError: a snapshot cannot be read.
        """
        shown = together.histories[0].shown
        if isinstance(shown, Weights):
            return _of_edges(together)
        if isinstance(shown, CellHistory):
            return _of_cells(together)
        return _of_rows(together)

    @property
    def is_over_moments(self) -> bool:
        """Whether a place in a history is a moment of the clock, and no snapshot of the run."""
        return self.edges is None

    def recolored(self, frames: tuple[Frame, ...], theme: Theme) -> tuple[Frame, ...]:
        """Return the frames of one moment with edges and nodes coloured by their differences from the first of them."""
        if self.edges is None or self.nodes is None:
            return frames
        first, ramp = frames[0], self.coloring.ramp(theme)
        colored = []
        for frame in frames:
            edges = self.edges(frame.edges.weight - first.edges.weight)
            nodes = self.nodes(np.nan_to_num(frame.nodes.bias - first.nodes.bias))
            rings = theme.ring_colors(nodes, ramp)
            colored.append(
                replace(
                    frame,
                    edges=replace(frame.edges, color=theme.edge_colors(edges, ramp)),
                    nodes=replace(frame.nodes, color=rings),
                )
            )
        return tuple(colored)


def _of_edges(together: Together) -> Difference:
    shown: list[Weights] = [history.shown for history in together.histories]
    _check_all(together, [isinstance(each, Weights) and _same(shown[0].selection, each.selection) for each in shown])
    edges, nodes = [], []
    for at in together.moments:
        places = [together.place(run, at) for run in range(len(shown))]
        for each, place in zip(shown[1:], places[1:], strict=True):
            edges.append(each.edges.at(place) - shown[0].edges.at(places[0]))
            nodes.append(np.nan_to_num(each.biases.at(place) - shown[0].biases.at(places[0])))
    scales = [IntensityScale.of_changes(np.stack(each)) for each in (edges, nodes)]
    return Difference(ByDifference(called(together.names[0])), together.histories, None, *scales)


def _of_rows(together: Together) -> Difference:
    shown = [history.shown for history in together.histories]
    rows = [each.rows if isinstance(each, BoxHistory) else each for each in shown]
    _check_all(together, [_alike_rows(together, run, rows[0].rows, each.rows) for run, each in enumerate(rows)])
    apart = [read_row_differences(together.pairs(run), rows[0].rows, each.rows) for run, each in enumerate(rows)]
    changed: list[Any] = [
        each.over(own) if isinstance(each, BoxHistory) else own for each, own in zip(shown, apart, strict=True)
    ]
    histories = _over_moments(together, changed)
    scaled: list[RowHistory] = [each.boxes if isinstance(each, BoxHistory) else each for each in changed]
    return Difference(ByDifference(called(together.names[0])), histories, RowScales.of_rows(scaled))


def _of_cells(together: Together) -> Difference:
    shown: list[CellHistory] = [history.shown for history in together.histories]
    _check_all(together, [_alike_cells(shown[0].matrices, each.matrices) for each in shown])
    changed = []
    for run, each in enumerate(shown):
        places = [together.place(run, at).before for at in together.moments]
        apart = read_cell_differences(together.pairs(run), shown[0].matrices, each.matrices)
        changed.append(
            replace(
                each,
                cells=Series(each.cells.values[places], apart, "previous"),
                largest=each.largest[places],
                largest_at=each.largest_at[places],
                radius=each.radius[places],
            )
        )
    magnitudes = WidthScale.of_run(np.concatenate([each.cells.values.ravel() for each in shown])[None])
    differences = np.concatenate([each.cells.changes.ravel() for each in changed[1:]])
    scales = CellScales(magnitudes, IntensityScale.of_changes(differences[None]))
    return Difference(ByDifference(called(together.names[0])), _over_moments(together, changed), scales)


def _over_moments(together: Together, shown: Sequence[Any]) -> tuple[History, ...]:
    """Return histories with a place for each moment of the clock."""
    titles = tuple(together.time_text(at) for at in together.moments)
    found = []
    for run, (history, each) in enumerate(zip(together.histories, shown, strict=True)):
        places = [together.place(run, at) for at in together.moments]
        found.append(
            replace(
                history,
                clock=Clock(together.by, together.moments),
                epochs=tuple(history.epoch(place) for place in places),
                iterations=tuple(history.iteration(place) for place in places),
                titles=titles,
                curve_x=np.array([history.x(place) for place in places]),
                shown=each,
                against=called(together.names[0]),
            )
        )
    return tuple(found)


def _check_all(together: Together, alike: Sequence[bool]) -> None:
    if not all(alike):
        raise OptionError(
            f"difference: not the same weights are shown of {together.names[0]!r} and"
            f" {together.names[alike.index(False)]!r}"
        )


def _same(one: Selection, other: Selection) -> bool:
    pairs = [(one.layer, other.layer), (one.tail, other.tail), (one.head, other.head)]
    pairs += zip(one.nodes, other.nodes, strict=False)
    return one.sizes == other.sizes and all(np.array_equal(first, second) for first, second in pairs)


def _alike_rows(together: Together, run: int, first: Sequence[Row], other: Sequence[Row]) -> bool:
    """Tell whether rows stand for weights of the same names and shapes."""

    def described(of: int, rows: Sequence[Row]) -> list[Any]:
        shapes = {tensor.key: tuple(tensor.shape) for tensor in together.snapshots[of][0].contents.tensors}
        return [(row.title, row.slice, row.formula, [shapes.get(key) for key in row.keys]) for row in rows]

    return described(0, first) == described(run, other)


def _alike_cells(first: Sequence[Matrix], other: Sequence[Matrix]) -> bool:
    def described(matrices: Sequence[Matrix]) -> list[Any]:
        return [(each.row.title, each.shape, each.rows.tolist(), each.columns.tolist()) for each in matrices]

    return described(first) == described(other)
