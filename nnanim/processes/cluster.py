"""A Dask cluster as an executor: one that has the same packages, and that does not make anybody wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from nnanim.errors import WorkerError
from nnanim.extras import how_to_install

ANSWER_S = 10.0  # how long the scheduler may take to answer at first
WITHOUT_WORKERS_S = 60.0  # how long to wait for a new worker when the last one has gone
LOOK_EVERY_S = 1.0
MATTERING = ("nnanim", "matplotlib", "numpy", "PIL", "pygraphviz")  # modules that decide the pixels

Answer = TypeVar("Answer")


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a Dask cluster.

    Args:
        address: of its scheduler, e.g. ``tcp://127.0.0.1:8786``.

    Returns:
        Its executor, and how many tasks it can work on at a time.

    Raises:
        WorkerError: Dask is not installed, no scheduler answers, it has no workers or loses all of them, a worker has
            other packages than this process, or a task killed too many of them.
    """
    try:
        import distributed
    except ImportError as error:
        raise WorkerError(
            f"a scheduler needs the package 'distributed', which is not installed: {how_to_install('dask')}"
        ) from error
    try:
        client = distributed.Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address!r}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if threads == 0:
            raise WorkerError(f"the Dask scheduler at {address!r} has no workers")
        check_versions(client)
        executor = _Watched(client, address)
        try:
            yield executor, threads
        except distributed.scheduler.KilledWorker as error:
            raise WorkerError(f"a chunk of frames was given up, its workers died: {error}") from error
        finally:
            executor.stop_watching()


def check_versions(client: Any) -> None:
    """Refuse workers whose packages would draw other frames than this process.

    Args:
        client: connected to the cluster.

    Raises:
        WorkerError: names the worker, the package and both versions.
    """
    found = client.get_versions(packages=list(MATTERING))
    here = found["client"]["packages"]
    for worker, answer in sorted(found["workers"].items()):
        there = answer["packages"]
        for package in MATTERING:
            if there.get(package) != here.get(package):
                raise WorkerError(
                    f"the Dask worker {worker!r} has {_told(package, there)}, and here is {_told(package, here)}"
                    " (install the same version on all machines)"
                )


def _told(package: str, versions: Mapping[str, str | None]) -> str:
    version = versions.get(package)
    return f"no {package}" if version is None else f"{package} {version}"


class _Watched(Executor):
    """Send work to a cluster, and give all of it up when the cluster has been without workers for too long."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._executor: Executor = client.get_executor()
        self._waiting: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        answer: Future[Answer] = Future()
        answer.set_running_or_notify_cancel()
        with self._lock:
            self._waiting.add(answer)
        self._executor.submit(work, *args, **kwargs).add_done_callback(lambda done: self._hand_on(done, answer))
        return answer

    def stop_watching(self) -> None:
        """End the thread that looks after the workers."""
        self._stopped.set()
        self._thread.join()

    def _hand_on(self, done: Future[Any], answer: Future[Any]) -> None:
        with self._lock:
            if answer not in self._waiting:
                return  # given up
            self._waiting.remove(answer)
        if done.cancelled():
            answer.set_exception(WorkerError("the Dask cluster cancelled a chunk of frames"))
        elif done.exception() is not None:
            answer.set_exception(done.exception())
        else:
            answer.set_result(done.result())

    def _watch(self) -> None:
        without_s = 0.0
        while not self._stopped.wait(LOOK_EVERY_S):
            workers = 0
            with suppress(OSError, TimeoutError, ValueError):
                workers = len(self._client.nthreads())
            without_s = 0.0 if workers else without_s + LOOK_EVERY_S
            if without_s >= WITHOUT_WORKERS_S:
                self._give_up()

    def _give_up(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for answer in waiting:
            answer.set_exception(
                WorkerError(
                    f"the Dask cluster at {self._address!r} has had no workers for {WITHOUT_WORKERS_S:g} s"
                    " (start one, or draw without --scheduler)"
                )
            )
