"""Write into a Markdown file what its ``nnanim`` commands print: the text block behind each block of one command.

Usage: python docs/fill_outputs.py FILE.md
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from nnanim.cli import main as nnanim

PAIRS = re.compile(r"(```sh\n(nnanim [^\n]+)\n```\n\n```text\n)(.*?)(```\n)", re.DOTALL)


def printed(command: str) -> str:
    """Return what a command writes to standard output."""
    answer = CliRunner().invoke(nnanim, shlex.split(command, comments=True)[1:], catch_exceptions=False)
    if answer.exit_code:
        raise SystemExit(f"{command}: {answer.output}")
    return answer.stdout


def filled(text: str, of: Callable[[str], str] = printed) -> str:
    """Return the text with each block of output as its command prints it. The current folder is the project's root."""
    return PAIRS.sub(lambda match: match[1] + of(match[2]) + match[4], text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
