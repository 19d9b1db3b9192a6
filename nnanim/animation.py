"""The whole program on one page: a run becomes a sequence of frames, and the frames a file."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnanim.design.coloring import COLORINGS
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.encoders.places import note
from nnanim.encoders.targets import PAGE, SVG, find_targets
from nnanim.encoders.whole_file import STILL_SUFFIXES, check_target
from nnanim.errors import OptionError, RunError
from nnanim.film import Film, Frames, save_still, write_films
from nnanim.frames.cells import CellHistory
from nnanim.frames.frame import Frame
from nnanim.frames.history import make_history
from nnanim.frames.readers import HERE, Readers
from nnanim.frames.run_moments import with_moments
from nnanim.frames.telling import telling
from nnanim.frames.timeline import thinning_note, timeline
from nnanim.frames.weights import Weights
from nnanim.options import MOST_MOVING, OptionFields, Options, make_options
from nnanim.painting.painter import Painter
from nnanim.panels.figure import make_figure
from nnanim.panels.network import NetworkPanel
from nnanim.panels.views.view import pick_view
from nnanim.reading.run import Run
from nnanim.words import counted

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from typing_extensions import Unpack

    from nnanim.player import Told
    from nnanim.player.head_room import HeadRoom


NO_SIGN = "color is 'sign', but rows and boxes show how norms changed, which have no sign (take --view matrix)"


class Animation(Frames[Frame]):
    """A training run as a sequence of frames. Nothing is drawn before it is asked for."""

    def __init__(self, run: Run, shape: Sequence[int] | None = None, **options: Unpack[OptionFields]) -> None:
        """Read the weights of all snapshots that are shown, and fix the scales.

        Args:
            run: an opened result folder.
            shape: sizes of the layers, input first; the snapshots must have just these. By default as found.
            options: the fields of `nnanim.options.Options`, such as ``since="previous"`` or ``figsize=(9, 6)``.

        Raises:
            SnapshotError: a snapshot cannot be read, or is not like the others.
            ShapeError: the snapshots do not have the declared shape.
            MetricError: the log has no such metric.
            OptionError: a value is out of its range, or does not fit the others or the network.
        """
        self._begin(run if shape is None else run.of_shape(shape), make_options(options))

    @classmethod
    def of(
        cls,
        run: Run,
        options: Options,
        progress: Callable[[int, int], None] | None = None,
        readers: Readers = HERE,
    ) -> Animation:
        """Make an animation with options that are made already.

        Args:
            run, options: as for an `Animation`.
            progress: called with how many snapshots are read and how many there are.
            readers: who reads the weights, where the view lets several do so.
        """
        animation = cls.__new__(cls)
        animation._begin(run, options, progress, readers)
        return animation

    def _begin(
        self,
        run: Run,
        options: Options,
        progress: Callable[[int, int], None] | None = None,
        readers: Readers = HERE,
    ) -> None:
        self.run: Run = run
        self.options: Options = options
        view = pick_view(run, options)
        self._history = make_history(run, options, telling(view.read, progress), readers=readers)
        has_view = self._history.shown is not None
        in_ink = has_view and options.panels != "curve" and COLORINGS[options.color].ends_in_ink
        if options.moments:
            self._history = with_moments(self._history)
        slow = [each.snapshot for each in self._history.moments]
        self._moments = timeline(self._history.clock.ticks, options, in_ink=in_ink, slow=slow)
        scales = view.scales([self._history], options) if has_view else None
        self._figure = make_figure(self._history, view if has_view else None, scales, options)
        self._painter = Painter(self._figure.ground, self.options.engine, self.options.font)

    def _frame(self, index: int, *, still: bool = False) -> Frame:
        moment, history = self._moments[index], self._history
        place = history.place(moment.at)
        x = history.x(place)
        shown = self._figure.view
        return Frame(
            index=index,
            at=moment.at,
            title=history.title(place),
            epoch=history.epoch(place),
            iteration=history.iteration(place),
            duration_s=moment.duration_s,
            curve_x=x,
            metrics={curve.metric: curve.value_at(x) / curve.unit.factor for curve in history.curves},
            moment=history.moment(place),
            _painter=self,
            **({} if shown is None else shown.meaning(place, in_ink=moment.in_ink and not still)),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the layers, input first; none where no layers follow each other."""
        shown = self._history.shown
        return shown.selection.sizes if isinstance(shown, Weights) else self.run.shape

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told about the run and its picture."""
        units = tuple(curve.unit.note for curve in self._history.curves if curve.unit.note)
        thinned = thinning_note([moment.epoch for moment in self.run.moments], self.options)
        moments = tuple(each.says for each in self._history.moments)
        if self.options.moments and not moments:
            moments = ("no moment stands out from those before and after it",)
        shown = self._history.shown
        has_sign = shown is None or isinstance(shown, Weights | CellHistory)
        unsigned = () if has_sign or self.options.color != "sign" else (NO_SIGN,)
        return self.run.notes + ((thinned,) if thinned else ()) + units + moments + unsigned + self._figure.notes

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._figure.size_px

    @property
    def node_centers_px(self) -> list[np.ndarray]:
        """Centres of the shown nodes, for each layer (n, 2): x right, y down from the upper left corner."""
        if not isinstance(self._figure.view, NetworkPanel):
            return []
        scale = self.options.dpi / POINTS_PER_INCH
        height = self.size_px[1]
        centers_pt = self._figure.view.part.nodes.centers_pt
        return [np.stack([c[:, 0] * scale, height - c[:, 1] * scale], axis=-1) for c in centers_pt]

    def paint(self, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        return self._painter.paint(map(self._figure.sheet, frames))

    def paint_one(self, frame: Frame) -> np.ndarray:
        """Paint one frame, (H, W, 3) uint8."""
        return next(self.paint([frame]))

    def dot(self, frame: Frame) -> str:
        """Write the network of a frame as DOT, lengths in points.

        Raises:
            ValueError: the network is not among the panels.
        """
        for dot in self._painter.dots(self._figure.sheet(frame)):
            if dot is not None:
                return dot
        raise ValueError("the network is not among the panels")

    def write(
        self,
        *paths: str | Path,
        file_format: str | None = None,
        comment: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        jobs: int = 1,
        executor: Executor | None = None,
    ) -> None:
        """Write all frames to files whose suffixes say the format; each frame is painted once for all of them.

        A path that ends in a slash, or is a folder, gets numbered pictures and ``frames.json``. Each output appears
        whole or not at all; an older one stays untouched until then. The bytes are the same for any `jobs`.

        Args:
            paths: one or more files or folders.
            file_format: one of `nnanim.options.FORMATS`, whatever the suffixes say.
            comment: a short ASCII text to keep in the files.
            progress: called with how many frames are done and how many there are.
            jobs: processes to use at most, this one among them; what is short takes less time in this process alone.
                A script that asks for several must do so under ``if __name__ == "__main__":``, as for Python's pools.
            executor: who draws the frames instead, e.g. that of a cluster; `jobs` then says how many workers it has.

        Raises:
            OutputError: an output cannot be written.
            GraphvizError: Graphviz is missing or fails.
            WorkerError: one of the processes died.
        """
        targets = find_targets(paths, file_format)
        if any(target.format == PAGE for target in targets):
            self._check_page()
        if any(target.format == SVG for target in targets) and isinstance(self._history.shown, CellHistory):
            raise OptionError(
                "view is 'matrix', whose cells are too many to move in an SVG (write a .gif, or take --view layers)"
            )
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

    def _film(self) -> Film:
        theme = self._figure.style.theme
        more = None if self._figure.view is None else self._figure.view.colors
        return Film(
            painter=self._painter,
            frames=self,
            sheet=self._figure.sheet,
            durations_s=self.durations_s,
            palette=lambda: theme.gif_palette(COLORINGS[self.options.color].ramp(theme), more),
            edges=len(self[0].edges.weight),
            loop=self.options.loop,
            full_color=self.options.full_color,
        )

    def _movable(self) -> Animation:
        """Return this animation, or where nobody said how many edges to show, one with those that an SVG can move.

        Raises:
            OptionError: so many edges, or the neurons alone, cannot move.
        """
        if self[0].tiles is not None:  # whose cells are too many
            note("an SVG cannot move tiles: edges stand in their place (a .gif or .html has them)")
            return Animation.of(self.run, replace(self.options, image="none"))._movable()
        rings = int(np.isfinite(self[0].nodes.bias).sum())
        texts = sum(len(part.text_places) for part in self._painter.ground.parts)
        others = rings + texts + 2 * len(self._history.curves)  # of a curve the dot, and how far it is seen
        edges = len(self[0].edges.weight)
        if not edges or edges + others <= MOST_MOVING:
            return self
        fit = MOST_MOVING - others
        if fit < len(set(self[0].edges.layer.tolist())):
            raise OptionError(
                f"beside {rings} rings of neurons no edge can move in an SVG, where browsers are asked to move"
                f" {MOST_MOVING} shapes at most (take fewer --max-nodes, --no-bias, or write a .gif)"
            )
        if self.options.max_edges is not None:
            raise OptionError(
                f"max_edges is {self.options.max_edges}: beside {rings} rings of neurons {fit} edges can move in an"
                f" SVG, where browsers are asked to move {MOST_MOVING} shapes at most (take --max-edges {fit}, or write"
                " a .gif)"
            )
        return Animation.of(self.run, replace(self.options, max_edges=fit))

    def html(self, *, comment: str | None = None) -> str:
        """Return the player: one page with all snapshots, which loads nothing from anywhere.

        Args:
            comment: a short text to keep in the page.
        """
        from nnanim.player import page_of

        return page_of(self.tell_player(), self.options, comment, self._still_markup())

    def _still_markup(self) -> str:
        """Return the end as a picture that any page can hold; one of thousands of cells is made of pixels."""
        frame = self._frame(len(self) - 1, still=True)
        if isinstance(self._history.shown, CellHistory) or frame.tiles is not None:
            picture = base64.b64encode(self._repr_png_()).decode()
            return f'<img alt="{html.escape(frame.title)}" src="data:image/png;base64,{picture}">'
        from nnanim.encoders.svg import still_svg

        return still_svg(next(self._painter.pictures([self._figure.sheet(frame)])), frame)

    def tell_player(self, room: HeadRoom | None = None) -> Told:
        """Return what the player is told of this run, for who shows it in another way than as a file.

        Args:
            room: the scales of a page that grows; by default those of the pictures.
        """
        from nnanim.player import tell
        from nnanim.player.tiles import can_show_tiles

        self._check_page()
        stays_s = [0.0] * len(self._history)
        for moment in self._moments:
            stays_s[self._history.place(moment.at).before] += moment.duration_s
        shown = self._history.shown
        if not isinstance(shown, Weights) or shown.tiles is None or can_show_tiles(shown):
            return tell(self._history, stays_s, self.options, room)
        options = replace(self.options, image="none")
        history = make_history(self.run, options, pick_view(self.run, options).read)
        told = tell(with_moments(history) if options.moments else history, stays_s, options, room)
        told.data["remarks"] = " · ".join(filter(None, [told.data["remarks"], "edges in place of tiles"]))
        return told

    def _check_page(self) -> None:
        """Refuse a page of what the player cannot show.

        Raises:
            OptionError: it cannot.
        """
        if self._history.shown is None:
            raise OptionError("a page shows snapshots, and this run has none (write a .gif, .png or .mp4 of its curve)")

    def __repr__(self) -> str:
        (width, height), frames = self.size_px, counted(len(self), "frame")
        return f"<Animation of {str(self.run.path)!r}: {frames}, {width}x{height} px, {sum(self.durations_s):g} s>"

    def _repr_html_(self) -> str:
        """Show the player in a notebook."""
        from nnanim.player import in_frame

        return in_frame(self.html(), self._repr_png_())

    def _repr_png_(self) -> bytes:
        """Show the end as a picture where a notebook shows no page."""
        import io

        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(self._frame(len(self) - 1, still=True).image).quantize(256).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def write_still(self, path: str | Path, place: int, *, transparent: bool = False) -> None:
        """Write one frame as a picture whose suffix says the format: ``.svg``, ``.pdf`` or ``.png``.

        A still of the last frame shows its changes, also where the animation ends in neutral ink.

        Args:
            path: the file, which appears whole or not at all.
            place: index of the frame.
            transparent: leave the background out.

        Raises:
            OutputError: the file cannot be written.
            GraphvizError: Graphviz is missing or fails.
        """
        check_target(path, STILL_SUFFIXES)  # before anything is drawn
        frame = self._frame(range(len(self))[place], still=True)
        save_still(self._painter, self._figure.sheet(frame), path, transparent=transparent)

    def place_of(self, *, epoch: float | None = None, iteration: int | None = None) -> int:
        """Return the index of the frame that shows the snapshot of an epoch or iteration.

        Raises:
            RunError: there is no such snapshot; the message names the nearest.
        """
        name, wanted = ("epoch", epoch) if epoch is not None else ("iteration", iteration)
        if wanted is None:
            raise ValueError("give an epoch or an iteration")
        told = self._history.epochs if name == "epoch" else self._history.iterations
        there = {value: place for place, value in enumerate(told)}
        if wanted in there:
            return there[wanted] * (self.options.tween + 1)
        known = sorted((value for value in there if value is not None), key=lambda value: abs(value - wanted))
        near = ", ".join(f"{value:g}" for value in sorted(known[:2])) or "none is known"
        raise RunError(f"no snapshot of {name} {wanted:g} in {str(self.run.path)!r} (nearest: {near})")
