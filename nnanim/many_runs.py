"""Many result folders in one call: what each output is called, and that one failing folder does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from nnanim.encoders.places import noting, refuse_same
from nnanim.encoders.whole_file import marked, sweep_up
from nnanim.errors import NnanimError, OptionError, OutputError, WorkerError
from nnanim.options import FOLDERS, RUN_PLACE, Options, Reading, Writing

if TYPE_CHECKING:
    from nnanim.animation import Animation

Progress = Callable[[int, str, int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one folder.

    Attributes:
        result: the folder.
        outputs: what was to be written.
        error: why nothing was written, or None.
        frames: how many were drawn; 0 where nothing was, or nothing had changed.
        size_px: width and height of a frame.
        notes: what a user should be told.
        animation: what was drawn, where this process drew it.
    """

    result: Path
    outputs: tuple[str, ...]
    error: NnanimError | None = None
    frames: int = 0
    size_px: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    animation: Animation | None = None

    @property
    def written(self) -> tuple[str, ...]:
        """The outputs that are there."""
        return self.outputs if self.frames else ()


def check_plan(plan: Sequence[tuple[str, ...]], summary: Path | None, file_format: str | None) -> None:
    """Refuse what could never be written, and outputs that get in each other's way, before any folder is read.

    Raises:
        OutputError: a place where nothing can be written.
        OptionError: two outputs are one file, or one lies in another.
    """
    from nnanim.encoders.targets import find_targets
    from nnanim.encoders.whole_file import check_target

    outputs = [output for outputs in plan for output in outputs]
    find_targets(outputs, file_format)
    if summary is not None:
        check_target(summary, (summary.suffix.lower(),))
        refuse_same([*outputs, summary])


@contextmanager
def folders_for(plan: Sequence[tuple[str, ...]], outputs: Sequence[str]) -> Iterator[None]:
    """Make the folders of outputs with ``{run}`` in their path, one level, and remove those that stay empty.

    Args:
        plan: what each folder is drawn into.
        outputs: as they were given, in which ``{run}`` stands.

    Raises:
        OutputError: a folder cannot be made.
    """
    made: list[Path] = []
    try:
        for paths in plan:
            for path, given in zip(paths, outputs, strict=True):
                folder = Path(path).parent
                if RUN_PLACE in given and not folder.exists() and folder.parent.is_dir():
                    _make(folder)
                    made.append(folder)
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputError(f"the folder {str(folder)!r} cannot be made: {error.strerror or error}") from error


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
        OptionError: a folder was given twice, there are several for one output, or two would have the same name.
    """
    known: dict[str, Path] = {}
    for result in results:
        if known.setdefault(os.path.realpath(result), result) is not result:
            raise OptionError(f"the folder {str(result)!r} was given twice")
    single = next((output for output in outputs if RUN_PLACE not in output), None)
    if single is not None and len(results) > 1:
        raise OptionError(
            f"{len(results)} folders cannot all be drawn into {single!r}"
            f" (put {RUN_PLACE} where their names shall stand, as in -o '{RUN_PLACE}{Path(single).suffix}')"
        )
    if all(RUN_PLACE not in output for output in outputs):
        return [tuple(outputs)]
    return [tuple(output.replace(RUN_PLACE, name) for output in outputs) for name in name_runs(results)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """A folder to be drawn.

    Attributes:
        number: of the folder, from 0.
        result: the folder.
        outputs: what it is drawn into.
        options: what is drawn, and how.
        reading: how the folder is read.
        writing: how the outputs are written.
        if_changed: leave outputs alone that were made from the same run with the same options.
        mark: of the temporary files.
    """

    number: int
    result: Path
    outputs: tuple[str, ...]
    options: Options
    reading: Reading
    writing: Writing
    if_changed: bool
    mark: str


def render_each(
    results: Sequence[Path],
    outputs: Sequence[tuple[str, ...]],
    options: Options,
    reading: Reading,
    writing: Writing,
    *,
    if_changed: bool = False,
    progress: Progress | None = None,
) -> Generator[Outcome, None, None]:
    """Draw folders; what became of each is yielded in their order, when it is done or has failed.

    Several processes draw a short run each, and a long one together. With an executor all are drawn together.

    Args:
        results: the folders.
        outputs: what each is drawn into.
        options: what is drawn, and how.
        reading: how each folder is read.
        writing: how the outputs are written.
        if_changed: leave outputs alone that were made from the same run with the same options.
        progress: called with the number of the folder, from 0, and as in `nnanim.one_run.draw_run`; where folders are
            drawn side by side, with ``"folders"`` and how many of them are done.

    Raises:
        OptionError: an option is not as it must be, which is the same for all folders.
    """
    requests = [
        Request(
            number=number,
            result=result,
            outputs=paths,
            options=options,
            reading=reading,
            writing=writing,
            if_changed=if_changed,
            mark=f"{os.urandom(4).hex()}-",
        )
        for number, (result, paths) in enumerate(zip(results, outputs, strict=True))
    ]
    for alone, several in groupby(requests, key=_is_drawn_by_one):
        group = list(several)
        if alone and len(group) > 1:
            yield from _draw_side_by_side(group, progress)
        else:
            for request in group:
                yield draw(request, progress)


def draw(request: Request, progress: Progress | None = None) -> Outcome:
    """Draw one folder.

    Raises:
        OptionError: an option is not as it must be, which is the same for all folders.
    """
    from nnanim.one_run import draw_run

    def tell(stage: str, done: int, total: int) -> None:
        if progress is not None:
            progress(request.number, stage, done, total)

    try:
        how = request.options, request.reading, request.writing
        with noting() as notes:
            animation = draw_run(request.result, request.outputs, *how, if_changed=request.if_changed, progress=tell)
    except OptionError:
        raise
    except NnanimError as error:
        return Outcome(request.result, request.outputs, error)
    if animation is None:
        return Outcome(request.result, request.outputs)
    drawn = len(animation), animation.size_px, (*animation.notes, *notes), animation
    return Outcome(request.result, request.outputs, None, *drawn)


def _is_drawn_by_one(request: Request) -> bool:
    from nnanim.one_run import may_pay_off

    one = request.writing.executor is None and request.writing.jobs > 1
    return one and not may_pay_off(request.result, request.outputs, request.options, request.writing)


def _draw_side_by_side(requests: list[Request], progress: Progress | None) -> Iterator[Outcome]:
    from nnanim.processes.pool import answers_in_order, process_pool

    jobs = requests[0].writing.jobs
    alone = [replace(request, writing=replace(request.writing, jobs=1)) for request in requests]
    done = 0
    if progress is not None:
        progress(requests[0].number, FOLDERS, 0, len(requests))
    try:
        with process_pool(jobs - 1) as workers:
            for outcome in answers_in_order(workers, _draw_alone, alone, 2 * jobs, helping=True, died=_given_up):
                yield outcome
                done += 1
                if progress is not None:
                    progress(requests[0].number, FOLDERS, done, len(requests))
    finally:
        for request in alone[done : done + 2 * jobs]:  # processes that were ended, by Ctrl-C above all, could not do it
            _sweep_up(request)


def _draw_alone(request: Request) -> Outcome:
    with marked(request.mark):
        return replace(draw(request), animation=None)  # which is much to send, and nobody asks for


def _given_up(request: Request) -> Outcome:
    _sweep_up(request)
    return Outcome(
        request.result, request.outputs, WorkerError("the process that drew it died (out of memory? try fewer --jobs)")
    )


def _sweep_up(request: Request) -> None:
    for output in request.outputs:
        sweep_up(request.mark, output)
