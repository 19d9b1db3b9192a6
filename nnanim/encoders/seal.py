"""A seal on an output: the digest of all its other bytes, inside the file itself.

The comment of a file that is to be left alone while nothing changes is ``nnanim:sha256:<made from>:<seal>``. The seal
is zeros while the file is written, and is then overwritten with the digest of the file as it was with zeros. So a file
that was cut off or changed does not pass for the one that was made.

A GIF or a video has no seal: other programs make them smaller, keep their comment, and that is still the same picture.
Of these only the structure is looked at, in `nnanim.if_changed`.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnanim.encoders.places import INDEX

PREFIX = "nnanim:sha256:"
DIGITS = 64
UNSEALED = "0" * DIGITS
_COMMENT = re.compile(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}:{UNSEALED}")
_PNG = b"\x89PNG"


def sealable(made_from: str) -> str:
    """Return the comment for a file, given what it is made from as `nnanim.if_changed.fingerprint` says it."""
    return f"{made_from}:{UNSEALED}"


def without_seal(comment: str) -> str:
    """Return a comment without the room for a seal."""
    return comment.removesuffix(":" + UNSEALED)


@contextmanager
def sealed(path: Path, comment: str | None) -> Iterator[None]:
    """Seal an output when it is written, if its comment has room for that.

    Args:
        path: a file, or a folder of frames.
        comment: what was kept in it.
    """
    yield
    if comment is None or not _COMMENT.fullmatch(comment):
        return
    file = path / INDEX if path.is_dir() else path
    data = bytearray(file.read_bytes())
    place = data.find(comment.encode("ascii"))
    if place >= 0:
        start = place + len(comment) - DIGITS
        _put(data, start, _digest(path, data))
        with file.open("r+b") as opened:
            opened.seek(start)
            opened.write(data[start : start + DIGITS + 4])  # and the checksum behind it, where there is one


def is_sealed(path: Path, comment: str) -> bool:
    """Tell whether an output has this comment and is as it was when it was sealed.

    Args:
        path: a file, or a folder of frames.
        comment: as `sealable` made it.
    """
    file = path / INDEX if path.is_dir() else path
    try:
        data = bytearray(file.read_bytes())
        place = data.find(comment[:-DIGITS].encode("ascii"))
        if place < 0:
            return False
        start = place + len(comment) - DIGITS
        seal = bytes(data[start : start + DIGITS])
        whole = bytes(data)
        _put(data, start, UNSEALED.encode("ascii"))
        digest = _digest(path, data)
        _put(data, start, digest)
        return seal == digest and whole == data
    except OSError:  # there is none
        return False


def _put(data: bytearray, start: int, seal: bytes) -> None:
    data[start : start + DIGITS] = seal
    if data.startswith(_PNG):  # the seal ends a chunk, whose checksum follows
        begin = data.rfind(b"tEXt", 0, start)
        end = start + DIGITS
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[begin:end]))


def _digest(path: Path, data: bytearray) -> bytes:
    digest = hashlib.sha256(data)
    if path.is_dir():
        for picture in sorted(path.glob("*.png")):
            content = picture.read_bytes()
            digest.update(f"\n{picture.name}\n{len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest().encode("ascii")
