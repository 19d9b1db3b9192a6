"""From a tensor's numbers to looks: how far it has moved to a colour and a length, how its norm grew to a thickness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.design.hill_scale import HillScale
from nnanim.design.scales import CHANGE_QUANTILE, IntensityScale
from nnanim.design.theme import Theme
from nnanim.frames.history import History
from nnanim.frames.rows import RowHistory
from nnanim.options import Options

LOW_QUANTILE = 0.02  # of the changes that are not zero; one tensor that hardly moves does not flatten all others
MOST_DECADES = 4.0
LEAST_DECADES = 0.3  # where all have moved alike they look alike
RAMP_COLORS = 24  # between the unchanged and the one that moved most


@dataclass(frozen=True)
class LogScale:
    """Map relative changes to a share, 0 … 1, logarithmically; zero and what lies below the floor to 0.

    Attributes:
        low: at the floor, > 0.
        high: at the top, > low.
    """

    low: float
    high: float

    @classmethod
    def of(cls, changes: np.ndarray) -> LogScale:
        """Make the scale for all relative changes of a picture, NaN for none."""
        moved = changes[np.isfinite(changes) & (changes > 0)]
        if moved.size == 0:
            return cls(0.01, 1.0)
        high = float(moved.max())
        low = max(float(np.quantile(moved, LOW_QUANTILE)), high / 10**MOST_DECADES)
        return cls(min(low, high / 10**LEAST_DECADES), high)

    def share(self, changes: np.ndarray) -> np.ndarray:
        """Return shares for changes of any shape, 0 for NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.log(np.asarray(changes) / self.low) / np.log(self.high / self.low)
        clipped: np.ndarray = np.clip(np.nan_to_num(shares, nan=0.0, neginf=0.0), 0.0, 1.0)
        return clipped

    def colors(self, changes: np.ndarray, theme: Theme) -> np.ndarray:
        """Return (…, 3) uint8 from the colour of unchanged to that of the farthest; the background for NaN."""
        known = np.isfinite(changes)
        steps = np.rint(self.share(changes) * (RAMP_COLORS - 1)).astype(int)
        colors: np.ndarray = moved_ramp(theme)[steps]
        colors[~known] = theme.background
        return colors


def moved_ramp(theme: Theme) -> np.ndarray:
    """Return the colours from unchanged to the farthest move, (RAMP_COLORS, 3) uint8."""
    shares = np.linspace(0, 1, RAMP_COLORS)[:, None]
    ramp: np.ndarray = np.rint((1 - shares) * np.array(theme.unmoved) + shares * np.array(theme.moved))
    return ramp.astype(np.uint8)


def area_colors(theme: Theme) -> np.ndarray:
    """Return the colours of areas where tensors are shown: of all moves, and of their ground, (C, 3) uint8."""
    return np.concatenate([moved_ramp(theme), np.array([theme.faint], np.uint8)])


@dataclass(frozen=True, eq=False)
class RowScales:
    """From numbers to looks, over all runs that stand in a picture.

    Attributes:
        moved: relative change to a share.
        growth: relative growth of the norm to intensity.
        hills: magnitudes of weights to places and heights; None where they are not shown.
    """

    moved: LogScale
    growth: IntensityScale
    hills: HillScale | None = None

    @classmethod
    def of_runs(cls, histories: Sequence[History], _options: Options) -> RowScales:
        """Make one set of scales for all runs."""
        return cls.of_rows([history.shown for history in histories])

    @classmethod
    def of_rows(cls, runs: Sequence[RowHistory]) -> RowScales:
        """Make one set of scales for the rows of all runs."""
        growth = np.concatenate([run.growth.ravel() for run in runs])
        known = np.abs(growth[np.isfinite(growth)])
        end = float(np.quantile(known, CHANGE_QUANTILE)) if known.size else 0.0
        histograms = [run.histograms for run in runs if run.histograms is not None]
        return cls(
            LogScale.of(np.concatenate([run.relative_changes.ravel() for run in runs])),
            IntensityScale(np.array(end or (float(known.max()) if known.size else 0.0) or 1.0)),
            HillScale.of(histograms) if histograms else None,
        )


def percent(share: float) -> str:
    """Write a share of 1 in two significant digits: ``0.57 %``, ``57 %``, ``570 %``; a dash where it is not known."""
    if not np.isfinite(share):
        return "–"
    text = np.format_float_positional(100 * share, precision=2, fractional=False, trim="-")
    return "0 %" if share == 0 else "< 0.0001 %" if share < 1e-6 else f"{text} %"


def norm_text(norm: float) -> str:
    """Write a norm in two significant digits, a dash where it is not known."""
    if not np.isfinite(norm):
        return "–"
    is_plain = norm == 0 or 1e-3 <= norm < 1e5
    return np.format_float_positional(norm, precision=2, fractional=False, trim="-") if is_plain else f"{norm:.2g}"
