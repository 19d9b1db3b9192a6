"""Neurons and edges, with tiles where the input is an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nnanim.errors import OptionError
from nnanim.frames.history import Snapshot
from nnanim.frames.readers import Readers
from nnanim.frames.tiles import plan_tiles
from nnanim.frames.weights import Weights, read_weights
from nnanim.options import Options
from nnanim.panels import network
from nnanim.panels.network import NetworkPanel, NetworkScales
from nnanim.panels.tiles import with_room
from nnanim.panels.views.view import View
from nnanim.reading.run import Run


def _read(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> Weights:
    begins_inside = bool(run.asked) and run.layers[0].key != run.model.weights[0].key
    is_image = options.image_size is not None or not begins_inside
    plan = plan_tiles(snapshots, run.layers[0], options, run.convention) if is_image else None
    if plan is not None:
        plan = with_room(plan, len(run.layers) + 1, options, has_curve=run.log is not None)
    if plan is None and options.image_size is not None:
        raise OptionError(f"image is {options.image!r}, but the figure has no room for pictures of that size")
    shown = read_weights(snapshots, options, plan, readers.memory)
    return replace(shown, layers_there=len(run.layers) + len(run.left_out), begins_inside=begins_inside)


VIEW = View("network", _read, NetworkScales.of_runs, NetworkPanel, network.words_of)
