"""Write docs/reference.md from the ``--help`` of every command.

Usage: python docs/make_reference.py
"""

from __future__ import annotations

from pathlib import Path

import click

from nnanim.cli import main

REFERENCE = Path(__file__).with_name("reference.md")
WIDTH = 100
INTRODUCTION = """# Reference

What `--help` says, command by command. This page is made by `make docs`.
"""


def reference() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, _section("nnanim", main)]
    parts += [_section(f"nnanim {name}", command) for name, command in sorted(main.commands.items())]
    return "\n".join(parts)


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
    # The group's settings reach its commands through the context of a real call.
    context.help_option_names = ["-h", "--help"]
    return f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
