"""From numbers to looks: |weight| to width, change of |weight| or the weight itself to colour intensity.

A scale is made once for the whole run, never for a frame, so a weight that does not change looks the same throughout.
Its domain ends at a high quantile of the run, so that one runaway weight does not flatten all others; beyond it the
look saturates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

WIDTH_QUANTILE = 0.99
CHANGE_QUANTILE = 0.97
DEAD_BAND = 0.03  # share of the domain that counts as unchanged
CHANGE_EXPONENT = 0.7  # below 1: small changes, those of thin edges above all, still show their colour


@dataclass(frozen=True, eq=False)
class WidthScale:
    """Map |weight| to a line width, linearly and increasing.

    Attributes:
        domain: |weight| at which the width saturates, > 0: one for all, () or one for each edge, (E,).
        range_pt: width of a zero weight and of a saturated one, in points.
    """

    domain: np.ndarray
    range_pt: tuple[float, float]

    @classmethod
    def of_run(
        cls, weights: np.ndarray, range_pt: tuple[float, float] = (0.0, 1.0), groups: np.ndarray | None = None
    ) -> WidthScale:
        """Make the scale for all weights of a run.

        Args:
            weights: (S, E), NaN where there is none.
            range_pt: width of a zero weight and of a saturated one, in points.
            groups: (E,) whole numbers from 0; edges of one group share a domain. By default all share one.
        """
        return cls(_domains(np.abs(weights), WIDTH_QUANTILE, groups), range_pt)

    def over(self, range_pt: tuple[float, float]) -> WidthScale:
        """Return the same scale for other widths."""
        return replace(self, range_pt=range_pt)

    def of_share(self, shares: np.ndarray) -> np.ndarray:
        """Return widths in points for shares of the domain, 0 … 1."""
        return replace(self, domain=np.array(1.0))(shares)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return widths in points for weights (…, E)."""
        thinnest, thickest = self.range_pt
        share = np.minimum(np.abs(weights), self.domain) / self.domain
        widths: np.ndarray = thinnest + (thickest - thinnest) * share
        return widths


@dataclass(frozen=True, eq=False)
class IntensityScale:
    """Map a signed number to an intensity of colour, increasing and odd.

    Attributes:
        domain: |number| at which the colour saturates, > 0: () or (E,).
        dead_band: share of the domain, 0 … 1, that stays grey.
        exponent: of the share beyond the dead band.
    """

    domain: np.ndarray
    dead_band: float = DEAD_BAND
    exponent: float = CHANGE_EXPONENT

    @classmethod
    def of_changes(cls, changes: np.ndarray, groups: np.ndarray | None = None) -> IntensityScale:
        """Make the scale for all changes of a run, (S, E); `groups` as in `WidthScale.of_run`."""
        return cls(_domains(np.abs(changes), CHANGE_QUANTILE, groups))

    @classmethod
    def of_weights(cls, widths: WidthScale) -> IntensityScale:
        """Make the scale for the sign of weights, saturated where the width is."""
        return cls(widths.domain)

    def of_share(self, shares: np.ndarray) -> np.ndarray:
        """Return intensities for shares of the domain, -1 … 1."""
        return replace(self, domain=np.array(1.0))(shares)

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Return intensities in -1 … 0 (grey) … 1 for numbers (…, E)."""
        share = np.minimum(np.abs(numbers), self.domain) / self.domain
        beyond = np.maximum(share - self.dead_band, 0.0) / (1.0 - self.dead_band)
        intensities: np.ndarray = np.sign(numbers) * beyond**self.exponent
        return intensities


def _domains(magnitudes: np.ndarray, quantile: float, groups: np.ndarray | None) -> np.ndarray:
    if groups is None:
        return np.array(_high_quantile(magnitudes, quantile))
    ends = np.ones(len(groups))
    for group in np.unique(groups):
        ends[groups == group] = _high_quantile(magnitudes[:, groups == group], quantile)
    return ends


def _high_quantile(values: np.ndarray, quantile: float) -> float:
    """Return the quantile, or the maximum where that is 0, or 1 where all values are 0."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 1.0
    end = float(np.quantile(values, quantile)) or float(values.max())
    # A subnormal end would overflow the division by it.
    return end if end >= np.finfo(np.float32).tiny else 1.0
