"""``nnanim render``: a result folder becomes an animated picture, a video, a page or a folder of pictures."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim import __version__
from nnanim.cli import options

if TYPE_CHECKING:
    from nnanim import Animation


@click.command()
@options.result
@options.shape
@options.reading_options
@options.outputs
@options.file_format
@options.animation_options
@options.if_changed
@options.summary
@options.quiet
@click.version_option(__version__, prog_name="nnanim")
def render(
    result: Path,
    shape: tuple[int, ...] | None,
    outputs: tuple[str, ...],
    file_format: str | None,
    curve: bool | None,
    if_changed: bool,
    summary: Path | None,
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
    reading = {name: choices.pop(name) for name in options.READING}
    options.check_outputs(outputs, file_format, if_changed=if_changed)
    import nnanim
    from nnanim.encoders import check_target
    from nnanim.provenance import render_if_changed

    if summary is not None:
        check_target(summary, (summary.suffix.lower(),))
    with (
        click.progressbar(length=0, label="drawing", file=sys.stderr, hidden=quiet or not sys.stderr.isatty()) as bar,
        tempfile.TemporaryDirectory(prefix="nnanim-") as folder,
    ):

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        # What goes to another program goes there when it is whole.
        piped = Path(folder) / "piped"
        paths = [str(piped) if output == options.STDOUT else output for output in outputs]
        how: dict[str, Any] = {"file_format": file_format, "progress": progress, **reading, **choices}
        animation: Animation | None
        if if_changed:
            animation = render_if_changed(result, paths, shape, **how)
        else:
            animation = nnanim.render(result, paths, shape, **how)
        if summary is not None:
            from nnanim.summary import write_summary

            write_summary(animation or nnanim.Animation(nnanim.open_run(result, **reading), shape, **choices), summary)
        if piped.exists():
            with piped.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    if quiet:
        return
    if animation is None:
        click.echo(f"{', '.join(outputs)}: nothing changed", err=True)
        return
    for note in animation.notes:
        click.echo(f"nnanim: note: {note}", err=True)
    took_s = time.perf_counter() - begun
    count = len(animation)
    frames = "1 frame" if count == 1 else f"{count} frames"
    width, height = animation.size_px
    for output in outputs:
        size = "" if output == options.STDOUT else f"{_size(Path(output)) / 1000:.0f} KB, "
        click.echo(f"{output}: {frames}, {width}x{height} px, {size}in {took_s:.1f} s", err=True)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
