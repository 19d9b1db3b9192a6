"""Write the table of roles in docs/formats.md from `nnanim.model.role_table`.

Usage: python docs/make_roles.py
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from nnanim.model.role_table import TABLE, Naming

FORMATS = Path(__file__).with_name("formats.md")
BEGIN, END = "<!-- roles: made by docs/make_roles.py -->\n", "<!-- end of roles -->\n"


def table() -> str:
    """Return the table in Markdown: a line for each role and source, in the order in which they are tried."""
    lines = ["| role | the key ends in | beside | source |", "|---|---|---|---|"]
    for (role, source), rows in groupby(TABLE, key=lambda row: (row.role, row.source)):
        group = list(rows)
        needs = dict.fromkeys(need for row in group for need in row.needs)
        cells = (role, _codes(map(_names, group)), _codes(needs), source)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def _names(row: Naming) -> str:
    return row.names.replace("(?:", "(").replace("(?P<own>", "(").replace("\\.", ".").replace("[^.]", ".")


def _codes(texts: Iterable[str]) -> str:
    return ", ".join("`" + text.replace("|", "\\|") + "`" for text in texts)


if __name__ == "__main__":
    FORMATS.write_text(page(FORMATS.read_text(encoding="utf-8")), encoding="utf-8")
