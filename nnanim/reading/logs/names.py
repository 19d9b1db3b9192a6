"""What names say: of files, that they are logs of a kind, and of columns, which count and which are metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable

EVENTS_MARK = ".tfevents."  # in the names of TensorBoard's files
WANDB_SUFFIX = ".wandb"  # of Weights & Biases' files
TRAINER_STATE = "trainer_state.json"  # what Transformers leaves in each checkpoint

# Keras, Lightning, Transformers, Ultralytics: epoch. W&B: _step, _runtime, _timestamp. TensorBoard's CSV: Wall time,
# Step. Stable-Baselines3: time/total_timesteps. Ray Tune: training_iteration, time_total_s. fairseq: num_updates.
_NAMES = {
    "epoch": (
        "epoch",
        "epochs",
        "ep",
        "epoch_num",
        "num_epoch",
        "n_epoch",
        "epoch_idx",
        "current_epoch",
        "round",
        "episode",
        "episodes",
        "generation",
    ),
    "iteration": (
        "iteration",
        "iterations",
        "iter",
        "it",
        "global_step",
        "step",
        "steps",
        "_step",
        "num_updates",
        "total_timesteps",
        "timesteps_total",
        "timesteps",
        "training_iteration",
        "train_step",
        "total_steps",
        "num_steps",
        "n_iter",
        "update",
    ),
    "elapsed_time": (
        "elapsed_time",
        "elapsed",
        "time",
        "wall_time",
        "walltime",
        "_runtime",
        "_timestamp",
        "timestamp",
        "total_time",
        "time_elapsed",
        "time_total_s",
    ),
}
_METRIC = re.compile(r"loss|acc(?:uracy)?[0-9]*|top[0-9]|error|mse|rmse|mae|auc|f1|iou|reward|perplexity|ppl")
_INDEX = re.compile(r"(?:unnamed: ?[0-9]+|index|)", re.IGNORECASE)

# A column of words that says of which kind a row is: its stage, or which metric it holds.
KIND = re.compile(r"phase|mode|split|stage|subset|set|partition|dataset|loop|run_?type|job_type", re.IGNORECASE)
METRIC = re.compile(r"metrics?|metric_?name|name|tag|key|variable", re.IGNORECASE)


def counters_in(columns: Iterable[str]) -> dict[str, str]:
    """Return which columns hold epoch, iteration and elapsed time, by the names that they usually have."""
    plain = {_plain(column): column for column in reversed(list(columns))}
    found = {}
    for counter, names in _NAMES.items():
        name = next((name for name in names if name in plain), None)
        if name is not None:
            found[counter] = plain[name]
    return found


def is_log_header(columns: Iterable[str]) -> bool:
    """Tell whether columns are those of a log: an epoch or an iteration, and something beside it."""
    names = list(columns)
    found = counters_in(names)
    return ("epoch" in found or "iteration" in found) and len(names) > len(found)


def has_metric(columns: Iterable[str]) -> bool:
    """Tell whether one of the columns is a metric of a training for certain, such as ``val_loss``."""
    return any(_METRIC.fullmatch(word) for column in columns for word in words_of(column))


def is_index(column: str) -> bool:
    """Tell whether a column is the index of rows that pandas writes, by its name."""
    return _INDEX.fullmatch(column) is not None


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: ``val``, ``acc`` and ``1`` of ``valAcc@1``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", name[:1000])
    return re.findall(r"[^\W_]+|%", spaced.lower())


def _plain(column: str) -> str:
    last = column.strip().lower().rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    return re.sub(r"[\s-]+", "_", re.sub(r"\s*[\[(](?:s|sec|seconds)[\])]$", "", last))
