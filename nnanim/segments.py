"""Chunks of an animation to pieces of a GIF, each on its own: joined in order they are the same file for any number of
processes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from nnanim.encoders.gif import EXACT_EVERY, is_exact
from nnanim.encoders.gif_frames import FramePacker
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


def segments(
    executor: Executor,
    press: Press,
    palette: np.ndarray,
    sheets: Iterable[Sheet],
    durations_s: Sequence[float],
    jobs: int,
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
    for start, blocks in enumerate(answers_in_order(executor, make_segment, tasks, 2 * jobs)):
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
