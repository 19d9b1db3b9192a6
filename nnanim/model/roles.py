"""What each tensor of a model is, as its name, its shape and what stands beside it tell: one table for every format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from types import MappingProxyType
from typing import NamedTuple

from nnanim.model import role_table as names
from nnanim.model.layers import number_in
from nnanim.model.role_table import GATES, TABLE, Naming

Header = tuple[str, tuple[int, ...], str]  # key, shape, dtype
WEIGHT_NORM, PRUNING, LORA = "g·v/‖v‖", "orig·mask", "B·A"
NOTHING: Mapping[str, str] = MappingProxyType({})
MAX_NAME = 500  # longer keys are told by their shapes alone
_MAX_DIMENSIONS = 5  # a convolution over three axes
# (names of the members, formula): what stands in their place is a weight of the name before them.
_MADE_OF = (
    (r"(?P<before>.*\.)?parametrizations\.(?P<name>[^.]+)\.original(?P<member>[01])", ("0", "1"), WEIGHT_NORM),
    (r"(?P<before>.*\.)?(?P<name>[^.]+)_(?P<member>g|v)", ("g", "v"), WEIGHT_NORM),
    (r"(?P<before>.*\.)?(?P<name>[^.]+)_(?P<member>orig|mask)", ("orig", "mask"), PRUNING),
)
_MADE_ENDS = ("original1", "_v", "_orig")
_MEMBER_NAME = re.compile(r"parametrizations[./](?P<name>[^./]+)[./]original[01]$|_(?:g|v|orig|mask)$")
_ONE = r"(?:(?P<before>.*\.)?parametrizations\.(?P<name>[^.]+)\.original|(?P<before2>.*\.)?(?P<name2>[^.]+)_orig)"
_BIASES = (("weight", "bias"), ("kernel", "bias"), ("vars.0", "vars.1"), ("w", "b"))
_SHORTCUT = re.compile(
    r"(?:^|\.)(?:(?:nin_|conv_|proj_)?(?P<word>shortcut|downsample|skip|residual|identity)(?:_?(?:conv|proj|connection))?)"
    r"(?:\.[a-z0-9_]+){0,2}\.(?:weight|kernel|w|vars\.0)$"
)
_IS_WEIGHT = re.compile(r"(?:^|[._])(?:[a-z]*weights?|kernel|w|vars\.[0-9]+)[0-9]*$")


class Part(NamedTuple):
    """A part of a tensor: what it is, and where it lies, from start to stop of an axis in the file."""

    name: str
    axis: int
    start: int
    stop: int


@dataclass(frozen=True)
class Role:
    """What a tensor is.

    Attributes:
        name: a word of `nnanim.model.role_table`.
        parts: of a tensor that holds several; none where it is one, or where they are mixed.
        formula: how it makes a weight together with others, ``"g·v/‖v‖"``; None where it stands alone.
        members: the keys that the formula takes, in its order.
        of: the role of the weight that the formula makes.
    """

    name: str
    parts: tuple[Part, ...] = ()
    formula: str | None = None
    members: tuple[str, ...] = ()
    of: str = ""


def plain_name(key: str) -> str:
    """Return a key in small letters, with dots between its parts: ``dense/kernel:0`` is ``dense.kernel``."""
    if len(key) > MAX_NAME:
        return key.replace("/", "_").replace(".", "_")
    return re.sub(r":[0-9]+$", "", key).replace("/", ".").lower()


def made_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Tell which tensors make a weight together.

    Returns:
        For each that does: the name that the weight would have alone, the formula, and the keys of all of them.
    """
    if not any(key.endswith(_MADE_ENDS) for key in shapes):
        return {}
    keys = list(shapes)
    found = {}
    for place, made in _made_of([(plain_name(key), shape, "") for key, shape in shapes.items()]):
        if made.formula is not None:
            alone = _MEMBER_NAME.sub(lambda match: match["name"] or "", keys[place])
            found[keys[place]] = (alone, made.formula, tuple(keys[other] for other in made.places))
    return found


def is_float(dtype: str) -> bool:
    """Tell whether numbers of a kind are no whole ones: ``"float32"``, ``"bfloat16"``, ``"float8_e4m3fn"``."""
    return dtype.startswith(("float", "bfloat", "complex", "qint", "quint"))


def roles_of(headers: Sequence[Header], convention: str = "pytorch", told: Mapping[str, str] = NOTHING) -> list[Role]:
    """Tell what every tensor of a model is.

    Where nothing tells, two axes are ``"dense"`` and more a ``"convolution"``, one a ``"vector"``.

    Args:
        headers: key, shape in the file and dtype of each tensor, in the order of the file.
        convention: whose names and shapes they are: ``"pytorch"``, ``"keras"``, ``"chainer"``, ``"numpy"``, ``"onnx"``.
        told: what the file's own graph says of tensors, names of roles by key.
    """
    found = _roles_of(tuple((key, tuple(shape), dtype) for key, shape, dtype in headers), convention)
    return [Role(told[key]) if key in told else role for (key, _, _), role in zip(headers, found, strict=True)]


@lru_cache(maxsize=4)  # the model and its rows ask for the same
def _roles_of(headers: tuple[Header, ...], convention: str) -> tuple[Role, ...]:
    plain = [(plain_name(key), shape, dtype) for key, shape, dtype in headers]
    made = dict(_made_of(plain))
    stand_ins = [made[place].stand_in if place in made else each for place, each in enumerate(plain)]
    seen = _Model(stand_ins, convention, [name for name, _, _ in plain])
    roles = []
    for place in range(len(plain)):
        role = seen.role(place)
        if place in made:
            role = made[place].role(role, headers)
        roles.append(role)
    place_of = {name: place for place, (name, _, _) in enumerate(plain)}
    return tuple(_adapted(place, role, roles, place_of, headers) for place, role in enumerate(roles))


@dataclass(frozen=True)
class _Made:
    """One of the tensors that make a weight together."""

    stand_in: Header
    formula: str | None
    places: tuple[int, ...]
    member: int

    def role(self, weight: Role, headers: Sequence[Header]) -> Role:
        if self.formula is None:
            return weight
        made = replace(weight, formula=self.formula, members=tuple(headers[place][0] for place in self.places))
        if self.formula == WEIGHT_NORM:
            name = (names.GAIN, names.DIRECTION)[self.member]
        else:
            name = (weight.name, names.MASK)[self.member]
        return replace(made, name=name, of=weight.name)


def _made_of(headers: Sequence[Header]) -> Iterator[tuple[int, _Made]]:
    """Yield the place of every tensor that a weight is made of, with what it makes."""
    place_of = {name: place for place, (name, _, _) in enumerate(headers)}
    for pattern, members, formula in _MADE_OF:
        for name, _, dtype in headers:
            match = re.fullmatch(pattern, name)
            if match is None or match["member"] != members[-1 if formula == WEIGHT_NORM else 0]:
                continue
            start = match.start("member")
            places = tuple(place_of.get(name[:start] + member, -1) for member in members)
            if -1 in places:
                continue
            first, second = (headers[place][1] for place in places)
            fits = _is_gain(first, second) if formula == WEIGHT_NORM else first == second
            if fits:
                shape = second if formula == WEIGHT_NORM else first
                stand_in = ((match["before"] or "") + match["name"], shape, dtype)
                yield from ((place, _Made(stand_in, formula, places, at)) for at, place in enumerate(places))
    for place, (name, shape, dtype) in enumerate(headers):
        match = re.fullmatch(_ONE, name)  # under spectral norm
        pruned = name.endswith("_orig") and name.removesuffix("orig") + "mask" in place_of
        if match is not None and not pruned:
            before, own = match["before"] or match["before2"] or "", match["name"] or match["name2"]
            yield place, _Made((before + own, shape, dtype), None, (place,), 0)


def _is_gain(gain: Sequence[int], direction: Sequence[int]) -> bool:
    """Tell whether there is a gain for each vector of a weight: the other axes are 1, or left out."""
    if len(gain) == 1 and len(direction) > 1:
        return gain[0] == direction[0]
    is_vector = sum(size != 1 for size in gain) <= 1
    return (
        is_vector
        and 0 < len(gain) == len(direction)
        and all(one in (1, size) for one, size in zip(gain, direction, strict=True))
    )


def _adapted(
    place: int, role: Role, roles: Sequence[Role], place_of: Mapping[str, int], headers: Sequence[Header]
) -> Role:
    """Add to an adapter's A and B the product that they make."""
    if role.name not in {names.LORA_A, names.LORA_B}:
        return role
    name, wanted = plain_name(headers[place][0]), names.LORA_B if role.name == names.LORA_A else names.LORA_A
    for pair in (("lora_a", "lora_b"), ("embedding_a", "embedding_b"), ("down", "up")):
        old, new = pair if role.name == names.LORA_A else pair[::-1]
        start, found, end = name.rpartition(old)
        other = place_of.get(start + new + end) if found else None
        if other is not None and roles[other].name == wanted:
            down, up = (headers[each] for each in ((place, other) if role.name == names.LORA_A else (other, place)))
            if down[1][0] == up[1][1]:
                return replace(role, formula=LORA, members=(down[0], up[0]), of=names.ADAPTER)
    return role


class _Model:
    """The tensors of a model beside each other."""

    def __init__(self, headers: Sequence[Header], convention: str, others: Sequence[str]) -> None:
        """Take the tensors, with a weight in the place of what makes it, and the names of all in the file."""
        self.headers = headers
        self.others = others
        self.convention = convention
        self.shapes: dict[str, tuple[int, ...]] = {name: shape for name, shape, _ in headers}

    @cached_property
    def ends(self) -> frozenset[str]:
        """Names of all tensors, and of all modules that they are in."""
        found: set[str] = set()
        for name in (*self.shapes, *self.others):
            while name and name not in found:
                found.add(name)
                name = name.rpartition(".")[0]
        return frozenset(found)

    def role(self, place: int) -> Role:
        name, shape, dtype = self.headers[place]
        if len(name) > MAX_NAME:
            return Role(self._by_shape(place) if is_float(dtype) else names.NOT_A_WEIGHT)
        is_integer = not is_float(dtype)
        for row in TABLE:
            if (is_integer or not row.integer) and row.axes[0] <= max(len(shape), 1) <= row.axes[1]:
                match = self._fits(row, name)
                if match is not None:
                    return Role(row.role, self._parts(row, name, match.start("own")))
        if len(shape) > 1 and self._is_shortcut(name, shape):
            return Role(names.SHORTCUT)
        return Role(self._by_shape(place))

    def _fits(self, row: Naming, name: str) -> re.Match[str] | None:
        if row.conventions and self.convention not in row.conventions:
            return None
        match = row.pattern.search(name)
        if match is None or (row.no_bias and self._bias(name) is not None):
            return None
        beside = name[: match.start("own")]
        for need in row.needs:
            are_there = any(beside + end in self.ends for end in need.removeprefix("!").split("|"))
            if are_there == need.startswith("!"):
                return None
        return match

    def _bias(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of the bias beside a weight."""
        for weight, bias in _BIASES:
            start, found, end = name.rpartition(weight)
            if found and start + bias + end in self.shapes and (not start or not start[-1].isalpha()):
                return self.shapes[start + bias + end]
        return None

    def _parts(self, row: Naming, name: str, own: int) -> tuple[Part, ...]:
        shape = self.shapes[name]
        if row.gates:
            return self._gates(row, name, own)
        if not row.parts or len(shape) > 2:
            return ()
        axis = self._axis_out(name)
        size = shape[axis]
        sizes = [size // len(row.parts)] * len(row.parts)
        if row.role == names.FUSED:
            query = self._query_size(name, own, shape, axis)
            sizes = [query, *[(size - query) // 2] * 2]
        if sum(sizes) != size or min(sizes) < 1:
            return ()
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        found = zip(row.parts, starts, sizes, strict=True)
        return tuple(Part(part, axis, start, start + length) for part, start, length in found)

    def _axis_out(self, name: str) -> int:
        """Return the axis of what a weight of two axes puts out: as its bias tells, else as the convention is."""
        shape, bias = self.shapes[name], self._bias(name)
        if bias is not None and shape[0] != shape[1] and bias in {(shape[0],), (shape[1],)}:
            return shape.index(bias[0])
        return 1 if self.convention == "keras" else 0

    def _query_size(self, name: str, own: int, shape: Sequence[int], axis: int) -> int:
        """Return how many values of a fused projection are the query: as many as its output projection takes in."""
        size, taken = shape[axis], shape[1 - axis]
        if size == 3 * taken:
            return taken
        for output in ("o_proj", "out_proj", "c_proj", "proj", "wo", "to_out.0", "to_out"):
            there = self.shapes.get(f"{name[:own]}{output}.weight")
            if there is not None and len(there) == 2 and max(there[1 - axis] if axis == 0 else there[0], 0) < size:
                return there[1] if axis == 0 else there[0]
        return 0

    def _gates(self, row: Naming, name: str, own: int) -> tuple[Part, ...]:
        shape = self.shapes[name]
        if row.gates == "chainer":  # a tensor for each gate
            count = 4 if f"{name[:own]}w7" in self.shapes else 3
            return (Part(GATES["chainer"][count][int(name[-1]) % count], 0, 0, shape[0]),)
        if row.gates == "pytorch":
            axis, end = 0, name[own:].partition("_")[2][2:]
            hidden = self.shapes.get(f"{name[:own]}weight_hr{end}", ())[-1:]
            units = hidden[0] if hidden else self.shapes.get(f"{name[:own]}weight_hh{end}", (0, 0))[-1]
        else:
            axis = len(shape) - 1
            recurrent = re.sub(
                r"(?<=vars\.)0$|(?<![a-z_])kernel$", lambda at: "1" if at[0] == "0" else "recurrent_kernel", name
            )
            units = self.shapes.get(recurrent, (0, 0))[-2]
        count = shape[axis] // units if units else 0
        if units == 0 or shape[axis] % units or count not in GATES[row.gates]:
            return ()
        gates = GATES[row.gates][count]
        return tuple(Part(gate, axis, place * units, (place + 1) * units) for place, gate in enumerate(gates))

    def _is_shortcut(self, name: str, shape: Sequence[int]) -> bool:
        """Tell whether a weight is alone in a way around others: with several it would be the way itself."""
        match = _SHORTCUT.search(name)
        if match is None:
            return False
        module, before = name[: match.end("word")], name[: match.start()]
        within = [each for each, other in self.shapes.items() if each.startswith(module) and len(other) > 1]
        beside = [
            each
            for each, other in self.shapes.items()
            if each.startswith(before) and not each.startswith(module) and len(other) > 1
        ]
        if match["word"] == "downsample":  # between the stages of others it is the way itself
            own = f"{before}.conv" if before else "conv"
            beside = [each for each in beside if each.startswith(own)] if prod(shape[2:]) == 1 else []
        return len(within) == 1 and bool(beside)

    def _by_shape(self, place: int) -> str:
        name, shape, _ = self.headers[place]
        if len(shape) < 2:
            return names.VECTOR
        if len(shape) == 2:
            return names.DENSE
        if len(shape) > _MAX_DIMENSIONS or (self.convention == "pytorch" and not _IS_WEIGHT.search(name)):
            return names.PARAMETER
        if self.convention == "keras" or 0 in shape:
            return names.CONVOLUTION
        if self._puts_out(name) != shape[0]:
            return names.TRANSPOSED
        bias = self._bias(name) or self._norm_behind(name)
        if self.convention == "chainer" and bias == (shape[0] * shape[1],) and 1 not in shape[:2]:
            return names.GROUPED  # a DepthwiseConvolution2D, or a Deconvolution2D in groups
        before = self._channels_before(place)
        groups = before // shape[1] if before % shape[1] == 0 and bias in {None, (shape[0],)} else 1
        if groups > 1 and shape[1] == 1 and shape[0] % before == 0:
            return names.DEPTHWISE
        # Twice as many channels may be a gate's, and three may be a picture's.
        earlier = {self._puts_out(other) for other, size, _ in self.headers[:place] if len(size) > 2}
        is_plain = shape[1] in (1, 3) or shape[1] in earlier
        if groups > 2 and shape[0] % groups == 0 and not is_plain and self._is_beside_convolution(place):
            return names.GROUPED
        return names.CONVOLUTION

    def _puts_out(self, name: str) -> int:
        """Return how many channels a convolution puts out: its first axis, unless its bias or norm tells the second."""
        shape = self.shapes[name]
        is_transposed = shape[0] != shape[1] and (self._bias(name) or self._norm_behind(name)) == (shape[1],)
        return shape[1] if is_transposed else shape[0]

    def _norm_behind(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of the next module's weight, where that is a normalisation: ``0`` and ``1``, ``conv2`` and
        ``bn2``.
        """
        module, _, end = name.rpartition(".")
        before, dot, own = module.rpartition(".")
        digits = re.search(r"[0-9]*$", own)
        number = digits[0] if digits else ""
        nexts = [str(number_in(own) + 1)] if own and own == number else [f"bn{number}", f"norm{number}"]
        found = (self.shapes.get(f"{before}{dot}{each}.{end}", ()) for each in nexts)
        return next((shape for shape in found if len(shape) == 1), None)

    def _is_beside_convolution(self, place: int) -> bool:
        """Tell whether the convolution before is in the same module."""
        parents = [
            name.rpartition(".")[0].rpartition(".")[0] for name, shape, _ in self.headers[: place + 1] if len(shape) > 2
        ]
        return len(parents) > 1 and parents[-1] == parents[-2]

    def _channels_before(self, place: int) -> int:
        """Return what the convolution before puts out, in the same part of the model; 1 where there is none."""
        top = self.headers[place][0].partition(".")[0]
        for name, shape, _ in reversed(self.headers[:place]):
            if len(shape) > 2:
                is_near = name.partition(".")[0] == top or "." not in self.headers[place][0].rpartition(".")[0]
                return max(self._puts_out(name), 1) if is_near else 1
        return 1
