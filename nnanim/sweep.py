"""Many result folders in one call: what each output is called, and that one failing folder does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnanim.errors import NnanimError, OptionError, WorkerError
from nnanim.options import RUN_PLACE

if TYPE_CHECKING:
    from nnanim.animation import Animation


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one folder.

    Attributes:
        result: the folder.
        outputs: what was to be written.
        animation: what was drawn, or None.
        error: why nothing was written, or None.
    """

    result: Path
    outputs: tuple[str, ...]
    animation: Animation | None
    error: NnanimError | None

    @property
    def written(self) -> tuple[str, ...]:
        """The outputs that are there."""
        return () if self.animation is None else self.outputs


def name_runs(results: Sequence[Path]) -> list[str]:
    """Name each folder by the part of its path that tells it from the others.

    That is what is left without the folders that all paths begin with and those that all paths end with, joined by
    hyphens: ``a`` and ``b-c`` for ``runs/a/result`` and ``runs/b/c/result``. A folder alone is named by itself.

    Raises:
        OptionError: two folders would have the same name; upper and lower case do not tell them apart.
    """
    parts = [Path(os.path.abspath(result)).parts for result in results]
    shortest = min(map(len, parts))
    # Something of each path must be left.
    front = min(_in_common(parts), shortest - 1)
    back = min(_in_common([each[::-1] for each in parts]), shortest - front - 1)
    names = ["-".join(each[front : len(each) - back]) for each in parts]
    known: dict[str, Path] = {}
    for name, result in zip(names, results, strict=True):
        other = known.setdefault(name.casefold(), result)
        if other is not result:
            raise OptionError(f"{str(other)!r} and {str(result)!r} would both be written as {name!r}")
    return names


def _in_common(parts: Sequence[Sequence[str]]) -> int:
    """Count the items that all begin with."""
    columns = zip(*parts, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def plan_outputs(results: Sequence[Path], outputs: Sequence[str]) -> list[tuple[str, ...]]:
    """Say what each folder is drawn into.

    Args:
        results: the folders.
        outputs: paths in which ``{run}`` stands for the name of a folder.

    Returns:
        For each folder as many paths as there are outputs.

    Raises:
        OptionError: there are several folders for one output, or two folders would have the same name.
    """
    single = next((output for output in outputs if RUN_PLACE not in output), None)
    if single is not None and len(results) > 1:
        raise OptionError(
            f"{len(results)} folders cannot all be drawn into {single!r}"
            f" (put {RUN_PLACE} where their names shall stand)"
        )
    if all(RUN_PLACE not in output for output in outputs):
        return [tuple(outputs)]
    return [tuple(output.replace(RUN_PLACE, name) for output in outputs) for name in name_runs(results)]


def render_each(
    results: Sequence[Path],
    outputs: Sequence[tuple[str, ...]],
    shape: Sequence[int] | None = None,
    *,
    if_changed: bool = False,
    progress: Callable[[Path, int, int], None] | None = None,
    **how: Any,
) -> Iterator[Outcome]:
    """Draw folders one after the other; each is yielded when it is done or has failed.

    Args:
        results: the folders.
        outputs: what each is drawn into.
        shape: as in `nnanim.render`.
        if_changed: leave outputs alone that were made from the same run with the same options.
        progress: called with the folder, how many of its frames are done and how many there are.
        how: all other arguments of `nnanim.render`.
    """
    from nnanim.rendering import render, render_if_changed

    for result, paths in zip(results, outputs, strict=True):

        def tell(done: int, total: int, result: Path = result) -> None:
            if progress is not None:
                progress(result, done, total)

        try:
            draw = render_if_changed if if_changed else render
            yield Outcome(result, paths, draw(result, paths, shape, progress=tell, **how), None)
        except OptionError:
            raise  # the same for all of them
        except NnanimError as error:
            yield Outcome(result, paths, None, error)


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a Dask cluster.

    Args:
        address: of its scheduler, e.g. ``tcp://127.0.0.1:8786``.

    Returns:
        Its executor, and how many tasks it can work on at a time.

    Raises:
        WorkerError: Dask is not installed, no scheduler answers, it has no workers, or a task killed too many of them.
    """
    try:
        import distributed
    except ImportError as error:
        raise WorkerError("a scheduler needs Dask: install 'nnanim[dask]'") from error
    try:
        client = distributed.Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address!r}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if threads == 0:
            raise WorkerError(f"the Dask scheduler at {address!r} has no workers")
        try:
            yield client.get_executor(), threads
        except distributed.scheduler.KilledWorker as error:
            raise WorkerError(f"a chunk of frames was given up, its workers died: {error}") from error
