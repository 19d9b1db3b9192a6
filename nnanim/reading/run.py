"""A training run, as its result folder shows it: snapshots in order, the log, and which row belongs to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from nnanim.errors import SnapshotError
from nnanim.model.connections import USER
from nnanim.model.layers import Layer, LayerHeader, check_sizes, sizes_of
from nnanim.model.model import Model, make_model
from nnanim.model.roles import roles_of
from nnanim.model.weight_rows import Row, in_model_order, rows_of
from nnanim.reading.listing import name_in
from nnanim.reading.logs.log import Log
from nnanim.reading.snapshots import detect
from nnanim.reading.snapshots.contents import ArrayHeader, Arrays, Contents
from nnanim.reading.snapshots.layer_rows import OpenLayers, open_layers
from nnanim.reading.snapshots.to_layers import check_total
from nnanim.words import counted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Snapshot:
    """One file with the weights of a moment of the training.

    Attributes:
        path: the file.
        epoch: as the file or else its name says; None where neither does. Most count complete epochs, Lightning and
            some scripts begin with 0.
        iteration: updates that were done, as the file or else its name says; None where neither does.
    """

    path: Path
    epoch: int | float | None
    iteration: int | None
    _contents: Contents = field(repr=False)
    _layers: tuple[LayerHeader, ...] = field(repr=False)
    _shape: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def contents(self) -> Contents:
        """What the file says of itself: every tensor by key and shape, which of them are weights."""
        return self._contents

    def read(self, shape: Sequence[int] | None = None) -> list[Layer]:
        """Read the weights.

        Args:
            shape: declared layer sizes, input side first; by default those that the run was opened with. With them the
                weights of a Chainer snapshot are loaded strictly into a Chainer model of these sizes; without Chainer,
                and in other formats, they are read from the file with the same checks.

        Returns:
            The layers in the order in which they follow each other, input side first.

        Raises:
            OptionError: the shape is no list of layer sizes.
            ShapeError: the declared sizes do not fit the snapshot.
            SnapshotError: the file cannot be read, or holds NaN or infinite weights.
        """
        return detect.read(self._contents, self._layers, self._shape if shape is None else shape)

    @property
    def layers(self) -> tuple[LayerHeader, ...]:
        """The layers that `read` returns, before they are read.

        Raises:
            OptionError, ShapeError: as `read`.
        """
        return tuple(detect.layers_of(self._contents, self._layers, self._shape))

    @property
    def has_rows(self) -> bool:
        """Whether `open_layers` gives what `read` does, and not a model of the format's framework."""
        return bool(self._layers) and not detect.is_loaded(self._contents, self._shape)

    @property
    def can_be_whole(self) -> bool:
        """Whether `read` holds no more in memory than the weights of such files take."""
        try:
            check_total(self.layers, self._contents)
        except SnapshotError:
            return False
        return True

    def open_layers(self) -> AbstractContextManager[OpenLayers]:
        """Open the file to read its layers one after the other, some rows at a time.

        Raises:
            SnapshotError: the file cannot be read.
        """
        return open_layers(self._contents, self.layers, detect.open_arrays)

    def open(self) -> AbstractContextManager[Arrays]:
        """Open the file to read any of its arrays by key, one at a time: ``with snapshot.open() as arrays: …``.

        Raises:
            SnapshotError: the file cannot be read.
        """
        return detect.open_arrays(self._contents)


@dataclass(frozen=True)
class LogMoment:
    """A row of the log of a run without snapshots.

    Attributes:
        path: the log.
        epoch: of the row, or None.
        iteration: of the row, or None.
    """

    path: Path
    epoch: float | None
    iteration: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """A result folder.

    Attributes:
        path: the folder.
        format: who wrote the snapshots: ``"chainer"``, ``"pytorch"``, ``"lightning"``, ``"transformers"``,
            ``"safetensors"``, ``"keras"`` or ``"numpy"``.
        snapshots: in the order of the training, by iteration, else epoch, else name.
        layers: layers of the first snapshot in the order in which they follow each other, input side first.
        log: the log, or None where there is none.
        rows: for every snapshot the row of the log that belongs to it, or None.
        notes: what a user should be told.
        left_out: layers of the first snapshot that are not drawn, each with its reason in ``skipped``.
        skipped: names of the files that were left out because they are broken, each with the reason.
        model: what is known of what follows what in the drawn model.
        tensors: every array of the drawn model, as the first snapshot has them.
        other_tensors: those of the other models in the first snapshot that are no copies of the drawn one.
        models: names of all models in a snapshot, or of all networks in the folder, the drawn one first; none where
            there is one alone.
        convention: whose names and shapes the tensors have, as `Contents` tells.
        is_ordered: True where the order of the tensors in the file is the model's.
        roles: what the file's own graph says of tensors, by key.
        asked: names of the weights that were asked for; none where nothing was.
    """

    path: Path
    format: str
    snapshots: tuple[Snapshot, ...]
    layers: tuple[LayerHeader, ...]
    log: Log | None
    rows: tuple[int | None, ...]
    notes: tuple[str, ...]
    left_out: tuple[LayerHeader, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    model: Model = field(default_factory=lambda: make_model((), ()), repr=False)
    tensors: tuple[ArrayHeader, ...] = ()
    other_tensors: tuple[ArrayHeader, ...] = ()
    models: tuple[str, ...] = ()
    convention: str = "pytorch"
    is_ordered: bool = True
    roles: Mapping[str, str] = field(default_factory=dict, repr=False)
    asked: tuple[str, ...] = ()

    def __repr__(self) -> str:
        snapshots = counted(len(self.snapshots), "snapshot")
        what = f"layers {','.join(map(str, self.shape))}" if self.layers else counted(len(self.tensors), "tensor")
        log = "no log" if self.log is None else f"a log of {counted(len(self.log), 'row')}"
        return f"<Run {str(self.path)!r}: {self.format}, {snapshots}, {what}, {log}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Layer sizes, input side first: ``(4, 5, 5, 5, 3)``; none where no layers follow each other."""
        return sizes_of(self.layers) if self.layers else ()

    @property
    def declared_shape(self) -> tuple[int, ...] | None:
        """The layer sizes that the run was opened with, or None."""
        return self.snapshots[0]._shape if self.snapshots else None

    @property
    def moments(self) -> tuple[Snapshot | LogMoment, ...]:
        """What is shown one after the other: the snapshots, or rows of the log where there are none."""
        if self.snapshots or self.log is None:
            return self.snapshots
        epochs, iterations = (self.log.columns.get(name) for name in ("epoch", "iteration"))
        return tuple(
            LogMoment(
                self.log.path,
                None if epochs is None else float(epochs[row]),
                None if iterations is None else float(iterations[row]),
            )
            for row in self.rows
            if row is not None
        )

    def of_shape(self, shape: Sequence[int]) -> Run:
        """Return the same run with declared layer sizes: its snapshots are loaded strictly into a model of these.

        Raises:
            OptionError: the shape is no list of layer sizes.
        """
        sizes = check_sizes(shape)
        return replace(self, snapshots=tuple(replace(each, _shape=sizes) for each in self.snapshots))

    @property
    def view(self) -> str:
        """How the run is drawn by default: ``"network"``, neurons and edges, ``"map"``, boxes and arrows, or
        ``"layers"``, a row for each tensor.
        """
        return self._view[0]

    @property
    def why_view(self) -> str:
        """Why the run is drawn as it is by default."""
        return self._view[1]

    @cached_property
    def _view(self) -> tuple[str, str]:
        is_asked = self.declared_shape is not None or any(each.known_from == USER for each in self.model.connections)
        return self.model.choose_view(len(self.layers), is_asked=is_asked)

    @property
    def connections(self) -> tuple[tuple[str, str, str], ...]:
        """Pairs of keys that are drawn with edges or arrows between them, and where each is known from."""
        if self.view == "map":
            return tuple((each.tail, each.head, each.known_from) for each in self.model.connections)
        keys = [layer.key for layer in self.layers]
        known_from = {(each.tail, each.head): each.known_from for each in self.model.connections}
        return tuple((tail, head, known_from[tail, head]) for tail, head in pairwise(keys))

    def listed_tensors(self) -> Iterator[tuple[str, tuple[int, ...], str, bool]]:
        """Yield key, shape in the file, role and whether it is drawn of every tensor with two axes or more."""
        layers = self.layers if self.view == "network" else ()
        drawn = {key for layer in layers for key in (layer.key, *layer.members)}
        for headers, is_drawn in ((self.tensors, True), (self.other_tensors, False)):
            roles = roles_of(headers, self.convention, self.roles)
            for place in in_model_order(headers, roles, is_ordered=self.is_ordered):
                key, shape, _ = headers[place]
                if len(shape) > 1:
                    yield key, shape, roles[place].name, is_drawn and (key in drawn or not drawn)

    @cached_property
    def weight_rows(self) -> tuple[Row, ...]:
        """A row for each weight of the drawn model that has two axes or more, in the model's order."""
        return rows_of(self.tensors, self.convention, is_ordered=self.is_ordered, told=self.roles)

    def name_of(self, snapshot: Snapshot) -> str:
        """Return the name of a snapshot's file within the folder: ``checkpoint-50/model.safetensors``."""
        return name_in(self.path, snapshot.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the run is made of, snapshots first."""
        files = [file for snapshot in self.snapshots for file in (snapshot.path, *snapshot._contents.parts)]
        if self.log is not None:
            files += [self.log.path, *self.log.parts]
        return tuple(dict.fromkeys(files))

    @property
    def metrics(self) -> pd.DataFrame:
        """The table of the log; an empty one where there is no log."""
        if self.log is None:
            import pandas as pd

            return pd.DataFrame()
        return self.log.table
