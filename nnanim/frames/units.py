"""The unit in which a metric is shown: per cent for accuracies, as the whole column tells, and else a plain number."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from nnanim.reading.logs.log import Log
from nnanim.reading.logs.names import words_of
from nnanim.words import counted

ABOVE_ONE = 1.05  # a share that is so little above 1 is noise, such as of a moving mean
ABOVE_HUNDRED = 100.5
# Accuracies as they are called by Keras (sparse_categorical_accuracy), Lightning (acc_epoch), timm (top1, top5) and
# PyTorch's ImageNet example (Acc@1, prec1).
_ACCURACY = re.compile(r"acc(?:uracy|uracies)?[0-9]*|top[0-9]+|prec[0-9]+")
_NOT_ACCURACY = frozenset(("loss", "error", "err", "std", "var", "time", "lr", "grad", "count", "correct", "n"))
_PER_CENT = frozenset(("%", "pct", "percent", "perc", "percentage"))


@dataclass(frozen=True)
class Unit:
    """How values of the log are shown.

    Attributes:
        factor: what a value of the log is multiplied with.
        sign: ``"%"`` or nothing.
        note: what a user should be told of the choice, or an empty string.
    """

    factor: float = 1.0
    sign: str = ""
    note: str = ""

    def text(self, value: float) -> str:
        """Write a value of the log, ``95.3 %`` or ``0.1234``; ``–`` where it is not finite."""
        if not np.isfinite(value):
            return "–"
        return f"{self.factor * value:.1f} %" if self.sign else f"{value:.4g}"


PLAIN = Unit()


def is_accuracy(metric: str) -> bool:
    """Tell whether a metric is an accuracy, a share of what was right, by its name."""
    words = words_of(metric)
    return any(map(_ACCURACY.fullmatch, words)) and not _NOT_ACCURACY & set(words)


def unit_of(log: Log, metric: str) -> Unit:
    """Choose the unit of a metric by its name and all its values.

    An accuracy within 0 … 1 is a share, shown in per cent; one within 0 … 100 is in per cent already.
    """
    if metric in log.percent:
        return Unit(100.0, "%")
    values = log.columns[metric].astype(float)
    values = values[np.isfinite(values)]
    if not is_accuracy(metric) or not len(values):
        return PLAIN
    low, high = float(values.min()), float(values.max())
    if low < ABOVE_ONE - 1.1 or high > ABOVE_HUNDRED:
        return Unit(note=f"{metric!r} is from {low:g} to {high:g}: it is no share and is shown as it is")
    if _PER_CENT & set(words_of(metric)) or "%" in metric:
        return Unit(1.0, "%")
    if high <= ABOVE_ONE:
        return Unit(100.0, "%")
    small = int((values <= 1).sum())
    if 2 * small > len(values) or (small and _jumps(values)):
        return Unit(
            note=f"{metric!r} holds {counted(small, 'value')} up to 1 and others up to {high:g}: it is shown as it is"
        )
    note = f"{metric!r} holds {counted(small, 'value')} up to 1 and others up to {high:g}: all are taken for per cent"
    return Unit(1.0, "%", note if small else "")


def _jumps(values: np.ndarray) -> bool:
    """Tell whether neighbours differ by about the factor 100: a unit that changed."""
    first, second = values[:-1], values[1:]
    low, high = np.minimum(first, second), np.maximum(first, second)
    return bool(((low > 0.2) & (low <= 1) & (high > 80 * low) & (high < 130 * low)).any())
