"""Tensors of a model as what follows what is found out by: role, names, and how much each takes in and puts out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nnanim.model import role_table as names
from nnanim.model.layers import LayerHeader
from nnanim.model.roles import NOTHING, Header, Role, roles_of

# Roles of what takes in neurons or channels and puts out others.
LAYERS = frozenset({names.DENSE, names.CONVOLUTION, names.TRANSPOSED, names.UP, names.DOWN})
# These belong to a weight, or are none.
BESIDES = frozenset(
    {
        names.GAIN,
        names.MASK,
        names.SPECTRAL,
        names.BIAS,
        names.SCALE,
        names.STATISTICS,
        names.NORMALISATION,
        names.NOT_A_WEIGHT,
    }
)
_MAX_KEY_LENGTH = 1000
_MAX_NESTING = 16
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_KERAS_LISTS = re.compile(r"(?:^|(?<=\.))_?layers\.")
_SUFFIX = re.compile(r":[0-9]+$")  # TensorFlow's
_TAIL = re.compile(
    r"\.(?:weight|kernel|W|w|embeddings|weight_v|weight_orig|vars\.0|parametrizations\.weight\.original1?)$"
)
_WEIGHT = re.compile(
    r"(?:^|[./_-]|(?<=[0-9]))"
    r"(?:weights?|kernels?|w|coefs?|theta|dense|fc|linear|layers?|hidden|output|mat(?:rix)?|arr)"
    r"(?:_?(?:ih|hh))?(?:_?l?[0-9]{0,9})(?:_reverse)?$"
    r"|(?:^|[./])weight_(?:g|v|orig|mask)$|[./]parametrizations[./]weight[./]original[01]?$",
    re.IGNORECASE,
)
_OTHER_WEIGHT = re.compile(r"(?:weight|kernel|w)[0-9]*$|vars[./][0-9]+$|^[0-9]+$", re.IGNORECASE)


@dataclass(frozen=True)
class Tensor:
    """One array of a model.

    Attributes:
        key: its name in the file.
        shape: as in the file.
        role: what it is, a word of `nnanim.model.role_table`; under weight norm the direction has the weight's role.
        module: the module that it is the weight of, with dots: ``"layers.0.self_attn.q_proj"``.
        full_name: the same without what the modules of all weights have in common at their beginning.
        weight: what its reader says of it, with the shape (out, in, …); None where it is no weight for a reader.
        is_told: False where only its name says whether a convolution is transposed.
    """

    key: str
    shape: tuple[int, ...]
    role: str
    module: str
    full_name: str
    weight: LayerHeader | None = None
    is_told: bool = True

    @property
    def is_weight(self) -> bool:
        """Whether it is a weight of its own with two axes or more, and no bias, gain, mask or statistic."""
        return len(self.shape) > 1 and self.role not in BESIDES

    @property
    def is_layer(self) -> bool:
        """Whether it takes in neurons or channels and puts out others, as a dense layer or a convolution does."""
        return self.role in LAYERS and self.weight is not None and self.weight.can_be_drawn

    @property
    def size_in(self) -> int:
        """Neurons or channels that it takes in; 0 where that is not known."""
        return self.weight.size_in if self.weight is not None else 0

    @property
    def size_out(self) -> int:
        """Neurons or channels that it puts out; 0 where that is not known."""
        return self.weight.size_out if self.weight is not None else 0

    @property
    def is_convolution(self) -> bool:
        """Whether its nodes are channels."""
        return len(self.shape) > 2

    @property
    def kernel(self) -> tuple[int, ...]:
        """Sizes of a convolution's kernel."""
        return self.weight.shape[2:] if self.weight is not None else ()

    @property
    def block(self) -> str:
        """The module that its own module lies in."""
        return self.module.rpartition(".")[0]

    def other_way(self) -> Tensor | None:
        """Return a convolution as a transposed one, or the other way round; None where the file tells which it is."""
        if self.role not in (names.CONVOLUTION, names.TRANSPOSED) or self.is_told or self.weight is None:
            return None
        is_transposed = self.role != names.TRANSPOSED
        role = names.TRANSPOSED if is_transposed else names.CONVOLUTION
        return replace(self, role=role, weight=replace(self.weight, transposed=is_transposed))


def is_weight_name(key: str) -> bool:
    """Tell whether a key is named like a weight."""
    return _WEIGHT.search(key) is not None


def make_tensors(
    headers: Sequence[Header],
    weights: Iterable[LayerHeader],
    convention: str = "pytorch",
    told: Mapping[str, str] = NOTHING,
) -> tuple[Tensor, ...]:
    """Tell of each array what follows what can be found out by. The order stays.

    Args:
        headers: key, shape in the file and dtype of every array of the model.
        weights: what the reader of the file says of those that are weights for it.
        convention: whose names and shapes they are: ``"pytorch"``, ``"keras"``, ``"chainer"``, ``"numpy"``, ``"onnx"``.
        told: what the file's own graph says of tensors, by key.
    """
    by_key = {weight.key: weight for weight in weights}
    roles = roles_of(headers, convention, told)
    norms = _norms_behind(headers, roles)
    tensors = [
        _tensor(header, role, by_key.get(header[0]), norms.get(header[0]), convention)
        for header, role in zip(headers, roles, strict=True)
    ]
    return _shortened(tensors)


def _tensor(header: Header, role: Role, weight: LayerHeader | None, norm: int | None, convention: str) -> Tensor:
    key, shape, _ = header
    name = role.of if role.name == names.DIRECTION else role.name
    is_plain = name in (names.DENSE, names.CONVOLUTION)
    own = _SUFFIX.sub("", key)
    if is_plain and convention not in ("numpy", "onnx") and not (is_weight_name(own) or _OTHER_WEIGHT.search(own)):
        name = names.PARAMETER
    module = _module_of(key, convention)
    if weight is None or len(shape) < 3 or name not in LAYERS:
        return Tensor(key, shape, name, module, module, weight)
    told = weight.transposed
    if told is None and norm is not None and norm in weight.shape[:2] and weight.shape[0] != weight.shape[1]:
        told = norm == weight.shape[1]
    is_transposed = name == names.TRANSPOSED if told is None else told
    if is_transposed or name == names.TRANSPOSED:
        name = names.TRANSPOSED if is_transposed else names.CONVOLUTION
    return Tensor(key, shape, name, module, module, replace(weight, transposed=is_transposed), told is not None)


def _module_of(key: str, convention: str) -> str:
    """Return the module whose weight a key is, as far as the key tells; at most `_MAX_KEY_LENGTH` characters."""
    name = _WRAPPERS.sub("", _SUFFIX.sub("", key).replace("/", "."))[:_MAX_KEY_LENGTH]
    if convention == "keras":
        name = _KERAS_LISTS.sub("", name)
    return _TAIL.sub("", name)


def _norms_behind(headers: Sequence[Header], roles: Sequence[Role]) -> Mapping[str, int]:
    """Return for each kernel the length of the norm that comes next in the file."""
    norms: dict[str, int] = {}
    kernel = None
    for (key, shape, _), role in zip(headers, roles, strict=True):
        if role.name in LAYERS:
            kernel = key
        elif kernel is not None and len(shape) == 1 and role.name == names.NORMALISATION:
            norms.setdefault(kernel, shape[0])
            kernel = None
    return norms


def _shortened(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Leave out of the names what the modules of all weights have in common at their beginning."""
    paths = [tensor.module.split(".", _MAX_NESTING)[:-1] for tensor in tensors if tensor.is_weight]
    common = 0
    if len(paths) > 1:
        for parts in zip(*paths, strict=False):
            if len(set(parts)) > 1:
                break
            common += 1
    if common and any(path[common : common + 1] and path[common].isdecimal() for path in paths):
        common -= 1  # a number says nothing without the name of its list
    if not common:
        return tuple(tensors)
    start = ".".join(paths[0][:common]) + "."
    return tuple(replace(tensor, full_name=tensor.module.removeprefix(start)) for tensor in tensors)
