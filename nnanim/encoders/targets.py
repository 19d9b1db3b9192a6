"""Where an animation goes: formats, files and folders, several in one go. Each appears whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnanim.encoders.places import clear_litter, refuse_same
from nnanim.encoders.seal import sealed
from nnanim.encoders.whole_file import check_target, temporary_beside, whole_file
from nnanim.errors import OutputError
from nnanim.options import FORMATS, SUFFIX_FORMATS, SUFFIXES

if TYPE_CHECKING:  # outputs are checked before anything heavy is imported
    from nnanim.encoders.movie import Append, Movie, Open, Packer
    from nnanim.frames.frame import Frame

GIF = "gif"
FRAMES = "frames"
PAGE = "html"
SVG = "svg"
AVIF = "avif"
VIDEOS = ("mp4", "webm")
# Module and name of the two halves. They are imported when they are needed: writing a GIF must not wait for the video
# library, and who packs need not be able to write.
_PACKERS = {
    GIF: ("gif_frames", "GifPacker"),
    "apng": ("apng", "ApngPacker"),
    "webp": ("webp", "WebpPacker"),
    AVIF: ("avif", "AvifPacker"),
    "mp4": ("video", "VideoPacker"),
    "webm": ("video", "VideoPacker"),
    SVG: ("svg", "SvgPacker"),
    FRAMES: ("frames_folder", "PngPacker"),
}
_WRITERS = {
    GIF: ("gif", "open_gif"),
    "apng": ("apng", "open_apng"),
    "webp": ("webp", "open_webp"),
    AVIF: ("avif", "open_avif"),
    "mp4": ("video", "open_mp4"),
    "webm": ("video", "open_webm"),
    SVG: ("svg", "open_svg"),
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
        OutputError: unknown format or suffix, a place where nothing can be written, or PyAV or Pillow's AVIF codec is
            missing.
    """
    if file_format is not None and file_format not in FORMATS:
        raise OutputError(f"unknown format {file_format!r} of {str(path)!r} (must be one of {', '.join(FORMATS)})")
    is_folder = str(path).endswith(("/", os.sep)) or (os.path.isdir(path) and Path(path).suffix.lower() not in SUFFIXES)
    found = file_format or (FRAMES if is_folder else SUFFIX_FORMATS.get(Path(path).suffix.lower()))
    path = Path(path)
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r} is no name that a file can have")
    if found == FRAMES:
        return Target(_check_folder(path), FRAMES)
    check_target(path, SUFFIXES if file_format is None else (path.suffix.lower(),))
    assert found is not None  # the suffix is one of those known
    if found in VIDEOS:
        from nnanim.encoders.video import check_video

        check_video()
    if found == AVIF:
        from nnanim.encoders.avif import check_avif

        check_avif()
    return Target(path, found)


def find_targets(paths: Sequence[str | Path], file_format: str | None = None) -> list[Target]:
    """Do as `find_target` for several outputs, and refuse those that get in each other's way.

    Raises:
        OutputError: as `find_target`.
        OptionError: two are one file, or one lies in another.
    """
    targets = [find_target(path, file_format) for path in paths]
    refuse_same(paths)
    return targets


def make_packers(formats: Sequence[str], movie: Movie) -> list[Packer]:
    """Make what packs pictures, for each of the formats."""
    return [_named(*_PACKERS[each])(movie) for each in formats]


@contextmanager
def open_targets(
    targets: Sequence[Target], movie: Movie, frames: Sequence[Frame]
) -> Iterator[Callable[[int, Sequence[Any]], None]]:
    """Open all outputs that take frames; they appear together when all frames are there.

    Args:
        targets: the outputs.
        movie: what is known of the frames.
        frames: what they mean, for formats that tell.

    Returns:
        A function to append a frame with, given by its index and, for each target, what a packer made of it.
    """
    with ExitStack() as stack:
        appends: list[Append] = []
        for target in targets:
            place = whole_folder if target.format == FRAMES else whole_file
            temporary = stack.enter_context(place(target.path))
            opened: Open = _named(*_WRITERS[target.format])
            stack.enter_context(sealed(temporary, movie.comment))
            appends.append(stack.enter_context(opened(temporary, movie, frames)))

        def append_all(index: int, packed: Sequence[Any]) -> None:
            for append, each in zip(appends, packed, strict=True):
                append(index, each)

        yield append_all


def _named(module: str, name: str) -> Any:
    return getattr(import_module(f"nnanim.encoders.{module}"), name)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give the path of a folder to be made beside the target, and move it into place if all goes well."""
    target = path.resolve()
    clear_litter(target.parent)
    temporary, old = temporary_beside(target), temporary_beside(target, "old")
    try:
        yield temporary
        _check_folder(path)  # nobody's file may have come in the meantime
        if target.exists():
            shutil.copymode(target, temporary)
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
