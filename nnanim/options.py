"""Every choice a user has, with default and range. Light to import: the command line takes its defaults here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from nnanim.errors import OptionError

if TYPE_CHECKING:
    from concurrent.futures import Executor

SINCE = ("first", "previous")
COLORS = ("change", "sign")
SCALES = ("network", "layer")
THEMES = ("light", "dark")
PALETTES = ("vivid", "safe")
VIEWS = ("auto", "network", "layers", "map", "matrix")
PANELS = ("both", "network", "curve")
ENDINGS = ("both", "change", "ink")
SPACINGS = ("even", "log")
NODE_CHOICES = ("strongest", "even")
EDGE_CHOICES = ("weight", "change")
IMAGES = ("auto", "none")  # or a size
CLOCKS = ("epoch", "iteration", "share")  # of several runs in one picture

SUFFIX_FORMATS = {
    ".gif": "gif",
    ".html": "html",
    ".svg": "svg",
    ".mp4": "mp4",
    ".webm": "webm",
    ".webp": "webp",
    ".avif": "avif",
    ".apng": "apng",
    ".png": "apng",
}
SUFFIXES = tuple(SUFFIX_FORMATS)
FORMATS = (*dict.fromkeys(SUFFIX_FORMATS.values()), "frames")
STILL_SUFFIXES = (".svg", ".pdf", ".png")

CHECKING, READING, DRAWING = "checking", "reading", "drawing"  # the stages of drawing a folder
FOLDERS = "folders"  # the one stage of several that are drawn side by side

DEFAULT_OUTPUT = "animation.gif"
RUN_PLACE = "{run}"  # in the name of an output: the name of the result folder
DEFAULT_STILL = "network.svg"
DEFAULT_FIGSIZE = (9.0, 6.0)
DEFAULT_DPI = 100.0
SNAPSHOTS_PER_S = 10.0  # where neither a rate nor a duration is given
MIN_MOVING_S = 4.0  # so long they play at least, and so long at most, the ending not counted
MAX_MOVING_S = 12.0
DEFAULT_HOLD_S = 3.0
DEFAULT_MAX_NODES = 16
DEFAULT_MAX_EDGES = 100
FEW_EDGES = 125  # so many are shown, too, where nobody says how many
MOST_MOVING = 300  # shapes in an animated SVG: browsers take CPU for each

MIN_FPS = 0.01
MAX_FPS = 50.0  # viewers take delays under 20 ms for 100 ms
MOST_SHOWN = int(MAX_MOVING_S * MAX_FPS)  # snapshots, where nothing says how many
MAX_FRAME_S = 600.0  # a GIF counts a delay in 16 bits of 10 ms
MAX_TWEEN = 1000
MIN_SIDE_PX = 100
MAX_SIDE_INCHES = 10_000
MAX_DPI = 100_000
MAX_PIXELS = 32_000_000


def about_suffix(path: str | Path, suffixes: Sequence[str], hint: str = "") -> str:
    """Say that a file with this suffix cannot be written, and what can; `hint` is what else."""
    suffix = Path(path).suffix
    known = ", ".join(suffixes)
    if suffix.lower() in STILL_SUFFIXES:
        return (
            f"{str(path)!r} would be a still, which nnanim draw writes: nnanim draw RESULT -o {Path(path).name}"
            f" (an animation is one of {known})"
        )
    return f"unknown suffix {suffix!r} of {str(path)!r} (must be one of {known}{hint})"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is drawn.

    Attributes:
        metric: a column of the log, or several; by default accuracy, else whatever the log has first.
        color: ``"change"`` (strengthened red, weakened blue) or ``"sign"`` (of the weight).
        since: ``"first"`` or ``"previous"``, the snapshot that changes are measured against.
        scale: ``"network"`` (one domain for all layers) or ``"layer"`` (one for each).
        theme: ``"light"`` or ``"dark"``.
        palette: ``"vivid"`` or ``"safe"`` for colour-blind eyes.
        panels: ``"both"``, ``"network"`` or ``"curve"``.
        view: ``"network"`` (neurons and edges), ``"layers"`` (a row for each weight tensor),
            ``"map"`` (boxes and arrows), ``"matrix"`` (weight matrices as heat maps), or ``"auto"``.
        distributions: whether each row of the view ``"layers"``, which is then what ``"auto"`` takes, also has a
            histogram of log₁₀|w| of its weights, over that of the snapshot that changes are measured against.
        title: a line above all panels, such as the name of the run.
        figsize: width and height in inches.
        dpi: pixels per inch.
        fps: frames per second, 0.01 to 50; by default what ``duration_s`` asks for. Where neither is given, snapshots
            play at ten a second, but for 4 s at least and 12 s at most; of more than 600, so many are chosen evenly,
            unless ``every`` or ``max_frames`` chooses.
        hold_s: seconds for which the last snapshot stays after that.
        ending: how: first with its changes and then in neutral ink, half of the time each (``"both"``), or all the time
            with its changes (``"change"``) or in ink (``"ink"``).
        duration_s: seconds for the whole, the last frame's included.
        loop: whether the file plays again from the start.
        full_color: whether an animated WebP has all colours instead of the GIF's, in a file five times as large.
        moments: whether the animation slows where more happened than before and after, and says what in numbers; at
            most five times.
        tween: frames to put between two snapshots.
        every: show each N-th snapshot, and the last.
        max_frames: show at most so many snapshots, the first and the last among them.
        spacing: how ``max_frames`` chooses: ``"even"``, or ``"log"`` (close at the beginning, where most is learned).
        start: first epoch to show.
        stop: last epoch to show.
        max_nodes: neurons to show of one layer.
        nodes: which: ``"strongest"`` over the run, or ``"even"``.
        max_edges: edges to show; by default 100, or all of up to 125, and in an animated SVG no more than can move
            there.
        edges: which: the strongest by ``"weight"`` or by ``"change"`` over the run.
        bias: whether the rings of the nodes show biases.
        image: size of the image that the network takes in, whose weights are then shown as a small picture for each
            unit of the first layer: ``"28x28"``, ``"32x32x3"``, ``"none"``, or ``"auto"`` where a square or a
            convolution shows it.
        input_labels: names of the input neurons.
        output_labels: names of the output neurons.
        font: a font file for characters that the bundled font lacks.
        engine: ``"system"`` or ``"wheel"`` Graphviz; by default whichever is there.
    """

    metric: str | Sequence[str] | None = None
    color: str = COLORS[0]
    since: str = SINCE[0]
    scale: str = SCALES[0]
    theme: str = THEMES[0]
    palette: str = PALETTES[0]
    panels: str = PANELS[0]
    view: str = VIEWS[0]
    distributions: bool = False
    title: str = ""
    figsize: tuple[float, float] = DEFAULT_FIGSIZE
    dpi: float = DEFAULT_DPI
    fps: float | None = None
    hold_s: float = DEFAULT_HOLD_S
    ending: str = ENDINGS[0]
    duration_s: float | None = None
    loop: bool = True
    full_color: bool = False
    moments: bool = False
    tween: int = 0
    every: int = 1
    max_frames: int | None = None
    spacing: str = SPACINGS[0]
    start: float | None = None
    stop: float | None = None
    max_nodes: int = DEFAULT_MAX_NODES
    nodes: str = NODE_CHOICES[0]
    max_edges: int | None = None
    edges: str = EDGE_CHOICES[0]
    bias: bool = True
    image: str = "auto"
    input_labels: Sequence[str] = ()
    output_labels: Sequence[str] = ()
    font: str | None = None
    engine: str | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range and choices that contradict each other.

        Raises:
            OptionError: names the option, its value and what would be right.
        """
        for name, known in _CLOSED_SETS.items():
            if getattr(self, name) not in known:
                raise OptionError(f"{name} is {getattr(self, name)!r}: it must be one of {', '.join(known)}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                told = name.removesuffix("_s")
                raise OptionError(f"{told} is {value!r}: it must be from {least:g} to {most:g}")
        for (first, is_first), (second, is_second) in self._conflicts():
            if is_first and is_second:
                raise OptionError(f"{first} and {second} cannot be used together")
        if self.spacing != SPACINGS[0] and self.max_frames is None:
            raise OptionError(f"spacing {self.spacing!r} says how max_frames chooses: give max_frames too")
        if self.start is not None and self.stop is not None and self.start > self.stop:
            raise OptionError(f"the first epoch {self.start:g} comes after the last epoch {self.stop:g}")
        self._check_size()

    @property
    def has_rhythm(self) -> bool:
        """Whether the number of snapshots says how fast they play, since nothing else does."""
        return self.fps is None and self.duration_s is None

    @property
    def most_edges(self) -> int:
        """How many edges are shown at most."""
        return DEFAULT_MAX_EDGES if self.max_edges is None else self.max_edges

    def most_edges_of(self, there: int) -> int:
        """Return how many of so many edges are shown: where nobody says how many, none is left out for a few."""
        return there if self.max_edges is None and there <= FEW_EDGES else self.most_edges

    @property
    def metrics(self) -> tuple[str, ...]:
        """The wanted metrics, none where the default is to be taken."""
        if self.metric is None:
            return ()
        return (self.metric,) if isinstance(self.metric, str) else tuple(self.metric)

    @property
    def image_size(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the image that the user named, or None.

        Raises:
            OptionError: it is no size.
        """
        if self.image in IMAGES:
            return None
        found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,2}))?", self.image)
        if found is None:
            raise OptionError(
                f"image is {self.image!r}: it must be height x width (x channels) such as 28x28 or 32x32x3, or one of"
                f" {', '.join(IMAGES)}"
            )
        return int(found[1]), int(found[2]), int(found[3] or 1)

    def _conflicts(self) -> list[tuple[tuple[str, bool], tuple[str, bool]]]:
        return [
            (("fps", self.fps is not None), ("duration", self.duration_s is not None)),
            (("every", self.every != 1), ("max_frames", self.max_frames is not None)),
            (("color 'sign'", self.color == "sign"), ("since 'previous'", self.since == "previous")),
            (("metric", self.metric is not None), ("panels 'network'", self.panels == "network")),
            (("distributions", self.distributions), (f"view {self.view!r}", self.view not in ("auto", "layers"))),
            (("distributions", self.distributions), ("panels 'curve'", self.panels == "curve")),
            (("image", self.image_size is not None), ("input_labels", bool(self.input_labels))),
        ]

    def _check_size(self) -> None:
        width, height = self.figsize
        if max(width, height) > MAX_SIDE_INCHES:
            raise OptionError(f"figsize is {width:g},{height:g}: a side has at most {MAX_SIDE_INCHES} inches")
        width_px, height_px = width * self.dpi, height * self.dpi
        # Written so that NaN is refused too.
        if not (min(width_px, height_px) >= MIN_SIDE_PX and width_px * height_px <= MAX_PIXELS):
            raise OptionError(
                f"figsize {width:g},{height:g} inches at {self.dpi:g} dpi makes {width_px:.0f}x{height_px:.0f} px:"
                f" each side must have at least {MIN_SIDE_PX} px, the whole at most {MAX_PIXELS} px"
            )


class OptionFields(TypedDict, total=False):
    """The fields of `Options` as keyword arguments, for whoever checks or completes a call."""

    metric: str | Sequence[str] | None
    color: str
    since: str
    scale: str
    theme: str
    palette: str
    panels: str
    view: str
    distributions: bool
    title: str
    figsize: tuple[float, float]
    dpi: float
    fps: float | None
    hold_s: float
    ending: str
    duration_s: float | None
    loop: bool
    full_color: bool
    moments: bool
    tween: int
    every: int
    max_frames: int | None
    spacing: str
    start: float | None
    stop: float | None
    max_nodes: int
    nodes: str
    max_edges: int | None
    edges: str
    bias: bool
    image: str
    input_labels: Sequence[str]
    output_labels: Sequence[str]
    font: str | None
    engine: str | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a result folder is read; each as in `nnanim.open_run`."""

    shape: Sequence[int] | None = None
    layers: Sequence[str] | None = None
    model: str | None = None
    files: str | Sequence[str] | None = None
    log: str | Path | None = None
    skip_bad: bool = False
    may_lack_snapshots: bool = False
    must_follow: bool = True

    def for_options(self, options: Options) -> Reading:
        """Return how a folder is read for a picture."""
        return replace(self, may_lack_snapshots=options.panels == "curve", must_follow=options.view != "matrix")


@dataclass(frozen=True)
class Writing:
    """How files are written; each as in `nnanim.Animation.write`."""

    file_format: str | None = None
    jobs: int = 1
    executor: Executor | None = None


def make_options(choices: Mapping[str, Any]) -> Options:
    """Make options of a caller's keyword arguments.

    Raises:
        OptionError: there is no such option, or a value is out of its range; the message names what would be right.
    """
    known = [field.name for field in fields(Options)]
    for name in choices:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1, 0.5)
            told = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise OptionError(f"there is no option {name!r} ({told})")
    return Options(**choices)


_CLOSED_SETS = {
    "color": COLORS,
    "since": SINCE,
    "scale": SCALES,
    "theme": THEMES,
    "palette": PALETTES,
    "panels": PANELS,
    "view": VIEWS,
    "spacing": SPACINGS,
    "ending": ENDINGS,
    "nodes": NODE_CHOICES,
    "edges": EDGE_CHOICES,
}
_RANGES = {
    "dpi": (0, MAX_DPI),
    "fps": (MIN_FPS, MAX_FPS),
    "hold_s": (0, MAX_FRAME_S),
    "duration_s": (0.02, 100_000),
    "tween": (0, MAX_TWEEN),
    "every": (1, 10**9),
    "max_frames": (1, 10**9),
    "max_nodes": (1, 1000),
    "max_edges": (1, 1_000_000),
}
