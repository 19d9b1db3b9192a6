"""Metrics of the log as curves: which are shown, over what, in which unit, and on which axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.errors import MetricError, OptionError
from nnanim.frames.metric_choice import default_metric, is_held_out
from nnanim.frames.units import PLAIN, Unit, unit_of
from nnanim.reading.logs.log import Log

AXES = 2  # left and right
SHARE_LABEL = "share of the run"
_STAGES = ("train", "main", "val", "eval", "test", "dev", "held")


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric over the run.

    Attributes:
        metric: its name in the log.
        x: (R,) epochs (or iterations) of the rows that have the metric, increasing.
        y: (R,) values in the unit that is shown, NaN where the log says NaN or infinity (a gap in the line).
        x_label: ``"epoch"``, ``"iteration"`` or `SHARE_LABEL`.
        axis: 0 for the left axis, 1 for the right one.
        held_out: whether it was measured on data that was held out of the training.
        unit: the unit of y.
    """

    metric: str
    x: np.ndarray
    y: np.ndarray
    x_label: str
    axis: int
    held_out: bool
    unit: Unit = PLAIN

    def value_at(self, x: float) -> float:
        """Return the shown value at x, between two rows on the straight line between them; NaN outside or in a gap."""
        exact = np.flatnonzero(self.x == x)
        if len(exact):
            return float(self.y[exact[-1]])
        return float(np.interp(x, self.x, self.y, left=np.nan, right=np.nan)) if len(self.x) else float("nan")

    def until(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the part of the curve that ends at x, (n,) and (n,), with the value there as its last point."""
        before = self.x <= x
        return np.append(self.x[before], x), np.append(self.y[before], self.value_at(x))


def unit_sign(curves: Sequence[Curve], side: int) -> str:
    """Return the sign of the unit that all curves of an axis share, ``"%"`` or nothing."""
    signs = {curve.unit.sign for curve in curves if curve.axis == side}
    return signs.pop() if len(signs) == 1 else ""


def display_names(metrics: Sequence[str]) -> list[str]:
    """Return names as they are shown: ``val accuracy`` for ``validation/main/accuracy``, unless two would agree."""
    words = {"": "", "main": "", "validation": "val"}
    short = [
        " ".join(filter(None, (words.get(part, part) for part in metric.split("/")))) or metric for metric in metrics
    ]
    return short if len(set(short)) == len(short) else list(metrics)


def quantity(metric: str) -> str:
    """Return what is measured, whatever the data: ``accuracy`` for ``validation/main/accuracy``, ``val_accuracy``."""
    parts = metric.split("/")
    last = next((part for part in reversed(parts) if not part.lower().startswith(_STAGES)), parts[-1])
    words = [word for word in last.split("_") if not word.lower().startswith(_STAGES)]
    return "_".join(words) or last


def pick_metrics(log: Log | None, wanted: Sequence[str]) -> tuple[str, ...]:
    """Choose the metrics to show.

    Args:
        log: the run's log, or None.
        wanted: names in the log, where ``train.loss`` is ``train/loss`` too; none for what
            `nnanim.frames.metric_choice` has first.

    Returns:
        Their names, each once; none where the log holds no metric and none was wanted.

    Raises:
        MetricError: the log has no such metric.
        OptionError: they measure more than two quantities, more than there are axes.
    """
    names = () if log is None else log.metrics
    wanted = [_with_slashes(name, names) for name in wanted]
    for name in wanted:
        if name not in names:
            there = ", ".join(map(repr, names)) if names else "none"
            if log is None:
                raise MetricError(f"no metric {name!r}: there is no log")
            raise MetricError(f"no metric {name!r} in {str(log.path)!r} (metrics there: {there})")
    if wanted:
        quantities = list(dict.fromkeys(map(quantity, wanted)))
        if len(quantities) > AXES:
            raise OptionError(f"metrics of {len(quantities)} quantities ({', '.join(quantities)}): at most {AXES} fit")
        return tuple(dict.fromkeys(wanted))
    found = None if log is None else default_metric(log)
    return () if found is None else (found,)


def curves_of(log: Log | None, metrics: Sequence[str], over: str | None = None) -> tuple[Curve, ...]:
    """Take the curves of metrics from the log, over a column or else epochs where it has them and else iterations."""
    if log is None:
        return ()
    x_label = over or axis_of(log)
    quantities = list(dict.fromkeys(map(quantity, metrics)))
    curves = []
    for metric in metrics:
        has = log.stated[metric]
        x = log.columns[x_label][has].astype(float)
        unit = unit_of(log, metric)
        y = log.columns[metric][has] * unit.factor
        order = np.argsort(x, kind="stable")
        axis = quantities.index(quantity(metric))
        curves.append(Curve(metric, x[order], y[order], x_label, axis, is_held_out(metric), unit))
    return tuple(curves)


def last_values(log: Log | None, row: int | None, wanted: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return the shown metrics, each with the text of its value at a snapshot, such as the last.

    Args:
        log: the run's log, or None.
        row: of the log that belongs to the snapshot, or None.
        wanted: metrics that were chosen; none for the default.

    Raises:
        MetricError: the log has no such metric.
        OptionError: there are more quantities than axes.
    """
    x = row_x(log, row)
    return tuple(
        (curve.metric, curve.unit.text(curve.value_at(x) / curve.unit.factor))
        for curve in curves_of(log, pick_metrics(log, wanted))
    )


def unit_notes(log: Log | None, metrics: Sequence[str]) -> list[str]:
    """Return what a user should be told of the units of metrics."""
    return [] if log is None else [note for metric in metrics if (note := unit_of(log, metric).note)]


def _with_slashes(name: str, names: Sequence[str]) -> str:
    return name if name in names or name.replace(".", "/") not in names else name.replace(".", "/")


def axis_of(log: Log) -> str:
    """Return the column that curves are drawn over."""
    has_epochs = "epoch" in log.columns and bool(np.isfinite(log.columns["epoch"]).any())
    return "epoch" if has_epochs else "iteration"


def row_x(log: Log | None, row: int | None, over: str | None = None) -> float:
    """Return where a row of the log lies on the curves' axis; NaN without a row."""
    if log is None or row is None:
        return float("nan")
    return float(log.columns[over or axis_of(log)][row])
