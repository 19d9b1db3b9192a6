"""The unit of a metric and the choice among metrics, as a log's columns tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnanim.frames.curves import last_values, unit_notes
from nnanim.reading.logs.table import make_log


def shown(**columns: list[float | None]) -> tuple[tuple[str, str], ...]:
    return last_values(log_of(**columns), len(next(iter(columns.values()))) - 1)


def log_of(**columns: list[float | None]):
    count = len(next(iter(columns.values())))
    rows = [
        {"epoch": row + 1, **{name: values[row] for name, values in columns.items() if values[row] is not None}}
        for row in range(count)
    ]
    return make_log(Path("m.csv"), rows, "csv", "")


UNITS = {
    # values: what is shown at the last
    "share": ("acc", [0.5, 0.875], "87.5 %"),
    "noise above one": ("acc", [0.5, 1.02], "102.0 %"),
    "per cent already": ("top5", [50, 87.5], "87.5 %"),
    "per cent from the start": ("val_acc", [0.8, 45, 88], "88.0 %"),
    "epoch's": ("acc_epoch", [0.5, 0.8], "80.0 %"),
    "named per cent": ("acc (%)", [0.2, 0.8], "0.8 %"),
    "a count": ("accuracy", [500, 875], "875"),
    "F1 is a number": ("f1", [0.5, 0.875], "0.875"),
    "IoU is a number": ("iou", [0.5, 0.875], "0.875"),
    "no accuracy": ("accumulation", [0.5, 0.875], "0.875"),
}


@pytest.mark.parametrize("case", UNITS)
def test_unit_is_told_by_the_whole_column(case: str) -> None:
    name, values, text = UNITS[case]
    assert shown(**{name: list(values)}) == ((name, text),)


def test_mixed_evidence_is_told() -> None:
    log = log_of(acc=[0.5, 0.6, 0.7, 88.0])
    assert last_values(log, 3) == (("acc", "88"),)
    (note,) = unit_notes(log, ["acc"])
    assert "3 values up to 1 and others up to 88" in note


CHOICES = {
    "accuracy before loss": (["loss", "val_accuracy"], "val_accuracy"),
    "loss before its parts": (["box_loss", "loss"], "loss"),
    "training before held-out data": (["val_loss", "loss"], "loss"),
    "never time or rates": (["lr", "time_s", "grad_norm", "gpu_mem", "batch", "num_params", "eval_loss"], "eval_loss"),
    "epoch before step": (["train_acc_step", "train_acc_epoch"], "train_acc_epoch"),
    "top 1 before top 5": (["acc5", "acc1"], "acc1"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_choice_of_the_curve(case: str) -> None:
    names, expected = CHOICES[case]
    assert [name for name, _ in shown(**{name: [1.0, 0.5] for name in names})] == [expected]


def test_single_value_comes_last() -> None:
    assert [name for name, _ in shown(test_acc=[None, 0.9], loss=[1.0, 0.5])] == ["loss"]


def test_nothing_is_shown_of_what_is_no_metric() -> None:
    assert shown(lr=[0.1, 0.01]) == ()
