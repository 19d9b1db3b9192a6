"""Faults are planted into runs and must be found, they and nothing else; healthy runs must stay without findings."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from trainings import Recipe, plants, silent_units, smooth_run, train, write

from nnanim import open_run
from nnanim.checking.check import check
from nnanim.checking.findings import Finding
from nnanim.checking.matrices import sigma_and_rank
from nnanim.checking.rules import NAMES, RULES
from nnanim.checking.units import still_rows

ROOT = Path(__file__).parent.parent
PLANTS = plants()


def recipe(seed: int) -> Recipe:
    return Recipe(
        seed,
        optimizer=("sgd", "momentum", "adam")[seed % 3],
        activation=("tanh", "relu")[seed % 2],
        weight_decay=(0.0, 0.001, 0.0, 0.0003)[seed % 4],
        dropout=0.2 if seed % 5 == 0 else 0.0,
    )


DYING = [recipe(seed) for seed in (3, 17)]  # with a unit whose ReLU is at zero for every point from the beginning on
HEALTHY = [recipe(seed) for seed in range(22) if seed not in (3, 17)]


def findings_in(folder: Path) -> tuple[Finding, ...]:
    return check(open_run(folder, must_be_finite=False)).findings


def told(findings: tuple[Finding, ...]) -> set[tuple[str, str | None, int | None, float | None]]:
    return {(each.rule, each.layer, each.unit, each.since_epoch) for each in findings}


def test_there_are_thirty_faults_and_one_of_each_rule_at_least():
    assert len(PLANTS) == 30
    assert {name.split()[0] for name in PLANTS} >= set(NAMES)


@pytest.mark.parametrize("name", PLANTS)
def test_planted_fault_is_found_and_nothing_else(name, tmp_path):
    run, losses = smooth_run(seed=list(PLANTS).index(name))
    answer = PLANTS[name](run, losses)
    found = findings_in(write(tmp_path / "run", run, losses))
    assert told(found) == answer
    assert len(found) == len(answer)


def test_run_without_a_fault_has_no_findings(tmp_path):
    assert findings_in(write(tmp_path / "run", *smooth_run(seed=99))) == ()


@pytest.mark.parametrize("recipe", HEALTHY, ids=str)
def test_healthy_training_has_no_findings(recipe, tmp_path):
    run, losses = train(recipe)
    assert losses[-1] < 0.6 * losses[0]
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


@pytest.mark.parametrize("recipe", DYING, ids=str)
def test_dead_unit_of_a_real_training_is_one_that_no_point_reaches(recipe, tmp_path):
    run, losses = train(recipe)
    found = findings_in(write(tmp_path / "run", run, losses))
    assert [each.rule for each in found] == ["dead_unit"]
    assert {(each.layer, each.unit) for each in found} <= silent_units(recipe, run)


@pytest.mark.parametrize("sample", ["iris", "digits", "convolutions"])
def test_sample_has_no_findings(sample):
    assert findings_in(ROOT / "sample_results" / sample) == ()


@pytest.mark.parametrize("name", PLANTS)
def test_permuted_neurons_change_no_finding_but_the_unit(name, tmp_path):
    run, losses = smooth_run(seed=3)
    PLANTS[name](run, losses)
    before = findings_in(write(tmp_path / "before", run, losses))
    random = np.random.default_rng(0)
    orders = {"l1": random.permutation(16), "l2": random.permutation(12)}
    for model in run:
        for layer, order in orders.items():
            behind = f"l{int(layer[1:]) + 1}/W"
            model[f"{layer}/W"] = model[f"{layer}/W"][order]
            model[f"{layer}/b"] = model[f"{layer}/b"][order]
            model[behind] = model[behind][:, order]
    after = findings_in(write(tmp_path / "after", run, losses))

    def as_before(finding: Finding) -> tuple:
        unit = finding.unit
        if unit is not None and finding.layer in orders:
            unit = int(orders[finding.layer][unit])
        says = re.sub(r"unit \d+", "unit", finding.says)
        return finding.rule, finding.layer, unit, finding.since_epoch, finding.value, finding.threshold, says

    expected = {(*astuple(each)[:-1], re.sub(r"unit \d+", "unit", each.says)) for each in before}
    assert {as_before(each) for each in after} == expected


def test_frozen_layer_is_no_layer_of_dead_units(tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run[1:]:
        model["l1/W"], model["l1/b"] = run[0]["l1/W"], run[0]["l1/b"]
    assert {each.rule for each in findings_in(write(tmp_path / "run", run, losses))} == {"unchanged_tensor"}


def test_unit_that_never_moved_is_dead_only_if_what_is_behind_it_never_moved_either(tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run[1:]:
        model["l1/W"][4], model["l1/b"][4] = run[0]["l1/W"][4], run[0]["l1/b"][4]
    assert findings_in(write(tmp_path / "frozen", run, losses)) == ()
    for model in run[1:]:
        model["l2/W"][:, 4] = run[0]["l2/W"][:, 4]
    assert told(findings_in(write(tmp_path / "dead", run, losses))) == {("dead_unit", "l1", 4, 1)}


def test_run_that_stands_still_is_told_once(tmp_path):
    run, losses = smooth_run(seed=1)
    found = findings_in(write(tmp_path / "run", [run[0]] * 5, losses[:5]))
    assert told(found) == {("unchanged_tensor", None, None, 1)}


def test_tensor_that_begins_at_zero_does_not_explode(tmp_path):
    run, losses = smooth_run(seed=1)
    for place, model in enumerate(run):
        model["l3/W"] = (model["l3/W"] * 0.9 * (1 - np.exp(-place / 3))).astype(np.float32)
    run[1]["l3/W"] *= np.float32(0.07)  # the second snapshot came soon
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


def test_converged_plateau_is_no_finding(tmp_path):
    run, _ = smooth_run(seed=1, epochs=40)
    random = np.random.default_rng(0)
    losses = [2.3 * np.exp(-epoch) + 0.001 * (1 + random.random()) for epoch in range(40)]
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


def test_loss_of_an_adversary_need_not_fall(tmp_path):
    run, _ = smooth_run(seed=1)
    folder = write(tmp_path / "run", run, [0.7] * 12)
    log = folder / "log"
    log.write_text(log.read_text(encoding="utf-8").replace("main/loss", "gen/loss"), encoding="utf-8")
    assert findings_in(folder) == ()


def test_only_the_named_layers_are_looked_at(tmp_path):
    run, losses = smooth_run(seed=1)
    PLANTS["not_finite 0"](run, losses)
    folder = write(tmp_path / "run", run, losses)
    chosen = open_run(folder, layers=("l2", "l3"), must_be_finite=False)
    assert check(chosen, only_layers=True).findings == ()


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 4), (600, 700)])
def test_largest_singular_value_and_rank_agree_with_numpy(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    matrix += 3 * np.outer(np.ones(shape[0]), np.ones(shape[1])).astype(np.float32) / np.sqrt(max(shape))
    values = np.linalg.svd(matrix.astype(float), compute_uv=False)
    sigma, rank = sigma_and_rank(matrix)
    assert sigma == pytest.approx(values[0], rel=0.01)
    if min(shape) <= 512:
        shares = values / values.sum()
        assert rank == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-4)
    else:
        assert rank is None


def test_row_that_only_shrinks_is_still_and_one_that_turns_is_not():
    before = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]], dtype=np.float32)
    now = np.array([[1, 2, 3], [0.9, 1.8, 2.7], [1.1, 2.2, 3.3], [0.9, 1.8, 2.71]], dtype=np.float32)
    assert still_rows(before, now).tolist() == [True, True, False, False]


def test_page_tells_the_rules_as_they_are():
    page = (ROOT / "docs/checking.md").read_text(encoding="utf-8")
    spec = importlib.util.spec_from_file_location("make_checking", ROOT / "docs/make_checking.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert page == module.with_rules(page), "run `make docs`"
    assert all(f"### `{rule.name}`\n\n{rule.finds}" in page for rule in RULES)


def test_masked_unit_is_not_dead(tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run[3:]:
        model["l1/W"][4], model["l1/b"][4] = 0, 0
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


def test_rows_of_an_embedding_are_words_that_did_not_come_up(tmp_path):
    run, losses = smooth_run(seed=1)
    random = np.random.default_rng(0)
    table = random.normal(size=(30, 8)).astype(np.float32)
    for place, model in enumerate(run):
        table = table.copy()
        table[: 30 if place < 3 else 20] += random.normal(size=(30 if place < 3 else 20, 8)).astype(np.float32) * 0.1
        model["embed/W"] = table
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


@pytest.mark.parametrize("key", ["norm/avg_mean", "norm/avg_var", "prune/mask", "encoder/pe", "spline/grid"])
def test_statistics_and_masks_may_stand_still(key, tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run:
        model[key] = np.ones(16, dtype=np.float32)
    assert findings_in(write(tmp_path / "run", run, losses)) == ()
    run[6][key] = np.full(16, np.nan, dtype=np.float32)
    assert told(findings_in(write(tmp_path / "run", run, losses))) == {("not_finite", key.split("/")[0], None, 7)}


def test_mask_of_an_attention_may_stand_still(tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run:
        model["attn/bias"] = np.tril(np.ones((1, 1, 6, 6), dtype=np.float32))
    assert findings_in(write(tmp_path / "run", run, losses)) == ()


def test_tensor_of_half_precision_may_stand_still(tmp_path):
    run, losses = smooth_run(seed=1)
    for model in run:
        model["norm/gamma"] = np.ones(16, dtype=np.float16)
    assert findings_in(write(tmp_path / "run", run, losses)) == ()
    for model in run:
        model["norm/gamma"] = np.ones(16, dtype=np.float32)
    assert told(findings_in(write(tmp_path / "run", run, losses))) == {("unchanged_tensor", "norm", None, 1)}
