"""A training run, as its result folder shows it: snapshots in order, the log, and which row belongs to which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnanim.errors import RunError, SnapshotError
from nnanim.model.layer_chain import Chain, chain_layers
from nnanim.model.layer_choice import choose_layers, order_layers
from nnanim.model.layers import MAX_LAYERS, Layer, LayerHeader, sizes_of
from nnanim.reading.counters import align, fill_counters, in_order, join
from nnanim.reading.folder import LISTED, find, find_log, more, name_in, some
from nnanim.reading.logs.detect import read as read_log
from nnanim.reading.logs.log import Log
from nnanim.reading.snapshots import detect
from nnanim.reading.snapshots.contents import Arrays, Contents

if TYPE_CHECKING:
    import os

    import pandas as pd

__all__ = ["Log", "Run", "Snapshot", "open_run"]

NO_EDGES = "a weight that can be drawn is (out, in) or (out, in, kernel …)"


@dataclass(frozen=True)
class Snapshot:
    """One file with the weights of a moment of the training.

    Attributes:
        path: the file.
        epoch: as the file or else its name says; None where neither does. Most count complete epochs, Lightning and
            some scripts begin with 0.
        iteration: updates that were done, as the file or else its name says; None where neither does.
    """

    path: Path
    epoch: int | float | None
    iteration: int | None
    _contents: Contents = field(repr=False)
    _layers: tuple[LayerHeader, ...] = field(repr=False)

    @property
    def contents(self) -> Contents:
        """What the file says of itself: every tensor by key and shape, which of them are weights."""
        return self._contents

    def read(self, shape: Sequence[int] | None = None) -> list[Layer]:
        """Read the weights.

        Args:
            shape: declared layer sizes, input side first. With them the weights of a Chainer snapshot are loaded
                strictly into a Chainer model of these sizes; without Chainer, and in other detect, they are read from
                the file with the same checks.

        Returns:
            The layers in the order in which they follow each other, input side first.

        Raises:
            OptionError: the shape is no list of layer sizes.
            ShapeError: the declared sizes do not fit the snapshot.
            SnapshotError: the file cannot be read, or holds NaN or infinite weights.
        """
        return detect.read(self._contents, self._layers, shape)

    def open(self) -> AbstractContextManager[Arrays]:
        """Open the file to read any of its arrays by key, one at a time: ``with snapshot.open() as arrays: …``.

        Raises:
            SnapshotError: the file cannot be read.
        """
        return detect.open_arrays(self._contents)


@dataclass(frozen=True, eq=False)
class Run:
    """A result folder.

    Attributes:
        path: the folder.
        format: who wrote the snapshots: ``"chainer"``, ``"pytorch"``, ``"lightning"``, ``"transformers"``,
            ``"safetensors"``, ``"keras"`` or ``"numpy"``.
        snapshots: in the order of the training, by iteration, else epoch, else name.
        layers: layers of the first snapshot in the order in which they follow each other, input side first.
        log: the log, or None where there is none.
        rows: for every snapshot the row of the log that belongs to it, or None.
        notes: what a user should be told.
        left_out: layers of the first snapshot that are not drawn, each with its reason in ``skipped``.
        skipped: names of the files that were left out because they are broken, each with the reason.
    """

    path: Path
    format: str
    snapshots: tuple[Snapshot, ...]
    layers: tuple[LayerHeader, ...]
    log: Log | None
    rows: tuple[int | None, ...]
    notes: tuple[str, ...]
    left_out: tuple[LayerHeader, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Layer sizes, input side first: ``(4, 5, 5, 5, 3)``."""
        return sizes_of(self.layers)

    def name_of(self, snapshot: Snapshot) -> str:
        """Return the name of a snapshot's file within the folder: ``checkpoint-50/model.safetensors``."""
        return name_in(self.path, snapshot.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the run is made of, snapshots first."""
        files = [file for snapshot in self.snapshots for file in (snapshot.path, *snapshot._contents.parts)]
        if self.log is not None:
            files += [self.log.path, *self.log.parts]
        return tuple(dict.fromkeys(files))

    @property
    def metrics(self) -> pd.DataFrame:
        """The table of the log; an empty one where there is no log."""
        if self.log is None:
            import pandas as pd

            return pd.DataFrame()
        return self.log.table


def open_run(
    path: str | os.PathLike[str],
    *,
    layers: Sequence[str] | None = None,
    log: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
    must_be_finite: bool = True,
) -> Run:
    """Open a result folder: find snapshots and log, sort the snapshots and join them to the log.

    Names and shapes are read, no weights. Files and folders whose name begins with ``tmp`` or a dot are ignored.

    Args:
        path: the folder that a training left behind.
        layers: names of the layers to draw, input side first; by default those that follow each other.
        log: the log, where it is not found by itself.
        skip_bad: True goes on past snapshots that are broken or hold no finite numbers. All weights are read for that.
        must_be_finite: False keeps, with ``skip_bad``, snapshots that hold NaN or infinite weights; none are read then.

    Raises:
        RunNotFoundError: there is no such folder.
        RunError: it is no folder, or holds nothing that can be drawn.
        SnapshotError: a snapshot cannot be read, or is of another network than the first.
        LogError: the log cannot be read.
        OptionError: there are no such layers, or they do not follow each other.
    """
    folder = Path(path)
    found = find(folder, skip_bad=skip_bad)
    notes = found.notes
    table = find_log(found) if log is None else read_log(Path(log))
    form = found.snapshots[0].written_by or found.snapshots[0].format
    contents = in_order(_without_copies(folder, fill_counters(found.snapshots, table), notes))
    silent = [name_in(folder, each.path) for each in contents if each.epoch is None and each.iteration is None]
    if silent and len(contents) > 1:
        notes.append(f"neither epoch nor iteration is known of {some(silent)}: drawn last, in order of the names")
    if table is None:
        table = _log_inside(folder, contents, notes)
    if table is not None:
        table, more_notes = align(table, contents, form)
        notes += [*table.notes, *more_notes]
    chain = _chain(contents[0], layers, notes)
    is_read = skip_bad and must_be_finite
    snapshots = list(_snapshots(folder, contents, chain, found.skipped, skip_bad=skip_bad, is_read=is_read))
    if not snapshots:
        raise SnapshotError(found.skipped[0][1])
    notes += [f"skipped: {reason}" for _, reason in found.skipped]
    if len(snapshots) == 1:
        notes.append(f"only one snapshot in {str(folder)!r}: there is no change to show")
    rows, more_notes = join(snapshots, table)
    notes += more_notes
    skipped = tuple((name_in(folder, file), reason) for file, reason in found.skipped)
    return Run(folder, form, tuple(snapshots), chain.layers, table, rows, tuple(notes), chain.left_out, skipped)


def _snapshots(
    folder: Path,
    contents: Sequence[Contents],
    chain: Chain,
    skipped: list[tuple[Path, str]],
    *,
    skip_bad: bool,
    is_read: bool,
) -> Iterator[Snapshot]:
    for each in contents:
        try:
            layers = _same_network(folder, contents[0], each, chain)
            snapshot = Snapshot(each.path, each.epoch, each.iteration, each, layers)
            if is_read:
                snapshot.read()
        except SnapshotError as error:
            if not skip_bad:
                raise
            skipped.append((each.path, str(error)))
            continue
        yield snapshot


def _without_copies(folder: Path, found: Sequence[Contents], notes: list[str]) -> list[Contents]:
    """Leave out files such as ``last.ckpt`` and ``best.pt`` where a numbered one is of the same moment."""
    moments = {(each.epoch, each.iteration): each for each in reversed(found) if re.search("[0-9]", each.path.stem)}
    kept = []
    for each in found:
        same = moments.get((each.epoch, each.iteration))
        is_counted = each.epoch is not None or each.iteration is not None
        if same is not None and is_counted and _is_copy(each, same):
            names = [name_in(folder, path) for path in (each.path, same.path)]
            notes.append(f"{names[0]!r} is of the same moment as {names[1]!r} and is not drawn")
        else:
            kept.append(each)
    return kept


def _is_copy(each: Contents, same: Contents) -> bool:
    return each.path.parent == same.path.parent and re.search("[0-9]", each.path.stem) is None


def _log_inside(folder: Path, found: Sequence[Contents], notes: list[str]) -> Log | None:
    newest = found[-1].path
    log = _log_in_trainer(newest) if found[-1].is_trainer else None
    if log is None:
        notes.append(f"no log in {str(folder)!r}: the network is drawn alone")
    else:
        notes.append(f"no log in {str(folder)!r}: the copy inside {str(newest)!r} is used")
    return log


def _log_in_trainer(path: Path) -> Log | None:
    from nnanim.reading.logs import chainer as chainer_log
    from nnanim.reading.snapshots import chainer

    text = chainer.read_log(path)
    return None if text is None else chainer_log.read_text(text, path)


def _chain(first: Contents, names: Sequence[str] | None, notes: list[str]) -> Chain:
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
    chain = choose_layers(first, names) if names else order_layers(first)
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


def _network(layers: Sequence[LayerHeader]) -> str:
    if not layers:
        return "none that can be drawn"
    return f"{','.join(map(str, sizes_of(layers)))} ({some([header.name for header in layers])})"


def _shapes(headers: Sequence[LayerHeader]) -> str:
    shown = [f"{header.name!r} {header.shape}" for header in headers[:LISTED]]
    return ", ".join(shown) + more(len(headers))
