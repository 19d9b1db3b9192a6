"""Options of the commands. The syntax of a value is checked here (exit 2), its sense by the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

# Written out, because the modules that hold them must not be imported before a command runs; a test compares them.
DEFAULT_OUTPUT = "animation.gif"
DEFAULT_FIGSIZE = "9,6"
DEFAULT_DPI = 100.0
DEFAULT_FPS = 10.0
MAX_FPS = 50.0
DEFAULT_HOLD_S = 2.0
MAX_HOLD_S = 600.0
DEFAULT_METRIC = "main/accuracy"
SINCE = ("first", "previous")
SUFFIXES = (".gif",)

Callback = Callable[[click.Context, click.Parameter, Any], Any]


def parse_shape(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Read ``4,5,5,5,3``."""
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) < 10**9 for part in parts):
        raise click.BadParameter(
            f"{value!r} is not a list of layer sizes: two or more whole numbers from 1, separated by commas, as in"
            " 4,5,5,5,3"
        )
    return tuple(map(int, parts))


def parse_figsize(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[float, float]:
    """Read ``9,6``."""
    try:
        width, height = map(float, value.split(","))
    except ValueError:
        width = height = 0.0
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise click.BadParameter(f"{value!r} is not a width and a height in inches, as in {DEFAULT_FIGSIZE}")
    return width, height


def parse_output(_ctx: click.Context, _param: click.Parameter, value: Path) -> Path:
    """Refuse suffixes that no encoder writes."""
    if value.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise click.BadParameter(f"unknown suffix {value.suffix!r} of {str(value)!r} (must be one of {known})")
    return value


result = click.argument("result", type=click.Path(path_type=Path))
shape = click.option(
    "--shape",
    metavar="N,N,...",
    callback=parse_shape,
    help="Sizes of the layers, input first, as in 4,5,5,5,3; the snapshots must have just these.  [default: as found]",
)
output = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUTPUT,
    show_default=True,
    callback=parse_output,
    help="The file to write.",
)
metric = click.option(
    "--metric",
    metavar="NAME",
    help=f"Metric of the log to show.  [default: {DEFAULT_METRIC}, else what the log has]",
)
since = click.option(
    "--since",
    type=click.Choice(SINCE),
    default=SINCE[0],
    show_default=True,
    help="The snapshot that red and blue are measured against.",
)
figsize = click.option(
    "--figsize",
    metavar="WIDTH,HEIGHT",
    default=DEFAULT_FIGSIZE,
    show_default=True,
    callback=parse_figsize,
    help="Size of the picture in inches.",
)
dpi = click.option(
    "--dpi",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_DPI,
    show_default=True,
    help="Pixels per inch.",
)
fps = click.option(
    "--fps",
    type=click.FloatRange(min=0, max=MAX_FPS, min_open=True),
    default=DEFAULT_FPS,
    show_default=True,
    help="Frames per second.",
)
hold_s = click.option(
    "--hold",
    "hold_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0, max=MAX_HOLD_S),
    default=DEFAULT_HOLD_S,
    show_default=True,
    help="How long the last frame stays.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
