"""In which order the layers of a snapshot are drawn: as its file, names and sizes, or the user, tell; else in none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnanim.model.layer_choice import Chain, choose_layers, fit_to_sizes
from nnanim.model.layers import MAX_LAYERS, LayerHeader
from nnanim.model.model import Model, make_model
from nnanim.reading.listing import LISTED, more
from nnanim.reading.snapshots.contents import ArrayHeader, Contents


def find_order(
    first: Contents, names: Sequence[str] | None, sizes: Sequence[int] | None, notes: list[str]
) -> tuple[Model, Chain]:
    """Find out what is known of the model in a snapshot, and put its layers in order, where that is known.

    Args:
        first: what the snapshot says of itself.
        names: names of the layers to draw, input side first, or None.
        sizes: declared sizes of the layers; they decide where nothing else does and they fit in one way.
        notes: what a user should be told is added.

    Returns:
        The model, and the layers that are drawn neuron by neuron; none where no order is known.

    Raises:
        OptionError: there are no such layers, or they do not follow each other.
    """
    model = make_model(
        _headers(first),
        first.weights,
        convention=first.convention,
        is_ordered=first.is_ordered,
        known=first.connections,
        tied=first.tied,
        roles=first.roles,
    )
    if names:
        chain = choose_layers(first.weights, names, str(first.path))
        return model.with_chain(chain.layers), chain
    chain = _known_order(first, model)
    if not chain.layers and sizes is not None:
        declared = fit_to_sizes(first.weights, sizes)
        if declared is not None and _is_only_way(declared, [each for each in first.weights if each.can_be_drawn]):
            model = model.with_chain(declared)
            chain = _with_rest(first, declared, model)
    _tell(first, model, chain, notes)
    return model, chain


def _headers(first: Contents) -> Sequence[ArrayHeader]:
    """Return the arrays of a snapshot, or weights and biases alone where it says no more."""
    if first.tensors:
        return first.tensors
    found = []
    for weight in first.weights:
        found.append(ArrayHeader(weight.key, weight.shape, "float32"))
        if weight.bias_key is not None:
            found.append(ArrayHeader(weight.bias_key, (weight.size_out,), "float32"))
    return found


def _known_order(first: Contents, model: Model) -> Chain:
    layers = model.chain()
    return _with_rest(first, layers if len(layers) <= MAX_LAYERS else (), model)


def _with_rest(first: Contents, layers: tuple[LayerHeader, ...], model: Model) -> Chain:
    keys = {layer.key for layer in layers}
    rest = [header for header in first.weights if header.key not in keys]
    return Chain(layers, tuple(replace(header, skipped=model.why_not_drawn(header.key)) for header in rest))


def _tell(first: Contents, model: Model, chain: Chain, notes: list[str]) -> None:
    if not chain.layers:
        reason = _why_no_edges(model) if model.weights else f"no layers in {str(first.path)!r}"
        is_map = model.choose_view(0, is_asked=False)[0] == "map"
        notes.append(f"{'not drawn neuron by neuron' if is_map else 'no edges are drawn'}: {reason}")
        return
    for reason, headers in _by_reason(chain.left_out).items():
        notes.append(f"layers not drawn: {_shapes(headers)} ({reason})")
    told = {tensor.key: tensor.is_told for tensor in model.tensors}
    guessed = [layer for layer in chain.layers if layer.transposed and not told[layer.key]]
    if guessed:
        notes.append(f"taken for deconvolutions by name or place: {_shapes(guessed)} (nothing in the file tells)")


def _why_no_edges(model: Model) -> str:
    if not model.chain_keys:
        return model.reason
    if len(model.chain_keys) > MAX_LAYERS:
        return f"{len(model.chain_keys)} layers follow each other (at most {MAX_LAYERS} are drawn)"
    return "the layers follow each other, but not all of their neurons or channels can be joined by edges"


def _is_only_way(chosen: Sequence[LayerHeader], drawable: Sequence[LayerHeader]) -> bool:
    """Tell whether no other layer has the shape of one that was chosen by its sizes."""
    shapes = Counter(header.shape for header in chosen)
    return all(sum(header.shape == shape for header in drawable) == count for shape, count in shapes.items())


def _by_reason(headers: Iterable[LayerHeader]) -> dict[str, list[LayerHeader]]:
    groups: dict[str, list[LayerHeader]] = {}
    for header in headers:
        groups.setdefault(header.skipped, []).append(header)
    return groups


def _shapes(headers: Sequence[LayerHeader]) -> str:
    shown = [f"{header.name!r} {header.shape}" for header in headers[:LISTED]]
    return ", ".join(shown) + more(len(headers))
