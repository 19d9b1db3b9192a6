"""action.yml: each of its scripts is run as it stands, and it is linted by the rules of workflows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from actions import Done, run_action
from folders import result_folder, save, trainer_arrays, weights

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).resolve().parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/make-and-ci.md").read_text(encoding="utf-8")
STEPS = ACTION["runs"]["steps"]
SCRIPTS = [step for step in STEPS if "run" in step]
SMALL = "--dpi 40\n"

needs_bash = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="bash is not installed, or is Windows' own"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def run(workspace: Path, **inputs: str) -> Done:
    """Run the action without installing anything: the program is the one under test."""
    temp = workspace.parent / "temp"
    place = temp / "programs"
    place.mkdir(parents=True, exist_ok=True)
    for name, words in (("nnanim", "-m nnanim"), ("python", "")):
        # With -I Python would not look at PYTHONPATH, which stands for an installed nnanim here.
        told = f'[ "$1" = -I ] && shift\nPYTHONPATH={ROOT} exec {sys.executable} {words} "$@"\n'
        (place / name).write_text(f"#!/bin/sh\n{told}")
        (place / name).chmod(0o755)
    replaced = {"python": lambda: {"python-path": sys.executable}, "install": lambda: {"place": str(place)}}
    return run_action(ACTION, workspace, temp, inputs, replaced, {"PYTHONPATH": "/nowhere"})


@needs_bash
def test_one_folder_is_rendered_summarised_and_uploaded(workspace: Path) -> None:
    result_folder(workspace / "my result")
    options = SMALL + "--color=sign\n--title The $(touch pwned) run; touch pwned\n-j 1\n--no-loop\n"
    done = run(workspace, result="my result", outputs="a b.gif\nframes/\n", shape="4,5,3", options=options)
    assert done.failed is None, done.said
    assert {path.name for path in workspace.iterdir()} == {"my result", "a b.gif", "frames"}
    assert done.summary.startswith("## my result\n")
    assert done.steps["render"]["written"] == "a b.gif\nframes/"
    assert done.uploads == [["a b.gif", "frames/"]]
    assert len(list((workspace / "frames").iterdir())) == 4


@needs_bash
def test_options_keep_their_spaces(workspace: Path) -> None:
    result_folder(workspace / "r")
    page = "--input-labels sepal  length,sepal width,petal length,petal width\r\n"
    done = run(workspace, result="r\r\n", outputs="page.html\r\n", options=page)
    assert done.failed is None, done.said
    assert "sepal  length" in (workspace / "page.html").read_text(encoding="utf-8")


@needs_bash
def test_several_folders_by_line_and_by_pattern(workspace: Path) -> None:
    for name in ("runs/a b", "runs/c", "other/d"):
        result_folder(workspace / name)
    (workspace / "gifs").mkdir()
    done = run(workspace, result="runs/*\nother/d\n", outputs="gifs/{run}.gif", options=SMALL)
    assert done.failed is None, done.said
    assert done.steps["folders"]["folders"].split("\n") == ["runs/a b", "runs/c", "other/d"]
    written = ["gifs/runs-a b.gif", "gifs/runs-c.gif", "gifs/other-d.gif"]
    assert done.steps["render"]["written"].split("\n") == written
    assert done.uploads == [written]
    assert all((workspace / path).stat().st_size > 1000 for path in written)
    assert "3 of 3 folders drawn" in done.summary


@needs_bash
def test_what_could_be_written_is_uploaded_where_one_folder_fails(workspace: Path) -> None:
    result_folder(workspace / "a")
    (workspace / "b<i>").mkdir()
    done = run(workspace, result="a\nb<i>\n", outputs="{run}.gif", options=SMALL)
    assert done.failed == "render"
    assert done.uploads == [["a.gif"]]
    assert "b&lt;i>.gif: not written: " in done.summary


@needs_bash
def test_a_folder_that_is_not_there_fails_the_step(workspace: Path) -> None:
    done = run(workspace, result="none-*", outputs="a.gif", check="all", compare="table")
    assert done.failed == "render"
    assert "no folder 'none-*'" in done.said
    assert done.uploads == []
    assert list(workspace.iterdir()) == []
    assert done.steps["check"]["found"] == ""


@needs_bash
def test_two_folders_are_compared(workspace: Path) -> None:
    for name in ("a", "b"):
        result_folder(workspace / name)
    done = run(workspace, result="a\nb\n", outputs="", compare="table")
    assert done.failed is None, done.said
    assert "effective rank" in done.summary
    assert "render" not in done.steps
    assert done.uploads == []
    done = run(workspace, result="a\nb\n", outputs="", compare="side by side.gif\n", artifact="")
    assert done.failed is None, done.said
    assert (workspace / "side by side.gif").stat().st_size > 1000
    assert done.steps["compare"]["written"] == "side by side.gif"
    assert done.uploads == []


def with_a_fault(folder: Path) -> None:
    """Leave a run whose first layer does not change, which a rule finds."""
    folder.mkdir()
    for epoch in range(1, 7):
        arrays = weights(seed=epoch)
        arrays["l1/W"] = np.ones_like(arrays["l1/W"]) * weights(seed=1)["l1/W"]
        save(folder / f"trainer_{epoch:05}", trainer_arrays(arrays, epoch=epoch, iteration=epoch))


@needs_bash
@pytest.mark.parametrize(("check", "fails"), [("report", False), ("all", True), ("not_finite", False)])
def test_faults_fail_the_job_as_asked_for(workspace: Path, check: str, fails: bool) -> None:
    with_a_fault(workspace / "r")
    done = run(workspace, result="r", outputs="a.gif", options=SMALL, check=check)
    assert (done.failed == "check") is fails, done.said
    assert done.steps["check"]["found"] == "true"
    findings = json.loads(Path(done.steps["check"]["findings"]).read_text(encoding="utf-8"))["findings"]
    assert findings
    assert findings[0]["rule"] in done.summary
    assert done.uploads == [["a.gif"]]


@needs_bash
def test_no_fault_is_told_too(workspace: Path) -> None:
    result_folder(workspace / "r")
    done = run(workspace, result="r", outputs="", check="all")
    assert done.failed is None, done.said
    assert done.steps["check"]["found"] == "false"


@needs_bash
def test_the_program_gets_a_python_of_its_own(tmp_path: Path) -> None:
    """The step makes an environment with the Python that was set up, and installs into it and nowhere else."""
    calls = tmp_path / "calls"
    python = tmp_path / "the python"
    python.write_text(
        f'#!/bin/sh\necho "$0 $*|$PYTHONPATH" >>{calls}\n'
        'if [ "$2" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi\n'
    )
    python.chmod(0o755)
    step = next(step for step in STEPS if step.get("id") == "install")
    output = tmp_path / "output"
    environment = {"PYTHON": str(python), "EXTRAS": "video,dask", "ACTION": "/the action", "PYTHONPATH": "/of/the/job"}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**os.environ, **environment, "RUNNER_TEMP": f"{tmp_path}/a temp", "GITHUB_OUTPUT": str(output)},
        check=False,
    )
    assert done.returncode == 0
    place = tmp_path / "a temp" / "nnanim"
    assert calls.read_text().splitlines() == [
        f"{python} -m venv --clear {place}|",
        f"{place}/bin/python -m pip install --quiet --disable-pip-version-check /the action[video,dask]|",
    ]
    assert output.read_text() == f"place={place}/bin\n"
    setup = next(step for step in STEPS if step.get("id") == "python")
    assert setup["with"]["update-environment"] is False


# The file itself


def test_no_input_is_put_into_a_script() -> None:
    for step in SCRIPTS:
        assert "${{" not in step["run"]


def test_the_page_tells_every_input_and_output() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| [^|]* \|([^|]*)\|$", PAGE, re.MULTILINE)
    inputs = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()}
    assert [name for name, _ in rows] == list(inputs)
    for name, default in rows:
        assert default.strip(" `") in (inputs[name], "as found"), name
    outputs = PAGE.split("| output |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z]+)` \|", outputs, re.MULTILINE) == list(ACTION["outputs"])
    for example in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for step in yaml.safe_load(example):
            if "nnanim" in step.get("uses", ""):
                assert set(step["with"]) <= set(inputs)


def as_workflow() -> dict[str, Any]:
    """Write the action as a workflow that is called, whose steps actionlint knows how to read."""
    inputs = {
        name: {"type": "string", "required": bool(about.get("required"))} for name, about in ACTION["inputs"].items()
    }
    steps = {"runs-on": "ubuntu-latest", "steps": STEPS}
    return {"on": {"workflow_call": {"inputs": inputs}}, "permissions": {}, "jobs": {"action": steps}}


def lint(program: str, path: Path, text: str) -> subprocess.CompletedProcess[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return subprocess.run([program, str(path)], capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing_to_say(tmp_path: Path) -> None:
    program = shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not installed")
    file = tmp_path / "workflow.yml"
    text = yaml.safe_dump(as_workflow(), sort_keys=False)
    done = lint(program, file, text)
    assert done.returncode == 0, done.stdout
    assert lint(program, file, text.replace("inputs.shape", "inputs.shapes")).returncode != 0  # it does look
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        done = lint(program, file, workflow.read_text(encoding="utf-8"))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("step", SCRIPTS, ids=[step["id"] for step in SCRIPTS])
def test_shellcheck_finds_nothing_to_say(step: dict[str, Any], tmp_path: Path) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("ShellCheck is not installed")
    script = tmp_path / "script.sh"
    names = "".join(f"{name}=${{{name}?}}\n" for name in [*step["env"], "RUNNER_TEMP", "GITHUB_OUTPUT"])
    script.write_text(f"#!/bin/bash\n{names}{step['run']}", encoding="utf-8")
    done = subprocess.run([program, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
