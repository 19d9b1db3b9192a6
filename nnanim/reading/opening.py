"""From a folder to a run: find snapshots and log, choose what is drawn, put it in order, and join it to the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnanim.errors import RunError, SnapshotError
from nnanim.model.layer_choice import Chain
from nnanim.model.layers import LayerHeader, check_sizes
from nnanim.model.role_table import QUANTISED
from nnanim.reading.counters import align, complete, fill_counters, in_order, join
from nnanim.reading.folder import find, find_log
from nnanim.reading.known import Known
from nnanim.reading.listing import name_in, some
from nnanim.reading.logs.detect import read as read_log
from nnanim.reading.logs.log import Log
from nnanim.reading.order import find_order
from nnanim.reading.run import Run, Snapshot
from nnanim.reading.snapshots.contents import ArrayHeader, Contents
from nnanim.reading.snapshots.layer_rows import check_tensor
from nnanim.reading.which import choose_model, choose_network, leave_best_out, leave_copies_out

if TYPE_CHECKING:
    import os

MOST_LOG_MOMENTS = 200  # rows of a log without snapshots that are shown one after the other


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
    contents = fill_counters(choose_model(found.snapshots, model, name, notes), table, folder, opened)
    contents, more_notes = complete(contents, table)
    notes += more_notes
    contents = leave_best_out(leave_copies_out(contents, name, notes), name, notes)
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
    return _with_rows(run if shape is None else run.of_shape(shape))


def _with_rows(run: Run) -> Run:
    """Return the run with a note of its quantised weights, of which whole numbers alone are there.

    Raises:
        SnapshotError: nothing else is there.
    """
    quantised = [key for key, _, role, _ in run.listed_tensors() if role == QUANTISED]
    if not run.layers and not run.weight_rows:
        where = str(run.snapshots[0].path)
        if quantised:
            raise SnapshotError(
                f"snapshot {where!r} holds quantised weights alone, such as {quantised[0]!r} (save those that they"
                " stand for, as floating point numbers)"
            )
        raise SnapshotError(f"snapshot {where!r} holds whole numbers alone (a weight is a floating point number)")
    if not quantised:
        return run
    return replace(run, notes=(*run.notes, f"quantised weights are not drawn: {some(quantised)}"))


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
    if snapshot.has_rows:
        with snapshot.open_layers() as layers:
            layers.check()
        return
    if snapshot._layers:
        snapshot.read()
        return
    with snapshot.open() as arrays:
        for header in snapshot._contents.tensors:
            check_tensor(header.key, arrays, str(snapshot.path))


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
