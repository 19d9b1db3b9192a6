"""Which files a result folder holds and whether they are still the same, told without opening any."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nnanim.reading.below import is_temporary
from nnanim.reading.known import Known, Stamp

MAX_DEPTH = 6  # as far down as logs of MLflow lie
MAX_FOLDERS = 2000

Listing = dict[Path, Stamp]


def list_files(folder: Path, apart_from: Sequence[Path] = (), known: Known | None = None) -> Listing:
    """Return every file in and below a folder with its stamp; what cannot be listed or has just gone is not there.

    Temporary files are left out. Links to folders are followed, each folder once.

    Args:
        folder: the result folder, which need not be there yet.
        apart_from: files and folders to leave out, such as those that are written while the folder is followed.
        known: of who looks at the folder again and again.
    """
    known = Known() if known is None else known
    left_out = {os.path.realpath(path) for path in apart_from}
    found: Listing = {}
    seen: set[str] = set()
    waiting = [(folder, 0)]
    while waiting and len(seen) < MAX_FOLDERS:
        place, depth = waiting.pop()
        real = os.path.realpath(place)
        if real in seen or real in left_out:
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            if is_temporary(entry.name):
                continue
            path = known.path(place, entry.name)
            try:
                if entry.is_dir():
                    if depth < MAX_DEPTH:
                        waiting.append((path, depth + 1))
                elif not left_out or os.path.join(real, entry.name) not in left_out:
                    found[path] = stamp(path)
            except OSError:
                continue
    return found


def stamp(path: Path) -> Stamp:
    """Return what changes when a file is written again.

    Raises:
        OSError: there is no such file.
    """
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
