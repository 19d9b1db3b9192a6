"""Which of a folder's files is the log of the training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nnanim.errors import LogError, NnanimError
from nnanim.reading.listing import name_in, some
from nnanim.reading.logs.detect import read, read_if_log
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import TRAINER_STATE, words_of

LOG_NAME = "log"
_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".log", ".dat")
# Names that promise a log; a file of such a name that is not used is told.
_PROMISE = re.compile(
    r"(?:.*[^a-z])?(?:log|logs|metrics?|history|progress|training|results?)(?:[^a-z].*)?\.(?:csv|tsv|jsonl?|ndjson|txt|log|dat)",
    re.IGNORECASE,
)
# Names of tables that a training reads or writes beside its log.
_OTHER_TABLE = frozenset(
    re.findall(
        "[a-z]+",
        "prediction predictions preds pred output outputs sample samples data dataset label labels feature features"
        " confusion embedding embeddings submission config configs args params hparams predicted scores",
    )
)
FOLDER = re.compile(r"(?:csv_?)?logs?|history|histories", re.IGNORECASE)  # whose files may be logs


def may_be_log(name: str, head: bytes) -> bool:
    """Tell whether it is worth the while to ask the log formats: a folder may hold a hundred thousand other files."""
    if name == LOG_NAME or name.lower().endswith(_SUFFIXES):
        return True
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"[", b"{")):
        return True
    first_line = start.split(b"\n", 1)[0].lower()
    if b"," not in first_line and b";" not in first_line and b"\t" not in first_line:
        return False
    return any(word in first_line for word in (b"ep", b"it", b"step"))


def choose_log(
    folder: Path, files: Sequence[Path], events: Sequence[Path], tracked: Sequence[Path], notes: list[str]
) -> Log | None:
    """Choose the log: one named ``log``, else the longest of the others, else MLflow's, TensorBoard's or W&B's.

    Args:
        folder: the result folder.
        files: that may be logs.
        events: TensorBoard's event files, and those of Weights & Biases.
        tracked: files in folders named ``metrics``.
        notes: what a user should be told is added; a file that looks like a log and is not used is named there.

    Raises:
        LogError: the file named ``log`` cannot be read.
    """
    named = folder / LOG_NAME
    if named in files:
        return read(named)
    logs = []
    unread = []
    for file in files:
        if file.name == TRAINER_STATE:
            continue
        try:
            log = read_if_log(file)
            if log is None and _PROMISE.fullmatch(file.name) and file not in tracked:
                read(file)  # says why it is none
        except LogError as error:
            unread.append((file, str(error)))
            continue
        logs += [log] if log is not None else []
    logs += _log_of_checkpoints([file for file in files if file.name == TRAINER_STATE])
    notes += [f"not used as a log: {reason}" for _, reason in unread[:5]]
    if logs:
        longest = max(logs, key=lambda log: (bool(log.metrics), *_likeliness(folder, log.path), len(log)))
        if len(logs) > 1:
            rest = [name_in(folder, log.path) for log in logs if log is not longest]
            which = "the longest" if len(longest) == max(map(len, logs)) else "the likeliest by its name and place"
            notes.append(f"of several logs {which} is used: {str(longest.path)!r} (others: {some(rest)})")
        return longest
    return _of_mlflow(folder, tracked, notes) or _of_tensorboard(events, notes) or _of_wandb(folder, events, notes)


def _likeliness(folder: Path, path: Path) -> tuple[bool, bool]:
    """Return what the place and the name of a log tell before its length does, more of a log coming last."""
    is_other = not _OTHER_TABLE.isdisjoint(words_of(path.stem))
    is_apart = path.parent != folder and FOLDER.fullmatch(path.parent.name) is not None
    return not is_other, not is_apart


def _log_of_checkpoints(states: Sequence[Path]) -> list[Log]:
    """Return Transformers' longest log: one lies in each checkpoint, and the newest holds what the others hold."""
    if not states:
        return []
    from nnanim.reading.logs import trainer_state

    logs = []
    for path in states:
        with suppress(NnanimError):
            logs.append(trainer_state.read(path))
    return [max(logs, key=len)] if logs else []


def _of_mlflow(folder: Path, tracked: Sequence[Path], notes: list[str]) -> Log | None:
    """Return the longest log of those that MLflow keeps in the folder, one for each run."""
    if not tracked:
        return None
    from nnanim.reading.logs import mlflow

    runs: dict[Path, list[Path]] = {}
    for path in tracked:
        if mlflow.sniff(path):
            runs.setdefault(mlflow.run_of(path), []).append(path)
    logs = []
    for paths in runs.values():
        try:
            logs.append(mlflow.read_all(paths))
        except LogError as error:
            notes.append(f"not used as a log: {error}")
    return _longest("MLflow", {mlflow.run_of(log.path): log for log in logs}, folder, notes)


def _of_tensorboard(events: Sequence[Path], notes: list[str]) -> Log | None:
    from nnanim.reading.logs import tensorboard

    events = [file for file in events if tensorboard.sniff(file)]
    if not events:
        return None
    try:
        return tensorboard.read_all(events)
    except LogError as error:
        notes.append(f"no log is taken from TensorBoard: {error}")
        return None


def _of_wandb(folder: Path, events: Sequence[Path], notes: list[str]) -> Log | None:
    """Return the longest log of those that Weights & Biases keeps in the folder, one for each run."""
    from nnanim.reading.logs import wandb

    logs = []
    for path in events:
        if wandb.sniff(path):
            try:
                logs.append(wandb.read(path))
            except LogError as error:
                notes.append(f"not used as a log: {error}")
    return _longest("Weights & Biases", {log.path: log for log in logs}, folder, notes)


def _longest(tracker: str, logs: Mapping[Path, Log], folder: Path, notes: list[str]) -> Log | None:
    """Return the longest of a tracker's logs, by where each run lies, and tell of the others."""
    if not logs:
        return None
    longest = max(logs, key=lambda place: len(logs[place]))
    if len(logs) > 1:
        rest = [name_in(folder, place) for place in logs if place != longest]
        notes.append(f"of several runs of {tracker} the longest is used (others: {some(rest)})")
    return logs[longest]
