"""Snapshot formats, one module each with ``sniff(path)`` and ``read(...)``, and what all say of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnanim.layers import LayerHeader, natural_key
from nnanim.logs import Log


@dataclass(frozen=True)
class Contents:
    """What a snapshot says of itself before its weights are read.

    Attributes:
        path: the file.
        weights: every weight of the model, in the order of the file.
        epoch: what the file says, or None where it says nothing.
        iteration: updates that were done, or None where nothing says so.
        format: who wrote the file.
        model: what the model is called where the file holds several, e.g. ``"main"``; else empty.
        other_models: names of the file's other models, in natural order.
        prefix: what stands before the model's own keys.
        is_trainer: True where a trainer wrote the file; a model alone beside such files is not drawn.
        is_ordered: True where the order of the weights is that in which the model defines them.
        turned: keys of weights that the file holds as (in, out) or (kh, kw, in, out).
        notes: what a user should be told.
    """

    path: Path
    weights: tuple[LayerHeader, ...]
    epoch: int | float | None = None
    iteration: int | None = None
    format: str = "chainer"
    model: str = ""
    other_models: tuple[str, ...] = ()
    prefix: str = ""
    is_trainer: bool = False
    is_ordered: bool = False
    turned: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def in_order(found: Sequence[Contents]) -> list[Contents]:
    """Sort by iteration where all know it, else by epoch, else by name; those that know neither come last."""
    counted = [c for c in found if c.iteration is not None or c.epoch is not None]
    silent = [c for c in found if c.iteration is None and c.epoch is None]
    if all(contents.iteration is not None for contents in counted):
        counted.sort(key=lambda c: (c.iteration or 0, natural_key(c.path.name)))
    elif all(contents.epoch is not None for contents in counted):
        counted.sort(key=lambda c: (c.epoch or 0, natural_key(c.path.name)))
    return counted + silent


def fill_counters(found: Sequence[Contents], log: Log | None) -> list[Contents]:
    """Take epoch or iteration from the file names where the files themselves say neither.

    A number beside ``epoch``, ``iter`` or ``step`` is what it says. Any other is what the log has a row for, else an
    epoch in names that begin with ``trainer`` (the article's), else an iteration.
    """
    silent = {c.path: c.path.name for c in found if c.epoch is None and c.iteration is None}
    named = {path: _counters_in(name) for path, name in silent.items()}
    bare = {path: number for path, (epoch, iteration, number) in named.items() if epoch is None and iteration is None}
    column = _column_of([number for number in bare.values() if number is not None], list(silent.values()), log)
    filled = []
    for contents in found:
        epoch, iteration, number = named.get(contents.path, (contents.epoch, contents.iteration, None))
        if contents.path in bare and column == "epoch":
            epoch = number
        elif contents.path in bare:
            iteration = number
        filled.append(replace(contents, epoch=epoch, iteration=iteration))
    return filled


def _counters_in(name: str) -> tuple[int | None, int | None, int | None]:
    """Return epoch, iteration and a number of unknown meaning, as a file name says them."""
    stem = name.lower()
    for suffix in (".npz", ".model"):
        stem = stem.removesuffix(suffix)
    epoch = re.search(r"epoch[^0-9]{0,3}([0-9]{1,18})", stem)
    iteration = re.search(r"(?:iter|iteration|step)[^0-9]{0,3}([0-9]{1,18})", stem)
    numbers = [digits for digits in re.findall(r"[0-9]+(?:\.[0-9]+)?", stem) if digits.isdigit()]  # no "loss0.25"
    number = int(numbers[-1][:18]) if numbers else None
    if epoch or iteration or number is None:
        return int(epoch[1]) if epoch else None, int(iteration[1]) if iteration else None, number
    if "epoch" in stem:
        return number, None, None
    if "iter" in stem or "step" in stem:
        return None, number, None
    return None, None, number


def _column_of(numbers: Sequence[int], names: Sequence[str], log: Log | None) -> str:
    """Return the counter that bare numbers in file names mean: "epoch" or "iteration"."""
    columns = [] if log is None else [column for column in ("epoch", "iteration") if column in log.table]
    holding = [column for column in columns if log is not None and set(numbers) <= set(log.table[column].tolist())]
    if numbers and len(holding) == 1:
        return holding[0]
    return "epoch" if all(name.startswith("trainer") for name in names) else "iteration"
