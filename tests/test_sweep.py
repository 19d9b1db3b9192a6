from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from folders import result_folder

from nnanim import OptionError
from nnanim.cli import main
from nnanim.sweep import name_runs, plan_outputs

SMALL = ["--figsize", "3,2", "--dpi", "60"]


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
    assert str(caught.value) == ("2 folders cannot all be drawn into 'x.gif' (put {run} where their names shall stand)")
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
    assert "'a' and 'a' would both be written as 'a'" in found.stderr
    found = CliRunner().invoke(main, ["render", "a", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"])
    assert found.exit_code == 2
    assert "--jobs and --scheduler cannot be used together" in found.stderr
