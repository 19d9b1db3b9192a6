"""``nnanim check``: the table, the JSON and the exit codes."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from trainings import plants, smooth_run, write

from nnanim.checking.rules import NAMES
from nnanim.cli import main


def run(*words):
    return CliRunner().invoke(main, ["check", *map(str, words)])


@pytest.fixture
def healthy(result):
    return write(result, *smooth_run(seed=1))


@pytest.fixture
def broken(tmp_path, result):
    snapshots, losses = smooth_run(seed=1)
    plants()["not_finite 0"](snapshots, losses)
    plants()["dead_unit l2 0"](snapshots, losses)
    return write(result.with_name("broken"), snapshots, losses)


def test_nothing_found_is_exit_code_0(healthy):
    answer = run(healthy)
    assert answer.exit_code == 0
    assert answer.stdout == "result: nothing found (12 snapshots, 9 rules)\n"


def test_findings_are_a_table_and_exit_code_3(broken):
    answer = run(broken)
    assert answer.exit_code == 3
    lines = answer.stdout.splitlines()
    assert lines[0] == "broken: 2 findings (12 snapshots, 9 rules)"
    assert lines[2].split()[:6] == ["not_finite", "l1", "–", "4", "1", "0"]
    assert lines[3].split()[:6] == ["dead_unit", "l2", "0", "5", "7", "3"]


def test_json_has_exactly_these_keys(broken):
    answer = run(broken, "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == 3
    assert list(told) == ["findings", "rules", "snapshots"]
    assert told["rules"] == list(NAMES)
    assert told["snapshots"] == 12
    assert told["findings"][1] == {
        "rule": "dead_unit",
        "layer": "l2",
        "unit": 0,
        "since_epoch": 5,
        "value": 7,
        "threshold": 3,
        "says": "unit 0 of l2 learned nothing in 7 intervals from epoch 5 on, while its layer did",
    }


def test_only_named_rules_fail(broken):
    assert run(broken, "--fail-on", "exploding,diverging").exit_code == 0
    assert "not_finite" in run(broken, "--fail-on", "exploding").stdout
    assert run(broken, "--fail-on", "exploding,dead_unit").exit_code == 3


def test_unknown_rule_is_bad_usage(healthy):
    answer = run(healthy, "--fail-on", "dead")
    assert answer.exit_code == 2
    assert "unknown rule 'dead' (must be one of not_finite, " in " ".join(answer.stderr.split())


def test_folder_that_cannot_be_read_is_exit_code_1(healthy):
    assert run("missing").exit_code == 1
    answer = run("missing", healthy)
    assert answer.exit_code == 1
    assert "result: nothing found" in answer.stdout
    assert "missing: no folder 'missing'" in answer.stderr


def test_several_folders_are_told_by_name(healthy, broken):
    answer = run(healthy, broken, "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == 3
    assert [len(told[name]["findings"]) for name in ("result", "broken")] == [0, 2]


def test_a_terminal_is_told_how_far_it_is(healthy, monkeypatch):
    told = []
    monkeypatch.setattr("nnanim.cli.echo.can_show_progress", lambda: True)
    monkeypatch.setattr("nnanim.cli.echo.overwrite", told.append)
    assert run(healthy, healthy).exit_code == 0
    lines = [text.strip() for text in told if text.strip()]
    assert "result (1 of 2): checking the folder" in lines
    assert any(re.fullmatch(r"result \(2 of 2\): reading snapshots  \[#{24}\] 100%  12 of 12", line) for line in lines)
    assert not told[-1].strip()  # the line is removed


def test_skip_bad_goes_past_broken_files_but_not_past_nan(broken):
    file = broken / "trainer_00008"
    file.write_bytes(file.read_bytes()[:300])
    assert run(broken).exit_code == 1
    answer = run(broken, "--skip-bad")
    assert answer.exit_code == 3
    assert "not_finite" in answer.stdout
    assert "(11 snapshots, 9 rules)" in answer.stdout
    assert "note: skipped" in answer.stderr
