"""Files that a shell's glob gives instead of a folder: they are what is chosen of the folder that they lie in."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nnanim.options import STILL_SUFFIXES, SUFFIXES


def with_files(results: Sequence[Path], reading: dict[str, Any]) -> tuple[Path, ...]:
    """Return folders for what was named on the command line; files become a selection of their folder.

    Args:
        results: folders, or files that lie in one folder.
        reading: how folders are read; ``files`` is set where files were named.

    Raises:
        UsageError: files of several folders, or files and folders, or files and ``--files``, or an output.
    """
    _refuse_outputs(results)
    files = [path for path in results if path.is_file()]
    if not files:
        return tuple(results)
    folders = sorted({path.parent for path in files})
    if len(files) < len(results) or len(folders) > 1:
        raise click.UsageError(
            "files of one folder can be drawn, or folders: for a choice in each of several folders give the folders"
            " and --files 'PATTERN'"
        )
    if reading.get("files"):
        raise click.UsageError("--files says which files of a folder count: give the folder")
    reading["files"] = tuple(_as_pattern(path.name) for path in files)
    return (folders[0],)


def _refuse_outputs(results: Sequence[Path]) -> None:
    """Refuse what can only be meant as an output: a picture's name behind a folder's.

    Raises:
        UsageError: the message has the command that was meant.
    """
    meant = [path for path in results[1:] if path.suffix.lower() in (*SUFFIXES, *STILL_SUFFIXES) and not path.is_dir()]
    if meant:
        words = [path for path in results if path not in meant]
        folders = " ".join(shlex.quote(str(path)) for path in words)
        told = " ".join(f"-o {shlex.quote(str(path))}" for path in meant)
        raise click.UsageError(f"{str(meant[0])!r} is no result folder; outputs are given with -o: {folders} {told}")


def one_folder(results: Sequence[Path], reading: dict[str, Any]) -> Path:
    """Return the only folder of what was named, as `with_files`.

    Raises:
        UsageError: there are several.
    """
    folders = with_files(results, reading)
    if len(folders) > 1:
        raise click.UsageError(f"one folder at a time: got {', '.join(map(repr, map(str, folders)))}")
    return folders[0]


def _as_pattern(name: str) -> str:
    """Write a name as a pattern that only it fits."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
