"""Run the ``nnanim`` commands of a Markdown file, in their order, from the project's root.

Usage: python docs/run_commands.py FILE.md
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path


def lines_of(path: Path) -> list[str]:
    """Return each ``nnanim …`` line that stands in a block of shell commands."""
    inside = False
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```sh"
        elif inside and line.startswith("nnanim "):
            lines.append(line)
    return lines


def commands_of(path: Path) -> list[list[str]]:
    """Return the words of each of these lines."""
    return [shlex.split(line, comments=True) for line in lines_of(path)]


def main() -> None:
    path = Path(sys.argv[1])
    root = Path(__file__).parent.parent
    for command in commands_of(path):
        if "-o" in command:
            (root / command[command.index("-o") + 1]).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", *command], cwd=root, check=True)


if __name__ == "__main__":
    main()
