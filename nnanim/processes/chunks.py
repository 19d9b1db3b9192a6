"""Chunks of an animation to packed frames, each on its own: joined in order they are the same for any number of
processes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.encoders.movie import Movie, Packer
from nnanim.encoders.targets import SVG, make_packers
from nnanim.painting.painter import Painter, in_chunks
from nnanim.painting.part import Sheet
from nnanim.painting.picture import Picture
from nnanim.processes.worthwhile import chunk_length

if TYPE_CHECKING:
    from concurrent.futures import Executor

_mine = threading.local()


@dataclass(frozen=True, eq=False)
class Job:
    """What is the same for all chunks of an animation.

    Attributes:
        painter: paints the frames.
        movie: what is known of them.
        formats: which they are packed for.
    """

    painter: Painter
    movie: Movie
    formats: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Chunk:
    """What a process needs to pack some frames.

    Attributes:
        job: the pickled `Job`, the same bytes for all chunks of an animation.
        sheets: of the frames.
        before: of the frame before them where it matters, else None.
    """

    job: bytes
    sheets: Sequence[Sheet]
    before: Sheet | None


def pack_here(job: Job, sheets: Iterable[Sheet], *, ahead: bool = False) -> Iterator[list[Any]]:
    """Paint and pack frames in their order.

    Args:
        job: how.
        sheets: of all frames, taken as they are needed.
        ahead: whether Graphviz draws on another CPU meanwhile, the first ones from this call on.

    Returns:
        For each frame what it is packed to, for each of the formats.

    Raises:
        GraphvizError: Graphviz is missing or fails; the message names the frame.
    """
    in_pixels = any(each != SVG for each in job.formats)
    # Now: Graphviz draws while packers and outputs are made.
    pictures = job.painter.pictures(sheets, ahead=ahead, in_pixels=in_pixels)
    packers = make_packers(job.formats, job.movie)
    return (_packed(job, packers, index, picture) for index, picture in enumerate(pictures))


def pack_there(
    executor: Executor, job: Job, sheets: Iterable[Sheet], jobs: int, *, helping: bool = False
) -> Iterator[list[Any]]:
    """Let an executor paint and pack frames; yield as `pack_here` does.

    Args:
        executor: who does the work.
        job: how.
        sheets: of all frames, taken one at a time.
        jobs: how many chunks can be worked on at a time.
        helping: whether this thread works on some of them too.

    Raises:
        GraphvizError: Graphviz is missing or fails; the message names the frame.
        WorkerError: a worker died.
    """
    from nnanim.processes.pool import answers_in_order

    for packed in answers_in_order(executor, pack_chunk, _chunks(job, sheets), 2 * jobs, helping=helping):
        yield from packed


def _chunks(job: Job, sheets: Iterable[Sheet]) -> Iterator[Chunk]:
    pickled = pickle.dumps(job)
    remembers = any(packer.remembers for packer in make_packers(job.formats, job.movie))
    before: Sheet | None = None
    for chunk in in_chunks(sheets, chunk_length(job.formats)):
        yield Chunk(pickled, chunk, before)
        before = chunk[-1] if remembers else None


def pack_chunk(chunk: Chunk) -> list[list[Any]]:
    """Paint and pack a chunk of frames.

    Raises:
        GraphvizError: Graphviz is missing or fails; the message names the frame.
    """
    job = _job(chunk.job)
    packers = make_packers(job.formats, job.movie)
    sheets = list(chunk.sheets) if chunk.before is None else [chunk.before, *chunk.sheets]
    pictures = job.painter.pictures(sheets, at_once=len(sheets))
    if chunk.before is not None:
        picture = next(pictures)
        for packer, each in zip(packers, job.formats, strict=True):
            packer.begin_behind(chunk.before.index, _taken(each, picture))
    return [_packed(job, packers, sheet.index, picture) for sheet, picture in zip(chunk.sheets, pictures, strict=True)]


def _packed(job: Job, packers: Sequence[Packer], index: int, picture: Picture) -> list[Any]:
    return [packer.pack(index, _taken(each, picture)) for packer, each in zip(packers, job.formats, strict=True)]


def _taken(file_format: str, picture: Picture) -> Picture | np.ndarray:
    """Return what a format's packer takes: strokes or pixels."""
    return picture if file_format == SVG else picture.image


def _job(pickled: bytes) -> Job:
    # A canvas takes long to make and belongs to one thread. The bytes come from the process that asked for the work.
    if getattr(_mine, "pickled", None) != pickled:
        _mine.job = pickle.loads(pickled)  # noqa: S301  # nosec B301
        _mine.pickled = pickled
    job: Job = _mine.job
    return job
