"""Text of a log, whatever it was encoded in."""

from __future__ import annotations

import codecs
from pathlib import Path

from nnanim.errors import LogError

MAX_LOG_BYTES = 2**27
# The longer mark first: UTF-32's begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LEAST_GAP = 8  # more zeros than the last letter of UTF-32 has
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def read_bytes(path: Path, hint: str) -> bytes:
    """Read a whole log.

    Raises:
        LogError: the file cannot be opened, is empty or too large.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LOG_BYTES + 1)
    except OSError as error:
        raise LogError(f"cannot open log {where!r}: {error.strerror} ({hint})") from error
    if len(data) > MAX_LOG_BYTES:
        raise LogError(f"log {where!r} is too large (at most {MAX_LOG_BYTES} bytes are read)")
    data = _without_gap(data)
    if not data.strip():
        raise LogError(f"log {where!r} is empty ({hint})")
    return data


def read_utf8(path: Path, hint: str) -> tuple[bytes, list[str]]:
    """Read a whole log as UTF-8 without a byte order mark, and return it with what a user should be told of it.

    UTF-16 is known by its mark or by its NULs; what is neither that nor UTF-8 is taken for Windows-1252, the Latin-1 of
    Windows, with a note.

    Raises:
        LogError: the file cannot be opened, is empty, too large, or no text.
    """
    data = read_bytes(path, hint)
    form = encoding_of(data)
    if form == "utf-8":
        data = data.removeprefix(codecs.BOM_UTF8)
        if data.isascii():
            return data, []
    try:
        text = data.decode(form)
    except UnicodeDecodeError:
        if form != "utf-8" or any(byte in _CONTROLS for byte in data[:4096]):
            raise LogError(f"log {str(path)!r} is not {form.upper()} text ({hint})") from None
        note = f"log {str(path)!r} is not UTF-8: it is taken for Latin-1 (Windows-1252)"
        return data.decode("cp1252", "replace").encode(), [note]
    return (data if form == "utf-8" else text.removeprefix("\ufeff").encode()), []


def read_text(path: Path, hint: str) -> tuple[str, list[str]]:
    """Do as `read_utf8`, but return a string."""
    data, notes = read_utf8(path, hint)
    return data.decode(), notes


def start_of(path: Path, size: int = 2**16) -> str:
    """Return the first characters of a file, or an empty string where it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            return decoded(_without_gap(file.read(size)))
    except OSError:
        return ""


def decoded(head: bytes) -> str:
    """Return the first bytes of a file as text, which may be cut in a character; none where it is no text."""
    form = encoding_of(head)
    text = head.decode(form, "replace").removeprefix("\ufeff")
    return "" if any(ord(letter) in _CONTROLS for letter in text[:1024]) else text


def _without_gap(data: bytes) -> bytes:
    """Leave out the zeros that a file ends in where the machine stopped before its last blocks were written."""
    text = data.rstrip(b"\0")
    if len(data) - len(text) < _LEAST_GAP:
        return data
    return text + b"\0" * (0 if encoding_of(text) == "utf-8" else -len(text) % 4)


def encoding_of(data: bytes) -> str:
    """Return the encoding that the first bytes of a text tell; UTF-8 where they tell none."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    head = data[:512]
    if len(head) >= 4 and 0.8 * len(head) <= 2 * head.count(0) <= len(head) + 1:
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    return "utf-8"
