"""Where outputs lie: two that are one, inputs that would be overwritten, litter, and what happens to an older file."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from folders import result_folder

from nnanim.cli import main
from nnanim.encoders import places
from nnanim.encoders.places import DAY_S, refuse_same
from nnanim.encoders.whole_file import whole_file
from nnanim.errors import OptionError, OutputError

SMALL = ("--figsize", "3,2")
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")


def run(*arguments: str) -> Result:
    found = CliRunner().invoke(main, arguments)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


@posix
@pytest.mark.parametrize("other", ["./a.gif", "b/../a.gif", "link.gif", "hard.gif", "A.gif", "b/up/a.gif"])
def test_outputs_that_are_one_file_are_refused(result: Path, other: str) -> None:
    Path("a.gif").write_bytes(b"older")
    Path("b").mkdir()
    Path("b/up").symlink_to("..")
    Path("link.gif").symlink_to("a.gif")
    os.link("a.gif", "hard.gif")
    result_folder(result)
    for more in (["-o", other], ["--summary", other]):
        found = run("render", "result", *SMALL, "-o", "a.gif", *more)
        assert found.exit_code == 2
        told = "the same output was given twice" if "link" not in other else "are one file"
        assert told in found.stderr or "are one file" in found.stderr
    assert Path("a.gif").read_bytes() == b"older"


def test_different_files_are_not_refused() -> None:
    refuse_same(["a.gif", "b.gif", "c/a.gif", "frames/"])


def test_an_output_in_another_is_refused(result: Path) -> None:
    result_folder(result)
    Path("frames").mkdir()
    found = run("render", "result", *SMALL, "-o", "frames/", "-o", "frames/a.gif")
    assert (found.exit_code, "would lie in the output 'frames/'" in found.stderr) == (2, True)


@pytest.mark.parametrize("victim", ["log", "trainer_00002"])
def test_an_output_never_overwrites_what_is_drawn(result: Path, victim: str) -> None:
    result_folder(result)
    before = (result / victim).read_bytes()
    for more in (["-o", "a.gif", "--summary", f"result/{victim}"], ["--format", "gif", "-o", f"result/{victim}"]):
        found = run("render", "result", *SMALL, *more)
        assert found.exit_code == 2
        assert f"the output 'result/{victim}' is a file of the result folder" in found.stderr
    assert (result / victim).read_bytes() == before


def age(path: Path, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a path look older; the time of a change of its state cannot be set, so the clock is."""
    now = path.lstat().st_ctime
    monkeypatch.setattr(places.time, "time", lambda: now + seconds)


OURS = [".nnanim-0123abcd.tmp", ".nnanim-0123abcd-89abcdef.tmp", ".nnanim-0123abcd.old"]
NOT_OURS = [".nnanim-0123abcd.gif", ".nnanim-notes.tmp", "nnanim-0123abcd.tmp", ".nnanim-0123abcd.tmp.bak"]


@pytest.mark.parametrize(("days", "cleared"), [(1.1, True), (0.9, False)])
def test_litter_of_killed_runs_is_cleared_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, cleared: bool
) -> None:
    for name in [*OURS, *NOT_OURS]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".nnanim-00000000.tmp").mkdir()
    (tmp_path / ".nnanim-00000000.tmp" / "00000.png").write_bytes(b"x")
    age(tmp_path / OURS[0], days * DAY_S, monkeypatch)
    with whole_file(tmp_path / "out.txt") as temporary:
        temporary.write_bytes(b"new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out.txt", *NOT_OURS, *([] if cleared else [*OURS, ".nnanim-00000000.tmp"])}


@posix
def test_litter_that_is_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_bytes(b"x")
    (tmp_path / OURS[0]).symlink_to("precious")
    age(tmp_path / OURS[0], 2 * DAY_S, monkeypatch)
    with whole_file(tmp_path / "out.txt") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "precious" / "file").exists()


@posix
def test_mode_of_the_older_file_is_kept(result: Path) -> None:
    result_folder(result)
    Path("out.gif").write_bytes(b"older")
    os.chmod("out.gif", 0o640)
    assert run("render", "result", *SMALL, "-o", "out.gif").exit_code == 0
    assert stat.S_IMODE(os.stat("out.gif").st_mode) == 0o640
    assert Path("out.gif").read_bytes()[:3] == b"GIF"


@posix
@pytest.mark.parametrize("command", [["render", "-o", "out.gif"], ["draw", "-o", "out.svg"]])
def test_a_read_only_file_is_not_replaced(result: Path, command: list[str]) -> None:
    target = Path(command[-1])
    target.write_bytes(b"older")
    target.chmod(0o444)
    found = run(command[0], "nowhere", *command[1:])  # said before the folder is looked at
    assert found.exit_code == 1
    assert found.stderr == (
        f"nnanim: error: the output '{target}' exists and is read-only (allow writing, or choose another name)\n"
    )
    assert target.read_bytes() == b"older"


def test_a_file_that_is_mounted_is_written_in_place(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result_folder(result)
    Path("out.gif").write_bytes(b"older")
    inode = os.stat("out.gif").st_ino

    def busy(_from: object, _to: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    found = run("render", "result", *SMALL, "-o", "out.gif")
    assert found.exit_code == 0
    assert "out.gif' is mounted by itself, so it was written in place" in found.stderr
    assert os.stat("out.gif").st_ino == inode
    assert Path("out.gif").read_bytes()[:3] == b"GIF"
    assert sorted(path.name for path in Path().iterdir()) == ["out.gif", "result"]


def test_the_folder_of_many_outputs_is_made(result: Path) -> None:
    result_folder(result)
    shutil.copytree(result, "other")
    assert run("render", "result", "other", *SMALL, "-o", "gifs/{run}.gif").exit_code == 0
    assert sorted(path.name for path in Path("gifs").iterdir()) == ["other.gif", "result.gif"]


def test_it_is_not_left_empty(result: Path) -> None:
    result.mkdir()
    assert run("render", "result", *SMALL, "-o", "gifs/{run}.gif").exit_code == 1
    assert not Path("gifs").exists()


def test_deeper_folders_are_not_made(result: Path) -> None:
    found = run("render", "result", "-o", "a/b/{run}.gif")
    assert found.exit_code == 1
    assert found.stderr == "nnanim: error: the folder 'a/b' of the output 'result.gif' does not exist\n"
    assert not Path("a").exists()


def test_all_outputs_are_checked_before_any_folder_is_read(result: Path) -> None:
    found = run("render", "nowhere", "nothing", "-o", "{run}.gif", "-o", "a/b/{run}.gif")
    assert (found.exit_code, "the folder 'a/b'" in found.stderr) == (1, True)


def test_a_name_with_a_nul_is_an_error_of_ours(result: Path) -> None:
    from nnanim import render

    result_folder(result)
    for output in ("a\0.gif", "a\0/"):
        with pytest.raises((OutputError, OptionError), match="is no name that a file can have"):
            render(result, output)


@pytest.mark.parametrize("victim", ["a-0/log", "a-1/log", "b-1/trainer_00002"])
def test_a_comparison_overwrites_no_run_of_any_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a-0", "a-1", "b-0", "b-1"):
        result_folder(Path(name))
    before = Path(victim).read_bytes()
    found = run("compare", "--group", "a=a-*", "--group", "b=b-*", "-o", victim, "--format", "gif")
    assert (found.exit_code, "is a file of the result folder" in found.stderr) == (2, True)
    assert Path(victim).read_bytes() == before


@posix
@pytest.mark.parametrize("other", ["./a.png", "link.png"])
def test_pictures_of_a_comparison_that_are_one_file_are_refused(result: Path, other: str) -> None:
    Path("link.png").symlink_to("a.png")
    shutil.copytree(result_folder(result), "other")
    found = run("compare", "result", "other", "-o", "a.png", "-o", other)
    assert found.exit_code == 2
    assert "given twice" in found.stderr or "are one file" in found.stderr
    assert not Path("a.png").exists()
