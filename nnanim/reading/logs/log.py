"""Log formats, one module each, with ``sniff(path)`` and ``read(path)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COUNTERS = ("epoch", "iteration", "elapsed_time")


@dataclass(frozen=True, eq=False)
class Log:
    """The metrics of a training, one row for every report.

    Attributes:
        path: the file; for a log inside a snapshot, the snapshot.
        columns: (R,) float64 for every numeric key, NaN where a row has no number; ``epoch`` and ``iteration`` are
            int64 where every row has one.
        stated: (R,) bool for every numeric key, True where the row has the key. A NaN that the log states is a gap in
            the curve, the NaN of an absent key is not.
        format: ``"chainer"``, ``"csv"``, ``"json"``, ``"jsonl"``, ``"history"`` (Keras's), ``"transformers"``,
            ``"mlflow"`` or ``"tensorboard"``.
        notes: what a user should be told.
        parts: other files that the log is made of.
        percent: columns that were written with a per cent sign; their values here are shares of 1.
    """

    path: Path
    columns: Mapping[str, np.ndarray]
    stated: Mapping[str, np.ndarray]
    format: str = "chainer"
    notes: tuple[str, ...] = ()
    parts: tuple[Path, ...] = ()
    percent: frozenset[str] = frozenset()

    # Tables are made when they are asked for: drawing an animation does not wait for pandas.

    @cached_property
    def table(self) -> pd.DataFrame:
        """The columns as a table."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    @cached_property
    def present(self) -> pd.DataFrame:
        """What is stated as a table of the same shape."""
        import pandas as pd

        return pd.DataFrame(self.stated)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return max(map(len, self.columns.values()), default=0)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the numeric columns other than epoch, iteration and elapsed time, as ordered in the log."""
        return tuple(column for column in self.columns if column not in COUNTERS)
