"""Check a run: read each snapshot once, tensor by tensor, and ask every rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from nnanim.checking.findings import Finding, Report
from nnanim.checking.losses import loss_findings
from nnanim.checking.rules import NAMES, UNCHANGED_SNAPSHOTS
from nnanim.checking.tensor_history import TensorHistory, whole_network
from nnanim.checking.units import Units
from nnanim.checking.watched import Watched, watched_tensors
from nnanim.errors import SnapshotError
from nnanim.printable import printable
from nnanim.reading.run import Run, Snapshot
from nnanim.reading.snapshots.contents import Arrays


def check(
    run: Run, *, only_layers: bool = False, skip_bad: bool = False, tell: Callable[[int, int], None] | None = None
) -> Report:
    """Look for what the weights and the log of a run prove to be wrong.

    One snapshot's tensors are kept at a time, and a few numbers of each before.

    Args:
        run: opened with ``must_be_finite=False`` where broken snapshots are skipped.
        only_layers: True looks at the layers of `Run.layers` alone.
        skip_bad: True goes on past snapshots whose arrays are damaged.
        tell: called with how many snapshots of how many were looked at.

    Raises:
        SnapshotError: a snapshot cannot be read.
    """
    return _Check(run, only_layers=only_layers).report(skip_bad=skip_bad, tell=tell or (lambda done, total: None))


class _Check:
    def __init__(self, run: Run, *, only_layers: bool) -> None:
        self.run = run
        watched = watched_tensors(run.snapshots[0].contents, run.layers, only=only_layers)
        self.histories = {each.key: TensorHistory(each) for each in watched}
        biases = {each.bias_of: each.key for each in watched if each.bias_of is not None}
        self.units = {
            each.key: Units(each, biases.get(each.key)) for each in watched if each.has_units and not each.is_coarse
        }

    def report(self, *, skip_bad: bool, tell: Callable[[int, int], None]) -> Report:
        notes = []
        read: list[Snapshot] = []
        for done, snapshot in enumerate(self.run.snapshots):
            tell(done, len(self.run.snapshots))
            try:
                with snapshot.open() as arrays:
                    self._add(len(read), snapshot, arrays)
            except SnapshotError as error:
                if not skip_bad:
                    raise
                notes.append(f"skipped: {error}")
                continue
            read.append(snapshot)
        tell(len(self.run.snapshots), len(self.run.snapshots))
        if not read:
            raise SnapshotError(notes[0].removeprefix("skipped: "))
        findings = sorted(self._findings(read), key=lambda finding: NAMES.index(finding.rule))
        return Report(tuple(findings), NAMES, len(read), tuple(notes))

    def _add(self, index: int, snapshot: Snapshot, arrays: Arrays) -> None:
        there = {tensor.key for tensor in snapshot.contents.tensors}
        # Arrays in the order of the file, which is fast; what several of them tell of a unit is put together after.
        told: dict[str, tuple[np.ndarray | None, np.ndarray]] = {}
        for key, history in self.histories.items():
            if key not in there:
                continue
            array = arrays.read(key)
            if array.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
                array = array.astype(np.float32)
            before = history.previous
            history.add(index, array)
            if history.bad is None:
                told[key] = (before, array)
        for key, units in self.units.items():
            self._add_units(index, key, units, told)

    def _add_units(
        self, index: int, key: str, units: Units, told: Mapping[str, tuple[np.ndarray | None, np.ndarray]]
    ) -> None:
        if key not in told:
            return
        before, now = told[key]
        rows = units.weight.turned(now)
        units.rows(index, None if before is None else units.weight.turned(before), rows)
        if units.bias_key in told and units.bias_key is not None:
            units.bias(*told[units.bias_key])
        head = units.weight.head
        if head is not None and head in told:
            before, now = told[head]
            columns = self._columns(head, now, len(rows))
            if columns is not None:
                old = None if before is None else self._columns(head, before, len(rows))
                units.behind(index, old, columns)
        units.close()

    def _columns(self, head: str, array: np.ndarray, units: int) -> np.ndarray | None:
        watched: Watched = self.histories[head].watched
        return watched.columns(array, units)

    def _findings(self, read: list[Snapshot]) -> list[Finding]:
        def when(index: int) -> tuple[float | None, str]:
            snapshot = read[index]
            if snapshot.epoch is not None:
                return float(snapshot.epoch), f"from epoch {snapshot.epoch:g} on"
            if snapshot.iteration is not None:
                return None, f"from iteration {snapshot.iteration} on"
            return None, f"from {self.run.name_of(snapshot)!r} on"

        findings: list[Finding] = []
        for history in self.histories.values():
            findings += history.findings(when)
        for units in self.units.values():
            findings += units.findings(when)
        whole = whole_network(list(self.histories.values()))
        if whole is not None:
            epoch, words = when(whole[0])
            says = f"no tensor changes by a bit in {whole[1]} snapshots {words}"
            one = Finding("unchanged_tensor", None, None, epoch, float(whole[1]), float(UNCHANGED_SNAPSHOTS), says)
            findings = [one, *(each for each in findings if each.rule != one.rule)]
        losses = [*loss_findings(self.run.log)]
        return [replace(each, says=printable(each.says)) for each in (*findings, *losses)]
