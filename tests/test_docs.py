"""The README and the pages in docs: every command runs, every option is told."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nnanim.cli import main
from nnanim.options import SUFFIXES

ROOT = Path(__file__).parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def readme_lines() -> list[str]:
    lines: list[str] = load("run_commands").lines_of(ROOT / "README.md")
    return lines


def test_readme_begins_with_the_two_commands():
    commands = re.findall(r"^    (make \w+)", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("line", readme_lines())
def test_readme_command_runs(line: str, tmp_path: Path) -> None:
    if ".mp4" in line:
        pytest.importorskip("av")
    source = ROOT / "sample_results/iris"
    for folder in ("result", "runs/a/result", "runs/b/result", "sample_results/iris"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("log", "trainer_00010", "trainer_00300", "trainer_00500"):
            shutil.copy(source / name, tmp_path / folder)
    (tmp_path / "gifs").mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    answer = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    if "inspect" in line:
        assert "4,5,5,5,3" in answer.stdout or json.loads(answer.stdout)["shape"] == [4, 5, 5, 5, 3]
        return
    if "nnanim check" in line:
        assert "nothing found" in answer.stdout
        return
    named = [word.split("{")[0].strip("'") for word in re.findall(r"(?:-o|>) (?!- )(\S+)", line)]
    for output in named or ["animation.gif"]:
        there = tmp_path / output
        files = list(there.iterdir()) if there.is_dir() else [there]
        assert sum(file.stat().st_size for file in files) > 1000


def test_reference_is_what_help_says():
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    # Click's releases break lines at different places.
    assert page.split() == load("make_reference").reference().split(), "run `make docs`"


def test_formats_has_the_table_of_roles():
    text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    assert text == load("make_roles").page(text), "run `make docs`"
    assert "| LoRA A |" in text


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


def test_outputs_page_tells_of_every_format_and_what_was_tried():
    text = (ROOT / "docs/outputs.md").read_text(encoding="utf-8")
    outputs = load("make_outputs")
    rows = text.partition(outputs.BEGIN)[2].partition(outputs.END)[0].splitlines()[2:]
    assert {suffix for row in rows for suffix in re.findall(r"`(\.\w+)`", row.split(" | ")[0])} == set(SUFFIXES)
    for row in rows:
        name, size, holds, plays, _ = (cell.strip() for cell in row.strip("|").split("|"))
        assert (name, holds) in {(each.name, each.holds) for each in outputs.OUTPUTS}
        assert int(re.sub(r" \(.*|\D", "", size.partition(" (")[0])) > 0
        assert "Chromium" in plays
