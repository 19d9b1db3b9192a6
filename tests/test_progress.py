"""The line of progress estimates from what was measured lately, and says nothing before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from folders import result_folder

import nnanim
from nnanim.cli.progress import Bar, Pace, label, line
from nnanim.options import CHECKING, DRAWING, FOLDERS, READING, Options, Writing
from nnanim.options import Reading as HowToRead


def left_s(*arrivals: tuple[float, int], total: int = 100) -> float | None:
    pace = Pace(total)
    for now_s, done in arrivals:
        pace.add(now_s, done)
    return pace.left_s()


def test_nothing_is_estimated_before_there_is_something_to_go_by() -> None:
    assert left_s() is None
    assert left_s((30.0, 1)) is None  # half a minute of starting says nothing of the frames
    assert left_s((30.0, 1), (30.5, 2)) is None
    assert left_s((0.0, 32), (0.01, 33), (0.02, 64)) is None  # one block


def test_frames_that_arrive_in_blocks_count_as_blocks() -> None:
    blocks = [(at_s + frame / 1000, at_s * 4 + frame) for at_s in (8, 16) for frame in range(32)]
    # 32 frames in 8 s, and 5 are left of 100 after 95: the first block's own frames are not what 8 s were taken by.
    assert left_s(*blocks, total=127) == pytest.approx(32 / 32 * 8)


def test_the_last_seconds_count() -> None:
    slow = [(float(second), second) for second in range(1, 21)]  # a frame a second
    fast = [(20.0 + second, 20 + 10 * second) for second in range(1, 7)]  # then ten
    assert left_s(*slow) == pytest.approx(80)
    assert left_s(*slow, *fast, total=130) == pytest.approx((130 - 80) / 10)


def test_another_stage_begins_a_new_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    with Bar(hidden=False, clock=lambda: now_s) as bar:
        bar.tell("checking the folder", 0, 0)
        for done in range(1, 4):
            now_s += 2
            bar.tell("reading snapshots", done, 10)
        now_s += 2
        bar.tell("drawing", 0, 50)
        now_s += 40
        bar.tell("drawing", 1, 50)
    shown = [text.strip() for text in capsys.readouterr().err.split("\r")]
    assert shown == [
        "checking the folder",
        "reading snapshots  [##----------------------]  10%  1 of 10",
        "reading snapshots  [####--------------------]  20%  2 of 10, about 16 s left",
        "reading snapshots  [#######-----------------]  30%  3 of 10, about 14 s left",
        "drawing  [------------------------]   0%  0 of 50",
        "drawing  [------------------------]   2%  1 of 50",
        "",
        "",
    ]


def test_what_stood_there_is_overwritten_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(hidden=False, clock=lambda: 0.0) as bar:
        bar.tell("a long stage", 0, 0)
        bar.tell("short", 0, 0)
    assert capsys.readouterr().err == "a long stage\rshort       \r     \r"
    with Bar(hidden=True) as bar:
        bar.tell("unseen", 0, 0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (89.4, "89 s"), (90, "2 min"), (3600, "60 min"), (7300, "2 h")]
)
def test_times_are_told_as_people_tell_them(seconds: float, told: str) -> None:
    assert line("drawing", 1, 2, seconds).endswith(f" 50%  1 of 2, about {told} left")


def test_labels_name_the_folder_where_there_are_several() -> None:
    assert label(CHECKING, "runs/a", 1, 1) == "checking the folder"
    assert label(READING, "runs/\x1b[2J", 2, 9) == r"runs/\x1b[2J (2 of 9): reading snapshots"
    assert label(FOLDERS, "runs/a", 1, 9) == "drawing folders"


@pytest.mark.parametrize("view", ["network", "layers"])
def test_stages_come_in_their_order_and_each_is_finished(result: Path, view: str) -> None:
    from nnanim.one_run import draw_run

    result_folder(result)
    told: list[tuple[str, int, int]] = []
    options = Options(view=view, dpi=50)
    draw_run(result, ["x.gif"], options, HowToRead(), Writing(), progress=lambda *each: told.append(each))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [CHECKING, READING, DRAWING]
    assert told[0] == (CHECKING, 0, 0)
    read = [done for stage, done, total in told if stage == READING and total == 3]
    assert read[0] == 0
    assert read[-1] == 3
    assert [done for stage, done, total in told if stage == DRAWING and total == 4] == [0, 1, 2, 3, 4]


def test_the_library_tells_frames_alone(result: Path) -> None:
    result_folder(result)
    told: list[tuple[int, int]] = []
    nnanim.render(result, "x.gif", dpi=50, progress=lambda *each: told.append(each))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def on_a_terminal(*arguments: str) -> str:
    """Run the program with a terminal for its standard error, and return what came there."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nnanim", *arguments]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            text += part
    os.close(ours)
    assert process.returncode == 0
    return text.decode()


needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@needs_terminal
def test_a_note_is_not_written_over_the_bar(result: Path) -> None:
    for name in ("a", "b"):
        result_folder(result / name, epochs=[1])
    text = on_a_terminal("render", "result/a", "result/b", "-o", "{run}.gif", "--jobs", "1")
    for text_before in text.split("nnanim: note:")[:-1]:
        assert text_before.endswith((" \r", "\n"))


@needs_terminal
@pytest.mark.parametrize("quiet", [False, True])
def test_a_comparison_tells_how_far_it_is(result: Path, quiet: bool) -> None:
    for name in ("a", "b"):
        result_folder(result / name)
    more = ["--quiet"] if quiet else []
    text = on_a_terminal("compare", "result/a", "result/b", "-o", "x.gif", "--dpi", "60", "--jobs", "1", *more)
    assert ("measuring runs" in text) is not quiet
    assert ("drawing  [" in text) is not quiet
