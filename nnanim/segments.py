"""Chunks of an animation to pieces of a GIF, each on its own: joined in order they are the same file for any number of
processes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnanim.encoders import whole_file
from nnanim.encoders.gif import EXACT_EVERY, is_exact, write_gif_segments
from nnanim.encoders.gif_frames import FramePacker
from nnanim.encoders.movie import Movie
from nnanim.parallel import answers_in_order
from nnanim.press import Press, Sheet, in_chunks

_mine = threading.local()


@dataclass(frozen=True, eq=False)
class Chunk:
    """What a process needs to make one piece.

    Attributes:
        press: the pickled `Press`, the same bytes for all chunks of an animation.
        palette: (C, 3) uint8.
        sheets: of the frames.
        before: of the frame before them, or None at the beginning.
        durations_s: of the frames.
        count: frames of the whole animation.
    """

    press: bytes
    palette: np.ndarray
    sheets: Sequence[Sheet]
    before: Sheet | None
    durations_s: Sequence[float]
    count: int


def write_gif_in_pieces(
    path: Path,
    movie: Movie,
    executor: Executor,
    press: Press,
    sheets: Iterable[Sheet],
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
    *,
    helping: bool = False,
) -> None:
    """Let an executor draw a GIF and write it; the file appears whole or not at all.

    Args:
        path: the file.
        movie: what is known of it.
        executor: who does the work.
        press: paints the frames.
        sheets: of all frames, taken one at a time.
        jobs: how many chunks the executor can work on at a time.
        progress: called with how many frames are done and how many there are.

    Raises:
        OutputError: the file cannot be written.
        GraphvizError: Graphviz is missing or fails; the message names the frame.
        WorkerError: a worker died.
    """
    pieces = segments(executor, press, movie.palette, sheets, movie.durations_s, jobs, helping=helping)
    with whole_file(path) as temporary:
        write_gif_segments(temporary, _reporting(pieces, len(movie.durations_s), progress), movie)


def _reporting(
    pieces: Iterator[tuple[int, bytes]], total: int, progress: Callable[[int, int], None] | None
) -> Iterator[bytes]:
    done = 0
    for count, piece in pieces:
        yield piece
        done += count
        if progress is not None:
            progress(done, total)


def segments(
    executor: Executor,
    press: Press,
    palette: np.ndarray,
    sheets: Iterable[Sheet],
    durations_s: Sequence[float],
    jobs: int,
    *,
    helping: bool = False,
) -> Iterator[tuple[int, bytes]]:
    """Yield for each chunk, in order, how many frames it has and its piece of the file.

    Args:
        executor: who does the work.
        press: paints the frames.
        palette: (C, 3) uint8.
        sheets: of all frames, taken one at a time.
        durations_s: of all frames.
        jobs: how many chunks the executor can work on at a time.

    Raises:
        GraphvizError: Graphviz is missing or fails; the message names the frame.
        WorkerError: a worker died.
    """
    tasks = _chunks(press, palette, sheets, durations_s)
    for start, blocks in enumerate(answers_in_order(executor, make_segment, tasks, 2 * jobs, helping=helping)):
        yield min(EXACT_EVERY, len(durations_s) - start * EXACT_EVERY), blocks


def _chunks(
    press: Press, palette: np.ndarray, sheets: Iterable[Sheet], durations_s: Sequence[float]
) -> Iterator[Chunk]:
    pickled = pickle.dumps(press)
    before: Sheet | None = None
    # The frame before a chunk is exact, so the viewer's picture is known without the frames before that one.
    for chunk in in_chunks(sheets, EXACT_EVERY):
        first = chunk[0].index
        yield Chunk(pickled, palette, chunk, before, durations_s[first : first + len(chunk)], len(durations_s))
        before = chunk[-1]


def make_segment(chunk: Chunk) -> bytes:
    """Paint and pack a chunk of frames.

    Raises:
        GraphvizError: Graphviz is missing or fails; the message names the frame.
    """
    sheets = list(chunk.sheets) if chunk.before is None else [chunk.before, *chunk.sheets]
    images = _press(chunk.press).paint(sheets, at_once=len(sheets))
    packer = FramePacker(chunk.palette)
    if chunk.before is not None:
        packer.begin_behind(next(images))
    return b"".join(
        packer.pack(image, round(100 * duration_s), exact=is_exact(sheet.index, chunk.count))
        for image, sheet, duration_s in zip(images, chunk.sheets, chunk.durations_s, strict=True)
    )


def _press(pickled: bytes) -> Press:
    # A canvas takes long to make and belongs to one thread. The bytes come from the process that asked for the work.
    if getattr(_mine, "pickled", None) != pickled:
        _mine.press = pickle.loads(pickled)
        _mine.pickled = pickled
    press: Press = _mine.press
    return press
