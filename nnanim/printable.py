"""Text from a folder as text that can be shown: what a terminal would obey, or no encoding can write, is spelt out.

The one rule, everywhere: a control character, a change of direction, an invisible character and half of a surrogate
pair (a name that is not Unicode) are written as Python's ``backslashreplace`` writes them, e.g. ``\\x1b``.
"""

from __future__ import annotations

import json
import re
from typing import Any


def printable(text: str) -> str:
    r"""Return one line that does nothing to a terminal: ``\x1b[2J`` for an escape, ``\n`` for a line break.

    What is printable is what `str.isprintable` says: separators other than the space, controls, formats (bidirectional
    ones among them), private and unassigned characters and surrogates are not.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _spelt(character) for character in text)


def encodable(text: str) -> str:
    r"""Return a text that UTF-8 can write: ``\udcff`` for half of a surrogate pair, and nothing else changed."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable_json(value: Any, *, is_ascii: bool = False) -> str:
    """Write JSON that does nothing to a terminal, and is read back as just what it was made from.

    Args:
        value: what `json.dumps` takes.
        is_ascii: write no other characters, for an output that has none.
    """
    text = json.dumps(value, indent=2, ensure_ascii=is_ascii)
    return re.sub(r"[^ -~\n]", _json_spelt, text)


def _spelt(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or ascii(character)[1:-1]


def _json_spelt(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]  # the one control that JSON leaves alone
