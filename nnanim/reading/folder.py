"""What a result folder holds: snapshots in it or in the folders that frameworks make there, and the log."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from nnanim.errors import RunError, RunNotFoundError, SnapshotError
from nnanim.model.layers import natural_key
from nnanim.reading.below import (
    DCP_PIECES,
    holds_dcp,
    is_for_snapshots,
    is_snapshot,
    is_snapshot_name,
    is_temporary,
    pattern,
    runs_below,
    what_to_type,
)
from nnanim.reading.containers.npz_archive import NPY_MAGIC, SNAPSHOT_HINT
from nnanim.reading.known import Known
from nnanim.reading.listing import name_in, some
from nnanim.reading.logs.choice import FOLDER as LOG_FOLDER
from nnanim.reading.logs.choice import choose_log, may_be_log
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.mlflow import FOLDER as METRICS
from nnanim.reading.logs.names import EVENTS_MARK, TRAINER_STATE, WANDB_SUFFIX
from nnanim.reading.snapshots import detect
from nnanim.reading.snapshots.contents import Contents
from nnanim.reading.snapshots.unreadable import is_of_orbax, what_it_is

_MAX_DEPTH = 4
_MAX_FOLDERS = 2000
_HEAD_BYTES = 4096
_NUMBERED = r"version_([0-9]+)"
# What Transformers leaves beside the weights.
_NO_SNAPSHOT = re.compile(r"(?:optimizer|scheduler|scaler|rng_state.*|training_args)\.(?:pt|pth|bin)")


MOST_EXPLAINED = 50  # files that are looked at to say what they are


@dataclass
class Found:
    """What was found.

    Attributes:
        folder: the result folder.
        snapshots: in natural order of their paths.
        files: files in the folders that were looked into that may be logs.
        events: TensorBoard's event files and those of Weights & Biases, wherever they lie.
        tracked: MLflow's files of metrics, wherever they lie.
        skipped: what was left out because it is broken, and why.
        notes: what a user should be told.
    """

    folder: Path
    snapshots: list[Contents] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    events: list[Path] = field(default_factory=list)
    tracked: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find(
    folder: Path,
    *,
    skip_bad: bool = False,
    files: Sequence[str] | None = None,
    may_lack: bool = False,
    known: Known | None = None,
) -> Found:
    """Find the snapshots of a result folder.

    Args:
        folder: the result folder.
        skip_bad: True goes on past snapshots that are broken, and lists them.
        files: patterns of the snapshots' names; by default every file may be one.
        may_lack: whether a folder without snapshots will do.
        known: what was read before; what has not changed since is not opened again. What is read now is added.

    Raises:
        RunNotFoundError: there is no such folder.
        RunError: it is no folder, or holds no snapshots.
        SnapshotError: a snapshot cannot be read.
    """
    found = Found(folder)
    _check(folder)
    places = _walk(folder, found, Known() if known is None else known)
    with_state = _State()
    broken: dict[Path, SnapshotError] = {}
    others: list[Path] = []
    single: list[Path] = []
    for inside in places.values():
        for file in inside:
            name = file.name
            if files is not None and not _is_wanted(name_in(folder, file), files):
                found.files.append(file)
                continue
            if _NO_SNAPSHOT.fullmatch(name):
                continue
            if name.endswith(DCP_PIECES):  # what is in it, .metadata beside it tells
                others += [] if file.parent / detect.DCP_NAME in inside else [file]
                continue
            try:
                head, contents = _look(file) if known is None else _look_again(file, known)
            except SnapshotError as error:
                broken[file] = error
                continue
            is_sparse = contents is not None and contents.format == detect.SPARSE
            if is_sparse or (name.endswith(".npy") and head.startswith(NPY_MAGIC)):
                single.append(file)
            elif contents is None:
                others.append(file)
                if may_be_log(name, head):
                    found.files.append(file)
            else:
                found.snapshots.append(with_state.of(contents))
    if single:
        _add_moments(found, single, broken)
    patterns = {pattern(contents.path.name) for contents in found.snapshots}
    for file in others:
        if not is_snapshot_name(file.name, patterns):
            continue
        try:
            detect.explain(file)
        except SnapshotError as error:
            broken[file] = error
            continue
        # A data set may well be a NumPy archive, and what is no model an item of its own in each step of Orbax.
        if file.suffix != ".npz" and file.name != detect.ORBAX_NAME:
            found.notes.append(f"{str(file)!r} holds no weights and is not drawn")
    broken = {
        file: error for file, error in broken.items() if not found.snapshots or is_snapshot_name(file.name, patterns)
    }
    if broken and not skip_bad and not (may_lack and not found.snapshots):
        raise _first_of(broken)
    found.skipped = [(file, str(error)) for file, error in broken.items()]
    found.files = [file for file in found.files if file not in broken]
    if not found.snapshots and may_lack:
        return found
    if not found.snapshots:
        if broken:
            raise _first_of(broken)
        raise RunError(_no_snapshots(folder, files, others, places))
    found.notes.extend(_empty_checkpoints(places, {contents.folder for contents in found.snapshots}))
    _choose(found)
    return found


def find_log(found: Found) -> Log | None:
    """Find the log of a result folder: do as `nnanim.reading.logs.choice.choose_log`."""
    return choose_log(found.folder, found.files, found.events, found.tracked, found.notes)


class _State:
    """Takes the counters from Transformers' ``trainer_state.json`` beside a snapshot that has none."""

    def __init__(self) -> None:
        self._there: dict[Path, bool] = {}

    def of(self, contents: Contents) -> Contents:
        """Return a snapshot with its counters."""
        if contents.epoch is not None or contents.iteration is not None:
            return contents
        folder = contents.folder
        if folder not in self._there:
            self._there[folder] = (folder / TRAINER_STATE).is_file()
        if not self._there[folder]:
            return contents
        from nnanim.reading.logs import trainer_state

        state = folder / TRAINER_STATE
        epoch, iteration = trainer_state.read_counters(state)
        parts = (*contents.parts, state)
        return replace(contents, epoch=epoch, iteration=iteration, written_by=trainer_state.FORMAT, parts=parts)


def _check(folder: Path) -> None:
    """Check that the result folder can be listed.

    Raises:
        RunNotFoundError: there is no such folder.
        RunError: it is no folder, or cannot be listed.
    """
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        raise RunNotFoundError(
            f"no folder {str(folder)!r} (a result folder is what a training leaves behind: snapshots and a log)"
        ) from None
    except NotADirectoryError:
        raise RunError(f"{str(folder)!r} is a file (give the folder that holds the snapshots and the log)") from None
    except OSError as error:
        raise RunError(f"cannot list {str(folder)!r}: {error.strerror} (give a folder that can be read)") from error


def _look(path: Path) -> tuple[bytes, Contents | None]:
    """Return the first bytes of a file, none where it cannot be read, and what it says of itself if a snapshot."""
    try:
        file = path.open("rb", buffering=0)
    except OSError:
        return b"", None
    with file:
        try:
            head = file.read(_HEAD_BYTES)
        except OSError:
            return b"", None
        return head, detect.scan(path, file, head)


def _look_again(path: Path, known: Known) -> tuple[bytes, Contents | None]:
    """Do as `_look`, without opening what has not changed; of that no first bytes are returned."""
    try:
        status = path.stat()
    except OSError:
        return b"", None
    stamp = status.st_ino, status.st_size, status.st_mtime_ns
    before = known.read.get(path)
    if before is not None and before[0] == stamp:
        return b"", before[1]
    head, contents = _look(path)
    if contents is not None and not contents.parts and not head.startswith(NPY_MAGIC):
        known.read[path] = stamp, contents
    else:
        known.read.pop(path, None)
    return head, contents


def _add_moments(found: Found, single: Sequence[Path], broken: dict[Path, SnapshotError]) -> None:
    """Put single arrays together to snapshots."""
    from nnanim.reading.snapshots import npy

    for moment in npy.group(single):
        try:
            each = npy.scan(moment)
        except SnapshotError as error:
            broken[next(iter(moment.values()))] = error
        else:
            found.snapshots += [each] if each else []


def _walk(folder: Path, found: Found, known: Known) -> dict[Path, list[Path]]:
    """Return the files of the folders that may hold snapshots, and note event files of trackers anywhere.

    Links to folders are followed, each folder once.
    """
    places: dict[Path, list[Path]] = {}
    waiting = [(folder, 0, True)]
    seen: set[tuple[int, int]] = set()
    while waiting and len(seen) < _MAX_FOLDERS:
        place, depth, is_wanted = waiting.pop(0)
        try:
            status = place.stat()
            entries = sorted(os.scandir(place), key=lambda entry: (natural_key(entry.name), entry.name))
        except OSError as error:
            found.notes.append(f"cannot list {str(place)!r}: {error.strerror}")
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        is_dcp = holds_dcp(place)
        is_orbax = any(entry.name == detect.ORBAX_NAME for entry in entries)
        for entry in entries:
            if is_temporary(entry.name) and not (is_dcp and entry.name == detect.DCP_NAME):
                continue
            path = known.path(place, entry.name)
            try:
                is_file, is_folder = entry.is_file(), entry.is_dir()
            except OSError:  # a link that leads to itself
                continue
            if is_file and (EVENTS_MARK in entry.name or entry.name.endswith(WANDB_SUFFIX)):
                found.events.append(path)
            elif is_file and METRICS in place.parts[len(folder.parts) :]:
                found.tracked.append(path)
                if is_wanted:
                    places.setdefault(place, []).append(path)
            elif is_file and is_wanted:
                places.setdefault(place, []).append(path)
            elif is_file and LOG_FOLDER.fullmatch(place.name) and place.parent == folder:
                found.files += [path] if may_be_log(entry.name, b"") else []
            elif (
                is_folder
                and not is_orbax
                and depth < _MAX_DEPTH + (2 if METRICS in path.parts[len(folder.parts) :] else 0)
            ):
                waiting.append((path, depth + 1, is_wanted and (is_for_snapshots(entry.name) or is_snapshot(path))))
    return places


def _choose(found: Found) -> None:
    """Leave out what does not belong to the others: shards, older versions, other detect, copies."""
    shards = {part for contents in found.snapshots for part in contents.parts}
    found.snapshots = [contents for contents in found.snapshots if contents.path not in shards]
    _keep_newest_version(found)
    counts = Counter(contents.format for contents in found.snapshots)
    form = max(counts, key=lambda name: counts[name])
    _keep(found, lambda contents: contents.format == form, f"files of another format than {form} are not drawn")
    in_folders = [contents for contents in found.snapshots if contents.folder != found.folder]
    at_top = len(found.snapshots) - len(in_folders)
    if len(in_folders) > at_top == 1:
        _keep(
            found,
            lambda contents: contents.folder != found.folder,
            "a model saved beside the folders of the snapshots is not drawn",
        )
    if any(contents.is_trainer for contents in found.snapshots):
        _keep(found, lambda contents: contents.is_trainer, "models saved beside the trainer's snapshots are not drawn")
    found.notes.extend(dict.fromkeys(note for contents in found.snapshots for note in contents.notes))


def _keep_newest_version(found: Found) -> None:
    """Keep one of Lightning's folders ``version_0``, ``version_1``, …: each is a training of its own."""
    if all(contents.folder == found.folder for contents in found.snapshots):
        return
    versions = {contents.path: _version(found.folder, contents.path) for contents in found.snapshots}
    numbers = {number for number in versions.values() if number is not None}
    if len(numbers) > 1:
        newest = max(numbers)
        left = [f"version_{number}" for number in sorted(numbers - {newest})]
        found.notes.append(f"of several trainings the newest is drawn: 'version_{newest}' (others: {some(left)})")
        found.snapshots = [contents for contents in found.snapshots if versions[contents.path] == newest]
        found.files = [file for file in found.files if _version(found.folder, file) in (None, newest)]
        found.events = [file for file in found.events if _version(found.folder, file) in (None, newest)]


def _version(folder: Path, path: Path) -> int | None:
    for part in path.relative_to(folder).parts[:-1]:
        match = re.fullmatch(_NUMBERED, part)
        if match:
            return int(match[1][:18])
    return None


def _keep(found: Found, is_kept: Callable[[Contents], bool], why: str) -> None:
    left = [name_in(found.folder, contents.path) for contents in found.snapshots if not is_kept(contents)]
    if left:
        found.notes.append(f"{why}: {some(left)}")
        found.snapshots = [contents for contents in found.snapshots if is_kept(contents)]


def _first_of(broken: dict[Path, SnapshotError]) -> SnapshotError:
    first, *rest = broken
    if not rest:
        return broken[first]
    others = some([str(file) for file in rest])
    return SnapshotError(f"{broken[first]}; also broken: {others}")


def _is_wanted(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a file's name within the folder, or its own or that of a folder around it, fits a pattern."""
    parts = name.split("/")
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in (name, *parts))


def _empty_checkpoints(places: Mapping[Path, Sequence[Path]], full: Container[Path] = ()) -> list[str]:
    """Return a sentence for the folders of Transformers from which the weights are gone."""
    empty = [
        place.name
        for place, inside in places.items()
        if place not in full
        and re.fullmatch(r"checkpoint-[0-9]+", place.name)
        and any(file.name == TRAINER_STATE or _NO_SNAPSHOT.fullmatch(file.name) for file in inside)
    ]
    wanted = "a model.safetensors, pytorch_model.bin or adapter_model.safetensors belongs there"
    return [f"no weights in {some(empty)} ({wanted})"] if empty else []


def _no_snapshots(
    folder: Path, files: Sequence[str] | None, others: Sequence[Path], places: Mapping[Path, Sequence[Path]]
) -> str:
    if files is not None:
        return f"no snapshots in {str(folder)!r} whose names fit {some(files)} ({SNAPSHOT_HINT})"
    runs = runs_below(folder)
    if runs:
        return f"no snapshots in {str(folder)!r} itself; {what_to_type(folder, runs)}"
    names = [name for name in os.listdir(folder) if not is_temporary(name)]
    names.sort(key=lambda name: (natural_key(name), name))
    for file in others[:MOST_EXPLAINED]:
        if (told := what_it_is(file)) is not None:
            return f"no snapshots in {str(folder)!r}: {name_in(folder, file)!r} {told}"
    for sentence in _empty_checkpoints(places):
        return f"no snapshots in {str(folder)!r}: {sentence}"
    if (told := is_of_orbax(folder)) is not None:
        return f"no snapshots in {str(folder)!r}: {told}"
    if not names:
        return f"no snapshots in {str(folder)!r} (the folder is empty; {SNAPSHOT_HINT})"
    return f"no snapshots in {str(folder)!r} (found: {some(names)}; {SNAPSHOT_HINT})"
