"""Weight matrices as heat maps."""

from __future__ import annotations

from collections.abc import Sequence

from nnanim.design.cell_scales import CellScales
from nnanim.frames.cells import CellHistory
from nnanim.frames.history import Snapshot
from nnanim.frames.readers import Readers
from nnanim.options import Options
from nnanim.panels import matrix
from nnanim.panels.matrix import MatrixPanel, read_matrices
from nnanim.panels.views.view import View
from nnanim.reading.run import Run


def _read(run: Run, snapshots: Sequence[Snapshot], options: Options, _readers: Readers) -> CellHistory:
    return read_matrices(run, snapshots, options)


VIEW = View("matrix", _read, CellScales.of_runs, MatrixPanel, matrix.words_of)
