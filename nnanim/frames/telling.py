"""Tell how many snapshots are read, whatever reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, overload

from nnanim.frames.readers import Readers
from nnanim.options import Options
from nnanim.reading.run import Run, Snapshot

Read = Callable[[Run, Sequence[Snapshot], Options, Readers], Any]


class _Told(Sequence[Snapshot]):
    """Snapshots that tell how many were done when another one is taken."""

    def __init__(self, snapshots: Sequence[Snapshot], progress: Callable[[int, int], None]) -> None:
        self._snapshots, self._progress = snapshots, progress

    def __len__(self) -> int:
        return len(self._snapshots)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Snapshot]: ...
    def __getitem__(self, index: int | slice) -> Snapshot | Sequence[Snapshot]:
        found = self._snapshots[index]
        if not isinstance(index, slice):
            self._progress(range(len(self))[index], len(self))
        return found


def telling(read: Read, progress: Callable[[int, int], None] | None) -> Read:
    """Let what reads snapshots tell how far it is.

    Args:
        read: takes a run, its snapshots, options and readers; it may take each snapshot more than once, or have the
            readers tell.
        progress: called with how many snapshots are read and how many there are; or None.
    """
    if progress is None:
        return read
    told = progress

    def reading(run: Run, snapshots: Sequence[Snapshot], options: Options, readers: Readers) -> Any:
        found = read(run, _Told(snapshots, told), options, replace(readers, progress=told))
        told(len(snapshots), len(snapshots))
        return found

    return reading
