"""JSON of logs: objects in objects become ``train/loss``, and what is whole of a text that was cut off is read."""

from __future__ import annotations

import json
from typing import Any

from nnanim.reading.logs.table import Row, parse_integer

MAX_NESTING = 8
_DECODER = json.JSONDecoder(parse_int=parse_integer)


def flat(row: dict[str, Any], depth: int = 0) -> Row:
    """Return an object without objects in it, down to `MAX_NESTING`."""
    found: Row = {}
    for key, value in row.items():
        if isinstance(value, dict) and depth < MAX_NESTING:
            found |= {f"{key}/{inner}": item for inner, item in flat(value, depth + 1).items()}
        else:
            found[key] = value
    return found


def load(text: str) -> Any:
    """Return what a text of JSON holds.

    Raises:
        json.JSONDecodeError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    return json.loads(text, parse_int=parse_integer)


def objects_in(line: str) -> list[dict[str, Any]]:
    """Return the objects of a line, of which there may be several without anything between them.

    Raises:
        ValueError: there is something else.
        RecursionError: it is nested too deep.
    """
    found, place = [], 0
    line = line.strip().rstrip(",")
    while place < len(line):
        value, place = _DECODER.raw_decode(line, place)
        if not isinstance(value, dict):
            raise ValueError("no object")
        found.append(value)
        while place < len(line) and line[place].isspace():
            place += 1
    return found


def whole_objects(text: str) -> list[dict[str, Any]]:
    """Return the objects at the beginning of a list that was cut off."""
    found: list[dict[str, Any]] = []
    place = text.find("[") + 1
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        try:
            value, place = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return found
        if not isinstance(value, dict):
            return found
        found.append(value)
