"""Numbers and the words that they go with."""

from __future__ import annotations


def counted(count: float, noun: str) -> str:
    """Return a count with its noun: ``1 snapshot``, ``2 snapshots``, ``0.5 epochs``."""
    number = str(count) if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun}" if count == 1 else f"{number} {noun}s"
