"""``nnanim render``: a result folder becomes an animated picture."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim import __version__
from nnanim.cli import options

if TYPE_CHECKING:
    from nnanim.sweep import Outcome


@click.command()
@options.results
@options.shape
@options.output
@options.animation_options
@options.jobs
@options.scheduler
@options.quiet
@click.version_option(__version__, prog_name="nnanim")
def render(
    results: tuple[Path, ...],
    shape: tuple[int, ...] | None,
    output: Path,
    curve: bool | None,
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
    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs and --scheduler cannot be used together")
    from nnanim.parallel import usable_cpus
    from nnanim.sweep import cluster, plan_outputs, render_each

    outputs = plan_outputs(results, str(output))
    with ExitStack() as stack:
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

        outcomes: list[Outcome] = []
        for outcome in render_each(
            results, outputs, shape, progress=progress, jobs=workers, executor=executor, **choices
        ):
            if outcome.error is not None and len(results) == 1:
                raise outcome.error
            outcomes.append(outcome)
            if outcome.animation is not None and not quiet:
                for note in outcome.animation.notes:
                    click.echo(f"nnanim: note: {note}", err=True)
    took = f"in {time.perf_counter() - begun:.1f} s"
    if len(results) == 1:
        if not quiet:
            click.echo(f"{_line(outcomes[0])}, {took}", err=True)
        return
    failed = sum(outcome.error is not None for outcome in outcomes)
    for outcome in outcomes:
        if not quiet or outcome.error is not None:
            click.echo(_line(outcome), err=True)
    if not quiet:
        click.echo(f"{len(outcomes) - failed} of {len(outcomes)} folders drawn, {took}", err=True)
    if failed:
        click.get_current_context().exit(1)


def _line(outcome: Outcome) -> str:
    if outcome.animation is None:
        return f"{outcome.output}: not written: {outcome.error}"
    width, height = outcome.animation.size_px
    kilobytes = outcome.output.stat().st_size / 1000
    count = len(outcome.animation)
    frames = "1 frame" if count == 1 else f"{count} frames"
    return f"{outcome.output}: {frames}, {width}x{height} px, {kilobytes:.0f} KB"
