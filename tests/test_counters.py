from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nnanim.reading.counters import align, fill_counters, join
from nnanim.reading.logs.log import Log
from nnanim.reading.logs.table import make_log
from nnanim.reading.names import name_of
from nnanim.reading.snapshots.contents import Contents


def log(form: str = "csv", **columns: Sequence[float]) -> Log:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return make_log(Path("log"), [row | {"loss": number} for number, row in enumerate(rows)], form, "")


def snapshots(form: str = "pytorch", **counters: Sequence[int]) -> list[Contents]:
    (counter, values) = next(iter(counters.items()))
    return [Contents(path=Path(f"m{value}.pt"), weights=(), format=form, **{counter: value}) for value in values]  # type: ignore[arg-type]


# log, snapshots, rows of the snapshots, beginning of the note
ALIGNED = {
    "Keras counts from 0 in its log": (
        log(epoch=range(4)),
        snapshots("keras", epoch=[1, 2, 3, 4]),
        (0, 1, 2, 3),
        "the log counts epochs from 0",
    ),
    "Keras with every second epoch": (
        log(epoch=range(6)),
        snapshots("keras", epoch=[2, 4]),
        (1, 3),
        "the log counts epochs from 0",
    ),
    "Keras with a log that goes on": (
        log(epoch=range(9)),
        snapshots("keras", epoch=[1, 2]),
        (0, 1),
        "the log counts epochs from 0",
    ),
    "Keras with a log from 1": (log(epoch=range(1, 5)), snapshots("keras", epoch=[1, 4]), (0, 3), ""),
    "Lightning counts updates": (
        log(iteration=[3, 7, 11]),
        snapshots("lightning", iteration=[4, 8, 12]),
        (0, 1, 2),
        "the log counts steps from 0",
    ),
    "Lightning with a row for each update": (
        log(iteration=range(12)),
        snapshots("lightning", iteration=[4, 8]),
        (3, 7),
        "the log counts steps from 0",
    ),
    "both from 0": (log(epoch=range(4)), snapshots(epoch=[0, 1, 2, 3]), (0, 1, 2, 3), ""),
    "both from 1": (log(epoch=range(1, 5)), snapshots(epoch=[1, 2, 3, 4]), (0, 1, 2, 3), ""),
    "log from 0, snapshots from 1": (
        log(epoch=range(4)),
        snapshots(epoch=[1, 2, 3, 4]),
        (0, 1, 2, 3),
        "the log counts epochs from 0",
    ),
    "log from 1, snapshots from 0": (
        log(epoch=range(1, 5)),
        snapshots(epoch=[0, 1, 2, 3]),
        (0, 1, 2, 3),
        "the log counts epochs from 1",
    ),
    "the first weights, and every second epoch": (log(epoch=range(1, 5)), snapshots(epoch=[0, 2, 4]), (0, 1, 3), ""),
    "an evaluation before the training": (log(epoch=range(5)), snapshots(epoch=[1, 2, 3, 4]), (1, 2, 3, 4), ""),
    "steps from 0": (log(iteration=[9, 19]), snapshots(iteration=[10, 20]), (0, 1), "the log counts steps from 0"),
    "steps that are epochs": (
        log("tensorboard", iteration=range(1, 5)),
        snapshots(epoch=[2, 4]),
        (1, 3),
        "the steps of the log are taken for epochs",
    ),
    "steps that are no epochs": (log("tensorboard", iteration=range(100)), snapshots(epoch=[2, 4]), (None, None), ""),
    "several rows for an epoch": (log(epoch=[1, 1, 1, 2, 2]), snapshots(epoch=[1, 2]), (2, 4), ""),
    "Chainer's are as they are": (
        log("chainer", epoch=range(4)),
        snapshots("chainer", epoch=[1, 2, 3, 4]),
        (1, 2, 3, 3),
        "",
    ),
    "fractions of epochs": (
        log("transformers", epoch=[0.5, 1.0, 1.5, 2.0]),
        snapshots("safetensors", epoch=[1, 2]),
        (1, 3),
        "",
    ),
}


@pytest.mark.parametrize("case", ALIGNED)
def test_rows_of_snapshots(case: str) -> None:
    given, found, rows, note = ALIGNED[case]
    aligned, notes = align(given, found, found[0].format)
    assert join(found, aligned)[0] == rows
    assert [text[: len(note)] for text in notes] == ([note] if note else [])


NAMES = {
    "epoch=2-step=15.ckpt": (2, 15),
    "epoch-03.weights.h5": (3, None),
    "model_0004.npz": (None, 4),
    "ckpt_40": (None, 40),
    "checkpoint_7.pth.tar": (None, 7),
    "net_epoch_10_loss_0.25.pt": (10, None),
    "iter_1000.pth": (None, 1000),
    "step-5000.safetensors": (None, 5000),
    "last.ckpt": (None, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_counters_in_names(name: str) -> None:
    (filled,) = fill_counters([Contents(path=Path("result") / name, weights=(), format="pytorch")], None)
    assert (filled.epoch, filled.iteration) == NAMES[name]


def test_number_of_a_keras_file_is_its_epoch() -> None:
    (filled,) = fill_counters([Contents(path=Path("model.03.keras"), weights=(), format="keras")], None)
    assert (filled.epoch, filled.iteration) == (3, None)


def test_only_counter_of_the_log_is_what_a_number_means() -> None:
    (filled,) = fill_counters([Contents(path=Path("net_5.pt"), weights=(), format="pytorch")], log(epoch=[10, 20]))
    assert (filled.epoch, filled.iteration) == (5, None)


def test_folder_tells_where_the_file_does_not() -> None:
    assert name_of(Path("result/checkpoint-50/model.safetensors")) == "checkpoint-50"
    assert name_of(Path("result/net_5/model_7.pt")) == "model_7.pt"
    assert name_of(Path("result/last.pt")) == "last.pt"
    (filled,) = fill_counters([Contents(path=Path("result/checkpoint-50/model.safetensors"), weights=())], None)
    assert (filled.epoch, filled.iteration) == (None, 50)
