"""From sheets to files: what an animation of one run and one of several runs side by side have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from nnanim.encoders.movie import Movie
from nnanim.encoders.seal import sealed
from nnanim.encoders.targets import PAGE, SVG, VIDEOS, Target, open_targets
from nnanim.encoders.whole_file import STILL_SUFFIXES, check_target, whole_file
from nnanim.frames.timeline import Moment
from nnanim.painting.painter import Painter
from nnanim.painting.part import Sheet
from nnanim.printable import encodable
from nnanim.processes.chunks import Job, pack_here, pack_there
from nnanim.processes.worthwhile import pays_off

if TYPE_CHECKING:
    from concurrent.futures import Executor


AnyFrame = TypeVar("AnyFrame", covariant=True)


class Frames(Sequence[AnyFrame]):
    """Frames that are made when they are asked for, one for each moment."""

    _moments: tuple[Moment, ...]

    def __len__(self) -> int:
        return len(self._moments)

    @overload
    def __getitem__(self, index: int) -> AnyFrame: ...
    @overload
    def __getitem__(self, index: slice) -> list[AnyFrame]: ...
    def __getitem__(self, index: int | slice) -> AnyFrame | list[AnyFrame]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._frame(range(len(self))[index])

    def _frame(self, index: int, *, still: bool = False) -> AnyFrame:
        """Make the frame of a moment; of a still it shows changes, also where the moment is in ink."""
        raise NotImplementedError

    @property
    def durations_s(self) -> list[float]:
        """How long each frame is shown."""
        return [moment.duration_s for moment in self._moments]


@dataclass(frozen=True, eq=False, kw_only=True)
class Film:
    """What can be written to files.

    Attributes:
        painter: paints the sheets.
        frames: what they mean; nothing is made before it is asked for.
        sheet: makes what moves of a frame.
        durations_s: how long each is shown.
        palette: makes the colours of an indexed picture, (C, 3) uint8.
        edges: how many a frame has, as a measure of the work.
        loop: whether the file plays again from the start.
        full_color: whether an animated WebP has all colours.
    """

    painter: Painter
    frames: Sequence[Any]
    sheet: Callable[[Any], Sheet]
    durations_s: Sequence[float]
    palette: Callable[[], np.ndarray]
    edges: int
    loop: bool
    full_color: bool

    def write(
        self,
        targets: Sequence[Target],
        page: Callable[[], str],
        *,
        comment: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        jobs: int = 1,
        executor: Executor | None = None,
    ) -> None:
        """Write all frames to outputs, each painted once for all of them.

        Args:
            targets: the outputs.
            page: makes the text of a page, for outputs that are one.
            comment: a short ASCII text to keep in the files.
            progress: called with how many frames are done and how many there are.
            jobs: processes to use at most, this one among them.
            executor: who draws the frames instead; `jobs` then says how many workers it has.

        Raises:
            OutputError: an output cannot be written.
            GraphvizError: Graphviz is missing or fails.
            WorkerError: one of the processes died.
        """
        films = [target for target in targets if target.format != PAGE]
        if films:
            size = self.painter.ground.size_px
            durations_s, ground = tuple(self.durations_s), self.painter.ground
            movie = Movie(size, durations_s, self.palette(), self.loop, comment, self.full_color, ground)
            formats = tuple(film.format for film in films)
            with (
                self._packed(Job(self.painter, movie, formats), jobs, executor) as packed,
                open_targets(films, movie, self.frames) as append,
            ):
                for index, each in enumerate(packed):
                    append(index, each)
                    if progress is not None:
                        progress(index + 1, len(self.frames))
        for target in targets:
            if target.format == PAGE:
                with whole_file(target.path) as temporary, sealed(temporary, comment):
                    temporary.write_text(encodable(page()), encoding="utf-8", newline="\n")

    @contextmanager
    def _packed(self, job: Job, jobs: int, executor: Executor | None) -> Iterator[Iterator[list[Any]]]:
        sheets = map(self.sheet, self.frames)
        if executor is not None and not set(VIDEOS) & set(job.formats):  # another machine need not have PyAV
            yield pack_there(executor, job, sheets, jobs)
        elif executor is None and pays_off(len(self.frames), self.edges, jobs, job.formats):
            from nnanim.processes.pool import process_pool

            with process_pool(jobs - 1) as workers:
                yield pack_there(workers, job, sheets, jobs, helping=True)
        else:
            yield pack_here(job, sheets, ahead=executor is None and jobs > 1)


def write_films(
    film: Film,
    moving: Film,
    targets: Sequence[Target],
    page: Callable[[], str],
    *,
    comment: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
) -> None:
    """Write a film to outputs, and where an SVG can move fewer things than it has, another one to SVGs.

    Args:
        film: for all outputs.
        moving: for SVGs; the same where that can move there.
        targets, page, comment, jobs, executor: as for `Film.write`, which raises what this raises.
        progress: called with how many frames are done and how many there are, of both.
    """
    passes = [(film, list(targets))]
    if moving is not film:
        others = [target for target in targets if target.format != SVG]
        svgs = (moving, [target for target in targets if target.format == SVG])
        passes = [(film, others), svgs] if others else [svgs]
    for done, (each, own) in enumerate(passes):

        def tell(frame: int, frames: int, done: int = done) -> None:
            if progress is not None:
                progress(done * frames + frame, len(passes) * frames)

        each.write(own, page, comment=comment, progress=tell, jobs=jobs, executor=executor)


def save_still(painter: Painter, sheet: Sheet, path: str | Path, *, transparent: bool = False) -> None:
    """Write one frame as a picture whose suffix says the format: ``.svg``, ``.pdf`` or ``.png``.

    Args:
        painter: of the figure.
        sheet: what moves in it.
        path: the file, which appears whole or not at all.
        transparent: leave the background out.

    Raises:
        OutputError: the file cannot be written.
        GraphvizError: Graphviz is missing or fails.
    """
    target = check_target(path, STILL_SUFFIXES)
    (drawings,) = painter.drawings([sheet])
    with whole_file(target) as temporary:
        file_format = target.suffix.lower()[1:]
        painter.new_canvas().save(temporary, file_format, drawings, sheet, transparent=transparent)
