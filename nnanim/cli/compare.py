"""``nnanim compare``: runs, or groups of runs with different seeds, held against each other."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options
from nnanim.cli.progress import Bar
from nnanim.options import DRAWING, make_options
from nnanim.words import counted

if TYPE_CHECKING:
    from nnanim.comparing.comparison import Comparison, Line
    from nnanim.comparing.side_by_side import SideBySide
    from nnanim.reading.run import Run

FEW = 4  # panels that the usual size has room for
LARGE_FIGSIZE = (12.0, 8.0)


def parse_groups(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, tuple[Path, ...]], ...]:
    """Read ``relu=runs/relu-*``, once or more."""
    groups: dict[str, tuple[Path, ...]] = {}
    for given in value:
        name, mark, pattern = given.partition("=")
        if not (name.strip() and mark and pattern):
            raise click.BadParameter(f"{given!r} is no name and pattern of a group, as in relu='runs/relu-*'")
        if name.strip() in groups:
            raise click.BadParameter(f"two groups are called {name.strip()!r}")
        groups[name.strip()] = _matching(pattern)
    if len(groups) == 1:
        raise click.BadParameter("one group alone has nothing to be held against: give two or more")
    return tuple(groups.items())


def _matching(pattern: str) -> tuple[Path, ...]:
    if Path(pattern).exists():
        return (Path(pattern),)
    from nnanim.model.layers import natural_key

    found = sorted(glob.glob(pattern), key=natural_key)
    if not found:
        raise click.BadParameter(f"nothing is called like {pattern!r}")
    return tuple(map(Path, found))


@click.command()
@click.argument("runs", metavar="[RUN]...", type=click.Path(readable=False, path_type=Path), nargs=-1)
@click.option(
    "--group",
    "groups",
    metavar="NAME='PATTERN'",
    multiple=True,
    callback=parse_groups,
    help="Runs that differ by their seeds alone, as in relu='runs/relu-*'; given twice or more, each is held against"
    " the first.",
)
@click.option("--name", "names", metavar="TEXT", multiple=True, help="A name for each RUN.  [default: from the paths]")
@click.option("--by-layer", is_flag=True, help="Measure each layer too.")
@click.option(
    "--difference",
    is_flag=True,
    help="Tell how far the weights lie apart, where runs began from the same weights; with -o in colours too.",
)
@click.option("--match", "matching", is_flag=True, help="Put hidden units in the order of the first run's before.")
@click.option(
    "--medoid", "medoids", is_flag=True, help="Of each group draw the run nearest to the others, not the first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@options.comparison_outputs
@options.file_format
@options.reading_options
@options.comparison_options
@options.jobs
@options.scheduler
@options.quiet
def compare(
    runs: tuple[Path, ...],
    groups: tuple[tuple[str, tuple[Path, ...]], ...],
    names: tuple[str, ...],
    by_layer: bool,
    difference: bool,
    matching: bool,
    medoids: bool,
    as_json: bool,
    outputs: tuple[str, ...],
    file_format: str | None,
    jobs: int | None,
    scheduler: str | None,
    quiet: bool,
    **choices: Any,
) -> None:
    """Hold runs against each other by statistics of their weights, or groups of runs by what differs beyond the seeds.

    A RUN is a result folder or one snapshot. With -o also draw them side by side, of each group the first.
    """
    reading = {name: choices.pop(name) for name in options.READING}
    _check_outputs(outputs, file_format, choices)
    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs and --scheduler cannot be used together")
    from nnanim.comparing.comparison import compare as compare_runs
    from nnanim.comparing.report import report
    from nnanim.encoders.places import noting
    from nnanim.processes.worthwhile import usable_cpus

    wanted = _named(runs, groups, names)
    with ExitStack() as stack:
        bar = stack.enter_context(Bar(hidden=quiet or not echo.can_show_progress()))
        executor, workers = None, jobs or usable_cpus()
        if scheduler is not None:
            from nnanim.processes.cluster import cluster

            executor, workers = stack.enter_context(cluster(scheduler))
        opened = _opened(wanted, reading, choices, outputs) if outputs else {}
        found = compare_runs(
            wanted,
            by_layer=by_layer,
            difference=difference,
            matching=matching,
            medoids=medoids,
            reading=reading,
            jobs=workers,
            executor=executor,
            progress=partial(bar.tell, "measuring runs"),
        )
        picture = None
        if outputs:
            from nnanim.comparing.side_by_side import DRAWN, MEDOIDS, SideBySide, remark_of

            if medoids or found.orders:
                opened = _heads(found, opened, reading, outputs)
            colored = difference and (found.largest is not None)
            _make_room_for_dots(choices, found.lines)
            drawn = MEDOIDS if medoids else DRAWN
            picture = SideBySide(
                opened, lines=found.lines, difference=colored, drawn=drawn, remark=remark_of(found), **choices
            )
            with noting() as notes:
                picture.write(
                    *outputs,
                    file_format=file_format,
                    jobs=workers,
                    executor=executor,
                    progress=partial(bar.tell, DRAWING),
                )
    if as_json:
        echo.show_json(found.as_dict())
    else:
        echo.show(report(found))
    if not quiet:
        told = () if picture is None else (*picture.notes, *notes)
        for note in dict.fromkeys((*found.notes, *told)):
            echo.tell(f"nnanim: note: {note}")
        if picture is not None:
            echo.tell(f"{', '.join(outputs)}: {_told(picture)}")


def _check_outputs(outputs: tuple[str, ...], file_format: str | None, choices: dict[str, Any]) -> None:
    """Refuse outputs that cannot be written, and choices of looks without a picture."""
    from nnanim.encoders.places import refuse_same

    context = click.get_current_context()
    given = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name in {*choices, "file_format"}
        and context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    ]
    if given and not outputs:
        raise click.UsageError(f"{given[0]} says how a picture looks: give -o too")
    for output in outputs:
        if output == options.STDOUT or echo.is_stdout(output):
            raise click.UsageError("the table goes to standard output, so the picture cannot: name a file")
    refuse_same(outputs)
    films = tuple(each for each in outputs if file_format or Path(each).suffix.lower() != ".pdf")
    options.check_outputs(films, file_format, if_changed=False)


def _opened(
    wanted: dict[str, list[tuple[str, Path]]], reading: dict[str, Any], choices: dict[str, Any], outputs: Sequence[str]
) -> dict[str, Run]:
    """Open the first run of each group, and give the picture its size."""
    from nnanim.comparing.measuring import open_path
    from nnanim.comparing.side_by_side import check_count
    from nnanim.encoders.places import refuse_inputs

    check_count(len(wanted))

    context = click.get_current_context()
    if context.get_parameter_source("figsize") is click.core.ParameterSource.DEFAULT and len(wanted) > FEW:
        choices["figsize"] = LARGE_FIGSIZE
    make_options({name: value for name, value in choices.items() if name != "by"})  # before anything is measured
    runs = {name: open_path(members[0][1], reading) for name, members in wanted.items()}
    for run in runs.values():
        refuse_inputs(outputs, run.files)
    places = [Path(os.path.realpath(output)) for output in outputs]
    for path in (path for members in wanted.values() for _, path in members[1:]):
        if any(place.is_relative_to(os.path.realpath(path)) for place in places):  # else there is no need to open it
            refuse_inputs(outputs, open_path(path, reading).files)
    return runs


def _heads(
    found: Comparison, opened: dict[str, Run], reading: dict[str, Any], outputs: Sequence[str]
) -> dict[str, Run]:
    """Open the runs that stand for their groups, with their hidden units in the order of the first one's."""
    from nnanim.comparing.measuring import open_path
    from nnanim.comparing.reordered import reordered
    from nnanim.encoders.places import refuse_inputs

    heads = {}
    for group, place in found.heads.items():
        run = open_path(found.groups[group][place].path, reading) if place else opened[group]
        refuse_inputs(outputs, run.files)
        heads[group] = reordered(run, found.orders[group]) if group in found.orders else run
    return heads


def _make_room_for_dots(choices: dict[str, Any], lines: Sequence[Line]) -> None:
    """Make the picture higher by the dots below it, unless its size was chosen."""
    from nnanim.comparing.side_by_side import spreads_of
    from nnanim.design.theme import POINTS_PER_INCH
    from nnanim.panels.dots import height_of_dots
    from nnanim.panels.multiples import scale_of_width

    if click.get_current_context().get_parameter_source("figsize") is not click.core.ParameterSource.DEFAULT:
        return
    width, height = choices["figsize"]
    dots_pt = height_of_dots(spreads_of(lines), scale_of_width(width * POINTS_PER_INCH))
    choices["figsize"] = (width, round(height + dots_pt / POINTS_PER_INCH, 1))


def _told(picture: SideBySide) -> str:
    width, height = picture.size_px
    return f"{counted(len(picture), 'frame')}, {width}x{height} px"


def _named(
    runs: Sequence[Path], groups: Sequence[tuple[str, Sequence[Path]]], names: Sequence[str]
) -> dict[str, list[tuple[str, Path]]]:
    """Give every run a name, and every group its runs; a run alone is a group of its own.

    Raises:
        UsageError: there is nothing to compare, or too many or too few names.
    """
    from nnanim.many_runs import name_runs

    if bool(runs) == bool(groups):
        raise click.UsageError("give runs, or groups of runs with --group" + (", not both" if runs else ""))
    if names and len(names) != len(runs):
        raise click.UsageError(f"--name names each RUN: {counted(len(names), 'name')} for {counted(len(runs), 'run')}")
    if len(set(names)) < len(names):
        raise click.UsageError("two runs cannot have the same --name")
    paths = list(runs) or [path for _, group in groups for path in group]
    twice = next((path for place, path in enumerate(paths) if path in paths[:place]), None)
    if twice is not None and groups:
        raise click.UsageError(f"{str(twice)!r} is in two groups, or twice in one")
    if twice is not None and not names:
        names = [f"{number} {path}" for number, path in enumerate(paths, start=1)]
    given = iter(list(zip(names or name_runs(paths), paths, strict=True)))
    if runs:
        return {name: [(name, path)] for name, path in given}
    return {group: [next(given) for _ in members] for group, members in groups}
