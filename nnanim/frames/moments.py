"""The moments of a run at which more happened than before and after, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnanim.frames.curves import display_names
from nnanim.frames.units import PLAIN, Unit

MAX_MOMENTS = 5
APART = 3  # snapshots between two moments at least
MAX_EDGES = 12
_NEIGHBOURS = 4  # on each side
_LEAST_NEIGHBOURS = 2  # where there are fewer before, a jump cannot be told from the decay of a start
_MADS = 5.0
_LEAST_GROWTH = np.log(3.0)  # of the update against its neighbours
_LEAST_STEP = 0.1  # of the metric's whole range
_EDGE_GROWTH = 5.0  # of an edge's change against its own neighbours
_EDGE_SHARE = 0.2  # of the largest change


@dataclass(frozen=True)
class StandOut:
    """A moment that stands out from its neighbours.

    Attributes:
        snapshot: the snapshot at which it was over; what happened lies between the one before and it.
        strength: how far it stands out, in units of the limit; more than 1.
        edges: indices of the edges that changed unusually much, largest change first; none where only the metric
            stands out.
        layer: index of the layer that holds most of this change, or None.
        share: what part of the change of all edges (Σ |Δw|) lies in these edges of that layer.
        says: what happened, in numbers.
    """

    snapshot: int
    strength: float
    edges: tuple[int, ...]
    layer: int | None
    share: float
    says: str


def find_moments(
    titles: Sequence[str],
    at: np.ndarray,
    edges: np.ndarray,
    layer_of: np.ndarray,
    names: Sequence[str],
    metric: str | None = None,
    values: np.ndarray | None = None,
    unit: Unit = PLAIN,
) -> tuple[StandOut, ...]:
    """Find at most five moments that stand out, at least three snapshots apart, in the order of the run.

    A step of the metric (smoothed by the median of three), or the logarithm of ‖ΔW‖ over time, stands out where it
    exceeds the medians of the four intervals before and of the four after by five MAD of these, and by a floor. What
    decays from the beginning on never exceeds what was before.

    Args:
        titles: of each snapshot, ``"epoch 120"``.
        at: (S,) time of each snapshot, increasing: epochs, iterations or mere numbers.
        edges: (S, E) weights.
        layer_of: (E,) index of each edge's layer.
        names: of the layers.
        metric: name of a metric in the log, or None.
        values: (S,) its values at the snapshots as the log has them, NaN for none.
        unit: in which they are told.
    """
    if len(titles) < 2 * _LEAST_NEIGHBOURS + 2:
        return ()
    changes = np.abs(np.diff(edges.astype(np.float64), axis=0))
    gaps = np.maximum(np.diff(np.asarray(at, dtype=float)), np.finfo(float).tiny)
    sizes = np.sqrt(np.sum(changes**2, axis=1)) / gaps
    least = sizes[sizes > 0].min(initial=np.inf)
    updates = np.zeros(len(sizes))
    if np.isfinite(least):  # an interval without any change counts as the smallest change
        updates = stand_out(np.log(np.maximum(sizes, least)), _LEAST_GROWTH)
    strengths = updates
    if values is not None and np.isfinite(values).any():
        steps = np.abs(np.diff(_median_of_three(np.asarray(values, dtype=float))))
        finite = values[np.isfinite(values)]
        floor = _LEAST_STEP * float(finite.max() - finite.min())
        strengths = np.maximum(strengths, stand_out(steps, floor) if floor > 0 else 0.0)
    chosen: list[int] = []
    for interval in np.argsort(-strengths, kind="stable"):
        if strengths[interval] > 1 and all(abs(int(interval) - other) >= APART for other in chosen):
            chosen.append(int(interval))
        if len(chosen) == MAX_MOMENTS:
            break
    found = []
    for interval in sorted(chosen):
        some, layer, share = _edges_of(changes, interval, layer_of) if updates[interval] > 1 else ((), None, 0.0)
        says = _says(
            titles[interval + 1], interval, metric, values, unit, len(some), layer, share, names, layer_of, some
        )
        found.append(StandOut(interval + 1, float(strengths[interval]), some, layer, share, says))
    return tuple(found)


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


def _edges_of(changes: np.ndarray, interval: int, layer_of: np.ndarray) -> tuple[tuple[int, ...], int | None, float]:
    """Return the edges that changed more than they usually do, the layer of most of it, and its share of all change."""
    now = changes[interval]
    start, end = max(0, interval - _NEIGHBOURS), interval + 1 + _NEIGHBOURS
    around = np.concatenate([changes[start:interval], changes[interval + 1 : end]])
    usual = np.median(around, axis=0)
    total = float(now.sum())
    if total == 0:
        return (), None, 0.0
    picks = np.flatnonzero((now > _EDGE_GROWTH * usual) & (now >= _EDGE_SHARE * now.max()))
    picks = picks[np.argsort(-now[picks], kind="stable")][:MAX_EDGES]
    if not len(picks):
        return (), None, 0.0
    sums = np.bincount(layer_of[picks], weights=now[picks])
    layer = int(sums.argmax())
    return tuple(int(pick) for pick in picks), layer, float(sums[layer] / total)


def _says(
    title: str,
    interval: int,
    metric: str | None,
    values: np.ndarray | None,
    unit: Unit,
    count: int,
    layer: int | None,
    share: float,
    names: Sequence[str],
    layer_of: np.ndarray,
    edges: Sequence[int],
) -> str:
    parts = []
    if metric is not None and values is not None and np.isfinite(values[interval : interval + 2]).all():
        before, after = (unit.text(float(value)) for value in values[interval : interval + 2])
        parts.append(f"{display_names([metric])[0]} {before.removesuffix(' %')} → {after}")
    if count and layer is not None:
        inside = int(np.count_nonzero(layer_of[list(edges)] == layer))
        told = "1 edge" if inside == 1 else f"{inside} edges"
        parts.append(f"{share:.0%} of all change in {told} of {names[layer]}".replace("%", " %"))
    return f"{title}: {', '.join(parts)}" if parts else title
