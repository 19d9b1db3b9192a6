"""What the strongest edges and those that changed most are chosen by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Extremes:
    """The magnitudes of each layer over the run: the largest and, where changes are asked for, the first and the least.

    That is all that the largest change takes: |now - first| is largest where |w| is largest or least.
    """

    def __init__(self, *, with_changes: bool) -> None:
        self.largest: list[np.ndarray] = []
        self._with_changes = with_changes
        self._first: list[np.ndarray] = []
        self._least: list[np.ndarray] = []

    def add(self, matrices: Sequence[np.ndarray], *, in_place: bool) -> None:
        """Take in the next snapshot's matrices, which hold magnitudes afterwards if that may be done in place."""
        magnitudes = [np.abs(matrix, out=matrix if in_place else None) for matrix in matrices]
        if not self.largest:
            self.largest = magnitudes
            if self._with_changes:
                self._first = [each.copy() for each in magnitudes]
                self._least = [each.copy() for each in magnitudes]
            return
        for largest, each in zip(self.largest, magnitudes, strict=True):
            np.maximum(largest, each, out=largest)
        for least, each in zip(self._least, magnitudes, strict=self._with_changes):
            np.minimum(least, each, out=least)

    def take_changes(self) -> list[np.ndarray]:
        """Return the largest |change| for each layer, in the memory of what it takes: only once."""
        firsts, changes = self._first, self._least
        self._first, self._least = [], []
        for largest, first, change in zip(self.largest, firsts, changes, strict=self._with_changes):
            np.subtract(first, change, out=change)
            np.subtract(largest, first, out=first)
            np.maximum(change, first, out=change)
        return changes
