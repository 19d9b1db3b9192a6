"""Where an animation goes: formats, files and folders, several in one go. Each appears whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from nnanim.encoders import check_target, whole_file
from nnanim.encoders.movie import Add, Movie, Open
from nnanim.errors import OutputError
from nnanim.frame import Frame
from nnanim.options import FORMATS, SUFFIX_FORMATS, SUFFIXES

GIF = "gif"
FRAMES = "frames"
PAGE = "html"
# The modules are imported when they are needed: writing a GIF must not wait for the video library.
_WRITERS = {
    GIF: ("gif", "open_gif"),
    "apng": ("apng", "open_apng"),
    "webp": ("webp", "open_webp"),
    "mp4": ("video", "open_mp4"),
    "webm": ("video", "open_webm"),
    FRAMES: ("frames_folder", "open_frames"),
}
_OURS = re.compile(r"\d{5,}\.png|frames\.json")


@dataclass(frozen=True)
class Target:
    """A file or folder to be.

    Attributes:
        path: where it appears.
        format: one of `nnanim.options.FORMATS`.
    """

    path: Path
    format: str


def find_target(path: str | Path, file_format: str | None = None) -> Target:
    """Tell the format of an output, and refuse what could never be written, before any work is done.

    Args:
        path: a file, whose suffix says the format; or a folder that exists, or a text with a slash at its end, for
            numbered pictures.
        file_format: the format, whatever the name says.

    Raises:
        OutputError: unknown format or suffix, a place where nothing can be written, or PyAV is missing.
    """
    if file_format is not None and file_format not in FORMATS:
        raise OutputError(f"unknown format {file_format!r} of {str(path)!r} (must be one of {', '.join(FORMATS)})")
    is_folder = str(path).endswith(("/", os.sep)) or (os.path.isdir(path) and Path(path).suffix.lower() not in SUFFIXES)
    found = file_format or (FRAMES if is_folder else SUFFIX_FORMATS.get(Path(path).suffix.lower()))
    path = Path(path)
    if found == FRAMES:
        return Target(_check_folder(path), FRAMES)
    check_target(path, SUFFIXES if file_format is None else (path.suffix.lower(),))
    assert found is not None  # the suffix is one of those known
    if found in ("mp4", "webm"):
        from nnanim.encoders.video import check_video

        check_video()
    return Target(path, found)


@contextmanager
def open_targets(targets: list[Target], movie: Movie) -> Iterator[Add]:
    """Open all outputs that take frames; they appear together when all frames are there."""
    with ExitStack() as stack:
        adds = []
        for target in targets:
            place = whole_folder if target.format == FRAMES else whole_file
            temporary = stack.enter_context(place(target.path))
            adds.append(stack.enter_context(_open(target, temporary, movie)))

        def add(frame: Frame, image: np.ndarray) -> None:
            for each in adds:
                each(frame, image)

        yield add


def _open(target: Target, temporary: Path, movie: Movie) -> AbstractContextManager[Add]:
    module, name = _WRITERS[target.format]
    opened: Open = getattr(import_module(f"nnanim.encoders.{module}"), name)
    return opened(temporary, movie)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give the path of a folder to be made beside the target, and move it into place if all goes well."""
    target = path.resolve()
    temporary, old = (target.with_name(f".nnanim-{secrets.token_hex(4)}.{end}") for end in ("tmp", "old"))
    try:
        yield temporary
        _check_folder(path)  # nobody's file may have come in the meantime
        if target.exists():
            os.replace(target, old)
        try:
            os.replace(temporary, target)
        except OSError:
            if old.exists():
                os.replace(old, target)
            raise
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_folder(path: Path) -> Path:
    """Refuse a folder for frames that holds anything else: it is replaced as a whole."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"the output {str(path)!r} exists and is not a folder, as frames need")
    parent = path.resolve().parent
    if not parent.is_dir():
        raise OutputError(f"the folder {str(path.parent)!r} of the output {path.name!r} does not exist")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {str(path.parent)!r} of the output {path.name!r} is not writable")
    foreign = sorted(entry.name for entry in path.iterdir() if not _is_ours(entry)) if path.is_dir() else []
    if foreign:
        raise OutputError(
            f"the folder {str(path)!r} holds {foreign[0]!r}, which is no frame: frames are written into a new folder,"
            " an empty one, or one that holds frames only"
        )
    return path


def _is_ours(entry: Path) -> bool:
    return bool(_OURS.fullmatch(entry.name)) and entry.is_file()
