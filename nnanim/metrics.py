"""Metrics of the log as curves: which one is shown, over what, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnanim.errors import MetricError
from nnanim.run import Log, Run

DEFAULT_METRIC = "main/accuracy"


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric over the run.

    Attributes:
        metric: its name in the log.
        x: (R,) epochs (or iterations) of the rows that have the metric, increasing.
        y: (R,) values in the unit that is shown, NaN where the log says NaN or infinity (a gap in the line).
        x_label: ``"epoch"`` or ``"iteration"``.
    """

    metric: str
    x: np.ndarray
    y: np.ndarray
    x_label: str

    @property
    def label(self) -> str:
        """Name of the metric with its unit."""
        return f"{self.metric} (%)" if is_share(self.metric) else self.metric


def is_share(metric: str) -> bool:
    """Tell whether a metric is a share of 1 that is shown in per cent, by its name."""
    return metric.rsplit("/", 1)[-1].endswith(("accuracy", "acc"))


def shown(metric: str, value: float) -> float:
    """Turn a value of the log into the unit that is shown."""
    return 100.0 * value if is_share(metric) else value


def value_text(metric: str, value: float) -> str:
    """Write a value of the log with its metric's name, e.g. ``main/accuracy 95.3 %``; ``–`` where it is not finite."""
    if not np.isfinite(value):
        return f"{metric} –"
    return f"{metric} {100 * value:.1f} %" if is_share(metric) else f"{metric} {value:.4g}"


def pick_metric(log: Log | None, wanted: str | None) -> str | None:
    """Choose the metric to show.

    Args:
        log: the run's log, or None.
        wanted: a name in the log, or None for ``main/accuracy`` or else another accuracy or else the first metric.

    Returns:
        Its name, or None where the log holds no metric and none was wanted.

    Raises:
        MetricError: the log has no such metric.
    """
    names = () if log is None else log.metrics
    if wanted is not None:
        if wanted not in names:
            there = ", ".join(map(repr, names)) if names else "none"
            where = "there is no log" if log is None else f"in '{log.path}'"
            raise MetricError(f"no metric {wanted!r} {where} (metrics there: {there})")
        return wanted
    if DEFAULT_METRIC in names:
        return DEFAULT_METRIC
    return next((name for name in names if is_share(name)), names[0] if names else None)


def curve_of(log: Log, metric: str) -> Curve:
    """Take a metric's curve from the log, over epochs where the log has them and else over iterations."""
    x_label = "epoch" if "epoch" in log.table else "iteration"
    has = log.present[metric].to_numpy()
    x = log.table[x_label].to_numpy(dtype=float)[has]
    y = log.table[metric].to_numpy(dtype=float)[has]
    order = np.argsort(x, kind="stable")
    return Curve(metric, x[order], np.array([shown(metric, value) for value in y[order]]), x_label)


def point_at(run: Run, snapshot: int, metric: str) -> tuple[float, float]:
    """Return the log's epoch (or iteration) and value for a snapshot; NaN where the log has none."""
    row = run.rows[snapshot]
    if run.log is None or row is None:
        return float("nan"), float("nan")
    x_label = "epoch" if "epoch" in run.log.table else "iteration"
    return float(run.log.table[x_label].iloc[row]), float(run.log.table[metric].iloc[row])
