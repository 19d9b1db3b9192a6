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
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nnanim.errors import NnanimError, WorkerError

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

# A process imports the first too, where that is what was started.
PRELOAD = ("nnanim.cli", "nnanim.animation", "nnanim.processes.chunks", "nnanim.painting.canvas")

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def prepare_pool() -> None:
    """Let the server process import Matplotlib while this one does the same, and reads."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver, resource_tracker

        resource_tracker.ensure_running()  # which would let the signals through
        # The server inherits this: it ignores Ctrl-C by itself, but only when it has imported everything.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def process_pool(jobs: int) -> Iterator[Executor]:
    """Give an executor of processes that import nnanim at once, and leave none of them behind.

    A new process never inherits the memory of this one, whose threads may hold locks: it comes from a server process
    where the system has that (it imports Matplotlib once for all), else from a new interpreter.

    Args:
        jobs: how many processes at most; as many are started as have something to do.
    """
    prepare_pool()
    crew = _Crew(jobs)
    finished = False
    try:
        yield crew
        finished = True
    finally:
        crew.dismiss(finished)


class _Crew(Executor):
    """Threads of this process, each with a process that does what the thread takes from their common queue.

    So a task that no process has begun can still be taken back, and it is known which one a process died of.
    """

    def __init__(self, jobs: int) -> None:
        self._context = _context()
        self._threads = ThreadPoolExecutor(jobs)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._hired: list[tuple[BaseProcess, Connection]] = []
        self._dismissed = False

    def submit(self, work: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        return self._threads.submit(self._send, work, *args, **kwargs)

    def _send(self, work: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
        pipe = getattr(self._mine, "pipe", None) or self._hire()
        try:
            pipe.send((work, args, kwargs))
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            pipe.close()
            self._mine.pipe = None
            raise BrokenExecutor("a process died") from error
        if isinstance(answer, NnanimError):
            raise answer
        done: Answer = answer
        return done

    def _hire(self) -> Connection:
        here, there = self._context.Pipe()
        with self._lock:
            if self._dismissed:
                raise BrokenExecutor("the processes were dismissed")
            process = self._context.Process(target=_serve, args=(there,))
            process.start()
            self._hired.append((process, here))
        there.close()
        self._mine.pipe = here
        return here

    def dismiss(self, finished: bool) -> None:
        """End the processes, in the midst of what they do unless all is finished."""
        self._threads.shutdown(wait=finished, cancel_futures=True)
        with self._lock:
            self._dismissed = True
        for process, pipe in self._hired:
            if finished:
                pipe.close()
            else:
                process.terminate()
        for process, _ in self._hired:
            process.join()
        self._threads.shutdown(wait=True)


def answers_in_order(
    executor: Executor,
    work: Callable[[Task], Answer],
    tasks: Iterable[Task],
    ahead: int,
    *,
    helping: bool = False,
    died: Callable[[Task], Answer] | None = None,
) -> Iterator[Answer]:
    """Do tasks on an executor and yield their answers in the order of the tasks.

    Args:
        executor: who does the work.
        work: a function of a module, called with a task.
        tasks: taken one by one, so that they need not all be in memory.
        ahead: how many may be under way or wait to be fetched, so that the answers need not all be in memory.
        helping: do here what nobody has begun, instead of waiting for what others do.
        died: what to answer where the worker died, if that shall not end it all.

    Raises:
        WorkerError: a worker died.
    """
    waiting: deque[_Errand[Task, Answer]] = deque()
    done = 0
    try:
        for task in tasks:
            waiting.append(_Errand(task, executor.submit(work, task)))
            if len(waiting) >= ahead:
                yield _first(waiting, work, helping, died)
                done += 1
        while waiting:
            yield _first(waiting, work, helping, died)
            done += 1
    except BrokenExecutor as error:
        raise WorkerError(
            f"a process that draws frames died at chunk {done + 1} (out of memory? try fewer --jobs)"
        ) from error
    finally:
        for errand in waiting:
            errand.answer.cancel()


@dataclass
class _Errand(Generic[Task, Answer]):
    task: Task
    answer: Future[Answer]


def _first(
    waiting: deque[_Errand[Task, Answer]],
    work: Callable[[Task], Answer],
    helping: bool,
    died: Callable[[Task], Answer] | None,
) -> Answer:
    while helping and not waiting[0].answer.done():
        mine = next((errand for errand in waiting if errand.answer.cancel()), None)
        if mine is None:
            break
        mine.answer = Future()
        mine.answer.set_result(work(mine.task))
    first = waiting.popleft()
    try:
        return first.answer.result()
    except BrokenExecutor:
        if died is None:
            raise
        return died(first.task)


def _context() -> ForkServerContext | SpawnContext:
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*PRELOAD])
        return context
    return multiprocessing.get_context("spawn")


def _serve(pipe: Connection) -> None:
    """Do what comes through a pipe until its other end is closed. A bug ends the process, and shows its traceback."""
    # Ctrl-C reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "SIGHUP"):  # so does a terminal that is closed
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            work, arguments, more = pipe.recv()
        except EOFError:
            return
        try:
            answer = work(*arguments, **more)
        except NnanimError as error:
            answer = error
        except MemoryError:
            answer = WorkerError("a process that draws frames has not enough memory (try fewer --jobs)")
        pipe.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
