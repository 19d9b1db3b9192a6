"""The rules: what each finds, by which formula, from which threshold on and why. The documentation is made of them."""

from __future__ import annotations

from dataclasses import dataclass

SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
UNCHANGED_SNAPSHOTS = 3
DEAD_INTERVALS = 3
SHRINK_ONLY = 0.01
UNUSED_SHARE = 1e-6
GROWTH = 10.0
SPIKE = 100.0
STARTED_SHARE = 0.01
UPDATE_LARGE = 10.0
UPDATE_SMALL = 1e-8
KEPT_RANK_SHARE = 0.05
LEAST_RANK = 4.0
LOSS_ROWS = 5
LOSS_DECREASE = 0.001
LOST_SHARE = 0.5
LOSS_SCALE = 0.05


@dataclass(frozen=True)
class Rule:
    """A row of the table.

    Attributes:
        name: as ``--fail-on`` and the findings have it.
        finds: what it finds, in words.
        formula: how the value is computed.
        threshold: from where on a value is a finding.
        why: the reason of the threshold, and what keeps it quiet where nothing is wrong.
        source: where the formula or the threshold is from.
        nearest: the rule of SageMaker Debugger that comes nearest, and how it differs.
    """

    name: str
    finds: str
    formula: str
    threshold: str
    why: str
    source: str
    nearest: str


def _sagemaker(page: str, name: str) -> str:
    return f"[{name}]({SAGEMAKER}{page}.html)"


RULES = (
    Rule(
        "not_finite",
        "A tensor that holds NaN or infinity, or a training loss that ends in them.",
        "the number of values of the tensor that are NaN or ±∞, at the first snapshot that has any",
        "> 0",
        "No training comes back from NaN. Running statistics are looked at too. Other rules leave the tensor alone from"
        " there on.",
        "IEEE 754",
        f"{_sagemaker('exploding-tensor', 'ExplodingTensor')}, the same",
    ),
    Rule(
        "unchanged_tensor",
        "A tensor that stays the same, bit for bit. It may be frozen on purpose.",
        "the longest row of snapshots in which the tensor has the same bits",
        f"≥ {UNCHANGED_SNAPSHOTS} snapshots",
        "An optimiser that reaches a tensor changes some last bit of it. Running statistics, masks and tables of"
        " positions are no parameters and are left out, and so are tensors of 16 bits or less, in which small updates"
        " are rounded away. Where nothing at all changes, one finding says so.",
        "num_steps of the rule beside",
        f"{_sagemaker('unchanged-tensor', 'UnchangedTensor')}, which takes small changes (rtol 1e-5) for none",
    ),
    Rule(
        "dead_unit",
        "A neuron or channel that no longer learns while its layer does, as a ReLU that never is above zero.",
        "the intervals, up to the last snapshot, in which the unit's incoming weights and bias stayed the same bit for"
        f" bit or only shrank by one factor (‖w′ − c·w‖ ≤ {SHRINK_ONLY:g}·‖w′ − w‖, 0 < c < 1, as weight decay does),"
        " while other units of the layer moved",
        f"≥ {DEAD_INTERVALS} intervals",
        "A gradient of exactly zero over three intervals is no chance. Left out: embeddings, units whose weights are"
        " all zero (masked), and units that never moved (frozen) unless the weights behind them never moved either."
        " Decay that goes through Adam's moments shrinks by no single factor and is not seen.",
        "the gradient of max(0, x) is 0 below 0; [Lu and others, 2019](https://arxiv.org/abs/1903.06733)",
        f"{_sagemaker('dead-relu', 'DeadRelu')}, which needs activations",
    ),
    Rule(
        "unused_unit",
        "A neuron or channel without outgoing weight: nothing depends on it.",
        "the norm of the unit's outgoing weights, divided by the median of these norms in the layer, at the last"
        " snapshot",
        f"≤ {UNUSED_SHARE:g}",
        "Below the precision of float32 against its neighbours. Only where the next layer is known. Layers of which"
        " more than half is zero are left out.",
        "2⁻²³ = 1.2·10⁻⁷, the precision of float32, with some room",
        f"{_sagemaker('all-zero', 'AllZero')}, of whole tensors",
    ),
    Rule(
        "exploding",
        "A tensor that grew far beyond its beginning and stays there, or shot up once.",
        "σ₁ or max |w|, the one that grew more, divided by its value at the first snapshot where the tensor had"
        f" {STARTED_SHARE:.0%} of its final norm",
        f"≥ {GROWTH:g} at the last snapshot, or ≥ {SPIKE:g} at any",
        "In the samples and in healthy trainings with SGD, momentum, Adam, weight decay and dropout weights grew at"
        " most 2.3-fold. A tensor that begins at zero (LoRA's B, a zeroed last layer) is measured against a fresh"
        " layer of its size (σ₁ = 1, |w| = 1/√inputs), a bias or a gain against 1 at least.",
        "tenfold: this project's choice, see tests/test_checking.py",
        f"{_sagemaker('tensor-variance', 'TensorVariance')}, which has no limits of its own",
    ),
    Rule(
        "update_size",
        "A weight that changes by much more than itself between two snapshots, or never by more than nothing.",
        "‖W′ − W‖ / ‖W‖ between neighbouring snapshots: a lower bound of all updates between them together, since steps"
        " there and back cancel out",
        f"> {UPDATE_LARGE:g} in any interval, or < {UPDATE_SMALL:g} in all",
        "The rule of thumb of 10⁻³ a step is no alarm: healthy runs break it (up to 0.37 between"
        " snapshots in the trainings of the tests). Too small is told only where it never was"
        " larger, since a run that has converged hardly moves. Zero starts as in `exploding`; biases are left out.",
        "large_threshold and small_threshold of the rule beside",
        f"{_sagemaker('weight-update-ratio', 'WeightUpdateRatio')}, which looks at single steps",
    ),
    Rule(
        "rank_collapse",
        "A weight matrix of which nearly one direction is left.",
        "(r − 1) / (r₀ − 1) with the effective rank r = exp(−Σ pᵢ·ln pᵢ), pᵢ = σᵢ / Σσ, at the last snapshot and r₀ at"
        f" the first where it has {STARTED_SHARE:.0%} of its final norm",
        f"< {KEPT_RANK_SHARE:g}",
        "Learning lowers the rank always; 0.72 was the least in the samples and in healthy"
        " trainings; here 19 of 20 directions are gone. Only where r₀ ≥ {LEAST_RANK:g}, and in"
        " matrices up to 512 rows or columns.",
        "[Roy and Vetterli, 2007](https://ieeexplore.ieee.org/document/7098875)",
        "none",
    ),
    Rule(
        "not_learning",
        "A training loss that never improved on its beginning.",
        "(first − lowest) / |first| of the running median of the training loss",
        f"≤ {LOSS_DECREASE:g}, or within the noise of the rows (2 MAD)",
        f"From {LOSS_ROWS} rows on. Losses of adversaries (`gen/loss`, `d_loss`) need not fall and are left out, and so"
        " are losses of held-out data.",
        "diff_percent (0.1 %) of the rule beside",
        f"{_sagemaker('loss-not-decreasing', 'LossNotDecreasing')}, which looks at each ten steps",
    ),
    Rule(
        "diverging",
        "A training loss that ends far above its best.",
        "(end − lowest) / max(first − lowest, 5 % of |first|) of the running median of the training loss",
        f"≥ {LOST_SHARE:g}",
        "Half of what was learned is lost again. A plateau, however noisy against its own height, is far below that;"
        " one bad row is no end.",
        "this project's choice",
        f"{_sagemaker('loss-not-decreasing', 'LossNotDecreasing')}, with increase_threshold_percent",
    ),
)
NAMES = tuple(rule.name for rule in RULES)


def documentation() -> str:
    """Return the rules as Markdown: a heading and a table for each."""
    return "\n".join(_section(rule) for rule in RULES)


def _section(rule: Rule) -> str:
    rows = [
        ("measured", rule.formula),
        ("a finding", rule.threshold),
        ("why so", rule.why),
        ("source", rule.source),
        ("SageMaker Debugger", rule.nearest),
    ]
    lines = [f"### `{rule.name}`", "", rule.finds, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {text.replace('|', '&#124;')} |" for name, text in rows]
    return "\n".join(lines) + "\n"
