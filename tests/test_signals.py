"""Signals that come at a bad moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nnanim.cli import main as command_line

PROGRAM = """
import time
from nnanim import cli
cli._end_as_by_ctrl_c()
import late
print("imported whole", flush=True)
time.sleep(60)
"""
MODULE = """
import signal
signal.raise_signal({number})
[{{}} for _ in range(1000)]  # where the signal would be noticed at the latest
print("to the end", flush=True)
"""

FINALISER = """
import signal, time
from nnanim import cli
cli._end_as_by_ctrl_c()
class Closing:
    def __del__(self):
        signal.raise_signal({number})
Closing()
print("finalised", flush=True)
time.sleep(10)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends these signals to no process")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", -2)])
def test_no_import_is_broken_off_by_a_signal(tmp_path: Path, name: str, code: int) -> None:
    """Modules in C++ would be left half made, and Python then ends in SIGABRT."""
    number = getattr(signal, name)
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored here")
    (tmp_path / "late.py").write_text(MODULE.format(number=int(number)))
    (tmp_path / "run.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, tmp_path / "run.py"], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("to the end\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends these signals to no process")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", -2)])
def test_no_signal_is_lost_in_a_finaliser(tmp_path: Path, name: str, code: int) -> None:
    """What a handler raises there is told on stderr by Python, and then forgotten."""
    number = getattr(signal, name)
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored here")
    (tmp_path / "run.py").write_text(FINALISER.format(number=int(number)))
    done = subprocess.run([sys.executable, tmp_path / "run.py"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (code, "finalised\n"), done.stderr
    assert "Exception ignored" not in done.stderr


def test_ctrl_c_beside_a_command_ends_as_within(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Group, "make_context", interrupted)
    assert CliRunner().invoke(command_line, ["--version"]).exit_code == 130
