"""Leave an output untouched when nothing changed: what it was made from is kept inside the file itself."""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from nnanim import __version__
from nnanim.encoders.seal import PREFIX, is_sealed, sealable
from nnanim.encoders.targets import Target
from nnanim.errors import RunError
from nnanim.options import Options
from nnanim.reading.run import Run

__all__ = ["PREFIX", "fingerprint", "is_current"]

Bytes = mmap.mmap
PICTURE, EXTENSION, END_OF_GIF = b",!;"  # what a block of a GIF begins with
_LOOKLESS = ("engine",)  # options that do not change the picture


def fingerprint(run: Run, options: Options) -> str:
    """Return a text that changes with the snapshots, the log, the options and nnanim's version.

    Raises:
        RunError: a file cannot be read any more.
    """
    digest = hashlib.sha256()
    chosen = {name: value for name, value in asdict(options).items() if name not in _LOOKLESS}
    drawn = [layer.key for layer in run.layers]
    told = [__version__, run.path.resolve().name, run.declared_shape, chosen, drawn]
    if options.view == "matrix":
        told.append(list(run.asked))
    digest.update(json.dumps(told, sort_keys=True, default=str).encode())
    files = list(run.files)
    if options.font is not None:
        files.append(Path(options.font))
    for path in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RunError(f"{str(path)!r} cannot be read: {error.strerror}") from error
        digest.update(f"\n{path.name}\n{len(content)}\n".encode(errors="backslashreplace"))
        digest.update(content)
    return PREFIX + digest.hexdigest()


def is_current(target: Target, made_from: str) -> bool:
    """Tell whether an output says that it was made from just this, and is whole."""
    is_whole = _IS_WHOLE.get(target.format)
    if is_whole is None:
        return is_sealed(target.path, sealable(made_from))
    try:
        with target.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(made_from.encode("ascii")) >= 0 and is_whole(data)
    except (OSError, ValueError, IndexError, struct.error):  # there is none, it is empty, or it ends in the midst
        return False


def _is_whole_gif(data: Bytes) -> bool:
    """Follow the blocks of a GIF: there is a picture, and the end is where the file ends."""
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        return False
    place, pictures = 13 + _colors_length(data[10]), 0
    while (kind := data[place]) != END_OF_GIF:
        if kind == EXTENSION:
            place += 2
        elif kind == PICTURE:
            place += 11 + _colors_length(data[place + 9])
            pictures += data[place] > 0
        else:
            return False
        while (length := data[place]) > 0:
            place += 1 + length
        place += 1
    return pictures > 0 and place + 1 == len(data)


def _colors_length(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _is_whole_mp4(data: Bytes) -> bool:
    """Follow the boxes of an MP4 (ISO/IEC 14496-12): they fill the file, and there are pictures and their index."""
    place, kinds = 0, set()
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, place + 8)
        if length < 8:
            return False
        kinds.add(kind)
        place += length
    return place == len(data) and {b"ftyp", b"moov", b"mdat"} <= kinds


def _is_whole_webm(data: Bytes) -> bool:
    """Follow the elements of a WebM (RFC 8794): its segment fills the file."""
    head, place = _element(data, 0)
    segment, start = _element(data, place + head[1])
    return head[0] == b"\x1a\x45\xdf\xa3" and segment[0] == b"\x18\x53\x80\x67" and start + segment[1] == len(data)


def _element(data: Bytes, place: int) -> tuple[tuple[bytes, int], int]:
    """Return the four bytes that name an element, its length, and where its content begins."""
    width = 9 - data[place + 4].bit_length()
    length = int.from_bytes(data[place + 4 : place + 4 + width], "big") - (1 << 7 * width)
    return (bytes(data[place : place + 4]), length), place + 4 + width


_IS_WHOLE: dict[str, Callable[[Bytes], bool]] = {"gif": _is_whole_gif, "mp4": _is_whole_mp4, "webm": _is_whole_webm}
