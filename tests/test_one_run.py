from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from folders import result_folder

from nnanim.one_run import may_pay_off
from nnanim.options import Options, Writing

ENTRIES = 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "result"
    path.mkdir()
    for number in range(ENTRIES):
        (path / f"note_{number}").touch()
    return path


@pytest.mark.parametrize(
    ("outputs", "how", "expected"),
    [
        (["x.gif"], {"jobs": 2}, True),
        (["x.gif"], {"jobs": 1}, False),
        (["x.gif"], {}, False),
        (["x.html"], {"jobs": 2}, False),
        (["x.html", "frames/"], {"jobs": 2}, True),
        (["x.txt"], {"jobs": 2, "file_format": "gif"}, True),
        (["x.gif"], {"jobs": 2, "every": 4}, False),
        (["x.webp"], {"jobs": 2, "every": 4}, True),
        (["x.gif"], {"jobs": 2, "max_frames": 50}, False),
        (["x.gif"], {"jobs": 2, "max_frames": 50, "tween": 3}, True),
        (["x.gif"], {"jobs": 2, "color": "sign"}, True),
    ],
)
def test_a_look_at_the_folder_tells_whether_processes_start(
    folder: Path, outputs: list[str], how: dict[str, Any], expected: bool
) -> None:
    how = dict(how)
    writing = Writing(how.pop("file_format", None), how.pop("jobs", 1))
    assert may_pay_off(folder, outputs, Options(**how), writing) is expected


def test_no_process_starts_for_a_folder_that_is_not_there_or_for_a_cluster(folder: Path) -> None:
    assert not may_pay_off(folder / "missing", ["x.gif"], Options(), Writing(jobs=2))
    with ThreadPoolExecutor(2) as executor:
        assert not may_pay_off(folder, ["x.gif"], Options(), Writing(jobs=2, executor=executor))


def test_processes_start_before_anything_heavy_is_imported(folder: Path) -> None:
    result_folder(folder)
    code = """
import sys
from nnanim.processes import pool
from nnanim.cli import main

def prepared():
    print(sorted({"matplotlib", "numpy", "pandas", "PIL"} & set(sys.modules)))

pool.prepare_pool = prepared
main(["render", "result", "-o", "x.gif", "--jobs", "2", "--quiet", "--figsize", "3,2", "--dpi", "60"])
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=folder.parent, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    assert (folder.parent / "x.gif").exists()
