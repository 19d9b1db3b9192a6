"""Follow a result folder: each look says whether there is a new picture of it, and what a user should be told.

A file counts when it is whole, which the readers tell by opening it; nothing is guessed from how long ago it was
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnanim.animation import Animation
from nnanim.errors import LogError, MetricError, NnanimError, RunError, SnapshotError
from nnanim.frames.readers import Readers
from nnanim.frames.weight_memory import WeightMemory
from nnanim.options import Options, Reading
from nnanim.reading.known import Known, Stamp
from nnanim.reading.opening import open_run
from nnanim.reading.run import LogMoment, Run, Snapshot
from nnanim.watching.listing import Listing, list_files, stamp

# What may be otherwise at the next look: snapshots and logs that are not there or not whole yet.
PASSING = (RunError, SnapshotError, LogError, MetricError)
ALONE = "only one snapshot"  # begins a note that is out of date soon
SKIPPED = "skipped: "  # begins a note that is told here when the file stays as it is


@dataclass(frozen=True)
class Look:
    """What a look at the folder gave.

    Attributes:
        has_changed: whether any file is another than at the last look.
        animation: of what is there now, or None where it would be the last one again.
        is_new_run: whether the folder was emptied and filled anew.
        notes: what a user should be told now.
    """

    has_changed: bool = False
    animation: Animation | None = None
    is_new_run: bool = False
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Follower:
    """A folder, and what was seen of it.

    Attributes:
        folder: the result folder, which need not be there yet.
        reading: how it is read. Broken snapshots are never an error here.
        options: what is drawn.
        apart_from: files and folders that are written meanwhile and are no part of the run.
        trouble: why there is nothing to draw, if so.
    """

    folder: Path
    reading: Reading
    options: Options
    apart_from: Sequence[Path] = ()
    trouble: NnanimError | None = None
    _listed: Listing | None = None
    _is_settled: bool = True
    _known: Known = field(default_factory=Known)
    _drawn: dict[Path, Stamp | None] = field(default_factory=dict)
    _snapshots: dict[Path, Stamp | None] = field(default_factory=dict)
    _newest: Snapshot | LogMoment | None = None
    _broken: dict[str, Stamp | None] = field(default_factory=dict)
    _reasons: dict[str, str] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)  # broken files
    _told: set[str] = field(default_factory=set)  # notes
    _memory: WeightMemory | None = None

    def look(self) -> Look:
        """Look at the folder.

        Raises:
            OptionError: a choice does not fit the network.
            ShapeError: the snapshots do not have the declared shape.
        """
        now = list_files(self.folder, self.apart_from, self._known)
        has_changed = now != self._listed
        # A file may have been written to between the listing and the reading, within one tick of its clock.
        if not has_changed and self._is_settled:
            return Look()
        self._is_settled = not has_changed
        self._listed = now
        self._known.keep(now)
        try:
            animation = self._read()
        except PASSING as error:
            self.trouble = error
            return Look(has_changed)
        self.trouble = None
        run = animation.run
        snapshots = self._stamps([snapshot.path for snapshot in run.snapshots], now)
        notes = self._name_broken(run, now, has_more=bool(set(snapshots) - set(self._snapshots)))
        drawn = self._stamps(run.files, now)
        if drawn == self._drawn:
            return Look(has_changed, notes=notes)
        is_new_run = self._is_new_run(run, snapshots)
        if is_new_run:
            notes = (f"{str(self.folder)!r} was emptied and filled anew: a new run begins", *notes)
        self._drawn, self._snapshots, self._newest = drawn, snapshots, run.moments[-1]
        return Look(has_changed, animation, is_new_run, (*notes, *self._new_notes(animation)))

    def close(self) -> tuple[str, ...]:
        """Name the files that are still broken and were not named yet."""
        late = tuple(f"{SKIPPED}{reason}" for name, reason in self._reasons.items() if name not in self._named)
        self._named.update(self._reasons)
        return late

    def _read(self) -> Animation:
        """Open the folder and read what is shown.

        Raises:
            NnanimError: there is nothing to draw.
        """
        how = vars(replace(self.reading, skip_bad=True))
        if self._memory is None:
            self._memory = WeightMemory(self._known.stamp)
        readers = Readers(memory=self._memory)
        if not self.reading.skip_bad:
            try:
                # The end of most formats is checked when they are opened, the rest where weights are read for drawing.
                run = open_run(self.folder, **how, must_be_finite=False, opened=self._known)
                return Animation.of(run, self.options, readers=readers)
            except SnapshotError:
                pass  # a snapshot is damaged or holds NaN; which one, tells a reading of them all
        run = open_run(self.folder, **how, opened=self._known)
        return Animation.of(run, self.options, readers=readers)

    def _stamps(self, files: Sequence[Path], now: Listing) -> dict[Path, Stamp | None]:
        return {path: now.get(path) or _stamp_or_none(path) for path in files}

    def _name_broken(self, run: Run, now: Listing, *, has_more: bool) -> tuple[str, ...]:
        """Name what stays broken: a file that has not changed since a look before, while a later snapshot is whole."""
        stamps = {name: now.get(self.folder / name) for name, _ in run.skipped}
        self._reasons = dict(run.skipped)
        notes = []
        for name, reason in run.skipped:
            stays = name in self._broken and self._broken[name] == stamps[name]
            if stays and has_more and name not in self._named:
                self._named.add(name)
                notes.append(f"{SKIPPED}{reason}")
        self._named &= set(stamps)
        self._broken = stamps
        return tuple(notes)

    def _is_new_run(self, run: Run, snapshots: dict[Path, Stamp | None]) -> bool:
        """Tell whether no snapshot is left of those before, and the training has gone back in time.

        A training that keeps its newest snapshots only replaces all of them too, but it goes on.
        """
        before = self._newest
        if before is None or self._snapshots.items() & snapshots.items():
            return False
        first = run.moments[0]
        for old, new in ((before.iteration, first.iteration), (before.epoch, first.epoch)):
            if old is not None and new is not None:
                return new <= old
        return True

    def _new_notes(self, animation: Animation) -> tuple[str, ...]:
        """Return the notes that were not told yet."""
        notes = [note for note in animation.notes if not note.startswith((ALONE, SKIPPED))]
        new = tuple(note for note in dict.fromkeys(notes) if note not in self._told)
        self._told.update(new)
        return new


def _stamp_or_none(path: Path) -> Stamp | None:
    try:
        return stamp(path)
    except OSError:
        return None
