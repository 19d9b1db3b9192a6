"""A folder with a log and no snapshots: its curve is drawn where that alone is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnanim import Animation, OptionError, RunError, open_run
from nnanim.cli import main
from nnanim.reading.opening import MOST_LOG_MOMENTS


def write_log(folder: Path, rows: int) -> Path:
    folder.mkdir()
    log = [{"epoch": epoch, "iteration": 3 * epoch, "main/loss": 1 / epoch} for epoch in range(1, rows + 1)]
    (folder / "log").write_text(json.dumps(log), encoding="utf-8")
    return folder


def test_rows_are_shown_one_after_the_other(result: Path) -> None:
    run = open_run(write_log(result, 5), may_lack_snapshots=True)
    assert run.snapshots == ()
    assert "no snapshots in 'result': the curve is drawn alone" in run.notes
    animation = Animation(run, panels="curve")
    assert [frame.epoch for frame in animation] == [1, 2, 3, 4, 5]
    assert [frame.metrics["main/loss"] for frame in animation] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert not len(animation[0].edges.weight)
    assert (animation[0].image != animation[4].image).any()


def test_of_a_long_log_so_many_rows_are_shown_as_can_be_looked_at(result: Path) -> None:
    animation = Animation(open_run(write_log(result, 5000), may_lack_snapshots=True), panels="curve")
    epochs = [frame.epoch for frame in animation]
    assert len(epochs) == MOST_LOG_MOMENTS
    assert (epochs[0], epochs[-1]) == (1, 5000)
    assert (np.diff(epochs) > 0).all()


def test_the_command_draws_it(result: Path) -> None:
    write_log(result, 3)
    told = CliRunner().invoke(main, ["render", "result", "--panels", "curve", "-o", "out.gif"])
    assert told.exit_code == 0, told.output
    assert Path("out.gif").read_bytes()[:6] == b"GIF89a"
    refused = CliRunner().invoke(main, ["render", "result", "-o", "no.gif"])
    assert refused.exit_code == 1
    assert "no snapshots in 'result'" in refused.output


def test_neither_snapshots_nor_a_log(result: Path) -> None:
    result.mkdir()
    with pytest.raises(RunError) as caught:
        open_run(result, may_lack_snapshots=True)
    assert str(caught.value) == "neither snapshots nor a log in 'result'"


def test_a_page_needs_snapshots(result: Path) -> None:
    animation = Animation(open_run(write_log(result, 3), may_lack_snapshots=True), panels="curve")
    with pytest.raises(OptionError) as caught:
        animation.html()
    assert str(caught.value).startswith("a page shows snapshots, and this run has none")
