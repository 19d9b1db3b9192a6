"""Limits and ticks of an axis of the curve, for pictures and the player alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.ticker import MaxNLocator, ScalarFormatter

MARGIN = 0.05  # of the range of the values, on both sides
STEPS: list[float] = [1, 2, 2.5, 5, 10]
# Nothing is left to the style that a caller may have set.
STYLE: dict[Any, Any] = {
    name: value for name, value in rcParamsDefault.items() if name.startswith(("axes.formatter.", "text.usetex"))
}


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        low: value at its beginning.
        high: value at its end.
        ticks: values with a tick.
        labels: their texts.
        factor: what all labels are to be multiplied with or added to, such as ``1e−5``; mostly empty.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    factor: str

    @classmethod
    def of(cls, values: Sequence[np.ndarray], bins: int, *, integer: bool = False) -> Axis:
        """Choose limits and ticks.

        Args:
            values: all that is to be seen, any number of (n,); what is not finite does not count.
            bins: how many steps between ticks there are at most.
            integer: whether ticks are whole numbers only.
        """
        flat = np.concatenate(values)
        flat = flat[np.isfinite(flat)]
        low, high = (float(flat.min()), float(flat.max())) if len(flat) else (0.0, 1.0)
        if low == high and integer:
            low, high = low - 1, high + 1
        locator = MaxNLocator(nbins=bins, steps=STEPS, integer=integer)
        low, high = locator.nonsingular(low, high)
        margin = MARGIN * (high - low)
        low, high = float(low - margin), float(high + margin)
        ticks = [float(place) for place in locator.tick_values(low, high) if low <= place <= high]
        with rc_context(STYLE):
            formatter = ScalarFormatter()
        formatter.create_dummy_axis()
        assert formatter.axis is not None
        formatter.axis.set_view_interval(low, high)
        labels = formatter.format_ticks(ticks)
        return cls(low, high, tuple(ticks), tuple(map(_minus, labels)), _minus(formatter.get_offset()))

    def with_unit(self, sign: str) -> Axis:
        """Return the same axis with a unit behind each label: ``90 %``."""
        return replace(self, labels=tuple(f"{label} {sign}" for label in self.labels)) if sign else self

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie, 0 at the beginning of the axis and 1 at its end."""
        return np.asarray((values - self.low) / (self.high - self.low))


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
