"""The ways in which a network can be shown: one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.frames.history import History, Snapshot
from nnanim.frames.weights import read_weights
from nnanim.options import Options
from nnanim.panels.network import NetworkPanel, NetworkScales, words_of
from nnanim.panels.panel import Panel


@dataclass(frozen=True)
class View:
    """One way to show a network.

    Attributes:
        name: as the option has it.
        read: reads what is shown of snapshots, in their order.
        scales: makes the scales over all runs of a picture.
        panel: places the panel.
        words_of: the texts from the run and from the user that it writes.
    """

    name: str
    read: Callable[[Sequence[Snapshot], Options], Any]
    scales: Callable[[Sequence[History], Options], Any]
    panel: Callable[[History, Any, Box, Style, Options], Panel]
    words_of: Callable[[History, Options], list[str]]


VIEWS = {view.name: view for view in (View("network", read_weights, NetworkScales.of_runs, NetworkPanel, words_of),)}
