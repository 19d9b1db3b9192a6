"""docs/tutorial.md is gone through as a reader would, with each framework that is installed here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nnanim.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"^```python\n# (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
# Chainer is imported as nnanim does it, which the page tells; the others as they are.
BEFORE = {"chainer": "from nnanim.reading.snapshots.chainer_model import import_chainer; import_chainer(); "}
FORMATS = {"torch": "pytorch", "keras": "keras", "chainer": "chainer"}


def train(framework: str, folder: Path) -> None:
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = f"{BEFORE.get(framework, '')}import runpy; runpy.run_path('train_{framework}.py', run_name='__main__')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    if framework == "chainer" and "No module named 'chainer'" in done.stderr:
        pytest.skip("Chainer is not installed")
    assert done.returncode == 0, done.stderr


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    assert words[0] == "nnanim"
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("framework", FORMATS)
def test_the_tutorial_from_the_first_line_to_the_last(framework: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    train(framework, tmp_path)
    told = json.loads(run("nnanim inspect result --json", tmp_path).stdout)
    assert told["format"] == FORMATS[framework]
    assert told["shape"] == [2, 8, 8, 3]
    assert len(told["snapshots"]) in (30, 60)
    assert [note for note in told["notes"] if "row" in note] == []
    assert float(told["shown_metrics"][0]["last"].removesuffix(" %")) > 90  # it did learn
    for line in LINES:
        done = run(line, tmp_path)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if "inspect" in line:
            assert "2,8,8,3" in done.stdout
    written = {path.name for path in tmp_path.iterdir()}
    named = set(re.findall(r"-o (\S+)", "\n".join(LINES)))
    assert {"animation.gif", "summary.md", *named} <= written
    with Image.open(tmp_path / "slide.gif") as slide:
        assert slide.size == (1920, 1080)
        assert "loop" not in slide.info
    assert (tmp_path / "network.svg").stat().st_size < (tmp_path / "rings.gif").stat().st_size
    assert "nothing changed" in run(LINES[-3], tmp_path).stderr
    assert "inner" in (tmp_path / "slide.svg").read_text(encoding="utf-8")


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in docs.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"^\| \[[^]]+\]\((\w[\w-]*\.md)\)", index, re.MULTILINE)) == pages
    for page in [*docs.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http:", "https:")):
                assert (page.parent / target).exists() or target == "network.svg", f"{page.name}: {target}"


def test_the_commands_of_the_tutorial_are_commands() -> None:
    assert len(LINES) >= 10
    assert {shlex.split(line)[1] for line in LINES} <= set(main.commands)
    assert shutil.which("sh") is None or len(SCRIPTS) == 4
