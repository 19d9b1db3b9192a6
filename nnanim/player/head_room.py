"""Scales of a page that grows: they stay as they are until the run leaves them, so that nothing jumps meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from nnanim.design.cell_scales import CellScales
from nnanim.design.row_scales import RowScales
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.panels.network import NetworkScales

HEAD_ROOM = 1.5  # times what the run needs now, when a scale is made or enlarged

Scales = TypeVar("Scales", NetworkScales, RowScales, CellScales)
Scale = TypeVar("Scale", WidthScale, IntensityScale)


@dataclass
class HeadRoom:
    """The scales that a page has.

    Attributes:
        kept: the scales, None before the first picture of a run.
        times_enlarged: how often the run has left them.
    """

    kept: NetworkScales | RowScales | CellScales | None = None
    times_enlarged: int = 0

    def over_network(self, now: NetworkScales, *, has_changes: bool) -> NetworkScales:
        """Return the scales to be used for a run that needs at least those of now.

        Args:
            now: what the run needs.
            has_changes: False for a single snapshot, which says nothing of how large changes will be.
        """
        before = self.kept if isinstance(self.kept, NetworkScales) and _are_alike(self.kept, now) else now
        return self._keep(_wider_network(before, now), before, has_changes=has_changes, begins=before is now)

    def over_rows(self, now: RowScales, *, has_changes: bool) -> RowScales:
        """Do the same for the scales of rows."""
        before = self.kept if isinstance(self.kept, RowScales) else now
        return self._keep(_wider_rows(before, now), before, has_changes=has_changes, begins=before is now)

    def over_cells(self, now: CellScales, *, has_changes: bool) -> CellScales:
        """Do the same for the scales of cells."""
        before = self.kept if isinstance(self.kept, CellScales) else now
        return self._keep(_wider_cells(before, now), before, has_changes=has_changes, begins=before is now)

    def _keep(self, wider: Scales, before: Scales, *, has_changes: bool, begins: bool) -> Scales:
        if has_changes:
            self.kept = wider
            self.times_enlarged += not begins and _domains(wider) != _domains(before)
        return wider


def _are_alike(before: NetworkScales, now: NetworkScales) -> bool:
    """Tell whether scales are of the same things: of as many edges where each has its own, with or without rings."""
    is_same_size = all(before.colors[name].domain.shape == now.colors[name].domain.shape for name in now.colors)
    return (
        is_same_size
        and before.widths.domain.shape == now.widths.domain.shape
        and (before.rings is None) == (now.rings is None)
        and (before.tiles is None) == (now.tiles is None)
    )


def _wider_network(before: NetworkScales, now: NetworkScales) -> NetworkScales:
    """Return the scales of before, enlarged where those of now lie beyond; all of them where both are the same."""
    rings = None if before.rings is None or now.rings is None else _wider(before.rings, now.rings)
    return NetworkScales(
        _wider(before.widths, now.widths),
        rings,
        {name: _wider(before.colors[name], scale) for name, scale in now.colors.items()},
        {name: _wider(before.ring_colors[name], scale) for name, scale in now.ring_colors.items()},
        None if before.tiles is None or now.tiles is None else _wider_cells(before.tiles, now.tiles),
    )


def _wider_cells(before: CellScales, now: CellScales) -> CellScales:
    return CellScales(_wider(before.magnitudes, now.magnitudes), _wider(before.colors, now.colors))


def _wider_rows(before: RowScales, now: RowScales) -> RowScales:
    moved = before.moved
    if now is before or now.moved.high > moved.high:
        moved = replace(moved, high=HEAD_ROOM * now.moved.high)
    if now.moved.low < moved.low:
        moved = replace(moved, low=now.moved.low / HEAD_ROOM)
    hills = now.hills if before.hills is None or now.hills is None else before.hills.over(now.hills)
    return RowScales(moved, _wider(before.growth, now.growth), hills)


def _wider(before: Scale, now: Scale) -> Scale:
    enlarged = HEAD_ROOM * now.domain
    leaves = now.domain > before.domain
    domain = enlarged if now is before else np.where(leaves, enlarged, before.domain)
    return replace(before, domain=np.asarray(domain))


def _domains(scales: NetworkScales | RowScales | CellScales) -> list[object]:
    if isinstance(scales, CellScales):
        return [scale.domain.tolist() for scale in (scales.magnitudes, scales.colors)]
    if isinstance(scales, RowScales):
        return [scales.moved, scales.growth.domain.tolist(), scales.hills]
    every: list[WidthScale | IntensityScale] = [
        scales.widths,
        *([scales.rings] if scales.rings else []),
        *scales.colors.values(),
        *scales.ring_colors.values(),
    ]
    cells = [] if scales.tiles is None else _domains(scales.tiles)
    return [*(scale.domain.tolist() for scale in every), *cells]
