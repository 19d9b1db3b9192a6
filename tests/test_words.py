"""One of a thing is told as one, in everything that people read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from folders import result_folder

import nnanim
from nnanim.cli import main
from nnanim.summary import summary
from nnanim.words import counted


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 epochs"),
        (1, "1 epoch"),
        (2, "2 epochs"),
        (1.0, "1 epoch"),
        (0.5, "0.5 epochs"),
        (10**7, f"{10**7} epochs"),
    ],
)
def test_counted(count: float, told: str) -> None:
    assert counted(count, "epoch") == told
    assert counted(np.float64(700), "epoch") == "700 epochs"


def test_a_run_of_one_snapshot_is_told_as_one(result: Path) -> None:
    result_folder(result, epochs=[1])
    said = CliRunner().invoke(main, ["inspect", "result"]).output.splitlines()
    assert said[0] == "result: chainer, 1 snapshot"
    assert "log        result/log, chainer, 1 row" in said
    assert "(1 snapshot, 9 rules)" in CliRunner().invoke(main, ["check", "result"]).output
    said = CliRunner().invoke(main, ["render", "result", "--dpi", "50"]).output
    assert "animation.gif: 1 frame, " in said
    run = nnanim.open_run(result)
    assert "1 snapshot up to epoch 1, " in summary(nnanim.Animation(run))
    assert "1 snapshot, " in repr(run)
    assert "a log of 1 row>" in repr(run)
    assert ": 1 frame, " in repr(nnanim.Animation(run))
