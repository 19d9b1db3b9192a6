"""``python -m nnanim`` is the same as ``nnanim``."""

from __future__ import annotations

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; whoever interrupts it while it is imported sees no traceback either."""
    try:
        from nnanim.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    command_line(prog_name="nnanim")


if __name__ == "__main__":
    main()
