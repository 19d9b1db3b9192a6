"""Snapshot formats, one module each with ``sniff(path)`` and ``read(...)``, and what all say of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nnanim.model.layers import LayerHeader


@dataclass(frozen=True)
class Contents:
    """What a snapshot says of itself before its weights are read.

    Attributes:
        path: the file.
        weights: every weight of the model, in the order of the file.
        epoch: what the file says, or None where it says nothing.
        iteration: updates that were done, or None where nothing says so.
        format: the format of the file.
        written_by: the framework that wrote it, where that is another name than the format's.
        model: what the model is called where the file holds several, e.g. ``"main"``; else empty.
        other_models: names of the file's other models, in natural order.
        prefix: what stands before the model's own keys.
        is_trainer: True where a trainer wrote the file; a model alone beside such files is not drawn.
        is_ordered: True where the order of the weights is that in which the model defines them.
        turned: keys of weights that the file holds as (in, out) or (kh, kw, in, out).
        notes: what a user should be told.
        parts: other files that the snapshot is made of.
        arrays: weights and biases by key where they are so small that they were read at the same time, else None.
    """

    path: Path
    weights: tuple[LayerHeader, ...]
    epoch: int | float | None = None
    iteration: int | None = None
    format: str = "chainer"
    written_by: str = ""
    model: str = ""
    other_models: tuple[str, ...] = ()
    prefix: str = ""
    is_trainer: bool = False
    is_ordered: bool = False
    turned: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    parts: tuple[Path, ...] = ()
    arrays: Mapping[str, np.ndarray] | None = field(default=None, repr=False, compare=False)
