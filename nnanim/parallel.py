"""Chunks of frames on several processes, their answers in order and no more of them under way than needed.

Any `concurrent.futures.Executor` will do. What is sent is narrow: looks of frames out, packed frames back.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import TypeVar

from nnanim.errors import WorkerError

CHUNK = 32  # frames; fewer cannot be shared
FRAME_S, EDGE_S = 0.007, 0.00005  # for one process to draw a frame, and for each edge in it
WORTH_S = 2.0  # a process needs about one second to start, while this one would go on drawing

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pays_off(frames: int, edges: int, jobs: int) -> bool:
    """Tell whether several processes draw an animation sooner than one, by what was measured."""
    return jobs > 1 and frames > CHUNK and frames * (FRAME_S + EDGE_S * edges) > WORTH_S


def prepare_pool(frames: int, jobs: int) -> None:
    """Let the server process import Matplotlib while this one still reads, where it will pay off."""
    if pays_off(frames, 0, jobs) and _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


@contextmanager
def process_pool(jobs: int) -> Iterator[Executor]:
    """Start processes that import nnanim at once, and leave none of them behind.

    A new process never inherits the memory of this one, whose threads may hold locks: it comes from a server process
    where the system has that (it imports Matplotlib once for all), else from a new interpreter.

    Args:
        jobs: how many processes.
    """
    context = _context()
    there = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, context, initializer=_begin)
    finished = False
    try:
        for _ in range(jobs):
            executor.submit(_import_all)
        yield executor
        finished = True
    finally:
        # Whatever went wrong, Ctrl-C above all: what the processes are doing is of no use any more.
        executor.shutdown(wait=finished, cancel_futures=True)
        if not finished:
            ours = set(multiprocessing.active_children()) - there
            for child in ours:
                child.terminate()
            for child in ours:
                child.join()
            executor.shutdown(wait=True)


def answers_in_order(
    executor: Executor, work: Callable[[Task], Answer], tasks: Iterable[Task], ahead: int
) -> Iterator[Answer]:
    """Do tasks on an executor and yield their answers in the order of the tasks.

    Args:
        executor: who does the work.
        work: a function of a module, called with a task.
        tasks: taken one by one, so that they need not all be in memory.
        ahead: how many may be under way or wait to be fetched, so that the answers need not all be in memory.

    Raises:
        WorkerError: a worker died.
    """
    waiting: deque[Future[Answer]] = deque()
    done = 0
    try:
        for task in tasks:
            waiting.append(executor.submit(work, task))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
                done += 1
        while waiting:
            yield waiting.popleft().result()
            done += 1
    except BrokenExecutor as error:
        raise WorkerError(
            f"a process that draws frames died at chunk {done + 1} (out of memory? try fewer --jobs)"
        ) from error
    finally:
        for future in waiting:
            future.cancel()


def _context() -> BaseContext:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["nnanim.segments"])
    return context


def _begin() -> None:
    # Ctrl-C reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _import_all() -> None:
    import nnanim.segments  # noqa: F401  (so that the first chunk need not wait for it)
