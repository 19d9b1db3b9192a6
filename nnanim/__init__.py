"""Turn the folder that a training run leaves behind into an animation of the network that learned."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from nnanim.animation import Animation
    from nnanim.article import create_learn_animation, createLearnAnimation
    from nnanim.errors import (
        GraphvizError,
        LogError,
        MetricError,
        NnanimError,
        OptionError,
        OutputError,
        RunError,
        RunNotFoundError,
        ShapeError,
        SnapshotError,
        WorkerError,
    )
    from nnanim.frames.frame import Frame
    from nnanim.model.layers import Layer
    from nnanim.one_run import render
    from nnanim.reading.opening import open_run
    from nnanim.reading.run import Run, Snapshot
    from nnanim.recorder import Recorder, record
    from nnanim.trackers import log_to

_MODULES = {
    "animation": ("Animation",),
    "frames.frame": ("Frame",),
    "article": ("create_learn_animation", "createLearnAnimation"),
    "errors": (
        "GraphvizError",
        "LogError",
        "MetricError",
        "NnanimError",
        "OptionError",
        "OutputError",
        "RunError",
        "RunNotFoundError",
        "ShapeError",
        "SnapshotError",
        "WorkerError",
    ),
    "model.layers": ("Layer",),
    "recorder": ("Recorder", "record"),
    "one_run": ("render",),
    "reading.opening": ("open_run",),
    "reading.run": ("Run", "Snapshot"),
    "trackers": ("log_to",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Animation",
    "Frame",
    "GraphvizError",
    "Layer",
    "LogError",
    "MetricError",
    "NnanimError",
    "OptionError",
    "OutputError",
    "Recorder",
    "Run",
    "RunError",
    "RunNotFoundError",
    "ShapeError",
    "Snapshot",
    "SnapshotError",
    "WorkerError",
    "createLearnAnimation",
    "create_learn_animation",
    "log_to",
    "open_run",
    "record",
    "render",
]


def __getattr__(name: str) -> Any:
    # Modules are imported when a name is asked for: ``nnanim --help`` must not wait for Matplotlib.
    if name not in _PLACES:
        raise AttributeError(f"module 'nnanim' has no attribute {name!r}")
    return getattr(import_module(f"nnanim.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
