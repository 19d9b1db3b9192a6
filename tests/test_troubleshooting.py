"""docs/troubleshooting.md has a way out for each message that the program can raise, and for none that it cannot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnanim.errors

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| (.+) \|$", PAGE, re.MULTILINE)
KNOWN = {name for name in vars(nnanim.errors) if name.endswith("Error")} | {"UsageError", "BadParameter"}
ANY = "\N{REPLACEMENT CHARACTER}"  # stands for what differs
# The first character of a message is what differs in many; a row must say more than a few letters to be of use.
LEAST_LETTERS = 4
GENERAL = "snapshot … …"  # for what is wrong with a file in words of its format; it would fit too much


def texts_of(node: ast.expr) -> list[str]:
    """Return the texts that an expression may come to; what differs is `ANY`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        texts = [""]
        for part in node.values:
            inside = part.value if isinstance(part, ast.FormattedValue) else part
            ends = texts_of(inside) if not isinstance(inside, ast.Name | ast.Call | ast.Attribute) else [ANY]
            texts = [text + end for text in texts for end in ends]
        return texts
    if isinstance(node, ast.BinOp):
        return [left + right for left in texts_of(node.left) for right in texts_of(node.right)]
    if isinstance(node, ast.IfExp):
        return texts_of(node.body) + texts_of(node.orelse)
    return [ANY]


def messages() -> Iterator[tuple[str, str]]:
    """Yield each message with the place where its error is made."""
    for path in sorted((ROOT / "nnanim").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                if name in KNOWN:
                    for text in texts_of(node.args[0]):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", text


MESSAGES = [(place, text) for place, text in messages() if len(re.findall("[a-z]", text)) >= LEAST_LETTERS]


def pattern(row: str) -> re.Pattern[str]:
    """Return what fits the messages of a row: their beginning, with anything for each ``…``."""
    return re.compile(".*".join(re.escape(part) for part in row.split("…")), re.DOTALL)


def test_messages_were_found() -> None:
    assert len(MESSAGES) > 200
    assert any(text.startswith("no folder ") for _, text in MESSAGES)


@pytest.mark.parametrize("place", sorted({place.split(":")[0] for place, _ in MESSAGES}))
def test_each_message_has_a_way_out(place: str) -> None:
    patterns = [pattern(row) for row, _ in ROWS if row != GENERAL]
    lacking = [
        (where, text.replace(ANY, "…"))
        for where, text in MESSAGES
        if where.split(":")[0] == place
        and text != f"snapshot {ANY} {ANY} ({ANY})"
        and not any(each.match(text.replace(ANY, "«x»")) for each in patterns)
    ]
    assert lacking == []


@pytest.mark.parametrize("row", [row for row, _ in ROWS])
def test_each_row_is_of_a_message_that_can_be_raised(row: str) -> None:
    found = [text for _, text in MESSAGES if pattern(row).match(text.replace(ANY, "«x»"))]
    composed = row.startswith(("no snapshots in", GENERAL, "no snapshot "))  # texts that are put together
    assert found or composed, row


def test_rows_are_there_once_and_say_something() -> None:
    names = [row for row, _ in ROWS]
    assert len(set(names)) == len(names)
    for row, way_out in ROWS:
        assert len(re.findall("[a-z]", row)) >= LEAST_LETTERS
        assert way_out.endswith((".", "`"))
