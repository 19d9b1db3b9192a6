from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import result_folder
from graphviz.backend import execute
from processes import interrupted
from timing import ONE_FRAME_EACH

from nnanim import Animation, GraphvizError, WorkerError, open_run
from nnanim.design.coloring import COLORINGS
from nnanim.encoders.movie import Movie
from nnanim.encoders.whole_file import EXACT_EVERY
from nnanim.options import FORMATS
from nnanim.painting.painter import CHUNK, Painter, in_chunks
from nnanim.painting.part import Sheet
from nnanim.panels.figure import Figure
from nnanim.processes import pool
from nnanim.processes.chunks import Job, pack_there
from nnanim.processes.pool import answers_in_order, process_pool
from nnanim.processes.worthwhile import PACK_S, chunk_length, pays_off, usable_cpus

FRAMES = 2 * EXACT_EVERY + 6
SMALL = {"figsize": (3, 2), "dpi": 60, **ONE_FRAME_EACH}


@pytest.fixture
def animation(tmp_path: Path) -> Animation:
    return Animation(open_run(result_folder(tmp_path / "result", epochs=range(1, FRAMES + 1))), **SMALL)


class Now:
    """An executor that does the work when it is asked for, and counts what is under way."""

    def __init__(self) -> None:
        self.fetched = self.submitted = self.most_ahead = 0
        self.sent: list[int] = []

    def submit(self, work: Any, task: Any) -> Future:
        self.submitted += 1
        self.sent.append(len(pickle.dumps(task)))
        future: Future = Future()
        future.set_result(work(pickle.loads(pickle.dumps(task))))
        self.most_ahead = max(self.most_ahead, self.submitted - self.fetched)
        return future


def dying(number: int) -> int:
    if number == 2:
        os._exit(9)
    return number


def failing(number: int) -> int:
    if number == 2:
        raise GraphvizError(f"Graphviz did not draw 'frame_{number:05}'")
    return number


def half(number: int) -> float:
    return number / 2


OUTPUTS = [["a.gif"], ["a.png"], ["a.webp"], ["a/"], ["a.mp4"], ["a.webm"], ["a.gif", "a.png", "a/", "a.html"]]


@pytest.mark.parametrize("outputs", OUTPUTS, ids=" ".join)
def test_bytes_are_the_same_for_any_number_of_processes(
    animation: Animation, tmp_path: Path, monkeypatch, outputs: list[str]
) -> None:
    if outputs[0] in ("a.mp4", "a.webm"):
        pytest.importorskip("av", reason="PyAV is not installed")
    hired: list[int] = []
    real = pool._Crew._hire

    def counted(self: Any) -> Any:
        hired.append(jobs)
        return real(self)

    monkeypatch.setattr(pool._Crew, "_hire", counted)
    monkeypatch.setattr("nnanim.processes.worthwhile.WORTH_S", 0.0)
    written = []
    for jobs in (1, 2, 3):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        animation.write(*(f"{folder}/{output}" for output in outputs), jobs=jobs)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        written.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert written[1:] == [written[0], written[0]]
    assert len(written[0]) == len(outputs) + (FRAMES if "a/" in outputs else 0)
    # this process is one of them
    assert 1 not in hired
    assert hired.count(2) <= 1
    assert hired.count(3) <= 2
    assert not multiprocessing.active_children()


def test_threads_will_do(animation: Animation, tmp_path: Path) -> None:
    animation.write(tmp_path / "one.gif")
    with ThreadPoolExecutor(2) as executor:
        animation.write(tmp_path / "threads.gif", executor=executor, jobs=2)
    assert (tmp_path / "threads.gif").read_bytes() == (tmp_path / "one.gif").read_bytes()


def test_progress_tells_every_frame(animation: Animation, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(1) as executor:
        animation.write(tmp_path / "x.gif", executor=executor, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, FRAMES) for done in range(1, FRAMES + 1)]


def test_what_is_sent_is_narrow(animation: Animation) -> None:
    executor = Now()
    theme = animation._figure.style.theme
    palette = theme.gif_palette(COLORINGS["change"].ramp(theme))
    job = Job(animation._painter, Movie(animation.size_px, tuple(animation.durations_s), palette), ("gif",))
    packed = list(pack_there(executor, job, map(animation._figure.sheet, animation), 2))
    assert len(packed) == FRAMES
    edges = len(animation[0].edges.weight)
    nodes = len(animation[0].nodes.bias)
    per_frame = 11 * (edges + nodes) + 1500  # a width and a colour for each, names and headers of arrays
    assert max(executor.sent) < len(pickle.dumps(job)) + (CHUNK + 1) * per_frame


def test_no_more_answers_than_asked_for_wait() -> None:
    executor = Now()
    taken = []
    for answer in answers_in_order(executor, half, iter(range(20)), 4):
        executor.fetched += 1
        taken.append(answer)
    assert taken == [number / 2 for number in range(20)]
    assert executor.most_ahead <= 5


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot on PATH")
def test_one_graphviz_process_for_a_chunk(animation: Animation, tmp_path: Path, monkeypatch) -> None:
    calls: list[int] = []
    real = execute.run_check

    def counted(command: list[Any], *, input: bytes, **options: Any) -> Any:
        calls.append(input.count(b"graph frame_"))
        return real(command, input=input, **options)

    monkeypatch.setattr(execute, "run_check", counted)
    animation = Animation(animation.run, engine="system", **SMALL)
    animation.write(tmp_path / "x.gif")
    assert calls == [32, 38]
    calls.clear()
    with ThreadPoolExecutor(1) as executor:
        animation.write(tmp_path / "y.gif", executor=executor)
    assert calls == [32, 33, 7]  # the frame before is drawn once more


def test_later_chunks_are_longer() -> None:
    assert [len(chunk) for chunk in in_chunks(map(Sheet, range(30), repeat(())), 3, 8)] == [3, 6, 8, 8, 5]
    assert [len(chunk) for chunk in in_chunks(map(Sheet, range(7), repeat(())), 3)] == [3, 3, 1]


def test_an_error_in_a_worker_comes_back() -> None:
    with pytest.raises(GraphvizError) as caught, process_pool(2) as executor:
        list(answers_in_order(executor, failing, range(4), 4))
    assert str(caught.value) == "Graphviz did not draw 'frame_00002'"
    assert not multiprocessing.active_children()


def test_an_error_in_a_worker_leaves_no_litter(animation: Animation, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    animation = Animation(animation.run, engine="system", **SMALL)
    with ThreadPoolExecutor(2) as executor, pytest.raises(GraphvizError) as caught:
        animation.write(tmp_path / "x.gif", executor=executor)
    assert str(caught.value) == "Graphviz's program 'dot' was not found on PATH"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_a_dying_worker_is_told() -> None:
    with pytest.raises(WorkerError) as caught, process_pool(1) as executor:
        list(answers_in_order(executor, dying, range(4), 1))
    assert str(caught.value) == "a process that draws frames died at chunk 3 (out of memory? try fewer --jobs)"
    assert not multiprocessing.active_children()


def test_what_is_short_is_drawn_by_one_process() -> None:
    assert not pays_off(50, 85, 2, ["gif"])
    assert not pays_off(5000, 85, 1, ["gif"])
    assert not pays_off(20, 79400, 2, ["gif"])  # one chunk cannot be shared
    assert not pays_off(5000, 79400, 2, ["html"])  # nothing is painted
    assert not pays_off(34, 2368, 2, ["gif"])  # two frames for the other
    assert pays_off(100, 85, 2, ["gif"])
    assert pays_off(48, 2368, 2, ["gif"])
    assert pays_off(50, 85, 2, ["apng"])
    assert pays_off(50, 85, 2, ["html", "frames"])
    assert set(PACK_S) == {*FORMATS} - {"html"}
    assert chunk_length(["gif", "apng"]) == chunk_length(["webp"]) == EXACT_EVERY
    assert usable_cpus() >= 1


def test_what_others_have_not_begun_is_done_here() -> None:
    begun, done = threading.Event(), threading.Event()
    threads: list[str] = []

    def work(number: int) -> int:
        threads.append(threading.current_thread().name)
        if threading.current_thread() is threading.main_thread():
            begun.wait(60)
            if number == 3:
                done.set()
        else:
            begun.set()
            done.wait(60)
        return 10 * number

    with ThreadPoolExecutor(1) as executor:
        assert list(answers_in_order(executor, work, range(4), 4, helping=True)) == [0, 10, 20, 30]
    assert threads.count("MainThread") == 3


def test_a_painter_is_pickled_without_its_canvas(animation: Animation) -> None:
    before = len(pickle.dumps(animation._painter))
    image = animation[0].image
    again = pickle.dumps(animation._painter)
    assert len(again) == before
    painter: Painter = pickle.loads(again)
    (same,) = painter.paint([animation._figure.sheet(animation[0])])
    assert np.array_equal(same, image)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("processes", [3, 4])  # this one, what tracks resources, a server that imports; then a worker
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_no_process_and_no_litter(tmp_path: Path, signum: int, code: int, processes: int) -> None:
    result_folder(tmp_path / "result", epochs=range(1, 400))
    command = [sys.executable, "-m", "nnanim", "render", "result", "-o", "x.gif", "--jobs", "2"]

    def begun(there: list[int]) -> bool:
        return len(there) >= processes and (processes < 4 or any(tmp_path.glob(".nnanim-*")))

    returned, said = interrupted(command, tmp_path, signum, begun)
    assert returned == code
    assert b"Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_frames_are_taken_one_chunk_at_a_time(animation: Animation, tmp_path: Path, monkeypatch) -> None:
    """Memory stays flat only if no more frames are made than can be drawn."""
    made: list[int] = []
    real = Figure.sheet

    def counted(self: Figure, frame: Any) -> Any:
        made.append(frame.index)
        return real(self, frame)

    monkeypatch.setattr(Figure, "sheet", counted)
    monkeypatch.setattr("nnanim.painting.painter.MOST", CHUNK)
    ahead = [len(made) - done for done, _ in enumerate(animation.paint(animation), start=1)]
    assert max(ahead) < CHUNK
    assert len(made) == FRAMES
