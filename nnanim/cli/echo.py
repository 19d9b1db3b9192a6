"""The one place where the commands write: results to standard output, all else to standard error.

Everything is made printable first. A standard output that is closed or full is an error; a standard error that is
closed or full changes nothing: the exit code still says how it went.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from nnanim.errors import OutputError
from nnanim.printable import printable, printable_json

CLOSED = "standard output is closed"
PLACES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # other names of standard output


def is_stdout(path: str | Path) -> bool:
    """Tell whether a path is standard output by another name than ``-``."""
    return os.path.normpath(path) in PLACES


def prepare_streams() -> None:
    """Make standard streams harmless: nothing that is opened later may become one, and no character breaks them.

    A program that was started with a closed stream gets its number for the next file that it opens, and what is then
    written to the stream ends up in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, so this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (for as long as the program runs)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def tell(text: str) -> None:
    """Write a line for people to standard error, if that is possible."""
    with suppress(OSError, ValueError):
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def overwrite(text: str) -> None:
    """Write over the current line of standard error, which `text` returns to the beginning of, if that is possible."""
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(character if character == "\r" else printable(character) for character in text))
        sys.stderr.flush()


def show(lines: Iterable[str]) -> None:
    """Write lines to standard output.

    Raises:
        OutputError: it is closed, or cannot take them.
    """
    _write("".join(printable(line) + "\n" for line in lines))


def show_json(value: Any) -> None:
    """Write JSON to standard output.

    Raises:
        OutputError: it is closed, or cannot take it.
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    _write(printable_json(value, is_ascii=not encoding.startswith("utf")) + "\n")


def pass_on(path: Path) -> None:
    """Write a file's bytes to standard output.

    Raises:
        OutputError: it is closed, or cannot take them.
    """
    stream = checked_stdout()
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, stream.buffer)
        stream.buffer.flush()
    except OSError as error:
        raise broken(error) from error


def checked_stdout() -> TextIO:
    """Return standard output.

    Raises:
        OutputError: it is closed.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OutputError(CLOSED)
    return sys.stdout


def can_show_progress() -> bool:
    """Tell whether standard error is a terminal."""
    try:
        return sys.stderr.isatty()
    except ValueError:  # it is closed
        return False


def _write(text: str) -> None:
    stream = checked_stdout()
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        raise broken(error) from error


def broken(error: OSError) -> OSError:
    """Return the error to raise where standard output failed, and try it no more."""
    # What is still held back must not be tried again when the program ends, which would change the exit code.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return error  # whoever reads has seen enough, as `head` has
    return OutputError(f"standard output cannot be written: {error.strerror or error}")
