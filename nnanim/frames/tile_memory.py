"""The pictures of units in a run that grows, so that of a longer run only what is new is read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnanim.frames.streamed_weights import units_of
from nnanim.frames.tiles import TilePlan
from nnanim.reading.run import Snapshot


@dataclass
class TileMemory:
    """What the pictures of some units held in snapshots that were read before.

    Attributes:
        plan: of the pictures.
        units: of the first layer, increasing.
    """

    plan: TilePlan
    units: np.ndarray
    _cells: dict[Hashable, np.ndarray] = field(default_factory=dict)

    def knows(self, plan: TilePlan, units: np.ndarray) -> bool:
        """Tell whether pictures of a plan and of some units are among these."""
        return plan == self.plan and bool(np.isin(units, self.units).all())

    def read(self, snapshots: Sequence[Snapshot], keys: Sequence[Hashable], units: np.ndarray) -> np.ndarray:
        """Return the cells of units at every snapshot, (S, cells).

        Args:
            snapshots: whose weights were read and checked already.
            keys: what tells each from others.
            units: some of these.

        Raises:
            SnapshotError: one cannot be read.
        """
        there = {key: self._cells.pop(key, None) for key in keys}
        self._cells = {}
        for place, (key, cells) in enumerate(there.items()):
            self._cells[key] = self._of(snapshots[place]) if cells is None else cells
        own = np.searchsorted(self.units, units)
        return np.stack([self._cells[key][own].ravel() for key in keys])

    def _of(self, snapshot: Snapshot) -> np.ndarray:
        weight = units_of(snapshot, self.units) if snapshot.has_rows else snapshot.read()[0].weight[self.units]
        return self.plan.pictures(weight).reshape(len(self.units), -1)
