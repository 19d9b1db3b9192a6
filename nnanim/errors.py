"""Everything that nnanim raises on purpose.

    NnanimError
    ├── RunError        (ValueError)    the result folder holds nothing that can be drawn
    │   └── RunNotFoundError (FileNotFoundError)   there is no such folder
    ├── SnapshotError   (ValueError)    one snapshot cannot be read, or is not like the others
    ├── LogError        (ValueError)    the log cannot be read
    ├── ShapeError      (ValueError)    the declared layer sizes do not fit the snapshot
    ├── MetricError     (LookupError)   the log has no such metric
    ├── OptionError     (ValueError)    a value given by the caller is out of its range
    ├── GraphvizError   (RuntimeError)  Graphviz is missing, failed or answered something unexpected
    ├── OutputError     (OSError)       the output cannot be written
    └── WorkerError     (RuntimeError)  a process that draws frames died

Each also derives from the built-in class that a caller would expect. The message says what is wrong, the value, what
would be right, and where. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class NnanimError(Exception):
    """Base of every error that nnanim raises on purpose."""


class RunError(NnanimError, ValueError):
    """The result folder holds nothing that can be drawn."""


class RunNotFoundError(RunError, FileNotFoundError):
    """There is no such result folder."""


class SnapshotError(NnanimError, ValueError):
    """One snapshot cannot be read, or is not like the others."""


class LogError(NnanimError, ValueError):
    """The log cannot be read."""


class ShapeError(NnanimError, ValueError):
    """The declared layer sizes do not fit the snapshot."""


class MetricError(NnanimError, LookupError):
    """The log has no such metric."""


class OptionError(NnanimError, ValueError):
    """A value given by the caller is out of its range."""


class GraphvizError(NnanimError, RuntimeError):
    """Graphviz is missing, failed or answered something unexpected."""


class OutputError(NnanimError, OSError):
    """The output cannot be written."""


class WorkerError(NnanimError, RuntimeError):
    """A process that draws frames died."""
