"""The command line: one group, and the one place where an `NnanimError` is caught."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import click

from nnanim.cli import echo, version
from nnanim.cli.check import check
from nnanim.cli.compare import compare
from nnanim.cli.draw import draw
from nnanim.cli.inspect import inspect
from nnanim.cli.render import render
from nnanim.cli.watch import watch
from nnanim.errors import NnanimError, OptionError
from nnanim.printable import printable

EXIT_NOTHING_ASKED = 2  # as for any other wrong usage
EXIT_INTERRUPTED = 130
EXIT_BY_SIGNAL = 128  # and the signal's number, as a shell tells it
WHOLE = 1000  # characters of a sentence that is not to be cut
ENDING = ("SIGTERM", "SIGHUP")  # a job that is stopped, a terminal that is closed; Windows has no SIGHUP
RETRY_S = 0.02  # after which a signal that came at a bad moment comes again
GARBAGE = 50_000  # objects that are made before the collector looks whether they are still in use; Python's own is 700


class Group(click.Group):
    """Turn the errors of the library into messages and exit codes: 1 for bad data, 2 for bad usage, 130 on Ctrl-C.

    A path where a command is expected means to render it.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and (os.path.exists(args[0]) or os.sep in args[0]):
            args = ["render", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            for line in START.splitlines():
                echo.tell(line)
            ctx.exit(EXIT_NOTHING_ASKED)
        return super().parse_args(ctx, args)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command with its whole first sentence as short help, which click would cut, in completions too."""
        cmd.short_help = cmd.short_help or cmd.get_short_help_str(limit=WHOLE)
        super().add_command(cmd, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its whole first sentence."""
        rows = [(name, command.get_short_help_str(limit=WHOLE)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    _usage: click.UsageError | None = None  # what click is about to tell

    def invoke(self, ctx: click.Context) -> Any:
        # There is nothing to be found in all that was imported, not while it is and not when the program ends.
        gc.set_threshold(GARBAGE)
        atexit.register(gc.freeze)
        if threading.current_thread() is threading.main_thread():
            _end_as_by_ctrl_c()
        try:
            return super().invoke(ctx)
        except OptionError as error:
            raise WrongUsage(printable(str(error))) from error
        except NnanimError as error:
            echo.tell(f"nnanim: error: {error}")
            ctx.exit(1)
        except KeyboardInterrupt:
            echo.tell("nnanim: interrupted, nothing was written")
            ctx.exit(EXIT_INTERRUPTED)
        except MemoryError:
            pass  # outside of this block nothing holds what was read, so there is room to say it
        except click.UsageError as error:
            self._usage = error
            raise _told(error) from error
        echo.tell("nnanim: error: there is not enough memory (try fewer --jobs, a lower --dpi, or --every)")
        ctx.exit(1)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:  # an option before any command
            raise _told(error) from error
        except KeyboardInterrupt:  # which click would end with 1
            raise SystemExit(EXIT_INTERRUPTED) from None

    def main(self, *args: Any, **more: Any) -> Any:
        echo.prepare_streams()
        self._usage = None
        try:
            return super().main(*args, **more)
        except OSError as error:  # while click told a wrong usage, or gave help
            if self._usage is not None:
                raise SystemExit(self._usage.exit_code) from None
            if error.errno != errno.ENOSPC or error.filename is not None:
                raise
            echo.tell(f"nnanim: error: {echo.broken(error)}")
            raise SystemExit(1) from None


def _end_as_by_ctrl_c() -> None:
    """End like on Ctrl-C when the job is stopped or its terminal closed, so that it leaves no litter."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    for name in ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup wants it to be ignored
            signal.signal(number, _terminate)
    if getattr(sys.unraisablehook, "func", None) is not _not_lost:
        sys.unraisablehook = partial(_not_lost, sys.unraisablehook)


def _terminate(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        _once_more(number)
    else:
        raise SystemExit(EXIT_BY_SIGNAL + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        _once_more(number)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported.

    Those in C++ run Python while they begin (Matplotlib's font module makes its enumerations so). Where that raises,
    they are left half made, and Python ends in SIGABRT or SIGSEGV.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _not_lost(before: Callable[[sys.UnraisableHookArgs], object], what: sys.UnraisableHookArgs) -> None:
    """Send a signal once more whose handler raised where Python only tells of it and goes on, as in a finaliser."""
    error = what.exc_value
    if isinstance(error, KeyboardInterrupt):
        _once_more(signal.SIGINT)
    elif isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > EXIT_BY_SIGNAL:
        _once_more(error.code - EXIT_BY_SIGNAL)
    else:
        before(what)


def _once_more(number: int) -> None:
    """Send a signal to this process again in a moment."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:  # which wakes it too, where it waits
        threading.Timer(RETRY_S, signal.pthread_kill, (main_thread, number)).start()
    else:
        threading.Timer(RETRY_S, signal.raise_signal, (number,)).start()


class WrongUsage(click.UsageError):
    """A wrong usage, told as any other error is, below how the command is used."""

    def show(self, file: Any = None) -> None:
        """Write usage and message to standard error."""
        if self.ctx is not None:
            hint = f"Try '{self.ctx.command_path} {max(self.ctx.help_option_names, key=len)}' for help."
            click.echo(f"{self.ctx.get_usage()}\n{hint}\n", file, err=True)
        click.echo(f"nnanim: error: {self.format_message()}", file, err=True)


def _told(error: click.UsageError) -> WrongUsage:
    return WrongUsage(_each_line(error.format_message()), error.ctx)


def _each_line(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


BEGIN = """\
To begin with:
  nnanim inspect FOLDER               what a training left behind in a folder
  nnanim render FOLDER                the network that learned, as animation.gif
  nnanim render FOLDER -o page.html   every snapshot, to look at step by step
"""
START = f"""\
nnanim turns the folder that a training run leaves behind into an animation of the network that learned.

{BEGIN}
nnanim --help lists all commands, nnanim render --help all options.
"""


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=f"\b\n{BEGIN}")
@version.option
def main() -> None:
    """Turn the folder that a training run leaves behind into an animation of the network that learned."""


main.add_command(render)
main.add_command(draw)
main.add_command(inspect)
main.add_command(check)
main.add_command(compare)
main.add_command(watch)
