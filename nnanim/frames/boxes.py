"""The boxes and arrows of a map: a box for each weight, with its numbers over the run, and what takes in its output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nnanim.frames.rows import RowHistory


@dataclass(frozen=True, eq=False)
class BoxHistory:
    """What a map shows of a run.

    Attributes:
        rows: every weight and its parts.
        boxes: the same, the parts of one weight together.
        arrows: indices of the boxes that are connected, (from, to), each once.
        why_no_arrows: why there are none; empty where there are.
    """

    rows: RowHistory
    boxes: RowHistory
    arrows: tuple[tuple[int, int], ...]
    why_no_arrows: str = ""

    def fold(self, groups: Sequence[Sequence[int]]) -> BoxHistory:
        """Take boxes together, with the arrows that lead from one group to another."""
        group_of = {box: group for group, boxes in enumerate(groups) for box in boxes}
        arrows = dict.fromkeys((group_of[tail], group_of[head]) for tail, head in self.arrows)
        folded = tuple((tail, head) for tail, head in arrows if tail != head)
        return replace(self, boxes=_named(self.boxes.fold(groups), self.boxes, groups), arrows=folded)


def boxes_of(rows: RowHistory, connections: Iterable[tuple[str, str]], reason: str) -> BoxHistory:
    """Make a box for each weight.

    Args:
        rows: every weight and its parts over the run.
        connections: keys of tensors, (from, to).
        reason: why no more of them are known.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, row in enumerate(rows.rows):
        groups.setdefault(row.keys, []).append(index)
    boxes = _named(rows.fold(list(groups.values())), rows, list(groups.values()))
    box_of = {key: box for box, keys in enumerate(groups) for key in keys}
    pairs = dict.fromkeys(
        (box_of[tail], box_of[head]) for tail, head in connections if tail in box_of and head in box_of
    )
    arrows = tuple((tail, head) for tail, head in pairs if tail != head)
    return BoxHistory(rows, boxes, arrows, "" if arrows else reason)


def _named(folded: RowHistory, rows: RowHistory, groups: Sequence[Sequence[int]]) -> RowHistory:
    """Name groups: the parts of one weight as this is called, weights of a block as that with their number."""
    made = []
    for row, group in zip(folded.rows, groups, strict=True):
        members = [rows.rows[index] for index in group]
        same = len({member.keys for member in members}) == 1
        first = members[0]
        if same:
            roles = {member.role for member in members}
            parts = ", ".join(dict.fromkeys(member.part for member in members if member.part))
            made.append(replace(first, part=None, slice=None, role=first.role if len(roles) == 1 else parts))
        else:
            made.append(replace(row, name="", block=_common([member.title for member in members]), role=""))
    seen: Counter[str] = Counter()
    for index, row in enumerate(made):
        seen[row.title] += 1
        if seen[row.title] > 1:
            made[index] = replace(row, name=f"{row.name} {seen[row.title]}".strip())
    return replace(folded, rows=tuple(made))


def _common(titles: Sequence[str]) -> str:
    """Return the module that all lie in, else the first and the last."""
    paths = [title.split(" (")[0].split(".") for title in titles]
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared) or f"{titles[0]} – {titles[-1]}"
