from __future__ import annotations

from pathlib import Path

import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st

from nnanim import Animation, OptionError, open_run
from nnanim.timeline import timeline


@given(st.integers(1, 400), st.floats(0.01, 50), st.floats(0, 600))
def test_durations_are_whole_centiseconds_and_sum_up(snapshots: int, fps: float, hold_s: float) -> None:
    moments = timeline(snapshots, fps=fps, hold_s=hold_s)
    assert [moment.snapshot for moment in moments] == list(range(snapshots))
    cents = [moment.duration_s * 100 for moment in moments]
    assert all(abs(cent - round(cent)) < 1e-9 for cent in cents)
    assert min(cents) >= 2
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


BAD = {
    "fps 0": ({"fps": 0.0}, "fps is 0.0: it must be greater than 0 and at most 50"),
    "fps -1": ({"fps": -1.0}, "fps is -1.0: it must be greater than 0 and at most 50"),
    "fps 51": ({"fps": 51.0}, "fps is 51.0: it must be greater than 0 and at most 50"),
    "fps nan": ({"fps": float("nan")}, "fps is nan: it must be greater than 0 and at most 50"),
    "hold -1": ({"hold_s": -1.0}, "hold is -1.0 s: it must be from 0 to 600"),
    "hold 601": ({"hold_s": 601.0}, "hold is 601.0 s: it must be from 0 to 600"),
    "hold nan": ({"hold_s": float("nan")}, "hold is nan s: it must be from 0 to 600"),
}


@pytest.mark.parametrize("case", BAD)
def test_value_out_of_range(tmp_path: Path, case: str) -> None:
    options, message = BAD[case]
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError) as caught:
        Animation(run, **options)
    assert str(caught.value) == message


@pytest.mark.xfail(strict=True, reason="fps has no lower bound: a GIF cannot say a delay above 655 s")
@pytest.mark.parametrize("fps", [0.001, 1e-320])
def test_rate_so_slow_that_no_file_can_say_it(tmp_path: Path, fps: float) -> None:
    run = open_run(result_folder(tmp_path / "result"))
    with pytest.raises(OptionError):
        Animation(run, fps=fps).write(tmp_path / "out.gif")
