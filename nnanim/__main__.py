"""``python -m nnanim`` is the same as ``nnanim``."""

from __future__ import annotations

from nnanim.cli import main

if __name__ == "__main__":
    main(prog_name="nnanim")
