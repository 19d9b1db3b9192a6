"""Files that appear whole or not at all, and the encoders that write them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from nnanim.encoders.places import clear_litter, put_into_place, refuse_read_only
from nnanim.errors import OutputError
from nnanim.options import STILL_SUFFIXES, SUFFIXES, about_suffix

EXACT_EVERY = 32  # frames of a GIF: an exact one does not depend on those before it, so others can pack the next ones

__all__ = ["EXACT_EVERY", "STILL_SUFFIXES", "SUFFIXES", "check_target", "whole_file"]

_mark = ContextVar("mark", default="")


def check_target(path: str | Path, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """Refuse a target that could never be written, before any work is done.

    Args:
        path: the file to be.
        suffixes: those that can be written.

    Raises:
        OutputError: unknown suffix, missing folder, a folder or a device in the target's place, a read-only file, or no
            permission.
    """
    path = Path(path)
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r} is no name that a file can have")
    if path.suffix.lower() not in suffixes:
        raise OutputError(about_suffix(path, suffixes))
    folder = path.parent
    if not os.path.exists(folder):
        raise OutputError(f"the folder {str(folder)!r} of the output {path.name!r} does not exist")
    if not folder.is_dir():
        raise OutputError(f"{str(folder)!r} is not a folder, so {path.name!r} cannot be written into it")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:  # a name too long, a link to itself
        raise OutputError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    if mode is not None and not stat.S_ISREG(mode):
        raise OutputError(f"the output {str(path)!r} exists and is not a file")
    if mode is not None:
        refuse_read_only(path, mode)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {str(folder)!r} of the output {path.name!r} is not writable")
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside the target, and move the file into place if all goes well."""
    target = path.resolve()  # a link keeps pointing to the file it points to
    clear_litter(target.parent)
    temporary = temporary_beside(target)
    try:
        yield temporary
        put_into_place(temporary, target)
    except OutputError:
        raise
    except OSError as error:
        reason = error
        while isinstance(reason.__cause__, OSError):  # imageio hides the system's words behind its own
            reason = reason.__cause__
        raise OutputError(f"{str(path)!r} cannot be written: {reason.strerror or reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(target: Path, end: str = "tmp") -> Path:
    """Return a path that nothing has, in the folder of a target; its own name, as the target's may fill the limit."""
    return target.with_name(f".nnanim-{_mark.get()}{os.urandom(4).hex()}.{end}")


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Put a mark into the names of temporary files, so that another process can sweep up behind one that was killed."""
    before = _mark.set(mark)
    try:
        yield
    finally:
        _mark.reset(before)


def sweep_up(mark: str, target: str | Path) -> None:
    """Remove what a process with a mark has left beside a target."""
    for leftover in Path(target).resolve().parent.glob(f".nnanim-{mark}*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
