"""``nnanim check``: what the weights and the log of a run prove to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options
from nnanim.cli.progress import Bar, label
from nnanim.errors import NnanimError, OptionError
from nnanim.options import CHECKING, READING
from nnanim.words import counted

if TYPE_CHECKING:
    from nnanim.checking.findings import Finding, Report

EXIT_FOUND = 3
_HEADS = ("rule", "layer", "unit", "since epoch", "value", "threshold", "what was found")


def parse_rules(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read ``not_finite,dead_unit``; nothing stands for all rules."""
    from nnanim.checking.rules import NAMES

    names = NAMES if value is None else tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in NAMES:
            raise click.BadParameter(f"unknown rule {name!r} (must be one of {', '.join(NAMES)})")
    return names


@click.command()
@options.results
@options.reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.option(
    "--fail-on",
    metavar="RULE,RULE,...",
    callback=parse_rules,
    help="Rules whose findings end with exit code 3; findings of others are listed only.  [default: all]",
)
def check(results: tuple[Path, ...], as_json: bool, fail_on: tuple[str, ...], **reading: Any) -> None:
    """Look for faults that the weights and the log in the folder RESULT prove, or in several folders.

    The exit code is 0 where nothing was found, 3 where something was, 1 where a folder cannot be read.
    """
    reports: dict[str, Report] = {}
    failed: list[tuple[str, NnanimError]] = []
    with Bar(hidden=not echo.can_show_progress()) as bar:
        for number, result in enumerate(results, 1):

            def tell(stage: str, done: int, total: int, number: int = number, result: Path = result) -> None:
                bar.tell(label(stage, str(result), number, len(results)), done, total)

            try:
                reports[str(result)] = _report(result, reading, tell)
            except OptionError:
                raise
            except NnanimError as error:
                if len(results) == 1:
                    raise
                failed.append((str(result), error))
    if as_json:
        told: dict[str, Any] = {name: report.as_dict() for name, report in reports.items()}
        echo.show_json(told if len(results) > 1 else next(iter(told.values())))
    else:
        for name, report in reports.items():
            echo.show(as_lines(name, report))
    for report in reports.values():
        for note in report.notes:
            echo.tell(f"nnanim: note: {note}")
    for name, problem in failed:
        echo.tell(f"nnanim: error: {name}: {problem}")
    if failed:
        click.get_current_context().exit(1)
    if any(finding.rule in fail_on for report in reports.values() for finding in report.findings):
        click.get_current_context().exit(EXIT_FOUND)


def as_lines(name: str, report: Report) -> list[str]:
    """Return what is printed for people."""
    looked = f"{counted(report.snapshots, 'snapshot')}, {counted(len(report.rules), 'rule')}"
    if not report.findings:
        return [f"{name}: nothing found ({looked})"]
    found = counted(len(report.findings), "finding")
    rows = [_HEADS, *map(_cells, report.findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [f"{name}: {found} ({looked})", *(f"  {line}" for line in lines)]


def _cells(finding: Finding) -> tuple[str, ...]:
    unit = "–" if finding.unit is None else str(finding.unit)
    since = "–" if finding.since_epoch is None else f"{finding.since_epoch:g}"
    value = "–" if finding.value is None else f"{finding.value:.4g}"
    return (finding.rule, finding.layer or "–", unit, since, value, f"{finding.threshold:g}", finding.says)


def _report(result: Path, reading: dict[str, Any], tell: Callable[[str, int, int], None]) -> Report:
    from nnanim.checking.check import check
    from nnanim.reading.opening import open_run

    tell(CHECKING, 0, 0)
    run = open_run(result, **reading, must_be_finite=False)
    report = check(
        run, only_layers=reading["layers"] is not None, skip_bad=reading["skip_bad"], tell=partial(tell, READING)
    )
    left = tuple(f"skipped: {reason}" for _, reason in run.skipped)
    return replace(report, notes=(*left, *report.notes))
