"""Opening a file that another file names: it may be a pipe, which never ends, or no name at all."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or device is closed again without waiting for it.

    Raises:
        OSError: it cannot be opened, is no regular file, or its name cannot be one.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        number = os.open(path, flags)
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise OSError(0, "no file can have this name") from error
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(0, "it is no regular file")
        return os.fdopen(number, "rb")
    except OSError:
        os.close(number)
        raise


def is_plain_name(name: str) -> bool:
    """Tell whether a name that a file gives is that of a file beside it, and leads nowhere else."""
    return name not in ("", ".", "..") and not any(mark in name for mark in "/\\\0")


def lies_with(file: Path, index: Path) -> bool:
    """Tell whether a file that another one names lies with it, all links followed.

    That is in its folder or below, in the folder that it is a link to, or in the cache that both are linked to.

    Source of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache, ``snapshots/REVISION/NAME``
    are links to ``blobs/HASH``.
    """
    if not os.path.islink(file) and file.parent == index.parent:
        return True
    try:
        target, beside, behind = (Path(os.path.realpath(each)) for each in (file, index.parent, index))
    except (OSError, ValueError):
        return False
    if target.is_relative_to(beside) or target.parent == behind.parent:
        return True
    return beside.parent.name == "snapshots" and target.parent == beside.parent.parent / "blobs"
