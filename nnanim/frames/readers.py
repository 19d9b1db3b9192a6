"""Who reads the weights of a run: this thread, several, or other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from nnanim.frames.weight_memory import WeightMemory

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Do(Protocol):
    """Do tasks and yield their answers in the order of the tasks, as ``map`` does."""

    def __call__(self, work: Callable[[Task], Answer], tasks: Iterable[Task], /) -> Iterator[Answer]: ...


def _here(work: Callable[[Task], Answer], tasks: Iterable[Task], /) -> Iterator[Answer]:
    return map(work, tasks)


@dataclass(frozen=True)
class Readers:
    """Who reads.

    Attributes:
        do: has tasks done.
        count: how many tasks are done at a time.
        are_elsewhere: whether that is in other processes, which get what they need and no more.
        progress: called with how many snapshots are read, in their sum, and how many there are; or None.
        memory: of who reads a run that grows again and again, or None.
    """

    do: Do = _here
    count: int = 1
    are_elsewhere: bool = False
    progress: Callable[[int, int], None] | None = None
    memory: WeightMemory | None = None


HERE = Readers()


def shares(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of runs of items that together have at most a size, or are one item alone."""
    begin = total = 0
    for place, size in enumerate(sizes):
        if total and total + size > most:
            yield begin, place
            begin, total = place, 0
        total += size
    if begin < len(sizes):
        yield begin, len(sizes)
