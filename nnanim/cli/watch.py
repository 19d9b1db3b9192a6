"""``nnanim watch``: a result folder is drawn while a training still fills it."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnanim.cli import echo, options, version
from nnanim.options import Reading, Writing, make_options
from nnanim.words import counted

if TYPE_CHECKING:
    from nnanim.animation import Animation
    from nnanim.watching.following import Look
    from nnanim.watching.serving import Board

EXIT_INTERRUPTED = 130
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read ``30s``, ``10m`` or ``2h`` as seconds."""
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not a length of time, as in 30s, 10m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


@click.command()
@options.result
@options.shape
@options.reading_options
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE|FOLDER/",
    multiple=True,
    help="What to write anew after each snapshot, as for render. Can be given more than once.",
)
@options.file_format
@click.option("--serve/--no-serve", default=True, show_default=True, help="Show the run as a page, in a browser.")
@click.option("--host", metavar="NAME", help="Serve other computers too, at this address.  [default: this one alone]")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Where to serve.  [default: any]")
@click.option("--until", metavar="EPOCH", type=float, help="End when a snapshot of this epoch or a later one is there.")
@click.option("--idle", "idle_s", metavar="TIME", callback=parse_duration, help="End after 30s, 10m, 2h without news.")
@options.animation_options
@options.jobs
@options.quiet
@version.option
def watch(
    result: Path,
    shape: tuple[int, ...] | None,
    outputs: tuple[str, ...],
    file_format: str | None,
    serve: bool,
    host: str | None,
    port: int,
    until: float | None,
    idle_s: float | None,
    curve: bool | None,
    jobs: int | None,
    quiet: bool,
    **choices: Any,
) -> None:
    """Show the run in the folder RESULT while it trains.

    Each snapshot is added when it is whole. Ctrl-C ends it, with outputs that show all that is there.
    """
    options.take_curve(curve, choices)
    reading: dict[str, Any] = {"shape": shape} | {name: choices.pop(name) for name in options.READING}
    chosen = make_options(choices)
    if any(output == options.STDOUT or echo.is_stdout(output) for output in outputs):
        raise click.UsageError("standard output cannot be written anew: give a file")
    options.check_outputs(outputs, file_format, if_changed=False)
    if not serve and (host is not None or port):
        raise click.UsageError("--no-serve cannot be used together with --host or --port")
    if not serve and not outputs:
        raise click.UsageError("nothing is to be shown: --no-serve needs -o FILE")
    from nnanim.encoders.targets import find_targets
    from nnanim.processes.worthwhile import usable_cpus
    from nnanim.watching.following import Follower
    from nnanim.watching.waiting import Waiting
    from nnanim.watching.watch import Ending, Rewriter, watch

    find_targets(outputs, file_format)
    may_lack = chosen.panels == "curve" and not serve
    follower = Follower(
        folder=result,
        reading=Reading(**reading, may_lack_snapshots=may_lack),
        options=chosen,
        apart_from=[Path(o) for o in outputs],
    )
    rewriter = Rewriter(outputs, Writing(file_format, jobs or usable_cpus()))

    board: Board | None = None

    def seen(look: Look) -> None:
        if board is not None and look.animation is not None:
            board.show(look.animation, is_new_run=look.is_new_run)
        for note in () if quiet else look.notes:
            echo.tell(f"nnanim: note: {note}")

    def wrote(animation: Animation) -> None:
        if not quiet:
            frames = counted(len(animation), "frame")
            echo.tell(f"{', '.join(outputs)}: {frames}, to {_newest(animation)}")

    with ExitStack() as stack:
        if serve:
            from nnanim.watching import serving

            board = serving.Board(result.resolve().name, chosen)
            server = stack.enter_context(serving.Server(board, host, port))
            echo.tell(f"{server.address} shows {str(result)!r}, Ctrl-C ends it")
        elif not quiet:
            echo.tell(f"watching {str(result)!r}, Ctrl-C ends it")
        waiting = stack.enter_context(Waiting(result))
        try:
            watch(follower, rewriter, Ending(until, idle_s), wait=waiting.wait, seen=seen, wrote=wrote)
        except KeyboardInterrupt:  # a second one, while the outputs were written for the last time
            if not rewriter.written:
                raise
            echo.tell(f"nnanim: interrupted, {', '.join(outputs)} stayed as before")
            click.get_current_context().exit(EXIT_INTERRUPTED)


def _newest(animation: Animation) -> str:
    """Say which snapshot is the newest."""
    return animation[len(animation) - 1].title
