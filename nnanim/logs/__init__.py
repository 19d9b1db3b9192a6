"""Log formats, one module each, with ``sniff(path)`` and ``read(path)``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COUNTERS = ("epoch", "iteration", "elapsed_time")


@dataclass(frozen=True, eq=False)
class Log:
    """The metrics of a training, one row for every report.

    Attributes:
        path: the file; for a log inside a snapshot, the snapshot.
        table: float64, one column for every numeric key; NaN where a row has no number. ``epoch`` and ``iteration``
            are int64 where every row has one.
        present: bool, same shape; True where the row has the key. A NaN that the log states is present (a gap in the
            curve), the NaN of an absent key is not.
        format: ``"chainer"``, ``"csv"``, ``"jsonl"``, ``"transformers"`` or ``"tensorboard"``.
        notes: what a user should be told.
        parts: other files that the log is made of.
    """

    path: Path
    table: pd.DataFrame
    present: pd.DataFrame
    format: str = "chainer"
    notes: tuple[str, ...] = ()
    parts: tuple[Path, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the numeric columns other than epoch, iteration and elapsed time, as ordered in the log."""
        return tuple(column for column in self.table.columns if column not in COUNTERS)
