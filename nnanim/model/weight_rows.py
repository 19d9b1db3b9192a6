"""The weights of a model, a row for each: whole tensors, their parts, and what several tensors make together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nnanim.model import role_table as names
from nnanim.model.layers import natural_key
from nnanim.model.roles import MAX_NAME, NOTHING, Header, Role, is_float, roles_of

_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_STARTS = re.compile(
    r"^(?:updater\.model:[^.]*\.(?:predictor\.)?|base_model\.model\.|_layer_checkpoint_dependencies\.)"
)
_KERAS_LISTS = re.compile(r"(?:^|(?<=\.))(?:layers|_layer_checkpoint_dependencies)\.(?=.*vars\.[0-9]+$)")
_LAST = re.compile(r"(?:^|\.)(?:weight|kernel|W|w|embeddings|vars\.0)$")
_MEMBER = re.compile(r"(?:(?<=weight)|(?<=weight_[ih]h_l[0-9]))_(?:g|v|orig|mask)$")
_HEADS = re.compile(r"(?:lm_|mlm_)?head|classifier|score|qa_outputs|generator|output_layer|fc_out")
# The order of roles within a block, where the file does not tell it.
_RANKS = {
    role: rank
    for rank, roles in enumerate(
        (
            (names.TOKEN, names.EMBEDDING, names.POSITIONAL),
            (names.QUERY, names.FUSED),
            (names.KEY, names.FUSED_KV),
            (names.VALUE,),
            (names.OUTPUT,),
            (names.GATE, names.GATE_UP),
            (names.UP,),
            (names.DOWN,),
            (names.INPUT,),
            (names.HIDDEN,),
            (names.PROJECTION,),
        )
    )
    for role in roles
}
_SHORTCUT_RANK, _OTHER_RANK = 99, 20


@dataclass(frozen=True)
class Row:
    """One weight, or one part of a tensor that holds several.

    Attributes:
        name: short, without the name of its block.
        block: the module that it is part of, ``""`` for none.
        role: what it does, a word of `nnanim.model.roles`.
        keys: the tensors in the file that it is made of.
        part: which part of a tensor, ``"q"`` or ``"forget gate"``; None for a whole one.
        slice: axis, start and stop of that part in the file's tensor.
        formula: how it is made of several tensors, ``"g·v/‖v‖"``; None where it is one.
    """

    name: str
    block: str
    role: str
    keys: tuple[str, ...]
    part: str | None = None
    slice: tuple[int, int, int] | None = None
    formula: str | None = None

    @property
    def title(self) -> str:
        """The name with its block and its part."""
        name = f"{self.block}.{self.name}" if self.block and self.name else self.block or self.name
        return f"{name} ({self.part})" if self.part else name


def rows_of(
    headers: Sequence[Header],
    convention: str = "pytorch",
    *,
    is_ordered: bool | None = None,
    told: Mapping[str, str] = NOTHING,
) -> tuple[Row, ...]:
    """Give each weight with two axes or more a row, in the order of the model.

    A tensor that holds several weights, such as query, key and value, has a row for each. Tensors that make a weight
    together have one. Whole numbers and the scales of quantised weights have none.

    Args:
        headers: key, shape in the file and dtype of each tensor, in the order of the file.
        convention: whose names and shapes they are.
        is_ordered: whether the order of the file is the model's; by default all but Chainer's is.
        told: what the file's own graph says of tensors, names of roles by key.
    """
    roles = roles_of(headers, convention, told)
    ordered = convention != "chainer" if is_ordered is None else is_ordered
    rows: list[Row] = []
    done: set[str] = set()
    for place in in_model_order(headers, roles, is_ordered=ordered):
        key, shape, dtype = headers[place]
        role = roles[place]
        if len(shape) < 2 or key in done or not is_float(dtype) or role.name == names.SCALE:
            continue
        keys = role.members or (key,)
        done.update(keys)
        path = _path(key, role)
        rows += _rows(Row(".".join(path), "", role.of or role.name, keys, formula=role.formula), role, shape)
    return tuple(_with_blocks(rows))


def _rows(whole: Row, role: Role, shape: Sequence[int]) -> Iterator[Row]:
    if not role.parts:
        yield whole
    for name, axis, start, stop in role.parts:
        cut = None if (start, stop) == (0, shape[axis]) else (axis, start, stop)
        yield replace(whole, part=name or None, slice=cut, role=names.PART_ROLES.get(name, whole.role))


def _with_blocks(rows: Sequence[Row]) -> Iterator[Row]:
    """Take the block's name out of that of each row; rows of the same name are called as in the file."""
    paths = [tuple(row.name.split(".")) for row in rows]
    blocks = _blocks(paths)
    seen = Counter((row.name, row.part) for row in rows)
    for row, path in zip(rows, paths, strict=True):
        size = blocks[path]
        name = ".".join(path[size:]) if seen[row.name, row.part] == 1 else row.keys[-1]
        yield replace(row, name=name, block=".".join(path[:size]) if seen[row.name, row.part] == 1 else "")


def _blocks(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """Return how many parts of each path name its block: the innermost numbered module, else the innermost one, that
    holds several.
    """
    within = Counter(path[:size] for path in set(paths) for size in range(1, len(path)))
    found = {}
    for path in paths:
        several = [size for size in range(len(path) - 1, 0, -1) if within[path[:size]] > 1]
        numbered = [size for size in several if path[size - 1].isdecimal()]
        found[path] = next(iter(numbered or several), 0)
    return found


def _path(key: str, role: Role) -> tuple[str, ...]:
    """Return the parts of a tensor's name without wrappers and without the word for a weight."""
    if len(key) > MAX_NAME:
        return (key,)
    name = re.sub(r":[0-9]+$", "", key).replace("/", ".")
    name = _KERAS_LISTS.sub("", _STARTS.sub("", _WRAPPERS.sub("", name)))
    name = re.sub(r"parametrizations\.([^.]+)\.original[01]?$", r"\1", _MEMBER.sub("", name))
    if role.formula is not None and role.name in {names.LORA_A, names.LORA_B}:
        name = re.sub(r"(?i)lora(_embedding)?_[ab](?:\.(?!weight$)[^.]+)?|lora([._])(?:down|up)", r"lora\1", name)
    if role.name == names.BIAS:
        name = re.sub(r"vars\.[0-9]+$", "bias", name)
    elif role.name in {names.INPUT, names.HIDDEN}:
        name = re.sub(r"(?:vars\.[01]|kernel)$", "input" if role.name == names.INPUT else "recurrent", name)
        name = name.replace("recurrent_recurrent", "recurrent")
    elif re.search(r"separable_conv[^.]*\.vars\.[01]$", name):
        name = re.sub(r"vars\.([01])$", lambda at: ("depthwise", "pointwise")[int(at[1])], name)
    short = _LAST.sub("", name) or name
    head, dot, last = short.rpartition(".")
    last = re.sub(r"^weight_(?=.)|(?<=.)_(?:weight|kernel)$", "", last)
    return tuple((head + dot + last).split("."))


def in_model_order(headers: Sequence[Header], roles: Sequence[Role], *, is_ordered: bool) -> list[int]:
    """Return the places of tensors in the order of the model.

    Where the file does not have it: embeddings, then blocks by name and number, encoder before decoder, in a block by
    role, heads last.
    """
    if is_ordered:
        return list(range(len(headers)))
    paths = [_path(key, role) for (key, _, _), role in zip(headers, roles, strict=True)]
    blocks = _blocks(paths)
    firsts = {part.lower() for path in paths for part in path[:-1]}
    both = any(part.startswith("encoder") for part in firsts) and any(part.startswith("decoder") for part in firsts)

    def stage(path: tuple[str, ...], role: Role) -> int:
        numbered = any(part.isdecimal() for part in path[:-1])
        if not numbered and role.name in {names.EMBEDDING, names.POSITIONAL, names.TOKEN}:
            return 0
        if not numbered and any(_HEADS.fullmatch(part.lower()) for part in path):
            return 5
        side = next((part.lower()[:7] for part in path if part.lower().startswith(("encoder", "decoder"))), "")
        return {"encoder": 2, "decoder": 3}.get(side, 4 if both else 1)

    def rank(role: Role) -> int:
        return _SHORTCUT_RANK if role.name == names.SHORTCUT else _RANKS.get(role.of or role.name, _OTHER_RANK)

    def place_of(
        place: int,
    ) -> tuple[int, tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...], int]:
        path, role = paths[place], roles[place]
        block, name = ".".join(path[: blocks[path]]), ".".join(path[blocks[path] :])
        return stage(path, role), natural_key(block), rank(role), natural_key(name), place

    return sorted(range(len(headers)), key=place_of)
