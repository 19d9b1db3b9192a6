"""Leave an output untouched when nothing changed: what it was made from is kept inside the file itself."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nnanim import __version__
from nnanim.encoders.frames_folder import INDEX, picture_name
from nnanim.encoders.targets import FRAMES, Target
from nnanim.errors import RunError
from nnanim.options import Options
from nnanim.reading.run import Run

PREFIX = "nnanim:sha256:"
_LOOKLESS = ("engine",)  # options that do not change the picture


def fingerprint(run: Run, shape: Sequence[int] | None, options: Options) -> str:
    """Return a text that changes with the snapshots, the log, the options and nnanim's version.

    Raises:
        RunError: a file cannot be read any more.
    """
    digest = hashlib.sha256()
    chosen = {name: value for name, value in asdict(options).items() if name not in _LOOKLESS}
    drawn = [layer.key for layer in run.layers]
    told = [__version__, run.path.resolve().name, shape, chosen, drawn]
    digest.update(json.dumps(told, sort_keys=True, default=str).encode())
    files = list(run.files)
    if options.font is not None:
        files.append(Path(options.font))
    for path in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RunError(f"{str(path)!r} cannot be read: {error.strerror}") from error
        digest.update(f"\n{path.name}\n{len(content)}\n".encode())
        digest.update(content)
    return PREFIX + digest.hexdigest()


def is_current(target: Target, made_from: str) -> bool:
    """Tell whether an output says that it was made from just this."""
    path = target.path
    if target.format == FRAMES:
        index = path / INDEX
        if not _holds(index, made_from):
            return False
        count = len(json.loads(index.read_text(encoding="utf-8"))["frames"])
        return all((path / picture_name(number)).is_file() for number in range(count))
    return _holds(path, made_from)


def _holds(path: Path, text: str) -> bool:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(text.encode("ascii")) >= 0
    except (OSError, ValueError):  # there is none, or it is empty
        return False
