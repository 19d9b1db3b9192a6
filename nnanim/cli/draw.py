"""``nnanim draw``: one snapshot as a still."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nnanim.cli import echo, options
from nnanim.cli.selection import one_folder
from nnanim.options import MAX_FPS, PANELS, STILL_SUFFIXES, make_options


@click.command()
@options.results
@options.shape
@options.reading_options
@options.still_output
@click.option("--epoch", type=float, metavar="N", help="The snapshot of this epoch.")
@click.option("--iteration", type=int, metavar="N", help="The snapshot of this iteration.")
@click.option("--last", is_flag=True, help="The last snapshot; the default.")
@options.still_options
@click.option("--panels", type=click.Choice(PANELS), help="What the picture holds.  [default: network]")
@click.option("--transparent", is_flag=True, help="Leave the background out.")
@options.quiet
def draw(
    results: tuple[Path, ...],
    shape: tuple[int, ...] | None,
    output: Path,
    epoch: float | None,
    iteration: int | None,
    last: bool,
    panels: str | None,
    transparent: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Draw one snapshot of the folder RESULT as a still, on the same scales as the animation."""
    if (epoch is not None) + (iteration is not None) + last > 1:
        raise click.UsageError("--epoch, --iteration and --last cannot be used together")
    import nnanim
    from nnanim.encoders.places import noting, refuse_inputs
    from nnanim.encoders.whole_file import check_target

    reading = {name: choices.pop(name) for name in options.READING}
    panels = panels or ("both" if choices["metric"] else "network")
    # With a rate, no snapshot is left out for want of time: any of them can be drawn.
    chosen = make_options({"panels": panels, "fps": MAX_FPS, **choices})
    check_target(output, STILL_SUFFIXES)
    reading["must_follow"] = chosen.view != "matrix"
    run = nnanim.open_run(one_folder(results, reading), shape=shape, **reading)
    if len(run.snapshots) > 1:  # one alone has no changes, and stands in ink
        chosen = replace(chosen, ending="change")
    animation = nnanim.Animation.of(run, chosen)
    place = -1 if epoch is None and iteration is None else animation.place_of(epoch=epoch, iteration=iteration)
    refuse_inputs([output], run.files)
    with noting() as notes:
        animation.write_still(output, place, transparent=transparent)
    if not quiet:
        for note in [*animation.notes, *notes]:
            echo.tell(f"nnanim: note: {note}")
        told = animation[place]
        at = f"epoch {told.epoch:g}" if told.epoch is not None else f"iteration {told.iteration}"
        echo.tell(f"{output}: {at}, {output.stat().st_size / 1000:.0f} KB")
