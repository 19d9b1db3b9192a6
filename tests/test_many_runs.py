from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from folders import result_folder
from processes import interrupted
from timing import ONE_FRAME_EACH_ARGUMENTS

from nnanim import OptionError, WorkerError, many_runs
from nnanim.cli import main
from nnanim.encoders.whole_file import marked, whole_file
from nnanim.many_runs import Outcome, Request, name_runs, plan_outputs, render_each
from nnanim.many_runs import _draw_alone as draw_alone
from nnanim.options import Options, Reading, Writing

SMALL = ["--figsize", "3,2", "--dpi", "60", *ONE_FRAME_EACH_ARGUMENTS]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/result", "runs/b/result"], ["a", "b"]),
        (["runs/a/result", "runs/b/c/result"], ["a", "b-c"]),
        (["runs/a/x/result", "runs/a/y/result"], ["x", "y"]),
        (["runs/lr1/seed0/result", "runs/lr2/seed1/result"], ["lr1-seed0", "lr2-seed1"]),
        (["one", "two"], ["one", "two"]),
        (["runs", "runs/a"], ["runs", "runs-a"]),
        (["a/result", "result"], ["a-result", "result"]),
        (["runs/only/result"], ["result"]),
        (["result/"], ["result"]),
    ],
)
def test_names_are_what_tells_folders_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], names: list[str]
) -> None:
    inside = tmp_path / "here"
    inside.mkdir()
    monkeypatch.chdir(inside)
    expected = [f"here-{name}" if paths == ["a/result", "result"] else name for name in names]
    assert [name.removeprefix("here-") for name in name_runs([Path(path) for path in paths])] == [
        name.removeprefix("here-") for name in expected
    ]


@pytest.mark.parametrize("paths", [("runs/a-b/result", "runs/a/b/result"), ("A", "a"), ("a", "a"), ("a", "./b/../a")])
def test_names_that_collide_are_refused(paths: tuple[str, str]) -> None:
    with pytest.raises(OptionError, match="would both be written as") as caught:
        name_runs([Path(path) for path in paths])
    assert str(Path(paths[1])) in str(caught.value)


def test_one_output_for_several_folders_is_refused() -> None:
    with pytest.raises(OptionError) as caught:
        plan_outputs([Path("a"), Path("b")], ["x.gif"])
    assert str(caught.value) == (
        "2 folders cannot all be drawn into 'x.gif' (put {run} where their names shall stand, as in -o '{run}.gif')"
    )
    assert plan_outputs([Path("a")], ["x.gif", "y/"]) == [("x.gif", "y/")]
    assert plan_outputs([Path("r/a"), Path("r/b")], ["{run}.gif", "{run}/"]) == [("a.gif", "a/"), ("b.gif", "b/")]


def test_a_failing_folder_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "c"):
        result_folder(tmp_path / "runs" / name / "result")
    (tmp_path / "runs" / "b" / "result").mkdir(parents=True)
    (tmp_path / "gifs").mkdir()
    folders = [f"runs/{name}/result" for name in "abc"]
    found = CliRunner().invoke(main, ["render", *folders, "-o", "gifs/{run}.gif", *SMALL])
    assert found.exit_code == 1
    lines = found.stderr.splitlines()
    assert lines[-4].startswith("gifs/a.gif: 3 frames, 180x120 px, ")
    assert lines[-3].startswith("gifs/b.gif: not written: no snapshots in 'runs/b/result'")
    assert lines[-2].startswith("gifs/c.gif: 3 frames, 180x120 px, ")
    assert lines[-1].startswith("2 of 3 folders drawn, in ")
    assert sorted(path.name for path in (tmp_path / "gifs").iterdir()) == ["a.gif", "c.gif"]


@pytest.mark.parametrize("output", ["{run}.gif", "{run}/"])
def test_folders_are_drawn_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["a", "b", "c", "d"]
    for number, name in enumerate(names, start=1):
        if name != "c":
            result_folder(tmp_path / "runs" / name, epochs=range(1, number + 1))
    said = []
    for jobs in ("1", "2", "3"):
        (tmp_path / jobs).mkdir()
        folders = [f"runs/{name}" for name in names]
        found = CliRunner().invoke(main, ["render", *folders, "-o", f"{jobs}/{output}", "--jobs", jobs, *SMALL])
        assert found.exit_code == 1
        said.append([line.replace(f"{jobs}/", "", 1) for line in found.stderr.splitlines()[:-1]])
    assert said[1:] == [said[0], said[0]]
    told = [line.split(":")[0].rstrip("/") for line in said[0][-4:]]
    assert told == [f"{name}{output[5:]}".rstrip("/") for name in names]
    first, *others = (
        {path.relative_to(jobs): path.read_bytes() for path in sorted(Path(jobs).rglob("*")) if path.is_file()}
        for jobs in ("1", "2", "3")
    )
    assert others == [first, first]
    assert len({path.parts[0] for path in first}) == 3
    assert not multiprocessing.active_children()


def dying_elsewhere(request: Request) -> Outcome:
    """Die half-way in another process; here, draw when that has happened."""
    died = request.result.parent / "died"
    if multiprocessing.parent_process() is not None:
        with marked(request.mark), whole_file(Path(request.outputs[0])) as temporary:
            temporary.write_bytes(b"GIF")
            died.touch()
            os._exit(9)
    deadline = time.monotonic() + 60
    while not died.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return draw_alone(request)


def test_a_process_that_dies_fails_its_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b"]
    for name in names:
        result_folder(tmp_path / name)
    (tmp_path / "gifs").mkdir()
    monkeypatch.setattr(many_runs, "_draw_alone", dying_elsewhere)
    outputs = [(str(tmp_path / "gifs" / f"{name}.gif"),) for name in names]
    small = Options(figsize=(3, 2), dpi=60, ending="ink")
    found = list(render_each([tmp_path / name for name in names], outputs, small, Reading(), Writing(jobs=2)))
    assert [outcome.result.name for outcome in found] == names
    (failed,) = (outcome for outcome in found if outcome.error is not None)
    assert isinstance(failed.error, WorkerError)
    assert str(failed.error) == "the process that drew it died (out of memory? try fewer --jobs)"
    (drawn,) = (outcome for outcome in found if outcome.error is None)
    assert (drawn.frames, drawn.size_px) == (3, (180, 120))
    assert [str(path) for path in (tmp_path / "gifs").iterdir()] == list(drawn.written)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_side_by_side_it_leaves_no_litter(tmp_path: Path, signum: int, code: int) -> None:
    for name in "abcdef":
        result_folder(tmp_path / "runs" / name, epochs=range(1, 60))
    (tmp_path / "gifs").mkdir()
    command = [sys.executable, "-m", "nnanim", "render", *(f"runs/{name}" for name in "abcdef")]
    command += ["-o", "gifs/{run}.gif", "--jobs", "2", "--dpi", "200"]

    def begun(_there: list[int]) -> bool:
        return len(list(tmp_path.glob("gifs/.nnanim-*"))) >= 2  # one of each process

    returned, said = interrupted(command, tmp_path, signum, begun)
    assert returned == code
    assert b"Traceback" not in said
    assert not list(tmp_path.glob("gifs/.nnanim-*"))


def test_quiet_tells_only_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result_folder(tmp_path / "a")
    found = CliRunner().invoke(main, ["render", "a", "b", "-o", "{run}.gif", "--quiet", *SMALL])
    assert found.exit_code == 1
    assert len(found.stderr.splitlines()) == 1
    assert found.stderr.startswith("b.gif: not written: ")


def test_options_that_fit_no_folder_are_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result_folder(tmp_path / "a")
    found = CliRunner().invoke(main, ["render", "a", "a", "-o", "{run}.gif"])
    assert found.exit_code == 2
    assert "the folder 'a' was given twice" in found.stderr
    found = CliRunner().invoke(main, ["render", "a", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"])
    assert found.exit_code == 2
    assert "--jobs and --scheduler cannot be used together" in found.stderr
