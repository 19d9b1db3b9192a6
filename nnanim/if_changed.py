"""Leave an output untouched when nothing changed: what it was made from is kept inside the file itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nnanim import __version__
from nnanim.encoders.seal import PREFIX, is_sealed, sealable
from nnanim.encoders.targets import Target
from nnanim.errors import RunError
from nnanim.options import Options
from nnanim.reading.run import Run

__all__ = ["PREFIX", "fingerprint", "is_current"]

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
        digest.update(f"\n{path.name}\n{len(content)}\n".encode(errors="backslashreplace"))
        digest.update(content)
    return PREFIX + digest.hexdigest()


def is_current(target: Target, made_from: str) -> bool:
    """Tell whether an output says that it was made from just this, and is whole."""
    return is_sealed(target.path, sealable(made_from))
