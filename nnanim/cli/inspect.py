"""``nnanim inspect``: what a result folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import options

if TYPE_CHECKING:
    from nnanim import Run


@click.command()
@options.result
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
def inspect(result: Path, as_json: bool) -> None:
    """Print what was found in the folder RESULT."""
    from nnanim import open_run

    run = open_run(result)
    if as_json:
        click.echo(json.dumps(as_dict(run), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(as_lines(run)))


def as_dict(run: Run) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "format": run.format,
        "shape": list(run.shape),
        "layers": [{"name": layer.name, "weight": layer.key, "shape": list(layer.shape)} for layer in run.layers],
        "snapshots": [
            {"file": snapshot.path.name, "epoch": snapshot.epoch, "iteration": snapshot.iteration}
            for snapshot in run.snapshots
        ],
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
    width = max(len(layer.name) for layer in run.layers)
    lines += [f"  {layer.name:<{width}}  {'x'.join(map(str, layer.shape))}  {layer.key}" for layer in run.layers]
    lines.append("snapshots")
    width = max(len(snapshot.path.name) for snapshot in run.snapshots)
    for snapshot in run.snapshots:
        counters = {"epoch": snapshot.epoch, "iteration": snapshot.iteration}
        told = "  ".join(f"{name} {value:g}" for name, value in counters.items() if value is not None)
        lines.append(f"  {snapshot.path.name:<{width}}  {told}".rstrip())
    if run.log is None:
        lines.append("log        none")
    else:
        lines.append(f"log        {run.log.path}, {len(run.log)} rows")
        lines += [f"  {name}" for name in run.log.metrics]
    lines += [f"note: {note}" for note in run.notes]
    return lines
