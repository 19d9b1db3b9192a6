"""``--version``: of nnanim, and what it found to work with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import click

from nnanim import __version__
from nnanim.extras import EXTRAS

# What this Python brings itself.
_INSIDE = ("orbax",) if sys.version_info >= (3, 14) else ()


def version_lines() -> list[str]:
    """Return the lines to be told."""
    found = {extra: _version_of(packages[0]) for extra, packages in EXTRAS.items() if extra not in _INSIDE}
    there = ", ".join(f"{extra} ({EXTRAS[extra][0]} {version})" for extra, version in found.items() if version)
    missing = ", ".join(extra for extra, version in found.items() if not version)
    return [
        f"nnanim, version {__version__}",
        f"Graphviz: {_graphviz()}",
        f"extras: {there or 'none'}" + (f"; not installed: {missing}" if missing else ""),
    ]


def _graphviz() -> str:
    program = shutil.which("dot")
    if program is not None:
        return f"the program {program!r}"
    wheel = _version_of("pygraphviz")
    return f"the one in the Python package pygraphviz {wheel}" if wheel else "missing"


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--version`` to a command."""

    def tell(ctx: click.Context, _param: click.Parameter, is_asked: bool) -> None:
        if is_asked and not ctx.resilient_parsing:
            click.echo("\n".join(version_lines()))
            ctx.exit()

    return click.option(
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=tell,
        help="Show the version, Graphviz and the extras, and exit.",
    )(command)
