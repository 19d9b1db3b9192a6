from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import log_rows, result_folder

from nnanim import Animation, MetricError, OptionError, Run, open_run
from nnanim.frames.curves import quantity
from nnanim.frames.metric_choice import is_held_out


def run_with_log(folder: Path, rows: list[dict[str, Any]]) -> Run:
    result_folder(folder, log=False)
    (folder / "log").write_text(json.dumps(rows))
    return open_run(folder)


def rows_of(*names: str) -> list[dict[str, Any]]:
    return [{name: 1 / epoch for name in names} | {"epoch": epoch, "iteration": 3 * epoch} for epoch in (1, 2, 3)]


SHOWN = {
    # names in the log, what is shown without a choice
    "the article's": (["main/loss", "validation/main/accuracy", "main/accuracy"], "main/accuracy"),
    "another accuracy": (["main/loss", "validation/main/accuracy"], "validation/main/accuracy"),
    "a short accuracy": (["loss", "acc"], "acc"),
    "the first": (["main/loss", "lr"], "main/loss"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_metric_that_is_shown_without_a_choice(result: Path, case: str) -> None:
    names, expected = SHOWN[case]
    animation = Animation(run_with_log(result, rows_of(*names)), ending="ink")
    assert [list(frame.metrics) for frame in animation] == [[expected]] * 3


def test_values_are_those_of_the_snapshots_own_rows(result: Path) -> None:
    animation = Animation(open_run(result_folder(result, epochs=[1, 3])), ending="ink")
    rows = log_rows(3)
    shown = [frame.metrics["main/accuracy"] for frame in animation]
    assert shown == pytest.approx([rows[0]["main/accuracy"], rows[2]["main/accuracy"]])
    assert [frame.curve_x for frame in animation] == [1, 3]


def test_chosen_metric(result: Path) -> None:
    animation = Animation(open_run(result_folder(result)), metric="main/loss", ending="ink")
    assert [frame.metrics for frame in animation] == [{"main/loss": 1.0}, {"main/loss": 0.5}, {"main/loss": 1 / 3}]


def test_several_metrics_in_the_order_they_were_asked_for(result: Path) -> None:
    run = run_with_log(result, rows_of("main/loss", "validation/main/loss", "main/accuracy"))
    animation = Animation(run, metric=["validation/main/loss", "main/accuracy", "main/loss"], ending="ink")
    assert list(animation[0].metrics) == ["validation/main/loss", "main/accuracy", "main/loss"]


def test_metrics_of_three_quantities_do_not_fit(result: Path) -> None:
    run = run_with_log(result, rows_of("main/loss", "main/accuracy", "lr"))
    with pytest.raises(OptionError) as caught:
        Animation(run, metric=["main/loss", "main/accuracy", "lr"])
    assert str(caught.value) == "metrics of 3 quantities (loss, accuracy, lr): at most 2 fit"


QUANTITIES = {
    # name in the log: (quantity, measured on held-out data)
    "main/loss": ("loss", False),
    "validation/main/loss": ("loss", True),
    "val_loss": ("loss", True),
    "train_acc": ("acc", False),
    "eval_loss": ("loss", True),
    "val": ("val", True),
    "lr": ("lr", False),
    "Value": ("Value", False),  # the column of a curve downloaded from TensorBoard
    "train/value_loss": ("loss", False),  # of a critic
    "device/loss": ("loss", False),
    "Loss (valid)": ("Loss (valid)", True),
    "valAcc": ("valAcc", True),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_what_is_measured_and_on_which_data(name: str) -> None:
    assert (quantity(name), is_held_out(name)) == QUANTITIES[name]


def test_iterations_where_the_log_has_no_epoch(result: Path) -> None:
    rows = [{"loss": 1 / number, "iteration": 3 * number} for number in (1, 2, 3)]
    assert [frame.curve_x for frame in Animation(run_with_log(result, rows), ending="ink")] == [3, 6, 9]


def test_gap_and_absent_value_are_nan(result: Path) -> None:
    rows = rows_of("loss")
    rows[0]["loss"] = float("nan")
    del rows[1]["loss"]
    animation = Animation(run_with_log(result, rows), ending="ink")
    values = [frame.metrics["loss"] for frame in animation]
    assert np.isnan(values).tolist() == [True, True, False]


def test_no_log_no_metrics(result: Path) -> None:
    animation = Animation(open_run(result_folder(result, log=False)), ending="ink")
    assert [frame.metrics for frame in animation] == [{}, {}, {}]
    assert all(np.isnan(frame.curve_x) for frame in animation)


def test_log_without_any_metric_is_as_none(result: Path) -> None:
    animation = Animation(run_with_log(result, rows_of()), ending="ink")
    assert [frame.metrics for frame in animation] == [{}, {}, {}]
    assert animation[0].image.shape == (600, 900, 3)


UNKNOWN = {
    "other": (
        rows_of("main/loss", "main/accuracy"),
        "no metric 'x' in 'result/log' (metrics there: 'main/loss', 'main/accuracy')",
    ),
    "none": (rows_of(), "no metric 'x' in 'result/log' (metrics there: none)"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_metric_that_is_not_there(result: Path, case: str) -> None:
    rows, message = UNKNOWN[case]
    with pytest.raises(MetricError) as caught:
        Animation(run_with_log(result, rows), metric="x")
    assert str(caught.value) == message


def test_metric_without_a_log(result: Path) -> None:
    with pytest.raises(MetricError, match=r"^no metric 'x'.*there is no log"):
        Animation(open_run(result_folder(result, log=False)), metric="x")
