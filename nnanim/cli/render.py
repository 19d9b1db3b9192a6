"""``nnanim render``: a result folder becomes an animated picture."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim import __version__
from nnanim.cli import options
from nnanim.cli.selection import with_files

if TYPE_CHECKING:
    from nnanim.many_runs import Outcome


@click.command()
@options.results
@options.shape
@options.reading_options
@options.outputs
@options.file_format
@options.animation_options
@options.if_changed
@options.summary
@options.jobs
@options.scheduler
@options.quiet
@click.version_option(__version__, prog_name="nnanim")
def render(
    results: tuple[Path, ...],
    shape: tuple[int, ...] | None,
    outputs: tuple[str, ...],
    file_format: str | None,
    curve: bool | None,
    if_changed: bool,
    summary: Path | None,
    jobs: int | None,
    scheduler: str | None,
    quiet: bool,
    **choices: Any,
) -> None:
    """Draw the run in the folder RESULT, or the runs in several.

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
    results = with_files(results, reading)
    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs and --scheduler cannot be used together")
    if len(results) > 1 and (options.STDOUT in outputs or summary is not None):
        raise click.UsageError("standard output and --summary are for one folder alone")
    options.check_outputs(outputs, file_format, if_changed=if_changed)
    from nnanim.encoders.whole_file import check_target
    from nnanim.many_runs import cluster, plan_outputs, render_each
    from nnanim.processes.worthwhile import usable_cpus

    if summary is not None:
        check_target(summary, (summary.suffix.lower(),))
    with ExitStack() as stack:
        # What goes to another program goes there when it is whole.
        piped = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nnanim-"))) / "piped"
        plan = plan_outputs(results, [str(piped) if output == options.STDOUT else output for output in outputs])
        if scheduler is None:
            executor, workers = None, jobs or usable_cpus()
        else:
            executor, workers = stack.enter_context(cluster(scheduler))
        hidden = quiet or not sys.stderr.isatty()
        bar = stack.enter_context(click.progressbar(length=0, label="drawing", file=sys.stderr, hidden=hidden))

        def progress(result: Path, done: int, total: int) -> None:
            bar.label = "drawing" if len(results) == 1 else f"drawing {result}"
            bar.length = total
            bar.update(done - bar.pos)

        how = {"file_format": file_format, "jobs": workers, "executor": executor, **reading, **choices}
        outcomes: list[Outcome] = []
        drawing = closing(render_each(results, plan, shape, if_changed=if_changed, progress=progress, **how))
        for outcome in stack.enter_context(drawing):
            if outcome.error is not None and len(results) == 1:
                raise outcome.error
            outcomes.append(outcome)
            if not quiet:
                for note in outcome.notes:
                    click.echo(f"nnanim: note: {note}", err=True)
        if summary is not None:
            _summarise(outcomes[0], shape, summary, reading, choices)
        sizes = {output: _size(Path(output)) for outcome in outcomes for output in outcome.written}
        if piped.exists():
            with piped.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    took = f"in {time.perf_counter() - begun:.1f} s"
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed if quiet else outcomes:
        for line in _lines(outcome, sizes, str(piped)):
            click.echo(line if len(results) > 1 or not outcome.written else f"{line}, {took}", err=True)
    if len(results) > 1 and not quiet:
        click.echo(f"{len(outcomes) - len(failed)} of {len(outcomes)} folders drawn, {took}", err=True)
    if failed:
        click.get_current_context().exit(1)


def _lines(outcome: Outcome, sizes: dict[str, int], piped: str) -> list[str]:
    """Say what became of a folder: a line for each output."""
    if outcome.error is not None:
        return [f"{', '.join(outcome.outputs)}: not written: {outcome.error}"]
    if not outcome.frames:
        return [f"{', '.join(outcome.outputs)}: nothing changed"]
    width, height = outcome.size_px
    frames = "1 frame" if outcome.frames == 1 else f"{outcome.frames} frames"
    lines = []
    for output in outcome.outputs:
        name, size = (options.STDOUT, "") if output == piped else (output, f", {sizes[output] / 1000:.0f} KB")
        lines.append(f"{name}: {frames}, {width}x{height} px{size}")
    return lines


def _summarise(
    outcome: Outcome, shape: tuple[int, ...] | None, path: Path, reading: dict[str, Any], choices: dict[str, Any]
) -> None:
    import nnanim
    from nnanim.summary import write_summary

    animation = outcome.animation
    if animation is None:
        animation = nnanim.Animation(nnanim.open_run(outcome.result, shape=shape, **reading), shape, **choices)
    write_summary(animation, path)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
