"""Which metric of a log is shown where none was chosen: one table, from what tells most to what tells nothing."""

from __future__ import annotations

import re

import numpy as np

from nnanim.frames.units import is_accuracy
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import words_of

DEFAULT_METRIC = "main/accuracy"  # the article's
# What says on which data or how often a metric was taken, and not what it is.
STAGES = frozenset(
    re.findall(
        "[a-z]+",
        "train training tr main metrics metric val valid validation eval evaluation test dev held out epoch step"
        " avg mean average running smoothed smooth total overall performance history value",
    )
)
# The first row that fits a metric's words without `STAGES` is its rank.
CHOICE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("loss", re.compile(r"loss(?:es)?")),
    (
        "score",
        re.compile(r".*\b(?:f1|f|auc|auroc|roc|ap|map|map[0-9]+|iou|miou|dice|bleu|rouge|psnr|ssim|r2|score)\b.*"),
    ),
    ("reward", re.compile(r".*\b(?:reward|return|rewards|rew)\b.*")),
    ("part of a loss", re.compile(r".*\bloss\b.*|.*loss|nll|elbo|kl|ce|bce|cross entropy|objective|cost")),
    ("error", re.compile(r".*\b(?:error|err|mse|rmse|mae|mape|perplexity|ppl|wer|cer|fid|distance)\b.*")),
)
OTHER = "other"
# Never shown unless they are asked for.
NEVER = re.compile(
    r".*\b(?:time|times|timestamp|runtime|duration|elapsed|seconds|sec|secs|ms|eta|date|lr|learning|rate|pg[0-9]+"
    r"|lr[0-9]*|momentum|decay|wd|beta[0-9]*|batch|batches|grad|gradient|gradnorm|norm|memory|mem|gpu|cpu|ram|vram"
    r"|cuda|params|parameters|param|flops|flos|seed|index|idx|id|rank|world|samples|examples|tokens|throughput|speed"
    r"|fps|persec|per second|ips|temperature|scale|size|workers|iteration|iterations|steps|epochs|timesteps|version"
    r"|patience|fold|unnamed|count|num|n|gb|mb|kb|alpha|dropout)\b.*"
)
_HELD_OUT = re.compile(r"val(?!u)|eval|test|dev(?!i)|held")  # not the value of a critic, not a device


def default_metric(log: Log) -> str | None:
    """Return the metric that is shown where none was chosen, or None where there is none worth it.

    Accuracies come first, then losses, scores, and what else the log has; within a rank the training's before held-out
    data's, the epoch's before the step's, and else the order of the log. A metric with a single value comes last.
    """
    ranked = []
    for place, metric in enumerate(log.metrics):
        values = int(np.isfinite(log.columns[metric]).sum())
        rank = rank_of(metric)
        if rank is not None:
            scarcity = 2 - min(values, 2) if len(log) > 1 else 0
            ranked.append((scarcity, rank, _within(metric), place, metric))
    if DEFAULT_METRIC in [each[-1] for each in ranked if not each[0]]:
        return DEFAULT_METRIC
    return min(ranked)[-1] if ranked else None


def is_held_out(metric: str) -> bool:
    """Tell whether a metric was measured on held-out data, by its name."""
    return any(_HELD_OUT.match(word) for word in words_of(metric))


def rank_of(metric: str) -> int | None:
    """Return the place of a metric in the order of choice, 0 for accuracies; None for what is never chosen."""
    if is_accuracy(metric):
        return 0
    words = words_of(metric)
    text = " ".join(word for word in words if word not in STAGES)
    for rank, (_, pattern) in enumerate(CHOICE, 1):
        if pattern.fullmatch(text) and not ({"scale", "time", "weight", "lr"} & set(words)):
            return rank
    return None if NEVER.fullmatch(" ".join(words)) else len(CHOICE) + 1


def _within(metric: str) -> int:
    """Return what comes first in a rank: for accuracies and losses the plain one, of the epoch, of the best guess."""
    words = words_of(metric)
    later = 1 if is_held_out(metric) else 0
    later += 2 * ("step" in words)
    later += 4 * any(re.fullmatch(r"(?:acc|top|prec)?(?:3|5|10)", word) for word in words)
    return later + 8 * bool({"min", "max", "best", "std"} & set(words))
