"""What flows where: arrows between tensors, and the joins (sums, concatenations, products) on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

INPUT = ""  # what the model is given, among the sources of what it flows into
JOIN = "~"  # begins the name of a join, which no framework's tensor has
# By the name of what joins; everything else with several sources is a "join".
KINDS = {
    "add": "sum",
    "sub": "sum",
    "iadd": "sum",
    "radd": "sum",
    "subtract": "sum",
    "average": "sum",
    "mul": "product",
    "imul": "product",
    "rmul": "product",
    "multiply": "product",
    "mulconstant": "product",
    "matmul": "product",
    "bmm": "product",
    "dot": "product",
    "scaled_dot_product_attention": "product",
    "cat": "concatenation",
    "concat": "concatenation",
    "concatenate": "concatenation",
    "stack": "concatenation",
}

Sources = tuple[str, ...]
"""Tensors and joins whose output flows on unchanged, or through activation, norm, dropout, pooling or reshape."""


@dataclass
class Flow:
    """What was seen.

    Attributes:
        arrows: (from, to), each once: keys of tensors and names of joins; the second takes in what the first puts out.
        joins: what each join is: ``"sum"``, ``"concatenation"``, ``"product"`` or ``"join"``.
        inputs: tensors and joins that take in what the model is given.
        outputs: tensors and joins whose output the model gives.
    """

    arrows: dict[tuple[str, str], None] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, None] = field(default_factory=dict)

    def into(self, heads: Iterable[str], sources: Iterable[str]) -> None:
        """Note that tensors take in what comes from sources. What a recurrent tensor says to itself is left out."""
        tails = list(sources)
        for head in heads:
            for tail in tails:
                if tail == INPUT:
                    self.inputs[head] = None
                elif tail != head:
                    self.arrows[tail, head] = None

    def join(self, groups: Iterable[Sources], kind: str) -> Sources:
        """Return the sources of what several flows make together: their own, or a new join where these differ."""
        distinct = [group for group in dict.fromkeys(groups) if group]
        if len(distinct) < 2:
            return distinct[0] if distinct else ()
        name = f"{JOIN}{len(self.joins) + 1}"
        self.joins[name] = KINDS.get(kind.strip("_").lower(), "join")
        for group in distinct:
            self.into([name], group)
        return (name,)

    def end(self, sources: Iterable[str]) -> None:
        """Note what the model gives."""
        self.outputs |= dict.fromkeys(source for source in sources if source != INPUT)


def union(groups: Iterable[Sources]) -> Sources:
    """Return what is in any of the groups, each once, in their order."""
    return tuple(dict.fromkeys(each for group in groups for each in group))
