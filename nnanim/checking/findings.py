"""What a check finds: one sentence and its numbers, for each rule, layer and unit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SIGNIFICANT_DIGITS = 6  # sums differ in their last digits with the order of what is added


@dataclass(frozen=True)
class Finding:
    """Something that a rule found.

    Attributes:
        rule: its name.
        layer: the layer, or None where it is of the whole network or of the log.
        unit: index of the neuron or channel in its layer, from 0, or None where it is of the whole layer.
        since_epoch: the epoch of the first snapshot or row of which it holds; None where no epoch is known.
        value: what was measured; None where it is not finite.
        threshold: what the value was compared with.
        says: one sentence.
    """

    rule: str
    layer: str | None
    unit: int | None
    since_epoch: float | None
    value: float | None
    threshold: float
    says: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Report:
    """What a check of one run came to.

    Attributes:
        findings: in the order of the rules, then of the layers and units.
        rules: names of the rules that were tried.
        snapshots: how many were read.
        notes: what a user should be told.
    """

    findings: tuple[Finding, ...]
    rules: tuple[str, ...]
    snapshots: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "findings": [finding.as_dict() for finding in self.findings],
            "rules": list(self.rules),
            "snapshots": self.snapshots,
        }


def rounded(value: float) -> float:
    """Return a value without the digits that depend on the order of a sum."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
