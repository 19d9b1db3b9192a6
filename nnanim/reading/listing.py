"""Names of files in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

LISTED = 5


def name_in(folder: Path, path: Path) -> str:
    """Return the name of a file within a folder, with the folders between."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def some(names: Sequence[str]) -> str:
    """List a few names, and how many more there are."""
    return ", ".join(map(repr, names[:LISTED])) + more(len(names))


def more(count: int) -> str:
    """Say how many are not listed."""
    return f" and {count - LISTED} more" if count > LISTED else ""
