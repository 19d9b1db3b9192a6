"""The whole program on one page: a run becomes a sequence of frames, and the frames a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from nnanim.design import wording
from nnanim.design.scene import Scene, make_scene
from nnanim.design.theme import POINTS_PER_INCH
from nnanim.encoders.movie import Movie
from nnanim.encoders.targets import PAGE, VIDEOS, find_target, open_targets
from nnanim.encoders.whole_file import STILL_SUFFIXES, check_target, whole_file
from nnanim.errors import OptionError, RunError
from nnanim.frames.curves import curves_of, pick_metrics, row_x, unit_factor
from nnanim.frames.frame import Edges, Frame, Nodes
from nnanim.frames.timeline import choose_snapshots, timeline
from nnanim.frames.weights import read_weights
from nnanim.options import Options
from nnanim.painting.painter import Press, Sheet
from nnanim.processes.chunks import Job, pack_here, pack_there
from nnanim.processes.worthwhile import pays_off
from nnanim.reading.run import Run, Snapshot

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Animation(Sequence[Frame]):
    """A training run as a sequence of frames. Nothing is drawn before it is asked for."""

    def __init__(self, run: Run, shape: Sequence[int] | None = None, **options: Any) -> None:
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
        self.run = run
        self.options = Options(**options)
        picks = choose_snapshots([snapshot.epoch for snapshot in run.snapshots], self.options)
        self._snapshots = [run.snapshots[pick] for pick in picks]
        self._rows = [run.rows[pick] for pick in picks]
        self._moments = timeline(len(picks), self.options)
        self._metrics = () if self.options.panels == "network" else pick_metrics(run.log, self.options.metrics)
        self._curves = curves_of(run.log, self._metrics)
        self._weights = read_weights(self._snapshots, shape, self.options)
        self._edge_changes = _changes(self._weights.edges, self.options.since)
        self._bias_changes = _changes(self._weights.biases, self.options.since)
        self._signed = self._which_are_signed()
        self._titles = [_time_text(snapshot) for snapshot in self._snapshots]
        self._since = "the snapshot before" if self.options.since == "previous" else self._titles[0]
        self._scene: Scene = make_scene(
            self._weights,
            self._edge_changes,
            self._bias_changes,
            self._curves,
            self._since,
            self._titles,
            self.options,
        )
        self._press = Press.of(self._scene.still, self.options)

    def __len__(self) -> int:
        return len(self._moments)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._frame(range(len(self))[index])

    def _frame(self, place: int, *, still: bool = False) -> Frame:
        moment = self._moments[place]
        before, share = moment.before, moment.share
        curve_x = self._between([row_x(self.run.log, row) for row in self._rows[before : before + 2]], share)
        return Frame(
            place,
            self._between([snapshot.epoch for snapshot in self._snapshots[before : before + 2]], share),
            self._between([snapshot.iteration for snapshot in self._snapshots[before : before + 2]], share),
            moment.duration_s,
            nan if curve_x is None else curve_x,
            {} if curve_x is None else {c.metric: c.value_at(curve_x) / unit_factor(c.metric) for c in self._curves},
            self._edges(place, still),
            self._nodes(place, still),
            self,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the layers, input first."""
        return self._weights.selection.sizes

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told about the run and its picture."""
        return self.run.notes + self._scene.notes

    @property
    def durations_s(self) -> list[float]:
        """How long each frame is shown."""
        return [moment.duration_s for moment in self._moments]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._press.size_px

    @property
    def node_centers_px(self) -> list[np.ndarray]:
        """Centres of the shown nodes, for each layer (n, 2): x right, y down from the upper left corner."""
        if self._scene.network is None:
            return []
        scale = self.options.dpi / POINTS_PER_INCH
        height = self.size_px[1]
        return [np.stack([c[:, 0] * scale, height - c[:, 1] * scale], axis=-1) for c in self._scene.network.centers_pt]

    def paint(self, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
        """Paint frames in their order, each (H, W, 3) uint8.

        Raises:
            GraphvizError: Graphviz is missing or fails; the message names the frame.
        """
        return self._press.paint(map(self._sheet, frames))

    def paint_one(self, frame: Frame) -> np.ndarray:
        """Paint one frame, (H, W, 3) uint8."""
        return next(self.paint([frame]))

    def dot(self, frame: Frame) -> str:
        """Write the network of a frame as DOT, lengths in points.

        Raises:
            ValueError: the network is not among the panels.
        """
        return self._press.dot(self._sheet(frame))

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
        targets = [find_target(path, file_format) for path in paths]
        films = [target for target in targets if target.format != PAGE]
        palette = self._scene.theme.gif_palette(self.options.color)
        movie = Movie(self.size_px, tuple(self.durations_s), palette, self.options.loop, comment)
        formats = tuple(film.format for film in films)
        if films:
            with (
                self._packed(Job(self._press, movie, formats), jobs, executor) as packed,
                open_targets(films, movie, self) as append,
            ):
                for index, each in enumerate(packed):
                    append(index, each)
                    if progress is not None:
                        progress(index + 1, len(self))
        for target in targets:
            if target.format == PAGE:
                with whole_file(target.path) as temporary:
                    temporary.write_text(self.html(comment=comment), encoding="utf-8", newline="\n")

    @contextmanager
    def _packed(self, job: Job, jobs: int, executor: Executor | None) -> Iterator[Iterator[list[Any]]]:
        sheets = map(self._sheet, self)
        if executor is not None and not set(VIDEOS) & set(job.formats):  # another machine need not have PyAV
            yield pack_there(executor, job, sheets, jobs)
        elif executor is None and pays_off(len(self), len(self._weights.selection.layer), jobs, job.formats):
            from nnanim.processes.pool import process_pool

            with process_pool(jobs - 1) as workers:
                yield pack_there(workers, job, sheets, jobs, helping=True)
        else:
            yield pack_here(job, sheets, ahead=executor is None and jobs > 1)

    def html(self, *, comment: str | None = None) -> str:
        """Return the player: one page with all snapshots, which loads nothing from anywhere.

        Args:
            comment: a short text to keep in the page.
        """
        from nnanim.player import History, page

        steps, durations_s = self.options.tween + 1, self.durations_s
        history = History(
            self.run.path.resolve().name,
            self._weights,
            self._edge_changes,
            self._bias_changes,
            self._curves,
            self._titles,
            np.array([row_x(self.run.log, row) for row in self._rows], dtype=float),
            [sum(durations_s[start : start + steps]) for start in range(0, len(self), steps)],
            self._since,
        )
        return page(history, self.options, comment)

    def _repr_html_(self) -> str:
        """Show the player in a notebook."""
        from nnanim.player import in_frame

        return in_frame(self.html())

    def write_still(self, path: str | Path, place: int, *, transparent: bool = False) -> None:
        """Write one frame as a picture whose suffix says the format: ``.svg``, ``.pdf`` or ``.png``.

        Unlike the animation, which ends in neutral ink, a still of the last frame shows its changes too.

        Args:
            path: the file, which appears whole or not at all.
            place: index of the frame.
            transparent: leave the background out.

        Raises:
            OutputError: the file cannot be written.
            GraphvizError: Graphviz is missing or fails.
        """
        target = check_target(path, STILL_SUFFIXES)
        frame = self._frame(range(len(self))[place], still=True)
        sheet = self._sheet(frame)
        (drawing,) = self._press.drawings([sheet])
        content = (drawing, sheet.title, sheet.curve_x, sheet.metrics)
        with whole_file(target) as temporary:
            self._press.new_canvas().save(temporary, target.suffix.lower()[1:], *content, transparent=transparent)

    def place_of(self, *, epoch: float | None = None, iteration: int | None = None) -> int:
        """Return the index of the frame that shows the snapshot of an epoch or iteration.

        Raises:
            RunError: there is no such snapshot; the message names the nearest.
        """
        name, wanted = ("epoch", epoch) if epoch is not None else ("iteration", iteration)
        if wanted is None:
            raise ValueError("give an epoch or an iteration")
        there = {getattr(snapshot, name): place for place, snapshot in enumerate(self._snapshots)}
        if wanted in there:
            return there[wanted] * (self.options.tween + 1)
        known = sorted((value for value in there if value is not None), key=lambda value: abs(value - wanted))
        near = ", ".join(f"{value:g}" for value in sorted(known[:2])) or "none is known"
        raise RunError(f"no snapshot of {name} {wanted:g} in {str(self.run.path)!r} (nearest: {near})")

    def _which_are_signed(self) -> np.ndarray:
        """Return (E,) 1 for edges whose weight has a sign, 0 for norms, which stay grey by sign."""
        weights = self._weights
        signed = np.array([name not in weights.norms for name in weights.names])
        if self.options.color == "sign" and not signed.any():
            raise OptionError("color is 'sign': the edges of this network are norms of kernels, which have no sign")
        each: np.ndarray = signed[weights.selection.layer].astype(np.float32)
        return each

    def _edges(self, place: int, still: bool) -> Edges:
        shown, scene = self._weights.selection, self._scene
        weight = self._at(self._weights.edges, place)
        change = self._change_at(self._weights.edges, self._edge_changes, place)
        number = weight * self._signed if self.options.color == "sign" else change
        color = self._colors(scene.theme.edge_colors(scene.colors(number), self.options.color), place, still)
        tails, heads = (
            np.concatenate(
                [shown.nodes[layer + step][ends[shown.layer == layer]] for layer in range(len(shown.nodes) - 1)]
            )
            for step, ends in ((0, shown.tail), (1, shown.head))
        )
        return Edges(shown.layer, tails, heads, weight, change, self._px(scene.widths(weight)), color)

    def _nodes(self, place: int, still: bool) -> Nodes:
        shown, scene = self._weights.selection, self._scene
        bias = self._at(self._weights.biases, place)
        change = np.nan_to_num(self._change_at(self._weights.biases, self._bias_changes, place))
        if scene.rings is None:
            bias = np.full_like(bias, nan)
        has = np.isfinite(bias)
        number = np.where(has, bias if self.options.color == "sign" else change, 0)
        color = self._colors(scene.theme.ring_colors(scene.ring_colors(number), self.options.color), place, still)
        color[~has] = scene.theme.muted
        thinnest = 0.0 if scene.network is None else scene.network.ring_range_pt[0]
        ring_pt = np.full(len(bias), thinnest)
        if scene.rings is not None:
            ring_pt = np.where(has, scene.rings(np.nan_to_num(bias)), thinnest)
        layer = np.concatenate([np.full(len(nodes), index) for index, nodes in enumerate(shown.nodes)])
        return Nodes(layer, np.concatenate(shown.nodes), bias, change, self._px(ring_pt), color)

    def _colors(self, colors: np.ndarray, place: int, still: bool) -> np.ndarray:
        if self.options.color == "change" and place == len(self) - 1 and not still:
            colors[:] = self._scene.theme.ink  # the article ends with the network in neutral ink
        return colors

    def _at(self, values: np.ndarray, place: int) -> np.ndarray:
        """Return a row of (S, …) values, or one on the straight line between two rows."""
        moment = self._moments[place]
        if moment.share == 0:
            row: np.ndarray = values[moment.before]
            return row
        low, high = values[moment.before], values[moment.before + 1]
        mixed: np.ndarray = low + np.float32(moment.share) * (high - low)
        return mixed

    def _change_at(self, values: np.ndarray, changes: np.ndarray, place: int) -> np.ndarray:
        if self.options.since == "previous":
            return self._at(changes, place)
        # |weight| between two snapshots is not on the line between both |weights| where the sign changes.
        grown: np.ndarray = np.abs(self._at(values, place)) - np.abs(values[0])
        return grown

    def _between(self, ends: Sequence[float | None], share: float) -> float | None:
        if share == 0 or ends[0] is None:
            return ends[0]
        return None if ends[1] is None else ends[0] + share * (ends[1] - ends[0])

    def _px(self, lengths_pt: np.ndarray) -> np.ndarray:
        return np.asarray(lengths_pt * self.options.dpi / POINTS_PER_INCH)

    def _sheet(self, frame: Frame) -> Sheet:
        file_name = self._snapshots[self._moments[frame.index].before].path.name
        points = POINTS_PER_INCH / self.options.dpi
        return Sheet(
            frame.index,
            wording.time_text(frame.epoch, frame.iteration, file_name),
            frame.curve_x,
            frame.metrics,
            frame.edges.width_px * points,
            frame.edges.color,
            frame.nodes.ring_px * points,
            frame.nodes.color,
        )


def _changes(values: np.ndarray, since: str) -> np.ndarray:
    """Return the growth of |value| (S, …) against the first snapshot or the one before."""
    magnitudes = np.abs(values)
    before = magnitudes[:1] if since == "first" else np.concatenate([magnitudes[:1], magnitudes[:-1]])
    return np.asarray(magnitudes - before)


def _time_text(snapshot: Snapshot) -> str:
    return wording.time_text(snapshot.epoch, snapshot.iteration, snapshot.path.name)
