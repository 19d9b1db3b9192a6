"""The command that brings an extra works where it is typed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from nnanim.extras import EXTRAS, how_to_install

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent


def test_each_extra_of_the_project_is_known_by_its_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {name: tuple(each.split(">=")[0] for each in needed) for name, needed in extras.items()} == EXTRAS


def test_an_interpreter_below_this_folder_is_named_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert how_to_install("video") == ".venv/bin/python -m pip install av"
    monkeypatch.setattr(sys, "executable", "/opt/my tools/python3")
    assert how_to_install("dask") == "'/opt/my tools/python3' -m pip install distributed"


def test_the_command_reaches_pip_of_the_python_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="this Python has no pip")
    monkeypatch.chdir(tmp_path)
    command = shlex.split(how_to_install("video"))
    done = subprocess.run([*command[:-2], "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pip ")
    assert f"(python {sys.version_info[0]}.{sys.version_info[1]})" in done.stdout
