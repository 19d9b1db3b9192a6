"""The boxes and arrows of a map: a box for each weight, with its numbers over the run, and what takes in its output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from nnanim.frames.rows import RowHistory
from nnanim.model.weight_rows import Row
from nnanim.reading.connections import Connections

LEAST_REPEATS = 3  # equal blocks that are drawn as one
MOST_JOINS = 100  # that are drawn
LONGEST_NUMBER = 9  # digits of a block's number


@dataclass(frozen=True, eq=False, kw_only=True)
class BoxHistory:
    """What a map shows of a run.

    Attributes:
        rows: every weight and its parts.
        boxes: the same, the parts of one weight together.
        arrows: indices of the boxes that are connected, (from, to), each once.
        why_no_arrows: why there are none; empty where there are.
        groups: for each box the weights that it stands for, indices of `weights`; one each where none are folded.
        are_repeats: for each box whether these are the same weight of blocks that follow each other, each a stripe.
        weights: the boxes before any were folded.
        joins: kinds of the sums, concatenations and products on the way, where they are known and nothing is folded.
        routes: the arrows by way of these, (from, to); indices from the number of boxes on are those of joins.
    """

    rows: RowHistory
    boxes: RowHistory
    arrows: tuple[tuple[int, int], ...]
    why_no_arrows: str
    groups: tuple[tuple[int, ...], ...]
    are_repeats: tuple[bool, ...]
    weights: RowHistory
    joins: tuple[str, ...] = ()
    routes: tuple[tuple[int, int], ...] = ()

    @property
    def drawn_arrows(self) -> tuple[tuple[int, int], ...]:
        """The arrows as they are drawn, by way of joins where these are known."""
        return self.routes if self.joins else self.arrows

    def with_joins(self, found: Connections) -> BoxHistory:
        """Return the same with the joins of a recording, of whose arrows these are the pairs."""
        count = len(self.boxes.rows)
        number = {key: box for box, row in enumerate(self.boxes.rows) for key in row.keys}
        known = [(tail, head) for tail, head in found.arrows if {tail, head} <= {*number, *found.joins}]
        while True:  # leave out joins that lead nowhere, as the last sum of a model
            tails, heads = ({pair[end] for pair in known} for end in (0, 1))
            lead = [pair for pair in known if all(end in number or (end in tails and end in heads) for end in pair)]
            if len(lead) == len(known):
                break
            known = lead
        joins = [name for name in found.joins if name in tails]
        if not joins or len(joins) > MOST_JOINS:
            return self
        number |= {name: count + place for place, name in enumerate(joins)}
        pairs = dict.fromkeys((number[tail], number[head]) for tail, head in known)
        routes = tuple((tail, head) for tail, head in pairs if tail != head)
        return replace(self, joins=tuple(found.joins[name] for name in joins), routes=routes)

    def over(self, rows: RowHistory) -> BoxHistory:
        """Return the same boxes with other numbers, of the same weights, before any were folded."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, row in enumerate(rows.rows):
            groups.setdefault(row.keys, []).append(index)
        boxes = _named(rows.fold(list(groups.values())), rows, list(groups.values()))
        return replace(self, rows=rows, boxes=boxes, weights=boxes)

    def fold(self, groups: Sequence[Sequence[int]]) -> BoxHistory:
        """Take boxes together, with the arrows that lead from one group to another."""
        group_of = {box: group for group, boxes in enumerate(groups) for box in boxes}
        arrows = dict.fromkeys((group_of[tail], group_of[head]) for tail, head in self.arrows)
        folded = tuple((tail, head) for tail, head in arrows if tail != head)
        return replace(
            self,
            boxes=_named(self.boxes.fold(groups), self.boxes, groups),
            arrows=folded,
            groups=tuple(tuple(each for box in group for each in self.groups[box]) for group in groups),
            joins=(),
            are_repeats=tuple(len(group) == 1 and self.are_repeats[group[0]] for group in groups),
        )

    def fold_repeats(self) -> BoxHistory:
        """Take equal blocks that follow each other together: one box for the same weight of each."""
        rows = self.boxes.rows
        repeats = find_repeats(rows)
        if not repeats:
            return self
        groups: dict[tuple[str, str], list[int]] = {}
        for index, row in enumerate(rows):
            repeat = repeats.get(index)
            groups.setdefault((repeat.block, row.name) if repeat else ("", row.title), []).append(index)
        members = tuple(tuple(group) for group in groups.values())
        group_of = {box: group for group, boxes in enumerate(members) for box in boxes}

        def is_to_next(tail: int, head: int) -> bool:
            one, other = repeats.get(tail), repeats.get(head)
            return one is not None and other is not None and one.family == other.family and one.number != other.number

        arrows = dict.fromkeys(
            (group_of[tail], group_of[head]) for tail, head in self.arrows if not is_to_next(tail, head)
        )
        folded = self.boxes.fold(members)
        named = []
        for group in members:
            repeat, row = repeats.get(group[0]), rows[group[0]]
            keys = tuple(key for index in group for key in rows[index].keys)
            named.append(replace(row, keys=keys, block=repeat.block) if repeat else row)
        return replace(
            self,
            boxes=replace(folded, rows=tuple(named)),
            arrows=tuple((tail, head) for tail, head in arrows if tail != head),
            groups=members,
            joins=(),
            are_repeats=tuple(len(group) > 1 for group in members),
        )


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
    own = tuple((index,) for index in range(len(groups)))
    return BoxHistory(
        rows=rows,
        boxes=boxes,
        arrows=arrows,
        why_no_arrows="" if arrows else reason,
        groups=own,
        are_repeats=(False,) * len(own),
        weights=boxes,
    )


class Repeat(NamedTuple):
    """The place of a weight in a run of equal blocks.

    Attributes:
        family: the module that holds the blocks, and the number of the first of the run.
        number: of its block.
        block: name of its block with all numbers of the run: ``"layers.0–11 × 12"``.
    """

    family: tuple[str, int]
    number: int
    block: str


def find_repeats(rows: Sequence[Row]) -> dict[int, Repeat]:
    """Find blocks that are numbered one after the other and hold weights of the same names and roles.

    Returns:
        For each row in such a run its place. Outer blocks go before inner ones.
    """
    found: dict[int, Repeat] = {}
    paths = [(*row.block.split("."), row.name) if row.block else (row.name,) for row in rows]
    for depth in range(1, max(map(len, paths), default=0)):
        holders: dict[str, dict[int, list[int]]] = {}
        for index, path in enumerate(paths):
            is_numbered = len(path) > depth + 1 and path[depth].isdecimal() and len(path[depth]) < LONGEST_NUMBER
            if index not in found and is_numbered:
                holders.setdefault(".".join(path[:depth]), {}).setdefault(int(path[depth]), []).append(index)
        for holder, blocks in holders.items():
            for run in _runs({number: _signature(rows, paths, each, depth) for number, each in blocks.items()}):
                for number in run:
                    for index in blocks[number]:
                        inner = paths[index][depth + 1 : -1]
                        name = ".".join([f"{holder}.{run[0]}–{run[-1]} × {len(run)}", *inner])
                        found[index] = Repeat((holder, run[0]), number, name)
    return found


def _signature(
    rows: Sequence[Row], paths: Sequence[tuple[str, ...]], indices: Sequence[int], depth: int
) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple((paths[index][depth + 1 :], rows[index].role) for index in indices)


def _runs(signatures: Mapping[int, Any]) -> Iterator[list[int]]:
    """Yield numbers one after the other with the same signature, as many as make a run."""
    run: list[int] = []
    for number in [*sorted(signatures), None]:
        if run and (number != run[-1] + 1 or signatures[number] != signatures[run[-1]]):
            if len(run) >= LEAST_REPEATS:
                yield run
            run = []
        if number is not None:
            run.append(number)


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
