"""``nnanim render``: a result folder becomes an animated picture."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options, version
from nnanim.cli.progress import Bar, label
from nnanim.cli.selection import with_files
from nnanim.errors import OutputError
from nnanim.options import Options, Reading, Writing, make_options
from nnanim.words import counted

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
@version.option
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
    options.take_curve(curve, choices)
    reading: dict[str, Any] = {"shape": shape} | {name: choices.pop(name) for name in options.READING}
    chosen = make_options(choices)
    results = with_files(results, reading)
    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs and --scheduler cannot be used together")
    outputs = tuple(options.STDOUT if echo.is_stdout(output) else output for output in outputs)
    if len(results) > 1 and (options.STDOUT in outputs or summary is not None):
        raise click.UsageError("standard output and --summary are for one folder alone")
    options.check_outputs(outputs, file_format, if_changed=if_changed)
    from nnanim.many_runs import check_plan, folders_for, plan_outputs, render_each
    from nnanim.processes.cluster import cluster
    from nnanim.processes.worthwhile import usable_cpus

    with ExitStack() as stack:
        piped = _place_for_stdout(stack) if options.STDOUT in outputs else None
        places = [str(piped) if output == options.STDOUT else output for output in outputs]
        plan = plan_outputs(results, places)
        stack.enter_context(folders_for(plan, places))
        check_plan(plan, summary, file_format)
        if scheduler is None:
            executor, workers = None, jobs or usable_cpus()
        else:
            executor, workers = stack.enter_context(cluster(scheduler))
        hidden = quiet or not echo.can_show_progress()
        bar = stack.enter_context(Bar(hidden=hidden))

        def progress(number: int, stage: str, done: int, total: int) -> None:
            bar.tell(label(stage, str(results[number]), number + 1, len(results)), done, total)

        how = chosen, Reading(**reading), Writing(file_format, workers, executor)
        outcomes: list[Outcome] = []
        drawing = closing(render_each(results, plan, *how, if_changed=if_changed, progress=progress))
        for outcome in stack.enter_context(drawing):
            if outcome.error is not None and len(results) == 1:
                raise outcome.error
            outcomes.append(outcome)
            if not quiet:
                bar.clear()
                for note in outcome.notes:
                    echo.tell(f"nnanim: note: {note}")
        if summary is not None:
            for note in _summarise(outcomes[0], summary, reading, chosen):
                echo.tell(f"nnanim: note: {note}")
        sizes = {output: _size(Path(output)) for outcome in outcomes for output in outcome.written}
        if piped is not None and piped.exists():
            echo.pass_on(piped)
    took = f"in {time.perf_counter() - begun:.1f} s"
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed if quiet else outcomes:
        for line in _lines(outcome, sizes, str(piped)):
            echo.tell(line if len(results) > 1 or not outcome.written else f"{line}, {took}")
    if len(results) > 1 and not quiet:
        echo.tell(f"{len(outcomes) - len(failed)} of {len(outcomes)} folders drawn, {took}")
    if failed:
        click.get_current_context().exit(1)


def _place_for_stdout(stack: ExitStack) -> Path:
    """Make room for what goes to another program: it goes there when it is whole."""
    echo.checked_stdout()
    try:
        folder = tempfile.TemporaryDirectory(prefix="nnanim-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"there is no place for temporary files: {error.strerror or error}") from error
    return Path(stack.enter_context(folder)) / "piped"


def _lines(outcome: Outcome, sizes: dict[str, int], piped: str) -> list[str]:
    """Say what became of a folder: a line for each output."""
    if outcome.error is not None:
        return [f"{', '.join(outcome.outputs)}: not written: {outcome.error}"]
    if not outcome.frames:
        return [f"{', '.join(outcome.outputs)}: nothing changed"]
    width, height = outcome.size_px
    lines = []
    for output in outcome.outputs:
        name, size = (options.STDOUT, "") if output == piped else (output, f", {sizes[output] / 1000:.0f} KB")
        lines.append(f"{name}: {counted(outcome.frames, 'frame')}, {width}x{height} px{size}")
    return lines


def _summarise(outcome: Outcome, path: Path, reading: dict[str, Any], chosen: Options) -> list[str]:
    import nnanim
    from nnanim.encoders.places import noting, refuse_inputs
    from nnanim.summary import write_summary

    animation = outcome.animation
    if animation is None:
        how = {**reading, "must_follow": chosen.view != "matrix"}
        animation = nnanim.Animation.of(nnanim.open_run(outcome.result, **how), chosen)
    refuse_inputs([path], animation.run.files)
    with noting() as notes:
        write_summary(animation, path)
    return notes


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
