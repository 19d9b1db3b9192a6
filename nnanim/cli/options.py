"""Options of the commands. The syntax of a value is checked here (exit 2), its sense by the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nnanim import options as library
from nnanim.errors import OptionError
from nnanim.options import Options

Command = Callable[..., Any]
Option = Callable[[Command], Command]
DEFAULTS = Options()
STDOUT = "-"
_ANY_PATH = click.Path(readable=False, path_type=Path)  # whether it can be read is bad data (exit 1), no bad usage


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
        raise click.BadParameter(f"{value!r} is not a width and a height in inches, as in 9,6")
    return width, height


def parse_image(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Read ``28x28``, ``32x32x3`` or ``none``."""
    try:
        library.Options(image=value)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error
    return value


def parse_labels(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read ``setosa,versicolor,virginica``, or a file with one name on each line."""
    if value is None:
        return ()
    if "," not in value and Path(value).is_file():
        try:
            return tuple(line.strip() for line in Path(value).read_text(encoding="utf-8").splitlines() if line.strip())
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"the file {value!r} cannot be read as UTF-8 text") from error
    return tuple(name.strip() for name in value.split(","))


def check_suffix(suffixes: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, Path], Path]:
    """Refuse suffixes that no encoder writes."""

    def check(_ctx: click.Context, _param: click.Parameter, value: Path) -> Path:
        if value.suffix.lower() not in suffixes:
            known = ", ".join(suffixes)
            raise click.BadParameter(f"unknown suffix {value.suffix!r} of {str(value)!r} (must be one of {known})")
        return value

    return check


def check_outputs(outputs: tuple[str, ...], file_format: str | None, *, if_changed: bool) -> None:
    """Refuse outputs whose format nobody can tell, and those that contradict each other."""
    for output in outputs:
        if output == STDOUT:
            if file_format is None:
                raise click.UsageError("standard output has no suffix: say with --format what to write")
            if file_format == "frames":
                raise click.UsageError("a folder of frames cannot go to standard output")
            if if_changed:
                raise click.UsageError("standard output cannot be left alone: --if-changed needs a file")
            if sys.stdout is not None and sys.stdout.isatty():
                raise click.UsageError("standard output is a terminal: pipe it into a file or a program")
        elif file_format is None and not output.endswith(("/", os.sep)) and not os.path.isdir(output):
            suffix = Path(output).suffix
            if suffix.lower() not in library.SUFFIXES:
                hint = "" if suffix else ", or a folder with / at its end"
                message = library.about_suffix(output, library.SUFFIXES, hint)
                raise click.BadParameter(message, param_hint="'-o' / '--output'")
    if outputs.count(STDOUT) > 1:
        raise click.UsageError("the same output was given twice")


def take_curve(curve: bool | None, choices: dict[str, Any]) -> None:
    """Take ``--curve`` and ``--no-curve`` for the panels that they stand for.

    Raises:
        UsageError: panels were chosen too.
    """
    if curve is None:
        return
    if click.get_current_context().get_parameter_source("panels") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--panels and --curve/--no-curve cannot be used together")
    choices["panels"] = "both" if curve else "network"


def _choice(name: str, known: tuple[str, ...], text: str) -> Option:
    return click.option(f"--{name}", type=click.Choice(known), default=known[0], show_default=True, help=text)


result: Option = click.argument("result", metavar="RESULT", type=_ANY_PATH)
results: Option = click.argument("results", metavar="RESULT...", type=_ANY_PATH, nargs=-1, required=True)
jobs: Option = click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1),
    help="Processes to draw with at most.  [default: the CPUs that may be used]",
)
scheduler: Option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Draw on a Dask cluster, whose scheduler is at tcp://HOST:PORT; for layers and map it reads the weights too.",
)
shape: Option = click.option(
    "--shape",
    metavar="N,N,...",
    callback=parse_shape,
    help="Sizes of the layers, input first, as in 4,5,5,5,3; the snapshots must have just these.  [default: as found]",
)
layers: Option = click.option(
    "--layers",
    metavar="NAME,NAME,...",
    callback=lambda _ctx, _param, value: tuple(name.strip() for name in value.split(",")) if value else None,
    help="Names of the layers to draw, input first; inspect lists them. For matrices any weights, in any order."
    "  [default: those that follow each other]",
)
log: Option = click.option(
    "--log",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The log, where it is not in RESULT.  [default: found]",
)
READING = ("layers", "model", "files", "log", "skip_bad")
skip_bad: Option = click.option("--skip-bad", is_flag=True, help="Go on past broken snapshots, with a note for each.")
model: Option = click.option(
    "--model",
    metavar="NAME",
    help="Which of several models in a snapshot, or of several networks.  [default: the first]",
)
files: Option = click.option(
    "--files",
    metavar="PATTERN",
    multiple=True,
    callback=lambda _ctx, _param, value: value or None,
    help="Only files whose names fit are snapshots, as in 'netG*'; can be given more than once.",
)
outputs: Option = click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE|FOLDER/|-",
    multiple=True,
    default=(library.DEFAULT_OUTPUT,),
    show_default=True,
    help=f"What to write: {', '.join(library.SUFFIXES)}; a folder (with / at its end) for numbered pictures and their"
    " numbers; - for standard output. Can be given more than once. An .avif or a video is lossy."
    f" For several folders {library.RUN_PLACE} in it stands for what tells them apart.",
)
file_format: Option = click.option(
    "--format", "file_format", type=click.Choice(library.FORMATS), help="The format, whatever the output is called."
)
if_changed: Option = click.option(
    "--if-changed", is_flag=True, help="Leave an output alone that was made from the same run with the same options."
)
summary: Option = click.option(
    "--summary",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the final metrics and a small picture as Markdown.",
)
comparison_outputs: Option = click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE|FOLDER/",
    multiple=True,
    help="Also draw the runs side by side:"
    f" {', '.join((*library.SUFFIXES, '.pdf'))}, or a folder (with / at its end) for numbered pictures. Can be given"
    " more than once.",
)
by: Option = click.option(
    "--by",
    type=click.Choice(library.CLOCKS),
    help="What the clock of all runs counts.  [default: epochs, or else the first that all runs tell]",
)
still_output: Option = click.option(
    "-o",
    "--output",
    type=_ANY_PATH,
    default=library.DEFAULT_STILL,
    show_default=True,
    callback=check_suffix(library.STILL_SUFFIXES),
    help=f"The file to write: {', '.join(library.STILL_SUFFIXES)}.",
)
metric: Option = click.option(
    "--metric",
    metavar="NAME",
    multiple=True,
    callback=lambda _ctx, _param, value: value or None,
    help="Metric of the log to show; can be given more than once.  [default: main/accuracy, else what the log has]",
)
color: Option = _choice("color", library.COLORS, "Colour edges by how they changed, or by the sign of their weight.")
since: Option = _choice("since", library.SINCE, "The snapshot that red and blue are measured against.")
scale: Option = _choice("scale", library.SCALES, "One scale for the whole network, or one for each layer.")
theme: Option = _choice("theme", library.THEMES, "Dark lines on a light ground, or light ones on a dark ground.")
palette: Option = _choice(
    "palette", library.PALETTES, "Red and blue, or a pair that colour-blind eyes tell apart better."
)
figsize: Option = click.option(
    "--figsize",
    metavar="WIDTH,HEIGHT",
    default="{:g},{:g}".format(*DEFAULTS.figsize),
    show_default=True,
    callback=parse_figsize,
    help="Size of the picture in inches; tall ones have the curve below the network.",
)
dpi: Option = click.option(
    "--dpi",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULTS.dpi,
    show_default=True,
    help="Pixels per inch.",
)
panels: Option = _choice("panels", library.PANELS, "What the picture holds.")
view: Option = _choice(
    "view",
    library.VIEWS,
    "Neurons and edges, a row for each weight tensor, boxes and arrows, or matrices as heat maps.",
)
distributions: Option = click.option(
    "--distributions",
    is_flag=True,
    help="In rows of weight tensors a histogram of log10 |w| for each, over that of an earlier snapshot.",
)
title: Option = click.option(
    "--title", metavar="TEXT", default="", help="A line above all, such as the name of the run."
)
no_curve: Option = click.option(
    "--curve/--no-curve", default=None, help="Short for --panels both and --panels network."
)
fps: Option = click.option(
    "--fps",
    type=click.FloatRange(library.MIN_FPS, library.MAX_FPS),
    help=f"Frames per second.  [default: {library.SNAPSHOTS_PER_S:g} snapshots a second, but"
    f" {library.MIN_MOVING_S:g} to {library.MAX_MOVING_S:g} s for all of them]",
)
hold_s: Option = click.option(
    "--hold",
    "hold_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0, max=library.MAX_FRAME_S),
    default=DEFAULTS.hold_s,
    show_default=True,
    help="How long the last snapshot stays.",
)
ending: Option = _choice("ending", library.ENDINGS, "How it stays: with its changes, in neutral ink, or both in turn.")
duration_s: Option = click.option(
    "--duration", "duration_s", metavar="SECONDS", type=float, help="Length of the whole, instead of --fps."
)
loop: Option = click.option(
    "--loop/--no-loop", default=DEFAULTS.loop, show_default=True, help="Play for ever, or once."
)
full_color: Option = click.option(
    "--full-color", is_flag=True, help="All colours in a .webp instead of the GIF's: five times the size."
)
moments: Option = click.option(
    "--moments", is_flag=True, help="Slow down where more happened than before and after, and say what in numbers."
)
tween: Option = click.option(
    "--tween",
    metavar="N",
    type=click.IntRange(0, library.MAX_TWEEN),
    default=DEFAULTS.tween,
    show_default=True,
    help="Frames to put between two snapshots.",
)
every: Option = click.option(
    "--every",
    metavar="N",
    type=click.IntRange(1),
    default=DEFAULTS.every,
    show_default=True,
    help="Show each N-th snapshot, and the last.",
)
max_frames: Option = click.option(
    "--max-frames", metavar="N", type=click.IntRange(1), help="Show at most N snapshots, first and last among them."
)
spacing: Option = _choice(
    "spacing", library.SPACINGS, "How --max-frames chooses: evenly, or close together at the beginning."
)
start: Option = click.option("--from", "start", metavar="EPOCH", type=float, help="First epoch to show.")
stop: Option = click.option("--to", "stop", metavar="EPOCH", type=float, help="Last epoch to show.")
max_nodes: Option = click.option(
    "--max-nodes",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=DEFAULTS.max_nodes,
    show_default=True,
    help="Neurons to show of one layer.",
)
nodes: Option = _choice(
    "nodes", library.NODE_CHOICES, "Which neurons of a layer: the strongest over the run, or evenly."
)
max_edges: Option = click.option(
    "--max-edges",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    help="Edges to show, the strongest of each layer over the run; in an .svg no more than can move.  [default:"
    f" {library.DEFAULT_MAX_EDGES}, or all of up to {library.FEW_EDGES}]",
)
edges: Option = _choice("edges", library.EDGE_CHOICES, "What makes an edge strong: its weight, or its change.")
bias: Option = click.option("--bias/--no-bias", default=DEFAULTS.bias, show_default=True, help="Show biases as rings.")
image: Option = click.option(
    "--image",
    metavar="HxW|HxWxC|none",
    default=DEFAULTS.image,
    callback=parse_image,
    help="Size of the image that the network takes in: each unit of the first layer is then a small picture of its"
    " weights, of as many units as there is room for.  [default: found by its weights]",
)
input_labels: Option = click.option(
    "--input-labels",
    metavar="A,B,...|FILE",
    callback=parse_labels,
    help="Names of the input neurons, or a file with one on each line.",
)
output_labels: Option = click.option(
    "--output-labels", metavar="A,B,...|FILE", callback=parse_labels, help="Names of the output neurons, likewise."
)
font: Option = click.option("--font", metavar="FILE", help="Font file for characters that the bundled font lacks.")
quiet: Option = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")

_LOOKS = (title, metric, color, since, scale, theme, palette, figsize, dpi)
_CONTENTS = (max_nodes, nodes, max_edges, edges, bias, image, input_labels, output_labels, font)
_TIME = (fps, hold_s, ending, duration_s, loop, full_color, moments, tween, every, max_frames, spacing, start, stop)


def reading_options(command: Command) -> Command:
    """Add the options that say how a result folder is read."""
    return _add(command, (layers, model, files, log, skip_bad))


def animation_options(command: Command) -> Command:
    """Add all options of an animation to a command."""
    return _add(command, (*_LOOKS, view, distributions, panels, no_curve, *_TIME, *_CONTENTS))


def still_options(command: Command) -> Command:
    """Add all options of a still to a command."""
    return _add(command, (*_LOOKS, view, distributions, *_CONTENTS))


def comparison_options(command: Command) -> Command:
    """Add all options of a picture of several runs to a command."""
    lacking = {scale, tween, moments, image}  # one scale for all runs, no moments of one, neurons alone
    return _add(command, tuple(each for each in (*_LOOKS, view, panels, by, *_TIME, *_CONTENTS) if each not in lacking))


def _add(command: Command, choices: tuple[Callable[[Command], Command], ...]) -> Command:
    for choice in reversed(choices):
        command = choice(command)
    return command
