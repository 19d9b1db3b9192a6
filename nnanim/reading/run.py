"""A training run, as its result folder shows it: snapshots in order, the log, and which row belongs to which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnanim.errors import RunError, SnapshotError
from nnanim.model.connections import USER
from nnanim.model.layer_choice import Chain
from nnanim.model.layers import Layer, LayerHeader, check_sizes, sizes_of
from nnanim.model.model import Model, make_model
from nnanim.model.roles import roles_of
from nnanim.model.weight_rows import Row, in_model_order, rows_of
from nnanim.reading.counters import align, complete, fill_counters, in_order, join
from nnanim.reading.folder import Known, find, find_log
from nnanim.reading.listing import name_in, some
from nnanim.reading.logs.detect import read as read_log
from nnanim.reading.logs.log import Log
from nnanim.reading.order import find_order
from nnanim.reading.snapshots import detect
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.to_layers import check_array
from nnanim.reading.which import choose_model, choose_network, leave_best_out
from nnanim.words import counted

if TYPE_CHECKING:
    import os

    import pandas as pd

__all__ = ["Log", "Run", "Snapshot", "open_run"]

MOST_LOG_MOMENTS = 200  # rows of a log without snapshots that are shown one after the other


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
    _shape: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def contents(self) -> Contents:
        """What the file says of itself: every tensor by key and shape, which of them are weights."""
        return self._contents

    def read(self, shape: Sequence[int] | None = None) -> list[Layer]:
        """Read the weights.

        Args:
            shape: declared layer sizes, input side first; by default those that the run was opened with. With them the
                weights of a Chainer snapshot are loaded strictly into a Chainer model of these sizes; without Chainer,
                and in other formats, they are read from the file with the same checks.

        Returns:
            The layers in the order in which they follow each other, input side first.

        Raises:
            OptionError: the shape is no list of layer sizes.
            ShapeError: the declared sizes do not fit the snapshot.
            SnapshotError: the file cannot be read, or holds NaN or infinite weights.
        """
        return detect.read(self._contents, self._layers, self._shape if shape is None else shape)

    def open(self) -> AbstractContextManager[Arrays]:
        """Open the file to read any of its arrays by key, one at a time: ``with snapshot.open() as arrays: …``.

        Raises:
            SnapshotError: the file cannot be read.
        """
        return detect.open_arrays(self._contents)


@dataclass(frozen=True)
class LogMoment:
    """A row of the log of a run without snapshots.

    Attributes:
        path: the log.
        epoch: of the row, or None.
        iteration: of the row, or None.
    """

    path: Path
    epoch: float | None
    iteration: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
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
        model: what is known of what follows what in the drawn model.
        tensors: every array of the drawn model, as the first snapshot has them.
        other_tensors: those of the other models in the first snapshot that are no copies of the drawn one.
        models: names of all models in a snapshot, or of all networks in the folder, the drawn one first; none where
            there is one alone.
        convention: whose names and shapes the tensors have, as `Contents` tells.
        is_ordered: True where the order of the tensors in the file is the model's.
        roles: what the file's own graph says of tensors, by key.
        asked: names of the weights that were asked for; none where nothing was.
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
    model: Model = field(default_factory=lambda: make_model((), ()), repr=False)
    tensors: tuple[ArrayHeader, ...] = ()
    other_tensors: tuple[ArrayHeader, ...] = ()
    models: tuple[str, ...] = ()
    convention: str = "pytorch"
    is_ordered: bool = True
    roles: Mapping[str, str] = field(default_factory=dict, repr=False)
    asked: tuple[str, ...] = ()

    def __repr__(self) -> str:
        snapshots = counted(len(self.snapshots), "snapshot")
        what = f"layers {','.join(map(str, self.shape))}" if self.layers else counted(len(self.tensors), "tensor")
        log = "no log" if self.log is None else f"a log of {counted(len(self.log), 'row')}"
        return f"<Run {str(self.path)!r}: {self.format}, {snapshots}, {what}, {log}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Layer sizes, input side first: ``(4, 5, 5, 5, 3)``; none where no layers follow each other."""
        return sizes_of(self.layers) if self.layers else ()

    @property
    def declared_shape(self) -> tuple[int, ...] | None:
        """The layer sizes that the run was opened with, or None."""
        return self.snapshots[0]._shape if self.snapshots else None

    @property
    def moments(self) -> tuple[Snapshot | LogMoment, ...]:
        """What is shown one after the other: the snapshots, or rows of the log where there are none."""
        if self.snapshots or self.log is None:
            return self.snapshots
        epochs, iterations = (self.log.columns.get(name) for name in ("epoch", "iteration"))
        return tuple(
            LogMoment(
                self.log.path,
                None if epochs is None else float(epochs[row]),
                None if iterations is None else float(iterations[row]),
            )
            for row in self.rows
            if row is not None
        )

    def of_shape(self, shape: Sequence[int]) -> Run:
        """Return the same run with declared layer sizes: its snapshots are loaded strictly into a model of these.

        Raises:
            OptionError: the shape is no list of layer sizes.
        """
        sizes = check_sizes(shape)
        return replace(self, snapshots=tuple(replace(each, _shape=sizes) for each in self.snapshots))

    @property
    def view(self) -> str:
        """How the run is drawn by default: ``"network"``, neurons and edges, ``"map"``, boxes and arrows, or
        ``"layers"``, a row for each tensor.
        """
        return self._view[0]

    @property
    def why_view(self) -> str:
        """Why the run is drawn as it is by default."""
        return self._view[1]

    @cached_property
    def _view(self) -> tuple[str, str]:
        is_asked = self.declared_shape is not None or any(each.known_from == USER for each in self.model.connections)
        return self.model.choose_view(len(self.layers), is_asked=is_asked)

    @property
    def connections(self) -> tuple[tuple[str, str, str], ...]:
        """Pairs of keys that are drawn with edges or arrows between them, and where each is known from."""
        if self.view == "map":
            return tuple((each.tail, each.head, each.known_from) for each in self.model.connections)
        keys = [layer.key for layer in self.layers]
        known_from = {(each.tail, each.head): each.known_from for each in self.model.connections}
        return tuple((tail, head, known_from[tail, head]) for tail, head in pairwise(keys))

    def listed_tensors(self) -> Iterator[tuple[str, tuple[int, ...], str, bool]]:
        """Yield key, shape in the file, role and whether it is drawn of every tensor with two axes or more."""
        layers = self.layers if self.view == "network" else ()
        drawn = {key for layer in layers for key in (layer.key, *layer.members)}
        for headers, is_drawn in ((self.tensors, True), (self.other_tensors, False)):
            roles = roles_of(headers, self.convention, self.roles)
            for place in in_model_order(headers, roles, is_ordered=self.is_ordered):
                key, shape, _ = headers[place]
                if len(shape) > 1:
                    yield key, shape, roles[place].name, is_drawn and (key in drawn or not drawn)

    @cached_property
    def weight_rows(self) -> tuple[Row, ...]:
        """A row for each weight of the drawn model that has two axes or more, in the model's order."""
        return rows_of(self.tensors, self.convention, is_ordered=self.is_ordered, told=self.roles)

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
    shape: Sequence[int] | None = None,
    model: str | None = None,
    files: str | Sequence[str] | None = None,
    log: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
    must_be_finite: bool = True,
    may_lack_snapshots: bool = False,
    must_follow: bool = True,
    opened: Known | None = None,
) -> Run:
    """Open a result folder: find snapshots and log, sort the snapshots and join them to the log.

    Names and shapes are read, no weights. Files and folders whose name begins with ``tmp`` or a dot are ignored.

    Args:
        path: the folder that a training left behind.
        layers: names of the layers to draw, input side first; by default those that follow each other.
        shape: sizes of the layers, input side first; of several networks in the folder one is taken that has them.
        model: which of several models in a file, or of several networks in the folder; by default the first, which a
            note names.
        files: patterns of the snapshots' names, such as ``"netG*"``; files that fit none are no snapshots.
        log: the log, where it is not found by itself.
        skip_bad: True goes on past snapshots that are broken or hold no finite numbers. All weights are read for that.
        must_be_finite: False keeps, with ``skip_bad``, snapshots that hold NaN or infinite weights; none are read then.
        may_lack_snapshots: True opens a folder with a log alone, for its curve.
        must_follow: False lets `layers` name weights that do not follow each other, for their matrices.
        opened: for who opens a folder again and again: files that were opened before, which this call adds to.

    Raises:
        RunNotFoundError: there is no such folder.
        RunError: it is no folder, or holds nothing that can be drawn.
        SnapshotError: a snapshot cannot be read, or is of another network than the first.
        LogError: the log cannot be read.
        OptionError: there are no such layers, or they do not follow each other.
    """
    folder = Path(path)
    patterns = (files,) if isinstance(files, str) else files
    found = find(folder, skip_bad=skip_bad, files=patterns, may_lack=may_lack_snapshots, known=opened)
    notes = found.notes
    table = find_log(found) if log is None else read_log(Path(log))
    if not found.snapshots:
        return _log_alone(folder, table, notes)
    form = found.snapshots[0].written_by or found.snapshots[0].format
    name = partial(name_in, folder)
    contents = fill_counters(choose_model(found.snapshots, model, name, notes), table, folder)
    contents, more_notes = complete(contents, table)
    notes += more_notes
    contents = leave_best_out(_without_copies(folder, contents, notes), name, notes)
    contents, networks = choose_network(contents, table, shape and check_sizes(shape), name, notes)
    contents = in_order(contents)
    silent = [each for each in contents if each.epoch is None and each.iteration is None]
    if silent and len(contents) > 1:
        notes.append(_order_of_silent(silent, contents, name))
    if table is None:
        table = _log_inside(folder, contents, notes)
    if table is not None:
        table, more_notes = align(table, contents, form)
        notes += [*table.notes, *more_notes]
    known, chain = find_order(contents[0], layers if must_follow else None, shape and check_sizes(shape), notes)
    snapshots = list(_snapshots(contents, chain, found.skipped, skip_bad=skip_bad, is_read=skip_bad and must_be_finite))
    if not snapshots:
        raise SnapshotError(found.skipped[0][1])
    notes += [f"skipped: {reason}" for _, reason in found.skipped]
    if len(snapshots) == 1:
        notes.append(f"only one snapshot in {str(folder)!r}: there is no change to show")
    rows, more_notes = join(snapshots, table)
    notes += more_notes
    skipped = tuple((name_in(folder, file), reason) for file, reason in found.skipped)
    run = Run(
        path=folder,
        format=form,
        snapshots=tuple(snapshots),
        layers=chain.layers,
        log=table,
        rows=rows,
        notes=tuple(notes),
        left_out=chain.left_out,
        skipped=skipped,
        model=known,
        tensors=contents[0].tensors,
        other_tensors=_other_tensors(contents[0]),
        models=contents[0].models if len(contents[0].models) > 1 else networks,
        convention=contents[0].convention,
        is_ordered=contents[0].is_ordered,
        roles=contents[0].roles,
        asked=tuple(layers or ()),
    )
    return run if shape is None else run.of_shape(shape)


def _log_alone(folder: Path, log: Log | None, notes: list[str]) -> Run:
    """Make a run of a log, at most `MOST_LOG_MOMENTS` of whose rows are shown one after the other.

    Raises:
        RunError: there is no log either.
    """
    if log is None or not len(log):
        raise RunError(f"neither snapshots nor a log in {str(folder)!r}")
    log, more_notes = align(log, [], "")
    axis = log.columns["epoch" if "epoch" in log.columns else "iteration"]
    rows = np.flatnonzero(np.isfinite(axis) & (np.diff(axis, prepend=-np.inf) > 0))
    picks = np.unique(np.rint(np.linspace(0, len(rows) - 1, min(len(rows), MOST_LOG_MOMENTS))).astype(int))
    told = (*notes, *log.notes, *more_notes, f"no snapshots in {str(folder)!r}: the curve is drawn alone")
    return Run(
        path=folder,
        format="log",
        snapshots=(),
        layers=(),
        log=log,
        rows=tuple(int(row) for row in rows[picks]),
        notes=told,
    )


def _other_tensors(contents: Contents) -> tuple[ArrayHeader, ...]:
    """Return the tensors of a file's other models; a copy has the same keys, since nothing stands before them."""
    known = {header.key for header in contents.tensors}
    others = {header.key: header for other in contents.others for header in other.tensors if header.key not in known}
    return tuple(others.values())


def _order_of_silent(silent: Sequence[Contents], drawn: Sequence[Contents], name: Callable[[Path], str]) -> str:
    """Say by what snapshots are sorted that have neither epoch nor iteration."""
    names = some([name(each.path) for each in silent])
    if all(each.written for each in silent):
        return f"neither epoch nor iteration is known of {names}: drawn in order of the times in their names"
    if drawn[0] in silent and drawn[-1] not in silent:
        return f"neither epoch nor iteration is known of {names}: drawn first, as the name says"
    return f"neither epoch nor iteration is known of {names}: drawn last, in order of the names"


def _snapshots(
    contents: Sequence[Contents], chain: Chain, skipped: list[tuple[Path, str]], *, skip_bad: bool, is_read: bool
) -> Iterator[Snapshot]:
    for each in contents:
        try:
            layers = _same_network(contents[0], each, chain)
            snapshot = Snapshot(each.path, each.epoch, each.iteration, each, layers)
            if is_read:
                _read_all(snapshot)
        except SnapshotError as error:
            if not skip_bad:
                raise
            skipped.append((each.path, str(error)))
            continue
        yield snapshot


def _read_all(snapshot: Snapshot) -> None:
    """Read what is drawn of a snapshot, or else all of it.

    Raises:
        SnapshotError: it is damaged, or holds NaN or infinite weights.
    """
    if snapshot._layers:
        snapshot.read()
        return
    with snapshot.open() as arrays:
        for header in snapshot._contents.tensors:
            check_array(header.key, arrays.read(header.key), str(snapshot.path))


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


def _same_network(first: Contents, other: Contents, chain: Chain) -> tuple[LayerHeader, ...]:
    """Return the layers of a snapshot in chain order; it has the names and shapes of the first."""
    if other.weights == first.weights:
        return chain.layers
    by_name = {header.name: header for header in other.weights}
    return tuple(replace(by_name[header.name], transposed=header.transposed) for header in chain.layers)
