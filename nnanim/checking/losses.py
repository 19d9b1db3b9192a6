"""What the training loss in the log proves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnanim.checking.findings import Finding, rounded
from nnanim.checking.rules import LOSS_DECREASE, LOSS_ROWS, LOSS_SCALE, LOST_SHARE
from nnanim.frames.curves import quantity
from nnanim.frames.metric_choice import is_held_out
from nnanim.reading.logs.log import Log

_LOSSES = frozenset({"loss", "losses", "nll", "nll_loss", "total_loss", "avg_loss", "mean_loss", "batch_loss"})
_ADVERSARIES = re.compile(
    r"(?:^|[/_.-])(?:g|d|gen|dis|disc|generator|discriminator|critic|actor|policy|adv)(?:[/_.-]|$)"
)


def training_loss(log: Log) -> str | None:
    """Return the metric that is the loss on the data that was trained on, or None."""
    for metric in log.metrics:
        name = metric.lower()
        is_loss = quantity(metric).lower() in _LOSSES
        if is_loss and not is_held_out(metric) and _ADVERSARIES.search(name) is None:
            return metric
    return None


def loss_findings(log: Log | None) -> Iterator[Finding]:
    """Say what is wrong with the training loss: not finite, never better, much worse at the end."""
    metric = None if log is None else training_loss(log)
    if log is None or metric is None:
        return
    stated = log.stated[metric]
    values = log.columns[metric][stated]
    epochs = log.columns["epoch"][stated].astype(float) if "epoch" in log.columns else np.full(len(values), np.nan)
    finite = np.isfinite(values)
    if len(values) and not finite[-1] and finite.any():
        place = int(np.flatnonzero(finite)[-1]) + 1
        count = len(values) - place
        last = "row" if count == 1 else f"{count} rows"
        says = f"{metric} is no finite number in the last {last}{_words(epochs[place])}"
        yield Finding("not_finite", None, None, _epoch(epochs[place]), float(count), 0.0, says)
        return
    values, epochs = values[finite], epochs[finite]
    if len(values) >= LOSS_ROWS:
        yield from _not_learning(metric, values, epochs)
        yield from _diverging(metric, values, epochs)


def running_median(values: np.ndarray) -> np.ndarray:
    """Return the median of each value and its neighbours, three in short series and a tenth of the rows in long ones.

    The ends have fewer neighbours; the first value stays as it is.
    """
    half = max(1, len(values) // 20)
    smooth = [float(np.median(values[max(0, at - half) : at + half + 1])) for at in range(len(values))]
    smooth[0] = float(values[0])
    return np.array(smooth)


def _not_learning(metric: str, values: np.ndarray, epochs: np.ndarray) -> Iterator[Finding]:
    first = float(values[0])
    gain = first - float(running_median(values)[1:].min())
    noise = float(np.median(np.abs(np.diff(values) - np.median(np.diff(values)))))
    limit = max(LOSS_DECREASE * abs(first), min(2 * noise, LOSS_SCALE * abs(first)))
    if gain <= limit:
        value = gain / abs(first) if first else 0.0
        says = f"{metric} never improved on its beginning of {first:.4g}: its best is {first - gain:.4g}"
        yield Finding("not_learning", None, None, _epoch(epochs[0]), rounded(value), LOSS_DECREASE, says)


def _diverging(metric: str, values: np.ndarray, epochs: np.ndarray) -> Iterator[Finding]:
    smooth = running_median(values)
    half = max(1, len(values) // 20)
    end = float(np.median(values[-2 * half - 1 :]))
    lowest, first = float(smooth.min()), float(values[0])
    scale = max(first - lowest, LOSS_SCALE * abs(first))
    value = (end - lowest) / scale if scale > 0 else 0.0
    if value < LOST_SHARE:
        return
    best = int(smooth.argmin())
    far = np.flatnonzero(smooth[best:] < lowest + LOST_SHARE * scale)[-1] + best + 1
    place = min(int(far), len(values) - 1)
    says = f"{metric} ends at {end:.4g}, far above its best of {lowest:.4g}{_words(epochs[place])}"
    yield Finding("diverging", None, None, _epoch(epochs[place]), rounded(value), LOST_SHARE, says)


def _epoch(epoch: float) -> float | None:
    return float(epoch) if np.isfinite(epoch) else None


def _words(epoch: float) -> str:
    return f", from epoch {epoch:g} on" if np.isfinite(epoch) else ""
