"""Largest singular value and effective rank of a matrix."""

from __future__ import annotations

import numpy as np

MAX_SIDE = 512  # of the shorter side, where all singular values are computed
_STEPS = 30


def sigma_and_rank(matrix: np.ndarray) -> tuple[float, float | None]:
    """Return the largest singular value and the effective rank of finite (out, in) numbers.

    The effective rank is exp(−Σ pᵢ·ln pᵢ) with pᵢ = σᵢ / Σσ (Roy and Vetterli, 2007), None for larger matrices, whose
    σ₁ comes from power iteration.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    largest = float(np.abs(wide).max(initial=0))
    if largest == 0:
        return 0.0, 0.0
    if wide.shape[0] > MAX_SIDE:
        return _power(wide.astype(np.float32) / np.float32(largest)) * largest, None
    scaled = wide.astype(np.float64) / largest
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(scaled @ scaled.T), 0))
    shares = values / values.sum()
    shares = shares[shares > 1e-7]  # the rest is rounding: the squares have 16 digits
    return float(values[-1]) * largest, float(np.exp(-np.sum(shares * np.log(shares))))


def _power(matrix: np.ndarray) -> float:
    # The longest row is a beginning that goes with the neurons when they are permuted.
    vector = matrix[np.argmax(np.linalg.norm(matrix, axis=1))]
    sigma = 0.0
    for _ in range(_STEPS):
        vector = vector / np.linalg.norm(vector)
        image = matrix @ vector
        sigma = float(np.linalg.norm(image))
        vector = matrix.T @ image
    return sigma
