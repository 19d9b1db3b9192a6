"""A reader of pickles that runs nothing: a small stack machine that builds tensors' descriptions and plain containers.

The standard unpickler calls what a file names. This one calls nothing: the caller gives a meaning to some names, and
whatever else a file names becomes an `Unknown` that only remembers what it was given. There is no C code that trusts a
length or recurses into what the file nested, so the size of the answer is bounded by that of the file.

Format: https://docs.python.org/3/library/pickletools.html
"""

from __future__ import annotations

import pickletools
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from types import NoneType
from typing import Any

MAX_PICKLE_BYTES = 2**26
_MAX_OPERATIONS = 3_000_000

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "INT", "LONG", "FLOAT"}
_TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_BYTES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PickleError(ValueError):
    """The bytes are no pickle that this machine can read."""


@dataclass(frozen=True)
class Named:
    """Something that the file names, such as a class: ``torch.FloatStorage``."""

    name: str


@dataclass(eq=False)
class Unknown:
    """An object that is not built: what it is called, and the state that the file gives it."""

    name: str
    arguments: Any = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)


Reduce = Callable[[str, tuple[Any, ...]], Any]
PersistentLoad = Callable[[Any], Any]


def load(
    data: bytes | BytesIO, reduce: Reduce, persistent_load: PersistentLoad, *, objects_as_keys: bool = False
) -> Any:
    """Read one pickle.

    Args:
        data: the bytes; or a stream, which stands behind the pickle then.
        reduce: gets the name of a callable and its arguments, and returns what stands for the result, or an `Unknown`.
        persistent_load: gets a persistent id and returns what stands for it.
        objects_as_keys: True keeps what a dict holds by an `Unknown`, too, each of which equals itself alone.

    Raises:
        PickleError: the bytes are no pickle, or a too large one.
    """
    if isinstance(data, bytes) and len(data) > MAX_PICKLE_BYTES:
        raise PickleError(f"it has {len(data)} bytes (at most {MAX_PICKLE_BYTES} are read)")
    machine = _Machine(reduce, persistent_load, objects_as_keys=objects_as_keys)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a text of a damaged file has an invalid escape
            for count, (name, argument) in enumerate(_operations(data)):
                if count > _MAX_OPERATIONS:
                    raise PickleError(f"it has more than {_MAX_OPERATIONS} operations")
                if name == "STOP":
                    return machine.pop()
                machine.do(name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error) as error:
        # All from pickletools, which reads operations, or from a stack that does not hold what an operation takes.
        raise error if isinstance(error, PickleError) else PickleError("it is damaged") from error
    raise PickleError("it has no end")


def _operations(data: bytes | BytesIO) -> Iterator[tuple[str, Any]]:
    for operation, argument, _ in pickletools.genops(data):
        yield operation.name, argument


class _Machine:
    """The stack, the memo, and what each operation does to them."""

    def __init__(self, reduce: Reduce, persistent_load: PersistentLoad, *, objects_as_keys: bool) -> None:
        # Only keys that cannot be nested: the hash of a tuple recurses as deep as the file likes.
        self._keys = (str, int, float, bytes, NoneType, *((Unknown,) if objects_as_keys else ()))
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._reduce = reduce
        self._persistent_load = persistent_load

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise PickleError("it is damaged")
        return value

    def do(self, name: str, argument: Any) -> None:
        """Do one operation."""
        push = self._stack.append
        if name in _NUMBERS or name in _TEXTS or name in _BYTES:
            push(argument)
        elif name in _PUTS:
            self._memo[int(argument)] = self._top()
        elif name in _GETS:
            push(self._memo[int(argument)])
        elif name in _CONSTANTS:
            push(_CONSTANTS[name])
        elif name in _TUPLES:
            push(self._last(_TUPLES[name]))
        else:
            self._do_rarely(name, argument)

    def _do_rarely(self, name: str, argument: Any) -> None:
        push = self._stack.append
        if name == "MARK":
            push(_MARK)
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET"):
            # A set becomes a list: nothing here may ask the file's own nesting for a hash.
            push({} if name == "EMPTY_DICT" else [])
        elif name == "EMPTY_TUPLE":
            push(())
        elif name in ("TUPLE", "FROZENSET"):
            push(tuple(self._since_mark()))
        elif name == "LIST":
            push(self._since_mark())
        elif name == "DICT":
            target: dict[Any, Any] = {}
            self._put_in(target, self._since_mark())
            push(target)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [self.pop()] if name == "APPEND" else self._since_mark()
            target_list = self._top()
            if isinstance(target_list, list):
                target_list.extend(items)
            elif isinstance(target_list, Unknown):
                target_list.items.extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = list(self._last(2)) if name == "SETITEM" else self._since_mark()
            self._put_in(self._top(), items)
        elif name == "POP":
            self._stack.pop()
        elif name == "POP_MARK":
            self._since_mark()
        elif name == "DUP":
            push(self._top())
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            parts = argument.split(" ", 1) if name == "GLOBAL" else self._last(2)
            push(Named(".".join(map(_text, parts))))
        elif name in ("PERSID", "BINPERSID"):
            push(self._persistent_load(self.pop() if name == "BINPERSID" else argument))
        else:
            self._make(name, argument)

    def _make(self, name: str, argument: Any) -> None:
        """Do an operation by which a file asks for a call."""
        if name == "BUILD":
            state = self.pop()
            target = self._top()
            if isinstance(target, Unknown):
                target.state = state
            return
        if name in ("REDUCE", "NEWOBJ"):
            callee, arguments = self._last(2)
        elif name == "NEWOBJ_EX":
            callee, arguments, _keywords = self._last(3)
        elif name == "OBJ":
            callee, *rest = self._since_mark()
            arguments = tuple(rest)
        elif name == "INST":
            callee, arguments = Named(".".join(argument.split(" ", 1))), tuple(self._since_mark())
        else:  # EXT1…: numbers of a registry that only the writer has; NEXT_BUFFER: out-of-band data
            raise PickleError(f"it asks for {name}, which is never done")
        if not isinstance(arguments, tuple):
            arguments = ()
        called = callee.name if isinstance(callee, Named) else "something that is no name"
        self._stack.append(self._reduce(called, arguments))

    def _put_in(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, dict):
            return
        for key, value in zip(items[::2], items[1::2], strict=False):
            if isinstance(key, self._keys):
                target[key] = value

    def _top(self) -> Any:
        if self._stack[-1] is _MARK:
            raise PickleError("it is damaged")
        return self._stack[-1]

    def _last(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise PickleError("it is damaged")
        values = tuple(self._stack[-count:])
        if any(value is _MARK for value in values):
            raise PickleError("it is damaged")
        del self._stack[-count:]
        return values

    def _since_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise PickleError("it is damaged")
        values = self._stack[place + 1 :]
        del self._stack[place:]
        return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "?"
