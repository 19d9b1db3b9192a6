"""The processes that a program has started, by a mark in their environment."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def processes_with(mark: str) -> list[int]:
    """Return the processes that have inherited a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return found


def interrupted(
    command: Sequence[str], folder: Path, signum: int, begun: Callable[[list[int]], bool]
) -> tuple[int, bytes]:
    """Start a program, send it a signal, and wait until none of its processes is left.

    Args:
        command: the program.
        folder: where it runs.
        signum: SIGINT goes to all of its processes, as a terminal does on Ctrl-C, any other to the first alone.
        begun: tells when, given the processes that are there.

    Returns:
        Exit code and standard error.
    """
    mark = f"nnanim-test-{os.getpid()}-{time.monotonic_ns()}"
    environment = {**os.environ, "NNANIM_TEST": mark}
    deadline = time.monotonic() + 60
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while not begun(processes_with(mark)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if signum == signal.SIGINT:
            os.killpg(process.pid, signum)
        else:
            process.send_signal(signum)
        _, said = process.communicate(timeout=60)
    while processes_with(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process.returncode, said
