"""What follows what in a Keras model, from its configuration: in ``.keras`` config.json, in ``.h5`` model_config.

A connection is told where every layer between two weights is known to pass on what it takes in: activation, norm,
dropout, pooling, reshape, a sum, a concatenation. What only weighs another signal, such as a query, leads nowhere.

Source: ``keras/src/models/functional.py`` (``inbound_nodes``, ``keras_history``), ``sequential.py`` and
``saving/saving_lib.py`` (names of groups) of Keras 3.15; ``inbound_nodes`` as lists are those of Keras 2.15.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MAX_PAIRS = 100_000
_MAX_SOURCES = 2000  # weights that one layer takes in
_MAX_PASSES = 100  # over layers that stand before what they take in
_MAX_DEPTH = 20  # of models in models
_MAX_LAYERS = 100_000
_MODELS = ("Functional", "Model", "Sequential")
_WRAPPERS = ("TimeDistributed", "SpectralNormalization")
_PASSING = frozenset(
    [
        "InputLayer",
        "Activation",
        "ReLU",
        "LeakyReLU",
        "PReLU",
        "ELU",
        "Softmax",
        "Softplus",
        "Softsign",
        "Gelu",
        "GELU",
        "Swish",
        "Silu",
        "Sigmoid",
        "Tanh",
        "Identity",
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "GaussianDropout",
        "GaussianNoise",
        "AlphaDropout",
        "ActivityRegularization",
        "Masking",
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "RMSNormalization",
        "UnitNormalization",
        "SyncBatchNormalization",
        "Normalization",
        "Rescaling",
        "Resizing",
        "CenterCrop",
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalMaxPooling3D",
        "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D",
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
        "Flatten",
        "Reshape",
        "Permute",
        "RepeatVector",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "UpSampling1D",
        "UpSampling2D",
        "UpSampling3D",
        "Add",
        "Subtract",
        "Average",
        "Concatenate",
        "RandomFlip",
        "RandomRotation",
        "RandomZoom",
        "RandomCrop",
        "RandomContrast",
        "RandomTranslation",
        "RandomBrightness",
    ]
)
_ATTENTION = ("MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_SEPARABLE = ("SeparableConv1D", "SeparableConv2D", "SeparableConvolution2D")
_PLAIN = frozenset(
    [
        "Dense",
        "EinsumDense",
        "Embedding",
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "Conv3DTranspose",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "Convolution1D",
        "Convolution2D",
        "LocallyConnected1D",
        "LocallyConnected2D",
    ]
)

Sources = tuple[str, ...]
# Returns the key of a tensor of a layer: its path within the model, then what the tensor is called in the two formats.
FindKey = Callable[["Place", str], "str | None"]


@dataclass(frozen=True)
class Place:
    """Where a layer is.

    Attributes:
        names: its own name behind those of the models that it lies in.
        groups: the same as ``.keras`` files call their groups: ``("functional", "dense_1")``.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass
class Graph:
    """What a configuration tells.

    Attributes:
        places: of all layers, in the order of the model.
        connections: pairs of keys; None where nothing can be told.
    """

    places: list[Place] = field(default_factory=list)
    connections: tuple[tuple[str, str], ...] | None = None


def read_graph(config: Any, find: FindKey) -> Graph:
    """Read what a model's configuration tells.

    Args:
        config: the parsed JSON.
        find: gives the key of a layer's tensor, or None where the file has none.
    """
    reader = _Reader(find)
    reader.model(config, Place((), ()), [])
    pairs = tuple(dict.fromkeys(reader.pairs))
    return Graph(reader.places, pairs if pairs and not reader.is_too_large else None)


class _Reader:
    """Carries along which tensors each layer's output comes from."""

    def __init__(self, find: FindKey) -> None:
        self.places: list[Place] = []
        self.pairs: list[tuple[str, str]] = []
        self.is_too_large = False
        self._find = find

    def model(self, config: Any, place: Place, given: Sequence[Sources]) -> Sources:
        """Follow a model, and return what its outputs come from.

        Args:
            config: its ``class_name`` and ``config``.
            place: where it is.
            given: what each of its inputs comes from.
        """
        layers = _layers(config)
        if len(place.names) > _MAX_DEPTH:
            return ()
        groups = _group_names(layers)
        places = [
            Place((*place.names, _name(layer)), (*place.groups, group))
            for layer, group in zip(layers, groups, strict=True)
        ]
        if not any(layer.get("inbound_nodes") for layer in layers):
            return self._in_a_row(layers, places, given)
        return self._functional(config["config"], layers, places, given)

    def _in_a_row(self, layers: Sequence[dict[str, Any]], places: Sequence[Place], given: Sequence[Sources]) -> Sources:
        sources = given[0] if given else ()
        for layer, place in zip(layers, places, strict=True):
            sources = self._layer(layer, place, [sources])
        return sources

    def _functional(
        self,
        config: Mapping[str, Any],
        layers: Sequence[dict[str, Any]],
        places: Sequence[Place],
        given: Sequence[Sources],
    ) -> Sources:
        inputs = [name for name, _ in _histories(config.get("input_layers"))]
        outputs: dict[tuple[str, int], Sources] = {
            (name, 0): given[at] if at < len(given) else () for at, name in enumerate(inputs)
        }
        waiting = [
            (layer, place, at, list(_inputs_of(node)))
            for layer, place in zip(layers, places, strict=True)
            for at, node in enumerate(layer.get("inbound_nodes") or [])
        ]
        self.places += [place for layer, place in zip(layers, places, strict=True) if not layer.get("inbound_nodes")]
        for _ in range(_MAX_PASSES):
            later = []
            for layer, place, at, sources in waiting:
                if all(source in outputs for source in sources):
                    taken = [outputs[source] for source in sources]
                    outputs[_name(layer), at] = self._layer(layer, place, taken)
                else:
                    later.append((layer, place, at, sources))
            if len(later) == len(waiting):
                break
            waiting = later
        last = [outputs.get(history, ()) for history in _histories(config.get("output_layers"))]
        return _joined(last)

    def _layer(self, layer: Mapping[str, Any], place: Place, given: Sequence[Sources]) -> Sources:
        """Note what a layer's weights take in, and return what its output comes from."""
        kind = str(layer.get("class_name"))
        if len(self.places) < _MAX_LAYERS:
            self.places.append(place)
        inner = layer.get("config")
        if kind in _MODELS or (
            kind not in _PASSING and isinstance(inner, dict) and isinstance(inner.get("layers"), list)
        ):
            return self.model(layer, place, given)
        if sum(map(len, given)) > _MAX_SOURCES:
            self.is_too_large = True
            return ()
        if kind in _WRAPPERS and isinstance(inner, dict) and isinstance(inner.get("layer"), dict):
            return self._layer(inner["layer"], Place(place.names, (*place.groups, "layer")), given)
        if kind in _PASSING:
            return _joined(given)
        if kind in _PLAIN:
            return self._through(place, ("kernel",), _joined(given))
        if kind in _SEPARABLE:
            return self._through(place, ("depthwise", "pointwise"), _joined(given))
        if kind in _RECURRENT:
            return self._recurrent(place, given)
        if kind == "Bidirectional":
            ways = [Place(place.names, (*place.groups, f"{way}_layer")) for way in ("forward", "backward")]
            return _joined([self._recurrent(way, given) for way in ways])
        if kind in _ATTENTION:
            return self._attention(place, given)
        return ()  # what a layer of an unknown kind does with its input is not known

    def _through(self, place: Place, parts: Sequence[str], sources: Sources) -> Sources:
        for part in parts:
            key = self._find(place, part)
            if key is None:
                return ()
            self._connect(sources, key)
            sources = (key,)
        return sources

    def _recurrent(self, place: Place, given: Sequence[Sources]) -> Sources:
        keys = [self._find(place, part) for part in ("cell kernel", "cell recurrent")]
        if keys[0] is None or keys[1] is None:
            return ()
        self._connect(given[0] if given else (), keys[0])
        self._connect(_joined(given[1:]), keys[1])  # the state to begin with
        return (keys[0], keys[1])

    def _attention(self, place: Place, given: Sequence[Sources]) -> Sources:
        query, value, key, output = (self._find(place, part) for part in ("query", "value", "key", "output"))
        if not query or not value or not key or not output or not given:
            return ()
        self._connect(given[0], query)
        self._connect(given[1] if len(given) > 1 else given[0], value)
        self._connect(given[2] if len(given) > 2 else given[min(1, len(given) - 1)], key)
        self._connect((value,), output)
        return (output,)

    def _connect(self, sources: Sources, key: str) -> None:
        if len(self.pairs) + len(sources) > _MAX_PAIRS:
            self.is_too_large = True
        if not self.is_too_large:
            self.pairs += [(source, key) for source in sources if source != key]


def _joined(given: Sequence[Sources]) -> Sources:
    return tuple(dict.fromkeys(source for sources in given for source in sources))


def _layers(config: Any) -> list[dict[str, Any]]:
    """Return the configurations of a model's layers; none where it has none."""
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else inner  # a list in Keras before 2.2
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []


def _name(layer: Mapping[str, Any]) -> str:
    inner = layer.get("config")
    name = layer.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return name if isinstance(name, str) else ""


def _group_names(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what ``.keras`` files call the groups of a model's layers: ``dense``, ``dense_1``, ``conv2d``, …"""
    counts: dict[str, int] = {}
    names = []
    for layer in layers:
        name = re.sub(r"\W+", "", str(layer.get("class_name")))
        name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
        count = counts.get(name, 0)
        counts[name] = count + 1
        names.append(f"{name}_{count}" if count else name)
    return names


def _histories(value: Any) -> list[tuple[str, int]]:
    """Return layer and node of each of a model's inputs or outputs, ``["out", 0, 0]`` or a list or dict of such."""
    return list(_walk(value, 0))


def _walk(value: Any, depth: int) -> Iterator[tuple[str, int]]:
    match value:
        case [str(name), int(node), int(), *_]:
            yield name, node
        case {"class_name": "__keras_tensor__", "config": {"keras_history": history}}:
            yield from _walk(history, depth + 1)
        case dict() | list() if depth < _MAX_DEPTH:
            for item in value.values() if isinstance(value, dict) else value:
                yield from _walk(item, depth + 1)


def _inputs_of(node: Any) -> Iterator[tuple[str, int]]:
    """Yield layer and node of each tensor that a layer takes in, in the order of its arguments."""
    if isinstance(node, dict):
        yield from _walk(node.get("args"), 0)
        yield from _walk(_without_masks(node.get("kwargs")), 0)
    elif isinstance(node, list) and node and isinstance(node[0], str):
        yield from _walk([node], 0)
    else:
        yield from _walk(node, 0)
        # In Keras 2 arguments with names stand in the fourth place of the first tensor.
        for tensor in node if isinstance(node, list) else []:
            if isinstance(tensor, list) and len(tensor) > 3 and isinstance(tensor[3], dict):
                yield from _walk(_without_masks(tensor[3]), 0)


def _without_masks(arguments: Any) -> Any:
    """Leave out what only says which places count."""
    if not isinstance(arguments, dict):
        return None
    return {name: value for name, value in arguments.items() if not name.endswith("mask")}
