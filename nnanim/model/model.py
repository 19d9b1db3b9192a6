"""A model as its file tells it: its tensors, and what follows what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from nnanim.model import role_table as names
from nnanim.model.connections import USER, Connection, connect
from nnanim.model.layers import LayerHeader
from nnanim.model.roles import NOTHING, Header
from nnanim.model.tensors import Tensor, make_tensors

# Why a tensor of a role is in no chain of layers.
REASONS = {
    names.EMBEDDING: "an embedding is a table, no layer of neurons",
    names.POSITIONAL: "a positional embedding is a table, no layer of neurons",
    names.TOKEN: "a token is put before the others, it is no layer",
    names.INPUT: "a recurrent layer leads back to itself",
    names.HIDDEN: "a recurrent layer leads back to itself",
    names.PROJECTION: "a recurrent layer leads back to itself",
    names.QUERY: "a query weighs values, it is not passed on",
    names.KEY: "a key weighs values, it is not passed on",
    names.VALUE: "a value is averaged over positions before it is passed on",
    names.FUSED: "three projections of an attention in one",
    names.FUSED_KV: "two projections of an attention in one",
    names.OUTPUT: "it takes in what an attention averages over positions",
    names.GATE: "a gate weighs another signal",
    names.GATE_UP: "a gate and what it weighs in one",
    names.SHORTCUT: "a shortcut leads around other layers",
    names.LORA_A: "an adapter beside a layer",
    names.LORA_B: "an adapter beside a layer",
    names.DEPTHWISE: "each of its channels is connected to one channel only",
    names.GROUPED: "its channels are connected in groups only",
    names.PARAMETER: "its name does not say what it does",
    names.GAIN: "a gain is part of the weight that it scales",
    names.MASK: "a mask is part of the weight that it prunes",
    names.SPECTRAL: "it only serves to norm a weight",
    names.BIAS: "a bias belongs to the nodes, not to the edges",
    names.NORMALISATION: "a norm has no edges",
    names.SCALE: "a scale is part of the weight that it de-quantises",
    names.QUANTISED: "its numbers are quantised",
    names.STATISTICS: "a statistic of the data, not trained",
    names.NOT_A_WEIGHT: "not a weight",
}


MOST_CHAINED = 8  # layers of a plain sequence that are drawn as neurons and edges by default
MOST_BOXES = 60  # of a map by default
LEAST_KNOWN = 0.9  # share of the weights of whose connections something is known, for a map by default


@dataclass(frozen=True)
class Model:
    """What is known of a model.

    Attributes:
        tensors: all of them, in the order of the file.
        connections: which tensor takes in what which other puts out, as far as that is known.
        chain_keys: keys of the layers in order where the network is a plain sequence, or the user says so; else none.
        reason: why it is one, or is not known to be one.
        is_told: True where the file itself tells what follows what.
    """

    tensors: tuple[Tensor, ...]
    connections: tuple[Connection, ...]
    chain_keys: tuple[str, ...]
    reason: str
    is_told: bool = False

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The tensors that are weights of their own with two axes or more."""
        return tuple(tensor for tensor in self.tensors if tensor.is_weight)

    def chain(self) -> tuple[LayerHeader, ...]:
        """Return the layers that the network view draws, input side first; it is decided which are transposed.

        None where no sequence is known, or where it cannot be drawn neuron by neuron, as a convolution of what a dense
        layer puts out.
        """
        by_key = {tensor.key: tensor.weight for tensor in self.tensors}
        found = (by_key[key] for key in self.chain_keys)
        layers = tuple(weight for weight in found if weight is not None)
        is_drawable = len(layers) == len(self.chain_keys) and all(two.follows(one) for one, two in pairwise(layers))
        return layers if is_drawable else ()

    def choose_view(self, layers: int, *, is_asked: bool) -> tuple[str, str]:
        """Choose how the model is drawn by default, and say why.

        Args:
            layers: how many are drawn as a plain sequence, 0 where there is none.
            is_asked: whether the user named them or their sizes.

        Returns:
            ``"network"``, ``"map"`` or ``"layers"``, and the reason.
        """
        if layers and (is_asked or layers <= MOST_CHAINED):
            return "network", self.reason
        connected = {key for each in self.connections if self._are_apart(each) for key in (each.tail, each.head)}
        known, count = sum(weight.key in connected for weight in self.weights), len(self.weights)
        if known and known >= LEAST_KNOWN * count and count <= MOST_BOXES:
            return "map", f"of {known} of {count} weights it is known what follows what"
        return ("network" if layers else "layers"), self.reason

    def _are_apart(self, connection: Connection) -> bool:
        """Tell whether two tensors are weights of their own, not factors of one, as those of an adapter."""
        roles = {tensor.role for tensor in self.tensors if tensor.key in (connection.tail, connection.head)}
        return roles != {names.LORA_A, names.LORA_B}

    def why_not_drawn(self, key: str) -> str:
        """Return why the network view does not draw a tensor; nothing where it does."""
        if key in self.chain_keys and self.chain():
            return ""
        tensor = next(tensor for tensor in self.tensors if tensor.key == key)
        if tensor.role in REASONS:
            return REASONS[tensor.role]
        if tensor.weight is not None and tensor.weight.skipped:
            return tensor.weight.skipped
        if 0 in tensor.shape:
            return "it holds no numbers"
        if self.chain():
            is_asked = any(each.known_from == USER for each in self.connections)
            return "not asked for" if is_asked else "the same tensor as another"
        return self.reason

    def with_chain(self, layers: Sequence[LayerHeader]) -> Model:
        """Return the model with these layers as its chain, since the user says so."""
        keys = tuple(layer.key for layer in layers)
        pairs = tuple(Connection(tail, head, USER) for tail, head in pairwise(keys))
        chosen = {layer.key: layer for layer in layers}
        tensors = tuple(replace(each, weight=chosen.get(each.key, each.weight)) for each in self.tensors)
        return replace(self, tensors=tensors, connections=pairs, chain_keys=keys, reason="as asked for")


def make_model(
    headers: Sequence[Header],
    weights: Iterable[LayerHeader],
    *,
    convention: str = "pytorch",
    is_ordered: bool = True,
    known: Iterable[tuple[str, str]] | None = None,
    tied: Collection[str] = (),
    roles: Mapping[str, str] = NOTHING,
) -> Model:
    """Find out what each tensor of a model is and what follows what.

    Args:
        headers: key, shape and type of every array of the model, as in the file and in its order.
        weights: what the reader of the file says of those that are weights for it: shapes as (out, in, …), biases.
        convention: whose names and shapes they are: ``"pytorch"``, ``"keras"``, ``"chainer"``, ``"numpy"``, ``"onnx"``.
        is_ordered: whether the order of the file is that in which the model was defined.
        known: pairs of keys of tensors that the file's own graph tells, or None where it has none.
        tied: keys of tensors that are others under a second name.
        roles: what the file's own graph says of tensors, by key.
    """
    tensors = make_tensors(headers, weights, convention, roles)
    found = connect(
        [tensor for tensor in tensors if tensor.key not in tied], known, convention=convention, is_ordered=is_ordered
    )
    chain = {tensor.key: tensor for tensor in found.chain}
    decided = tuple(chain.get(tensor.key, tensor) for tensor in tensors)
    return Model(decided, found.connections, tuple(chain), found.reason, known is not None)
