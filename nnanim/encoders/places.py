"""Where outputs lie: that no two are one file and none is an input, what a killed run left there, and how a finished
file takes the place of an older one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from nnanim.errors import OptionError, OutputError

INDEX = "frames.json"  # in a folder of numbered pictures
DAY_S = 86_400  # what is older was left behind by a run that was killed
_LITTER = re.compile(r"\.nnanim-(?:[0-9a-f]{8}-)?[0-9a-f]{8}\.(?:tmp|old)")
_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def refuse_same(paths: Sequence[str | Path]) -> None:
    """Refuse outputs of which two are one file, whatever they are called, or of which one lies in another.

    Upper and lower case do not tell two outputs apart: on many disks they are one file.

    Raises:
        OptionError: names the two.
    """
    known: dict[tuple[object, ...], str | Path] = {}
    places = [Path(os.path.realpath(path)) for path in paths]
    for path, place in zip(paths, places, strict=True):
        for mark in _marks(place):
            other = known.setdefault(mark, path)
            if other is not path:
                if os.path.normpath(other) == os.path.normpath(path):
                    raise OptionError("the same output was given twice")
                raise OptionError(f"the outputs {str(other)!r} and {str(path)!r} are one file")
    for path, place in zip(paths, places, strict=True):
        for other, folder in zip(paths, places, strict=True):
            if folder in place.parents:
                raise OptionError(f"the output {str(path)!r} would lie in the output {str(other)!r}")


def refuse_inputs(outputs: Sequence[str | Path], inputs: Iterable[Path]) -> None:
    """Refuse outputs that would overwrite what is drawn.

    Raises:
        OptionError: names the file.
    """
    read = {mark for path in inputs for mark in _marks(Path(os.path.realpath(path)))}
    for path in outputs:
        if not read.isdisjoint(_marks(Path(os.path.realpath(path)))):
            raise OptionError(f"the output {str(path)!r} is a file of the result folder, which would be overwritten")


def _marks(place: Path) -> list[tuple[object, ...]]:
    marks: list[tuple[object, ...]] = [(str(place).casefold(),)]
    with suppress(OSError, ValueError):
        found = place.stat()
        if found.st_ino:
            marks.append((found.st_dev, found.st_ino))
    return marks


def clear_litter(folder: Path) -> None:
    """Remove what killed runs have left in a folder more than a day ago: ours by name, and no link is followed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _LITTER.fullmatch(entry.name):
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if time.time() - max(found.st_mtime, found.st_ctime) < DAY_S:  # a folder that was moved is no older
                    continue
                if stat.S_ISDIR(found.st_mode):
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif stat.S_ISREG(found.st_mode):
                    os.unlink(entry.path)


def put_into_place(temporary: Path, target: Path) -> None:
    """Let a finished file take the place of its target, with mode and owner of the older one as far as allowed.

    A file that is mounted by itself, as containers do, cannot be replaced: it is written in place, and that is told.

    Raises:
        OSError: it cannot be done.
    """
    with suppress(FileNotFoundError):
        _take_after(temporary, target.stat())
    try:
        os.replace(temporary, target)
    except OSError as error:
        if error.errno != errno.EBUSY or not target.is_file():
            raise
        shutil.copyfile(temporary, target)
        note(f"{str(target)!r} is mounted by itself, so it was written in place: if that is broken off, it is lost")


def _take_after(path: Path, older: os.stat_result) -> None:
    if hasattr(os, "chown"):
        for owner, group in ((older.st_uid, -1), (-1, older.st_gid)):
            with suppress(OSError):  # only root gives files away, and others only to their own groups
                os.chown(path, owner, group)
    with suppress(OSError):
        os.chmod(path, stat.S_IMODE(older.st_mode) & 0o777)


def refuse_read_only(path: Path, mode: int) -> None:
    """Refuse to replace a file that its owner has protected; replacing would need no permission of it.

    Raises:
        OutputError: it is read-only.
    """
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK):
        raise OutputError(f"the output {str(path)!r} exists and is read-only (allow writing, or choose another name)")


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect what a user should be told about how outputs were written."""
    notes: list[str] = []
    before = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(before)


def note(text: str) -> None:
    """Tell something about how an output was written, where somebody collects it."""
    notes = _notes.get()
    if notes is not None:
        notes.append(text)
