"""``nnanim inspect``: what a result folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options

if TYPE_CHECKING:
    from nnanim import Run


@click.command()
@options.result
@options.reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
def inspect(result: Path, layers: tuple[str, ...] | None, log: Path | None, skip_bad: bool, as_json: bool) -> None:
    """Print what was found in the folder RESULT: format, layers, snapshots, log, and what is left out and why."""
    from nnanim import open_run

    run = open_run(result, layers=layers, log=log, skip_bad=skip_bad)
    if as_json:
        echo.show_json(as_dict(run))
    else:
        echo.show(as_lines(run))


def as_dict(run: Run) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "format": run.format,
        "shape": list(run.shape),
        "layers": [{"name": layer.name, "weight": layer.key, "shape": list(layer.shape)} for layer in run.layers],
        "left_out": [
            {"name": layer.name, "weight": layer.key, "shape": list(layer.shape), "reason": layer.skipped}
            for layer in run.left_out
        ],
        "snapshots": [
            {"file": run.name_of(snapshot), "epoch": snapshot.epoch, "iteration": snapshot.iteration}
            for snapshot in run.snapshots
        ],
        "skipped": [{"file": name, "reason": reason} for name, reason in run.skipped],
        "log": run.log and {"file": run.log.path.name, "rows": len(run.log), "metrics": list(run.log.metrics)},
        "notes": list(run.notes),
    }


def as_lines(run: Run) -> list[str]:
    """Return what is printed for people."""
    lines = [
        f"{run.path}: {run.format}, {len(run.snapshots)} snapshots",
        f"shape      {','.join(map(str, run.shape))}",
        "layers",
    ]
    layers = [*run.layers, *run.left_out]
    name_width = max(len(layer.name) for layer in layers)
    sizes = ["x".join(map(str, layer.shape)) for layer in layers]
    size_width = max(map(len, sizes)) if run.left_out else 0
    for layer, size in zip(layers, sizes, strict=True):
        drawn = "" if layer in run.layers else f"  not drawn: {layer.skipped or 'its weight has no two axes'}"
        lines.append(f"  {layer.name:<{name_width}}  {size:<{size_width}}  {layer.key}{drawn}")
    lines.append("snapshots")
    names = [run.name_of(snapshot) for snapshot in run.snapshots]
    width = max(map(len, names))
    for name, snapshot, row in zip(names, run.snapshots, run.rows, strict=True):
        counters = {"epoch": snapshot.epoch, "iteration": snapshot.iteration}
        told = "  ".join(f"{counter} {value:g}" for counter, value in counters.items() if value is not None)
        joined = "" if row is None else f"  row {row + 1}"
        lines.append(f"  {name:<{width}}  {told}{joined}".rstrip())
    lines += [f"  {name}: skipped: {reason}" for name, reason in run.skipped]
    if run.log is None:
        lines.append("log        none")
    else:
        lines.append(f"log        {run.log.path}, {run.log.format}, {len(run.log)} rows")
        lines += [f"  {name}" for name in run.log.metrics]
    lines += [f"note: {note}" for note in run.notes]
    return lines
