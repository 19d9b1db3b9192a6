from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import nnanim
from nnanim.errors import RunError
from nnanim.options import Options, Reading, Writing
from nnanim.watching.following import Follower, Look
from nnanim.watching.watch import Ending, Rewriter, watch
from tests.test_following import save

PROGRAM = [sys.executable, "-m", "nnanim", "watch"]


class Steps:
    """A training that does its next step whenever the watcher waits, and a clock that it moves."""

    def __init__(self, *steps: Callable[[], object], step_s: float = 1.0) -> None:
        self._steps = iter(steps)
        self._step_s = step_s
        self.now_s = 0.0
        self.looks: list[Look] = []
        self.written: list[int] = []

    def wait(self) -> None:
        self.now_s += self._step_s
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    def clock(self) -> float:
        return self.now_s

    def run(self, result: Path, *outputs: str, ending: Ending = Ending()) -> nnanim.Animation:  # noqa: B008  (frozen)
        follower = Follower(
            folder=result, reading=Reading(), options=Options(), apart_from=[Path(output) for output in outputs]
        )
        rewriter = Rewriter(outputs, Writing(), self.clock)
        return watch(
            follower,
            rewriter,
            ending,
            wait=self.wait,
            seen=self.looks.append,
            wrote=lambda animation: self.written.append(len(animation.run.snapshots)),
            clock=self.clock,
        )


def in_pieces(path: Path) -> Iterator[Callable[[], object]]:
    """Write a file again in three steps."""
    whole = path.read_bytes()
    path.unlink()
    for share in (0.3, 0.8, 1.0):
        yield lambda share=share: path.write_bytes(whole[: int(share * len(whole))])


def nothing() -> None:
    pass


def test_an_output_is_written_after_each_snapshot_as_render_does(result: Path) -> None:
    pieces = in_pieces(save(result, 2))
    steps = Steps(lambda: save(result, 1), *pieces, lambda: save(result, 3))
    steps.run(result, "live.gif")
    assert steps.written == [1, 2, 3]
    nnanim.render(result, "rendered.gif")
    assert Path("live.gif").read_bytes() == Path("rendered.gif").read_bytes()


def test_writing_waits_as_long_as_the_last_one_took_but_not_at_the_end(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(*[lambda epoch=epoch: save(result, epoch) for epoch in range(1, 10)])  # type: ignore[misc]
    write = nnanim.Animation.write

    def slow(animation: nnanim.Animation, *paths: str, **more: object) -> None:
        write(animation, *paths, **more)  # type: ignore[arg-type]
        steps.now_s += 2.5

    monkeypatch.setattr(nnanim.Animation, "write", slow)
    steps.run(result, "live.gif")
    assert steps.written == [1, 4, 7, 9]


def test_until_ends_with_that_epoch(result: Path) -> None:
    steps = Steps(*[lambda epoch=epoch: save(result, epoch) for epoch in range(1, 10)])  # type: ignore[misc]
    last = steps.run(result, "live.gif", ending=Ending(until=3))
    assert [snapshot.epoch for snapshot in last.run.snapshots] == [1, 2, 3]
    assert steps.written[-1] == 3


def test_idle_counts_from_the_last_change(result: Path) -> None:
    first = [lambda: save(result, 1), nothing, nothing, lambda: save(result, 2)]
    steps = Steps(*first, *[nothing] * 3, lambda: save(result, 3), step_s=10)
    last = steps.run(result, ending=Ending(idle_s=30))
    assert len(last.run.snapshots) == 2
    assert steps.now_s == 70


def test_idle_without_anything_to_draw_says_why(result: Path) -> None:
    with pytest.raises(RunError, match="no folder 'result'"):
        Steps(*[nothing] * 9).run(result, "live.gif", ending=Ending(idle_s=5))
    assert not Path("live.gif").exists()


def test_a_killed_training_leaves_a_snapshot_that_is_named_at_the_end(result: Path) -> None:
    pieces = list(in_pieces(save(result, 3)))[:2]
    steps = Steps(lambda: save(result, 1), lambda: save(result, 2), *pieces, nothing, nothing)
    last = steps.run(result, "live.gif")
    assert len(last.run.snapshots) == 2
    notes = [note for look in steps.looks for note in look.notes if "model_epoch_003.npz" in note]
    assert len(notes) == 1
    (result / "model_epoch_003.npz").unlink()
    nnanim.render(result, "rendered.gif")
    assert Path("live.gif").read_bytes() == Path("rendered.gif").read_bytes()


def test_ctrl_c_while_writing_leaves_a_whole_file_of_all(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = nnanim.Animation.write, []

    def interrupted(animation: nnanim.Animation, *paths: str, **more: object) -> None:
        calls.append(len(animation.run.snapshots))
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(animation, *paths, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(nnanim.Animation, "write", interrupted)
    steps = Steps(lambda: save(result, 1), lambda: save(result, 2), lambda: save(result, 3))
    last = steps.run(result, "live.gif")
    assert calls == [1, 2, 2]
    assert len(last.run.snapshots) == 2
    nnanim.render(result, "rendered.gif")
    assert Path("live.gif").read_bytes() == Path("rendered.gif").read_bytes()


def test_the_command_follows_a_training(result: Path) -> None:
    result.mkdir()
    pieces = [*in_pieces(save(result, 1)), *in_pieces(save(result, 2)), *in_pieces(save(result, 3))]

    def train() -> None:
        for step in pieces:
            step()
            time.sleep(0.1)

    training = threading.Thread(target=train)
    training.start()
    done = subprocess.run(
        [*PROGRAM, str(result), "-o", "live.gif", "--no-serve", "--until", "3", "--title", "live"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    training.join()
    assert done.returncode == 0, done.stderr
    nnanim.render(result, "rendered.gif", title="live")
    assert Path("live.gif").read_bytes() == Path("rendered.gif").read_bytes()
    assert "4 frames, to epoch 3" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_command_with_all_that_is_there(result: Path) -> None:
    save(result, 1)
    with subprocess.Popen([*PROGRAM, str(result), "-o", "live.gif", "--no-serve"], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"1 frame" in line:
                break
        save(result, 2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 0
    nnanim.render(result, "rendered.gif")
    assert Path("live.gif").read_bytes() == Path("rendered.gif").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--no-serve"], "--no-serve needs -o FILE"),
        (["--no-serve", "-o", "-", "--format", "gif"], "standard output cannot be written anew"),
        (["--no-serve", "-o", "live.txt"], "unknown suffix '.txt'"),
        (["--idle", "soon"], "'soon' is not a length of time, as in 30s, 10m or 2h"),
    ],
)
def test_wrong_usage(result: Path, arguments: list[str], told: str) -> None:
    done = subprocess.run([*PROGRAM, str(result), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
