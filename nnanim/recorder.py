"""Record a training from Python: a snapshot and a line of the log for each call, in a folder that ``render`` draws."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from nnanim.errors import OptionError, OutputError
from nnanim.reading.connections import CONNECTIONS_NAME, Connections
from nnanim.reading.snapshots.npz import RECORDED
from nnanim.reading.snapshots.parameters import turn_axes
from nnanim.tracing import chainer, keras, trace
from nnanim.trackers import check_tracker, log_to

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from nnanim.options import OptionFields

LOG_NAME = "log.jsonl"
_SNAPSHOT = re.compile(r"snapshot_([0-9]{1,18})\.npz")
_COUNTERS = ("epoch", "iteration")
_recorders: dict[Path, Recorder] = {}  # of this process, by their folders


def record(
    folder: str | os.PathLike[str],
    model_or_arrays: Any,
    *,
    epoch: float | None = None,
    iteration: int | None = None,
    resume: bool = False,
    example: Any = None,
    **metrics: Any,
) -> Path:
    """Record the weights of this moment, and metrics: one line in the loop of a training.

    The first call of a process for a folder begins a new run there; an older recording is moved into ``run-1`` (or the
    next free number) inside the folder, which is told. So does a call whose epoch or iteration goes back, as in a cell
    of a notebook that is run again.

    Args:
        folder: where the recording goes.
        model_or_arrays, epoch, iteration, metrics: as in `Recorder.record`.
        resume: True goes on with the recording that is there.
        example: what the model is called with, to record its connections once, as in `Recorder`.

    Returns:
        The snapshot that was written.

    Raises:
        OptionError: there are no weights, a metric is no number, or the connections cannot be followed.
        OutputError: the files cannot be written.

    Example:
        >>> for epoch in range(1, 11):
        ...     loss = train_one_epoch(model)
        ...     nnanim.record("result", model, epoch=epoch, loss=loss)
    """
    place = Path(folder).resolve()
    recorder = _recorders.get(place)
    if recorder is None or not recorder.goes_on(epoch, iteration, resume=resume):
        if not resume:
            _set_aside(Path(folder))
        connected = None if example is None else model_or_arrays
        recorder = _recorders[place] = Recorder(place, resume=resume, model=connected, example=example)
    written = recorder.record(model_or_arrays, epoch=epoch, iteration=iteration, **metrics)
    return Path(folder) / written.name


class Recorder:
    """Write what a training does into a folder, moment by moment.

    Each call of `record` leaves a whole snapshot and a whole line of the log behind before it returns, so that a crash
    loses nothing that was recorded.

    Example:
        >>> recorder = nnanim.Recorder("result")
        >>> for epoch in range(1, 11):
        ...     loss = train_one_epoch(model)
        ...     recorder.record(model, epoch=epoch, loss=loss)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = "result",
        *,
        resume: bool = False,
        model: Any = None,
        example: Any = None,
        log_to: str | None = None,
    ) -> None:
        """Make the folder.

        Args:
            folder: where the recording goes.
            resume: True goes on with the recording that is there.
            model: a PyTorch module, a Keras model or a Chainer link whose connections shall be recorded too.
            example: what the model is called with, once and as in evaluation: a tensor, a tuple of arguments, or a dict
                of them by name. A Keras model needs none.
            log_to: ``"tensorboard"``, ``"wandb"`` or ``"mlflow"``: where `finish` puts the picture and the player.

        Raises:
            OptionError: the model's connections cannot be followed, or the tracker is unknown or not installed.
            OutputError: the folder cannot be made, or holds a recording already and ``resume`` is False.
        """
        if model is None and example is not None:
            raise OptionError("an example is given without a model")
        if log_to is not None:
            check_tracker(log_to)
        self.log_to = log_to
        flow = None if model is None else trace(model, example)
        self.folder: Path = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            taken = [int(match[1]) for name in os.listdir(self.folder) if (match := _SNAPSHOT.fullmatch(name))]
            log = self.folder / LOG_NAME
            if (taken or log.exists()) and not resume:
                raise OutputError(
                    f"{str(self.folder)!r} holds a recording already (give another folder, or resume=True to go on;"
                    " nnanim.record, called in the loop, moves an older one aside)"
                )
            if log.exists():
                _drop_half_line(log)
            if flow is not None:
                told = Connections(tuple(flow.arrows), flow.joins, tuple(flow.inputs), tuple(flow.outputs))
                _replace(self.folder / CONNECTIONS_NAME, told.as_json())
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot record into {str(self.folder)!r}: {error.strerror}") from error
        self._count = max(taken, default=0)
        self._last: dict[str, float] = {}  # counters

    def goes_on(self, epoch: float | None, iteration: int | None, *, resume: bool = False) -> bool:
        """Tell whether a moment comes after those recorded, and the folder is still there."""
        last = self._last
        back = any(
            value is not None and _number(name, value) < last.get(name, 0)
            for name, value in (("epoch", epoch), ("iteration", iteration))
        )
        return self.folder.is_dir() and (resume or not back)

    def record(
        self, model_or_arrays: Any, *, epoch: float | None = None, iteration: int | None = None, **metrics: Any
    ) -> Path:
        """Record the weights of this moment, and metrics.

        Args:
            model_or_arrays: a PyTorch module, a Keras model, a Chainer link, scikit-learn's ``MLPClassifier`` or
                ``MLPRegressor``, a dict of arrays by name, or a list of arrays: weight, bias, weight, bias, …
            epoch: epochs that are complete.
            iteration: updates that are done; where both are None, the number of the record.
            metrics: numbers by name.

        Returns:
            The snapshot that was written.

        Raises:
            OptionError: there are no weights, or a metric is no number.
            OutputError: the files cannot be written.
        """
        arrays = arrays_of(model_or_arrays)
        if not any(array.ndim > 1 for array in arrays.values()):
            raise OptionError(f"{_kind(model_or_arrays)} has no weights (a weight is an array with two axes or more)")
        number = self._count + 1
        if epoch is None and iteration is None:
            iteration = number
        counters = {"epoch": epoch, "iteration": iteration}
        row: dict[str, float] = {}
        for name, value in counters.items():
            if value is not None:
                row[name] = _number(name, value)
        row |= {name: _number(name, value) for name, value in metrics.items()}
        members = {name: np.asarray(row[name]) for name in _COUNTERS if name in row}
        path = self.folder / f"snapshot_{number:06}.npz"
        try:
            self._write(path, arrays | members | {RECORDED: np.asarray(1)})
            with (self.folder / LOG_NAME).open("ab") as log:
                log.write(json.dumps(row).encode() + b"\n")
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise OutputError(f"cannot record into {str(self.folder)!r}: {error.strerror}") from error
        self._count = number
        self._last |= {name: row[name] for name in _COUNTERS if name in row}
        return path

    def finish(self, **options: Unpack[OptionFields]) -> None:
        """Put the picture and the player of what was recorded where `log_to` says, at the end of the training.

        Args:
            options: the fields of `nnanim.options.Options`.

        Raises:
            OptionError: the tracker has no active run.
            NnanimError: what was recorded cannot be drawn.
        """
        if self.log_to is not None:
            log_to(self.log_to, self.folder, **options)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        # Folders are read without what begins with "tmp": a snapshot is there when it is whole.
        named: dict[str, Any] = dict(arrays)
        half = path.with_name(f"tmp_{path.name}")
        try:
            with half.open("wb") as file:
                np.savez(file, **named)
                file.flush()
                os.fsync(file.fileno())
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    half = path.with_name(f"tmp_{path.name}")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def _set_aside(folder: Path) -> None:
    """Move the recording that a folder holds into one inside it, and say so."""
    try:
        names = os.listdir(folder)
    except OSError:  # it is not there yet, or whoever writes into it explains
        return
    older = sorted(name for name in names if _SNAPSHOT.fullmatch(name) or name in (LOG_NAME, CONNECTIONS_NAME))
    if not older:
        return
    number = next(number for number in range(1, len(names) + 2) if f"run-{number}" not in names)
    aside = folder / f"run-{number}"
    try:
        aside.mkdir()
        for name in older:
            os.rename(folder / name, aside / name)
    except OSError as error:
        raise OutputError(f"cannot move the recording in {str(folder)!r} aside: {error.strerror}") from error
    print(f"nnanim: note: the recording that {str(folder)!r} held is in {str(aside)!r} now", file=sys.stderr)


def arrays_of(model_or_arrays: Any) -> dict[str, np.ndarray]:
    """Return weights and biases by name, weights as (out, in) where the model's kind tells how it keeps them.

    Raises:
        OptionError: it is nothing that has weights, or holds something else than numbers.
    """
    arrays = {name: _array(name, value) for name, value in _named(model_or_arrays)}
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f" and array.ndim > 0}


def _named(source: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Mapping):
        yield from ((str(name), value) for name, value in source.items())
    elif isinstance(source, list | tuple):
        yield from ((f"arr_{place}", value) for place, value in enumerate(source))
    elif callable(getattr(source, "get_weights", None)) and hasattr(source, "weights"):
        yield from _of_keras(source.weights)  # before PyTorch: with that backend a Keras model is a module too
    elif callable(getattr(source, "state_dict", None)) and callable(getattr(source, "named_parameters", None)):
        yield from source.state_dict().items()
    elif callable(getattr(source, "namedparams", None)):
        yield from _of_chainer(source.namedparams())
    elif hasattr(source, "coefs_") and hasattr(source, "intercepts_"):
        for place, (weight, bias) in enumerate(zip(source.coefs_, source.intercepts_, strict=True), 1):
            yield f"layer{place}.weight", np.asarray(weight).T
            yield f"layer{place}.bias", bias
    else:
        raise OptionError(
            f"{_kind(source)} cannot be recorded (give a PyTorch module, a Keras model, a Chainer link, a fitted"
            " MLPClassifier, or arrays by name or in a list)"
        )


def _of_chainer(parameters: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for path, parameter in parameters:
        if parameter.array is not None:  # not used yet
            yield chainer.key_of(path), parameter.array


def _of_keras(variables: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for variable in variables:
        array = _array(variable.path, variable)
        key = keras.key_of(variable.path, array.ndim)
        yield key, array if key == variable.path else array.transpose(turn_axes(array.ndim))


def _array(name: str, value: Any) -> np.ndarray:
    """Return an array of what a framework holds: on the processor, without gradient, of a type that NumPy has."""
    for step in ("detach", "cpu"):
        if callable(getattr(value, step, None)):
            value = getattr(value, step)()
    if str(getattr(value, "dtype", "")).endswith("bfloat16") and callable(getattr(value, "float", None)):
        value = value.float()
    if callable(getattr(value, "numpy", None)):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise OptionError(f"{name!r} holds {array.dtype} (weights and biases are real numbers)")
    return array.copy()


def _number(name: str, value: Any) -> float:
    """Return a metric as a number: of a float, an array or a tensor with one value."""
    value = getattr(value, "array", value)  # a Chainer variable
    if callable(getattr(value, "detach", None)):  # a loss of PyTorch, which warns of what its gradient would miss
        value = value.detach()
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise OptionError(f"{name} is {value!r}: it must be a number") from error
    if name in _COUNTERS and not (math.isfinite(number) and number >= 0):
        raise OptionError(f"{name} is {value!r}: it must be a number from 0")
    return int(number) if number.is_integer() and name in _COUNTERS else number


def _drop_half_line(log: Path) -> None:
    """Cut off what was being written when the training broke off."""
    data = log.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with log.open("r+b") as file:
            file.truncate(whole)


def _kind(source: Any) -> str:
    return f"an object of type {type(source).__name__!r}"
