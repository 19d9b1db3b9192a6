"""Which rows stand together where there are more than fit: those of a block, then of a block of blocks."""

from __future__ import annotations

from collections.abc import Sequence

from nnanim.model.weight_rows import Row


def fold_rows(rows: Sequence[Row], most: int) -> list[list[int]] | None:
    """Take rows of one block together until there are few enough, the deepest blocks first.

    Args:
        rows: in the order of the model.
        most: how many may be drawn, at least 1.

    Returns:
        Indices of the rows that stand together, in their order, every one in just one group; None where all fit.
    """
    if len(rows) <= most:
        return None
    parts = [row.block.split(".") if row.block else [row.name] for row in rows]
    for depth in range(max(map(len, parts)), 0, -1):
        groups = _grouped([tuple(part[:depth]) for part in parts])
        if len(groups) <= most:
            return groups
    # Blocks that nothing holds together: neighbours.
    groups = _grouped([tuple(part[:1]) for part in parts])
    each = -(-len(groups) // most)
    return [
        [index for group in groups[start : start + each] for index in group] for start in range(0, len(groups), each)
    ]


def _grouped(keys: Sequence[tuple[str, ...]]) -> list[list[int]]:
    groups: list[list[int]] = []
    last: tuple[str, ...] | None = None
    for index, key in enumerate(keys):
        if key == last:
            groups[-1].append(index)
        else:
            groups.append([index])
        last = key
    return groups
