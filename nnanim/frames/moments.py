"""The moments of a run at which more happened than before and after, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.frames.curves import display_names
from nnanim.frames.units import PLAIN, Unit

MAX_MOMENTS = 5
APART = 3  # snapshots between two moments at least
MAX_THINGS = 12
_NEIGHBOURS = 4  # on each side
_LEAST_NEIGHBOURS = 2  # where there are fewer before, a jump cannot be told from the decay of a start
_MADS = 5.0
_LEAST_GROWTH = np.log(3.0)  # of the update against its neighbours
_LEAST_STEP = 0.1  # of the metric's whole range
_THING_GROWTH = 5.0  # of a thing's change against its own neighbours
_THING_SHARE = 0.2  # of the largest change


@dataclass(frozen=True)
class StandOut:
    """A moment that stands out from its neighbours.

    Attributes:
        snapshot: the snapshot at which it was over; what happened lies between the one before and it.
        strength: how far it stands out, in units of the limit; more than 1.
        things: indices of the edges, cells or tensors that changed unusually much, largest change first; none where
            only the metric stands out.
        layer: index of the layer or tensor that holds most of this change, or None.
        share: what part of all change lies in these things of that layer, as `Changes` measures it.
        says: what happened, in numbers.
    """

    snapshot: int
    strength: float
    things: tuple[int, ...]
    layer: int | None
    share: float
    says: str


@dataclass(frozen=True, eq=False)
class Changes:
    """How far things moved from each snapshot to the next.

    Attributes:
        sizes: (S - 1, N) |Δw| of an edge or of a cell, ‖ΔW‖ of a tensor.
        layer_of: (N,) index of each thing's layer or tensor.
        names: of the layers or tensors.
        word: ``"edge"`` or ``"cell"``; empty where a thing is a whole tensor, whose share is that of Σ ‖ΔW‖².
        all_shown: whether nothing else changed in the network.
    """

    sizes: np.ndarray
    layer_of: np.ndarray
    names: Sequence[str]
    word: str
    all_shown: bool = True

    @classmethod
    def of_values(
        cls, values: np.ndarray, layer_of: np.ndarray, names: Sequence[str], word: str, *, all_shown: bool = True
    ) -> Changes:
        """Measure the changes of (S, N) weights."""
        return cls(np.abs(np.diff(values, axis=0)), layer_of, names, word, all_shown)

    def share(self, interval: int, things: np.ndarray) -> float:
        """Return what part of all change in an interval lies in some things."""
        now = np.nan_to_num(self.sizes[interval].astype(np.float64))
        if not self.word:
            now = now**2
        return float(now[things].sum() / now.sum())

    def told(self, share: float, layer: int, count: int) -> str:
        """Say in what the change lies: ``"41 % of all change in 6 edges of l3"``."""
        percent = f"{share:.0%}".replace("%", " %")
        if not self.word:
            return f"{percent} of all squared change in {self.names[layer]}"
        change = "all change" if self.all_shown else "all shown change"
        things = f"1 {self.word}" if count == 1 else f"{count} {self.word}s"
        return f"{percent} of {change} in {things} of {self.names[layer]}"


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric at the snapshots.

    Attributes:
        metric: its name in the log.
        values: (S,) as the log has them, NaN for none.
        unit: in which they are told.
    """

    metric: str
    values: np.ndarray
    unit: Unit = PLAIN

    def told(self, interval: int) -> str:
        """Say from what to what it went: ``"accuracy 67.0 → 93.0 %"``; nothing where it is not known."""
        if not np.isfinite(self.values[interval : interval + 2]).all():
            return ""
        before, after = (self.unit.text(float(value)) for value in self.values[interval : interval + 2])
        return f"{display_names([self.metric])[0]} {before.removesuffix(' %')} → {after}"


def find_moments(
    titles: Sequence[str], at: Sequence[float], changes: Changes, measured: Measured | None = None
) -> tuple[StandOut, ...]:
    """Find at most five moments that stand out, at least three snapshots apart, in the order of the run.

    A step of the metric (smoothed by the median of three), or the logarithm of ‖ΔW‖ over time, stands out where it
    exceeds the medians of the four intervals before and of the four after by five MAD of these, and by a floor. What
    decays from the beginning on never exceeds what was before.

    Args:
        titles: of each snapshot, ``"epoch 120"``.
        at: (S,) time of each snapshot, increasing: epochs, iterations or mere numbers.
        changes: of what is shown of the weights.
        measured: a metric of the log, or None.
    """
    if len(titles) < 2 * _LEAST_NEIGHBOURS + 2:
        return ()
    gaps = np.maximum(np.diff(np.asarray(at, dtype=float)), np.finfo(float).tiny)
    sizes = np.array([np.sqrt(np.sum(np.square(row, dtype=np.float64))) for row in changes.sizes]) / gaps
    least = sizes[sizes > 0].min(initial=np.inf)
    updates = np.zeros(len(sizes))
    if np.isfinite(least):  # an interval without any change counts as the smallest change
        updates = stand_out(np.log(np.maximum(sizes, least)), _LEAST_GROWTH)
    strengths = updates if measured is None else np.maximum(updates, _steps(measured.values))
    chosen: list[int] = []
    for interval in np.argsort(-strengths, kind="stable"):
        if strengths[interval] > 1 and all(abs(int(interval) - other) >= APART for other in chosen):
            chosen.append(int(interval))
        if len(chosen) == MAX_MOMENTS:
            break
    found = []
    for interval in sorted(chosen):
        things: tuple[int, ...] = ()
        layer, share = None, 0.0
        if updates[interval] > 1:
            things, layer, share = _things_of(changes, interval)
        parts = [measured.told(interval)] if measured is not None else []
        if layer is not None:
            inside = int(np.count_nonzero(changes.layer_of[list(things)] == layer))
            parts.append(changes.told(share, layer, inside))
        says = ": ".join(filter(None, (titles[interval + 1], ", ".join(filter(None, parts)))))
        found.append(StandOut(interval + 1, float(strengths[interval]), things, layer, share, says))
    return tuple(found)


def _steps(values: np.ndarray) -> np.ndarray:
    """Return how far each step of a metric, (S,), stands out, (S - 1,)."""
    finite = values[np.isfinite(values)]
    floor = _LEAST_STEP * float(np.ptp(finite)) if len(finite) else 0.0
    if floor == 0:
        return np.zeros(len(values) - 1)
    return stand_out(np.abs(np.diff(_median_of_three(np.asarray(values, dtype=float)))), floor)


def stand_out(series: np.ndarray, floor: float) -> np.ndarray:
    """Return for each of (n,) numbers how far it exceeds its neighbours on both sides, in units of the limit.

    The limit is five MAD of the neighbours, and the floor at least. Where there are too few neighbours it is 0.
    """
    strengths = np.zeros(len(series))
    for place in range(_LEAST_NEIGHBOURS, len(series) - _LEAST_NEIGHBOURS):
        before = series[max(0, place - _NEIGHBOURS) : place]
        after = series[place + 1 : place + 1 + _NEIGHBOURS]
        around = np.concatenate([before, after])
        around = around[np.isfinite(around)]
        if not np.isfinite(series[place]) or not np.isfinite(before).any() or not np.isfinite(after).any():
            continue
        level = max(float(np.nanmedian(before)), float(np.nanmedian(after)))
        spread = max(_mad(before), _mad(after))
        strengths[place] = (series[place] - level) / max(_MADS * spread, floor)
    return strengths


def _mad(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(np.abs(values - np.median(values))))


def _median_of_three(values: np.ndarray) -> np.ndarray:
    smooth = values.copy()
    smooth[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return smooth


def _things_of(changes: Changes, interval: int) -> tuple[tuple[int, ...], int | None, float]:
    """Return what changed more than it usually does, the layer of most of it, and its share of all change."""
    now = np.nan_to_num(changes.sizes[interval].astype(np.float64))
    start, end = max(0, interval - _NEIGHBOURS), interval + 1 + _NEIGHBOURS
    around = np.concatenate([changes.sizes[start:interval], changes.sizes[interval + 1 : end]])
    usual = np.nan_to_num(np.median(around, axis=0))
    if now.sum() == 0:
        return (), None, 0.0
    picks = np.flatnonzero((now > _THING_GROWTH * usual) & (now >= _THING_SHARE * now.max()))
    picks = picks[np.argsort(-now[picks], kind="stable")][:MAX_THINGS]
    if not len(picks):
        return (), None, 0.0
    layer = int(np.bincount(changes.layer_of[picks], weights=now[picks]).argmax())
    share = changes.share(interval, picks[changes.layer_of[picks] == layer])
    return tuple(int(pick) for pick in picks), layer, share
