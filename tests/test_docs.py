"""The README and the pages in docs: every command runs, every option is told."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from nnanim.cli import main

ROOT = Path(__file__).parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def readme_commands() -> list[list[str]]:
    commands: list[list[str]] = load("run_commands").commands_of(ROOT / "README.md")
    return commands


def test_readme_begins_with_the_two_commands():
    commands = re.findall(r"^    (make \w+)", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_readme_command_runs(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = ROOT / "sample_results/iris"
    for folder in (Path("result"), Path("sample_results/iris")):
        folder.mkdir(parents=True)
        for name in ("log", "trainer_00010", "trainer_00300", "trainer_00500"):
            shutil.copy(source / name, folder)
    answer = CliRunner().invoke(main, command[1:])
    assert answer.exit_code == 0, answer.output
    if command[1] != "inspect":
        output = Path(command[command.index("-o") + 1]) if "-o" in command else Path("animation.gif")
        assert output.stat().st_size > 1000


def test_reference_is_what_help_says():
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    # Click's releases break lines at different places.
    assert page.split() == load("make_reference").reference().split(), "run `make docs`"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_stands_in_the_reference(name):
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    section = page.split(f"## nnanim {name}\n")[1].split("\n## ")[0]
    for parameter in main.commands[name].params:
        for option in [*parameter.opts, *parameter.secondary_opts]:
            if option.startswith("--"):
                assert option in section


def test_gallery_shows_what_its_commands_make():
    text = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    made = [command[command.index("-o") + 1] for command in load("run_commands").commands_of(ROOT / "docs/gallery.md")]
    shown = [f"docs/{path}" for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)]
    assert shown == made
    for path in shown:
        assert (ROOT / path).is_file(), f"{path} is missing: run `make gallery`"
        assert (ROOT / path).stat().st_size < 1_500_000
