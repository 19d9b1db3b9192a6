"""What follows what in a model: only what its file, sizes and names, or the user tell.

A connection leads from one tensor to another that takes in what it puts out, through nothing but activation, norm,
dropout, pooling, reshape or a sum. It is known

- from the file's own graph (``"file"``);
- from a plain sequence: all layers of the model, in the order of the file or of their names, take in what the one
  before puts out, no other order fits, and no name is a sign of branches (``"sequence"``);
- from a list of numbered layers as ``torch.nn.Sequential`` makes it (``"list"``);
- from names whose convention says it (``"block"``), see `CONVENTIONS`;
- from the user (``"user"``).

Where none of these tells it, there is no connection.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from typing import NamedTuple

from nnanim.model import role_table as names
from nnanim.model.branches import are_in_a_list_of_branches, sign_of_branches, words_of
from nnanim.model.layers import MAX_LAYERS
from nnanim.model.sequences import Orders, follows
from nnanim.model.tensors import Tensor

FILE, SEQUENCE, LIST, BLOCK, USER = "file", "sequence", "list", "block", "user"


@dataclass(frozen=True)
class Connection:
    """One tensor takes in what another puts out.

    Attributes:
        tail: key of the tensor that puts out.
        head: key of the one that takes in.
        known_from: ``"file"``, ``"sequence"``, ``"list"``, ``"block"`` or ``"user"``.
    """

    tail: str
    head: str
    known_from: str


class Convention(NamedTuple):
    """Two names of which a convention says that one follows the other.

    Attributes:
        tail: an expression for the whole name of a tensor; the group ``at`` is the module that both lie in.
        head: the name of the other, ``{at}`` for that module.
        source: whose convention it is.
    """

    tail: str
    head: str
    source: str


# Where a gate is multiplied between the two (LLaMA's gate, up and down), they are not connected.
CONVENTIONS: tuple[Convention, ...] = (
    Convention(r"(?P<at>(?:.*\.)?)lora_A(?P<name>(?:\.\w+)?)", "{at}lora_B{name}", "peft/tuners/lora/layer.py"),
    Convention(r"(?P<at>(?:.*\.)?)lora_down", "{at}lora_up", "kohya-ss sd-scripts, networks/lora.py"),
    Convention(r"(?P<at>(?:.*\.)?mlp\.)fc1", "{at}fc2", "timm/layers/mlp.py"),
    Convention(r"(?P<at>(?:.*\.)?mlp\.)c_fc", "{at}c_proj", "transformers/models/gpt2"),
    Convention(r"(?P<at>(?:.*\.)?mlp\.)dense_h_to_4h", "{at}dense_4h_to_h", "transformers/models/gpt_neox"),
    Convention(r"(?P<at>(?:.*\.)?DenseReluDense\.)wi", "{at}wo", "transformers/models/t5"),
    Convention(r"(?P<at>(?:.*\.)?layer\.\d+\.)intermediate\.dense", "{at}output.dense", "transformers/models/bert"),
    Convention(r"(?P<at>(?:.*\.)?ffn\.)lin1", "{at}lin2", "transformers/models/distilbert"),
    Convention(r"(?P<at>(?:.*\.)?layers\.\d+\.)linear1", "{at}linear2", "torch/nn/modules/transformer.py"),
    Convention(r"(?P<at>(?:.*\.)?layer[1-4]\.\d+\.)conv1", "{at}conv2", "torchvision/models/resnet.py"),
    Convention(r"(?P<at>(?:.*\.)?layer[1-4]\.\d+\.)conv2", "{at}conv3", "torchvision/models/resnet.py"),
    Convention(
        r"(?P<at>(?:.*\.)?)mlp_extractor\.policy_net\.\d+", "{at}action_net", "stable_baselines3/common/policies.py"
    ),
    Convention(
        r"(?P<at>(?:.*\.)?)mlp_extractor\.value_net\.\d+", "{at}value_net", "stable_baselines3/common/policies.py"
    ),
)
_GATES = frozenset({names.GATE, names.GATE_UP})
_CONVENTIONS = tuple((re.compile(each.tail), each.head) for each in CONVENTIONS)


@dataclass(frozen=True)
class Known:
    """What is known of a model's connections.

    Attributes:
        connections: in the order of the model.
        chain: the layers in order, where all are one plain sequence; else none. A convolution of which nothing in the
            file told whether it is transposed is here what the sizes of the others make of it.
        reason: why it is a sequence, or is not known to be one.
    """

    connections: tuple[Connection, ...]
    chain: tuple[Tensor, ...]
    reason: str


def connect(
    tensors: Sequence[Tensor],
    known: Iterable[tuple[str, str]] | None = None,
    *,
    convention: str = "pytorch",
    is_ordered: bool = True,
) -> Known:
    """Find out what follows what.

    Args:
        tensors: all of the model, in the order of the file.
        known: pairs of keys that the file's own graph tells, or None where it has none.
        convention: whose names they are.
        is_ordered: whether the order of the file is that in which the model was defined.
    """
    weights = [tensor for tensor in tensors if tensor.is_weight and 0 not in tensor.shape]
    if known is not None:
        return _from_graph(weights, known)
    beside = [tensor for tensor in weights if not tensor.is_layer]
    reason = ""
    if len(weights) > MAX_LAYERS:
        reason = f"there are {len(weights)} weights (at most {MAX_LAYERS} can be put in order)"
    elif not weights:
        reason = "there is no weight with two axes or more"
    elif beside:
        reason = f"{beside[0].full_name!r} ({beside[0].role}) is no layer of a plain sequence"
    else:
        reason = sign_of_branches(weights)
    if not reason:
        orders = Orders(weights, convention=convention, is_ordered=is_ordered)
        if len(orders.found) == 1:
            chain = orders.found[0]
            told = "in the order of the file" if is_ordered else "in one order only"
            return Known(_pairs(chain, SEQUENCE), chain, f"the layers follow each other, {told}")
        reason = orders.reason
    return Known(_partly(weights), (), f"what follows what is not known: {reason}")


def _from_graph(weights: Sequence[Tensor], known: Iterable[tuple[str, str]]) -> Known:
    by_key = {tensor.key: tensor for tensor in weights}
    pairs = [pair for pair in dict.fromkeys(known) if pair[0] in by_key and pair[1] in by_key]
    connections = tuple(Connection(tail, head, FILE) for tail, head in pairs)
    follow = dict(pairs)
    starts = [key for key in by_key if key not in set(follow.values())]
    keys = starts[:1]
    while keys and keys[-1] in follow and len(keys) <= len(pairs):
        keys.append(follow[keys[-1]])
    is_whole = len(starts) == 1 and len(pairs) == len(keys) - 1 and len(keys) == len(by_key)
    chain = tuple(by_key[key] for key in keys)
    if is_whole and all(tensor.is_layer for tensor in chain) and all(starmap(follows, pairwise(chain))):
        return Known(connections, chain, "the layers follow each other, as the file tells")
    return Known(connections, (), "the layers are no plain sequence, as the file tells")


def _pairs(chain: Sequence[Tensor], known_from: str) -> tuple[Connection, ...]:
    return tuple(Connection(tail.key, head.key, known_from) for tail, head in pairwise(chain))


def _partly(weights: Sequence[Tensor]) -> tuple[Connection, ...]:
    """Return the connections that are known of parts of a model."""
    found = {(each.tail, each.head): each for each in (*_in_lists(weights), *_by_convention(weights))}
    place = {tensor.key: number for number, tensor in enumerate(weights)}
    return tuple(sorted(found.values(), key=lambda each: (place[each.tail], place[each.head])))


def _in_lists(weights: Sequence[Tensor]) -> list[Connection]:
    """Find lists of numbered layers that feed each other.

    A ``ModuleList`` is numbered without gaps and may hold branches; the activations of a ``Sequential`` leave gaps. So
    layers without a gap must not be able to take in the same.
    """
    lists: dict[str, list[tuple[tuple[int, ...], Tensor]]] = defaultdict(list)
    mixed = set()
    for tensor in weights:
        match = re.fullmatch(r"(.*?)\.([0-9]+(?:\.[0-9]+)*)", tensor.module)
        if match is not None and tensor.is_layer:
            lists[match[1]].append((tuple(int(number[:9]) for number in match[2].split(".")), tensor))
        parts = tensor.module.split(".")
        last = len(parts) - len(match[2].split(".")) if match else len(parts)
        mixed |= {".".join(parts[:place]) for place in range(1, last)} - {match[1] if match else ""}
    found: list[Connection] = []
    for parent, numbered in lists.items():
        ordered = sorted(numbered, key=lambda each: each[0])
        if parent in mixed or not parent or are_in_a_list_of_branches(parent):
            continue
        pairs = list(pairwise(ordered))
        if all(follows(one[1], two[1]) and _is_after(one, two) for one, two in pairs):
            found += [Connection(one[1].key, two[1].key, LIST) for one, two in pairs]
    return found


def _is_after(one: tuple[tuple[int, ...], Tensor], two: tuple[tuple[int, ...], Tensor]) -> bool:
    has_gap = len(one[0]) == len(two[0]) and one[0][:-1] == two[0][:-1] and two[0][-1] - one[0][-1] > 1
    return has_gap or one[1].size_in != two[1].size_in


def _by_convention(weights: Sequence[Tensor]) -> list[Connection]:
    by_name = {tensor.module: tensor for tensor in weights}
    gated = {tensor.block for tensor in weights if _is_gate(tensor)}
    last: dict[str, int] = {}  # number in each list
    for name in by_name:
        parent, _, own = name.rpartition(".")
        if own.isdecimal():
            last[parent] = max(int(own[:9]), last.get(parent, 0))
    found = []
    for name, tail in by_name.items():
        parent, _, own = name.rpartition(".")
        is_inside = own.isdecimal() and int(own[:9]) < last[parent]
        if is_inside or (tail.role == names.UP and tail.block in gated):
            continue
        for pattern, other in _CONVENTIONS:
            match = pattern.fullmatch(name)
            head = by_name.get(other.format(**match.groupdict())) if match else None
            if head is not None and head is not tail and 0 < tail.size_out == head.size_in:
                found.append(Connection(tail.key, head.key, BLOCK))
    return found


def _is_gate(tensor: Tensor) -> bool:
    return tensor.role in _GATES or "gate" in words_of(tensor.module.rpartition(".")[2])
