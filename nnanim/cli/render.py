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
@options.output
@options.metric
@options.since
@options.figsize
@options.dpi
@options.fps
@options.hold_s
@options.quiet
@click.version_option(__version__, prog_name="nnanim")
def render(result: Path, shape: tuple[int, ...] | None, output: Path, quiet: bool, **choices: Any) -> None:
    """Draw the run in the folder RESULT.

    The metric's curve with a moving dot stands beside the network, whose edges are thick where weights are large, red
    where learning strengthened them and blue where it weakened them.
    """
    start = time.perf_counter()
    import nnanim

    with click.progressbar(length=0, label="drawing", file=sys.stderr, hidden=quiet or not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        animation = nnanim.render(result, output, shape, progress=progress, **choices)
    if not quiet:
        for note in animation.run.notes:
            click.echo(f"nnanim: note: {note}", err=True)
        width, height = animation.size_px
        kilobytes = output.stat().st_size / 1000
        took_s = time.perf_counter() - start
        count = len(animation)
        frames = "1 frame" if count == 1 else f"{count} frames"
        click.echo(f"{output}: {frames}, {width}x{height} px, {kilobytes:.0f} KB, in {took_s:.1f} s", err=True)
