"""Readers in several threads, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from nnanim.errors import SnapshotError
from nnanim.frames.readers import HERE, Readers
from nnanim.processes.pool import answers_in_order

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_AHEAD = 8  # tasks for each worker that are sent before their answers are fetched: these are a few numbers


def readers_for(jobs: int, executor: Executor | None) -> Readers:
    """Return who reads.

    Args:
        jobs: threads at most, or how many workers the executor has.
        executor: of a cluster; None for threads of this process.
    """
    if executor is not None:
        return Readers(_Cluster(executor, jobs), max(jobs, 1), are_elsewhere=True)
    return HERE if jobs < 2 else Readers(_Threads(jobs), jobs)


class _Threads:
    """Do tasks in threads: what takes time in them, reading and sums, lets the others go on."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, work: Callable[[Task], Answer], tasks: Iterable[Task], /) -> Iterator[Answer]:
        with ThreadPoolExecutor(self._count) as threads:
            yield from answers_in_order(threads, work, tasks, _AHEAD * self._count)


class _Cluster:
    """Do tasks on machines where the files are under the same paths."""

    def __init__(self, executor: Executor, count: int) -> None:
        self._executor, self._count = executor, count

    def __call__(self, work: Callable[[Task], Answer], tasks: Iterable[Task], /) -> Iterator[Answer]:
        try:
            yield from answers_in_order(self._executor, work, tasks, _AHEAD * self._count)
        except SnapshotError as error:
            raise SnapshotError(f"{error}: so a worker of the cluster says, which must see it at this place") from error
