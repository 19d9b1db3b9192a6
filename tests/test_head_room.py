from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnanim.design.row_scales import LogScale, RowScales
from nnanim.design.scales import IntensityScale, WidthScale
from nnanim.panels.network import NetworkScales
from nnanim.player.head_room import HEAD_ROOM, HeadRoom


def network(end: float, *, edges: int | None = None) -> NetworkScales:
    domain = np.array(end) if edges is None else np.full(edges, end)
    colors = {"change": IntensityScale(domain)}
    return NetworkScales(WidthScale(domain, (0.0, 1.0)), None, colors, {"change": IntensityScale(np.array(end))})


def rows(low: float, high: float, growth: float) -> RowScales:
    return RowScales(LogScale(low, high), IntensityScale(np.array(growth)))


def test_a_scale_stays_until_it_is_left() -> None:
    room = HeadRoom()
    first = room.over_network(network(2.0), has_changes=True)
    assert first.widths.domain == pytest.approx(2 * HEAD_ROOM)
    for end in (2.0, 1.0, 2 * HEAD_ROOM):
        again = room.over_network(network(end), has_changes=True)
        assert again.widths.domain == first.widths.domain
    assert room.times_enlarged == 0
    left = room.over_network(network(5.0), has_changes=True)
    assert left.widths.domain == pytest.approx(5 * HEAD_ROOM)
    assert left.colors["change"].domain == pytest.approx(5 * HEAD_ROOM)
    assert room.times_enlarged == 1


def test_only_the_scale_that_is_left_is_enlarged() -> None:
    room = HeadRoom()
    room.over_network(network(2.0, edges=3), has_changes=True)
    now = replace(network(2.0, edges=3), widths=WidthScale(np.array([2.0, 4.0, 2.0]), (0.0, 1.0)))
    wider = room.over_network(now, has_changes=True)
    assert wider.widths.domain == pytest.approx(HEAD_ROOM * np.array([2.0, 4.0, 2.0]))
    assert wider.colors["change"].domain == pytest.approx(2 * HEAD_ROOM)


def test_other_edges_have_a_scale_of_their_own() -> None:
    room = HeadRoom()
    room.over_network(network(8.0, edges=3), has_changes=True)
    other = room.over_network(network(2.0, edges=4), has_changes=True)
    assert other.widths.domain == pytest.approx(np.full(4, 2 * HEAD_ROOM))
    assert room.times_enlarged == 0


def test_rows_have_room_at_both_ends() -> None:
    room = HeadRoom()
    first = room.over_rows(rows(0.01, 1.0, 0.5), has_changes=True)
    assert (first.moved.low, first.moved.high) == (0.01, HEAD_ROOM)
    assert room.over_rows(rows(0.02, 1.2, 0.6), has_changes=True).moved == first.moved
    assert room.times_enlarged == 0
    left = room.over_rows(rows(0.005, 2.0, 0.5), has_changes=True)
    assert (left.moved.low, left.moved.high) == (0.005 / HEAD_ROOM, 2 * HEAD_ROOM)
    assert left.growth.domain == pytest.approx(0.5 * HEAD_ROOM)
    assert room.times_enlarged == 1


def test_a_single_snapshot_fixes_no_scale() -> None:
    room = HeadRoom()
    room.over_network(network(8.0), has_changes=False)
    assert room.over_network(network(2.0), has_changes=True).widths.domain == pytest.approx(2 * HEAD_ROOM)
    assert room.times_enlarged == 0
