"""Where ``nnanim render`` writes: several outputs, standard output, only what changed, a summary."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from folders import result_folder, save, trainer_arrays, weights

from nnanim.cli import main
from nnanim.cli.options import check_outputs

SMALL = ("--figsize", "3,2", "--ending", "ink")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *SMALL], catch_exceptions=False)


def real(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "nnanim", *arguments, *SMALL], capture_output=True, check=False)


def test_each_output_is_told(result: Path) -> None:
    result_folder(result)
    found = run("render", "result", "-o", "a.gif", "-o", "b.html", "-o", "c/")
    assert found.exit_code == 0
    lines = found.stderr.splitlines()
    assert [line.split(",")[0] for line in lines] == ["a.gif: 3 frames", "b.html: 3 frames", "c/: 3 frames"]
    assert sorted(path.name for path in Path().iterdir()) == ["a.gif", "b.html", "c", "result"]


def test_standard_output_is_the_file(result: Path) -> None:
    result_folder(result)
    assert run("render", "result", "-o", "out.gif").exit_code == 0
    done = real("render", "result", "-o", "-", "--format", "gif")
    assert done.returncode == 0
    assert done.stdout == Path("out.gif").read_bytes()
    assert done.stderr.startswith(b"-: 3 frames, 300x200 px, in ")


def test_standard_output_stays_empty_where_something_fails(result: Path) -> None:
    result_folder(result)
    (result / "trainer_00003").write_bytes(b"PK\x03\x04half")
    done = real("render", "result", "-o", "-", "--format", "gif")
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "-"], "standard output has no suffix: say with --format what to write"),
        (["-o", "-", "--format", "frames"], "a folder of frames cannot go to standard output"),
        (
            ["-o", "-", "--format", "gif", "--if-changed"],
            "standard output cannot be left alone: --if-changed needs a file",
        ),
        (["-o", "a.gif", "-o", "./a.gif"], "the same output was given twice"),
        (["-o", "-", "-o", "-", "--format", "gif"], "the same output was given twice"),
    ],
)
def test_wrong_use(result: Path, arguments: list[str], message: str) -> None:
    found = run("render", "result", *arguments)
    assert found.exit_code == 2
    assert f"nnanim: error: {message}\n" in found.stderr


def test_nothing_binary_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(Exception, match=r"^standard output is a terminal: pipe it into a file or a program$"):
        check_outputs(("-",), "gif", if_changed=False)


def test_if_changed(result: Path) -> None:
    result_folder(result)
    assert run("render", "result", "-o", "out.gif", "--if-changed").exit_code == 0
    written = Path("out.gif").stat().st_mtime_ns
    again = run("render", "result", "-o", "out.gif", "--if-changed")
    assert (again.exit_code, again.stderr) == (0, "out.gif: nothing changed\n")
    assert Path("out.gif").stat().st_mtime_ns == written
    save(result / "trainer_00004", trainer_arrays(weights(seed=4), epoch=4, iteration=12))
    for more in ([], ["--color", "sign"]):
        found = run("render", "result", "-o", "out.gif", "--if-changed", *more)
        assert found.stderr.splitlines()[-1].startswith("out.gif: 4 frames, ")


def test_summary_is_written_even_where_nothing_changed(result: Path) -> None:
    result_folder(result)
    for _ in range(2):
        found = run("render", "result", "-o", "out.gif", "--if-changed", "--summary", "summary.md")
        assert found.exit_code == 0
        assert Path("summary.md").read_text(encoding="utf-8").startswith("## result\n")
        Path("summary.md").unlink()


def test_missing_folder_of_the_summary(result: Path) -> None:
    result_folder(result)
    found = run("render", "result", "-o", "out.gif", "--summary", "no/summary.md")
    assert found.exit_code == 1
    assert found.stderr == "nnanim: error: the folder 'no' of the output 'summary.md' does not exist\n"
    assert not Path("out.gif").exists()  # said before any work


def test_frames_can_be_named_by_their_format(result: Path) -> None:
    result_folder(result)
    assert run("render", "result", "-o", "stills", "--format", "frames").exit_code == 0
    assert len(json.loads(Path("stills/frames.json").read_text())["frames"]) == 3
