"""What a recording says of which weights take in what others put out: ``connections.json`` beside its snapshots.

    {"version": 1,
     "arrows": [["conv1.weight", "conv2.weight"], ["conv1.weight", "~1"], ["conv2.weight", "~1"], ["~1", "fc.weight"]],
     "joins": {"~1": "sum"}, "inputs": ["conv1.weight"], "outputs": ["fc.weight"]}

Names are the keys of the snapshots' arrays, and of joins: a sum, a concatenation, a product. An arrow leads to what
takes in the other's output, through nothing but what has no weights of its own, and norms.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnanim.errors import SnapshotError

CONNECTIONS_NAME = "connections.json"
VERSION = 1
MAX_BYTES = 16_000_000
MAX_STEPS = 2_000_000  # of the search through joins


@dataclass(frozen=True)
class Connections:
    """Arrows between tensors and joins.

    Attributes:
        arrows: (from, to), in the order in which the model works.
        joins: what each join is, by name: ``"sum"``, ``"concatenation"``, ``"product"`` or ``"join"``.
        inputs: tensors and joins that take in what the model is given.
        outputs: tensors and joins whose output the model gives.
    """

    arrows: tuple[tuple[str, str], ...]
    joins: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return (tail, head) for tensors alone: the second takes in what the first puts out, through any joins.

        Raises:
            SnapshotError: there are too many.
        """
        tails: dict[str, list[str]] = {}
        for tail, head in self.arrows:
            tails.setdefault(head, []).append(tail)
        found: dict[tuple[str, str], None] = {}
        steps = 0
        for head in tails:
            if head in self.joins:
                continue
            seen = {head}
            waiting = list(reversed(tails[head]))
            while waiting:
                steps += 1
                if steps > MAX_STEPS:
                    raise SnapshotError(f"{len(self.arrows)} connections through {len(self.joins)} joins are too many")
                tail = waiting.pop()
                if tail in seen:
                    continue
                seen.add(tail)
                if tail in self.joins:
                    waiting += reversed(tails.get(tail, []))
                else:
                    found[tail, head] = None
        return tuple(found)

    def as_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(
            {
                "version": VERSION,
                "arrows": self.arrows,
                "joins": dict(self.joins),
                "inputs": self.inputs,
                "outputs": self.outputs,
            }
        )


def read_connections(folder: Path) -> Connections | None:
    """Read the connections of the recording in a folder; None where none were recorded.

    Raises:
        SnapshotError: the file cannot be read, or is not as the Recorder writes it.
    """
    path = folder / CONNECTIONS_NAME
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise SnapshotError(f"{str(path)!r} is no file of {MAX_BYTES} bytes at most, as connections are")
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"the connections in {str(path)!r} cannot be read: {error}") from error
    return _checked(content, path)


def _checked(content: Any, path: Path) -> Connections:
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise SnapshotError(f"{str(path)!r} holds no connections of version {VERSION}")
    arrows, joins, inputs, outputs = (content.get(name) for name in ("arrows", "joins", "inputs", "outputs"))
    if not (
        isinstance(arrows, list)
        and all(isinstance(arrow, list) and len(arrow) == 2 and _are_names(arrow) for arrow in arrows)
        and isinstance(joins, dict)
        and _are_names(joins.values())
        and isinstance(inputs, list)
        and isinstance(outputs, list)
        and _are_names([*inputs, *outputs])
    ):
        raise SnapshotError(
            f"{str(path)!r} holds no connections: 'arrows' must be pairs of names, 'joins' names by name, 'inputs' and"
            " 'outputs' lists of names"
        )
    return Connections(tuple((tail, head) for tail, head in arrows), joins, tuple(inputs), tuple(outputs))


def _are_names(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
