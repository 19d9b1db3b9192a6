"""What a view is: how a network is read, scaled and placed. Each module beside this one holds one as ``VIEW``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from nnanim.design.layout import Box
from nnanim.design.style import Style
from nnanim.errors import OptionError
from nnanim.frames.history import History, Snapshot
from nnanim.frames.readers import Readers
from nnanim.options import Options
from nnanim.panels.panel import ViewPanel
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


def view_named(name: str) -> View:
    """Return a view by its name, one of `nnanim.options.VIEWS`; only its own module is imported."""
    return cast(View, import_module(f"nnanim.panels.views.{name}").VIEW)


def pick_view(run: Run, options: Options) -> View:
    """Return the view that was asked for, or the one that fits the run.

    Raises:
        OptionError: neurons and edges were asked for, and no order of the layers is known.
    """
    name = options.view
    if name == "auto":
        name = "layers" if options.distributions else run.view
    if name == "network" and not run.layers:
        raise OptionError(
            f"view is 'network', but {run.model.reason} in {str(run.path)!r}"
            " (name the layers with --layers, or take --view layers)"
        )
    return view_named(name)
