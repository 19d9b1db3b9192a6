"""Runs side by side: small multiples on one clock and one set of scales, as a sequence of frames and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.comparing.comparison import Comparison, Line
from nnanim.design.coloring import COLORINGS, Coloring
from nnanim.design.theme import MOST_RUNS, POINTS_PER_INCH
from nnanim.encoders.targets import PAGE, SVG, find_targets
from nnanim.encoders.whole_file import STILL_SUFFIXES, check_target
from nnanim.errors import OptionError
from nnanim.film import Film, Frames, save_still, write_films
from nnanim.frames.frame import Frame, TogetherFrame
from nnanim.frames.history import Place
from nnanim.frames.readers import Readers
from nnanim.frames.selection import Selection
from nnanim.frames.timeline import timeline
from nnanim.frames.together import Together, bring_together
from nnanim.frames.weights import Weights, read_weights
from nnanim.options import MOST_MOVING, OptionFields, Options, make_options
from nnanim.painting.painter import Painter
from nnanim.panels.difference import Difference, called
from nnanim.panels.dots import MOST_LAYERS, Spread, height_of_dots
from nnanim.panels.matrix import FEW, MatrixPanel, read_matrices
from nnanim.panels.multiples import Multiples, make_multiples, palette_of, room_of_matrices, scale_of_width
from nnanim.panels.views.view import View, pick_view, view_named
from nnanim.reading.run import Run, Snapshot

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from typing_extensions import Unpack

LEAST_RUNS = 2
DRAWN = "drawn above: the first run of each group"
NEURON_BY_NEURON = ("network", "matrix")  # views
OTHER_STARTS = ("not the same start:", "neurons are not comparable one by one")
MEDOIDS = "drawn above: of each group the run nearest to the others"


def check_count(runs: int) -> None:
    """Refuse too few or too many panels.

    Raises:
        OptionError: says how many there may be.
    """
    if not LEAST_RUNS <= runs <= MOST_RUNS:
        raise OptionError(f"{LEAST_RUNS} to {MOST_RUNS} runs or groups can be drawn side by side: got {runs}")


def remark_of(found: Comparison) -> tuple[str, str] | None:
    """Say whether neurons of different runs can be held against each other one by one; None where they can."""
    first = next(iter(found.groups))
    if found.orders:
        return f"matched to {called(first)}:", "hidden units in the order that fits best"
    return None if found.same_start else OTHER_STARTS


def spreads_of(lines: Sequence[Line]) -> list[Spread]:
    """Return the statistics of whole networks, and of layers, where any group has more than one run."""
    layers = list(dict.fromkeys(line.layer for line in lines if line.layer is not None))[:MOST_LAYERS]
    return [
        Spread(line.statistic.label, line.statistic.term, tuple(line.values.values()), line.layer)
        for line in lines
        if line.layer in (None, *layers) and any(len(values) > 1 for values in line.values.values())
    ]


class SideBySide(Frames[TogetherFrame]):
    """Two to eight runs as a sequence of frames. Nothing is drawn before it is asked for."""

    def __init__(
        self,
        runs: Mapping[str, Run],
        *,
        by: str | None = None,
        lines: Sequence[Line] = (),
        difference: bool = False,
        drawn: str = DRAWN,
        remark: tuple[str, str] | None = None,
        **options: Unpack[OptionFields],
    ) -> None:
        """Read the weights of all snapshots that are shown, and fix the scales over all runs.

        Args:
            runs: opened, by name.
            by: what the clock counts, ``"epoch"``, ``"iteration"`` or ``"share"`` of each run; by default the first
                that all runs tell.
            lines: statistics of the groups, by the names of `runs`; shown below where a group has several runs.
            difference: colour how the weights differ from the first run's, for runs that began from the same weights.
            drawn: which run of each group is drawn, in words.
            remark: what the picture says of the runs where single neurons are seen, a short line and what it means.
            options: the fields of `nnanim.options.Options`.

        Raises:
            OptionError: there are too few or too many runs, or an option does not fit them.
            SnapshotError: a snapshot cannot be read, or is not like the others.
            MetricError: no run has the metric.
        """
        self._again: dict[str, Any] = {
            "by": by,
            "lines": lines,
            "difference": difference,
            "drawn": drawn,
            "remark": remark,
        }
        self._lines = lines
        self.runs: dict[str, Run] = dict(runs)
        self.options: Options = replace(make_options(options), image="none")  # networks are small here
        self._check()
        spreads = spreads_of(lines)
        self._view, self._about_view = self._choose_view()
        together = bring_together(
            list(self.runs), list(self.runs.values()), self._reader(spreads, difference=difference), self.options, by
        )
        self.together: Together = together
        self._difference = Difference.of(together) if difference and self.options.panels != "curve" else None
        self._coloring: Coloring = self._difference.coloring if self._difference else COLORINGS[self.options.color]
        has_view = self.options.panels != "curve"
        in_ink = has_view and self._coloring.ends_in_ink and not together.is_still
        self._moments = timeline(together.moments, self.options, in_ink=in_ink)
        scales = (self._difference and self._difference.scales) or self._view.scales(together.histories, self.options)
        said = remark if self._view.name in NEURON_BY_NEURON else None
        self.figure: Multiples = make_multiples(
            together, self._view, scales, self.options, spreads, self._difference, drawn, said
        )
        self.painter: Painter = Painter(self.figure.ground, self.options.engine, self.options.font)

    def _check(self) -> None:
        check_count(len(self.runs))
        if self.options.scale == "layer":
            raise OptionError("scale is 'layer', but layers of several runs have no scale in common (take 'network')")
        if self.options.tween:
            raise OptionError("tween: runs side by side show their snapshots, and nothing between two of them")
        if self.options.moments:
            raise OptionError("moments: runs side by side have one clock, which cannot slow for one of them")
        if self.options.distributions:
            raise OptionError("distributions: rows of runs side by side have no room for histograms")
        for name, run in self.runs.items():
            if not run.snapshots:
                raise OptionError(f"{name!r} has no snapshots, only a log, so there is no network to show")

    def _choose_view(self) -> tuple[View, tuple[str, ...]]:
        """Return the view of all runs, and what is to be told of it: rows where not all are shown alike."""
        kinds = {name: pick_view(run, self.options).name for name, run in self.runs.items()}
        if len(set(kinds.values())) == 1:
            return view_named(next(iter(kinds.values()))), ()
        other = next(name for name, kind in kinds.items() if kind != "network")
        told = f"all runs are shown as rows of weight tensors, for {self.runs[other].why_view} in {other!r}"
        return view_named("layers"), (told,)

    def _reader(self, spreads: Sequence[Spread], *, difference: bool) -> Callable[..., Any]:
        """Return what reads a run for the view."""
        if self._view.name == "matrix":
            has_curves = self.options.panels == "both" and any(run.log is not None for run in self.runs.values())
            below = height_of_dots(spreads, scale_of_width(self.options.figsize[0] * POINTS_PER_INCH))
            room = room_of_matrices(self.options, len(self.runs), has_curves=has_curves, below_pt=below)
            return lambda run, snapshots, options, _readers: read_matrices(run, snapshots, options, room)
        if self._view.name == "network" and difference:  # the same edges of all
            chosen: list[Selection] = []

            def read(_run: Run, snapshots: Sequence[Snapshot], options: Options, _readers: Readers) -> Weights:
                shown = read_weights(snapshots, options, selection=chosen[0] if chosen else None)
                chosen.append(shown.selection)
                return shown

            return read
        return self._view.read

    def frame_of_still(self, place: int) -> TogetherFrame:
        """Return a frame with its changes, also where it is shown in ink."""
        return self._frame(range(len(self))[place], still=True)

    def _frame(self, index: int, *, still: bool = False) -> TogetherFrame:
        moment, together = self._moments[index], self.together
        runs = tuple(self._run_frame(run, index, in_ink=moment.in_ink and not still) for run in range(len(self.runs)))
        if self._difference is not None and self.figure.views:
            runs = self._difference.recolored(runs, self.figure.style.theme)
        return TogetherFrame(
            index=index,
            at=moment.at,
            title=together.time_text(moment.at),
            duration_s=moment.duration_s,
            runs=runs,
        )

    def _run_frame(self, run: int, index: int, *, in_ink: bool) -> Frame:
        moment, together = self._moments[index], self.together
        history, place = together.histories[run], together.place(run, moment.at)
        x, at, shown = history.x(place), history.clock.ticks[place.before], place
        if self._difference is not None and self._difference.is_over_moments:
            at, shown = moment.at, Place(together.moments.index(moment.at))
        return Frame(
            index=index,
            at=at,
            title=together.title(run, moment.at),
            epoch=history.epoch(place),
            iteration=history.iteration(place),
            duration_s=moment.duration_s,
            curve_x=x,
            metrics={curve.metric: curve.value_at(x) / curve.unit.factor for curve in history.curves},
            _painter=self,
            **(self.figure.views[run].meaning(shown, in_ink=in_ink) if self.figure.views else {}),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told about the runs and their picture."""
        whose: dict[str, list[str]] = {}
        for name, run in self.runs.items():
            for note in run.notes:
                whose.setdefault(note, []).append(name)
        told = [
            f"{'each run' if 1 < len(names) == len(self.runs) else ', '.join(names)}: {note}"
            for note, names in whose.items()
        ]
        layers = len({line.layer for line in self._lines if line.layer is not None})
        many = f"dots of the first {MOST_LAYERS} of {layers} layers are drawn: the table has all"
        dots = (many,) if layers > MOST_LAYERS and spreads_of(self._lines) else ()
        return (*told, *self._about_view, *dots, *self.together.notes, *self.figure.notes)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self.figure.size_px

    def paint(self, frames: Iterable[TogetherFrame]) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        return self.painter.paint(map(self.figure.sheet, frames))

    def paint_one(self, frame: TogetherFrame | Frame) -> np.ndarray:
        """Paint one frame of all runs, or the one that a run's frame belongs to, (H, W, 3) uint8."""
        return next(self.paint([frame if isinstance(frame, TogetherFrame) else self[frame.index]]))

    def write(
        self,
        *paths: str | Path,
        file_format: str | None = None,
        comment: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        jobs: int = 1,
        executor: Executor | None = None,
    ) -> None:
        """Write files as `nnanim.Animation.write` does.

        A ``.pdf``, and a single frame as ``.png`` or ``.svg``, is a still.

        Raises:
            OptionError: an output that cannot show large matrices was asked for, and there are some.
            OutputError: an output cannot be written.
            GraphvizError: Graphviz is missing or fails.
            WorkerError: one of the processes died.
        """
        stills = [path for path in paths if file_format is None and self._is_still(path)]
        for path in stills:
            check_target(path, STILL_SUFFIXES)
        targets = find_targets([path for path in paths if path not in stills], file_format)
        if any(target.format in (PAGE, SVG) for target in targets):
            self._check_strokes()
        film = self._film()
        movable = self._movable() if any(target.format == SVG for target in targets) else self
        write_films(
            film,
            film if movable is self else movable._film(),
            targets,
            lambda: self.html(comment=comment),
            comment=comment,
            progress=progress,
            jobs=jobs,
            executor=executor,
        )
        for path in stills:
            self.write_still(path)

    def _film(self) -> Film:
        theme = self.figure.style.theme
        return Film(
            painter=self.painter,
            frames=self,
            sheet=self.figure.sheet,
            durations_s=self.durations_s,
            palette=lambda: palette_of(self.figure, len(self.runs), self._coloring.ramp(theme)),
            edges=sum(len(run.edges.weight) for run in self[0].runs),
            loop=self.options.loop,
            full_color=self.options.full_color,
        )

    def _movable(self) -> SideBySide:
        """Return this picture, or where nobody said how many edges to show, one with those that an SVG can move.

        Where not even these can, the SVG is refused when it is written.
        """
        frames = self[0].runs
        edges = sum(len(run.edges.weight) for run in frames)
        others = sum(int(np.isfinite(run.nodes.bias).sum()) for run in frames)
        others += sum(len(part.text_places) for part in self.painter.ground.parts)
        others += 2 * sum(len(history.curves) for history in self.together.histories)  # the dot, and how far it is seen
        fit = (MOST_MOVING - others) // len(frames)
        layers = max(len(set(run.edges.layer.tolist())) for run in frames)
        if edges + others <= MOST_MOVING or fit < max(layers, 1) or self.options.max_edges is not None:
            return self
        fields = {name: getattr(self.options, name) for name in OptionFields.__annotations__}
        return SideBySide(self.runs, **self._again, **{**fields, "max_edges": fit})

    def _is_still(self, path: str | Path) -> bool:
        suffix = Path(path).suffix.lower()
        return suffix == ".pdf" or (suffix in (".png", ".svg") and len(self) == 1)

    def _check_strokes(self) -> None:
        """Refuse a page, or an SVG that moves, of matrices that are painted as pixels."""
        if any(isinstance(panel, MatrixPanel) and panel.part.has_mosaic for panel in self.figure.views):
            raise OptionError(
                f"a page and an SVG cannot show matrices of more than {FEW} cells (write a .gif, .png or .mp4, or take"
                " --view layers)"
            )

    def html(self, *, comment: str | None = None) -> str:
        """Return a page with all runs and one slider, which loads nothing from anywhere.

        Args:
            comment: a short text to keep in the page.

        Raises:
            OptionError: there are matrices too large for it.
            GraphvizError: Graphviz is missing or fails.
        """
        self._check_strokes()
        from nnanim.comparing.page import page

        return page(self, comment)

    def write_still(self, path: str | Path, place: int = -1, *, transparent: bool = False) -> None:
        """Write one frame as a picture, ``.svg``, ``.pdf`` or ``.png``, as `nnanim.Animation.write_still` does.

        Raises:
            OutputError: the file cannot be written.
            GraphvizError: Graphviz is missing or fails.
        """
        check_target(path, STILL_SUFFIXES)  # before anything is drawn
        sheet = self.figure.sheet(self.frame_of_still(place))
        save_still(self.painter, sheet, path, transparent=transparent)

    def __repr__(self) -> str:
        (width, height), count = self.size_px, len(self)
        frames = "1 frame" if count == 1 else f"{count} frames"
        return f"<SideBySide of {', '.join(self.runs)}: {frames}, {width}x{height} px>"
