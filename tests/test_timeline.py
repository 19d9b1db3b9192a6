from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st

from nnanim import Animation, OptionError, RunError, open_run
from nnanim.frames.timeline import Clock, choose_snapshots, timeline
from nnanim.options import Options


@given(st.integers(1, 400), st.floats(0.01, 50), st.floats(0, 600))
def test_durations_are_whole_centiseconds_and_sum_up(snapshots: int, fps: float, hold_s: float) -> None:
    moments = timeline(range(snapshots), Options(fps=fps, hold_s=hold_s))
    assert [moment.at for moment in moments] == list(range(snapshots))
    assert [moment.in_ink for moment in moments] == [False] * (snapshots - 1) + [True]
    cents = [moment.duration_s * 100 for moment in moments]
    assert all(abs(cent - round(cent)) < 1e-9 for cent in cents)
    assert min(cents) >= 2 - 1e-9
    # What rounding takes from one frame it gives to the next.
    assert abs(sum(cents[:-1]) - (snapshots - 1) / fps * 100) <= 0.5 + 1e-6
    assert cents[-1] >= max(round(hold_s * 100), int(100 / fps)) - 1e-9


def test_article_time_of_10_frames_a_second_and_2_s_at_the_end(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result")))
    assert [frame.duration_s for frame in animation] == [0.1, 0.1, 2.0]


def test_30_frames_a_second_keep_time(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", epochs=range(1, 8)))
    animation = Animation(run, fps=30, hold_s=0)
    assert [round(frame.duration_s * 1000) for frame in animation] == [30, 40, 30, 30, 40, 30, 30]


def test_last_frame_stays_at_least_as_long_as_the_others(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert [frame.duration_s for frame in Animation(run, fps=1, hold_s=0)] == [1, 1, 1]


def test_single_frame_is_held(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result", epochs=[1]))
    assert [frame.duration_s for frame in Animation(run, hold_s=3)] == [3]


@given(st.integers(1, 50), st.integers(0, 9), st.floats(0, 3), st.floats(1, 400))
def test_whole_is_as_long_as_was_asked_for(snapshots: int, tween: int, hold_s: float, duration_s: float) -> None:
    options = Options(tween=tween, hold_s=hold_s, duration_s=duration_s)
    if duration_s - hold_s < (snapshots - 1) * (tween + 1) / 50 + 0.01:
        return  # too short, which is another test's case
    moments = timeline(range(snapshots), options)
    assert len(moments) == (snapshots - 1) * (tween + 1) + 1
    assert sum(round(moment.duration_s * 100) for moment in moments) == round(duration_s * 100)
    assert min(round(moment.duration_s * 100) for moment in moments[:-1] or moments) >= 2


def test_frames_between_two_snapshots() -> None:
    clock = Clock("iteration", (10, 20, 60))
    moments = timeline(clock.ticks, Options(tween=3))
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
    places = [clock.place(moment.at) for moment in timeline(clock.ticks, Options(tween=tween))]
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
    assert [frame.epoch for frame in Animation(run, **options)] == epochs


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
    assert str(caught.value) == "no snapshot from epoch 4 to 9 (the run has epochs 1 to 3)"


def test_duration_that_is_too_short(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError) as caught:
        Animation(run, duration_s=2)
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
    moments = timeline((1.0, 2.0), Options(ending="both", hold_s=3))
    assert [(moment.at, moment.duration_s, moment.in_ink) for moment in moments] == [
        (1.0, 0.1, False),
        (2.0, 1.5, False),
        (2.0, 1.5, True),
    ]
    changes = timeline((1.0, 2.0), Options(ending="change", hold_s=3))
    assert [(moment.duration_s, moment.in_ink) for moment in changes] == [(0.1, False), (3.0, False)]


def test_signs_have_no_end_in_ink(tmp_path: Path) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    assert len(Animation(run, ending="both")) == len(run.snapshots) + 1
    assert len(Animation(run, ending="both", color="sign")) == len(run.snapshots)


def test_a_hold_too_short_for_both_is_in_ink() -> None:
    moments = timeline((1.0, 2.0), Options(ending="both", hold_s=0, fps=50))
    assert [moment.in_ink for moment in moments] == [False, True]
