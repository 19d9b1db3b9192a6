"""Folders in which snapshots are looked for, files that are named like one, and runs in folders further down."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Container
from pathlib import Path

from nnanim.errors import SnapshotError
from nnanim.model.layers import natural_key
from nnanim.reading.names import BEST, FINAL, FIRST, LAST
from nnanim.reading.snapshots import detect
from nnanim.reading.snapshots.shards import PYTORCH_INDEX, SAFETENSORS_INDEX

# Folders that frameworks and scripts make for snapshots: Lightning's, Transformers', MLflow's, and the usual words. A
# text is compiled when it is needed first.
FOLDER = (
    r"(?:lightning_logs|version_[0-9]+|checkpoints?|ckpts?|weights|snapshots?|models?|saved_models?|artifacts)"
    r"|(?:checkpoint|ckpt|epoch|step|iter|global_step|snapshot)[-_=]?[0-9]+"
)
_SUFFIXES = (
    ".npz",
    ".npy",
    ".pt",
    ".pth",
    ".ckpt",
    ".safetensors",
    ".keras",
    ".h5",
    ".hdf5",
    ".metadata",
    ".onnx",
    ".msgpack",
    ".flax",
)
ORBAX_UNFINISHED = ".orbax-checkpoint-tmp"  # in the name of what Orbax has not written whole
_ORBAX_NAMES = (detect.ORBAX_NAME, "_CHECKPOINT_METADATA")
_MOMENTS = (BEST, FINAL, FIRST, LAST)
_MOST_ITEMS = 20  # in a step of Orbax
DCP_PIECES = ".distcp"  # of torch.distributed.checkpoint
_MAX_DEPTH = 4
_MAX_FOLDERS = 500
_MAX_TRIED = 5  # files of one folder
_LISTED = 5


def is_for_snapshots(name: str) -> bool:
    """Tell whether a folder is named as those that hold snapshots within a run."""
    return re.fullmatch(FOLDER, name, re.IGNORECASE) is not None


def is_snapshot_name(name: str, patterns: Container[str] = ()) -> bool:
    """Tell whether a file is expected to be a snapshot: ``snapshot_iter_5``, ``trainer_00010``, or like a found one."""
    if name == detect.ORBAX_NAME:
        return True
    if pattern(name) in patterns or name.endswith((*_SUFFIXES, SAFETENSORS_INDEX, PYTORCH_INDEX)):
        return True
    return name.startswith(("snapshot", "trainer")) and not re.search("[A-Za-z]", Path(name).suffix)


def is_temporary(name: str) -> bool:
    """Tell whether a file or folder is not looked at."""
    return name.startswith(("tmp", ".")) or ORBAX_UNFINISHED in name


def is_snapshot(folder: Path) -> bool:
    """Tell whether a folder is a snapshot, whatever it is called, or a step that holds nothing else."""
    return holds_dcp(folder) or holds_orbax(folder)


def holds_orbax(folder: Path) -> bool:
    """Tell whether a folder is a checkpoint of Orbax, or a step with such folders in it: ``100/default``."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        return False
    if any(name in found for name in _ORBAX_NAMES):
        return True
    tells_moment = re.search("[0-9]", folder.name) or any(word.search(folder.name.lower()) for word in _MOMENTS)
    if not tells_moment or len(found) > _MOST_ITEMS:
        return False
    return any(is_folder and (folder / name / detect.ORBAX_NAME).is_file() for name, is_folder in found.items())


def holds_dcp(folder: Path) -> bool:
    """Tell whether a folder is a snapshot of ``torch.distributed.checkpoint``, whatever it is called."""
    try:
        if not (folder / detect.DCP_NAME).is_file():
            return False
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(DCP_PIECES) for entry in entries)
    except OSError:
        return False


def pattern(name: str) -> str:
    """Return a name with its numbers left out."""
    return re.sub(r"[0-9]+", "#", name)


def runs_below(folder: Path) -> list[Path]:
    """Return the folders further down that hold runs, in natural order of their paths."""
    found: list[Path] = []
    waiting = [(folder, 0)]
    seen = 0
    while waiting and seen < _MAX_FOLDERS:
        place, depth = waiting.pop(0)
        seen += 1
        try:
            entries = sorted(os.scandir(place), key=lambda entry: (natural_key(entry.name), entry.name))
        except OSError:
            continue
        names = [entry.name for entry in entries if not is_temporary(entry.name)]
        inside = [entry for entry in entries if not is_temporary(entry.name) and entry.is_dir(follow_symlinks=False)]
        if place != folder and _holds_snapshot(place, [name for name in names if is_snapshot_name(name)]):
            run = place
            while run.parent != folder and (is_for_snapshots(run.name) or is_snapshot(run)):
                run = run.parent
            found += [run] if run not in found else []
        elif depth < _MAX_DEPTH:
            waiting += [(place / entry.name, depth + 1) for entry in inside]
    return sorted(found, key=lambda path: natural_key(str(path)))


def what_to_type(folder: Path, runs: list[Path]) -> str:
    """Say which command draws the runs that lie further down."""
    if len(runs) == 1:
        return f"those further down are drawn by: nnanim render {shlex.quote(str(runs[0]))}"
    if len(runs) > _LISTED and all(run.parent == folder for run in runs):
        named = f"{shlex.quote(str(folder))}/*"
    else:
        named = " ".join(shlex.quote(str(run)) for run in runs)
    return f"those of {len(runs)} runs further down are drawn by: nnanim render {named} -o '{{run}}.gif'"


def _holds_snapshot(place: Path, names: list[str]) -> bool:
    if holds_dcp(place):
        return True
    for name in names[:_MAX_TRIED]:
        if name.endswith(".npy"):
            return True
        try:
            if detect.scan(place / name) is not None:
                return True
        except SnapshotError:
            continue
    return False
