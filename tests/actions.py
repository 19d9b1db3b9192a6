"""As much of GitHub's runner as action.yml needs: steps that run in bash, their outputs, and what they are given."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@dataclass
class Done:
    """What a run of the action left behind.

    Attributes:
        failed: the step that failed, or None.
        steps: the outputs of each step that ran, by its id.
        said: all that the steps wrote to the job's log.
        summary: the job's summary.
        uploads: the paths of each upload.
    """

    failed: str | None = None
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    said: str = ""
    summary: str = ""
    uploads: list[list[str]] = field(default_factory=list)


def run_action(
    action: Mapping[str, Any],
    folder: Path,
    temp: Path,
    inputs: Mapping[str, str],
    replaced: Mapping[str, Callable[[], dict[str, str]]],
    environment: Mapping[str, str],
) -> Done:
    """Run the steps of a composite action one after the other.

    Args:
        action: action.yml as YAML has it.
        folder: the workspace.
        temp: the runner's folder for temporary files.
        inputs: those that are given.
        replaced: what stands for steps that cannot be run here, by their ids; it returns their outputs.
        environment: of the job.
    """
    given = {name: str(about.get("default", "")) for name, about in action["inputs"].items()} | dict(inputs)
    done = Done()
    for step in action["runs"]["steps"]:
        name = step.get("id", "")
        if not _holds(step.get("if", "true"), given, done):
            continue
        if "with" in step and name not in replaced:
            done.uploads.append([line for line in _filled(step["with"]["path"], given, done).split("\n") if line])
        elif name in replaced:
            done.steps[name] = replaced[name]()
        else:
            _run_step(step, folder, temp, given, done, environment)
    return done


def _run_step(
    step: Mapping[str, Any], folder: Path, temp: Path, given: Mapping[str, str], done: Done, more: Mapping[str, str]
) -> None:
    output, summary = temp / "output", temp / "step-summary"
    for file in (output, summary):
        file.write_bytes(b"")
    env = {name: _filled(value, given, done) for name, value in step.get("env", {}).items()}
    places = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "RUNNER_TEMP": str(temp)}
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    ran = subprocess.run(
        script, cwd=folder, env={**os.environ, **more, **places, **env}, capture_output=True, text=True, check=False
    )
    done.said += ran.stdout + ran.stderr
    done.summary += summary.read_text(encoding="utf-8")
    done.steps[step["id"]] = read_outputs(output.read_text(encoding="utf-8"))
    if ran.returncode:
        done.failed = done.failed or step["id"]


def read_outputs(text: str) -> dict[str, str]:
    """Read what a step wrote to ``$GITHUB_OUTPUT``: ``name=value``, or ``name<<END`` with the value up to ``END``."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, many, end = line.partition("<<")
        if many and "=" not in name:
            value = []
            for more in lines:
                if more == end:
                    break
                value.append(more)
            else:
                raise ValueError(f"{name} has no end")
            found[name] = "\n".join(value)
        else:
            name, _, found[name] = line.partition("=")
    return found


def _filled(text: str, given: Mapping[str, str], done: Done) -> str:
    return EXPRESSION.sub(lambda match: _value(match[1], given, done), str(text))


def _value(path: str, given: Mapping[str, str], done: Done) -> str:
    parts = path.split(".")
    if parts[0] == "inputs":
        return given[parts[1]]
    if parts[0] == "steps":
        return done.steps.get(parts[1], {}).get(parts[3], "")
    if path == "github.action_path":
        return str(Path(__file__).resolve().parent.parent)
    raise ValueError(f"{path!r} is unknown here")


def _holds(condition: str, given: Mapping[str, str], done: Done) -> bool:
    """Tell whether a step is run. As GitHub has it, a condition without ``cancelled()`` holds after no failure only."""
    text = condition.removeprefix("${{").removesuffix("}}")
    if "cancelled()" not in text and done.failed:
        return False
    text = text.replace("!cancelled()", "True")
    text = re.sub(
        r"steps\.(\w+)\.outcome", lambda match: repr("success" if match[1] in done.steps else "skipped"), text
    )
    text = re.sub(r"(?:inputs|steps)\.[\w.]+", lambda match: repr(_value(match[0], given, done)), text)
    text = text.replace("&&", " and ").replace("||", " or ").replace("true", "True")
    return bool(eval(text, {"__builtins__": {}}))  # noqa: S307 - the text is this repository's own action.yml
