"""What docs/make-and-ci.md promises is done with real programs; of its action see test_action.py."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from folders import result_folder, save, trainer_arrays, weights

from nnanim.cli import main
from nnanim.options import FORMATS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/make-and-ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def path_with_nnanim(tmp_path: Path) -> str:
    """A PATH on which ``nnanim`` is the one under test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    nnanim = programs / "nnanim"
    nnanim.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m nnanim "$@"\n')
    nnanim.chmod(0o755)
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def run(command: list[str], path: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": path, **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


# Make


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_pattern_rule_draws_what_changed_only(tmp_path: Path, path_with_nnanim: str) -> None:
    rule = blocks("make")[0]
    (tmp_path / "Makefile").write_text(rule + "\nafter: results/iris.gif\n\techo made >$@\n")
    result_folder(tmp_path / "results" / "iris")

    def make(goal: str) -> str:
        done = run(["make", goal], path_with_nnanim, tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    make("after")
    gif = tmp_path / "results" / "iris.gif"
    drawn = gif.stat().st_mtime_ns
    assert "echo made" not in make("after")  # what depends on the untouched file is not made again
    assert gif.stat().st_mtime_ns == drawn
    save(tmp_path / "results/iris/trainer_00003", trainer_arrays(weights(seed=9), epoch=3, iteration=9))
    assert "echo made" in make("after")
    assert gif.stat().st_mtime_ns > drawn


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_grouped_rule_writes_both(tmp_path: Path, path_with_nnanim: str) -> None:
    (tmp_path / "Makefile").write_text(blocks("make")[1] + "\nFORCE:\n")
    result_folder(tmp_path / "results" / "iris")
    done = run(["make", "results/iris.html"], path_with_nnanim, tmp_path)
    if "No rule" in done.stderr or "missing separator" in done.stderr:
        pytest.skip("this make is older than 4.3")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["iris", "iris.gif", "iris.html"]


# The shell


@pytest.mark.parametrize(("shell", "language"), [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")])
def test_completion_script(shell: str, language: str, tmp_path: Path, path_with_nnanim: str) -> None:
    (line,) = blocks(language)
    assert f"_NNANIM_COMPLETE={shell}_source nnanim" in line
    if shutil.which(shell):
        # A person's zsh has its completion system on.
        first = "autoload -Uz compinit && compinit -u -d dump\n" if shell == "zsh" else ""
        done = run([shell, "-c", first + line], path_with_nnanim, tmp_path)
        assert done.returncode == 0, done.stderr
    done = run(["nnanim"], path_with_nnanim, tmp_path, _NNANIM_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert "_nnanim_completion" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nnanim ", set(main.commands)),
        ("nnanim render --format ", set(FORMATS)),
        ("nnanim render --if", {"--if-changed"}),
    ],
)
def test_completion_offers(words: str, expected: set[str], tmp_path: Path, path_with_nnanim: str) -> None:
    count = str(len(words.split(" ")) - 1)
    done = run(
        ["nnanim"], path_with_nnanim, tmp_path, _NNANIM_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count
    )
    assert {line.split(",")[1] for line in done.stdout.splitlines()} == expected


# Pipes and frames


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_commands_of_the_page(line: str, tmp_path: Path, path_with_nnanim: str) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    for program in ("gifsicle", "ffmpeg"):
        if program in line and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    result_folder(tmp_path / "result")
    if line.startswith("ffmpeg"):
        assert run(["nnanim", "render", "result", "-o", "frames/"], path_with_nnanim, tmp_path).returncode == 0
    done = run(["bash", "-o", "pipefail", "-c", line], path_with_nnanim, tmp_path)
    assert done.returncode == 0, done.stderr
    if "gifsicle" in line:
        assert "4 images" in done.stdout  # of three snapshots, the last one in ink too
    elif line.startswith("ffmpeg"):
        assert (tmp_path / "animation.mkv").stat().st_size > 1000
    else:
        assert (tmp_path / "summary.md").read_text().startswith("## result\n")


def test_the_page_tells_every_field_of_frames_json(tmp_path: Path, path_with_nnanim: str) -> None:
    result_folder(tmp_path / "result")
    run(["nnanim", "render", "result", "-o", "frames/"], path_with_nnanim, tmp_path)
    told = json.loads((tmp_path / "frames/frames.json").read_text())
    table = PAGE.split("| field | meaning |")[1]
    (frame, *_) = told["frames"]
    names = {*(set(told) - {"frames"}), *frame, *frame["edges"], *frame["nodes"]}
    for name in names:
        assert re.search(rf"`(frames\[\])?\.?{name}`", table), name
