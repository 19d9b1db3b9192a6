from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st

from nnanim import Animation, OptionError, RunError, open_run
from nnanim.frames.timeline import Clock, choose_snapshots, thinning_note, timeline
from nnanim.options import Options


@given(st.integers(1, 400), st.floats(0.01, 50), st.floats(0, 600))
def test_durations_are_whole_centiseconds_and_sum_up(snapshots: int, fps: float, hold_s: float) -> None:
    moments = timeline(range(snapshots), Options(fps=fps, hold_s=hold_s, ending="ink"))
    assert [moment.at for moment in moments] == list(range(snapshots))
    assert [moment.in_ink for moment in moments] == [False] * (snapshots - 1) + [True]
    cents = [moment.duration_s * 100 for moment in moments]
    assert all(abs(cent - round(cent)) < 1e-9 for cent in cents)
    assert min(cents) >= 2 - 1e-9
    # What rounding takes from one frame it gives to the next.
    assert abs(sum(cents[:-1]) - (snapshots - 1) / fps * 100) <= 0.5 + 1e-6
    assert cents[-1] >= max(round(hold_s * 100), int(100 / fps)) - 1e-9


def test_article_time_of_10_frames_a_second_and_2_s_at_the_end(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")), fps=10, hold_s=2, ending="ink")
    assert [frame.duration_s for frame in animation] == [0.1, 0.1, 2.0]


def test_a_short_run_is_slow_and_ends_with_its_changes_and_in_ink(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")))
    assert [(frame.epoch, frame.duration_s) for frame in animation] == [(1, 2.0), (2, 2.0), (3, 1.5), (3, 1.5)]
    changed, in_ink = (frame.edges.color for frame in animation[-2:])
    assert len(np.unique(changed, axis=0)) > 1
    assert len(np.unique(in_ink, axis=0)) == 1


PLAYS = {
    # snapshots, frames between two: seconds for all but the ending, frames
    "one": ((1, 0), 0.0, 1),
    "two": ((2, 0), 4.0, 2),
    "the last that are slowed down": ((41, 0), 4.0, 41),
    "ten a second": ((50, 0), 4.9, 50),
    "the last at ten a second": ((121, 0), 12.0, 121),
    "faster": ((500, 0), 12.0, 500),
    "as fast as can be": ((600, 0), 12.0, 600),
    "smoother, not longer": ((50, 3), 4.9, 197),
    "so many between that it is longer": ((50, 9), 9.8, 491),
}


@pytest.mark.parametrize("case", PLAYS)
def test_time_fits_any_run(case: str) -> None:
    (snapshots, tween), moving_s, frames = PLAYS[case]
    moments = timeline(range(snapshots), Options(tween=tween, ending="change"))
    assert len(moments) == frames
    assert sum(moment.duration_s for moment in moments[:-1]) == pytest.approx(moving_s)
    lengths = [round(moment.duration_s * 100) for moment in moments[:-1]]
    assert not lengths or 2 <= min(lengths) <= max(lengths) <= min(lengths) + 1
    assert moments[-1].duration_s == 3


def test_a_hold_is_not_longer_than_asked_for_because_the_frames_are_slow() -> None:
    assert [moment.duration_s for moment in timeline((1, 2), Options(hold_s=1))] == [4.0, 0.5, 0.5]


SHOWN = {
    # snapshots, options, how many are shown, what is told
    "all that can be played": (600, {}, 600, None),
    "one more": (601, {}, 600, "600 of 601 snapshots are shown, evenly chosen"),
    "many": (5000, {}, 600, "600 of 5000 snapshots are shown, evenly chosen"),
    "of a span": (5000, {"start": 1001}, 600, "600 of 4000 snapshots are shown, evenly chosen"),
    "a short span": (5000, {"start": 4901}, 100, None),
    "with frames between": (700, {"tween": 1}, 600, "600 of 700 snapshots are shown, evenly chosen"),
    "at a rate": (5000, {"fps": 50}, 5000, None),
    "in a time": (5000, {"duration_s": 200}, 5000, None),
    "each second": (5000, {"every": 2}, 2501, None),
    "so many": (5000, {"max_frames": 1000}, 1000, None),
    "so many, spaced": (5000, {"max_frames": 1000, "spacing": "log"}, 1000, None),
}


@pytest.mark.parametrize("case", SHOWN)
def test_more_than_can_be_played_are_chosen_evenly(case: str) -> None:
    there, choices, shown, note = SHOWN[case]
    epochs = list(range(1, there + 1))
    options = Options(**choices)
    picks = choose_snapshots(epochs, options)
    assert len(picks) == len(set(picks)) == shown
    assert (epochs[picks[0]], picks[-1]) == (options.start or 1, there - 1)
    assert thinning_note(epochs, options) == note
    if note:
        steps = np.diff(picks)
        assert steps.max() - steps.min() <= 1


def test_what_is_not_shown_for_want_of_time_is_told(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", (1, 1), epochs=range(1, 603)))
    told = "600 of 602 snapshots are shown, evenly chosen"
    shown = Animation(run)
    assert told in shown.notes
    assert len(shown) == 600 + 1
    assert shown.durations_s[-2:] == [1.5, 1.5]
    assert sum(shown.durations_s) == pytest.approx(12 + 3)
    everything = Animation(run, fps=50)
    assert told not in everything.notes
    assert len(everything) == 602 + 1


def test_30_frames_a_second_keep_time(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", epochs=range(1, 8)))
    animation = Animation(run, fps=30, hold_s=0)
    assert [round(frame.duration_s * 1000) for frame in animation] == [30, 40, 30, 30, 40, 30, 30]


def test_last_frame_stays_at_least_as_long_as_the_others(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert [frame.duration_s for frame in Animation(run, fps=1, hold_s=0, ending="ink")] == [1, 1, 1]


def test_single_frame_is_held(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", epochs=[1]))
    assert [frame.duration_s for frame in Animation(run, hold_s=3)] == [3]


@given(st.integers(1, 50), st.integers(0, 9), st.floats(0, 3), st.floats(1, 400))
def test_whole_is_as_long_as_was_asked_for(snapshots: int, tween: int, hold_s: float, duration_s: float) -> None:
    options = Options(tween=tween, hold_s=hold_s, duration_s=duration_s, ending="ink")
    if duration_s - hold_s < (snapshots - 1) * (tween + 1) / 50 + 0.01:
        return  # too short, which is another test's case
    moments = timeline(range(snapshots), options)
    assert len(moments) == (snapshots - 1) * (tween + 1) + 1
    assert sum(round(moment.duration_s * 100) for moment in moments) == round(duration_s * 100)
    assert min(round(moment.duration_s * 100) for moment in moments[:-1] or moments) >= 2


def test_frames_between_two_snapshots() -> None:
    clock = Clock("iteration", (10, 20, 60))
    moments = timeline(clock.ticks, Options(tween=3, ending="ink"))
    assert [moment.at for moment in moments] == [10, 12.5, 15, 17.5, 20, 30, 40, 50, 60]
    assert [clock.place(moment.at) for moment in moments] == [
        *((0, 0), (0, 0.25), (0, 0.5), (0, 0.75)),
        *((1, 0), (1, 0.25), (1, 0.5), (1, 0.75)),
        (2, 0),
    ]


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=30, unique=True), st.integers(0, 9))
def test_a_clock_finds_the_frames_that_a_timeline_made(iterations: list[int], tween: int) -> None:
    clock = Clock("iteration", tuple(sorted(map(float, iterations))))
    steps = tween + 1
    places = [clock.place(moment.at) for moment in timeline(clock.ticks, Options(tween=tween, ending="ink"))]
    assert [before for before, _ in places] == [index // steps for index in range(len(places))]
    assert [share for _, share in places] == pytest.approx([index % steps / steps for index in range(len(places))])


def test_before_the_first_snapshot_and_after_the_last_these_are_shown() -> None:
    clock = Clock("epoch", (1.0, 3.0))
    assert [clock.place(at) for at in (-5, 1, 2, 3, 99)] == [(0, 0), (0, 0), (0, 0.5), (1, 0), (1, 0)]


COUNTED = {
    "iterations and epochs": ([(10, 1), (20, 2)], ("iteration", (10.0, 20.0))),
    "an iteration is not known": ([(10, 1), (None, 2)], ("epoch", (1.0, 2.0))),
    "epochs alone": ([(None, 0), (None, 5)], ("epoch", (0.0, 5.0))),
    "iterations that begin anew": ([(10, 1), (5, 2)], ("epoch", (1.0, 2.0))),
    "neither grows": ([(10, 1), (10, 1)], ("snapshot", (0.0, 1.0))),
    "nothing is known": ([(None, None)] * 3, ("snapshot", (0.0, 1.0, 2.0))),
}


@pytest.mark.parametrize("case", COUNTED)
def test_the_unit_of_a_clock(case: str) -> None:
    told, (unit, ticks) = COUNTED[case]
    clock = Clock.of([SimpleNamespace(iteration=iteration, epoch=epoch) for iteration, epoch in told])
    assert (clock.unit, clock.ticks) == (unit, ticks)


CHOSEN = {
    # options, epochs that are shown of 1 … 10
    "all": ({}, list(range(1, 11))),
    "every third and the last": ({"every": 3}, [1, 4, 7, 10]),
    "every fourth and the last": ({"every": 4}, [1, 5, 9, 10]),
    "every 100th": ({"every": 100}, [1, 10]),
    "at most 4": ({"max_frames": 4}, [1, 4, 7, 10]),
    "at most 2": ({"max_frames": 2}, [1, 10]),
    "one": ({"max_frames": 1}, [10]),
    "more than there are": ({"max_frames": 11}, list(range(1, 11))),
    "close at the beginning": ({"max_frames": 5, "spacing": "log"}, [1, 2, 3, 6, 10]),
    "a span": ({"start": 3, "stop": 5}, [3, 4, 5]),
    "from": ({"start": 8.5}, [9, 10]),
    "to": ({"stop": 1}, [1]),
    "a span, every second": ({"start": 2, "stop": 7, "every": 2}, [2, 4, 6, 7]),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_chosen_snapshots(tmp_path: Path, case: str) -> None:
    options, epochs = CHOSEN[case]
    run = open_run(result_folder(tmp_path / "result", (1, 1), epochs=range(1, 11)))
    assert [frame.epoch for frame in Animation(run, ending="ink", **options)] == epochs


@given(st.integers(2, 300), st.integers(2, 300), st.sampled_from(["even", "log"]))
def test_chosen_snapshots_are_distinct_with_first_and_last(there: int, wanted: int, spacing: str) -> None:
    picks = choose_snapshots(list(range(there)), Options(max_frames=wanted, spacing=spacing))
    assert picks == sorted(set(picks))
    assert len(picks) == min(there, wanted)
    assert (picks[0], picks[-1]) == (0, there - 1)


def test_span_without_a_snapshot(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(RunError) as caught:
        Animation(run, start=4, stop=9)
    assert str(caught.value) == "no snapshot from epoch 4 to epoch 9 (the run has epochs 1 to 3)"


def test_duration_that_is_too_short(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError) as caught:
        Animation(run, duration_s=2, hold_s=2)
    assert str(caught.value) == "duration is 2 s: 3 frames, the last of them held for 2 s, take at least 2.04 s"


BAD = {
    "fps 0": ({"fps": 0.0}, "fps is 0.0: it must be from 0.01 to 50"),
    "fps -1": ({"fps": -1.0}, "fps is -1.0: it must be from 0.01 to 50"),
    "fps 51": ({"fps": 51.0}, "fps is 51.0: it must be from 0.01 to 50"),
    "fps nan": ({"fps": float("nan")}, "fps is nan: it must be from 0.01 to 50"),
    "hold -1": ({"hold_s": -1.0}, "hold is -1.0: it must be from 0 to 600"),
    "hold 601": ({"hold_s": 601.0}, "hold is 601.0: it must be from 0 to 600"),
    "hold nan": ({"hold_s": float("nan")}, "hold is nan: it must be from 0 to 600"),
}


@pytest.mark.parametrize("case", BAD)
def test_value_out_of_range(tmp_path: Path, case: str) -> None:
    options, message = BAD[case]
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError) as caught:
        Animation(run, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize("fps", [0.001, 1e-320])
def test_rate_so_slow_that_no_file_can_say_it(tmp_path: Path, fps: float) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError):
        Animation(run, fps=fps).write(tmp_path / "out.gif")


def test_the_end_is_held_with_its_changes_and_then_in_ink() -> None:
    moments = timeline((1.0, 2.0), Options(ending="both", hold_s=3, fps=10))
    assert [(moment.at, moment.duration_s, moment.in_ink) for moment in moments] == [
        (1.0, 0.1, False),
        (2.0, 1.5, False),
        (2.0, 1.5, True),
    ]
    changes = timeline((1.0, 2.0), Options(ending="change", hold_s=3, fps=10))
    assert [(moment.duration_s, moment.in_ink) for moment in changes] == [(0.1, False), (3.0, False)]


def test_signs_have_no_end_in_ink(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert len(Animation(run, ending="both")) == len(run.snapshots) + 1
    assert len(Animation(run, ending="both", color="sign")) == len(run.snapshots)
    assert len(Animation(run, ending="both", panels="curve")) == len(run.snapshots)


def test_a_single_snapshot_has_no_changes_to_hold() -> None:
    assert [(moment.duration_s, moment.in_ink) for moment in timeline((1.0,), Options(ending="both"))] == [(3.0, True)]


def test_a_hold_too_short_for_both_is_in_ink() -> None:
    moments = timeline((1.0, 2.0), Options(ending="both", hold_s=0, fps=50))
    assert [moment.in_ink for moment in moments] == [False, True]
