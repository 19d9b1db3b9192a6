"""What follows what in an ONNX model, and which step of it each array is the weight of.

Arrows lead from a weight to the next ones through whatever is known to pass on what it takes in: activations, norms,
pooling, reshaping, sums, products. What only weighs another signal, as a gate or the weights of an attention do, leads
no further. What a step of an unknown kind does with its input is not known; nothing leads on.

Source: https://onnx.ai/onnx/operators/ (what each input is).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nnanim.model import role_table as names
from nnanim.reading.containers.onnx_file import Graph, Node

MAX_PAIRS = 100_000
MAX_STEPS = 5_000_000  # of carrying along where signals come from
Sources = tuple[str, ...]

_ACTIVATIONS = (
    "Relu LeakyRelu PRelu ThresholdedRelu Elu Selu Celu Gelu FastGelu QuickGelu BiasGelu Mish Swish Sigmoid HardSigmoid"
    " HardSwish Tanh Softplus Softsign Softmax LogSoftmax Hardmax Erf Clip Abs Neg Exp Log Sqrt Reciprocal Sign Sin Cos"
    " Shrink"
)
_NORMS = (
    "BatchNormalization LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LpNormalization"
    " SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization MeanVarianceNormalization"
    " LRN Dropout"
)
_POOLING = (
    "MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool ReduceMean ReduceMax ReduceMin ReduceSum"
    " ReduceL1 ReduceL2 ReduceLogSumExp ReduceProd CumSum Resize Upsample"
)
_SHAPES = (
    "Identity Cast CastLike Reshape Flatten Transpose Squeeze Unsqueeze Expand Tile Pad Slice Split Concat"
    " DepthToSpace SpaceToDepth ReverseSequence Gather GatherND GatherElements QuantizeLinear DequantizeLinear"
)
_JOINS = "Add Sub Sum Mean Max Min Mul Div Pow Where Attention RotaryEmbedding"
_PASSING = frozenset(" ".join((_ACTIVATIONS, _NORMS, _POOLING, _SHAPES, _JOINS)).split())
_WEIGHING = frozenset(["Sigmoid", "HardSigmoid", "Softmax"])  # what a gate or an attention multiplies others with
_WEIGHED = frozenset(["Mul", "MatMul", "FusedMatMul", "Einsum"])
_SAME = frozenset(_SHAPES.split()) | {"Dropout"}
_PLAIN = frozenset(["Identity", "Cast", "QuantizeLinear", "DequantizeLinear"])  # that leave a weight what it is
_RECURRENT = frozenset(["LSTM", "GRU", "RNN"])
_NO_SIGNAL = frozenset(["Shape", "Size", "ConstantOfShape", "Range", "Constant"])
# Which inputs a step takes a signal from, where it is not all of them.
_SIGNALS = {"Where": (1, 2), "Gather": (0,), "Expand": (0,), "Reshape": (0,), "Slice": (0,), "Pad": (0,), "Tile": (0,)}


@dataclass(frozen=True)
class Constant:
    """What is made of arrays alone: their names, and whether the only one stands as in the file, or turned."""

    keys: Sources = ()
    is_turned: bool = False
    is_whole: bool = False


@dataclass
class Use:
    """What an array is the weight of.

    Attributes:
        role: as the step tells, a word of `nnanim.model.role_table`.
        is_turned: whether it is (in, out).
        transposed: of a convolution, whether it is (in, out, …).
        bias: name of the array that is added to what it gives, or None.
        node: name of the step.
    """

    role: str
    is_turned: bool = False
    transposed: bool | None = None
    bias: str | None = None
    node: str = ""


@dataclass
class Flow:
    """What a graph tells.

    Attributes:
        uses: of each weight, in the order in which they are used first.
        connections: pairs of names of weights; None where there are too many to tell.
        order: names of all arrays in the order in which they are used.
    """

    uses: dict[str, Use] = field(default_factory=dict)
    connections: tuple[tuple[str, str], ...] | None = ()
    order: list[str] = field(default_factory=list)


def follow(graph: Graph) -> Flow:
    """Follow the signals through a graph."""
    follower = _Follower(graph)
    for node in graph.nodes:
        follower.step(node)
    pairs = None if follower.steps > MAX_STEPS else tuple(follower.pairs)
    return Flow(follower.uses, pairs, list(follower.used))


class _Follower:
    def __init__(self, graph: Graph) -> None:
        self.uses: dict[str, Use] = {}
        self.used: dict[str, None] = {}
        self.pairs: dict[tuple[str, str], None] = {}
        self.steps = 0
        self._arrays = graph.arrays
        self._constants = {name: Constant((name,), is_whole=True) for name in graph.arrays}
        self._signals: dict[str, Sources] = {}
        self._weighing: set[str] = set()  # signals that weigh what they are multiplied with
        self._last: dict[str, str] = {}  # the weight whose product a signal is, with nothing added yet

    def step(self, node: Node) -> None:
        """Note what a step does with its inputs."""
        given = [name for name in node.inputs if name]
        self.used |= dict.fromkeys(name for name in given if name in self._arrays)
        is_constant = all(name in self._constants for name in given)
        if node.kind in _NO_SIGNAL or (is_constant and given and node.kind in _PASSING):
            made = self._constant(node)
            for output in node.outputs:
                self._constants.setdefault(output, made)
            return
        sources = self._through(node)
        if node.kind in _WEIGHING or (node.kind in _SAME and node.inputs and node.inputs[0] in self._weighing):
            self._weighing |= set(node.outputs)
        for output in node.outputs:
            self._signals[output] = sources

    def _constant(self, node: Node) -> Constant:
        if node.kind in _NO_SIGNAL:
            return Constant()
        constants = [self._constants[name] for name in node.inputs if name]
        first = constants[0]
        if first.is_whole and node.kind in _PLAIN:
            return first
        if first.is_whole and node.kind == "Transpose" and len(self._arrays[first.keys[0]].shape) == 2:
            return Constant(first.keys, first.is_turned ^ (node.axes in ((), (1, 0))), is_whole=True)
        return Constant(_joined([each.keys for each in constants]))

    def _through(self, node: Node) -> Sources:
        """Return where what a step gives comes from."""
        places = [self._constants.get(name) for name in node.inputs]
        if node.kind in ("MatMul", "FusedMatMul", "Gemm"):
            return self._product(node, places)
        if node.kind in ("Conv", "ConvTranspose", "FusedConv"):
            return self._convolution(node, places)
        if node.kind in _RECURRENT:
            return self._recurrent(node, places)
        if node.kind in ("Gather", "GatherElements") and places and places[0] is not None:
            return self._weight(node, places[0], (), Use(names.EMBEDDING, node=node.name))
        if node.kind == "Einsum":
            weights = [each for each in places if each is not None and each.keys]
            sources = self._sources(node)
            return self._weight(node, weights[0], sources, Use(names.DENSE, node=node.name)) if weights else sources
        if node.kind not in _PASSING:
            return ()
        if node.kind == "Add":
            self._note_bias(node, places)
        elif node.kind in ("Cast", "Mul"):  # as products of whole numbers are scaled before the bias is added
            computed = [name for name in node.inputs if name not in self._constants]
            if len(computed) == 1 and computed[0] in self._last and node.outputs:
                self._last[node.outputs[0]] = self._last[computed[0]]
        return self._sources(node)

    def _sources(self, node: Node) -> Sources:
        wanted = _SIGNALS.get(node.kind)
        inputs = node.inputs if wanted is None else [node.inputs[at] for at in wanted if at < len(node.inputs)]
        signals = [name for name in inputs if name not in self._constants]
        if node.kind in _WEIGHED and not self._weighing.issuperset(signals):
            signals = [name for name in signals if name not in self._weighing]
        found = [self._signals.get(name, ()) for name in signals]
        self.steps += sum(map(len, found)) + 1
        return _joined(found) if self.steps <= MAX_STEPS else ()

    def _product(self, node: Node, places: Sequence[Constant | None]) -> Sources:
        sources = self._sources(node)
        if len(places) < 2 or all(each is None for each in places[:2]):
            return sources
        at = 1 if places[1] is not None else 0
        weight = places[at]
        assert weight is not None
        # x @ W is (in, out), W @ x is (out, in).
        is_turned = weight.is_turned ^ (at == 1) ^ (node.numbers.get("transB" if at else "transA", 0) == 1)
        bias = places[2] if node.kind == "Gemm" and len(places) > 2 else None
        name = bias.keys[0] if bias is not None and bias.is_whole else None
        found = self._weight(node, weight, sources, Use(names.DENSE, is_turned, None, name, node.name))
        if weight.is_whole and name is None and node.outputs:
            self._last[node.outputs[0]] = weight.keys[0]
        return found

    def _convolution(self, node: Node, places: Sequence[Constant | None]) -> Sources:
        sources = self._sources(node)
        if len(places) < 2 or (weight := places[1]) is None:
            return sources if len(places) < 2 else _joined([sources, ()])
        is_transposed = node.kind == "ConvTranspose"
        role = names.TRANSPOSED if is_transposed else names.CONVOLUTION
        groups = node.numbers.get("group", 1)
        if groups > 1 and weight.is_whole:
            shape = self._arrays[weight.keys[0]].shape
            role = names.DEPTHWISE if len(shape) > 1 and shape[1] == 1 and groups == shape[0] else names.GROUPED
        bias = places[2] if len(places) > 2 else None
        name = bias.keys[0] if bias is not None and bias.is_whole else None
        return self._weight(node, weight, sources, Use(role, False, is_transposed, name, node.name))

    def _recurrent(self, node: Node, places: Sequence[Constant | None]) -> Sources:
        signals = [() if name in self._constants else self._signals.get(name, ()) for name in node.inputs]
        signals += [()] * (6 - len(signals))
        found = []
        for at, role, sources in ((1, names.INPUT, signals[0]), (2, names.HIDDEN, signals[5])):
            weight = places[at] if at < len(places) else None
            if weight is not None:
                found.append(self._weight(node, weight, sources, Use(role, node=node.name)))
        if len(places) > 3 and (bias := places[3]) is not None:
            self.uses |= {key: Use(names.BIAS) for key in bias.keys if key not in self.uses}
        return _joined(found)

    def _weight(self, node: Node, weight: Constant, sources: Sources, use: Use) -> Sources:
        """Connect what is taken in with a weight, and return what it gives."""
        keys = tuple(key for key in weight.keys if len(self._arrays[key].shape) > 1)
        if not keys:
            return sources
        for key in keys:
            self.uses.setdefault(key, use if weight.is_whole else Use(use.role, node=node.name))
            self.steps += len(sources) + 1
            if self.steps <= MAX_STEPS and len(self.pairs) + len(sources) <= MAX_PAIRS:
                self.pairs |= dict.fromkeys((source, key) for source in sources if source != key)
            else:
                self.steps = MAX_STEPS + 1
        return keys

    def _note_bias(self, node: Node, places: Sequence[Constant | None]) -> None:
        if len(node.inputs) != 2 or sum(each is None for each in places) != 1:
            return
        at = 0 if places[0] is not None else 1
        bias, key = places[at], self._last.get(node.inputs[1 - at])
        if key is None or bias is None or not bias.is_whole or len(self._arrays[bias.keys[0]].shape) != 1:
            return
        use = self.uses.get(key)
        if use is not None and use.bias is None:
            use.bias = bias.keys[0]


def _joined(given: Sequence[Sources]) -> Sources:
    return tuple(dict.fromkeys(source for sources in given for source in sources))
