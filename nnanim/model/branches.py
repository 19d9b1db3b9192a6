"""Signs in names that the layers of a model are not one plain sequence, whatever their sizes allow."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nnanim.model.layers import natural_key
from nnanim.model.tensors import Tensor

# One module of such a name is a sign: there is something beside it.
_BESIDE = re.compile(
    r"branch(?:es)?|experts?|se|excite?|excitation|attn|attention|gates?|router|shortcuts?|skips?|residuals?"
    r"|res|resblocks?|resnet|resid|resunit|aux|auxlogits|time|timestep|temb|film|lateral|fpn|highway|dueling|inception"
    r"|denseblock|denselayer|siamese|odefunc|mixer|mixing|hypernet|hyper|lat|aspp|spp|ppm"
    r"|cond|conditioning|rec|recur|recurrent|reservoir|masks?|masker|masking|separators?|separation"
)
# Two or more modules of such names stand beside each other; one alone is a part of a sequence.
_PARALLEL = re.compile(
    r"towers?|streams?|pathways?|paths?|heads?|actors?|critics?|policy|value|values|advantage|adv|action|q|qf|qnet"
    r"|mu|mean|loc|logvar|var|logvariance|variance|sigma|std|logstd|logsigma|left|right|user|users|item|items|image|text"
    r"|audio|video|visual|teacher|student|online|target|local|generator|discriminator|gen|dis|disc|netg|netd|critic"
    r"|query|key|source|src|tgt|anchor|positive|negative|global|coarse|fine|cls|reg|bbox|box|objectness|slow|fast"
    r"|row|col|real|imag|alpha|beta|forward|backward|fwd|bwd|ensemble|nets|models|members?|wide|deep|linl|linr|linrel|linroot|generators?|discriminators?"
    r"|pi|vf|v|val|tasks?|gamma|projection|projector|predictor|predict"
)
_NETWORK = re.compile(r"nets?|models?|networks?|mlps?")
_LISTS = re.compile(
    r"branches|towers|streams|heads|experts|critics|actors|paths|pathways|ensemble|nets|models|members|convs1d"
)
# One of several inputs or outputs.
_INPUT = re.compile(
    r"(?:^(?P<short>x|in|s)|(?:^|_)(?P<word>inp|inputs?|view|modal|modality|sensor|out|outputs?)_?)[0-9]+(?![0-9])",
    re.IGNORECASE,
)
_UP = re.compile(r"up|ups|upblock|upblocks|upsample|upconv|upsampling")
_DOWN = re.compile(r"down|downs|downblock|downblocks|downsample|downsampling")
_ENCODER = re.compile(r"enc|encoder|contract|contracting")
_KERNEL = re.compile(r"(?<![0-9])([0-9]{1,2})x([0-9]{1,2})(?![0-9])")
_END = r"(?:in|inp|input|hid|hidden|out|output|latent|emb|[a-z])"
_WAY = re.compile(
    rf"(?:[a-z]+_)?(?P<tail>{_END})(?:2|_to_)(?P<head>{_END})|[wu]_?(?P<tail2>[a-z])(?P<head2>[a-z])", re.IGNORECASE
)
_FORMULA = re.compile(r"(?P<letter>[quvwk])(?:_?[0-9a-z])?", re.IGNORECASE)  # W1, W2, V; W, U; w_a, v_a
_MAX_NESTING = 16


def sign_of_branches(layers: Sequence[Tensor]) -> str:
    """Return what in the names says that layers stand beside each other, or nothing where nothing does."""
    modules: dict[str, list[str]] = defaultdict(list)  # by word that needs a second one: modules of that kind
    directions = set()
    for layer in layers:
        for module, words in _modules(layer.full_name):
            for word in words:
                if _BESIDE.fullmatch(word):
                    return f"{module!r} may stand beside something, by its name"
                is_down = _DOWN.fullmatch(word) or (layer.is_convolution and _ENCODER.fullmatch(word))
                directions |= {"up"} if _UP.fullmatch(word) else {"down"} if is_down else set()
                if _PARALLEL.fullmatch(word) and module not in modules["parallel"]:
                    modules["parallel"].append(module)
                if _NETWORK.fullmatch(word) and module not in modules["network"]:
                    modules["network"].append(module)
            if match := _INPUT.search(module.rpartition(".")[2]):
                each = modules[f"{match['short'] or match['word']} by number"]
                each += [match[0].strip("_")] if match[0].strip("_") not in each else []
            if _KERNEL.search(module.rpartition(".")[2]) and module not in modules["kernel"]:
                modules["kernel"].append(module)
    if directions == {"up", "down"}:
        return "what goes down and up again is mostly joined by skips"
    for kind in modules.values():
        apart = [module for module in kind if not any(other != module and _holds(other, module) for other in kind)]
        if len(apart) > 1:
            return f"{apart[0]!r} and {apart[1]!r} may stand beside each other, by their names"
    return (
        _numbers(layers) or _letters(layers) or _clones(layers) or _formula(layers) or _twins(layers) or _ways(layers)
    )


def are_in_a_list_of_branches(name: str) -> bool:
    """Tell whether what lies directly in a module of this name stands side by side."""
    return any(_LISTS.fullmatch(word) for word in words_of(name.rpartition(".")[2]))


def words_of(part: str) -> list[str]:
    """Return the words of one part of a name in lower case: ``fc_logVar2`` is fc, log, var, and logvar."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", part)
    words = [word for word in re.split(r"[^a-z]+", spaced.lower()) if word]
    return [*words, *(f"{one}{two}" for one, two in pairwise(words))]


def _modules(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each module that a layer lies in, and itself, with the words of its own part of the name."""
    parts = name.split(".", _MAX_NESTING)
    for place, part in enumerate(parts):
        module = ".".join(parts[: place + 1])
        words = words_of(part)
        if part.isdecimal() and place and any(_LISTS.fullmatch(word) for word in words_of(parts[place - 1])):
            words = words_of(parts[place - 1])  # each of a list
        yield module, words


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(f"{outer}.") and not are_in_a_list_of_branches(outer)


def _numbers(layers: Sequence[Tensor]) -> str:
    """Find numbers that stand for two: ``fc21`` and ``fc22`` between ``fc1`` and ``fc3``."""
    families: dict[str, dict[int, str]] = defaultdict(dict)
    for layer in layers:
        if match := re.fullmatch(r"(.*[a-zA-Z])([0-9]{1,2})", layer.full_name):
            families[match[1]][int(match[2])] = layer.full_name
    for family in families.values():
        for first in range(1, 10):
            beside = [name for number, name in sorted(family.items()) if number // 10 == first]
            is_one_number = first in family or 10 * first - 1 in family
            if len(beside) > 1 and not is_one_number and {first - 1, first + 1} & set(family):
                return f"{beside[0]!r} and {beside[1]!r} may stand beside each other, by their numbers"
    return ""


def _letters(layers: Sequence[Tensor]) -> str:
    """Find two modules whose names differ by one letter and that may take in the same: ``dense_a``, ``dense_b``."""
    seen: dict[tuple[str, int], str] = {}
    for layer in layers:
        module = re.sub(r"(?:\.[0-9]+)+$", "", layer.full_name)
        stem = re.sub(r"(?<![^_.])[a-zA-Z](?=_)|(?<=_)[a-zA-Z]$", "?", module)
        if "?" not in stem:
            continue
        other = seen.setdefault((stem, layer.size_in), module)
        if other != module:
            return f"{other!r} and {module!r} may stand beside each other, by their names"
    return ""


def _clones(layers: Sequence[Tensor]) -> str:
    """Find four equal layers in a list: query, key, value and output of an attention.

    Source: Rush 2018, The Annotated Transformer, ``MultiHeadedAttention.linears``.
    """
    lists: dict[str, list[Tensor]] = defaultdict(list)
    for layer in layers:
        parent, _, own = layer.module.rpartition(".")
        if own.isdecimal():
            lists[parent].append(layer)
    for parent, held in lists.items():
        sizes = {size for layer in held for size in (layer.size_in, layer.size_out)}
        if parent.rpartition(".")[2] == "linears" and len(held) == 4 and len(sizes) == 1:
            return f"the four equal layers of {parent!r} may be query, key, value and output of an attention"
    return ""


def _formula(layers: Sequence[Tensor]) -> str:
    """Find matrices that are named by the letters of a formula: v·tanh(W1·q + W2·k), W·x + U·h.

    Source: Bahdanau et al. 2015, and the equations of recurrent cells.
    """
    seen: dict[str, dict[str, str]] = defaultdict(dict)
    for layer in layers:
        parent, _, own = layer.full_name.rpartition(".")
        if match := _FORMULA.fullmatch(own):
            others = seen[parent]
            others.setdefault(match["letter"].lower(), layer.full_name)
            if len(others) > 1:
                first, second = list(others.values())[:2]
                return f"{first!r} and {second!r} may stand beside each other, as letters of a formula"
    return ""


def _twins(layers: Sequence[Tensor]) -> str:
    """Find two modules beside each other that hold the same layers and whose names differ by more than a number."""
    inside: dict[str, dict[str, list[tuple[str, tuple[int, ...]]]]] = defaultdict(lambda: defaultdict(list))
    for layer in layers:
        parts = layer.full_name.split(".", _MAX_NESTING)
        for place in range(len(parts) - 1):
            parent, child, rest = ".".join(parts[:place]), parts[place], ".".join(parts[place + 1 :])
            inside[parent][child].append((rest, layer.shape))
    for children in inside.values():
        seen: dict[tuple[tuple[str, tuple[int, ...]], ...], str] = {}
        for child, held in children.items():
            other = seen.setdefault(tuple(held), child)
            stems = {re.sub(r"[0-9]+", "#", name) for name in (child, other)}
            if other != child and len(held) > 1 and len(stems) > 1 and not {"encoder", "decoder"} & {child, other}:
                return f"{other!r} and {child!r} hold the same layers"
    return ""


def _ways(layers: Sequence[Tensor]) -> str:
    """Find names that say from what to what a layer leads, two of which begin or end at the same: ``i2h``, ``h2h``."""
    begun: dict[str, str] = {}
    ended: dict[str, str] = {}
    for layer in layers:
        match = _WAY.fullmatch(layer.full_name.rpartition(".")[2])
        if match is None:
            continue
        tail, head = (match["tail"] or match["tail2"]).lower(), (match["head"] or match["head2"]).lower()
        if tail == head:
            return f"{layer.full_name!r} leads back to where it begins, by its name"
        for known, end in ((begun, tail), (ended, head)):
            other = known.setdefault(end, layer.full_name)
            if other != layer.full_name:
                return f"{other!r} and {layer.full_name!r} may stand beside each other, by their names"
    return ""


def sign_of_blocks(layers: Sequence[Tensor]) -> str:
    """Find a module that may pass its input on beside its layers: several, as wide at the end as before.

    Args:
        layers: in the order in which they would follow each other.
    """
    blocks: dict[str, list[Tensor]] = defaultdict(list)
    for layer in layers:
        parts = layer.full_name.split(".", _MAX_NESTING)
        for place in range(len(parts) - 1):
            blocks[".".join(parts[: place + 1])].append(layer)
    wide = [name for name, held in blocks.items() if len(held) > 1 and held[0].size_in == held[-1].size_out]
    families = Counter(re.sub(r"[0-9]+", "#", name) for name in wide)
    for name in sorted(wide, key=natural_key):
        held, own = blocks[name], name.rpartition(".")[2]
        is_list = all(layer.full_name[len(name) + 1 :].replace(".", "").isdecimal() for layer in held)
        is_numbered = re.search(r"[0-9]$|(?:block|unit|cell|stage)[_a-z]*$", own, re.IGNORECASE) is not None
        is_one_of_several = is_numbered and (not is_list or families[re.sub(r"[0-9]+", "#", name)] > 1)
        is_inside = held[0] is not layers[0] and held[-1] is not layers[-1]
        is_pointwise = all(set(layer.kernel) <= {1} for layer in held)
        is_bottleneck = is_inside and is_pointwise and any(layer.size_out != held[0].size_in for layer in held)
        if is_one_of_several or is_bottleneck:
            return f"{name!r} is as wide at its end as before, and may pass its input on beside its layers"
    return ""
