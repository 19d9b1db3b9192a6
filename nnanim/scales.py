"""From numbers to looks: |weight| to width, change of |weight| to colour intensity.

A scale is made once for the whole run, never for a frame, so a weight that does not change looks the same throughout.
Its domain ends at a high quantile of the run, so that one runaway weight does not flatten all others; beyond it the
look saturates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH_QUANTILE = 0.99
CHANGE_QUANTILE = 0.97
DEAD_BAND = 0.03  # share of the domain that counts as unchanged
CHANGE_EXPONENT = 0.7  # below 1: small changes, those of thin edges above all, still show their colour


@dataclass(frozen=True)
class WidthScale:
    """Map |weight| to a line width, linearly and increasing.

    Attributes:
        domain: |weight| at which the width saturates, > 0.
        range_pt: width of a zero weight and of a saturated one, in points.
    """

    domain: float
    range_pt: tuple[float, float]

    @classmethod
    def of_run(cls, weights: np.ndarray, range_pt: tuple[float, float]) -> WidthScale:
        """Make the scale for all weights of a run, an array of any shape."""
        return cls(_high_quantile(np.abs(weights), WIDTH_QUANTILE), range_pt)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return widths in points, of the same shape as the weights."""
        thinnest, thickest = self.range_pt
        share = np.minimum(np.abs(weights), self.domain) / self.domain
        widths: np.ndarray = thinnest + (thickest - thinnest) * share
        return widths


@dataclass(frozen=True)
class ChangeScale:
    """Map a change of |weight| to an intensity, increasing and odd.

    Attributes:
        domain: |change| at which the colour saturates, > 0.
        dead_band: share of the domain, 0 … 1, that counts as unchanged.
    """

    domain: float
    dead_band: float = DEAD_BAND

    @classmethod
    def of_run(cls, changes: np.ndarray) -> ChangeScale:
        """Make the scale for all changes of a run, an array of any shape."""
        return cls(_high_quantile(np.abs(changes), CHANGE_QUANTILE))

    def __call__(self, changes: np.ndarray) -> np.ndarray:
        """Return intensities in -1 (weakened most) … 0 (unchanged) … 1 (strengthened most)."""
        share = np.minimum(np.abs(changes), self.domain) / self.domain
        beyond = np.maximum(share - self.dead_band, 0.0) / (1.0 - self.dead_band)
        intensities: np.ndarray = np.sign(changes) * beyond**CHANGE_EXPONENT
        return intensities


def _high_quantile(values: np.ndarray, quantile: float) -> float:
    """Return the quantile, or the maximum where that is 0, or 1 where all values are 0."""
    if values.size == 0:
        return 1.0
    end = float(np.quantile(values, quantile)) or float(values.max())
    # A subnormal end would overflow the division by it.
    return end if end >= np.finfo(np.float32).tiny else 1.0
