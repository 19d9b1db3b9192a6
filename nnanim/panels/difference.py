"""B − A: how the weights of runs differ from those of the first one at the same time, as colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.theme import Ramp, Theme
from nnanim.errors import OptionError
from nnanim.frames.frame import Frame
from nnanim.frames.selection import Selection
from nnanim.frames.together import Together
from nnanim.frames.weights import Weights


@dataclass
class ByDifference:
    """One colour where a weight is larger than the first run's, another where it is smaller; the first run is grey.

    Attributes:
        first: name of the first run.
    """

    first: str
    name: str = "difference"
    ends: tuple[str, str] = ("smaller", "larger")
    ends_in_ink: bool = False

    def ramp(self, theme: Theme) -> Ramp:
        return theme.negative, theme.unchanged, theme.positive

    def number(self, value: np.ndarray, change: np.ndarray, has_sign: np.ndarray | bool = True) -> np.ndarray:
        return value

    def scale(self, widths: WidthScale, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        return IntensityScale.of_changes(changes, groups)

    def small_print(self, symbol: str, since: str, domain: str) -> str:
        return f"w − w of {self.first}, full from ±{domain}"

    def is_explained(self, snapshots: int) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Difference:
    """The differences of runs from the first one, over one scale.

    Attributes:
        coloring: what colours stand for.
        edges: difference of two weights to intensity.
        nodes: the same for biases.
    """

    coloring: ByDifference
    edges: IntensityScale
    nodes: IntensityScale

    @classmethod
    def of(cls, together: Together) -> Difference:
        """Make the scales over all runs and moments.

        Raises:
            OptionError: not the same edges are shown of all runs.
        """
        shown: list[Weights] = [history.shown for history in together.histories]
        for name, each in zip(together.names, shown, strict=True):
            if not isinstance(each, Weights) or not _same(shown[0].selection, each.selection):
                raise OptionError(
                    f"difference: not the same edges are shown of {together.names[0]!r} and {name!r}"
                    " (take --view network, and more --max-nodes and --max-edges)"
                )
        edges, nodes = [], []
        for at in together.moments:
            places = [together.place(run, at) for run in range(len(shown))]
            for each, place in zip(shown[1:], places[1:], strict=True):
                edges.append(each.edges.at(place) - shown[0].edges.at(places[0]))
                nodes.append(np.nan_to_num(each.biases.at(place) - shown[0].biases.at(places[0])))
        scales = [IntensityScale.of_changes(np.stack(each)) for each in (edges, nodes)]
        return cls(ByDifference(together.names[0]), *scales)

    def recolored(self, frames: tuple[Frame, ...], theme: Theme) -> tuple[Frame, ...]:
        """Return the frames of one moment coloured by their differences from the first of them."""
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


def _same(one: Selection, other: Selection) -> bool:
    pairs = [(one.layer, other.layer), (one.tail, other.tail), (one.head, other.head)]
    pairs += zip(one.nodes, other.nodes, strict=False)
    return one.sizes == other.sizes and all(np.array_equal(first, second) for first, second in pairs)
