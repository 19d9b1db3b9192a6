"""The command line: one group, and the one place where an `NnanimError` is caught."""

from __future__ import annotations

import atexit
import gc
import signal
import threading
from types import FrameType
from typing import Any

import click

from nnanim import __version__
from nnanim.cli.check import check
from nnanim.cli.draw import draw
from nnanim.cli.inspect import inspect
from nnanim.cli.render import render
from nnanim.errors import NnanimError, OptionError

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
GARBAGE = 50_000  # objects that are made before the collector looks whether they are still in use; Python's own is 700


class Group(click.Group):
    """Turn the errors of the library into messages and exit codes: 1 for bad data, 2 for bad usage, 130 on Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        # There is nothing to be found in all that was imported, not while it is and not when the program ends.
        gc.set_threshold(GARBAGE)
        atexit.register(gc.freeze)
        if threading.current_thread() is threading.main_thread():
            # Like Ctrl-C, so that a job that is stopped leaves no litter.
            signal.signal(signal.SIGTERM, _terminate)
        try:
            return super().invoke(ctx)
        except OptionError as error:
            raise click.UsageError(str(error)) from error
        except NnanimError as error:
            click.echo(f"nnanim: error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("nnanim: interrupted, nothing was written", err=True)
            ctx.exit(EXIT_INTERRUPTED)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(EXIT_TERMINATED)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnanim")
def main() -> None:
    """Turn the folder that a training run leaves behind into an animation of the network that learned."""


main.add_command(render)
main.add_command(draw)
main.add_command(inspect)
main.add_command(check)
