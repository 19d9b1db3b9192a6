"""Wait until it is time to look at a folder again: a short while, or less where the system reports a change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INTERVAL_S = 0.5  # between two looks; also where nothing is ever reported, as of network shares
SETTLE_MS = 50  # reports that follow each other so soon are one
IMPORT_NAME = "watchfiles"


class Waiting:
    """Waits between two looks at a folder; a context manager."""

    def __init__(self, folder: Path, interval_s: float = INTERVAL_S) -> None:
        self._folder, self._interval_s = folder, interval_s
        self._reports: Iterator[Any] | None = None
        self._can_report = _has_watchfiles()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def wait(self) -> None:
        """Return after the interval, or sooner where a change was reported."""
        begun = time.monotonic()
        if self._can_report and self._reports is None:
            self._reports = _reports_of(self._folder, self._interval_s)
        if self._reports is not None:
            try:
                if next(self._reports):
                    return
            except (OSError, RuntimeError, StopIteration):
                self._stop()  # the folder is not there, or cannot be reported of: it is looked at all the same
        left_s = self._interval_s - (time.monotonic() - begun)
        if left_s > 0:
            time.sleep(left_s)

    def _stop(self) -> None:
        close = getattr(self._reports, "close", None)
        self._reports = None
        if close is not None:
            close()


def _has_watchfiles() -> bool:
    from importlib.util import find_spec

    return find_spec(IMPORT_NAME) is not None


def _reports_of(folder: Path, interval_s: float) -> Iterator[Any]:
    """Yield a set of changes, empty after each interval without any."""
    from watchfiles import watch

    return watch(
        folder,
        watch_filter=None,
        debounce=4 * SETTLE_MS,
        step=SETTLE_MS,
        rust_timeout=round(1000 * interval_s),
        yield_on_timeout=True,
    )
