"""A training run, as its result folder shows it: snapshots in order, the log, and which row belongs to which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnanim.chain import Chain, chain_layers
from nnanim.errors import RunError, RunNotFoundError, SnapshotError
from nnanim.layers import MAX_LAYERS, Layer, LayerHeader, natural_key, sizes_of
from nnanim.logs import Log
from nnanim.logs import chainer as chainer_log
from nnanim.snapshots import Contents, fill_counters, in_order
from nnanim.snapshots import chainer as chainer_snapshots
from nnanim.snapshots.archive import SNAPSHOT_HINT, check_magic

if TYPE_CHECKING:
    import os

    import pandas as pd

__all__ = ["Log", "Run", "Snapshot", "open_run"]

LOG_NAME = "log"
_LISTED = 5
NO_EDGES = "a weight that can be drawn is (out, in) or (out, in, kernel …)"


@dataclass(frozen=True)
class Snapshot:
    """One file with the weights of a moment of the training.

    Attributes:
        path: the file.
        epoch: epochs that were complete, as the file or else its name says; None where neither does.
        iteration: updates that were done, as the file or else its name says; None where neither does.
    """

    path: Path
    epoch: int | float | None
    iteration: int | None
    _contents: Contents = field(repr=False)
    _layers: tuple[LayerHeader, ...] = field(repr=False)

    def read(self, shape: Sequence[int] | None = None) -> list[Layer]:
        """Read the weights.

        Args:
            shape: declared layer sizes, input side first. With them the weights are loaded strictly into a Chainer
                model of these sizes; without Chainer they are read from the file with the same checks.

        Returns:
            The layers in the order in which they follow each other, input side first.

        Raises:
            OptionError: the shape is no list of layer sizes.
            ShapeError: the declared sizes do not fit the snapshot.
            SnapshotError: the file cannot be read, or holds NaN or infinite weights.
        """
        return chainer_snapshots.read(self._contents, self._layers, shape)


@dataclass(frozen=True, eq=False)
class Run:
    """A result folder.

    Attributes:
        path: the folder.
        format: who wrote the snapshots, ``"chainer"``.
        snapshots: in the order of the training, by iteration, else epoch, else name.
        layers: layers of the first snapshot in the order in which they follow each other, input side first.
        log: the log, or None where there is none.
        rows: for every snapshot the row of the log that belongs to it, or None.
        notes: what a user should be told.
    """

    path: Path
    format: str
    snapshots: tuple[Snapshot, ...]
    layers: tuple[LayerHeader, ...]
    log: Log | None
    rows: tuple[int | None, ...]
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Layer sizes, input side first: ``(4, 5, 5, 5, 3)``."""
        return sizes_of(self.layers)

    @property
    def metrics(self) -> pd.DataFrame:
        """The table of the log; an empty one where there is no log."""
        if self.log is None:
            import pandas as pd

            return pd.DataFrame()
        return self.log.table


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a result folder: find snapshots and log, sort the snapshots and join them to the log.

    Names and shapes are read, no weights. Files and folders whose name begins with ``tmp`` or a dot are ignored.

    Args:
        path: the folder that a training left behind.

    Raises:
        RunNotFoundError: there is no such folder.
        RunError: it is no folder, or holds nothing that can be drawn.
        SnapshotError: a snapshot cannot be read, or is of another network than the first.
        LogError: the log cannot be read.
    """
    folder = Path(path)
    files, names = _list(folder)
    notes: list[str] = []
    found = _find_snapshots(folder, files, names, notes)
    log = _find_log(folder, files, {contents.path for contents in found}, notes)
    found = in_order(fill_counters(found, log))
    silent = [contents.path.name for contents in found if contents.epoch is None and contents.iteration is None]
    if silent and len(found) > 1:
        notes.append(f"neither epoch nor iteration is known of {_some(silent)}: drawn last, in order of the names")
    if log is None:
        log = _log_inside(folder, found, notes)
    chain = _chain(found[0], notes)
    snapshots = tuple(
        Snapshot(other.path, other.epoch, other.iteration, other, _same_network(folder, found[0], other, chain))
        for other in found
    )
    if len(snapshots) == 1:
        notes.append(f"only one snapshot in {str(folder)!r}: there is no change to show")
    rows = _join(snapshots, log, notes)
    return Run(folder, chainer_snapshots.FORMAT, snapshots, chain.layers, log, rows, tuple(notes))


def _list(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files that may be read, and all names but temporary ones, both in natural order."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (natural_key(entry.name), entry.name))
    except FileNotFoundError:
        raise RunNotFoundError(
            f"no folder {str(folder)!r} (a result folder is what a training leaves behind: snapshots and a log)"
        ) from None
    except NotADirectoryError:
        raise RunError(f"{str(folder)!r} is a file (give the folder that holds the snapshots and the log)") from None
    except OSError as error:
        raise RunError(f"cannot list {str(folder)!r}: {error.strerror} (give a folder that can be read)") from error
    entries = [entry for entry in entries if not entry.name.startswith(("tmp", "."))]
    return [entry for entry in entries if entry.is_file()], [entry.name for entry in entries]


def _find_snapshots(folder: Path, files: Sequence[Path], names: Sequence[str], notes: list[str]) -> list[Contents]:
    found: list[Contents] = []
    others: list[Path] = []
    broken: dict[Path, SnapshotError] = {}
    for file in files:
        try:
            if chainer_snapshots.sniff(file):
                found.append(chainer_snapshots.scan(file))
            else:
                others.append(file)
        except SnapshotError as error:
            broken[file] = error
    patterns = {_pattern(contents.path.name) for contents in found}
    for file, problem in broken.items():
        if not found or _is_snapshot_name(file.name, patterns):
            raise problem
    for file in others:
        if not _is_snapshot_name(file.name, patterns):
            continue
        check_magic(file)
        if file.suffix != ".npz":  # a data set may well be a NumPy archive
            notes.append(f"{str(file)!r} holds no weights and is not drawn")
    if not found:
        raise RunError(_no_snapshots(folder, names))
    trainers = [contents for contents in found if contents.is_trainer]
    if trainers and len(trainers) < len(found):
        models = [contents.path.name for contents in found if not contents.is_trainer]
        notes.append(f"models saved beside the trainer's snapshots are not drawn: {_some(models)}")
        found = trainers
    several = next((contents for contents in found if contents.other_models), None)
    if several is not None:
        rest = _some(several.other_models)
        notes.append(f"of several models in {str(several.path)!r}, {several.model!r} is drawn (others: {rest})")
    return found


def _no_snapshots(folder: Path, names: Sequence[str]) -> str:
    if not names:
        return f"no snapshots in {str(folder)!r} (the folder is empty; {SNAPSHOT_HINT})"
    return f"no snapshots in {str(folder)!r} (found: {_some(names)}; {SNAPSHOT_HINT})"


def _is_snapshot_name(name: str, patterns: set[str]) -> bool:
    """Tell whether a file is expected to be a snapshot: ``snapshot_iter_5``, ``trainer_00010``, or like a found one."""
    if _pattern(name) in patterns or name.endswith(".npz"):
        return True
    suffix = Path(name).suffix[1:]
    return name.startswith(("snapshot", "trainer")) and not re.search("[A-Za-z]", suffix)


def _pattern(name: str) -> str:
    return re.sub(r"[0-9]+", "#", name)


def _find_log(folder: Path, files: Sequence[Path], snapshots: set[Path], notes: list[str]) -> Log | None:
    named = folder / LOG_NAME
    if named in files and named not in snapshots:
        return chainer_log.read(named)
    logs = [chainer_log.read(file) for file in files if file not in snapshots and chainer_log.sniff(file)]
    if not logs:
        return None
    longest = max(logs, key=lambda log: len(log.table))
    if len(logs) > 1:
        rest = [log.path.name for log in logs if log is not longest]
        notes.append(f"of several logs the longest is used: {str(longest.path)!r} (others: {_some(rest)})")
    return longest


def _log_inside(folder: Path, found: Sequence[Contents], notes: list[str]) -> Log | None:
    newest = found[-1].path
    text = chainer_snapshots.read_log(newest) if found[-1].is_trainer else None
    log = None if text is None else chainer_log.read_text(text, newest)
    if log is None:
        notes.append(f"no log in {str(folder)!r}: the network is drawn alone")
    else:
        notes.append(f"no log in {str(folder)!r}: the copy inside {str(newest)!r} is used")
    return log


def _chain(first: Contents, notes: list[str]) -> Chain:
    """Order the layers of the first snapshot."""
    where = str(first.path)
    drawable = [header for header in first.weights if header.can_be_drawn]
    if len(drawable) > MAX_LAYERS:
        raise SnapshotError(f"snapshot {where!r} has {len(drawable)} layers (at most {MAX_LAYERS} can be put in order)")
    if not drawable:
        raise RunError(
            f"no layer in {where!r} can be drawn (found: {_shapes(first.weights)};"
            " a layer that can be drawn is a Linear or a convolution with a weight of shape (out, in, …))"
        )
    chain = chain_layers(first.weights)
    for reason, headers in _by_reason(chain.left_out).items():
        notes.append(f"layers not drawn: {_shapes(headers)} ({reason})")
    told = {header.key: header.transposed for header in first.weights}
    guessed = [header for header in chain.layers if header.transposed and told[header.key] is None]
    if guessed:
        notes.append(f"taken for deconvolutions by name or place: {_shapes(guessed)} (nothing in the file tells)")
    if chain.ambiguous:
        order = ", ".join(repr(header.name) for header in chain.layers)
        notes.append(f"the order of the layers is not certain, other orders fit too: {order}")
    return chain


def _by_reason(headers: Iterable[LayerHeader]) -> dict[str, list[LayerHeader]]:
    groups: dict[str, list[LayerHeader]] = {}
    for header in headers:
        groups.setdefault(header.skipped or NO_EDGES, []).append(header)
    return groups


def _same_network(folder: Path, first: Contents, other: Contents, chain: Chain) -> tuple[LayerHeader, ...]:
    """Return the layers of a snapshot in chain order, after comparing them with those of the first."""
    if other.weights == first.weights:
        return chain.layers
    by_name = {header.name: header for header in other.weights}
    if {header.name: header.shape for header in first.weights} == {name: by_name[name].shape for name in by_name}:
        return tuple(replace(by_name[header.name], transposed=header.transposed) for header in chain.layers)
    drawable = [header for header in other.weights if header.can_be_drawn]
    own = chain_layers(drawable).layers if len(drawable) <= MAX_LAYERS else ()
    is_first, is_other = _network(chain.layers), _network(own)
    if is_first == is_other:
        is_first, is_other = _shapes(first.weights), _shapes(other.weights)
    raise SnapshotError(
        f"snapshots of different networks in {str(folder)!r}: {first.path.name!r} is {is_first},"
        f" {other.path.name!r} is {is_other} (a result folder holds one network)"
    )


def _join(snapshots: Sequence[Snapshot], log: Log | None, notes: list[str]) -> tuple[int | None, ...]:
    """Return the nearest row of the log for every snapshot, by iteration where both know it, else by epoch."""
    rows: list[int | None] = []
    differences: dict[str, list[float]] = {"iteration": [], "epoch": []}
    for snapshot in snapshots:
        row = None
        for counter, value in (("iteration", snapshot.iteration), ("epoch", snapshot.epoch)):
            if log is None or value is None or counter not in log.table:
                continue
            distances = np.abs(log.table[counter].to_numpy(dtype=np.float64) - value)
            if np.isnan(distances).all():
                continue
            row = int(np.nanargmin(distances))
            differences[counter].append(float(distances[row]))
            break
        rows.append(row)
    for counter, found in differences.items():
        apart = [difference for difference in found if difference]
        if apart:
            notes.append(
                f"{len(apart)} of {len(snapshots)} snapshots have no row of their own in the log:"
                f" the nearest is used, up to {max(apart):g} {counter}s away"
            )
    if log is not None and None in rows:
        notes.append(f"{rows.count(None)} of {len(snapshots)} snapshots share no counter with the log")
    return tuple(rows)


def _network(layers: Sequence[LayerHeader]) -> str:
    if not layers:
        return "none that can be drawn"
    return f"{','.join(map(str, sizes_of(layers)))} ({_some([header.name for header in layers])})"


def _shapes(headers: Sequence[LayerHeader]) -> str:
    shown = [f"{header.name!r} {header.shape}" for header in headers[:_LISTED]]
    return ", ".join(shown) + _more(len(headers))


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_LISTED])) + _more(len(names))


def _more(count: int) -> str:
    return f" and {count - _LISTED} more" if count > _LISTED else ""
