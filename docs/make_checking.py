"""Write the rules in docs/checking.md from the table in nnanim/checking/rules.py.

Usage: python docs/make_checking.py
"""

from __future__ import annotations

from pathlib import Path

from nnanim.checking.rules import documentation

PAGE = Path(__file__).with_name("checking.md")
START, END = "<!-- made by `make docs` -->\n", "<!-- end -->\n"


def with_rules(text: str) -> str:
    """Return the page with the rules as they are now."""
    before, rest = text.split(START)
    return f"{before}{START}\n{documentation()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_rules(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
