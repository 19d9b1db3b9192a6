"""How many processes there may be, and when more than one is worth the while. Light to import."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nnanim.encoders.whole_file import EXACT_EVERY

CHUNK = 8  # frames that are packed at a time: little to wait for, and to keep in memory
FRAME_S, EDGE_S = 0.004, 0.000035  # for one process to draw a frame, and for each edge in it
PACK_S = {
    "gif": 0.0025,
    "apng": 0.025,
    "webp": 0.019,
    "mp4": 0.003,
    "webm": 0.003,
    "svg": 0.003,
    "avif": 0.001,
    "frames": 0.025,
}  # and to pack it
WORTH_S = 0.35  # of work for the others: less than 0.25 took longer, and they use a second of CPU before they begin


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunk_length(formats: Sequence[str]) -> int:
    """Return how many frames are packed at a time; fewer cannot be shared."""
    return EXACT_EVERY if {"gif", "webp"} & set(formats) else CHUNK


def pays_off(frames: int, edges: int, jobs: int, formats: Sequence[str]) -> bool:
    """Tell whether several processes draw an animation sooner than one, by what was measured."""
    films = [each for each in formats if each in PACK_S]
    if not films or jobs < 2:
        return False
    each_s = FRAME_S + EDGE_S * edges + sum(PACK_S[each] for each in films)
    theirs = min(frames * (jobs - 1) / jobs, frames - chunk_length(films))
    return theirs * each_s > WORTH_S
