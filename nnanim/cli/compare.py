"""``nnanim compare``: runs, or groups of runs with different seeds, held against each other."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from nnanim.cli import echo, options
from nnanim.words import counted


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
    "--difference", is_flag=True, help="Tell how far the weights lie apart, where runs began from the same weights."
)
@click.option("--match", "matching", is_flag=True, help="Put hidden units in the order of the first run's before.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@options.reading_options
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
    as_json: bool,
    jobs: int | None,
    scheduler: str | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Hold runs against each other by statistics of their weights, or groups of runs by what differs beyond the seeds.

    A RUN is a result folder or one snapshot.
    """
    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs and --scheduler cannot be used together")
    from nnanim.comparing.comparison import compare as compare_runs
    from nnanim.comparing.report import report
    from nnanim.processes.worthwhile import usable_cpus

    wanted = _named(runs, groups, names)
    with ExitStack() as stack:
        executor, workers = None, jobs or usable_cpus()
        if scheduler is not None:
            from nnanim.processes.cluster import cluster

            executor, workers = stack.enter_context(cluster(scheduler))
        found = compare_runs(
            wanted,
            by_layer=by_layer,
            difference=difference,
            matching=matching,
            reading=reading,
            jobs=workers,
            executor=executor,
        )
    if as_json:
        echo.show_json(found.as_dict())
    else:
        echo.show(report(found))
    if not quiet:
        for note in found.notes:
            echo.tell(f"nnanim: note: {note}")


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
