"""Which format a log is of. A format is a module with ``sniff`` and ``read``, imported when a file may be of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nnanim.errors import LogError
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import EVENTS_MARK, TRAINER_STATE, WANDB_SUFFIX

HINT = (
    "a log is CSV, JSON lines, a JSON list of rows, Keras's history, a trainer_state.json, MLflow's, TensorBoard's or"
    " W&B's"
)

Read = Callable[[Path], Log]


def read(path: Path) -> Log:
    """Read a log of any format.

    Raises:
        LogError: it cannot be opened, or is of no format that is known.
    """
    found = _format_of(path)
    if found is not None:
        return found(path)
    return _likeliest(path)(path)


def read_if_log(path: Path) -> Log | None:
    """Do as `read`, but return None where a file is of no format that is known.

    Raises:
        LogError: it is of a known format, and cannot be read.
    """
    found = _format_of(path)
    return None if found is None else found(path)


def _format_of(path: Path) -> Read | None:
    """Return what reads a file by its name and its beginning, or None."""
    from nnanim.reading.logs.text import start_of

    if EVENTS_MARK in path.name:
        from nnanim.reading.logs import tensorboard

        return tensorboard.read if tensorboard.sniff(path) else None
    if path.suffix == WANDB_SUFFIX:
        from nnanim.reading.logs import wandb

        return wandb.read if wandb.sniff(path) else None
    if path.name == TRAINER_STATE:
        from nnanim.reading.logs import trainer_state

        if trainer_state.sniff(path):
            return trainer_state.read
    start = start_of(path, 2**14).lstrip()
    if start[:1] == "[":
        from nnanim.reading.logs import chainer

        if chainer.sniff(path):
            return chainer.read
    if start[:1] == "{":
        from nnanim.reading.logs import history

        if history.sniff(path):
            return history.read
    if "\n{" in "\n" + start:
        from nnanim.reading.logs import jsonl

        if jsonl.sniff(path):
            return jsonl.read
    if start[:1] == "{":
        return None
    from nnanim.reading.logs import csv

    return csv.read if csv.sniff(path) else None


def _likeliest(path: Path) -> Read:
    """Return what reads a file that is no log of any format, to say why it is none of the one that it is most like."""
    from nnanim.reading.logs.text import read_bytes, start_of

    read_bytes(path, HINT)
    start = start_of(path, 2**10).lstrip()
    if start[:1] == "[":
        from nnanim.reading.logs import chainer

        return chainer.read
    if start[:1] == "{":
        from nnanim.reading.logs import jsonl

        return jsonl.read
    if any(sign in start.split("\n", 1)[0] for sign in ",;\t"):
        from nnanim.reading.logs import csv

        return csv.read
    raise LogError(f"log {str(path)!r} is of no format that is read ({HINT})")
