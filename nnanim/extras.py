"""What is not needed by everybody: the extras of ``pyproject.toml``, and how to get them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

EXTRAS: dict[str, tuple[str, ...]] = {  # and the packages of each
    "chainer": ("chainer",),
    "dask": ("distributed",),
    "match": ("scipy",),
    "orbax": ("backports.zstd",),
    "video": ("av",),
    "watch": ("starlette", "uvicorn", "watchfiles"),
}


def how_to_install(extra: str) -> str:
    """Return the command that installs the packages of an extra beside this nnanim, whatever nnanim came from.

    The packages are named, not ``nnanim[extra]``: that works from a checkout, a wheel and an index alike. The Python
    is the one that runs, since another one's ``pip`` would install where nobody looks.
    """
    return pip_install(*EXTRAS[extra])


def pip_install(*packages: str) -> str:
    """Return the command that installs packages beside this nnanim, as it can be typed here."""
    words = [_interpreter(), "-m", "pip", "install", *packages]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _interpreter() -> str:
    """Return this Python as it can be typed here: ``.venv/bin/python`` in the folder that holds ``.venv``."""
    python = sys.executable or "python"
    try:
        near = os.path.relpath(python)
    except ValueError:  # on another drive
        return python
    return python if near.startswith(os.pardir) or os.sep not in near else near
