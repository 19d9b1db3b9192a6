"""Wall time, CPU time, peak memory and size of what a process leaves behind, with all processes that it starts."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import psutil

SAMPLE_S = 0.1  # a look takes 2 ms of the CPU that the second process could use
# As users run Python: what was compiled once is kept.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Entry:
    """A process that is measured.

    Attributes:
        tool: what it is measured for, e.g. ``"nnanim"``.
        label: what it does, e.g. ``"50 frames"``.
        arguments: of the interpreter; ``{output}`` stands for the output, ``{folder}`` for an empty folder.
        output: name of a file, or of a folder where it ends in a slash; None where nothing is written.
    """

    tool: str
    label: str
    arguments: tuple[str, ...]
    output: str | None = "out.gif"


@dataclass(frozen=True)
class Measurement:
    """Of one process and all that it started.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: of all processes.
        peak_mb: memory of all processes, what they share counted once.
        file_kb: of what is left behind.
        told: what it wrote to its standard output, as JSON.
        private_mb: memory of all processes that no file lies behind.
        resident_mb: the most that a process of them ever had in memory, mapped files too, as the system keeps it.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    file_kb: float
    told: dict[str, float] = field(default_factory=dict)
    private_mb: float = nan
    resident_mb: float = nan


@dataclass
class _Seen:
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    private_mb: float = 0.0
    resident_mb: float = 0.0


def measure(entry: Entry) -> Measurement | None:
    """Run a process; None where it fails (ImageMagick at too many frames)."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        output = f"{folder}/{entry.output}"
        command = [part.replace("{output}", output).replace("{folder}", folder) for part in entry.arguments]
        begun = time.perf_counter()
        process = subprocess.Popen([sys.executable, *command], stdout=said, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        seen = _Seen()
        watcher = threading.Thread(target=_watch, args=(process.pid, seen))
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
        written = [path for path in Path(folder).rglob("*") if path.is_file()]
        if process.returncode != 0 or (entry.output is not None and not written):
            return None
        size_kb = sum(path.stat().st_size for path in written) / 1000
        said.seek(0)
        told = json.loads(said.read() or b"{}")
        cpu_s = max(used.ru_utime + used.ru_stime, seen.cpu_s)
        return Measurement(wall_s, cpu_s, seen.peak_mb, size_kb, told, seen.private_mb, seen.resident_mb)


def _watch(pid: int, seen: _Seen) -> None:
    """Keep the largest sums of CPU time and of memory of a process and its descendants, shared pages counted once.

    The system adds the CPU time of a process to its parent's when the parent waits for it. Workers are children of a
    server process for which nobody waits, so the parent's own sum misses them. Here the tree is summed while it lives:
    each process with the children that it has waited for. What is missed is what happens after the last look, up to
    `SAMPLE_S` on each CPU; where the system's sum is larger, as it always is for a single process, that counts.
    """
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            memory, private, cpu_s = 0, 0, 0.0
            # Parents first: who is waited for in between is then missed in this look, not counted twice.
            for process in [root, *root.children(recursive=True)]:
                try:
                    times = process.cpu_times()
                    cpu_s += times.user + times.system + times.children_user + times.children_system
                    memory += process.memory_full_info().pss
                    private += _of_status(process.pid, "RssAnon:")
                    seen.resident_mb = max(seen.resident_mb, _of_status(process.pid, "VmHWM:") / 1e6)
                except (psutil.Error, OSError):
                    continue
            seen.peak_mb = max(seen.peak_mb, memory / 1e6)
            seen.private_mb = max(seen.private_mb, private / 1e6)
            seen.cpu_s = max(seen.cpu_s, cpu_s)
            time.sleep(SAMPLE_S)
    except psutil.Error:
        return


def _of_status(pid: int, name: str) -> int:
    """Return how many bytes the system's status of a process tells (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    return 0


class Bench:
    """Measurements by tool and label."""

    def __init__(self, repetitions: int) -> None:
        self.repetitions = repetitions
        self.found: dict[tuple[str, str], list[Measurement]] = defaultdict(list)

    def run(self, entries: Iterable[Entry], repetitions: int | None = None) -> None:
        """Measure every entry in turn, again and again."""
        entries, repetitions = list(entries), repetitions or self.repetitions
        for repetition in range(repetitions):
            for entry in entries:
                measured = measure(entry)
                if measured is not None:
                    self.found[entry.tool, entry.label].append(measured)
                told = "failed" if measured is None else f"{measured.wall_s:.2f} s, {measured.cpu_s:.2f} s of CPU"
                print(f"{repetition + 1}/{repetitions} {entry.tool}, {entry.label}: {told}", flush=True)

    def median(self, tool: str, label: str, what: str) -> float:
        """Return the median of a field of the measurements, or of a number that the process told; NaN without any."""
        values = self.values(tool, label, what)
        return statistics.median(values) if values else nan

    def values(self, tool: str, label: str, what: str) -> list[float]:
        """Return a field of the measurements, or a number that the process told, in the order of the repetitions."""
        found = self.found.get((tool, label), [])
        return [getattr(one, what) if hasattr(one, what) else one.told[what] for one in found]

    def marginal_ms(self, tool: str, few: int, many: int, what: str) -> float:
        """Return milliseconds for each further frame."""
        both = [self.median(tool, f"{count} frames", what) for count in (few, many)]
        return 1000 * (both[1] - both[0]) / (many - few)
