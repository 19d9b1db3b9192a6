"""What pip installs, and what importing it costs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import nnanim

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"PIL", "chainer", "graphviz", "imageio", "matplotlib", "numpy", "pandas", "pygraphviz"}


def run_python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def test_version_is_the_installed_one() -> None:
    assert metadata.version("nnanim") == nnanim.__version__


def test_version_is_in_the_changelog() -> None:
    assert re.search(rf"^## {re.escape(nnanim.__version__)} ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_types_are_shipped() -> None:
    assert (Path(nnanim.__file__).parent / "py.typed").is_file()


def test_python_m_nnanim_is_the_command() -> None:
    assert nnanim.__version__ in run_python("-m", "nnanim", "--version")
    assert run_python("-m", "nnanim", "--help").startswith("Usage: nnanim ")


@pytest.mark.parametrize("module", ["nnanim", "nnanim.cli", "nnanim.__main__"])
def test_import_is_light(module: str) -> None:
    loaded = run_python("-c", f"import sys, {module}; print(*sys.modules)").split()
    assert HEAVY.intersection(loaded) == set()


def test_lower_bounds_are_the_versions_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *extras["dask"], *extras["orbax"]]
    bounds = dict(requirement.split(";")[0].strip().split(">=") for requirement in requirements)
    lines = (ROOT / "tests/lowest-versions.txt").read_text().splitlines()
    tested = dict(line.split(";")[0].strip().split("==") for line in lines if not line.startswith("#"))
    assert bounds == tested


def test_the_sdist_names_all_that_is_kept_but_what_only_the_checkout_needs() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = {name.split("/")[0] for name in listed.split("\0") if name}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    always = {"pyproject.toml", "README.md", "LICENSE", ".gitignore"}  # Hatchling's own choice
    assert kept - {".ci", ".github"} == {*build["only-include"], *always}
