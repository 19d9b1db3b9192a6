from __future__ import annotations

from pathlib import Path

import pytest

from nnanim.reading.counters import fill_counters, in_order
from nnanim.reading.names import told_by
from nnanim.reading.snapshots.contents import Contents

FOLDER = Path("run7")

# names of files, then epoch, iteration, number and date of the first
NAMES = {
    "the folder's own number is no counter": (["final.npz", "model_epoch_1.npz"], (None, None, None, "")),
    "a folder's below it is": (["checkpoint-50/model.safetensors"], (None, None, 50, "")),
    "ep": (["model_ep3.pt"], (3, None, 3, "")),
    "e": (["net_e12.pt"], (12, None, 12, "")),
    "E": (["netE3.pth"], (3, None, 3, "")),
    "a word behind the number": (["10_epochs.pt"], (10, None, 10, "")),
    "an exponent is no epoch": (["model_1e-3_ep2.pt"], (2, None, 3, "")),
    "a loss is no counter": (["epoch=3-val_loss=0.25.ckpt"], (3, None, 3, "")),
    "thousands": (["step_10k.pt"], (None, 10000, 10000, "")),
    "steps behind the number": (["ppo_5000_steps.pt"], (None, 5000, 5000, "")),
    "what does not change counts nothing": (["resnet18_1.pt", "resnet18_2.pt"], (None, None, 1, "")),
    "what changes counts, wherever it stands": (["m1_of_5.pt", "m2_of_5.pt"], (None, None, 1, "")),
    "a number in a word counts nothing beside others": (["resnet18.pt", "resnet18_epoch_1.pt"], (None, None, None, "")),
    "the same name in several folders": (["e1/resnet18.pt", "e2/resnet18.pt"], (1, None, 1, "")),
    "date and time": (["2026-01-31_23-50-10.pt"], (None, None, None, "20260131235010")),
    "without marks": (["model_20260131_235010.pt"], (None, None, None, "20260131235010")),
    "the date in the folder": (["2026-01-31/23-50.pt"], (None, None, None, "20260131235000")),
    "a month's name": (["Jan31_23-50-12.pt"], (None, None, None, "00000131235012")),
    "seconds since 1970": (["model_1706745599.pt"], (None, None, None, "1706745599")),
    "a number beside a date": (["20260131_step_5.pt"], (None, 5, 5, "20260131000000")),
}


@pytest.mark.parametrize("case", NAMES)
def test_what_names_say(case: str) -> None:
    names, expected = NAMES[case]
    paths = [FOLDER / name for name in names]
    assert tuple(told_by(paths, FOLDER)[paths[0]]) == expected


ORDERS = {
    "dates across midnight": ["2026-01-31_23-50.pt", "2026-02-01_00-10.pt", "2026-02-01_00-30.pt"],
    "times across midnight": ["23-50-00.pt", "00-10-00.pt", "00-30-00.pt"],
    "times of a day": ["09-50-00.pt", "12-10-00.pt", "18-30-00.pt"],
    "before and after": ["before_training.pt", "model_1.pt", "after_training.pt"],
    "words": ["init.pt", "model_1.pt", "model_2.pt", "model.pt", "model_latest.pt", "final.pt"],
    "months over a year": ["2025-12-31.pt", "2026-01-01.pt"],
}


@pytest.mark.parametrize("case", ORDERS)
def test_order_of_names(case: str) -> None:
    wanted = ORDERS[case]
    found = [Contents(path=FOLDER / name, weights=(), format="pytorch") for name in sorted(wanted)]
    ordered = in_order(fill_counters(found, None, FOLDER))
    assert [contents.path.name for contents in ordered] == wanted
    assert all(contents.iteration is None for contents in ordered if "-" in contents.path.name)
