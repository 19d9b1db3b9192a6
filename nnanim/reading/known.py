"""What is known of a folder that is looked at again and again, so that what has not changed costs little."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnanim.reading.snapshots.contents import Contents

Stamp = tuple[int, int, int]  # inode, bytes, time of the last change in ns


@dataclass
class Known:
    """What was seen of a folder.

    Attributes:
        read: what each snapshot says of itself, and the stamp that it had then.
    """

    read: dict[Path, tuple[Stamp, Contents]] = field(default_factory=dict)
    _filled: dict[Path, tuple[Contents, Hashable, Contents]] = field(default_factory=dict)
    _paths: dict[Path, dict[str, Path]] = field(default_factory=dict)

    def path(self, place: Path, name: str) -> Path:
        """Return the path of a file in a folder, always the same object, which remembers its parts and its hash."""
        inside = self._paths.setdefault(place, {})
        path = inside.get(name)
        if path is None:
            path = inside[name] = place / name
        return path

    def with_counters(self, contents: Contents, **counters: Any) -> Contents:
        """Return what a snapshot says of itself with its counters, the same object where both are as before."""
        key = tuple(counters.values())
        before = self._filled.get(contents.path)
        if before is not None and before[0] is contents and before[1] == key:
            return before[2]
        filled = replace(contents, **counters)
        self._filled[contents.path] = contents, key, filled
        return filled

    def keep(self, there: Container[Path]) -> None:
        """Forget all files but those that are there."""
        for gone in [path for path in self.read if path not in there]:
            del self.read[gone]
        for gone in [path for path in self._filled if path not in there]:
            del self._filled[gone]
        for place, inside in list(self._paths.items()):
            for name in [name for name, path in inside.items() if path not in there]:
                del inside[name]
            if not inside:
                del self._paths[place]

    def stamp(self, path: Path) -> Stamp | None:
        """Return the stamp of a snapshot when it was read, or None."""
        return self.read[path][0] if path in self.read else None
