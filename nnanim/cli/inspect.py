"""``nnanim inspect``: what a result folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options
from nnanim.cli.selection import one_folder
from nnanim.words import counted

if TYPE_CHECKING:
    from nnanim import Run

MOST_LINES = 20  # of a list, unless all are asked for


@click.command()
@options.results
@options.shape
@options.reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.option("--all", "everything", is_flag=True, help="Print each layer and snapshot, however many there are.")
def inspect(
    results: tuple[Path, ...], shape: tuple[int, ...] | None, as_json: bool, everything: bool, **reading: Any
) -> None:
    """Print what was found in the folder RESULT: format, layers, log, snapshots, and what is left out and why."""
    from nnanim import open_run

    run = open_run(one_folder(results, reading), shape=shape, **reading)
    if as_json:
        echo.show_json(as_dict(run))
    else:
        echo.show(as_lines(run, None if everything else MOST_LINES))


def as_dict(run: Run) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    connections = run.connections
    return {
        "format": run.format,
        "shape": list(run.shape),
        "view": run.view,
        "models": list(run.models),
        "layers": [{"name": layer.name, "weight": layer.key, "shape": list(layer.shape)} for layer in run.layers],
        "left_out": [
            {"name": layer.name, "weight": layer.key, "shape": list(layer.shape), "reason": layer.skipped}
            for layer in run.left_out
        ],
        "tensors": [
            {"key": key, "shape": list(shape), "role": role, "shown": is_shown}
            for key, shape, role, is_shown in run.listed_tensors()
        ],
        "connections": [[tail, head] for tail, head, _ in connections],
        "known_from": [known_from for _, _, known_from in connections],
        "log": run.log and {"file": run.log.path.name, "rows": len(run.log), "metrics": list(run.log.metrics)},
        "metrics": [] if run.log is None else list(run.log.metrics),
        "shown_metrics": [{"metric": metric, "last": text} for metric, text in _shown_metrics(run)],
        "snapshots": [
            {"file": run.name_of(snapshot), "epoch": snapshot.epoch, "iteration": snapshot.iteration}
            for snapshot in run.snapshots
        ],
        "skipped": [{"file": name, "reason": reason} for name, reason in run.skipped],
        "notes": _notes(run),
    }


def as_lines(run: Run, most: int | None = MOST_LINES) -> list[str]:
    """Return what is printed for people.

    Args:
        run: the opened folder.
        most: lines of a list beyond which its middle is left out; None prints all.
    """
    lines = [f"{run.path}: {run.format}, {counted(len(run.snapshots), 'snapshot')}"]
    if run.models:
        lines.append(f"models     {', '.join(run.models)} (the first is drawn)")
    if run.shape:
        lines.append(f"shape      {','.join(map(str, run.shape))}")
    lines.append(f"view       {run.view}: {run.why_view}")
    lines += ["layers", *_shortened(list(_layer_lines(run)), most)]
    if run.log is None:
        lines.append("log        none")
    else:
        lines.append(f"log        {run.log.path}, {run.log.format}, {counted(len(run.log), 'row')}")
        ends = {name: f"  shown: {text} at the end" for name, text in _shown_metrics(run)}
        lines += [f"  {name}{ends.get(name, '')}" for name in run.log.metrics]
    lines += [f"note: {note}" for note in _notes(run)]
    lines += ["snapshots", *_shortened(list(_snapshot_lines(run)), most)]
    return lines + [f"  {name}: skipped: {reason}" for name, reason in run.skipped]


def _layer_lines(run: Run) -> Iterator[str]:
    rows = [(key, "x".join(map(str, shape)), role, is_shown) for key, shape, role, is_shown in run.listed_tensors()]
    sizes = max((len(size) for _, size, _, _ in rows), default=0)
    roles = max((len(role) for _, _, role, _ in rows), default=0)
    reasons = {layer.key: layer.skipped for layer in run.left_out}
    for key, size, role, is_shown in rows:
        reason = reasons.get(key) or "not in this view"
        yield f"  {size:<{sizes}}  {role:<{roles}}  {key}" + ("" if is_shown else f"  not drawn: {reason}")


def _snapshot_lines(run: Run) -> Iterator[str]:
    names = [run.name_of(snapshot) for snapshot in run.snapshots]
    width = max(map(len, names))
    for name, snapshot, row in zip(names, run.snapshots, run.rows, strict=True):
        counters = {"epoch": snapshot.epoch, "iteration": snapshot.iteration}
        told = "  ".join(f"{counter} {value:g}" for counter, value in counters.items() if value is not None)
        joined = "" if row is None else f"  row {row + 1}"
        yield f"  {name:<{width}}  {told}{joined}".rstrip()


def _shortened(lines: Sequence[str], most: int | None) -> list[str]:
    """Leave out the middle of a list of more lines than are wanted."""
    if most is None or len(lines) <= most:
        return list(lines)
    begin, end = most - most // 2, most // 2
    return [*lines[:begin], f"  … {len(lines) - begin - end} more (--all lists them)", *lines[-end:]]


def _shown_metrics(run: Run) -> tuple[tuple[str, str], ...]:
    """Return the metrics that are shown by default, each with the text of its value at the last snapshot."""
    from nnanim.frames.curves import last_values

    return last_values(run.log, run.rows[-1])


def _notes(run: Run) -> list[str]:
    """Return what a user should be told of the run, and of the units of the metrics that are shown by default."""
    from nnanim.frames.curves import unit_notes

    return [*run.notes, *unit_notes(run.log, [metric for metric, _ in _shown_metrics(run)])]
