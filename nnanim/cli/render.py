"""``nnanim render``: a result folder becomes an animated picture."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from nnanim import __version__
from nnanim.cli import options


@click.command()
@options.result
@options.shape
@options.reading_options
@options.output
@options.animation_options
@options.quiet
@click.version_option(__version__, prog_name="nnanim")
def render(
    result: Path,
    shape: tuple[int, ...] | None,
    output: Path,
    curve: bool | None,
    quiet: bool,
    **choices: Any,
) -> None:
    """Draw the run in the folder RESULT.

    The metric's curve with a moving dot stands beside the network, whose edges are thick where weights are large, red
    where learning strengthened them and blue where it weakened them.
    """
    begun = time.perf_counter()
    if curve is not None:
        wanted = "both" if curve else "network"
        if click.get_current_context().get_parameter_source("panels") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--panels and --curve/--no-curve cannot be used together")
        choices["panels"] = wanted
    import nnanim

    with click.progressbar(length=0, label="drawing", file=sys.stderr, hidden=quiet or not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        animation = nnanim.render(result, output, shape, progress=progress, **choices)
    if not quiet:
        for note in animation.notes:
            click.echo(f"nnanim: note: {note}", err=True)
        width, height = animation.size_px
        kilobytes = output.stat().st_size / 1000
        took_s = time.perf_counter() - begun
        count = len(animation)
        frames = "1 frame" if count == 1 else f"{count} frames"
        click.echo(f"{output}: {frames}, {width}x{height} px, {kilobytes:.0f} KB, in {took_s:.1f} s", err=True)
