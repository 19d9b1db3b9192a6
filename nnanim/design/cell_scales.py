"""From the numbers of cells to colours: one scale for all matrices of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.design.coloring import COLORINGS
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.design.theme import Ramp, Theme
from nnanim.frames.cells import CellHistory
from nnanim.frames.history import History, Series
from nnanim.options import Options

STEPS = 48  # colours between zero and each end of the ramp: all of them fit a GIF's palette
INK_STEPS = 32


@dataclass(frozen=True, eq=False)
class CellScales:
    """The scales of a picture of cells.

    Attributes:
        magnitudes: |value| to a share of the ink.
        colors: what is coloured, to intensity.
    """

    magnitudes: WidthScale
    colors: IntensityScale

    @classmethod
    def of_runs(cls, histories: Sequence[History], options: Options) -> CellScales:
        """Make one set of scales for all runs."""
        runs: list[CellHistory] = [history.shown for history in histories]
        return cls._of([run.cells for run in runs], options)

    @classmethod
    def of_cells(cls, runs: Sequence[Series], options: Options) -> CellScales | None:
        """Make one set of scales for cells of all runs, or None where there are none."""
        return cls._of(runs, options) if runs else None

    @classmethod
    def _of(cls, runs: Sequence[Series], options: Options) -> CellScales:
        values = np.concatenate([run.values.ravel() for run in runs])[None]
        changes = np.concatenate([run.changes.ravel() for run in runs])[None]
        magnitudes = WidthScale.of_run(values)
        return cls(magnitudes, COLORINGS[options.color].scale(magnitudes, changes))

    def of_colors(self, numbers: np.ndarray, theme: Theme, ramp: Ramp) -> np.ndarray:
        """Return the colours of numbers, (…, 3) uint8; that of the background for NaN."""
        known = np.isfinite(numbers)
        steps = np.rint(STEPS * self.colors(np.where(known, numbers, 0.0))).astype(int) + STEPS
        colors: np.ndarray = cell_ramp(theme, ramp)[steps]
        colors[~known] = theme.background
        return colors

    def of_ink(self, values: np.ndarray, theme: Theme) -> np.ndarray:
        """Return the shades of |values| in neutral ink, (…, 3) uint8; the background for NaN."""
        known = np.isfinite(values)
        steps = np.rint(INK_STEPS * self.magnitudes(np.where(known, values, 0.0))).astype(int)
        colors: np.ndarray = ink_ramp(theme)[steps]
        colors[~known] = theme.background
        return colors


def cell_ramp(theme: Theme, ramp: Ramp) -> np.ndarray:
    """Return the colours of cells from -1 over zero to 1, (2 * STEPS + 1, 3) uint8."""
    return theme.edge_colors(np.linspace(-1, 1, 2 * STEPS + 1), ramp)


def ink_ramp(theme: Theme) -> np.ndarray:
    """Return the shades from a weight of zero to the largest, (INK_STEPS + 1, 3) uint8."""
    return theme.edge_colors(np.linspace(0, 1, INK_STEPS + 1), (theme.unmoved, theme.unmoved, theme.ink))


def palette(theme: Theme, ramp: Ramp) -> np.ndarray:
    """Return every colour that a cell can have, (C, 3) uint8."""
    return np.concatenate([cell_ramp(theme, ramp), ink_ramp(theme)])
